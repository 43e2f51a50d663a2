//! The page: what both kinds of report share. One run is in [`single`], repeated runs are in [`repeated`].

mod approximation;
mod columns;
mod convergence;
mod facies;
mod fit;
mod flow;
mod repeated;
mod scenarios;
mod signal;
mod single;
mod sweep;

use serde_json::Value;

use super::colour::{Palette, category};
use super::data::{Case, Folder, Number, Summary};
use super::figures::{escape, number};
use super::maps::{Maps, colour_bar, property_label};
use crate::grid::Plane;

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// What is registered before anything else runs, so that no error of the page goes unseen: the document's element
/// carries them in `data-errors`.
const WATCH: &str = "document.documentElement.dataset.errors='';\
    addEventListener('error',e=>{document.documentElement.dataset.errors+=(e.message||'resource')+';'},true);\
    addEventListener('unhandledrejection',e=>{document.documentElement.dataset.errors+=e.reason+';'});\
    addEventListener('securitypolicyviolation',e=>{\
    document.documentElement.dataset.errors+='blocked '+e.blockedURI+';'});";

/// The whole page for a result folder.
pub(super) fn page(folder: &Folder) -> String {
    let summary = &folder.summary;
    let title = summary.text("title").or(folder.case.title.as_deref()).or(summary.text("case")).unwrap_or("Inversion");
    let (body, payload) = match (&folder.run, &folder.signal) {
        (Some(run), _) => single::body(folder, run),
        (None, Some(signal)) => (signal::body(folder, signal), Value::Null),
        (None, None) if !folder.approximation.is_empty() => (approximation::body(folder), Value::Null),
        (None, None) => (repeated::body(folder), Value::Null),
    };
    // "<" could end the script element; JSON has another way to write it.
    let payload = payload.to_string().replace('<', "\\u003c");
    let title = escape(title);
    let subtitle = subtitle(folder);
    let version = summary.text("version").map(|v| format!(" {}", escape(v))).unwrap_or_default();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"generator\" content=\"lithoscope{version}\">\
         <link rel=\"icon\" href=\"data:,\"><title>{title}</title>\n<style>{STYLE}{}</style><script>{WATCH}</script>\
         </head>\n\
         <body><a class=\"skip\" href=\"#main\">Skip to the results</a><header class=\"page\">\
         <p class=\"brand\">lithoscope report</p><h1>{title}</h1><p class=\"subtitle\">{subtitle}</p></header>\n\
         <main id=\"main\">{}{body}{}</main>\n<footer><p>Written by lithoscope{version} from the result folder \
         <code>{}</code>. This page is one file and loads nothing; <code>lithoscope report</code> builds it again.</p>\
         </footer>\n<script type=\"application/json\" id=\"payload\">{payload}</script>\n<script>{SCRIPT}</script>\
         </body></html>\n",
        category_style(),
        warnings(summary),
        computed(folder),
        escape(name(folder).trim_end_matches(".partial")),
    )
}

/// Colours of the categories, as classes `k0` to `k29`.
fn category_style() -> String {
    let rule = |i: u8| {
        let [r, g, b] = category(i);
        format!(".k{i}{{--k:#{r:02x}{g:02x}{b:02x}}}")
    };
    (0..30).map(rule).collect()
}

/// Name of the folder; a run builds its page before the folder, aside until then, has its own name.
fn name(folder: &Folder) -> std::borrow::Cow<'_, str> {
    folder.path.file_name().unwrap_or(folder.path.as_os_str()).to_string_lossy()
}

fn subtitle(folder: &Folder) -> String {
    let summary = &folder.summary;
    let mut parts = Vec::new();
    if let Some(case) = summary.text("case") {
        parts.push(format!("case <strong>{}</strong>", escape(case)));
    }
    match folder.repeats.len().max(folder.signal.as_ref().map_or(0, |signal| signal.repeats.len())) {
        0 => parts.extend(plain(summary, "seed").map(|seed| format!("seed {seed}"))),
        n => parts.push(format!("{n} repeated runs")),
    }
    parts.extend(plain(summary, "backend").map(|backend| format!("computed on the {}", backend.to_uppercase())));
    parts.join(" · ")
}

fn warnings(summary: &Summary) -> String {
    let list = summary.list("warnings");
    if list.is_empty() {
        return String::new();
    }
    let items: String = list.iter().map(|w| format!("<li>{}</li>", value_text(w))).collect();
    let heading = if list.len() == 1 { "A warning" } else { "Warnings" };
    format!("<section class=\"warnings\" role=\"alert\"><h2>{heading}</h2><ul>{items}</ul></section>")
}

/// A section with its heading.
fn section(id: &str, heading: &str, body: &str) -> String {
    format!("<section id=\"{id}\"><h2>{heading}</h2>{body}</section>\n")
}

/// A slider of the layer, for a block; `place` tells those of different sections apart. All of them move together.
fn layer_control(case: &Case, place: &str) -> String {
    let nz = case.grid.cells[2];
    if nz < 2 {
        return String::new();
    }
    format!(
        "<div class=\"control\"><label for=\"layer-{place}\">Layer</label><input type=\"range\" class=\"layer\" \
         id=\"layer-{place}\" min=\"0\" max=\"{}\" value=\"{}\" step=\"1\"><output class=\"layer-text\" \
         for=\"layer-{place}\"></output></div>",
        nz - 1,
        nz / 2
    )
}

/// Controls as a bar that follows the reader through the section; empty where there are none.
fn controls_around(inside: &str) -> String {
    match inside.is_empty() {
        true => String::new(),
        false => {
            format!("<div class=\"controls\" role=\"group\" aria-label=\"What the maps show\">{inside}</div>")
        }
    }
}

/// The case and its variants, a row each: fit, errors, the most probable scenario, time; empty without variants.
fn variants_table(folder: &Folder) -> String {
    if folder.variants.is_empty() {
        return String::new();
    }
    let own = folder.run.as_ref().map_or(&[][..], |run| &run.scenarios);
    let all = std::iter::once(("the case itself", &folder.summary, own))
        .chain(folder.variants.iter().map(|v| (v.name.as_str(), &v.summary, v.scenarios.as_slice())));
    let columns = [
        ("‖r‖² of Φv", "misfit.parameterized"),
        ("‖r‖² of u", "misfit.model"),
        ("target", "misfit.target"),
        ("mismatch of Φv", "errors.parameterized.facies_mismatch"),
        ("mismatch of u", "errors.model.facies_mismatch"),
        ("RMSE of Φv", "errors.parameterized.rmse"),
        ("RMSE of u", "errors.model.rmse"),
        ("iterations", "iterations"),
        ("seconds", "seconds.inversion"),
    ];
    let rows: Vec<Vec<String>> = all
        .map(|(name, summary, scenarios)| {
            let cell = |(_, key): &(&str, &str)| match summary.number(key) {
                Some(n) if key.ends_with("mismatch") => percent_measured(&n),
                Some(n) => measured(&n),
                None => "—".into(),
            };
            let verdict = scenarios::most_probable(scenarios).filter(|_| scenarios.len() > 1);
            let verdict = verdict.map_or("—".into(), |(best, p)| format!("{} ({})", escape(&best.name), percent(p)));
            [escape(name), verdict].into_iter().chain(columns.iter().map(cell)).collect()
        })
        .collect();
    let header = ["", "most probable scenario"].into_iter().chain(columns.iter().map(|c| c.0));
    let header: Vec<String> = header.map(str::to_owned).collect();
    let links: Vec<String> = (folder.variants.iter())
        .map(|v| format!("<a href=\"variant-{0}/report.html\">{0}</a>", escape(&v.name)))
        .collect();
    let compared: Vec<(&str, &Summary)> = std::iter::once(("the case itself", &folder.summary))
        .chain(folder.variants.iter().map(|v| (v.name.as_str(), &v.summary)))
        .collect();
    let facies = facies::comparison(&compared);
    format!("{}{facies}<p>Each variant has a report of its own: {}.</p>", table(&header, &rows), listed(&links))
}

/// The colour bar of all maps of the property.
fn property_bar(folder: &Folder, maps: &Maps) -> String {
    colour_bar(
        Palette::Property,
        maps.property,
        &property_label(&folder.case, &folder.summary),
        !folder.case.facies.is_empty(),
    )
}

/// A table of names and values (HTML).
fn facts(rows: &[(&str, String)]) -> String {
    let rows: String = rows.iter().map(|(k, v)| format!("<tr><th scope=\"row\">{k}</th><td>{v}</td></tr>")).collect();
    if rows.is_empty() { String::new() } else { format!("<table class=\"facts\">{rows}</table>") }
}

/// A table with a header; the cells are HTML.
fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let head: String = header.iter().map(|h| format!("<th scope=\"col\">{h}</th>")).collect();
    let line = |r: &Vec<String>| {
        let cells = r.iter().enumerate().map(|(i, c)| match i {
            0 => format!("<th scope=\"row\">{c}</th>"),
            _ => format!("<td>{c}</td>"),
        });
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    let body: String = rows.iter().map(line).collect();
    format!("<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")
}

/// A number with its interval, if it has one.
fn measured(number_: &Number) -> String {
    match number_.ci95 {
        Some([low, high]) => {
            format!("{} <span class=\"interval\">[{}, {}]</span>", number(number_.mean), number(low), number(high))
        }
        None => number(number_.mean),
    }
}

/// A fraction in percent.
fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction).replace('-', "−")
}

fn percent_measured(n: &Number) -> String {
    match n.ci95 {
        Some([low, high]) => {
            let interval = format!("[{}, {}]", percent(low), percent(high));
            format!("{} <span class=\"interval\">{interval}</span>", percent(n.mean))
        }
        None => percent(n.mean),
    }
}

/// Seconds as a person says them.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.0005 => "< 1 ms".into(),
        s if s < 1.0 => format!("{:.0} ms", 1000.0 * s),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{} min {:02} s", s.round() as u64 / 60, s.round() as u64 % 60),
        s => format!("{} h {:02} min", s.round() as u64 / 3600, s.round() as u64 % 3600 / 60),
    }
}

/// Any JSON value as text (HTML).
fn value_text(value: &Value) -> String {
    match value {
        Value::String(s) => escape(s),
        Value::Number(n) if n.is_i64() || n.is_u64() => n.to_string(),
        Value::Number(n) => number(n.as_f64().unwrap_or(f64::NAN)),
        Value::Bool(b) => if *b { "yes" } else { "no" }.into(),
        Value::Null => "—".into(),
        Value::Array(list) => list.iter().map(value_text).collect::<Vec<_>>().join(", "),
        Value::Object(map) => match Number::of(value) {
            Some(n) => measured(&n),
            None => map.iter().map(|(k, v)| format!("{} {}", words(k), value_text(v))).collect::<Vec<_>>().join(", "),
        },
    }
}

/// A kind of datum in words; the property goes by its own name.
fn kind_words(case: &Case, kind: &str) -> String {
    let kind = if kind == "property" { format!("{}{}", case.transform(), case.property) } else { kind.to_owned() };
    kind.replace('_', " ")
}

/// A key as words: `bytes_moved` is "bytes moved".
fn words(key: &str) -> String {
    escape(&key.replace('_', " "))
}

fn plain(summary: &Summary, path: &str) -> Option<String> {
    summary.get(path).map(value_text)
}

/// A value of the case as text (HTML).
fn case_text(case: &Case, path: &str) -> Option<String> {
    // What stands between the items of a list says what they are: sizes, or a first and a last value.
    let between = match path.rsplit('.').next() {
        Some("window") => " × ",
        Some("rank") => " to ",
        _ => ", ",
    };
    fn text(value: &toml::Value, between: &str) -> String {
        match value {
            toml::Value::String(s) => escape(s),
            toml::Value::Array(list) => list.iter().map(|v| text(v, between)).collect::<Vec<_>>().join(between),
            toml::Value::Table(t) => {
                t.iter().map(|(k, v)| format!("{} {}", words(k), text(v, between))).collect::<Vec<_>>().join(", ")
            }
            toml::Value::Float(f) => number(*f),
            toml::Value::Boolean(b) => if *b { "yes" } else { "no" }.into(),
            other => escape(&other.to_string()),
        }
    }
    case.get(path).map(|value| text(value, between))
}

/// `a`, `a and b`, `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// What was asked, in words, as far as the case alone tells.
fn asked_words(case: &Case) -> String {
    let (cells, size, spacing) = (case.grid.cells, case.grid.size(), case.grid.spacing);
    let used = if case.grid.is_2d() { 2 } else { 3 };
    let times = |values: &[f64]| values.iter().map(|v| number(*v)).collect::<Vec<_>>().join(" × ");
    let count = cells[..used].iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
    let kind = match (case.grid.plane, used) {
        (Plane::Xz, _) => "vertical section",
        (Plane::Xy, 2) => "map",
        (Plane::Xy, _) => "block",
    };
    let property = escape(&case.property.replace('_', " "));
    let mut text = format!(
        "The task: find the <strong>{property}</strong> in a {kind} of {} m, in {count} cells of {} m each.",
        times(&size[..used]),
        times(&spacing[..used])
    );
    if !case.facies.is_empty() {
        let values: Vec<String> = case.facies.iter().map(|v| number(*v)).collect();
        let (unit, carried) = (escape(&case.unit), case.transform());
        text += &format!(" The rock has {} facies, with {carried}{property} {} {unit}.", values.len(), listed(&values));
    }
    let scenarios: Vec<String> = case.scenarios().iter().map(|s| format!("“{}”", escape(s))).collect();
    let realizations = case_text(case, "prior.realizations");
    if !scenarios.is_empty() {
        let noun = if scenarios.len() == 1 { "scenario" } else { "scenarios" };
        text += &format!(" What is known of the geology beforehand is the {noun} {}", listed(&scenarios));
        text += &realizations.map(|n| format!(", in the form of {n} realizations of the prior.")).unwrap_or(".".into());
    } else if let Some(n) = realizations {
        text += &format!(" What is known of the geology beforehand are {n} realizations of the prior.");
    }
    format!("<p>{text}</p>")
}

const CASE_ROWS: [(&str, &str); 19] = [
    ("Physics", "physics.kind"),
    ("Data file", "data.file"),
    ("Noise of the data", "data.noise"),
    ("Prior realizations", "prior.realizations"),
    ("Conditioned on hard data", "prior.condition"),
    ("Basis", "basis.kind"),
    ("Rank of the basis", "basis.rank"),
    ("Energy kept by the basis", "basis.energy"),
    ("Feasible set: window", "feasible.window"),
    ("Feasible set: neighbours", "feasible.neighbours"),
    ("Feasible set: learning set", "feasible.library"),
    ("Feasible set: positions matched", "feasible.fraction"),
    ("Iterations asked for", "inversion.iterations"),
    ("Regularizer", "inversion.regularizer"),
    ("Scenarios judged by", "verdict.by"),
    ("Simulations of each scenario", "verdict.simulations"),
    ("Reference drawn from", "reference.scenario"),
    ("Seed of the reference", "reference.seed"),
    ("Plane of the grid", "grid.plane"),
];

/// What was `found` and the case as a table, and the whole file below it.
fn asked_table(case: &Case, found: Vec<(&str, String)>) -> String {
    let of_case = CASE_ROWS.iter().filter_map(|(name, key)| case_text(case, key).map(|v| (*name, v)));
    let rows: Vec<_> = found.into_iter().chain(of_case).collect();
    let file = escape(&case.text);
    format!("{}<details><summary>The complete case file</summary><pre>{file}</pre></details>", facts(&rows))
}

/// How it was computed: times, device, version, how to repeat it.
fn computed(folder: &Folder) -> String {
    let summary = &folder.summary;
    let mut rows: Vec<(&str, String)> = Vec::new();
    for (name, key) in
        [("Backend", "backend"), ("Device", "device"), ("Version", "version"), ("Seed", "seed"), ("Threads", "threads")]
    {
        rows.extend(plain(summary, key).map(|text| (name, text)));
    }
    rows.extend(plain(summary, "solver").map(|text| ("Solver of the flow equations", text)));
    if let Some(bytes) = summary.number("peak_memory_bytes") {
        rows.push(("Peak memory", format!("{} MB", number((bytes.mean / 1e6).round()))));
    }
    if let Some(cached) = summary.get("prior.cached").and_then(Value::as_bool) {
        rows.push(("Prior", if cached { "taken from the cache" } else { "simulated for this run" }.into()));
    }
    let command = summary.text("command").map(escape).unwrap_or_else(|| "lithoscope run case.toml".into());
    let repeat = format!(
        "<p>To repeat it, in any folder (<code>case.toml</code> of the result folder holds every key, so \
         <code>lithoscope run case.toml</code> gives the same numbers):</p><div class=\"command\"><pre \
         id=\"command\">{command}</pre>\
         <button type=\"button\" data-copy=\"command\">Copy</button></div>"
    );
    let body = format!("{}{}{}{repeat}", timings(summary), facts(&rows), kernels(summary));
    section("computed", "How it was computed", &body)
}

/// A bar of where the time went.
fn timings(summary: &Summary) -> String {
    let Some(total) = summary.number("seconds.total").filter(|t| t.mean > 0.0) else { return String::new() };
    let stages = summary.get("seconds").and_then(Value::as_object);
    let stages = stages.into_iter().flatten().filter(|(name, _)| *name != "total");
    let mut parts: Vec<(String, f64)> =
        stages.filter_map(|(name, v)| Some((words(name), Number::of(v)?.mean))).filter(|(_, s)| *s > 0.0).collect();
    let order = ["prior", "basis", "inversion"];
    parts.sort_by_key(|(name, _)| order.iter().position(|o| o == name).unwrap_or(order.len()));
    let rest = total.mean - parts.iter().map(|p| p.1).sum::<f64>();
    if rest > 0.005 * total.mean {
        parts.push(("files and report".into(), rest));
    }
    let bar: String = (parts.iter().enumerate())
        .map(|(i, (_, s))| {
            format!("<span class=\"part p{}\" style=\"width:{:.2}%\"></span>", i % 5, 100.0 * s / total.mean)
        })
        .collect();
    let keys: String = (parts.iter().enumerate())
        .map(|(i, (name, s))| {
            format!("<li class=\"p{}\">{name}: {} ({:.0} %)</li>", i % 5, duration(*s), 100.0 * s / total.mean)
        })
        .collect();
    let mean = if total.values.len() > 1 { " a run (mean)" } else { "" };
    format!(
        "<div class=\"timing\"><p>Total time{mean}: <strong>{}</strong></p><div class=\"time-bar\" \
         aria-hidden=\"true\">{bar}</div>\
         <ul class=\"time-keys\">{keys}</ul></div>",
        duration(total.mean)
    )
}

/// The kernels that ran: a table where the summary has one object for each, else a list.
fn kernels(summary: &Summary) -> String {
    let list = summary.list("kernels");
    let table = object_table(list);
    if !table.is_empty() {
        return format!("<details><summary>Kernels that ran ({})</summary>{table}</details>", list.len());
    }
    let names: Vec<String> = list.iter().map(value_text).collect();
    if names.is_empty() { String::new() } else { format!("<p>Kernels that ran: {}.</p>", listed(&names)) }
}

/// A table of JSON objects that have the keys of the first, its name in front; empty where there is none.
fn object_table(list: &[Value]) -> String {
    let Some(first) = list.first().and_then(Value::as_object) else { return String::new() };
    let mut keys: Vec<&String> = first.keys().collect();
    keys.sort_by_key(|k| *k != "name");
    let header: Vec<String> = keys.iter().map(|k| words(k)).collect();
    let cell = |row: &Value, key: &str| value_text(row.get(key).unwrap_or(&Value::Null));
    let rows: Vec<Vec<String>> = list.iter().map(|row| keys.iter().map(|key| cell(row, key)).collect()).collect();
    table(&header, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_a_person_says_them() {
        let cases =
            [(0.0001, "< 1 ms"), (0.0123, "12 ms"), (31.44, "31.4 s"), (125.0, "2 min 05 s"), (7325.0, "2 h 02 min")];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn lists_of_one_two_and_three() {
        let items = |n: usize| ["a", "b", "c"][..n].iter().map(|s| s.to_string()).collect::<Vec<_>>();
        assert_eq!([listed(&items(1)), listed(&items(2)), listed(&items(3))], ["a", "a and b", "a, b and c"]);
    }
}
