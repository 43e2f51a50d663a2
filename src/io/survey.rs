//! Surveys as CSV: a header line, a line a datum; which column is what is named by the case, and so are the units.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use csv::StringRecord;

use super::table::{Field, Range, Table, column, known, table};
use crate::error::{Error, Result};
use crate::units::Unit;

/// Names of the columns, and the units of their numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// Name of each datum; without it data are called by their number, from 1.
    pub id: Option<String>,
    /// Position of the source along the grid's first, second and third axis (in a section the second is depth); 0 where
    /// there is no column.
    pub source: [Option<String>; 3],
    /// Position of the receiver, likewise.
    pub receiver: [Option<String>; 3],
    /// Travel time.
    pub time: Option<String>,
    /// Standard deviation of the time.
    pub sigma: Option<String>,
    /// Unit of the positions.
    pub length_unit: Unit,
    /// Unit of times and standard deviations.
    pub time_unit: Unit,
}

impl Columns {
    /// The same columns for a file of geometry alone, without times and standard deviations.
    pub fn geometry(&self) -> Self {
        Self { time: None, sigma: None, ..self.clone() }
    }
}

/// A survey of m data, in SI.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// Name of each datum, m unique ones.
    pub ids: Vec<String>,
    /// Positions of the sources along the grid's axes \[m\], m.
    pub sources: Vec<[f64; 3]>,
    /// Positions of the receivers along the grid's axes \[m\], m.
    pub receivers: Vec<[f64; 3]>,
    /// Travel times \[s\], m, where the file has them.
    pub times: Option<Vec<f64>>,
    /// Standard deviations of the times \[s\], m, where the file has them.
    pub sigmas: Option<Vec<f64>>,
    /// What the reader assumed.
    pub notes: Vec<String>,
    table: Table,
    time_unit: Unit,
}

/// Reads a survey.
///
/// # Errors
/// See [`parse`], or a file that cannot be read.
pub fn read(path: &Path, columns: &Columns) -> Result<Survey> {
    parse(&path.display().to_string(), &super::bytes(path)?, columns)
}

/// As [`read`], from bytes; `place` is what errors call the file. Columns are parted by commas, semicolons or tabs,
/// whichever the header line has most of; lines that begin with `#` are comments.
///
/// # Errors
/// An empty file, one without data, text that is not UTF-8; a column that is missing (with the nearest name) or twice
/// there; a line with too few or too many fields; a field that is no number or not finite; a negative time; a standard
/// deviation that is not positive; an id used twice or empty.
pub fn parse(place: &str, bytes: &[u8], columns: &Columns) -> Result<Survey> {
    let text = super::text(place, bytes)?;
    let table = table(place, text)?;
    let at = Positions::find(place, &table.header, columns)?;
    let m = table.rows.len();
    let mut notes = Vec::new();
    if table.delimiter != b',' {
        notes.push(format!("columns are parted by {:?}", char::from(table.delimiter)));
    }
    if columns.id.is_none() {
        notes.push("no column of ids: data are called by their number, from 1".into());
    }
    notes.push(format!("positions in {}, times in {}", columns.length_unit, columns.time_unit));
    let mut survey = Survey {
        ids: Vec::with_capacity(m),
        sources: Vec::with_capacity(m),
        receivers: Vec::with_capacity(m),
        times: at.time.map(|_| Vec::with_capacity(m)),
        sigmas: at.sigma.map(|_| Vec::with_capacity(m)),
        notes,
        table: Table { header: table.header.clone(), rows: Vec::new(), delimiter: table.delimiter },
        time_unit: columns.time_unit,
    };
    let mut lines_of_ids = HashMap::new();
    for row in &table.rows {
        let field = Field { place, header: &table.header, row };
        survey.sources.push(position(&field, &at.source, columns.length_unit)?);
        survey.receivers.push(position(&field, &at.receiver, columns.length_unit)?);
        if let (Some(column), Some(times)) = (at.time, &mut survey.times) {
            times.push(columns.time_unit.to_si(field.number(column, Range::NotNegative)?));
        }
        if let (Some(column), Some(sigmas)) = (at.sigma, &mut survey.sigmas) {
            sigmas.push(columns.time_unit.to_si(field.number(column, Range::Positive)?));
        }
        let id = field.id(at.id, survey.ids.len())?;
        if let Some(first) = lines_of_ids.insert(id.clone(), field.line()) {
            let problem = format!("the id \"{id}\" is that of line {first} too");
            return Err(Error::input(field.place(at.id.unwrap_or(0)), problem, "give every datum an id of its own"));
        }
        survey.ids.push(id);
    }
    survey.table.rows = table.rows;
    Ok(survey)
}

impl Survey {
    /// Number of data m.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no data; a survey that was read has some.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Writes the file again, every column and id as it was, with one more column `predicted`: `predicted` times \[s\]
    /// in the unit of the file's times.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_predicted(&self, to: impl Write, predicted: &[f64]) -> std::io::Result<()> {
        self.table.write_predicted(to, predicted.iter().map(|&time| self.time_unit.from_si(time)))
    }
}

/// Numbers of the columns, from 0.
struct Positions {
    id: Option<usize>,
    source: [Option<usize>; 3],
    receiver: [Option<usize>; 3],
    time: Option<usize>,
    sigma: Option<usize>,
}

impl Positions {
    fn find(place: &str, header: &StringRecord, columns: &Columns) -> Result<Self> {
        let find = |name: &Option<String>| name.as_ref().map(|n| column(place, header, n)).transpose();
        let axes = |names: &[Option<String>; 3], what: &str| -> Result<[Option<usize>; 3]> {
            if names.iter().all(Option::is_none) {
                let problem = format!("no column is named for the position of the {what}");
                return Err(Error::input(place, problem, format!("name one for each axis; {}", known(header))));
            }
            Ok([find(&names[0])?, find(&names[1])?, find(&names[2])?])
        };
        Ok(Self {
            id: find(&columns.id)?,
            source: axes(&columns.source, "source")?,
            receiver: axes(&columns.receiver, "receiver")?,
            time: find(&columns.time)?,
            sigma: find(&columns.sigma)?,
        })
    }
}

fn position(field: &Field<'_>, columns: &[Option<usize>; 3], unit: Unit) -> Result<[f64; 3]> {
    let mut position = [0.0; 3];
    for (axis, column) in columns.iter().enumerate() {
        if let Some(column) = column {
            position[axis] = unit.to_si(field.number(*column, Range::Finite)?);
        }
    }
    Ok(position)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::atomic::tests::Full;
    use super::*;
    use crate::units::Dimension;

    fn columns() -> Columns {
        let name = |n: &str| Some(n.to_owned());
        Columns {
            id: name("ray_id"),
            source: [name("sx_m"), name("sz_m"), None],
            receiver: [name("rx_m"), name("rz_m"), None],
            time: name("t_ns"),
            sigma: name("t_std_ns"),
            length_unit: Dimension::Length.si(),
            time_unit: Unit::parse("ns", Dimension::Time).expect("a known unit"),
        }
    }

    const GOOD: &str = "ray_id,sx_m,sz_m,rx_m,rz_m,t_ns,t_std_ns\n0,0.0,2.0,5.0,1.0,40,0.80\nb,0,3,5,1.25,39.5,0.8\n";

    #[test]
    fn a_survey_is_read_in_si_along_the_axes_of_a_section() {
        let survey = parse("s.csv", GOOD.as_bytes(), &columns()).expect("a survey");
        assert_eq!(survey.ids, ["0", "b"]);
        assert_eq!(survey.sources, [[0.0, 2.0, 0.0], [0.0, 3.0, 0.0]]);
        assert_eq!(survey.receivers[1], [5.0, 1.25, 0.0]);
        assert_eq!(survey.times, Some(vec![40.0 * 1e-9, 39.5 * 1e-9]));
        assert_eq!(survey.sigmas, Some(vec![0.8 * 1e-9; 2]));
        let same = GOOD.replace(',', ";").replace('\n', "\r\n");
        let other =
            parse("s.csv", format!("\u{feff}# made by hand\n{same}").as_bytes(), &columns()).expect("semicolons");
        assert_eq!((other.ids, other.times), (survey.ids, survey.times));
        let mut unnamed = columns().geometry();
        unnamed.id = None;
        let geometry = parse("s.csv", GOOD.as_bytes(), &unnamed).expect("geometry");
        assert_eq!((geometry.ids, geometry.times), (vec!["1".to_owned(), "2".to_owned()], None));
    }

    #[test]
    fn predictions_stand_beside_the_file_as_it_was() {
        let survey = parse("s.csv", GOOD.as_bytes(), &columns()).expect("a survey");
        let mut file = Vec::new();
        survey.write_predicted(&mut file, &[41e-9, 38.25e-9]).expect("memory takes all");
        let text = String::from_utf8(file.clone()).expect("text");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "ray_id,sx_m,sz_m,rx_m,rz_m,t_ns,t_std_ns,predicted");
        assert!(lines[1].starts_with("0,0.0,2.0,5.0,1.0,40,0.80,"), "{}", lines[1]);
        let mut again = columns();
        again.time = Some("predicted".into());
        let read = parse("p.csv", &file, &again).expect("what was written");
        for (found, expected) in read.times.clone().expect("times").iter().zip([41e-9, 38.25e-9]) {
            assert!((found - expected).abs() <= 4.0 * f64::EPSILON * expected);
        }
        let mut twice = Vec::new();
        read.write_predicted(&mut twice, &[0.0, 0.0]).expect("memory takes all");
        assert!(String::from_utf8(twice).expect("text").contains(",predicted,predicted_2\n"));
        let full = Full { to: Vec::new(), room: 70 };
        assert!(survey.write_predicted(full, &[0.0, 0.0]).is_err(), "a full disk is told");
    }

    #[test]
    fn wrong_files_are_refused_with_line_and_column() {
        let message = |text: &str| parse("s.csv", text.as_bytes(), &columns()).expect_err("a wrong file").to_string();
        let changed = |from: &str, to: &str| message(&GOOD.replacen(from, to, 1));
        assert!(message("").contains("empty"));
        assert!(message("\n\n").contains("empty"));
        assert!(message(&GOOD[..GOOD.find('\n').expect("a line")]).contains("no data below the header"));
        let missing = changed("t_ns", "tns");
        assert!(missing.contains("no column \"t_ns\"") && missing.contains("did you mean \"tns\"?"), "{missing}");
        assert!(changed("sz_m", "sx_m").contains("columns 2 and 3 are both called \"sx_m\""));
        let number = changed("39.5", "39.5ns");
        assert!(number.contains("line 3, column 6 (t_ns): \"39.5ns\" is no number"), "{number}");
        assert!(changed("39.5", "").contains("the field is empty"));
        assert!(changed("39.5", "NaN").contains("line 3, column 6 (t_ns): \"NaN\" is not finite"));
        assert!(changed("39.5", "1e999").contains("is not finite"));
        assert!(changed("1.25", "inf").contains("column 5 (rz_m): \"inf\" is not finite"));
        assert!(changed("39.5", "-1").contains("a time of -1 is negative"));
        assert!(changed("0.80", "0").contains("a standard deviation of 0 is not positive"));
        assert!(changed("0.80", "-0.8").contains("line 2, column 7 (t_std_ns)"));
        assert!(changed("b,", "0,").contains("line 3, column 1 (ray_id): the id \"0\" is that of line 2 too"));
        assert!(changed("b,", ",").contains("the id is empty"));
        assert!(changed("39.5", "39,5").contains("line 3: the line has 8 fields, the header 7"));
        let binary = parse("s.csv", b"ray_id\n\xff\xfe", &columns()).expect_err("no text").to_string();
        assert!(binary.contains("line 2: byte 0xff"), "{binary}");
        let mut nowhere = columns();
        nowhere.source = [None, None, None];
        let nowhere = parse("s.csv", GOOD.as_bytes(), &nowhere).expect_err("no source").to_string();
        assert!(nowhere.contains("the position of the source"), "{nowhere}");
    }

    #[test]
    fn the_arrenaes_files_are_read_as_their_notes_say() {
        let Some(folder) = crate::testing::reference("realdata/arrenaes") else { return };
        let train = read(&folder.join("am13_train.csv"), &columns()).expect("a survey");
        let test = read(&folder.join("am13_predict_geometry.csv"), &columns().geometry()).expect("geometry");
        assert_eq!((train.len(), test.len(), test.times.is_none()), (351, 351, true));
        assert!(train.ids.iter().all(|id| !test.ids.contains(id)), "two halves of 702 rays");
        let offset = train.sources.iter().zip(&train.receivers).all(|(s, r)| s[0] == 0.0 && r[0] == 5.0);
        assert!(offset, "boreholes 5 m apart");
        let times = train.times.expect("times");
        assert!(times.iter().all(|t| (31.1e-9..54.5e-9).contains(t)), "31.2 to 54.4 ns");
        let without = read(&folder.join("am13_predict_geometry.csv"), &columns()).expect_err("no times").to_string();
        assert!(without.contains("no column \"t_ns\""), "{without}");
    }

    proptest! {
        #[test]
        fn mutated_files_never_panic(at in 0usize..200, byte in any::<u8>(), cut in 0usize..200) {
            let mut file = GOOD.as_bytes().to_vec();
            let at = at % file.len();
            file[at] = byte;
            file.truncate(cut);
            if let Ok(survey) = parse("s.csv", &file, &columns()) {
                prop_assert!(survey.times.iter().flatten().all(|t| t.is_finite() && *t >= 0.0));
                prop_assert!(survey.sigmas.iter().flatten().all(|s| s.is_finite() && *s > 0.0));
            }
        }

        #[test]
        fn any_text_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse("s.csv", &bytes, &columns());
        }
    }
}
