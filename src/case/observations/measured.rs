//! Heads, drawdowns, rates and the property from a data file: of which cell or well every line is, when, and how sure.

use std::collections::HashMap;

use super::super::file::{Case, Data, DataSource, Groundwater, Noise, ObservationKind};
use super::super::words;
use super::{Measurement, Unit, left_to_the_command_line, word};
use crate::error::{Error, Result};
use crate::forward::Datum;
use crate::forward::groundwater::{Observation, Quantity, TimeSteps};
use crate::io::measurements::{self, Column, Measurements, Row};
use crate::units::{Transform, nearest};

/// A line of a file on a case's grid.
pub(super) struct Reading {
    /// What is read from the heads.
    pub(super) observation: Observation,
    /// The datum, its unit, and its noise where the line gives it.
    pub(super) measurement: Measurement,
    /// What was observed, as the library carries it; `None` where the file is read for its geometry.
    pub(super) observed: Option<f64>,
}

/// The data file of a case with groundwater flow, with its numbers or the geometry alone.
///
/// # Errors
/// No file is named, or it cannot be read; see [`measurements::parse`].
pub(in crate::case) fn open(data: &Data, numbers: bool) -> Result<Measurements> {
    let DataSource::File(path) = &data.source else { return Err(left_to_the_command_line()) };
    measurements::read(path, data.columns.length_unit, data.columns.time_unit, numbers)
}

/// Every line of a file.
///
/// # Errors
/// A kind, a unit or a well that there is none of; a place outside of the grid, or none; a time outside of the run, none
/// where flow changes in time, one where it is steady; what is given, not found; no standard deviation where all are to
/// come from the file; a line that is there twice.
pub(super) fn readings(case: &Case, flow: &Groundwater, data: &Data, file: &Measurements) -> Result<Vec<Reading>> {
    let steps = flow.time.as_ref().map(|time| TimeSteps::new(time.ends())).transpose()?;
    let mut lines = HashMap::new();
    let read = |number: usize| {
        let line = Line { case, flow, file, number, row: &file.rows[number], steps: steps.as_ref() };
        let reading = line.reading(data)?;
        // Wells have names; of two data in one cell both may be meant if they differ in name or place.
        let bits = |x: Option<f64>| x.map(f64::to_bits);
        let at = if reading.is_of_well() { [None; 3] } else { line.row.at.map(bits) };
        let key = (reading.measurement.datum.kind, &line.row.id, at, bits(line.row.time));
        match lines.insert(key, line.row.line) {
            None => Ok(reading),
            Some(first) => {
                let problem = format!("the same was measured in line {first}, at the same place and time");
                Err(line.wrong(Column::Kind, problem, "leave one of the lines out, or give them ids of their own"))
            }
        }
    };
    (0..file.rows.len()).map(read).collect()
}

impl Reading {
    fn is_of_well(&self) -> bool {
        matches!(self.observation.quantity, Quantity::WellHead(_) | Quantity::WellDrawdown(_) | Quantity::Rate(_))
    }
}

/// A line, and what it is read against.
struct Line<'a> {
    case: &'a Case,
    flow: &'a Groundwater,
    file: &'a Measurements,
    /// From 0.
    number: usize,
    row: &'a Row,
    /// `None`: flow is steady.
    steps: Option<&'a TimeSteps>,
}

impl Line<'_> {
    fn reading(&self, data: &Data) -> Result<Reading> {
        let kind = self.kind()?;
        let (quantity, at) = if kind.is_of_wells() { self.well(kind)? } else { self.cell(kind)? };
        let time = self.time(kind)?;
        let unit = Unit::of(kind, &self.case.property).named(&self.row.unit);
        let unit = unit.map_err(|mistake| self.wrong(Column::Unit, mistake.problem, &mistake.remedy))?;
        let is_logarithm = self.case.property.transform != Transform::None;
        if let (ObservationKind::Property, false, Some(value)) = (kind, is_logarithm, self.row.observed)
            && value <= 0.0
        {
            let problem = format!("a {} of {value} lets no water through", self.case.property.quantity.name());
            return Err(self.wrong(Column::Observed, problem, "give a number above 0"));
        }
        let noise = match (self.row.observed, self.row.sigma, data.noise) {
            (_, Some(sigma), _) => Some(Noise::Absolute(unit.carried_difference(sigma))),
            (Some(_), None, Noise::File) => {
                let remedy = "give the standard deviation, or write noise = \"2 %\" in [data] for all without one";
                return Err(self.file.missing(self.number, Column::Sigma, remedy));
            }
            _ => None,
        };
        let id = self.row.id.clone().unwrap_or_else(|| (self.number + 1).to_string());
        Ok(Reading {
            observation: Observation { quantity, time },
            observed: self.row.observed.map(|value| unit.carried(value)),
            measurement: Measurement { datum: Datum { kind: word(kind), id, at, to: None, time }, unit, noise },
        })
    }

    fn wrong(&self, column: Column, problem: impl Into<String>, remedy: &str) -> Error {
        self.file.wrong(self.number, column, problem, remedy)
    }

    fn kind(&self) -> Result<ObservationKind> {
        let kinds = words::OBSERVATIONS.map(|(_, kind)| kind);
        let found = kinds.into_iter().find(|&kind| word(kind) == self.row.kind);
        let Some(kind) = found else {
            let problem = format!("\"{}\" is nothing that is measured of groundwater", self.row.kind);
            return Err(self.wrong(Column::Kind, problem, &one_of(&self.row.kind, "the kinds are", kinds.map(word))));
        };
        if self.steps.is_none() && matches!(kind, ObservationKind::Drawdown | ObservationKind::WellDrawdown) {
            let remedy = "give the head, or add [physics.time]";
            return Err(self.wrong(Column::Kind, "steady flow has no drawdown since a time 0", remedy));
        }
        Ok(kind)
    }

    /// The cell that holds the place, and the place.
    fn cell(&self, kind: ObservationKind) -> Result<(Quantity, [f64; 3])> {
        let grid = &self.case.grid;
        let mut at = self.row.at;
        if grid.is_2d() {
            // A map has one layer, whatever the depth of a screen.
            at[2] = at[2].or(Some(grid.center([0; 3])[2]));
        }
        for (coordinate, column) in at.iter().zip([Column::X, Column::Y, Column::Z]) {
            if coordinate.is_none() {
                return Err(self.file.missing(self.number, column, "say where it was measured"));
            }
        }
        let at = at.map(Option::unwrap_or_default);
        let Some(cell) = self.located(at) else {
            let ([x, y, z], low, size) = (at, grid.origin, grid.size());
            let outside = (0..3).find(|&a| !(low[a]..=low[a] + size[a]).contains(&at[a])).unwrap_or(0);
            let far: [f64; 3] = std::array::from_fn(|a| low[a] + size[a]);
            let axes = if grid.is_2d() { 2 } else { 3 };
            let span = |a: usize| format!("{} from {} m to {} m", ["x", "y", "z"][a], low[a], far[a]);
            let remedy = format!("the grid reaches along {}", (0..axes).map(span).collect::<Vec<_>>().join(", "));
            let problem = format!("the point ({x} m, {y} m, {z} m) is outside of the grid");
            return Err(self.wrong([Column::X, Column::Y, Column::Z][outside], problem, &remedy));
        };
        let cell = grid.index(cell);
        let quantity = match kind {
            ObservationKind::Drawdown => Quantity::Drawdown(cell),
            ObservationKind::Property => Quantity::Property(cell),
            _ => Quantity::Head(cell),
        };
        Ok((quantity, at))
    }

    /// The cell that holds a point; in a map whatever its height.
    fn located(&self, [x, y, z]: [f64; 3]) -> Option<[usize; 3]> {
        let grid = &self.case.grid;
        grid.locate([x, y, if grid.is_2d() { grid.origin[2] } else { z }])
    }

    /// The well that the line names, and where it stands.
    fn well(&self, kind: ObservationKind) -> Result<(Quantity, [f64; 3])> {
        let (wells, grid) = (&self.flow.wells, &self.case.grid);
        let Some(name) = &self.row.id else {
            return Err(self.file.missing(self.number, Column::Id, "name the well, as [[physics.well]] does"));
        };
        let Some(w) = wells.iter().position(|well| well.name == *name) else {
            let remedy = match wells.is_empty() {
                true => "add [[physics.well]] to the case".into(),
                false => one_of(name, "the wells are", wells.iter().map(|well| well.name.as_str())),
            };
            return Err(self.wrong(Column::Id, format!("there is no well \"{name}\""), &remedy));
        };
        let well = &wells[w];
        let is_held = well.control.is_head();
        let (quantity, given) = match kind {
            ObservationKind::Rate => (Quantity::Rate(w), (!is_held).then_some(("rate", "head"))),
            ObservationKind::WellDrawdown => (Quantity::WellDrawdown(w), is_held.then_some(("head", "rate"))),
            _ => (Quantity::WellHead(w), is_held.then_some(("head", "rate"))),
        };
        if let Some((given, found)) = given {
            let problem = format!("the {given} of the well \"{name}\" is given by the case, not found");
            let remedy = format!("give its {found} instead, or leave out the line");
            return Err(self.wrong(Column::Kind, problem, &remedy));
        }
        let [i, j] = well.column;
        let center = grid.center([i, j, well.layers.first().copied().unwrap_or(0)]);
        let at: [f64; 3] = std::array::from_fn(|a| self.row.at[a].unwrap_or(center[a]));
        if grid.locate([at[0], at[1], grid.origin[2]]).is_none_or(|[x, y, _]| [x, y] != [i, j]) {
            let problem = format!("the well \"{name}\" does not stand at ({} m, {} m)", at[0], at[1]);
            let remedy = format!(
                "its cell ({}, {}) is that around ({} m, {} m): correct the place here or in the case, or leave x and y \
                 empty",
                i + 1,
                j + 1,
                center[0],
                center[1]
            );
            return Err(self.wrong(Column::X, problem, &remedy));
        }
        Ok((quantity, at))
    }

    /// When, in s: no time of what does not change in time.
    fn time(&self, kind: ObservationKind) -> Result<Option<f64>> {
        let wrong = |problem: String, remedy: &str| Err(self.wrong(Column::Time, problem, remedy));
        match (self.steps, self.row.time) {
            (_, time) if kind == ObservationKind::Property => match time {
                None => Ok(None),
                Some(time) => {
                    wrong(format!("{time} s, and the property does not change in time"), "leave the field empty")
                }
            },
            (None, None) => Ok(None),
            (None, Some(time)) => {
                wrong(format!("{time} s, and flow is steady"), "leave the field empty, or add [physics.time]")
            }
            (Some(_), None) => {
                let remedy = "flow changes in time: say when it was measured, since time 0 of the case";
                Err(self.file.missing(self.number, Column::Time, remedy))
            }
            (Some(_), Some(0.0)) if kind == ObservationKind::Rate => {
                wrong("a rate at 0 s, when nothing flows yet".into(), "give a time inside of the first step")
            }
            (Some(steps), Some(time)) => match steps.inside(time) {
                Some(time) => Ok(Some(time)),
                None => {
                    let problem = format!("{time} s is after the end of the last step, {} s", steps.end());
                    wrong(problem, "add steps to [physics.time], or leave out the line")
                }
            },
        }
    }
}

/// What there is, in words, and what was meant.
fn one_of<'a>(found: &str, what: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let hint = nearest(found, known.clone()).map(|name| format!("did you mean \"{name}\"? ")).unwrap_or_default();
    format!("{hint}{what}: {}", known.into_iter().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;

    use super::super::Laid;
    use super::*;
    use crate::case::file::Physics;
    use crate::random::{Purpose, Stream};
    use crate::units::Dimension;

    const BLOCK: &str = r#"
format = 1
name = "block"
grid = { cells = [4, 3, 2], size = ["40 m", "60 m", "10 m"], origin = ["100 m", "0 m", "-10 m"] }
property = { name = "hydraulic conductivity", unit = "m/day", transform = "log10" }
prior = { method = "gaussian", realizations = 20 }
basis = { kind = "pca", rank = 5 }
inversion = { regularizer = "gaussian" }

[[scenario]]
name = "field"
gaussian = { mean = 0, standard_deviation = 1, structure = { model = "spherical", ranges = "50 m" } }

[physics]
kind = "groundwater"
boundary = [{ side = "left", head = "20 m" }]
specific_storage = "1e-4 1/m"
time.ends = ["1 h", "4 h", "1 day"]

[[physics.well]]
name = "P"
cell = [3, 2]
rate = "10 m3/day"

[[physics.well]]
name = "upper"
cell = [4, 3]
layers = [2]
head = "18 m"

[[physics.well]]
name = "lower"
cell = [4, 3]
layers = [1]
head = "17 m"

[data]
"#;

    const OBSERVED: &str = r#"
[[observation]]
kind = ["head", "drawdown"]
cells = [[2, 3], [3, 1]]
times = ["1 h", "2 h"]

[[observation]]
kind = "property"
cells = [[3, 1]]

[[observation]]
kind = ["well-head", "well-drawdown"]
wells = ["P"]

[[observation]]
kind = "rate"
wells = ["upper", "lower"]
times = ["4 h"]

[reference]
scenario = "field"
"#;

    const HEADER: &str = "kind,id,x,y,z,time,unit,observed,sigma\n";

    fn case(text: &str) -> Case {
        Case::parse(text, "block.toml").unwrap_or_else(|e| panic!("{e}"))
    }

    /// The block without an end of time.
    fn steady() -> String {
        BLOCK.replace("time.ends = [\"1 h\", \"4 h\", \"1 day\"]\n", "")
    }

    /// What a case of a data file makes of some lines.
    fn laid(text: &str, lines: &str) -> Result<Laid> {
        let case = case(&format!("{text}file = \"--data\"\n"));
        let data = case.data.as_ref().expect("data");
        let unit = |dimension: Dimension| dimension.si();
        let (length, time) = (unit(Dimension::Length), unit(Dimension::Time));
        let file = measurements::parse("h.csv", lines.as_bytes(), length, time, true)?;
        Laid::of_file(&case, data, &file)
    }

    /// The lines that a run writes of its data.
    fn written(laid: &Laid, observed: &Array1<f64>, sigma: f64) -> String {
        let line = |(Measurement { datum, unit, .. }, &carried): (&Measurement, &f64)| {
            let ([x, y, z], time) = (datum.at, datum.time.map(|t| t.to_string()).unwrap_or_default());
            let (name, observed) = (unit.name(), unit.reported(carried));
            let sigma = unit.reported_difference(sigma);
            format!("{},{},{x},{y},{z},{time},{name},{observed},{sigma}\n", datum.kind, datum.id)
        };
        HEADER.to_owned() + &laid.measurements.iter().zip(observed).map(line).collect::<String>()
    }

    fn comes_back(text: &str, observed: &str) {
        let synthetic = case(&format!("{text}{observed}"));
        let Some(Physics::Groundwater(_)) = &synthetic.physics else { panic!("groundwater") };
        let made = Laid::new(&synthetic, synthetic.data.as_ref().expect("data")).expect("instruments");
        let u = Array1::from(Stream::new(3, Purpose::Check, 0, 0).normals(synthetic.grid.len())) * 0.3 - 5.0;
        let host = made.instruments.host(&synthetic).expect("an aquifer");
        let predicted = host.predict(u.view()).expect("heads");
        let back = laid(text, &written(&made, &predicted, 0.25)).expect("the same data");
        let again = back.instruments.host(&synthetic).expect("an aquifer").predict(u.view()).expect("heads");
        assert_eq!(again, predicted, "the same is read at the same place and time");
        assert_eq!(back.measurements.len(), made.measurements.len());
        for (a, b) in back.measurements.iter().zip(&made.measurements) {
            assert_eq!((a.datum.kind, &a.datum.id, a.datum.at), (b.datum.kind, &b.datum.id, b.datum.at));
            assert_eq!((a.datum.time, &a.unit, a.noise), (b.datum.time, &b.unit, Some(Noise::Absolute(0.25))));
        }
        for (a, b) in back.observed.expect("data").iter().zip(&predicted) {
            assert!((a - b).abs() <= 4.0 * f64::EPSILON * b.abs(), "{a} and {b}");
        }
    }

    #[test]
    fn data_of_a_run_come_back_from_its_file() {
        comes_back(BLOCK, OBSERVED);
        let steady_data = OBSERVED
            .replace("[\"head\", \"drawdown\"]", "\"head\"")
            .replace("[\"well-head\", \"well-drawdown\"]", "\"well-head\"")
            .replace("times = [\"1 h\", \"2 h\"]\n", "")
            .replace("times = [\"4 h\"]\n", "");
        comes_back(&steady(), &steady_data);
        let map = steady()
            .replace("[4, 3, 2]", "[4, 3]")
            .replace("layers = [2]\n", "")
            .replace("layers = [1]\n", "")
            .replace("name = \"lower\"\ncell = [4, 3]", "name = \"lower\"\ncell = [4, 1]");
        comes_back(&map, &steady_data);
    }

    #[test]
    fn lines_find_their_cell_or_well_and_keep_id_unit_and_place() {
        let lines = format!(
            "{HEADER}head,OW1,111,59.9,-5.1,3600,cm,1900,2\nrate,upper,,,,86400,m3/day,8.64,\n\
             property,core,139,0,-0.5,,log10 m/s,-5.5,0.2\nhead,OW1,111,59.9,-5.1,86400.00000000001,m,19,\n"
        );
        let laid = laid(BLOCK, &lines).expect("data");
        let aquifer = laid.instruments.aquifer().expect("flow");
        let read: Vec<_> = aquifer.observations.iter().map(|o| (o.quantity, o.time)).collect();
        let (low, high) = (1 + 4 * 2, 3 + 4 * 3);
        let expected = [
            (Quantity::Head(low), Some(3600.0)),
            (Quantity::Rate(1), Some(86_400.0)),
            (Quantity::Property(high), None),
            (Quantity::Head(low), Some(86_400.0)),
        ];
        assert_eq!(read, expected);
        let [head, rate, property, last] = &laid.measurements[..] else { panic!("four data") };
        assert_eq!((&*head.datum.id, head.datum.at, head.unit.name()), ("OW1", [111.0, 59.9, -5.1], "cm".into()));
        assert_eq!((rate.datum.at, rate.noise, last.noise), ([135.0, 50.0, -2.5], None, None));
        assert_eq!((head.noise, property.noise), (Some(Noise::Absolute(0.02)), Some(Noise::Absolute(0.2))));
        assert_eq!(property.unit.name(), "log10 m/s");
        let observed = laid.observed.expect("data");
        for (found, expected) in observed.iter().zip([19.0, 1e-4, -5.5, 19.0]) {
            assert!((found - expected).abs() < 1e-12, "{observed:?}");
        }
    }

    #[test]
    fn lines_that_fit_no_aquifer_are_refused_with_place_value_and_what_was_expected() {
        let refused = |text: &str, lines: &str, words: &[&str]| {
            let found = laid(text, &format!("{HEADER}{lines}\n")).err().expect("a wrong line").to_string();
            for word in words {
                assert!(found.contains(word), "{word}\nis not in\n{found}");
            }
        };
        let steady = steady();
        refused(BLOCK, "heads,a,115,30,-5,3600,m,19,1", &["h.csv, line 2, column 1 (kind)", "did you mean \"head\"?"]);
        refused(BLOCK, "travel_time,a,115,30,-5,3600,s,19,1", &["\"travel_time\"", "the kinds are: head, drawdown"]);
        refused(&steady, "drawdown,a,115,30,-5,,m,19,1", &["(kind)", "steady flow has no drawdown", "[physics.time]"]);
        for (place, column) in
            [("99,30,-5", "column 3 (x)"), ("115,61,-5", "column 4 (y)"), ("115,30,1", "column 5 (z)")]
        {
            refused(
                &steady,
                &format!("head,a,{place},,m,19,1"),
                &[column, "outside of the grid", "x from 100 m to 140 m"],
            );
        }
        refused(&steady, "head,a,,30,-5,,m,19,1", &["column 3 (x): the field is empty", "where it was measured"]);
        refused(&steady, "property,a,115,30,,,log10 m/day,0,1", &["column 5 (z): the field is empty"]);
        refused(
            &steady,
            "rate,uper,,,,,m3/s,1,1",
            &["column 2 (id): there is no well \"uper\"", "did you mean \"upper\"?"],
        );
        refused(&steady, "rate,,135,50,-2.5,,m3/s,1,1", &["column 2 (id): the field is empty", "name the well"]);
        refused(&steady, "rate,P,,,,,m3/s,1,1", &["(kind): the rate of the well \"P\" is given", "its head instead"]);
        refused(&steady, "well_head,upper,,,,,m,1,1", &["(kind): the head of the well \"upper\" is given", "its rate"]);
        refused(
            &steady,
            "rate,upper,115,50,,,m3/s,1,1",
            &["column 3 (x)", "does not stand at (115 m, 50 m)", "(4, 3)"],
        );
        refused(&steady, "head,a,115,30,-5,60,m,19,1", &["column 6 (time): 60 s, and flow is steady"]);
        refused(BLOCK, "head,a,115,30,-5,,m,19,1", &["column 6 (time): the field is empty", "changes in time"]);
        refused(BLOCK, "head,a,115,30,-5,90000,m,19,1", &["90000 s is after the end of the last step, 86400 s"]);
        refused(BLOCK, "rate,upper,,,,0,m3/s,1,1", &["a rate at 0 s"]);
        refused(BLOCK, "property,a,115,30,-5,60,log10 m/day,0,1", &["column 6 (time)", "does not change in time"]);
        refused(&steady, "head,a,115,30,-5,,s,19,1", &["column 7 (unit): \"s\" is a unit of time", "unit of length"]);
        refused(&steady, "head,a,115,30,-5,,metre3,19,1", &["column 7 (unit): unknown unit \"metre3\""]);
        refused(&steady, "property,a,115,30,-5,,m/day,1,1", &["column 7 (unit): \"m/day\"", "\"log10 m/day\""]);
        let plain = steady.replace("transform = \"log10\"", "transform = \"none\"");
        refused(&plain, "property,a,115,30,-5,,m/day,-1,1", &["column 8 (observed)", "conductivity of -1", "above 0"]);
        let from_file = format!("{steady}noise = \"file\"\n");
        refused(&from_file, "head,a,115,30,-5,,m,19,", &["column 9 (sigma): the field is empty", "noise = \"2 %\""]);
        let twice = "head,a,115,30,-5,,m,19,1\nhead,b,115,30,-5,,m,19,1\nhead,a,115.0,30,-5,,cm,1900,1";
        refused(&steady, twice, &["line 4, column 1 (kind): the same was measured in line 2"]);
        refused(&steady, "rate,upper,,,,,m3/s,1,1\nrate,upper,135,50,,,m3/s,1,1", &["line 3", "in line 2"]);
        let without = laid(&steady, "kind,x,y,unit,observed\nhead,115,30,m,19\n").err().expect("no z").to_string();
        assert!(without.contains("h.csv, line 2: there is no column \"z\""), "{without}");
    }

    #[test]
    fn a_case_with_a_file_of_measurements_says_nothing_else_of_them() {
        let mistakes = |text: &str| Case::parse(text, "block.toml").expect_err("a wrong case").to_string();
        let file = format!("{BLOCK}file = \"--data\"\n");
        let (observations, _) = OBSERVED.split_once("[reference]").expect("a reference");
        assert!(mistakes(&format!("{file}{observations}")).contains("observation: the data file says all that"));
        let found = mistakes(&format!("{file}[reference]\nscenario = \"field\"\n"));
        assert!(found.contains("reference: with data from a file there is no reference"), "{found}");
        let found = mistakes(&format!("{file}noise = \"1 s\"\n"));
        assert!(found.contains("data.noise: the noise of [data] has the unit of a travel time"), "{found}");
        let found = mistakes(&format!("{file}columns = {{ id = \"name\" }}\n"));
        assert!(found.contains("data.columns: measurements of groundwater have the columns kind, id"), "{found}");
        let found = mistakes(&format!("{file}statics = {{ source = \"1 s\" }}\n"));
        assert!(found.contains("data.statics: static terms are errors of travel times"), "{found}");
        let units = case(&format!("{file}columns = {{ length_unit = \"km\", time_unit = \"day\" }}\n"));
        assert_eq!(case(&units.to_toml()), units, "the units alone can be chosen");
    }
}
