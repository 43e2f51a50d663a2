//! SGeMS's binary files: Cartesian grids (`Cgrid`) and point sets (`Point_set`).
//!
//! Qt's `QDataStream`, big-endian: magic `B2 11 17 5D`, class, name of the object (u32 length with the closing zero,
//! then bytes), i32 version; a grid: 3 u32 sizes, 3 f32 cell sizes, 3 f32 origin (centre of the first cell), u32
//! number of properties, their names, the values one property at a time, x fastest; a point set: u32 points, u32
//! properties, names, x y z of each point, the values. Missing is −9966699. Programs built on Qt ≥ 4.6 that forget
//! its single-precision flag write every float as f64: told by the length of the file.

use std::path::Path;

use super::gslib::Points;
use super::{Raster, Variable, cell_count};
use crate::error::{Error, Result};

/// The first bytes of every SGeMS binary file.
pub const MAGIC: &[u8] = &[0xB2, 0x11, 0x17, 0x5D];

/// Whether the bytes begin as an SGeMS file, in either byte order: the wrong one deserves a message of its own.
pub(crate) fn claims(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) || reversed(bytes)
}

fn reversed(bytes: &[u8]) -> bool {
    bytes.len() >= 4 && bytes[..4].iter().rev().eq(MAGIC)
}

const MISSING: f64 = -9_966_699.0;

/// Reads a Cartesian grid.
///
/// # Errors
/// See [`parse`], or a file that cannot be read.
pub fn read(path: &Path) -> Result<Raster> {
    parse(&path.display().to_string(), &super::bytes(path)?)
}

/// As [`read`], from bytes; `place` is what errors call the file.
///
/// # Errors
/// An empty file, a wrong magic number, another kind of object, impossible sizes, too few or too many bytes.
pub fn parse(place: &str, bytes: &[u8]) -> Result<Raster> {
    either_precision(bytes, |reader| grid(place, reader))
}

/// Reads a point set from bytes: columns X, Y, Z and the properties.
///
/// # Errors
/// As [`parse`].
pub fn parse_points(place: &str, bytes: &[u8]) -> Result<Points> {
    either_precision(bytes, |reader| points(place, reader))
}

/// Floats of 4 bytes, as SGeMS has them; of 8 where only that fits the length of the file.
fn either_precision<T>(bytes: &[u8], read: impl Fn(Reader) -> Result<T>) -> Result<T> {
    read(Reader { bytes, at: 0, float: 4 }).or_else(|e| read(Reader { bytes, at: 0, float: 8 }).map_err(|_| e))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    float: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, place: &str, length: usize, what: &str) -> Result<&'a [u8]> {
        let part = self.at.checked_add(length).and_then(|end| self.bytes.get(self.at..end));
        let part = part.ok_or_else(|| {
            let left = self.bytes.len() - self.at;
            let problem = format!("byte {}: {what} needs {length} bytes, {left} are left", self.at);
            Error::input(place, problem, "the file is cut off or damaged: save it again in SGeMS")
        })?;
        self.at += length;
        Ok(part)
    }

    fn u32(&mut self, place: &str, what: &str) -> Result<u32> {
        Ok(self.take(place, 4, what)?.iter().fold(0, |n, b| n << 8 | u32::from(*b)))
    }

    fn text(&mut self, place: &str, what: &str) -> Result<String> {
        let length = self.u32(place, what)? as usize;
        let bytes = self.take(place, length, what)?;
        let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
        String::from_utf8(bytes.to_vec()).map_err(|_| {
            Error::input(place, format!("byte {}: {what} is no UTF-8 text", self.at), "use ASCII names in SGeMS")
        })
    }

    fn floats(&mut self, place: &str, count: usize, what: &str) -> Result<Vec<f64>> {
        let bytes = self.take(place, count.saturating_mul(self.float), what)?;
        let float = |b: &[u8]| match *b {
            [a, b, c, d] => f64::from(f32::from_be_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => f64::from_be_bytes([a, b, c, d, e, f, g, h]),
            _ => f64::NAN,
        };
        Ok(bytes.chunks_exact(self.float).map(float).map(|v| if v == MISSING { f64::NAN } else { v }).collect())
    }

    fn triple(&mut self, place: &str, what: &str) -> Result<[f64; 3]> {
        let values = self.floats(place, 3, what)?;
        Ok([values[0], values[1], values[2]])
    }

    /// Magic number, class, name and version; returns the name.
    fn begin(&mut self, place: &str, class: &str) -> Result<String> {
        if self.bytes.is_empty() {
            return Err(super::empty(place));
        }
        if reversed(self.bytes) {
            let problem = "the numbers are little-endian, an SGeMS file is big-endian";
            return Err(Error::input(place, problem, "write the file with QDataStream's default byte order"));
        }
        if self.take(place, 4, "the magic number")? != MAGIC {
            let problem = "this is no SGeMS binary file: it does not begin with B2 11 17 5D";
            return Err(Error::input(place, problem, "save the object in SGeMS again; a text file is read as GSLIB"));
        }
        let found = self.text(place, "the class")?;
        if found != class {
            let shown: String = found.chars().take(40).collect();
            let problem = format!("the file holds a \"{shown}\", a \"{class}\" was expected");
            return Err(Error::input(place, problem, "Cgrid is for grids, Point_set for points"));
        }
        let name = self.text(place, "the name of the object")?;
        self.u32(place, "the version")?;
        Ok(name)
    }

    /// Names of the properties; there is at least one.
    fn names(&mut self, place: &str, count: u32) -> Result<Vec<String>> {
        if count == 0 {
            return Err(Error::input(place, "the object has no property", "save it with at least one"));
        }
        (0..count).map(|_| self.text(place, "the name of a property")).collect()
    }

    fn end(&self, place: &str) -> Result<()> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            more => {
                let problem = format!("{more} bytes follow the last value");
                Err(Error::input(place, problem, "the sizes in the header are wrong: save the object again in SGeMS"))
            }
        }
    }

    fn notes(&self, name: &str, values: &[Variable]) -> Vec<String> {
        let mut notes = vec![format!("SGeMS object \"{name}\"")];
        if self.float == 8 {
            notes.push("floats of 8 bytes, as programs without Qt's single-precision flag write them".into());
        }
        let missing = values.iter().flat_map(|v| &v.values).filter(|v| v.is_nan()).count();
        if missing > 0 {
            notes.push(format!("{missing} missing values (-9966699)"));
        }
        notes
    }
}

fn grid(place: &str, mut from: Reader) -> Result<Raster> {
    let name = from.begin(place, "Cgrid")?;
    let mut cells = [0; 3];
    for size in &mut cells {
        *size = from.u32(place, "the size of the grid")? as usize;
    }
    let n = cell_count(place, cells)?;
    let spacing = from.triple(place, "the size of a cell")?;
    let center = from.triple(place, "the origin")?;
    let count = from.u32(place, "the number of properties")?;
    let names = from.names(place, count)?;
    let mut variables = Vec::new();
    for name in names {
        let values = from.floats(place, n, "a property")?;
        variables.push(Variable { name, values });
    }
    from.end(place)?;
    let mut notes = from.notes(&name, &variables);
    notes.push("order: x fastest, then y (northward), then z (upward)".into());
    notes.push("origin in the file: the centre of the first cell; moved to its corner".into());
    let origin = Some(std::array::from_fn(|a| center[a] - 0.5 * spacing[a]));
    Ok(Raster { cells, realizations: 1, spacing: Some(spacing), origin, variables, notes })
}

fn points(place: &str, mut from: Reader) -> Result<Points> {
    let name = from.begin(place, "Point_set")?;
    let n = from.u32(place, "the number of points")? as usize;
    let count = from.u32(place, "the number of properties")?;
    let mut names: Vec<_> = ["X", "Y", "Z"].map(str::to_owned).into();
    names.extend(from.names(place, count)?);
    let positions = from.floats(place, n.saturating_mul(3), "the positions")?;
    let mut columns: Vec<Vec<f64>> = (0..3).map(|a| positions.iter().skip(a).step_by(3).copied().collect()).collect();
    for _ in 0..count {
        columns.push(from.floats(place, n, "a property")?);
    }
    from.end(place)?;
    Ok(Points { names, columns, notes: from.notes(&name, &[]) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::asymmetric;
    use super::*;

    fn text(to: &mut Vec<u8>, text: &str) {
        to.extend((text.len() as u32 + 1).to_be_bytes());
        to.extend(text.as_bytes());
        to.push(0);
    }

    fn begin(class: &str) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        text(&mut file, class);
        text(&mut file, "object");
        file.extend(100i32.to_be_bytes());
        file
    }

    /// 3 × 4 × 5 cells and two properties, the second all missing.
    fn grid_file(double: bool) -> Vec<u8> {
        let mut file = begin("Cgrid");
        let float = |file: &mut Vec<u8>, v: f64| {
            if double { file.extend(v.to_be_bytes()) } else { file.extend((v as f32).to_be_bytes()) }
        };
        [3u32, 4, 5].iter().for_each(|n| file.extend(n.to_be_bytes()));
        [1.0, 2.0, 4.0, 10.0, 20.0, 30.0].iter().for_each(|v| float(&mut file, *v));
        file.extend(2u32.to_be_bytes());
        text(&mut file, "facies");
        text(&mut file, "gap");
        asymmetric().iter().for_each(|v| float(&mut file, *v));
        (0..60).for_each(|_| float(&mut file, MISSING));
        file
    }

    #[test]
    fn a_grid_is_read_in_either_precision() {
        for double in [false, true] {
            let found = parse("g.sgems", &grid_file(double)).expect("a grid");
            assert_eq!((found.cells, found.spacing), ([3, 4, 5], Some([1.0, 2.0, 4.0])));
            assert_eq!(found.origin, Some([9.5, 19.0, 28.0]), "corner, not centre");
            assert_eq!((found.variables[0].name.as_str(), &found.variables[0].values), ("facies", &asymmetric()));
            assert!(found.variables[1].values.iter().all(|v| v.is_nan()));
            assert_eq!(found.notes.iter().any(|n| n.contains("8 bytes")), double);
        }
    }

    #[test]
    fn points_are_read_by_columns() {
        let mut file = begin("Point_set");
        file.extend(2u32.to_be_bytes());
        file.extend(1u32.to_be_bytes());
        text(&mut file, "K");
        [1f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0].iter().for_each(|v| file.extend(v.to_be_bytes()));
        let found = parse_points("p.sgems", &file).expect("points");
        assert_eq!(found.names, ["X", "Y", "Z", "K"]);
        assert_eq!(found.columns, [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0], [7.0, 8.0]]);
        let kind = parse("p.sgems", &file).expect_err("no grid").to_string();
        assert!(kind.contains("holds a \"Point_set\", a \"Cgrid\" was expected"), "{kind}");
    }

    #[test]
    fn damaged_files_are_refused_with_a_reason() {
        let message = |file: &[u8]| parse("g.sgems", file).expect_err("a damaged file").to_string();
        let good = grid_file(false);
        assert!(message(b"").contains("empty"));
        assert!(message(b"abcdef").contains("B2 11 17 5D"));
        assert!(message(&good[..good.len() - 3]).contains("needs 240 bytes, 237 are left"));
        assert!(message(&[&good[..], &[0]].concat()).contains("1 bytes follow"));
        let mut reversed = good.clone();
        reversed[..4].reverse();
        assert!(message(&reversed).contains("the numbers are little-endian"));
        assert!(super::super::parse("g", &reversed, None).expect_err("reversed").to_string().contains("little-endian"));
        let mut huge = begin("Cgrid");
        huge.extend([0xff; 12]);
        assert!(message(&huge).contains("cannot be"));
    }

    proptest! {
        #[test]
        fn mutated_files_never_panic(at in 0usize..700, byte in any::<u8>(), cut in 0usize..700) {
            let mut file = grid_file(false);
            let at = at % file.len();
            file[at] = byte;
            file.truncate(cut);
            let _ = parse("g.sgems", &file);
            let _ = parse_points("g.sgems", &file);
        }
    }
}
