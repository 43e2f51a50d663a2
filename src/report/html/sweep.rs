//! The report of a case's sweeps: errors, fits and maps of all combinations of what was tried, the last sweep along the
//! columns.

use ndarray::Array3;

use super::{listed, measured, percent_measured, section, table};
use crate::report::colour::Palette;
use crate::report::data::{Folder, Number, Summary, Sweep};
use crate::report::figures::{Axis, Chart, escape, number};
use crate::report::maps::{colour_bar, property_label, thumbnail};

/// A number of the summaries that has a table.
struct Measure {
    heading: &'static str,
    path: &'static str,
    /// Divided by the number there, where that is wanted.
    over: Option<&'static str>,
    is_fraction: bool,
    /// What `[[published]]` calls it.
    published: Option<&'static str>,
    /// Whether less is better.
    is_compared: bool,
}

const fn measure(heading: &'static str, path: &'static str) -> Measure {
    Measure { heading, path, over: None, is_fraction: false, published: None, is_compared: true }
}

/// Those that come first.
const MEASURES: [Measure; 4] = [
    Measure { published: Some("e1"), ..measure("e1 = mean (u − û)²", "errors.model.e1") },
    Measure { published: Some("e2"), ..measure("e2 = mean |u − û|", "errors.model.e2") },
    Measure { published: Some("head-e1"), ..measure("e1 of heads [m²]", "errors.head.e1") },
    Measure { published: Some("head-e2"), ..measure("e2 of heads [m]", "errors.head.e2") },
];

/// Those for who wants to know more.
const MORE: [Measure; 7] = [
    Measure { is_fraction: true, ..measure("Cells in the wrong facies", "errors.model.facies_mismatch") },
    measure("RMSE", "errors.model.rmse"),
    Measure { is_compared: false, ..measure("Least RMSE in the basis", "errors.best_achievable.rmse") },
    Measure { over: Some("misfit.target"), is_compared: false, ..measure("Misfit over its target", "misfit.model") },
    Measure { is_compared: false, ..measure("Groups of at least a tenth of the largest norm", "groups.active") },
    Measure { is_compared: false, ..measure("Iterations", "iterations") },
    Measure { is_compared: false, ..measure("Seconds", "seconds.inversion") },
];

/// All combinations of the sweeps: a row for each of all sweeps but the last, whose choices are the columns.
struct Swept<'a> {
    folder: &'a Folder,
    columns: &'a Sweep,
    /// Names of the rows, those of one comparison one after the other.
    rows: Vec<String>,
    /// How many rows are compared with each other: the choices of the last sweep but one.
    together: usize,
}

/// The section; empty of a case without sweeps.
pub(super) fn section_of(folder: &Folder) -> String {
    let Some((columns, others)) = folder.case.sweeps.split_last() else { return String::new() };
    let rows = crate::report::data::combinations(others);
    let together = others.last().map_or(1, |sweep| sweep.choices.len());
    let swept = Swept { folder, columns, rows, together };
    let names: Vec<String> =
        folder.case.sweeps.iter().map(|sweep| format!("<em>{}</em>", escape(&sweep.name))).collect();
    let compared = match others.last() {
        Some(sweep) => {
            format!(" The least of a column stands in bold, of every choice of {}.", escape(&sweep.name))
        }
        None => String::new(),
    };
    let body = format!(
        "<p>Every combination of {} was run on the same references; the columns are the choices of {}.{compared}</p>{}{}{}\
         <details><summary>More of the combinations</summary>{}</details>",
        listed(&names),
        escape(&columns.name),
        MEASURES.iter().map(|m| swept.table(m)).collect::<String>(),
        swept.charts(),
        swept.maps(),
        MORE.iter().map(|m| swept.table(m)).collect::<String>(),
    );
    section("sweep", "All that was tried", &body)
}

impl Swept<'_> {
    /// Name of a combination, as its folder has it.
    fn name(&self, row: &str, column: &str) -> String {
        if row.is_empty() { column.to_owned() } else { format!("{row}-{column}") }
    }

    /// The combination's own result, or the case's where that is the combination.
    fn summary(&self, row: &str, column: &str) -> &Summary {
        let name = self.name(row, column);
        self.folder.swept.iter().find(|sibling| sibling.name == name).map_or(&self.folder.summary, |s| &s.summary)
    }

    fn number(&self, measure: &Measure, row: &str, column: &str) -> Option<Number> {
        let summary = self.summary(row, column);
        let found = summary.number(measure.path)?;
        let Some(over) = measure.over else { return Some(found) };
        let over = summary.number(over)?.mean;
        Some(Number {
            mean: found.mean / over,
            ci95: found.ci95.map(|ends| ends.map(|x| x / over)),
            values: found.values.iter().map(|x| x / over).collect(),
        })
    }

    fn table(&self, measure: &Measure) -> String {
        let all: Vec<Vec<Option<Number>>> = (self.rows.iter())
            .map(|row| self.columns.choices.iter().map(|column| self.number(measure, row, column)).collect())
            .collect();
        if all.iter().flatten().all(Option::is_none) {
            return String::new();
        }
        let text = |n: &Number| if measure.is_fraction { percent_measured(n) } else { measured(n) };
        let mut rows: Vec<Vec<String>> = Vec::new();
        for (compared, names) in all.chunks(self.together).zip(self.rows.chunks(self.together)) {
            let least: Vec<f64> = (0..self.columns.choices.len())
                .map(|j| compared.iter().filter_map(|row| Some(row[j].as_ref()?.mean)).fold(f64::INFINITY, f64::min))
                .collect();
            for (row, name) in compared.iter().zip(names) {
                let cell = |(found, least): (&Option<Number>, &f64)| match found {
                    Some(n) if measure.is_compared && self.together > 1 && n.mean == *least => {
                        format!("<strong>{}</strong>", text(n))
                    }
                    Some(n) => text(n),
                    None => "—".into(),
                };
                let cells = row.iter().zip(&least).map(cell);
                rows.push(std::iter::once(escape(name)).chain(cells).collect());
            }
        }
        rows.extend(self.published(measure));
        let header = std::iter::once(escape(&self.columns.name));
        let header: Vec<String> = header.chain(self.columns.choices.iter().map(|c| escape(c))).collect();
        format!("<h3>{}</h3>{}", measure.heading, table(&header, &rows))
    }

    /// Rows of what others found.
    fn published(&self, measure: &Measure) -> Vec<Vec<String>> {
        let of_measure = self.folder.case.published.iter().filter(|p| Some(p.what.as_str()) == measure.published);
        let row = |p: &crate::report::data::Published| {
            let name = format!("<em>{}, as published</em>", escape(&p.row));
            std::iter::once(name).chain(p.values.iter().map(|&x| number(x))).collect()
        };
        of_measure.map(row).collect()
    }

    /// e1 against the columns, a chart for each comparison.
    fn charts(&self) -> String {
        let charts: String = (self.rows.chunks(self.together))
            .flat_map(|rows| [&MEASURES[0], &MEASURES[2]].map(|measure| self.chart(measure, rows)))
            .collect();
        if charts.is_empty() { charts } else { format!("<div class=\"charts\">{charts}</div>") }
    }

    fn chart(&self, measure: &Measure, rows: &[String]) -> String {
        let series: Vec<Vec<(f64, Number)>> = (rows.iter())
            .map(|row| {
                let of = |(j, column): (usize, &String)| Some((j as f64, self.number(measure, row, column)?));
                self.columns.choices.iter().enumerate().filter_map(of).collect()
            })
            .collect();
        let most = series.iter().flatten().map(|(_, n)| n.ci95.map_or(n.mean, |ci| ci[1])).fold(0.0, f64::max);
        if most <= 0.0 {
            return String::new();
        }
        let ticks = self.columns.choices.iter().enumerate().map(|(j, name)| (j as f64, name.clone())).collect();
        let last = self.columns.choices.len() as f64 - 1.0;
        let mut chart =
            Chart::new(Axis::named(-0.3, last + 0.3, ticks), Axis::linear(measure.heading, 0.0, 1.08 * most));
        for (i, (row, points)) in rows.iter().zip(&series).enumerate() {
            let class = format!("k k{}", i % 30);
            chart.line(&points.iter().map(|(x, n)| (*x, n.mean)).collect::<Vec<_>>(), &class, row);
            let dots: Vec<_> = points.iter().map(|(x, n)| (*x, n.mean, format!("{row}: {}", number(n.mean)))).collect();
            chart.dots(&dots, &class, false, "");
            let bars: Vec<_> = points.iter().filter_map(|(x, n)| Some([(*x, n.ci95?[0]), (*x, n.ci95?[1])])).collect();
            chart.segments(&bars, &class, "");
        }
        let heading = format!("{} by {}", measure.heading, self.columns.name);
        chart.figure(&heading, &format!("{heading}, a line a choice"), "")
    }

    fn model(&self, row: &str, column: &str) -> Option<&Array3<f64>> {
        let name = self.name(row, column);
        match self.folder.swept.iter().find(|sibling| sibling.name == name) {
            Some(sibling) => sibling.model.as_ref(),
            None => self.own().map(|run| &run.model),
        }
    }

    fn own(&self) -> Option<&crate::report::data::Run> {
        self.folder.run.as_ref().or(self.folder.repeats.first().map(|repeat| &repeat.run))
    }

    /// The maps of every combination, and what they miss.
    fn maps(&self) -> String {
        let Some(own) = self.own() else { return String::new() };
        let all: Vec<&Array3<f64>> = (self.rows.iter())
            .flat_map(|row| self.columns.choices.iter().filter_map(|column| self.model(row, column)))
            .collect();
        let case = &self.folder.case;
        let (low, high) = match case.facies.is_empty() {
            true => ends(all.iter().copied().chain(own.reference.iter()).flat_map(|field| case.active(field))),
            false => ends(case.facies.iter()),
        };
        let picture = |field: &Array3<f64>, scale, palette, name: &str| {
            let source = thumbnail(case, field.view(), scale, palette);
            format!("<img src=\"{source}\" alt=\"{}\">", escape(name))
        };
        let header = |first: String| -> Vec<String> {
            std::iter::once(first).chain(self.columns.choices.iter().map(|c| escape(c))).collect()
        };
        let grid = |draw: &dyn Fn(&Array3<f64>, &str) -> String| -> Vec<Vec<String>> {
            let cell = |row: &String, column: &String| {
                self.model(row, column).map_or("—".into(), |field| draw(field, &self.name(row, column)))
            };
            let line = |row: &String| {
                let cells = self.columns.choices.iter().map(|column| cell(row, column));
                std::iter::once(escape(row)).chain(cells).collect()
            };
            self.rows.iter().map(line).collect()
        };
        let scale = [low, high];
        let models = grid(&|field, name| picture(field, scale, Palette::Property, name));
        let label = property_label(case, &self.folder.summary);
        let bar = colour_bar(Palette::Property, scale, &label, true);
        let reference = own.reference.as_ref().map(|r| picture(r, scale, Palette::Property, "reference"));
        let which = if self.folder.repeats.is_empty() { "" } else { " of the first reference" };
        let first = reference.map_or(escape(&self.columns.name), |r| format!("{r}<br>the reference"));
        let mut out =
            format!("<h3>The models{which}</h3>{bar}<div class=\"pictures\">{}</div>", table(&header(first), &models));
        if let Some(reference) = &own.reference {
            let most = all
                .iter()
                .flat_map(|&field| case.active(field).zip(case.active(reference)))
                .map(|(a, b)| (a - b).abs());
            let most = most.fold(f64::MIN_POSITIVE, f64::max);
            let scale = [-most, most];
            let errors =
                grid(&|field, name| picture(&(field - reference), scale, Palette::Error, &format!("error of {name}")));
            let bar = colour_bar(Palette::Error, scale, &format!("estimate − reference, {label}"), true);
            out += &format!(
                "<details><summary>Error maps{which}</summary>{bar}<div class=\"pictures\">{}</div></details>",
                table(&header(escape(&self.columns.name)), &errors)
            );
        }
        let links: Vec<String> = (self.folder.swept.iter())
            .map(|s| format!("<a href=\"variant-{0}/report.html\">{0}</a>", escape(&s.name)))
            .collect();
        out + &format!("<details><summary>Reports of the combinations</summary><p>{}.</p></details>", listed(&links))
    }
}

fn ends<'a>(values: impl Iterator<Item = &'a f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    if high > low { (low, high) } else { (low - 0.5, low + 0.5) }
}
