//! Hard data from a file: the cells that a CSV names join those of the case itself.

use std::collections::BTreeMap;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use super::file::{Case, Hard, HardDatum, Physics, Property};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::io;
use crate::units::nearest;

/// The case and its variants with the data of `hard_data.file` among their `hard_data.cells`, and no file any more: the
/// case then says everything itself.
///
/// # Errors
/// A file that cannot be read or used, see [`parse`]; a cell that both the file and the case give, or that has no flow.
pub fn resolved(case: &Case) -> Result<Case> {
    let mut case = case.clone();
    resolve(&mut case)?;
    case.variants.iter_mut().try_for_each(|variant| resolve(&mut variant.case))?;
    Ok(case)
}

fn resolve(case: &mut Case) -> Result<()> {
    let Some(hard_data) = &mut case.hard_data else { return Ok(()) };
    let Some(path) = hard_data.file.take() else { return Ok(()) };
    let place = path.display().to_string();
    for (line, datum) in read(&path, &case.grid, &case.property)? {
        if hard_data.cells.iter().any(|known| known.cell == datum.cell) {
            let problem = format!("cell {} is given in hard_data.cells too", named(datum.cell));
            return Err(Error::input(format!("{place}, line {line}"), problem, "give every cell once"));
        }
        if let Some(Physics::Groundwater(flow)) = &case.physics
            && !flow.is_active(datum.cell)
        {
            let problem = format!("cell {} is inactive", named(datum.cell));
            let remedy = "remove the line, or make the cell active";
            return Err(Error::input(format!("{place}, line {line}"), problem, remedy));
        }
        hard_data.cells.push(datum);
    }
    Ok(())
}

fn read(path: &Path, grid: &Grid, property: &Property) -> Result<Vec<(u64, HardDatum)>> {
    let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
    parse(&path.display().to_string(), &bytes, grid, property)
}

/// The measured cells of a CSV file and their lines: columns `i`, `j`, `k` (numbers of the cell, from 1; `k` may be left
/// out where the grid has one layer) and `facies` (a code from 0) or `value` (in the property's unit and transform).
/// Lines that begin with `#` are comments; `place` is what errors call the file.
///
/// # Errors
/// A column that is missing, unknown or there twice; a line with too few or too many fields; a field that is no number
/// of its kind; a cell outside of the grid, or given twice; a facies that the property does not have.
pub fn parse(place: &str, bytes: &[u8], grid: &Grid, property: &Property) -> Result<Vec<(u64, HardDatum)>> {
    let text = io::text(place, bytes)?;
    let mut reader =
        ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    let damaged = |e: csv::Error| Error::input(place, e.to_string(), "give a CSV file with a header line");
    let header = reader.headers().map_err(damaged)?.clone();
    let columns = Columns::find(place, &header, grid)?;
    let mut data: Vec<(u64, HardDatum)> = Vec::new();
    let mut lines = BTreeMap::new();
    for row in reader.records() {
        let row = row.map_err(damaged)?;
        let row = Row { place, header: &header, row: &row };
        let datum = row.datum(&columns, grid, property)?;
        if let Some(first) = lines.insert(datum.cell, row.line()) {
            let problem = format!("cell {} is that of line {first} too", named(datum.cell));
            return Err(Error::input(format!("{place}, line {}", row.line()), problem, "give every cell once"));
        }
        data.push((row.line(), datum));
    }
    if data.is_empty() {
        return Err(Error::input(place, "there are no data below the header", "give at least one measured cell"));
    }
    Ok(data)
}

/// A cell as the file counts, from 1.
fn named([i, j, k]: [usize; 3]) -> String {
    format!("({}, {}, {})", i + 1, j + 1, k + 1)
}

/// Numbers of the columns, from 0.
struct Columns {
    cell: [Option<usize>; 3],
    known: usize,
    is_facies: bool,
}

impl Columns {
    const NAMES: [&str; 5] = ["i", "j", "k", "facies", "value"];

    fn find(place: &str, header: &StringRecord, grid: &Grid) -> Result<Self> {
        let wrong = |problem: String, remedy: &str| Err(Error::input(format!("{place}, line 1"), problem, remedy));
        let mut found = [None; 5];
        for (column, name) in header.iter().enumerate() {
            let Some(known) = Self::NAMES.iter().position(|n| *n == name) else {
                let hint = nearest(name, Self::NAMES).map(|n| format!("; did you mean \"{n}\"?")).unwrap_or_default();
                return wrong(
                    format!("the column \"{name}\" is unknown{hint}"),
                    "the columns are i, j, k, and facies or value",
                );
            };
            if found[known].replace(column).is_some() {
                return wrong(format!("two columns are called \"{name}\""), "rename or remove one of them");
            }
        }
        let [i, j, k, facies, value] = found;
        for (column, name) in [(i, "i"), (j, "j"), (k, "k")] {
            if column.is_none() && !(name == "k" && grid.is_2d()) {
                return wrong(
                    format!("there is no column \"{name}\""),
                    "the first line names the columns: i, j, k, and facies or value",
                );
            }
        }
        match (facies, value) {
            (Some(known), None) => Ok(Self { cell: [i, j, k], known, is_facies: true }),
            (None, Some(known)) => Ok(Self { cell: [i, j, k], known, is_facies: false }),
            (Some(_), Some(_)) => wrong("there are both columns \"facies\" and \"value\"".into(), "give one of them"),
            (None, None) => wrong("there is no column \"facies\" or \"value\"".into(), "give one of them"),
        }
    }
}

/// A line of the file.
struct Row<'a> {
    place: &'a str,
    header: &'a StringRecord,
    row: &'a StringRecord,
}

impl Row<'_> {
    fn line(&self) -> u64 {
        self.row.position().map_or(0, csv::Position::line)
    }

    fn wrong<T>(&self, column: usize, problem: String, remedy: impl Into<String>) -> Result<T> {
        let name = self.header.get(column).unwrap_or_default();
        let place = format!("{}, line {}, column {} ({name})", self.place, self.line(), column + 1);
        Err(Error::input(place, problem, remedy))
    }

    fn datum(&self, columns: &Columns, grid: &Grid, property: &Property) -> Result<HardDatum> {
        if self.row.len() != self.header.len() {
            let problem = format!("the line has {} fields, the header {}", self.row.len(), self.header.len());
            let place = format!("{}, line {}", self.place, self.line());
            return Err(Error::input(place, problem, "give every line one field a column"));
        }
        let mut cell = [0; 3];
        for axis in 0..3 {
            if let Some(column) = columns.cell[axis] {
                cell[axis] = self.index(column, grid.cells[axis])?;
            }
        }
        let known = match columns.is_facies {
            true => self.facies(columns.known, property)?,
            false => self.value(columns.known, property)?,
        };
        Ok(HardDatum { cell, known })
    }

    fn text(&self, column: usize) -> &str {
        self.row.get(column).unwrap_or_default()
    }

    fn index(&self, column: usize, cells: usize) -> Result<usize> {
        match self.text(column).parse::<usize>() {
            Ok(number) if (1..=cells).contains(&number) => Ok(number - 1),
            Ok(number) => self.wrong(
                column,
                format!("{number} is outside of the grid, which has {cells} cells along this axis"),
                "cells are counted from 1",
            ),
            Err(_) => self.wrong(
                column,
                format!("\"{}\" is no number of a cell", self.text(column)),
                format!("give a whole number from 1 to {cells}"),
            ),
        }
    }

    fn facies(&self, column: usize, property: &Property) -> Result<Hard> {
        let count = property.facies.len();
        match self.text(column).parse::<u8>() {
            _ if count == 0 => self.wrong(column, "the property has no facies".into(), "give a column \"value\""),
            Ok(code) if usize::from(code) < count => Ok(Hard::Facies(code)),
            _ => self.wrong(
                column,
                format!("\"{}\" is no facies", self.text(column)),
                format!("property.facies gives the facies 0 to {}", count - 1),
            ),
        }
    }

    fn value(&self, column: usize, property: &Property) -> Result<Hard> {
        let label = property.label();
        match self.text(column).parse::<f64>() {
            Ok(value) if value.is_finite() => {
                let carried = property.carried(value);
                if carried.is_finite() {
                    return Ok(Hard::Value(carried));
                }
                self.wrong(column, format!("{value} is no possible value"), format!("give a number in {label}"))
            }
            _ => self.wrong(
                column,
                format!("\"{}\" is no finite number", self.text(column)),
                format!("give a number in {label}, with a decimal point"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::case::file::Quantity;
    use crate::grid::Plane;
    use crate::units::{Dimension, Transform, Unit};

    fn grid(cells: [usize; 3]) -> Grid {
        Grid { cells, spacing: [1.0; 3], origin: [0.0; 3], plane: Plane::Xy }
    }

    fn slowness(facies: &[f64]) -> Property {
        let unit: Unit = Unit::parse("ms/m", Dimension::Slowness).expect("a unit");
        Property { quantity: Quantity::Slowness, unit, transform: Transform::None, facies: facies.to_vec() }
    }

    #[test]
    fn cells_count_from_one_and_values_are_carried() {
        let text = "# wells\nj,i,facies\n4, 1 ,1\n1,3,0\n";
        let found = parse("f", text.as_bytes(), &grid([3, 4, 1]), &slowness(&[5e-4, 1e-3])).expect("two cells");
        assert_eq!(
            found,
            [
                (3, HardDatum { cell: [0, 3, 0], known: Hard::Facies(1) }),
                (4, HardDatum { cell: [2, 0, 0], known: Hard::Facies(0) })
            ]
        );
        let found = parse("f", b"i,j,k,value\n3,4,5,0.25\n", &grid([3, 4, 5]), &slowness(&[])).expect("one cell");
        assert_eq!(found[0].1, HardDatum { cell: [2, 3, 4], known: Hard::Value(2.5e-4) });
    }

    #[test]
    fn every_mistake_has_its_place() {
        for (text, expected) in [
            ("", "f: the file is empty"),
            ("i,j,facies\n", "f: there are no data"),
            ("i,facies\n1,1\n", "f, line 1: there is no column \"j\""),
            ("i,j,facis\n1,1,1\n", "line 1: the column \"facis\" is unknown; did you mean \"facies\"?"),
            ("i,i,j,facies\n1,1,1,1\n", "line 1: two columns are called \"i\""),
            ("i,j\n1,1\n", "line 1: there is no column \"facies\" or \"value\""),
            ("i,j,facies,value\n1,1,1,1\n", "line 1: there are both columns"),
            ("i,j,facies\n1,1\n", "f, line 2: the line has 2 fields, the header 3"),
            ("i,j,facies\n1,1,0\n0,1,1\n", "f, line 3, column 1 (i): 0 is outside of the grid, which has 3 cells"),
            ("i,j,facies\n1,5,1\n", "f, line 2, column 2 (j): 5 is outside of the grid, which has 4 cells"),
            ("i,j,facies\n1,-1,1\n", "column 2 (j): \"-1\" is no number of a cell"),
            ("i,j,facies\n1,1,2\n", "f, line 2, column 3 (facies): \"2\" is no facies"),
            ("i,j,value\n1,1,NaN\n", "column 3 (value): \"NaN\" is no finite number"),
            ("i,j,value\n1,1,inf\n", "column 3 (value): \"inf\" is no finite number"),
            ("i,j,facies\n1,2,0\n1,2,0\n", "f, line 3: cell (1, 2, 1) is that of line 2 too"),
            ("i,j,facies\n1,2,\u{fffd}\n", "is no facies"),
        ] {
            let found = parse("f", text.as_bytes(), &grid([3, 4, 1]), &slowness(&[5e-4, 1e-3]));
            let message = found.expect_err(text).to_string();
            assert!(message.contains(expected), "{text:?}: {message}");
        }
        let deep = parse("f", b"i,j,facies\n1,1,0\n", &grid([3, 4, 5]), &slowness(&[5e-4, 1e-3]));
        assert!(deep.expect_err("a grid of several layers").to_string().contains("no column \"k\""));
        let plain = parse("f", b"i,j,facies\n1,1,0\n", &grid([3, 4, 1]), &slowness(&[]));
        assert!(plain.expect_err("no facies").to_string().contains("the property has no facies"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ijkfaces,valu0-9\\n\\r#\" .e+-]{0,120}") {
            let _ = parse("f", text.as_bytes(), &grid([3, 4, 5]), &slowness(&[5e-4, 1e-3]));
        }
    }
}
