//! Tables as CSV: a header line, a line a datum; what every reader of measurements has in common.

use std::io::Write;

use csv::{ReaderBuilder, StringRecord, WriterBuilder};

use crate::error::{Error, Result};
use crate::units::nearest;

/// The file as it was, to be echoed beside predictions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) header: StringRecord,
    pub(crate) rows: Vec<StringRecord>,
    pub(super) delimiter: u8,
}

impl Table {
    /// Writes the file again, every column as it was, with one more column `predicted`.
    ///
    /// # Errors
    /// What the writer says.
    pub(super) fn write_predicted(
        &self,
        to: impl Write,
        predicted: impl ExactSizeIterator<Item = f64>,
    ) -> std::io::Result<()> {
        assert_eq!(predicted.len(), self.rows.len(), "predicted data, one a line");
        let mut writer = WriterBuilder::new().delimiter(self.delimiter).from_writer(to);
        let mut name = "predicted".to_owned();
        for number in 2.. {
            if self.header.iter().all(|h| h != name) {
                break;
            }
            name = format!("predicted_{number}");
        }
        writer.write_record(self.header.iter().chain([name.as_str()]))?;
        for (row, value) in self.rows.iter().zip(predicted) {
            let value = value.to_string();
            writer.write_record(row.iter().chain([value.as_str()]))?;
        }
        writer.flush()
    }
}

/// The table of a text; columns are parted by commas, semicolons or tabs, whichever the header line has most of; lines that
/// begin with `#` are comments.
///
/// # Errors
/// No header, no data below it, a line with too few or too many fields.
pub(crate) fn table(place: &str, text: &str) -> Result<Table> {
    let first = text.lines().find(|l| !l.trim().is_empty() && !l.starts_with('#')).unwrap_or_default();
    let count = |delimiter: u8| first.bytes().filter(|b| *b == delimiter).count();
    // The comma wins a tie: it is the last of the largest.
    let delimiter = [b'\t', b';', b','].into_iter().max_by_key(|d| count(*d)).unwrap_or(b',');
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let damaged = |e: csv::Error| Error::input(place, e.to_string(), "give a CSV file with a header line");
    let header = reader.headers().map_err(damaged)?.clone();
    if header.is_empty() {
        return Err(super::empty(place));
    }
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(damaged)?;
        if row.len() != header.len() {
            let line = row.position().map_or(0, |p| p.line());
            let problem = format!("the line has {} fields, the header {}", row.len(), header.len());
            let remedy = "give every line one field a column; a decimal comma is read as the end of a field";
            return Err(Error::input(format!("{place}, line {line}"), problem, remedy));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(Error::input(place, "there are no data below the header", "give at least one line of data"));
    }
    Ok(Table { header, rows, delimiter })
}

pub(super) fn known(header: &StringRecord) -> String {
    format!("the columns of the file are: {}", header.iter().collect::<Vec<_>>().join(", "))
}

pub(super) fn column(place: &str, header: &StringRecord, name: &str) -> Result<usize> {
    let mut found = header.iter().enumerate().filter(|(_, h)| *h == name).map(|(c, _)| c);
    match (found.next(), found.next()) {
        (Some(column), None) => Ok(column),
        (Some(a), Some(b)) => {
            let problem = format!("columns {} and {} are both called \"{name}\"", a + 1, b + 1);
            Err(Error::input(place, problem, "rename one of them"))
        }
        (None, _) => {
            let hint = nearest(name, header.iter()).map(|n| format!("did you mean \"{n}\"? ")).unwrap_or_default();
            Err(Error::input(place, format!("there is no column \"{name}\""), format!("{hint}{}", known(header))))
        }
    }
}

/// What a number may be.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Range {
    Finite,
    NotNegative,
    Positive,
}

/// A line of the file, for reading its fields.
pub(crate) struct Field<'a> {
    pub(crate) place: &'a str,
    pub(crate) header: &'a StringRecord,
    pub(crate) row: &'a StringRecord,
}

impl Field<'_> {
    pub(crate) fn line(&self) -> u64 {
        self.row.position().map_or(0, |p| p.line())
    }

    pub(crate) fn place(&self, column: usize) -> String {
        let name = self.header.get(column).unwrap_or_default();
        format!("{}, line {}, column {} ({name})", self.place, self.line(), column + 1)
    }

    /// What is in a column; `None` where it is empty.
    pub(crate) fn text(&self, column: usize) -> Option<&str> {
        self.row.get(column).filter(|text| !text.is_empty())
    }

    pub(crate) fn number(&self, column: usize, range: Range) -> Result<f64> {
        let text = self.row.get(column).unwrap_or_default();
        let wrong = |problem: String, remedy: &str| Err(Error::input(self.place(column), problem, remedy));
        let value = match text.parse::<f64>() {
            Ok(value) => value,
            Err(_) if text.is_empty() => {
                return wrong("the field is empty".into(), "give a number, or leave out the line");
            }
            Err(_) => {
                return wrong(
                    format!("\"{text}\" is no number"),
                    "numbers look like 39.9667 or 4e-8, with a decimal point",
                );
            }
        };
        match range {
            _ if !value.is_finite() => {
                wrong(format!("\"{text}\" is not finite"), "leave out data that were not measured")
            }
            Range::NotNegative if value < 0.0 => {
                wrong(format!("a time of {text} is negative"), "correct the time zero, or leave out the datum")
            }
            Range::Positive if value <= 0.0 => {
                let problem = format!("a standard deviation of {text} is not positive");
                wrong(problem, "every datum has an error: give its standard deviation, or set data.noise instead")
            }
            _ => Ok(value),
        }
    }

    pub(super) fn id(&self, column: Option<usize>, index: usize) -> Result<String> {
        let Some(column) = column else { return Ok((index + 1).to_string()) };
        match self.row.get(column).unwrap_or_default() {
            "" => Err(Error::input(self.place(column), "the id is empty", "give every datum an id of its own")),
            id => Ok(id.to_owned()),
        }
    }
}
