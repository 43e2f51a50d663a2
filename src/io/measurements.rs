//! Measurements of any kind as CSV, in the columns of a result's `data.csv`: a header line, a line a datum.
//!
//! ```text
//! kind, id, x, y, z, time, unit, observed, sigma         in any order, beside any others
//! ```

use std::io::Write;
use std::path::Path;

use super::table::{Field, Range, Table, column, known, table};
use crate::error::{Error, Result};
use crate::units::{Unit, nearest};

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// What was measured.
    Kind,
    /// Name of the datum, or of the well.
    Id,
    /// Where, along the grid's first axis.
    X,
    /// Along the second.
    Y,
    /// Along the third.
    Z,
    /// When.
    Time,
    /// Unit of the number and of its standard deviation.
    Unit,
    /// The number.
    Observed,
    /// Its standard deviation.
    Sigma,
}

impl Column {
    /// Every column, in the order of `data.csv`.
    pub const ALL: [Self; 9] =
        [Self::Kind, Self::Id, Self::X, Self::Y, Self::Z, Self::Time, Self::Unit, Self::Observed, Self::Sigma];

    /// What it is called in the header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Id => "id",
            Self::X => "x",
            Self::Y => "y",
            Self::Z => "z",
            Self::Time => "time",
            Self::Unit => "unit",
            Self::Observed => "observed",
            Self::Sigma => "sigma",
        }
    }
}

/// A line of the file; what is `None` has no column, or an empty field.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its number in the file.
    pub line: u64,
    /// What was measured.
    pub kind: String,
    /// Name of the datum.
    pub id: Option<String>,
    /// x, y, z \[m\].
    pub at: [Option<f64>; 3],
    /// When \[s\].
    pub time: Option<f64>,
    /// Unit of the next two.
    pub unit: String,
    /// What was observed; `None` where the file is read for its geometry.
    pub observed: Option<f64>,
    /// Its standard deviation.
    pub sigma: Option<f64>,
}

/// A file of measurements.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurements {
    /// Its lines, m.
    pub rows: Vec<Row>,
    place: String,
    columns: [Option<usize>; Column::ALL.len()],
    table: Table,
}

/// Reads a file of measurements, or, without `numbers`, what was measured where and when, but not the numbers.
///
/// # Errors
/// See [`parse`], or a file that cannot be read.
pub fn read(path: &Path, length: Unit, time: Unit, numbers: bool) -> Result<Measurements> {
    parse(&path.display().to_string(), &super::bytes(path)?, length, time, numbers)
}

/// As [`read`], from bytes; `place` is what errors call the file, `length` is the unit of coordinates, `time` that of
/// times. Other columns than those of [`Column`] are left alone.
///
/// # Errors
/// An empty file, one without data, text that is not UTF-8; no column of kinds, units or numbers (with the nearest
/// name), a column that is there twice; a line with too few or too many fields; a field that is no number or not
/// finite; a number, kind or unit that is missing; a negative time; a standard deviation that is not positive.
pub fn parse(place: &str, bytes: &[u8], length: Unit, time: Unit, numbers: bool) -> Result<Measurements> {
    let table = table(place, super::text(place, bytes)?)?;
    let mut columns = [None; Column::ALL.len()];
    for of in Column::ALL {
        let is_needed = match of {
            Column::Kind | Column::Unit => true,
            Column::Observed => numbers,
            _ => false,
        };
        let is_unread = !numbers && matches!(of, Column::Observed | Column::Sigma);
        if is_needed || !is_unread && table.header.iter().any(|name| name == of.name()) {
            columns[of as usize] = Some(column(place, &table.header, of.name())?);
        }
    }
    let mut out = Measurements { rows: Vec::new(), place: place.to_owned(), columns, table };
    let read = |row| {
        let field = Field { place, header: &out.table.header, row };
        let text = |of: Column| columns[of as usize].and_then(|c| field.text(c));
        let needed = |of: Column| text(of).map(str::to_owned).ok_or_else(|| out.missing_in(&field, of, "fill it in"));
        let number = |of: Column, range| match columns[of as usize] {
            Some(c) if of == Column::Observed || field.text(c).is_some() => field.number(c, range).map(Some),
            _ => Ok(None),
        };
        let coordinate = |of| Ok::<_, Error>(number(of, Range::Finite)?.map(|x| length.to_si(x)));
        Ok(Row {
            line: field.line(),
            kind: needed(Column::Kind)?,
            id: text(Column::Id).map(str::to_owned),
            at: [coordinate(Column::X)?, coordinate(Column::Y)?, coordinate(Column::Z)?],
            time: number(Column::Time, Range::NotNegative)?.map(|t| time.to_si(t)),
            unit: needed(Column::Unit)?,
            observed: number(Column::Observed, Range::Finite)?,
            sigma: number(Column::Sigma, Range::Positive)?,
        })
    };
    out.rows = out.table.rows.iter().map(read).collect::<Result<_>>()?;
    Ok(out)
}

impl Measurements {
    /// An error in a column of row `row`, counted from 0.
    pub fn wrong(&self, row: usize, of: Column, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
        let place = match self.columns[of as usize] {
            Some(column) => self.field(row).place(column),
            None => format!("{}, line {}", self.place, self.rows[row].line),
        };
        Error::input(place, problem, remedy)
    }

    /// The error of row `row`, counted from 0, whose field in a column is empty, or that has no such column.
    pub fn missing(&self, row: usize, of: Column, remedy: &str) -> Error {
        self.missing_in(&self.field(row), of, remedy)
    }

    /// Writes the file again, every line as it was, with one more column `predicted`: what is predicted for every row in
    /// the row's unit.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_predicted(&self, to: impl Write, predicted: &[f64]) -> std::io::Result<()> {
        self.table.write_predicted(to, predicted.iter().copied())
    }

    fn field(&self, row: usize) -> Field<'_> {
        Field { place: &self.place, header: &self.table.header, row: &self.table.rows[row] }
    }

    fn missing_in(&self, field: &Field<'_>, of: Column, remedy: &str) -> Error {
        let Some(column) = self.columns[of as usize] else {
            let header = &self.table.header;
            let unread = header.iter().filter(|name| Column::ALL.iter().all(|known| known.name() != *name));
            let hint = nearest(of.name(), unread).map(|n| format!("did you mean \"{n}\"? ")).unwrap_or_default();
            let place = format!("{}, line {}", self.place, field.line());
            let problem = format!("there is no column \"{}\"", of.name());
            return Error::input(place, problem, format!("{hint}{remedy}; {}", known(header)));
        };
        Error::input(field.place(column), "the field is empty", remedy)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::Dimension;

    const GOOD: &str = "unit,kind,x,y,note,time,observed,sigma,id\n\
                        cm,head,1,2,a,0.5,1012.5,2.5,OW1\nm3/day,rate,,,b,1,6,,W\n";

    fn parsed(text: &str, numbers: bool) -> Result<Measurements> {
        let unit = |name, dimension| Unit::parse(name, dimension).expect("a known unit");
        parse("h.csv", text.as_bytes(), unit("km", Dimension::Length), unit("h", Dimension::Time), numbers)
    }

    #[test]
    fn rows_are_read_in_any_order_of_columns_and_come_back_with_predictions() {
        let read = parsed(GOOD, true).expect("measurements");
        let first = Row {
            line: 2,
            kind: "head".into(),
            id: Some("OW1".into()),
            at: [Some(1000.0), Some(2000.0), None],
            time: Some(1800.0),
            unit: "cm".into(),
            observed: Some(1012.5),
            sigma: Some(2.5),
        };
        assert_eq!(read.rows[0], first);
        assert_eq!((read.rows[1].at, read.rows[1].sigma, read.rows[1].observed), ([None; 3], None, Some(6.0)));
        let geometry = parsed(&GOOD.replace("1012.5", "later").replace("observed", "head"), false).expect("geometry");
        assert_eq!((geometry.rows[0].observed, geometry.rows[0].sigma), (None, None));
        let mut file = Vec::new();
        read.write_predicted(&mut file, &[1010.25, 6.5]).expect("memory takes all");
        let text = String::from_utf8(file).expect("text");
        assert_eq!(text.lines().nth(1), Some("cm,head,1,2,a,0.5,1012.5,2.5,OW1,1010.25"));
    }

    #[test]
    fn wrong_files_are_refused_with_line_and_column() {
        let message = |text: &str| parsed(text, true).expect_err("a wrong file").to_string();
        let changed = |from: &str, to: &str| message(&GOOD.replacen(from, to, 1));
        assert!(message("").contains("empty"));
        assert!(message(&GOOD[..GOOD.find('\n').expect("a line")]).contains("no data below the header"));
        for (name, other) in [("kind", "kinds"), ("unit", "units"), ("observed", "observd")] {
            let found = changed(name, other);
            assert!(found.contains(&format!("no column \"{name}\"")) && found.contains("did you mean"), "{found}");
        }
        assert!(changed("note", "x").contains("both called \"x\""));
        assert!(changed("1012.5", "10 m").contains("line 2, column 7 (observed): \"10 m\" is no number"));
        assert!(changed("1012.5", "").contains("line 2, column 7 (observed): the field is empty"));
        assert!(changed("1012.5", "NaN").contains("is not finite"));
        assert!(changed("head", "").contains("line 2, column 2 (kind): the field is empty"));
        assert!(changed("m3/day", "").contains("line 3, column 1 (unit): the field is empty"));
        assert!(changed("0.5", "-0.5").contains("line 2, column 6 (time): a time of -0.5 is negative"));
        assert!(changed(",2.5", ",-2.5").contains("line 2, column 8 (sigma): a standard deviation of -2.5"));
        assert!(changed(",W", "").contains("line 3: the line has 8 fields, the header 9"));
    }

    #[test]
    fn errors_of_who_reads_name_the_field_or_the_column_that_is_not_there() {
        let read = parsed(GOOD, true).expect("measurements");
        let wrong = read.wrong(1, Column::Id, "unknown", "rename").to_string();
        assert!(wrong.contains("h.csv, line 3, column 9 (id): unknown"), "{wrong}");
        let empty = read.missing(1, Column::X, "say where").to_string();
        assert!(empty.contains("line 3, column 3 (x): the field is empty") && empty.contains("say where"), "{empty}");
        let absent = read.missing(0, Column::Z, "say where").to_string();
        assert!(absent.contains("line 2: there is no column \"z\"") && absent.contains("are: unit, kind"), "{absent}");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), numbers in any::<bool>()) {
            let _ = parse("h.csv", &bytes, Dimension::Length.si(), Dimension::Time.si(), numbers);
        }
    }
}
