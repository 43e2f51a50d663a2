//! Pumping tests as CSV files: a list of the tests, the wells, and a file of drawdowns for each test.
//!
//! ```text
//! tests.csv          test, pumped well, rate
//! wells.csv          well, x, y, radius
//! test_NAME.csv      observed well, time, drawdown (positive down)
//! ```

use std::path::Path;

use crate::error::{Error, Result};
use crate::io::table::{Field, Range, column, table};
use crate::units::Unit;

/// Names of the files and columns, and the units of their numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// The list of the tests.
    pub tests_file: String,
    /// The wells.
    pub wells_file: String,
    /// The drawdowns of a test; `{test}` stands for its name.
    pub series_file: String,
    /// Name of a test.
    pub test: String,
    /// The pumped well of a test.
    pub pumped: String,
    /// Its rate, extraction positive.
    pub rate: String,
    /// Name of a well.
    pub well: String,
    /// x of a well.
    pub x: String,
    /// y of a well.
    pub y: String,
    /// Radius of the bore; `None`: not known.
    pub radius: Option<String>,
    /// The well that a drawdown was observed in.
    pub observed: String,
    /// Time since the beginning of pumping.
    pub time: String,
    /// Drawdown, positive where the head falls.
    pub drawdown: String,
    /// Unit of coordinates, radii and drawdowns.
    pub length_unit: Unit,
    /// Unit of times.
    pub time_unit: Unit,
    /// Unit of rates.
    pub rate_unit: Unit,
}

/// A well.
#[derive(Debug, Clone, PartialEq)]
pub struct Well {
    /// Its name.
    pub name: String,
    /// Where it stands \[m\].
    pub place: [f64; 2],
    /// Radius of the bore \[m\].
    pub radius: Option<f64>,
}

/// A drawdown that was observed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Number of the well.
    pub well: usize,
    /// Since the beginning of pumping \[s\].
    pub time: f64,
    /// \[m\], positive where the head falls.
    pub drawdown: f64,
}

/// One pumping test.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// Number of the pumped well.
    pub pumped: usize,
    /// Rate \[m³/s\], extraction positive.
    pub rate: f64,
    /// Its samples in the order of the file; `None` where there is no file of them.
    pub samples: Option<Vec<Sample>>,
}

/// Pumping tests among the same wells.
#[derive(Debug, Clone, PartialEq)]
pub struct PumpingTests {
    /// The wells.
    pub wells: Vec<Well>,
    /// The tests.
    pub tests: Vec<Test>,
}

/// Reads the pumping tests of a folder. A test without a file is kept: it can be predicted.
///
/// # Errors
/// A file, a column or a number that is missing or cannot be read; a well that nobody knows; a name used twice; no test
/// with samples.
pub fn read(folder: &Path, columns: &Columns) -> Result<PumpingTests> {
    let wells = read_wells(&folder.join(&columns.wells_file), columns)?;
    let path = folder.join(&columns.tests_file);
    let place = path.display().to_string();
    let bytes = super::bytes(&path)?;
    let listed = table(&place, super::text(&place, &bytes)?)?;
    let find = |name: &str| column(&place, &listed.header, name);
    let [name, pumped, rate] = [find(&columns.test)?, find(&columns.pumped)?, find(&columns.rate)?];
    let mut tests: Vec<Test> = Vec::new();
    for row in &listed.rows {
        let field = Field { place: &place, header: &listed.header, row };
        let test = row[name].to_owned();
        if test.is_empty() || tests.iter().any(|other| other.name == test) {
            let problem = format!("the name \"{test}\" is empty or that of another test");
            return Err(Error::input(field.place(name), problem, "give every test a name of its own"));
        }
        tests.push(Test {
            pumped: well(&wells, &field, &row[pumped], pumped)?,
            rate: columns.rate_unit.to_si(positive(&field, rate)?),
            samples: read_samples(&folder.join(columns.series_file.replace("{test}", &test)), &wells, columns)?,
            name: test,
        });
    }
    if tests.iter().all(|test| test.samples.is_none()) {
        let problem = format!("no test has a file of samples ({})", columns.series_file);
        return Err(Error::input(place, problem, "put the files of the tests beside their list"));
    }
    Ok(PumpingTests { wells, tests })
}

fn read_wells(path: &Path, columns: &Columns) -> Result<Vec<Well>> {
    let place = path.display().to_string();
    let bytes = super::bytes(path)?;
    let listed = table(&place, super::text(&place, &bytes)?)?;
    let find = |name: &str| column(&place, &listed.header, name);
    let [name, x, y] = [find(&columns.well)?, find(&columns.x)?, find(&columns.y)?];
    let radius = columns.radius.as_deref().map(find).transpose()?;
    let mut wells: Vec<Well> = Vec::new();
    for row in &listed.rows {
        let field = Field { place: &place, header: &listed.header, row };
        let coordinate = |at: usize| Ok::<_, Error>(columns.length_unit.to_si(field.number(at, Range::Finite)?));
        let of_bore = |at: usize| Ok::<_, Error>(columns.length_unit.to_si(positive(&field, at)?));
        if row[name].is_empty() || wells.iter().any(|other| other.name == row[name]) {
            let problem = format!("the name \"{}\" is empty or that of another well", &row[name]);
            return Err(Error::input(field.place(name), problem, "give every well a name of its own"));
        }
        wells.push(Well {
            name: row[name].to_owned(),
            place: [coordinate(x)?, coordinate(y)?],
            radius: radius.map(of_bore).transpose()?,
        });
    }
    Ok(wells)
}

fn well(wells: &[Well], field: &Field<'_>, name: &str, column: usize) -> Result<usize> {
    wells.iter().position(|well| well.name == name).ok_or_else(|| {
        let names: Vec<_> = wells.iter().map(|well| well.name.as_str()).collect();
        let problem = format!("there is no well \"{name}\"");
        Error::input(field.place(column), problem, format!("the wells are: {}", names.join(", ")))
    })
}

fn positive(field: &Field<'_>, column: usize) -> Result<f64> {
    match field.number(column, Range::Finite)? {
        x if x > 0.0 => Ok(x),
        x => Err(Error::input(field.place(column), format!("{x} is not positive"), "give a number above 0")),
    }
}

fn read_samples(path: &Path, wells: &[Well], columns: &Columns) -> Result<Option<Vec<Sample>>> {
    if !path.exists() {
        return Ok(None);
    }
    let place = path.display().to_string();
    let bytes = super::bytes(path)?;
    let listed = table(&place, super::text(&place, &bytes)?)?;
    let find = |name: &str| column(&place, &listed.header, name);
    let [observed, time, drawdown] = [find(&columns.observed)?, find(&columns.time)?, find(&columns.drawdown)?];
    let sample = |row| {
        let field = Field { place: &place, header: &listed.header, row };
        Ok(Sample {
            well: well(wells, &field, &row[observed], observed)?,
            time: columns.time_unit.to_si(field.number(time, Range::NotNegative)?),
            drawdown: columns.length_unit.to_si(field.number(drawdown, Range::Finite)?),
        })
    };
    listed.rows.iter().map(sample).collect::<Result<Vec<_>>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Dimension;

    fn columns() -> Columns {
        let name = str::to_owned;
        Columns {
            tests_file: name("tests.csv"),
            wells_file: name("wells.csv"),
            series_file: name("of_{test}.csv"),
            test: name("test"),
            pumped: name("pumped"),
            rate: name("rate"),
            well: name("well"),
            x: name("x"),
            y: name("y"),
            radius: Some(name("radius")),
            observed: name("seen"),
            time: name("t"),
            drawdown: name("s"),
            length_unit: Unit::parse("cm", Dimension::Length).unwrap(),
            time_unit: Unit::parse("min", Dimension::Time).unwrap(),
            rate_unit: Dimension::Rate.si(),
        }
    }

    fn folder(tests: &str, wells: &str, series: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("tests.csv", tests), ("wells.csv", wells), ("of_T1.csv", series)] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    const WELLS: &str = "well,x,y,radius\nA,100,200,5\nB,300,400,5\n";
    const SERIES: &str = "seen,t,s\nB,0.5,10\nA,1,-1\n";

    #[test]
    fn units_of_the_files_become_si_and_a_test_without_samples_is_kept() {
        let at = folder("test,pumped,rate\nT1,A,0.01\nT2,B,0.02\n", WELLS, SERIES);
        let found = read(at.path(), &columns()).unwrap();
        assert_eq!(found.wells[1], Well { name: "B".into(), place: [3.0, 4.0], radius: Some(0.05) });
        let [first, second] = &found.tests[..] else { panic!("two tests") };
        assert_eq!((first.pumped, second.pumped, second.rate), (0, 1, 0.02));
        assert_eq!(first.samples.as_ref().unwrap()[0], Sample { well: 1, time: 30.0, drawdown: 0.1 });
        assert_eq!(second.samples, None);
    }

    #[test]
    fn what_cannot_be_read_is_told_at_its_place() {
        let message = |tests: &str, wells: &str, series: &str| {
            read(folder(tests, wells, series).path(), &columns()).expect_err("wrong").to_string()
        };
        let tests = "test,pumped,rate\nT1,A,0.01\n";
        assert!(message("test,pumped,rate\nT1,C,0.01\n", WELLS, SERIES).contains("no well \"C\""));
        assert!(message("test,pumped,rate\nT9,A,0.01\n", WELLS, SERIES).contains("no test has a file"));
        assert!(message("test,pumped,rate\nT1,A,-1\n", WELLS, SERIES).contains("rate"));
        assert!(message(tests, "well,x,y,radius\nA,1,1,5\nA,2,2,5\n", SERIES).contains("another well"));
        assert!(message(tests, WELLS, "seen,t,drawdown\nB,1,1\n").contains("no column \"s\""));
    }
}
