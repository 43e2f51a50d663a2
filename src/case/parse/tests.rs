//! Pumping tests from files.

use super::{MANY, NOT_NEGATIVE};
use crate::case::file::Tests;
use crate::case::reader::{Section, Value};
use crate::io::pumping::Columns;
use crate::units::{Dimension, Unit};

/// The section `[data.tests]`, where it is there.
pub(super) fn tests(section: Section<'_>) -> Option<Tests> {
    let is_present = section.is_present();
    let name = |key, otherwise: &str| {
        section.get(key).and_then(|v| v.text()).map_or_else(|| otherwise.to_owned(), str::to_owned)
    };
    let unit = |key, dimension: Dimension| -> Unit {
        section.get(key).and_then(|v| v.unit(dimension)).unwrap_or(dimension.si())
    };
    let columns = Columns {
        tests_file: name("list", "tests.csv"),
        wells_file: name("wells", "wells.csv"),
        series_file: name("series", "test_{test}.csv"),
        test: name("test", "test"),
        pumped: name("pumped", "pumped"),
        rate: name("rate", "rate"),
        well: name("well", "well"),
        x: name("x", "x"),
        y: name("y", "y"),
        radius: section.get("radius").and_then(|v| v.text()).map(str::to_owned),
        observed: name("observed", "observed"),
        time: name("time", "time"),
        drawdown: name("drawdown", "drawdown"),
        length_unit: unit("length_unit", Dimension::Length),
        time_unit: unit("time_unit", Dimension::Time),
        rate_unit: unit("rate_unit", Dimension::Rate),
    };
    let left_out = section.get("leave_out").and_then(|v| {
        let items = v.list(0, MANY, "names of tests, e.g. [\"B4\"]")?;
        items.iter().map(|v: &Value<'_>| v.text().map(str::to_owned)).collect::<Option<Vec<_>>>()
    });
    let error = section.get("series_error");
    let error = error.and_then(|v| v.quantity(Dimension::Length, "a length of 0 or more", NOT_NEGATIVE));
    let from = section.get("from").and_then(|v| v.quantity(Dimension::Time, "a time above 0", |t| t > 0.0));
    let tests = Tests {
        columns,
        samples: section.get("samples").and_then(|v| v.count(1..=MANY)).unwrap_or(16),
        from: from.unwrap_or(1.0),
        series_error: error.unwrap_or(0.0),
        left_out: left_out.unwrap_or_default(),
    };
    section.finish();
    is_present.then_some(tests)
}
