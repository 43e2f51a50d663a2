//! Maps: what the page draws them from (fields quantized to 16 or 8 bits, one colour scale for every map of the
//! property, rays), the places where it draws them, colour bars, and thumbnails of repeated runs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ndarray::{Array3, ArrayView3, Axis, s};
use serde_json::{Value, json};

use super::colour::{Palette, index};
use super::data::{Case, Datum, Heads, Run, Share, Summary, WellCell};
use super::figures::{escape, number, ticks, time_unit};
use crate::grid::Plane;

/// Beyond so many values in all, fields are embedded with 8 bits a value instead of 16.
const FINE_VALUES: usize = 4 << 20;
/// Beyond so many, only some of the iterations are embedded, the first and the last among them.
const EMBEDDED_VALUES: usize = 24 << 20;
/// Beyond so many times, only some of the heads are embedded.
const HEAD_FRAMES: usize = 12;
/// Beyond so many rays, sources, receivers or places, only some of them are drawn.
const DRAWN: usize = 500;

/// Everything that the maps of one run share.
#[derive(Debug)]
pub(super) struct Maps {
    /// For the page's script.
    pub(super) payload: Value,
    /// Ends of the property's colour scale.
    pub(super) property: [f64; 2],
    /// Ends of the error's colour scale, the same either side of zero.
    pub(super) error: Option<[f64; 2]>,
    /// Iterations that are embedded.
    pub(super) shown: Vec<usize>,
    /// How many of all rays are drawn.
    pub(super) rays: (usize, usize),
    /// How many sources, receivers and places of point data there are.
    pub(super) places: [usize; 3],
    /// Ends of the heads' colour scale, where there are heads.
    pub(super) head: Option<[f64; 2]>,
    /// Frames of the heads that are embedded: in a transient, one a time.
    pub(super) head_frames: Vec<usize>,
}

impl Maps {
    /// Of the fields and data of `run`.
    pub(super) fn new(case: &Case, run: &Run) -> Self {
        let cells = case.grid.len();
        let total = run.iterations.as_ref().map_or(0, |k| k.len_of(Axis(0)));
        let votes = run.probability.as_ref().map_or(0, |s| s.len_of(Axis(0)));
        let head_frames: Vec<usize> =
            run.heads.iter().flat_map(|heads| thinned(heads.model.len_of(Axis(0)), HEAD_FRAMES)).collect();
        let frames = 2 * total + votes + 2 * run.variants.len() + 3 * head_frames.len() + 4;
        let wide = cells * frames <= FINE_VALUES;
        let shown = thinned(total, (EMBEDDED_VALUES / (2 * cells)).max(2)).map(|k| k + 1).collect::<Vec<_>>();

        let mut fields = serde_json::Map::new();
        let mut add = |name: &str, frames: Vec<ArrayView3<'_, f64>>| {
            fields.insert(name.into(), encode(&frames, &case.inactive, wide));
        };
        add("model", vec![run.model.view()]);
        add("parameterized", vec![run.parameterized.view()]);
        for (name, field) in [("reference", &run.reference), ("prior_mean", &run.prior_mean)] {
            if let Some(field) = field {
                add(name, vec![field.view()]);
            }
        }
        if let Some(probability) = &run.probability {
            add("probability", probability.outer_iter().collect());
        }
        if !run.variants.is_empty() {
            add("variants", run.variants.iter().map(|variant| variant.model.view()).collect());
        }
        if run.variants.iter().any(|variant| variant.facies.is_some()) {
            let facies = run.variants.iter().map(|variant| variant.facies.as_ref().unwrap_or(&variant.model).view());
            add("variant_facies", facies.collect());
        }
        if let Some(facies) = &run.facies {
            add("facies", vec![facies.view()]);
        }
        if let Some(all) = &run.iterations {
            for (which, name) in ["iterations_parameterized", "iterations_model"].into_iter().enumerate() {
                add(name, shown.iter().map(|k| all.slice(s![k - 1, which, .., .., ..])).collect());
            }
        }

        if let Some(map) = &run.scenario_map {
            add("scenario", vec![map.view()]);
        }
        if let Some(heads) = &run.heads {
            let all = [
                ("head", Some(&heads.model)),
                ("head_parameterized", heads.parameterized.as_ref()),
                ("head_reference", heads.reference.as_ref()),
            ];
            for (name, stack) in all.into_iter().filter_map(|(name, stack)| Some((name, stack?))) {
                add(name, head_frames.iter().map(|&f| stack.index_axis(Axis(0), f)).collect());
            }
        }

        let property = property_scale(case, run);
        let head = run.heads.as_ref().map(head_scale);
        let error = run.reference.as_ref().map(|reference| error_scale(case, reference, run, property));
        let rays = rays(case, &run.data);
        let palettes = Palette::ALL.map(|p| (p.name().to_owned(), json!(STANDARD.encode(p.table()))));
        let payload = json!({
            "cells": case.grid.cells,
            "spacing": case.grid.spacing,
            "origin": case.grid.origin,
            "axes": axes(case),
            "down": case.grid.plane == Plane::Xz,
            "unit": case.unit,
            "palettes": palettes.into_iter().collect::<serde_json::Map<_, _>>(),
            "scales": {
                "property": property, "error": error, "probability": [0.0, 1.0], "head": head,
                "category": [0.0, 255.0],
            },
            "isolines": head.map(|[low, high]| ticks(low, high, 10)),
            "times": run.heads.as_ref().and_then(|h| times(h, &head_frames)),
            "categories": run.scenarios.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
            "fields": fields,
            "iterations": shown,
            "chosen": run.chosen_iteration().filter(|k| shown.contains(k)),
            "rays": rays.rays,
            "sources": rays.sources,
            "receivers": rays.receivers,
            "points": rays.points,
            "wells": run.wells.iter().map(well).collect::<Vec<_>>(),
            "shares": shares(run),
        });
        let rays_drawn = (rays.rays.len(), rays.total);
        Self { payload, property, error, shown, rays: rays_drawn, places: rays.places, head, head_frames }
    }
}

/// About `most` of `0..total`, evenly spread, both ends among them.
fn thinned(total: usize, most: usize) -> impl Iterator<Item = usize> {
    let count = total.min(most);
    (0..count).map(move |i| if count < 2 { total - 1 } else { (i * (total - 1) + (count - 1) / 2) / (count - 1) })
}

/// Times of the frames as a person says them, or the tests that they are the ends of; `None` in steady flow.
fn times(heads: &Heads, frames: &[usize]) -> Option<Vec<String>> {
    if !heads.tests.is_empty() {
        return Some(frames.iter().map(|&f| format!("test {}", heads.tests[f])).collect());
    }
    let (unit, name) = time_unit(heads.times.iter().copied().fold(0.0, f64::max));
    let said = |&f: &usize| format!("{} {name}", number(heads.times[f] / unit));
    (!heads.times.is_empty()).then(|| frames.iter().map(said).collect())
}

/// A screened cell of a well for the script.
fn well(cell: &WellCell) -> Value {
    let held = match cell.control.as_str() {
        "rate" => "rate",
        "schedule" => "rate, at most",
        _ => "head held at",
    };
    let text = format!("{}: {held} {} {}", cell.name, number(cell.value), cell.unit);
    let kind = match cell.control.as_str() {
        "rate" | "schedule" if cell.value < 0.0 => "injecting",
        "rate" | "schedule" => "pumping",
        _ => "held",
    };
    json!({ "place": [cell.x, cell.y, cell.z], "text": text, "kind": kind })
}

/// Shares of the scenarios by iteration, rows in the order of the table of scenarios; `null` where there are none.
fn shares(run: &Run) -> Value {
    let mut iterations: Vec<u32> = run.shares.iter().map(|s| s.iteration).collect();
    iterations.sort_unstable();
    iterations.dedup();
    let of = |iteration: u32, name: &str| run.shares.iter().find(|s| s.iteration == iteration && s.scenario == name);
    let rows = |value: &dyn Fn(&Share) -> Value| -> Vec<Vec<Value>> {
        let row = |&k: &u32| run.scenarios.iter().map(|s| of(k, &s.name).map_or(Value::Null, value)).collect();
        iterations.iter().map(row).collect()
    };
    if iterations.is_empty() {
        return Value::Null;
    }
    json!({
        "iterations": iterations,
        "norm": rows(&|s| json!(s.norm)),
        "contribution": rows(&|s| json!(s.contribution)),
        "active": rows(&|s| json!(s.is_active())),
    })
}

/// Scale of the heads: those of the reference where there is one, else of ū + Φv. A model that cuts a well off has heads
/// far beyond; they take the colour of the scale's end.
fn head_scale(heads: &Heads) -> [f64; 2] {
    let of = heads.reference.as_ref().or(heads.parameterized.as_ref()).unwrap_or(&heads.model);
    ends(of.iter().copied())
}

/// Least and largest of the finite values, never the same.
fn ends(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let finite = values.filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    match high > low {
        true => [low, high],
        false if low.is_finite() => [low - 0.5, low + 0.5],
        false => [0.0, 1.0],
    }
}

/// Frames as little-endian integers between the least and the largest value of all of them, in base64; the largest
/// integer stands for NaN, and for what is in a cell `inactive` (all cells, or none at all).
fn encode(frames: &[ArrayView3<'_, f64>], inactive: &[bool], wide: bool) -> Value {
    let is_inactive = |cell: usize| inactive.get(cell) == Some(&true);
    let shown = |(cell, &v): (usize, &f64)| if is_inactive(cell) { f64::NAN } else { v };
    let values = || frames.iter().flat_map(|f| f.iter().enumerate().map(shown));
    let [low, high] = ends(values());
    let missing = if wide { u16::MAX } else { u16::from(u8::MAX) };
    let steps = f64::from(missing - 1);
    let quantize = |v: f64| if v.is_nan() { missing } else { ((v - low) * (steps / (high - low))).round() as u16 };
    let quantized = values().map(quantize);
    let bytes: Vec<u8> =
        if wide { quantized.flat_map(u16::to_le_bytes).collect() } else { quantized.map(|q| q as u8).collect() };
    json!({ "low": low, "high": high, "wide": wide, "frames": frames.len(), "data": STANDARD.encode(bytes) })
}

/// One scale for every map of the property: the facies, the reference, the prior mean and the result; where the
/// property is continuous, Φv too. What lies beyond is drawn in the colour of the scale's end.
fn property_scale(case: &Case, run: &Run) -> [f64; 2] {
    let fields = [Some(&run.model), run.reference.as_ref(), run.prior_mean.as_ref()];
    let smooth = case.facies.is_empty().then_some(&run.parameterized);
    let values = fields.into_iter().flatten().chain(smooth).flat_map(|f| case.active(f)).chain(&case.facies);
    ends(values.copied())
}

/// Scale of the errors of Φv and u against the reference: up to the largest, which counts no further than the
/// property's
/// scale is wide, and no less than a twentieth of that, so that rounding never looks like an error.
fn error_scale(case: &Case, reference: &Array3<f64>, run: &Run, [low, high]: [f64; 2]) -> [f64; 2] {
    let errors = [&run.model, &run.parameterized].into_iter().flat_map(|m| case.active(m).zip(case.active(reference)));
    let largest = errors.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let end = largest.clamp(0.05 * (high - low), high - low);
    [-end, end]
}

/// Label and ticks of the three axes.
fn axes(case: &Case) -> Vec<Value> {
    let labels = match case.grid.plane {
        Plane::Xy => ["x (east) [m]", "y (north) [m]", "z (up) [m]"],
        Plane::Xz => ["x (along the section) [m]", "depth [m]", "z [m]"],
    };
    let (size, origin) = (case.grid.size(), case.grid.origin);
    let axis = |a: usize| {
        let end = origin[a] + size[a];
        let ticks = [3, 4, 5].map(|count| ticks(origin[a], end, count));
        json!({ "label": labels[a], "ticks": ticks })
    };
    (0..3).map(axis).collect()
}

#[derive(Debug, Default)]
struct Survey {
    rays: Vec<[f64; 6]>,
    total: usize,
    places: [usize; 3],
    sources: Vec<[f64; 3]>,
    receivers: Vec<[f64; 3]>,
    points: Vec<[f64; 3]>,
}

/// Rays, their ends, and places of point data. In a section the second coordinate is depth; a table that leaves y
/// empty or zero throughout has it in z.
fn rays(case: &Case, data: &[Datum]) -> Survey {
    let flat = |d: &Datum| d.y.unwrap_or(0.0) == 0.0 && d.y2.unwrap_or(0.0) == 0.0;
    let depth_in_z = case.grid.plane == Plane::Xz && data.iter().all(flat);
    let point = |x: Option<f64>, y: Option<f64>, z: Option<f64>| {
        let (y, z) = if depth_in_z { (z, None) } else { (y, z) };
        x.or(y).or(z).map(|_| [x.unwrap_or(0.0), y.unwrap_or(0.0), z.unwrap_or(0.0)])
    };
    let mut survey = Survey::default();
    let mut rays = Vec::new();
    for d in data {
        match (point(d.x, d.y, d.z), point(d.x2, d.y2, d.z2)) {
            (Some(a), Some(b)) => {
                rays.push([a[0], a[1], a[2], b[0], b[1], b[2]]);
                survey.sources.push(a);
                survey.receivers.push(b);
            }
            (Some(a), None) => survey.points.push(a),
            (None, _) => {}
        }
    }
    let distinct = |mut places: Vec<[f64; 3]>| {
        places.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        places.dedup();
        let drawn: Vec<_> = thinned(places.len(), DRAWN).map(|i| places[i]).collect();
        (drawn, places.len())
    };
    (survey.sources, survey.places[0]) = distinct(survey.sources);
    (survey.receivers, survey.places[1]) = distinct(survey.receivers);
    (survey.points, survey.places[2]) = distinct(survey.points);
    survey.total = rays.len();
    survey.rays = thinned(rays.len(), DRAWN).map(|i| rays[i]).collect();
    survey
}

/// Which frame of a field a map shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    /// This one.
    Fixed(usize),
    /// That of the iteration that the slider shows.
    Iteration,
    /// That of the time that the slider shows.
    Time,
}

/// Where the page draws a map.
#[derive(Debug, Clone)]
pub(super) struct Map<'a> {
    /// Heading.
    pub(super) heading: &'a str,
    /// Line below; may be empty.
    pub(super) note: &'a str,
    /// Field of the payload.
    pub(super) field: &'a str,
    /// The frame.
    pub(super) frame: Frame,
    /// Field that is subtracted.
    pub(super) minus: Option<&'a str>,
    /// Its colours.
    pub(super) palette: Palette,
    /// `"always"`, `"toggled"` by the reader, `"never"`.
    pub(super) survey: &'a str,
    /// A larger one.
    pub(super) large: bool,
}

impl<'a> Map<'a> {
    /// A map of the property.
    pub(super) fn of(heading: &'a str, field: &'a str) -> Self {
        let (note, palette) = ("", Palette::Property);
        Self { heading, note, field, frame: Frame::Fixed(0), minus: None, palette, survey: "toggled", large: false }
    }

    /// Its element, which the script fills.
    pub(super) fn figure(&self) -> String {
        let frame = match self.frame {
            Frame::Fixed(frame) => frame.to_string(),
            Frame::Iteration => "iteration".into(),
            Frame::Time => "time".into(),
        };
        let minus = self.minus.map_or(String::new(), |m| format!(" data-minus=\"{m}\""));
        let note =
            if self.note.is_empty() { String::new() } else { format!("<p class=\"note\">{}</p>", escape(self.note)) };
        format!(
            "<figure class=\"map{}\" data-field=\"{}\" data-frame=\"{frame}\"{minus} data-palette=\"{}\" \
             data-survey=\"{}\"><figcaption>{}</figcaption><div class=\"view\"></div>\
             <output class=\"reading\" aria-live=\"off\">&nbsp;</output>{note}</figure>",
            if self.large { " large" } else { "" },
            self.field,
            self.palette.name(),
            self.survey,
            escape(self.heading),
        )
    }
}

/// A colour bar from `low` to `high`; `beyond` says that values outside take the colour of the end.
pub(super) fn colour_bar(palette: Palette, [low, high]: [f64; 2], label: &str, beyond: bool) -> String {
    let (left, width, height) = (14.0, 312.0, 12.0);
    let steps = 78;
    let mut svg = String::new();
    for i in 0..steps {
        let [r, g, b] = palette.at(f64::from(i) / f64::from(steps - 1));
        let x = left + width * f64::from(i) / f64::from(steps);
        // Half a unit of overlap hides the seams that antialiasing would leave.
        let w = width / f64::from(steps) + if i + 1 < steps { 0.5 } else { 0.0 };
        svg += &format!(
            "<rect x=\"{x:.2}\" y=\"2\" width=\"{w:.2}\" height=\"{height}\" fill=\"#{r:02x}{g:02x}{b:02x}\"/>"
        );
    }
    if beyond {
        let colour = |t: f64| palette.at(t).iter().map(|c| format!("{c:02x}")).collect::<String>();
        let (end, tip) = (left + width, left + width + 9.0);
        svg += &format!("<path d=\"M{left} 2 L{} 8 L{left} 14Z\" fill=\"#{}\"/>", left - 9.0, colour(0.0));
        svg += &format!("<path d=\"M{end} 2 L{tip} 8 L{end} 14Z\" fill=\"#{}\"/>", colour(1.0));
    }
    for (value, text) in ticks(low, high, 5) {
        let x = left + width * (value - low) / (high - low);
        svg += &format!("<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"14\" y2=\"18\"/>");
        svg += &format!("<text x=\"{x:.1}\" y=\"30\" text-anchor=\"middle\">{text}</text>");
    }
    let label = escape(label);
    format!(
        "<div class=\"colour-bar\"><span>{label}</span><svg viewBox=\"0 0 340 34\" role=\"img\" aria-label=\"Colour \
         scale: \
         {label}, from {low} to {high}\">{svg}</svg></div>"
    )
}

/// `slowness [ms/m]`, or `log₁₀ of …` where the arrays hold a logarithm.
pub(super) fn property_label(case: &Case, summary: &Summary) -> String {
    let transform = match summary.text("property.transform") {
        Some("log10") => "log₁₀ ",
        Some("ln" | "log") => "ln ",
        _ => "",
    };
    let unit = if case.unit.is_empty() { String::new() } else { format!(" [{}]", case.unit) };
    format!("{transform}{}{unit}", case.property.replace('_', " "))
}

/// A small PNG of the middle layer of `field` as a data URI, a pixel a cell, in the page's orientation; cells without flow
/// are left out.
pub(super) fn thumbnail(case: &Case, field: ArrayView3<'_, f64>, scale: [f64; 2], palette: Palette) -> String {
    let [nx, ny, nz] = case.grid.cells;
    let rows = |j: usize| if case.grid.plane == Plane::Xy { ny - 1 - j } else { j };
    let cells = (0..ny).flat_map(|j| (0..nx).map(move |i| [i, rows(j), nz / 2]));
    let shown = cells.map(|cell @ [i, j, k]| (index(field[[k, j, i]], scale), case.grid.index(cell)));
    let table = palette.table();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, nx as u32, ny as u32);
    let pixels: Vec<u8> = if case.inactive.is_empty() {
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(table);
        shown.map(|(colour, _)| colour).collect()
    } else {
        encoder.set_color(png::ColorType::Rgba);
        let pixel = |(colour, cell): (u8, usize)| {
            let at = 3 * usize::from(colour);
            [table[at], table[at + 1], table[at + 2], if case.inactive[cell] { 0 } else { u8::MAX }]
        };
        shown.flat_map(pixel).collect()
    };
    // Writing into memory fails only for a picture without pixels, and a grid has cells.
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    assert!(written.is_ok(), "a picture of {:?} cells: {written:?}", case.grid.cells);
    format!("data:image/png;base64,{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_both_ends_and_the_order() {
        assert_eq!(thinned(5, 9).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(thinned(11, 3).collect::<Vec<_>>(), [0, 5, 10]);
        assert_eq!(thinned(0, 3).count(), 0);
        assert_eq!(thinned(7, 1).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn inactive_cells_are_shown_in_no_frame() {
        let (first, second) = (ndarray::array![[[0.5, 0.75, 1.0]]], ndarray::array![[[9.0, 0.0, 0.25]]]);
        let encoded = encode(&[first.view(), second.view()], &[true, false, false], false);
        assert_eq!(STANDARD.decode(encoded["data"].as_str().unwrap()).unwrap(), [255, 191, 254, 255, 0, 64]);
        assert_eq!(encoded["high"], 1.0, "what is not shown takes no part in the scale");
    }

    #[test]
    fn quantized_fields_come_back_within_half_a_step() {
        let field = ndarray::array![[[0.5, 0.75, 1.0], [-2.0, 0.1, 0.9]]];
        for (wide, steps) in [(true, 65534.0), (false, 254.0)] {
            let encoded = encode(&[field.view()], &[], wide);
            let (low, high) = (encoded["low"].as_f64().unwrap(), encoded["high"].as_f64().unwrap());
            let bytes = STANDARD.decode(encoded["data"].as_str().unwrap()).unwrap();
            let back: Vec<f64> = if wide {
                bytes.chunks(2).map(|b| f64::from(u16::from_le_bytes([b[0], b[1]]))).collect()
            } else {
                bytes.iter().map(|b| f64::from(*b)).collect()
            };
            assert_eq!(back.len(), field.len());
            for (q, v) in back.iter().zip(&field) {
                let step = (high - low) / steps;
                assert!((low + q * step - v).abs() <= 0.5 * step * (1.0 + 1e-9), "{v} came back as {}", low + q * step);
            }
        }
    }
}
