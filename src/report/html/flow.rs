//! Groundwater: maps of the head with isolines, heads in the wells, curves over time with fit and forecast.

use ndarray::{Array4, ArrayView3, Axis as Along};

use super::{escape, section, table};
use crate::report::colour::Palette;
use crate::report::data::{Folder, Heads, Response, Run, WellCell};
use crate::report::figures::{Axis, Chart, number, time_unit};
use crate::report::maps::{Frame, Map, Maps, colour_bar};

/// Beyond so many places, the curves of the rest are folded away.
const SHOWN_CURVES: usize = 8;
/// Beyond so many, they are left out.
const CURVES: usize = 48;

/// The sections of heads and of curves; empty where the folder has none.
pub(super) fn sections(folder: &Folder, run: &Run, maps: &Maps) -> String {
    let heads = run.heads.as_ref().map(|heads| heads_section(folder, run, heads, maps)).unwrap_or_default();
    heads + &curves_section(run)
}

fn heads_section(folder: &Folder, run: &Run, heads: &Heads, maps: &Maps) -> String {
    let map = |heading, field| Map { frame: Frame::Time, palette: Palette::Head, ..Map::of(heading, field) };
    let mut panels = String::new();
    if heads.reference.is_some() {
        panels += &map("Head of the reference", "head_reference").figure();
    }
    if heads.parameterized.is_some() && run.has_model_step() {
        panels += &map("Head of Φv", "head_parameterized").figure();
    }
    panels += &map(if run.has_model_step() { "Head of u" } else { "Head of Φv" }, "head").figure();
    let bar = maps.head.map(|scale| colour_bar(Palette::Head, scale, "head [m]", true)).unwrap_or_default();
    let of_tests = !heads.tests.is_empty();
    // Each well of a test is pumped in a frame of its own: one state has not all their heads.
    let of_wells = if of_tests { String::new() } else { wells(folder, run, heads) };
    let body = format!(
        "<p>{}Lines join places of equal head; water flows across them, from high to low. The maps share one scale, that \
         of {}: heads of a model beyond it have the colour of the scale's end. Point at a map to read its values.</p>{}\
         {bar}<div class=\"maps\">{panels}</div>{}{of_wells}",
        if of_tests { "At the end of each pumping test, those that are left out too. " } else { "" },
        if heads.reference.is_some() { "the reference" } else { "Φv" },
        controls(folder, maps, if of_tests { "At the end of" } else { "Time" }),
        against_reference(run, heads),
    );
    section("heads", "The heads", &body)
}

/// Sliders of time (or what else `frames` are) and, in a block, of the layer.
fn controls(folder: &Folder, maps: &Maps, frames: &str) -> String {
    let mut inside = String::new();
    if maps.head_frames.len() > 1 {
        let last = maps.head_frames.len() - 1;
        inside += &format!(
            "<div class=\"control\"><label for=\"time\">{frames}</label><input type=\"range\" id=\"time\" min=\"0\" \
             max=\"{last}\" value=\"{last}\" step=\"1\"><output for=\"time\" id=\"time-text\"></output></div>"
        );
    }
    inside += &super::layer_control(&folder.case, "heads");
    super::controls_around(&inside)
}

/// Heads of all cells against the reference's.
fn against_reference(run: &Run, heads: &Heads) -> String {
    let Some(reference) = &heads.reference else { return String::new() };
    let row = |name: &str, of: &Array4<f64>| {
        let errors = || of.iter().zip(reference).map(|(a, b)| (a - b).abs()).filter(|e| e.is_finite());
        let count = errors().count().max(1) as f64;
        let rmse = (errors().map(|e| e * e).sum::<f64>() / count).sqrt();
        vec![name.to_owned(), number(rmse), number(errors().fold(0.0, f64::max))]
    };
    let mut rows = Vec::new();
    rows.extend(heads.parameterized.as_ref().map(|of| row("Φv", of)));
    if run.has_model_step() || rows.is_empty() {
        rows.push(row("u", &heads.model));
    }
    let header = ["Heads of all cells against the reference", "RMSE [m]", "largest error [m]"].map(str::to_owned);
    table(&header, &rows)
}

/// Heads in the cells of the wells at the last time.
fn wells(folder: &Folder, run: &Run, heads: &Heads) -> String {
    if run.wells.is_empty() {
        return String::new();
    }
    let last = |stack: &Array4<f64>, cell: &WellCell| {
        let frame = stack.index_axis(Along(0), stack.shape()[0] - 1);
        at(folder, frame, cell).map_or("—".to_owned(), number)
    };
    let with_reference = heads.reference.is_some();
    let has_model = run.has_model_step() || heads.parameterized.is_none();
    let rows: Vec<Vec<String>> = (run.wells.iter())
        .map(|cell| {
            let held = match cell.control.as_str() {
                "schedule" => "rate, at most",
                other => other,
            };
            let mut row = vec![
                escape(&cell.name),
                format!("({}, {})", number(cell.x), number(cell.y)),
                cell.layer.to_string(),
                format!("{held} {} {}", number(cell.value), escape(&cell.unit)),
            ];
            row.extend(heads.reference.as_ref().map(|of| last(of, cell)));
            row.extend(heads.parameterized.as_ref().map(|of| last(of, cell)));
            row.extend(has_model.then(|| last(&heads.model, cell)));
            row
        })
        .collect();
    let mut header = vec!["well", "place (x, y) [m]", "layer", "held"];
    header.extend(with_reference.then_some("head of the reference [m]"));
    header.extend(heads.parameterized.is_some().then_some("head of Φv [m]"));
    header.extend(has_model.then_some("head of u [m]"));
    let header: Vec<String> = header.into_iter().map(str::to_owned).collect();
    let note =
        "Heads of the wells' cells. A well that a model cuts off from the rest shows at once: its head is far off.";
    let table = format!("{}<p class=\"note\">{note}</p>", table(&header, &rows));
    match rows.len() > 12 {
        true => format!("<details><summary>Heads in the {} cells of the wells</summary>{table}</details>", rows.len()),
        false => format!("<h3>Heads in the wells</h3>{table}"),
    }
}

/// The value of a field where a well's cell is.
fn at(folder: &Folder, field: ArrayView3<'_, f64>, cell: &WellCell) -> Option<f64> {
    let grid = &folder.case.grid;
    let index = |a: usize, x: f64| {
        let i = ((x - grid.origin[a]) / grid.spacing[a]).floor();
        (i >= 0.0 && (i as usize) < grid.cells[a]).then_some(i as usize)
    };
    let (i, j) = (index(0, cell.x)?, index(1, cell.y)?);
    field.get([cell.layer.checked_sub(1)?, j, i]).copied()
}

/// Curves over time, a chart a place and kind.
fn curves_section(run: &Run) -> String {
    let mut places: Vec<(&str, &str)> = Vec::new();
    for r in &run.responses {
        if !places.contains(&(r.place.as_str(), r.kind.as_str())) {
            places.push((&r.place, &r.kind));
        }
    }
    // Where something was measured comes first.
    let measured = |place: &(&str, &str)| own(run, *place).iter().any(|r| r.observed.is_some());
    places.sort_by_key(|place| !measured(place));
    let charts: Vec<String> =
        places.iter().take(CURVES).map(|place| curve(run, *place)).filter(|chart| !chart.is_empty()).collect();
    if charts.is_empty() {
        return String::new();
    }
    let (shown, folded) = charts.split_at(charts.len().min(SHOWN_CURVES));
    let folded = match folded.len() {
        0 => String::new(),
        n => format!(
            "<details><summary>{n} more places</summary><div class=\"charts\">{}</div></details>",
            folded.concat()
        ),
    };
    let left_out = match places.len().saturating_sub(CURVES) {
        0 => String::new(),
        n => format!(" The curves of {n} more places are in <code>drawdown.csv</code>."),
    };
    let fit = run.responses.iter().filter(|r| r.observed.is_some()).map(|r| r.time).fold(0.0, f64::max);
    let forecast = match run.responses.iter().any(|r| r.time > fit) {
        true => " Behind the last datum of all, where the ground is shaded, they are a forecast.",
        false => "",
    };
    let body = format!(
        "<p>What the models say of the places over time, with the data that they were fitted to.{forecast}{left_out}</p>\
         <div class=\"charts\">{}</div>{folded}",
        shown.concat()
    );
    section("curves", "Over time: fit and forecast", &body)
}

fn own<'a>(run: &'a Run, (place, kind): (&str, &str)) -> Vec<&'a Response> {
    run.responses.iter().filter(|r| r.place == place && r.kind == kind).collect()
}

/// A model in a chart: its name, its class, what it predicts.
type Predicted<'a> = (&'a str, &'a str, fn(&Response) -> f64);

fn curve(run: &Run, (place, kind): (&str, &str)) -> String {
    let mut rows = own(run, (place, kind));
    rows.sort_by(|a, b| a.time.total_cmp(&b.time));
    let longest = rows.iter().map(|r| r.time).fold(0.0, f64::max);
    if rows.len() < 2 || longest <= 0.0 {
        return String::new();
    }
    let (unit, name) = time_unit(longest);
    let shortest = rows.iter().map(|r| r.time).filter(|t| *t > 0.0).fold(longest, f64::min);
    let log = longest > 50.0 * shortest;
    let rows: Vec<_> = rows.into_iter().filter(|r| !log || r.time > 0.0).collect();
    let values = |r: &&Response| {
        let predicted = [Some(r.predicted_parameterized), Some(r.predicted_model), r.predicted_facies];
        predicted.into_iter().chain([r.reference, r.observed]).flatten()
    };
    // A model that is far off does not flatten what was measured.
    let near: Vec<f64> = rows.iter().flat_map(|r| r.reference.or(r.observed).into_iter()).collect();
    let [low, high] = limits(&near, rows.iter().flat_map(values));
    // A drawdown begins at zero.
    let low = if kind == "drawdown" && low > 0.0 { 0.0 } else { low };
    let x = match log {
        true => Axis::around(&format!("time [{name}]"), rows.iter().map(|r| r.time / unit), true),
        false => Axis::linear(&format!("time [{name}]"), 0.0, 1.02 * longest / unit),
    };
    let measure = &rows[0].unit;
    let fitted = run.responses.iter().filter(|r| r.observed.is_some()).map(|r| r.time).fold(0.0, f64::max);
    let end = x.ends()[1];
    let mut chart = Chart::new(x, Axis::linear(&format!("{kind} [{measure}]"), low, high));
    if fitted > 0.0 && longest > fitted {
        chart.band(fitted / unit, end, "forecast", "forecast");
    }
    let line = |value: &dyn Fn(&Response) -> Option<f64>| -> Vec<(f64, f64)> {
        let points = rows.iter().filter_map(|r| Some((r.time / unit, value(r)?)));
        points.filter(|(_, v)| (low..=high).contains(v)).collect()
    };
    let reference = line(&|r| r.reference);
    if !reference.is_empty() {
        chart.line(&reference, "c thick", "reference");
    }
    let mut beyond = Vec::new();
    let models: [Predicted<'_>; 2] = [("Φv", "a", |r| r.predicted_parameterized), ("u", "b", |r| r.predicted_model)];
    for (model, class, value) in models.into_iter().take(if run.has_model_step() { 2 } else { 1 }) {
        chart.line(&line(&|r| Some(value(r))), class, model);
        let off = |r: &&&Response| !(low..=high).contains(&value(r));
        beyond.extend(
            rows.iter().rev().find(off).map(|r| format!("{model} leaves the chart: to {} {measure}", number(value(r)))),
        );
    }
    let facies = line(&|r| r.predicted_facies);
    if !facies.is_empty() {
        chart.line(&facies, "b", "Φv thresholded");
    }
    let dots: Vec<_> = (rows.iter())
        .filter_map(|r| {
            let d = r.observed?;
            Some((r.time / unit, d, format!("after {} {name}: {} {measure}", number(r.time / unit), number(d))))
        })
        .collect();
    if !dots.is_empty() {
        chart.dots(&dots, "observed", false, "observed");
    }
    let heading = format!("{}: {kind}", place);
    chart.figure(&heading, &format!("{heading} over time, {} data", dots.len()), &escape(&beyond.join("; ")))
}

/// Ends of the vertical axis: all values, but no further from those of `near` than these reach apart; where they are one
/// value, no further than its size.
fn limits(near: &[f64], all: impl Iterator<Item = f64>) -> [f64; 2] {
    let span = |values: &mut dyn Iterator<Item = f64>| {
        values.filter(|v| v.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)))
    };
    let (mut low, mut high) = span(&mut all.into_iter());
    let (near_low, near_high) = span(&mut near.iter().copied());
    let reach = if near_high > near_low { near_high - near_low } else { near_high.abs() };
    if reach > 0.0 && reach.is_finite() {
        (low, high) = (low.max(near_low - reach), high.min(near_high + reach));
    }
    let margin = if high > low { 0.06 * (high - low) } else { 0.5 };
    [low - margin, high + margin]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_far_off_does_not_flatten_the_data() {
        let [low, high] = limits(&[1.0, 2.0], [1.0, 2.0, 1.5, 100.0].into_iter());
        assert!((low - 0.88).abs() < 1e-12 && (high - 3.12).abs() < 1e-12, "{low} to {high}");
        let [low, high] = limits(&[], [5.0].into_iter());
        assert!(low < 5.0 && high > 5.0);
    }
}
