//! Hard data from a file: the cells that a CSV names join those of the case itself.

use std::collections::BTreeMap;
use std::path::Path;

use csv::StringRecord;

use super::file::{Case, Hard, HardDatum, Physics, Property};
use crate::error::{Error, Result};
use crate::grid::{Grid, Plane};
use crate::io;
use crate::io::table::{Field, Range, table};
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

/// The measured cells of a table as CSV and their lines: columns `i`, `j`, `k` (numbers of the cell, from 1) or `x`, `y`,
/// `z` (a point in it \[m\]; in a section z is the depth, and y may be left out), the last of which may be left out where
/// the grid has one layer; `facies` (a code from 0) or `value` (in the property's unit and transform); and `id`, which
/// nothing depends on. `place` is what errors call the file.
///
/// # Errors
/// A column that is missing, unknown or there twice; a line with too few or too many fields; a field that is no number
/// of its kind; a cell outside of the grid, or of which two lines say different things; a facies that the property does
/// not have.
pub fn parse(place: &str, bytes: &[u8], grid: &Grid, property: &Property) -> Result<Vec<(u64, HardDatum)>> {
    let table = table(place, io::text(place, bytes)?)?;
    let columns = Columns::find(place, &table.header, grid)?;
    let mut data: Vec<(u64, HardDatum)> = Vec::new();
    let mut lines: BTreeMap<[usize; 3], (u64, Hard)> = BTreeMap::new();
    for row in &table.rows {
        let field = Field { place, header: &table.header, row };
        let line = field.line();
        let datum = HardDatum { cell: columns.cell(&field, grid)?, known: columns.known(&field, property)? };
        match lines.insert(datum.cell, (line, datum.known)) {
            // A log has many samples in a cell.
            Some((_, known)) if known == datum.known => {}
            Some((first, _)) => {
                let problem = format!("cell {} is that of line {first} too, which says otherwise", named(datum.cell));
                return Err(Error::input(format!("{place}, line {line}"), problem, "say one thing of every cell"));
            }
            None => data.push((line, datum)),
        }
    }
    Ok(data)
}

/// A cell as the file counts, from 1.
fn named([i, j, k]: [usize; 3]) -> String {
    format!("({}, {}, {})", i + 1, j + 1, k + 1)
}

/// Numbers of the columns, from 0.
struct Columns {
    /// Of the three axes of the grid; one that is left out is of an axis of one cell.
    axes: [Option<usize>; 3],
    are_coordinates: bool,
    known: usize,
    is_facies: bool,
}

impl Columns {
    const NAMES: [&str; 9] = ["i", "j", "k", "x", "y", "z", "facies", "value", "id"];

    fn find(place: &str, header: &StringRecord, grid: &Grid) -> Result<Self> {
        let wrong = |problem: String, remedy: &str| Err(Error::input(format!("{place}, line 1"), problem, remedy));
        for (column, name) in header.iter().enumerate() {
            if !Self::NAMES.contains(&name) {
                let hint = nearest(name, Self::NAMES).map(|n| format!("; did you mean \"{n}\"?")).unwrap_or_default();
                return wrong(
                    format!("the column \"{name}\" is unknown{hint}"),
                    "the columns are i, j, k or x, y, z, and facies or value, and id",
                );
            }
            if header.iter().take(column).any(|before| before == name) {
                return wrong(format!("two columns are called \"{name}\""), "rename or remove one of them");
            }
        }
        let column = |name: &str| header.iter().position(|n| n == name);
        let coordinates = match grid.plane {
            Plane::Xy => ["x", "y", "z"],
            Plane::Xz => ["x", "z", "y"],
        };
        let are_coordinates = coordinates.iter().any(|name| column(name).is_some());
        if are_coordinates && ["i", "j", "k"].iter().any(|name| column(name).is_some()) {
            return wrong("there are both numbers of cells and coordinates".into(), "give i, j, k or x, y, z");
        }
        let names = if are_coordinates { coordinates } else { ["i", "j", "k"] };
        let mut axes = names.map(column);
        for (axis, name) in names.iter().enumerate() {
            if axes[axis].is_none() && !(axis == 2 && grid.is_2d()) {
                let remedy = format!("the first line names the columns: {}, and facies or value", names.join(", "));
                return wrong(format!("there is no column \"{name}\""), &remedy);
            }
        }
        if are_coordinates && grid.is_2d() {
            // The one layer holds them all, whatever the depth of a core.
            axes[2] = None;
        }
        let (known, is_facies) = match (column("facies"), column("value")) {
            (Some(known), None) => (known, true),
            (None, Some(known)) => (known, false),
            (Some(_), Some(_)) => {
                return wrong("there are both columns \"facies\" and \"value\"".into(), "give one of them");
            }
            (None, None) => return wrong("there is no column \"facies\" or \"value\"".into(), "give one of them"),
        };
        Ok(Self { axes, are_coordinates, known, is_facies })
    }

    fn cell(&self, field: &Field<'_>, grid: &Grid) -> Result<[usize; 3]> {
        let mut cell = [0; 3];
        for (axis, column) in self.axes.iter().enumerate() {
            let Some(column) = *column else { continue };
            cell[axis] = match self.are_coordinates {
                true => along(field, column, grid, axis)?,
                false => index(field, column, grid.cells[axis])?,
            };
        }
        Ok(cell)
    }

    fn known(&self, field: &Field<'_>, property: &Property) -> Result<Hard> {
        match self.is_facies {
            true => facies(field, self.known, property),
            false => value(field, self.known, property),
        }
    }
}

/// Number of the cell along an axis that holds a coordinate.
fn along(field: &Field<'_>, column: usize, grid: &Grid, axis: usize) -> Result<usize> {
    let at = field.number(column, Range::Finite)?;
    let mut point = grid.origin;
    point[axis] = at;
    grid.locate(point).map(|cell| cell[axis]).ok_or_else(|| {
        let (low, high) = (grid.origin[axis], grid.origin[axis] + grid.size()[axis]);
        let remedy = format!("coordinates are in metres, here from {low} to {high}");
        Error::input(field.place(column), format!("{at} is outside of the grid"), remedy)
    })
}

fn index(field: &Field<'_>, column: usize, cells: usize) -> Result<usize> {
    let text = field.text(column).unwrap_or_default();
    let wrong = |problem: String, remedy: String| Err(Error::input(field.place(column), problem, remedy));
    match text.parse::<usize>() {
        Ok(number) if (1..=cells).contains(&number) => Ok(number - 1),
        Ok(number) => wrong(
            format!("{number} is outside of the grid, which has {cells} cells along this axis"),
            "cells are counted from 1".into(),
        ),
        Err(_) => wrong(format!("\"{text}\" is no number of a cell"), format!("give a whole number from 1 to {cells}")),
    }
}

fn facies(field: &Field<'_>, column: usize, property: &Property) -> Result<Hard> {
    let (count, text) = (property.facies.len(), field.text(column).unwrap_or_default());
    let wrong = |problem: String, remedy: String| Err(Error::input(field.place(column), problem, remedy));
    match text.parse::<u8>() {
        _ if count == 0 => wrong("the property has no facies".into(), "give a column \"value\"".into()),
        Ok(code) if usize::from(code) < count => Ok(Hard::Facies(code)),
        _ => wrong(format!("\"{text}\" is no facies"), format!("property.facies gives the facies 0 to {}", count - 1)),
    }
}

fn value(field: &Field<'_>, column: usize, property: &Property) -> Result<Hard> {
    let value = field.number(column, Range::Finite)?;
    let carried = property.carried(value);
    if carried.is_finite() {
        return Ok(Hard::Value(carried));
    }
    let remedy = format!("give a number in {}", property.label());
    Err(Error::input(field.place(column), format!("{value} is no possible value"), remedy))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::case::file::Quantity;
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
        let points = "id;x;y;z;facies\nOW1;0.2;3.5;-17;1\nOW1;0.2;3.5;-18;1\nOW2;3;0;;0\n";
        let same = parse("f", points.as_bytes(), &grid([3, 4, 1]), &slowness(&[5e-4, 1e-3])).expect("two points");
        assert_eq!(
            same.iter().map(|(_, datum)| datum).collect::<Vec<_>>(),
            found.iter().map(|(_, d)| d).collect::<Vec<_>>()
        );
        let section = Grid { plane: Plane::Xz, ..grid([3, 4, 1]) };
        let deep = parse("f", b"x,z,facies\n0.5,3.5,1\n", &section, &slowness(&[5e-4, 1e-3])).expect("a point");
        assert_eq!(deep[0].1.cell, [0, 3, 0], "z is the depth");
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
            ("i,j,value\n1,1,NaN\n", "column 3 (value): \"NaN\" is not finite"),
            ("i,j,value\n1,1,inf\n", "column 3 (value): \"inf\" is not finite"),
            ("i,j,value\n1,1,\n", "f, line 2, column 3 (value): the field is empty"),
            ("i,j,x,facies\n1,1,1,1\n", "line 1: there are both numbers of cells and coordinates"),
            ("x,facies\n1,1\n", "f, line 1: there is no column \"y\""),
            (
                "x,y,facies\n1,4.5,1\n",
                "f, line 2, column 2 (y): 4.5 is outside of the grid\n  remedy: coordinates are in metres, here from 0 to 4",
            ),
            ("x,y,facies\n1.2,3.5,1\n1.9,3.9,0\n", "f, line 3: cell (2, 4, 1) is that of line 2 too, which says"),
            ("i,j,facies\n1,2,0\n1,2,1\n", "f, line 3: cell (1, 2, 1) is that of line 2 too"),
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
        fn no_text_makes_it_panic(text in "[ijkxyzfaces,valu0-9\\n\\r#\" .e+-]{0,120}") {
            let _ = parse("f", text.as_bytes(), &grid([3, 4, 5]), &slowness(&[5e-4, 1e-3]));
        }
    }
}
