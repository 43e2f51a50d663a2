//! NumPy's npy: what the result folder is written in, and what models and ensembles are read from.
//!
//! Shapes are `[ny, nx]`, `[nz, ny, nx]` or `[L, nz, ny, nx]`, the last axis x: in C order x is fastest. An array in
//! Fortran order, which NumPy writes after a transposition, has the same shape and other bytes; it is read as what its
//! shape says. NEP 1, "A simple file format for NumPy arrays".

use std::io::Write;
use std::path::Path;

use ndarray::{Array, ArrayD, ArrayViewD, IxDyn, ShapeBuilder};
use ndarray_npy::npy::header::Header;
use ndarray_npy::{ReadNpyError, ReadNpyExt, ReadableElement, WritableElement, WriteNpyError, WriteNpyExt};

use super::{Raster, Variable, cell_count};
use crate::error::{Error, Result};

/// The first bytes of every npy file.
pub const MAGIC: &[u8] = b"\x93NUMPY";

/// The longest header that is read: those of arrays of numbers have some hundred bytes.
const LONGEST_HEADER: usize = 4096;

/// Reads an array of whole or real numbers of any size and byte order, in C or Fortran order.
///
/// # Errors
/// See [`parse`], or a file that cannot be read.
pub fn read(path: &Path) -> Result<Raster> {
    parse(&path.display().to_string(), &super::bytes(path)?)
}

/// As [`read`], from bytes; `place` is what errors call the file.
///
/// # Errors
/// An empty file, one that is no npy, a type that is no number, a shape that is no grid, too few or too many bytes.
pub fn parse(place: &str, bytes: &[u8]) -> Result<Raster> {
    let (header, element, data) = checked(place, bytes)?;
    let (realizations, cells) = match *header.shape {
        [ny, nx] => (1, [nx, ny, 1]),
        [nz, ny, nx] => (1, [nx, ny, nz]),
        [count, nz, ny, nx] => (count, [nx, ny, nz]),
        _ => {
            let problem = format!("the array has the shape {:?}", header.shape);
            return Err(Error::input(place, problem, "a grid is [ny, nx], [nz, ny, nx] or [realizations, nz, ny, nx]"));
        }
    };
    cell_count(place, cells)?;
    let mut notes = vec!["axes: x last, then y (northward), then z (upward), realizations first".into()];
    if element.big_endian {
        notes.push("big-endian numbers".into());
    }
    let mut values: Vec<f64> = data.chunks_exact(element.size).map(|b| element.value(b)).collect();
    if header.layout.is_fortran() {
        notes.push("Fortran order: the first axis is fastest in the file".into());
        let array = Array::from_shape_vec(IxDyn(&header.shape).f(), values).expect("as many values as the shape says");
        values = array.iter().copied().collect();
    }
    let missing = values.iter().filter(|v| v.is_nan()).count();
    if missing > 0 {
        notes.push(format!("{missing} missing values (NaN)"));
    }
    let variables = vec![Variable { name: String::new(), values }];
    Ok(Raster { cells, realizations, spacing: None, origin: None, variables, notes })
}

/// Reads an array as it is, of any shape, in its own type: for ensembles, which in `f64` would be four or eight times
/// as long. The array is in C order.
///
/// # Errors
/// As [`parse`], but for the shape; another type than `T`.
pub fn read_array<T: ReadableElement + Clone>(path: &Path) -> Result<ArrayD<T>> {
    parse_array(&path.display().to_string(), &super::bytes(path)?)
}

/// As [`read_array`], from bytes; `place` is what errors call the file.
///
/// # Errors
/// As [`read_array`].
pub fn parse_array<T: ReadableElement + Clone>(place: &str, bytes: &[u8]) -> Result<ArrayD<T>> {
    let (header, ..) = checked(place, bytes)?;
    let array = ArrayD::<T>::read_npy(bytes).map_err(|e| match e {
        ReadNpyError::WrongDescriptor(found) => {
            let problem =
                format!("the array holds elements of type {found}, {} were expected", std::any::type_name::<T>());
            Error::input(place, problem, "save the array in that type: a.astype(...)")
        }
        other => Error::input(place, other.to_string(), "write the file again"),
    })?;
    Ok(if header.layout.is_fortran() { array.as_standard_layout().into_owned() } else { array })
}

/// The header, how elements are stored, and as many bytes as they take.
fn checked<'a>(place: &str, bytes: &'a [u8]) -> Result<(Header, Element, &'a [u8])> {
    let (header, data) = split(place, bytes)?;
    let descriptor = header.type_descriptor.as_string().cloned().unwrap_or_default();
    let element = Element::parse(&descriptor).ok_or_else(|| {
        let problem = format!("the array holds elements of type {}", header.type_descriptor);
        Error::input(place, problem, "save whole or real numbers: a.astype('f8')")
    })?;
    // An empty shape may have sizes whose product overflows inside the library that reads it.
    if header.shape.contains(&0) {
        let problem = format!("the array is empty: its shape is {:?}", header.shape);
        return Err(Error::input(place, problem, "give an array with at least one element"));
    }
    let expected = header.shape.iter().try_fold(element.size, |bytes, n| bytes.checked_mul(*n));
    if expected != Some(data.len()) {
        let problem = format!(
            "{} bytes follow the header, its shape {:?} of {}-byte elements needs {}",
            data.len(),
            header.shape,
            element.size,
            expected.map_or("more than any memory".into(), |e| e.to_string())
        );
        return Err(Error::input(place, problem, "the file is cut off or damaged: write it again"));
    }
    Ok((header, element, data))
}

/// The header, and the bytes after it. The header's length is checked before it is believed, and so is its depth:
/// the literal in it is parsed recursively.
fn split<'a>(place: &str, bytes: &'a [u8]) -> Result<(Header, &'a [u8])> {
    if bytes.is_empty() {
        return Err(super::empty(place));
    }
    let wrong = |problem: &str| Error::input(place, problem, "give a file that numpy.save has written");
    let number = |range: std::ops::Range<usize>| {
        let part = bytes.get(range)?;
        Some(part.iter().rev().fold(0usize, |n, b| n << 8 | usize::from(*b)))
    };
    if !bytes.starts_with(MAGIC) {
        return Err(wrong("this is no npy file: it does not begin with \\x93NUMPY"));
    }
    let (start, length) = match bytes.get(6) {
        Some(1) => (10, number(8..10)),
        Some(_) => (12, number(8..12)),
        None => (0, None),
    };
    let end = length.filter(|l| *l <= LONGEST_HEADER).map_or(usize::MAX, |l| start + l);
    let Some(dictionary) = bytes.get(start..end) else {
        return Err(wrong("the header is cut off or of impossible length"));
    };
    if dictionary.iter().filter(|b| b"([{".contains(b)).count() > 8 {
        return Err(wrong("the header describes a structured type"));
    }
    let header = Header::from_reader(&mut &bytes[..end]).map_err(|e| wrong(&format!("the header is damaged ({e})")))?;
    Ok((header, &bytes[end..]))
}

/// How one number is stored.
#[derive(Clone, Copy)]
struct Element {
    kind: u8,
    size: usize,
    big_endian: bool,
}

impl Element {
    /// Of a descriptor such as `<f8`, `>i4`, `|u1`, `|b1`.
    fn parse(descriptor: &str) -> Option<Self> {
        let (order, kind, size) = match *descriptor.as_bytes() {
            [order, kind, size @ b'1'..=b'8'] => (order, kind, usize::from(size - b'0')),
            _ => return None,
        };
        let big_endian = match order {
            b'<' => false,
            b'>' => true,
            b'|' if size == 1 => false,
            b'=' => cfg!(target_endian = "big"),
            _ => return None,
        };
        let known = match kind {
            b'f' => matches!(size, 4 | 8),
            b'i' | b'u' => matches!(size, 1 | 2 | 4 | 8),
            b'b' => size == 1,
            _ => false,
        };
        known.then_some(Self { kind, size, big_endian })
    }

    /// The number in `bytes`, `self.size` of them.
    fn value(self, bytes: &[u8]) -> f64 {
        let push = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
        let bits = if self.big_endian { bytes.iter().fold(0, push) } else { bytes.iter().rev().fold(0, push) };
        let unused = 64 - 8 * self.size as u32;
        match (self.kind, self.size) {
            (b'f', 4) => f64::from(f32::from_bits(bits as u32)),
            (b'f', _) => f64::from_bits(bits),
            (b'i', _) => ((bits << unused) as i64 >> unused) as f64,
            _ => bits as f64,
        }
    }
}

/// Writes an array in C order: `values` with the last axis of `shape` fastest.
///
/// # Errors
/// What the writer says.
pub fn write<T: WritableElement>(to: impl Write, values: &[T], shape: &[usize]) -> std::io::Result<()> {
    let array = ArrayViewD::from_shape(IxDyn(shape), values)
        .unwrap_or_else(|e| panic!("{} values for an array of shape {shape:?}: {e}", values.len()));
    array.write_npy(to).map_err(|e| match e {
        WriteNpyError::Io(source) => source,
        other => std::io::Error::other(other),
    })
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use proptest::prelude::*;

    use super::super::tests::asymmetric;
    use super::*;

    fn encoded<T: WritableElement>(values: &[T], shape: &[usize]) -> Vec<u8> {
        let mut file = Vec::new();
        write(&mut file, values, shape).expect("memory takes all");
        file
    }

    fn with_header(dictionary: &str, data: &[u8]) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        file.extend([1, 0]);
        file.extend(((dictionary.len() + 1) as u16).to_le_bytes());
        file.extend(dictionary.as_bytes());
        file.push(b'\n');
        file.extend(data);
        file
    }

    fn header(descriptor: &str, fortran: &str, shape: &str) -> String {
        format!("{{'descr': '{descriptor}', 'fortran_order': {fortran}, 'shape': {shape}, }}")
    }

    #[test]
    fn every_element_type_comes_back() {
        let values = asymmetric();
        let shape = [5, 4, 3];
        let files = [
            encoded(&values, &shape),
            encoded(&values.iter().map(|v| *v as f32).collect::<Vec<_>>(), &shape),
            encoded(&values.iter().map(|v| *v as i32).collect::<Vec<_>>(), &shape),
            encoded(&values.iter().map(|v| *v as i64).collect::<Vec<_>>(), &shape),
            encoded(&values.iter().map(|v| *v as u16).collect::<Vec<_>>(), &shape),
        ];
        for file in files {
            let found = parse("a.npy", &file).expect("a written file");
            assert_eq!((found.cells, found.realizations), ([3, 4, 5], 1));
            assert_eq!(found.variables[0].values, values);
        }
        let bytes = parse("a.npy", &encoded(&[200u8, 1, 2, 3, 4, 5], &[3, 2])).expect("bytes");
        assert_eq!((bytes.cells, bytes.variables[0].values[0]), ([2, 3, 1], 200.0));
        let negative = parse("a.npy", &encoded(&[-5i16, i16::MIN], &[1, 2])).expect("signed");
        assert_eq!(negative.variables[0].values, [-5.0, -32768.0]);
        let truth = parse("a.npy", &encoded(&[true, false], &[1, 2])).expect("booleans");
        assert_eq!(truth.variables[0].values, [1.0, 0.0]);
    }

    #[test]
    fn fortran_order_is_the_same_array_in_other_bytes() {
        let values = asymmetric();
        let array = Array3::from_shape_vec((5, 4, 3), values.clone()).expect("60 values");
        let transposed: Vec<f64> = array.t().iter().copied().collect();
        let data: Vec<u8> = transposed.iter().flat_map(|v| v.to_le_bytes()).collect();
        let found = parse("f.npy", &with_header(&header("<f8", "True", "(5, 4, 3)"), &data)).expect("Fortran order");
        assert_eq!((found.cells, &found.variables[0].values), ([3, 4, 5], &values));
        assert!(found.notes.iter().any(|n| n.contains("Fortran")));
    }

    #[test]
    fn big_endian_numbers_are_read_as_such() {
        let values = asymmetric();
        let data: Vec<u8> = values.iter().flat_map(|v| (*v as i32).to_be_bytes()).collect();
        let found = parse("b.npy", &with_header(&header(">i4", "False", "(5, 4, 3)"), &data)).expect("big-endian");
        assert_eq!(found.variables[0].values, values);
    }

    #[test]
    fn an_ensemble_is_stacked_realizations() {
        let values: Vec<f64> = (0..120).map(f64::from).collect();
        let found = parse("e.npy", &encoded(&values, &[2, 5, 4, 3])).expect("an ensemble");
        assert_eq!((found.cells, found.realizations), ([3, 4, 5], 2));
        assert_eq!(found.stacked(&found.variables[0]).row(1)[0], 60.0);
    }

    #[test]
    fn an_array_is_read_in_its_own_type_and_in_no_other() {
        let codes: Vec<u8> = (0..24).collect();
        let found: ArrayD<u8> = parse_array("e.npy", &encoded(&codes, &[2, 12])).expect("bytes");
        assert_eq!((found.shape(), found.as_slice()), (&[2, 12][..], Some(&codes[..])));
        let other = parse_array::<f32>("e.npy", &encoded(&codes, &[2, 12])).expect_err("another type").to_string();
        assert!(other.contains("|u1") && other.contains("f32"), "{other}");
        let data: Vec<u8> = [1f32, 4.0, 2.0, 5.0, 3.0, 6.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let file = with_header(&header("<f4", "True", "(2, 3)"), &data);
        let found: ArrayD<f32> = parse_array("f.npy", &file).expect("Fortran order");
        assert_eq!(found.as_slice(), Some(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0][..]));
        assert!(parse_array::<f32>("f.npy", &file[..file.len() - 1]).is_err());
        let huge = with_header(&header("<f4", "False", "(99999999999, 99999999)"), &data);
        assert!(parse_array::<f32>("f.npy", &huge).is_err());
        let none = with_header(&header("<f4", "True", "(0, 99999999999999999, 99999999999999999)"), &[]);
        assert!(parse_array::<f32>("f.npy", &none).is_err());
    }

    #[test]
    fn damaged_files_are_refused_with_a_reason() {
        let message = |file: &[u8]| parse("m.npy", file).expect_err("a damaged file").to_string();
        let good = encoded(&asymmetric(), &[5, 4, 3]);
        assert!(message(b"").contains("empty"));
        assert!(message(&good[..good.len() - 1]).contains("479 bytes follow the header"));
        assert!(message(&[&good[..], &[0]].concat()).contains("481 bytes follow the header"));
        assert!(message(&good[..30]).contains("cut off"));
        assert!(message(&good[..7]).contains("cut off"));
        assert!(message(b"PK\x03\x04").contains("does not begin"));
        let huge = with_header(&header("<f8", "False", "(9999999, 9999999, 9999999)"), &[0; 8]);
        assert!(message(&huge).contains("more than any memory"));
        let many = with_header(&header("<f8", "False", "(99999999999999, 1, 99999, 1)"), &[0; 8]);
        assert!(message(&many).contains("more than any memory"), "{}", message(&many));
        assert!(message(&with_header(&header("<c16", "False", "(1, 1)"), &[0; 16])).contains("c16"));
        assert!(message(&with_header(&header("<f8", "False", "(4,)"), &[0; 32])).contains("[4]"));
        assert!(message(&with_header(&header("<f8", "False", "(0, 4)"), &[])).contains("empty: its shape is [0, 4]"));
        assert!(message(&with_header(&"(".repeat(3000), &[])).contains("structured"));
    }

    proptest! {
        #[test]
        fn mutated_files_never_panic(at in 0usize..600, byte in any::<u8>(), cut in 0usize..700) {
            let mut file = encoded(&asymmetric(), &[5, 4, 3]);
            let at = at % file.len();
            file[at] = byte;
            file.truncate(cut);
            let _ = parse("m.npy", &file);
            let _ = parse_array::<f64>("m.npy", &file);
        }

        #[test]
        fn any_header_is_survived(dictionary in "[{(\\['a-z<>0-9:, )\\]}]{0,120}") {
            let _ = parse("m.npy", &with_header(&dictionary, &[0; 16]));
        }
    }
}
