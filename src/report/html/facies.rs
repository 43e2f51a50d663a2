//! The map of facies that a continuous field was rounded to.

use super::{percent_measured, property_bar, section, table};
use crate::report::colour::Palette;
use crate::report::data::{Folder, Run, Summary};
use crate::report::maps::{Map, Maps, colour_bar, property_label};

/// What is said of a map of facies in one row: fit and share of wrong cells, of the continuous field, of the same
/// thresholded, of the map itself. Empty where no run has one.
pub(super) fn comparison(rows: &[(&str, &Summary)]) -> String {
    let columns = [
        ("facies.before.misfit", "‖r‖² before rounding"),
        ("facies.misfit", "‖r‖² of the facies"),
        ("facies.thresholded.misfit", "‖r‖² of Φv thresholded"),
        ("misfit.target", "target"),
        ("facies.facies_mismatch", "wrong facies"),
        ("facies.thresholded.facies_mismatch", "wrong facies, Φv thresholded"),
        ("errors.parameterized.rmse", "RMSE of Φv"),
        ("forecast.head.parameterized", "RMSE of forecast heads, Φv"),
        ("forecast.head.facies", "of the facies"),
        ("forecast.rate.parameterized", "RMSE of forecast rates, Φv"),
        ("forecast.rate.facies", "of the facies"),
    ];
    let known: Vec<_> =
        columns.into_iter().filter(|(key, _)| rows.iter().any(|(_, summary)| summary.number(key).is_some())).collect();
    if rows.iter().all(|(_, summary)| summary.get("facies").is_none()) {
        return String::new();
    }
    let cell = |summary: &Summary, key: &str| match summary.number(key) {
        Some(n) if key.ends_with("mismatch") => percent_measured(&n),
        Some(n) => super::measured(&n),
        None => "—".into(),
    };
    let lines: Vec<Vec<String>> = (rows.iter())
        .map(|(name, summary)| {
            std::iter::once(super::escape(name)).chain(known.iter().map(|(key, _)| cell(summary, key))).collect()
        })
        .collect();
    let header: Vec<String> =
        std::iter::once("").chain(known.iter().map(|(_, name)| *name)).map(str::to_owned).collect();
    let forecast = match known.iter().any(|(key, _)| key.starts_with("forecast")) {
        true => " Forecasts are compared with the reference's own response behind the last datum.",
        false => "",
    };
    let note =
        "Without a u-step the facies are Φv thresholded; with a discrete potential they are u, rounded at the end.";
    format!("<h3>Thresholded and discrete</h3>{}<p class=\"note\">{note}{forecast}</p>", table(&header, &lines))
}

/// The section of a run's map of facies; empty where there is none.
pub(super) fn facies_section(folder: &Folder, run: &Run, maps: &Maps) -> String {
    if run.facies.is_none() {
        return String::new();
    }
    let mut panels = String::new();
    if run.reference.is_some() {
        panels += &Map::of("Reference (the truth)", "reference").figure();
    }
    panels += &Map::of("Facies of the result", "facies").figure();
    if let Some(scale) = maps.error {
        let error = Map {
            minus: Some("reference"),
            palette: Palette::Error,
            survey: "never",
            ..Map::of("Facies minus reference", "facies")
        };
        panels += &error.figure();
        let label = format!("facies − reference, {}", property_label(&folder.case, &folder.summary));
        panels += &colour_bar(Palette::Error, scale, &label, true);
    }
    let body = format!(
        "{}<div class=\"maps\">{panels}</div>{}",
        comparison(&[("this run", &folder.summary)]),
        property_bar(folder, maps)
    );
    section("facies", "The map of facies", &body)
}
