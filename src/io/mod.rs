//! Formats of files, and nothing else: GSLIB and SGeMS, npy, PNG, VTI, CSV, and how a file is put in its place.
//!
//! Every reader returns plain numbers in the library's order (x fastest, then y, then z, realizations slowest), and
//! tells in `notes` what it assumed: origin, order, direction of z, missing values. Nothing is allocated from a header
//! before the length of the file has borne it out, and no bytes make a reader panic.

use std::path::Path;

use ndarray::Array2;

use crate::error::{Error, Result};

pub mod atomic;
pub mod gslib;
pub mod measurements;
pub mod npy;
pub mod png;
pub mod pumping;
pub mod sgems;
pub mod survey;
pub(crate) mod table;
pub mod vti;

/// One named quantity of a [`Raster`].
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its name in the file; empty where the format has none.
    pub name: String,
    /// The values, x fastest, then y, z, and realization; missing ones are NaN.
    pub values: Vec<f64>,
}

impl Variable {
    /// The values, none of them missing or infinite. `place` is the file.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn complete(&self, place: &str) -> Result<&[f64]> {
        match self.values.iter().position(|v| !v.is_finite()) {
            None => Ok(&self.values),
            Some(cell) => {
                let problem = format!("value {cell} (counted from 0, x fastest) is {}", self.values[cell]);
                Err(Error::input(place, problem, "every cell needs a finite value here: fill the gaps"))
            }
        }
    }
}

/// What a file of numbers on a grid holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    /// Number of cells along x, y, z.
    pub cells: [usize; 3],
    /// Number of realizations, stacked one after the other.
    pub realizations: usize,
    /// Size of a cell, where the file gives it, in the file's unit.
    pub spacing: Option<[f64; 3]>,
    /// Corner (not centre) of the first cell, where the file gives it, in the file's unit.
    pub origin: Option<[f64; 3]>,
    /// The quantities, in the file's order; at least one.
    pub variables: Vec<Variable>,
    /// What the reader assumed, in sentences.
    pub notes: Vec<String>,
}

impl Raster {
    /// Number of cells n of one realization.
    pub fn len(&self) -> usize {
        self.cells.iter().product()
    }

    /// Whether the grid has no cell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The variable of this name, or the only one where no name is given. `place` is the file.
    ///
    /// # Errors
    /// No such name (with the nearest one), or several variables and no name.
    pub fn variable(&self, place: &str, name: Option<&str>) -> Result<&Variable> {
        let names = || self.variables.iter().map(|v| v.name.as_str());
        let known = || format!("the variables of the file are: {}", names().collect::<Vec<_>>().join(", "));
        match (name, self.variables.as_slice()) {
            (None, [only]) => Ok(only),
            (None, all) => Err(Error::input(
                place,
                format!("the file has {} variables and none is chosen", all.len()),
                format!("choose one (of a training image by image.variable), or give a file of one; {}", known()),
            )),
            (Some(name), all) => all.iter().find(|v| v.name == name).ok_or_else(|| {
                let hint = crate::units::nearest(name, names()).map(|n| format!("did you mean \"{n}\"? "));
                let remedy = format!("{}{}", hint.unwrap_or_default(), known());
                Error::input(place, format!("there is no variable \"{name}\""), remedy)
            }),
        }
    }

    /// A vertical slice, one cell thick in y, as a section: the second axis becomes depth, growing down, so that the
    /// layers are turned over. Anything else stays as it is.
    pub fn into_section(mut self) -> Self {
        let [nx, ny, nz] = self.cells;
        if ny != 1 || nz == 1 {
            return self;
        }
        for variable in &mut self.variables {
            let slices = variable.values.chunks_exact(nx * nz);
            variable.values = slices.flat_map(|slice| slice.chunks_exact(nx).rev().flatten().copied()).collect();
        }
        self.cells = [nx, nz, 1];
        self.spacing = self.spacing.map(|[dx, dy, dz]| [dx, dz, dy]);
        // Depths are counted from z = 0 down: the top of the slice comes first.
        self.origin = match (self.origin, self.spacing) {
            (Some([x, y, z]), Some([_, dz, _])) => Some([x, -(z + nz as f64 * dz), y]),
            _ => None,
        };
        self.notes.push("a vertical slice: turned over, its second axis is depth, growing down".into());
        self
    }

    /// A variable as an L × n array, one realization a row.
    pub fn stacked(&self, variable: &Variable) -> Array2<f64> {
        Array2::from_shape_vec((self.realizations, self.len()), variable.values.clone())
            .expect("a reader gives every variable realizations x cells values")
    }
}

/// Values that name classes, such as 0/255 or 1..4, renumbered.
#[derive(Debug, Clone, PartialEq)]
pub struct Categories {
    /// Number of the class, 0..K, of each value.
    pub codes: Vec<u8>,
    /// The value of the file for each class, ascending.
    pub values: Vec<f64>,
}

impl Categories {
    /// The most classes that codes of one byte can tell apart.
    pub const MOST: usize = 256;

    /// Classes of the values: K distinct values become 0..K in ascending order. `place` is the file.
    ///
    /// # Errors
    /// No value, a missing one (NaN), or more than [`Categories::MOST`] distinct ones.
    pub fn of(place: &str, values: &[f64]) -> Result<Self> {
        if values.is_empty() {
            return Err(Error::input(place, "there are no values", "give an image with at least one cell"));
        }
        let mut classes: Vec<f64> = Vec::new();
        let mut codes = Vec::with_capacity(values.len());
        for (cell, &value) in values.iter().enumerate() {
            if value.is_nan() {
                let problem = format!("value {cell} (counted from 0, x fastest) is missing, a class was expected");
                return Err(Error::input(place, problem, "fill the gaps, or cut the image to its complete part"));
            }
            match classes.binary_search_by(|c| c.partial_cmp(&value).expect("neither is NaN")) {
                Ok(code) => codes.push(code as u8),
                Err(_) if classes.len() == Self::MOST => {
                    let problem = format!("there are more than {} distinct values, facies were expected", Self::MOST);
                    return Err(Error::input(
                        place,
                        problem,
                        "use the image as a continuous one, or classify it first",
                    ));
                }
                Err(position) => {
                    classes.insert(position, value);
                    codes.iter_mut().filter(|c| usize::from(**c) >= position).for_each(|c| *c += 1);
                    codes.push(position as u8);
                }
            }
        }
        Ok(Self { codes, values: classes })
    }
}

/// Reads a file of any known grid format, told by its first bytes: npy, PNG, SGeMS binary, else GSLIB or SGeMS text.
/// `cells` says the size of the grid, which a GSLIB file in the classic form does not know.
///
/// # Errors
/// What the format's own reader finds, or a file that cannot be read.
pub fn read(path: &Path, cells: Option<[usize; 3]>) -> Result<Raster> {
    parse(&path.display().to_string(), &bytes(path)?, cells)
}

/// Reads one field, a finite value a cell of a grid of `cells`, x fastest; where a cell is not `needed` it may be NaN.
///
/// # Errors
/// As [`read`]; another grid, several fields, a value that is not finite.
pub fn field(path: &Path, cells: [usize; 3], needed: impl Fn(usize) -> bool) -> Result<Vec<f64>> {
    let place = path.display().to_string();
    let raster = read(path, Some(cells))?;
    if raster.realizations != 1 {
        let problem = format!("the file holds {} fields, one was expected", raster.realizations);
        return Err(Error::input(place, problem, "give a file of one of them"));
    }
    let variable = raster.variable(&place, None)?;
    let is_gap = |&(cell, value): &(usize, &f64)| needed(cell) && !value.is_finite();
    if let Some((at, _)) = variable.values.iter().enumerate().find(is_gap) {
        let [nx, ny, _] = cells;
        let [i, j, k] = [at % nx, at / nx % ny, at / nx / ny].map(|index| index + 1);
        let problem = format!("cell ({i}, {j}, {k}) has {}", variable.values[at]);
        return Err(Error::input(place, problem, "every cell needs a finite value here: fill the gaps"));
    }
    Ok(variable.values.clone())
}

/// As [`read`], from bytes; `place` is what errors call the file.
pub fn parse(place: &str, bytes: &[u8], cells: Option<[usize; 3]>) -> Result<Raster> {
    let raster = match bytes {
        [] => return Err(empty(place)),
        _ if bytes.starts_with(npy::MAGIC) => npy::parse(place, bytes)?,
        _ if bytes.starts_with(png::MAGIC) => png::parse(place, bytes)?,
        _ if sgems::claims(bytes) => sgems::parse(place, bytes)?,
        _ if bytes.starts_with(b"<") => {
            let remedy = "VTI files are only written: give the npy file beside it";
            return Err(Error::input(place, "this is XML, numbers on a grid were expected", remedy));
        }
        _ if bytes.starts_with(b"PK") => {
            let problem = "this is an archive (npz or zip), one array was expected";
            return Err(Error::input(place, problem, "unpack it and give one npy file"));
        }
        _ => return gslib::parse(place, bytes, cells),
    };
    match cells {
        Some(cells) if cells != raster.cells => Err(wrong_cells(place, raster.cells, cells)),
        _ => Ok(raster),
    }
}

/// The whole file.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| Error::file("read", path, e))
}

pub(crate) fn empty(place: &str) -> Error {
    Error::input(place, "the file is empty", "give a complete file; was it cut off while being copied?")
}

pub(crate) fn wrong_cells(place: &str, [x, y, z]: [usize; 3], [nx, ny, nz]: [usize; 3]) -> Error {
    let problem = format!("the file holds {x} x {y} x {z} cells, {nx} x {ny} x {nz} were expected");
    Error::input(
        place,
        problem,
        "give the file of this grid, or make the grid that of the file (grid.cells; of a training image, image.cells)",
    )
}

/// Text of a file, without the byte-order mark that some editors put in front.
pub(crate) fn text<'a>(place: &str, bytes: &'a [u8]) -> Result<&'a str> {
    if bytes.is_empty() {
        return Err(empty(place));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count();
        let byte = bytes[e.valid_up_to()];
        Error::input(
            format!("{place}, line {line}"),
            format!("byte 0x{byte:02x} is no UTF-8 text"),
            "save the file as UTF-8 or plain ASCII; if it is binary, check that it is of a known format",
        )
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Number of cells of a grid that a file declares.
///
/// # Errors
/// A size of zero, or a product beyond what any memory holds.
pub(crate) fn cell_count(place: &str, cells: [usize; 3]) -> Result<usize> {
    let count = cells.iter().try_fold(1usize, |n, &c| n.checked_mul(c)).filter(|&n| n > 0 && n < 1 << 48);
    count.ok_or_else(|| {
        let [nx, ny, nz] = cells;
        let problem = format!("a grid of {nx} x {ny} x {nz} cells cannot be");
        Error::input(place, problem, "each size must be at least 1; check the sizes in the header")
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 3 × 4 × 5 values that tell every axis and direction apart.
    pub(crate) fn asymmetric() -> Vec<f64> {
        let mut values = Vec::new();
        for k in 0..5 {
            for j in 0..4 {
                for i in 0..3 {
                    values.push((100 * k + 10 * j + i) as f64);
                }
            }
        }
        values
    }

    #[test]
    fn classes_are_renumbered_in_ascending_order() {
        let found = Categories::of("f", &[255.0, 0.0, 255.0, 128.0, 0.0]).expect("three classes");
        assert_eq!((found.codes, found.values), (vec![2, 0, 2, 1, 0], vec![0.0, 128.0, 255.0]));
        let all: Vec<f64> = (0..256).map(f64::from).rev().collect();
        let codes = Categories::of("f", &all).expect("as many classes as a byte tells apart").codes;
        assert_eq!(codes, (0..=255).rev().collect::<Vec<u8>>());
    }

    #[test]
    fn values_that_are_no_classes_are_refused() {
        let message = |values: &[f64]| Categories::of("ti.dat", values).expect_err("no classes").to_string();
        assert!(message(&[]).contains("no values"));
        assert!(message(&[1.0, f64::NAN]).contains("value 1 (counted from 0, x fastest) is missing"));
        assert!(message(&(0..257).map(f64::from).collect::<Vec<_>>()).contains("more than 256 distinct values"));
    }

    #[test]
    fn a_variable_is_chosen_by_name() {
        let variable = |name: &str| Variable { name: name.into(), values: vec![1.0] };
        let variables = vec![variable("facies"), variable("porosity")];
        let raster =
            Raster { cells: [1; 3], realizations: 1, spacing: None, origin: None, variables, notes: Vec::new() };
        assert_eq!(raster.variable("f", Some("porosity")).expect("is there").name, "porosity");
        assert!(raster.variable("f", None).expect_err("two").to_string().contains("facies, porosity"));
        let near = raster.variable("f", Some("Facis")).expect_err("none of this name").to_string();
        assert!(near.contains("did you mean \"facies\"?"), "{near}");
    }

    #[test]
    fn the_format_is_told_by_the_first_bytes() {
        let message = |bytes: &[u8]| parse("m", bytes, None).expect_err("another format").to_string();
        assert!(message(b"<?xml version=\"1.0\"?>").contains("give the npy file"));
        assert!(message(b"PK\x03\x04").contains("one npy file"));
        assert!(message(b"").contains("empty"));
        let mut file = Vec::new();
        npy::write(&mut file, &asymmetric(), &[5, 4, 3]).expect("memory takes all");
        assert_eq!(parse("m", &file, None).expect("npy").cells, [3, 4, 5]);
        let other = parse("m", &file, Some([5, 4, 3])).expect_err("another size").to_string();
        assert!(other.contains("holds 3 x 4 x 5 cells, 5 x 4 x 3 were expected"), "{other}");
        let missing = read(std::path::Path::new("no such file"), None).expect_err("no file");
        assert_eq!((missing.exit_code(), missing.to_string().contains("cannot read no such file")), (2, true));
    }

    #[test]
    fn a_gap_is_refused_where_there_must_be_none() {
        let variable = |values: Vec<f64>| Variable { name: String::new(), values };
        assert_eq!(variable(vec![1.0, 2.0]).complete("m.npy").expect("complete"), [1.0, 2.0]);
        let gap = variable(vec![1.0, f64::NAN]).complete("m.npy").expect_err("a gap").to_string();
        assert!(gap.contains("m.npy: value 1 (counted from 0, x fastest) is NaN"), "{gap}");
        assert!(variable(vec![f64::INFINITY]).complete("m.npy").is_err());
    }

    #[test]
    fn a_vertical_slice_becomes_a_section_by_turning_it_over() {
        let text = "3 1 4 1 2 0.5 10 20 -7\n1\nv\n0\n1\n2\n10\n11\n12\n20\n21\n22\n30\n31\n32\n";
        let section = parse("s", text.as_bytes(), None).expect("a slice").into_section();
        assert_eq!(section.cells, [3, 4, 1]);
        assert_eq!(section.variables[0].values[..6], [30.0, 31.0, 32.0, 20.0, 21.0, 22.0]);
        assert_eq!((section.spacing, section.origin), (Some([1.0, 0.5, 2.0]), Some([10.0, 5.0, 20.0])));
        let map = parse("m", b"2 2 1\n1\nv\n1\n2\n3\n4\n", None).expect("a map");
        assert_eq!(map.clone().into_section(), map);
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), magic in 0..5) {
            let magics: [&[u8]; 5] = [b"", npy::MAGIC, png::MAGIC, sgems::MAGIC, b"3 4 5\n1\nv\n"];
            let mut file = magics[magic as usize].to_vec();
            file.append(&mut bytes);
            let _ = parse("f", &file, None);
            let _ = parse("f", &file, Some([3, 4, 5]));
        }
    }
}
