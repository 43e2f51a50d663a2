//! The basis of a run: some of its images, how a dictionary was learned, the coefficients, their groups.

use ndarray::{Array4, ArrayView3, Axis as Along};

use super::{listed, section, table};
use crate::report::colour::Palette;
use crate::report::data::{Folder, Member, Run};
use crate::report::figures::{Axis, Chart, escape, number};
use crate::report::maps::thumbnail;

/// Groups of largest norm that are told apart.
const SHOWN: usize = 12;

/// The section; empty of bases of several blocks, and of those that a feasible set goes with.
pub(super) fn section_of(folder: &Folder, run: &Run) -> String {
    let Some(images) = &run.basis_images else { return String::new() };
    let is_dictionary = !run.dictionary.is_empty();
    let names = (1..=images.len_of(Along(0))).map(|j| j.to_string());
    let order = match is_dictionary {
        true => " Atoms with the most energy in the codes of the realizations come first.",
        false => "",
    };
    let body = format!(
        "<h3>Its first images</h3><p>The images whose sum, each times its coefficient v<sub>j</sub>, is added to the mean: \
         blue is negative, red positive, each on a scale of its own.{order}</p>{}{}{}{}",
        pictures(folder, images, names),
        if is_dictionary { learning(run) } else { String::new() },
        coefficients(run),
        groups(folder, run),
    );
    section("basis", "The basis and its coefficients", &body)
}

/// Columns of a basis side by side, each under its name.
fn pictures(folder: &Folder, images: &Array4<f64>, names: impl Iterator<Item = String>) -> String {
    let picture = |(image, name): (ArrayView3<'_, f64>, String)| {
        let most = image.iter().fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs()));
        let source = thumbnail(&folder.case, image, [-most, most], Palette::Error);
        format!("<div><img src=\"{source}\" alt=\"column {name}\"><span>{name}</span></div>")
    };
    let all: String = images.outer_iter().zip(names).map(picture).collect();
    format!("<div class=\"images\">{all}</div>")
}

/// Images of the members of the largest groups, a row each.
fn group_pictures(folder: &Folder, run: &Run) -> String {
    let Some(images) = &run.group_images else { return String::new() };
    let shown = |member: &&Member| member.image.is_some_and(|at| (1..=images.len_of(Along(0))).contains(&at));
    let mut members: Vec<&Member> = run.members.iter().filter(shown).collect();
    members.sort_by_key(|member| member.image);
    let row = |members: &[&Member]| {
        let group = members[0].group;
        let of_group = run.groups.iter().find(|g| g.group == group);
        let left = of_group.map_or(0, |g| g.members - members.len());
        let more = if left > 0 { format!(" ({left} more)") } else { String::new() };
        let at: Vec<usize> = members.iter().filter_map(|m| m.image).map(|at| at - 1).collect();
        let names = members.iter().map(|m| format!("{} · {}", m.column, number(m.coefficient)));
        format!("<h4>Group {group}{more}</h4>{}", pictures(folder, &images.select(Along(0), &at), names))
    };
    let rows: String = members.chunk_by(|a, b| a.group == b.group).map(row).collect();
    format!(
        "<details open><summary>Images of the largest groups</summary><p>Below an image: its column, and its coefficient in \
         this group.</p>{rows}</details>"
    )
}

fn learning(run: &Run) -> String {
    let points: Vec<(f64, f64)> = run.dictionary.iter().map(|row| (f64::from(row.iteration), row.rmse)).collect();
    let largest = points.iter().map(|p| p.1).fold(0.0, f64::max);
    if points.len() < 2 || largest <= 0.0 {
        return String::new();
    }
    let x = Axis::linear("iteration of learning", 1.0, points.len() as f64);
    let mut chart = Chart::new(x, Axis::linear("RMSE of the codes", 0.0, 1.05 * largest));
    chart.line(&points, "a", "RMSE");
    let last = points[points.len() - 1].1;
    let note = listed(&[format!("{} at last", number(last))]);
    format!(
        "<div class=\"charts\">{}</div>",
        chart.figure("How the dictionary was learned", "RMSE by iteration", &note)
    )
}

/// Stems of v.
fn coefficients(run: &Run) -> String {
    let Some(v) = &run.coefficients else { return String::new() };
    let points = |value: &dyn Fn(f64) -> f64| -> Vec<[(f64, f64); 2]> {
        let stem = |(j, &x): (usize, &f64)| (x != 0.0).then(|| [((j + 1) as f64, 0.0), ((j + 1) as f64, value(x))]);
        v.iter().enumerate().filter_map(stem).collect()
    };
    let (low, high) = v.iter().fold((0.0f64, 0.0f64), |(l, h), &x| (l.min(x), h.max(x)));
    if low == high {
        return "<p>All coefficients are zero.</p>".into();
    }
    let used = v.iter().filter(|x| **x != 0.0).count();
    let x = Axis::linear("number of the coefficient", 0.0, v.len() as f64 + 1.0);
    let mut chart = Chart::new(x, Axis::linear("coefficient vⱼ", 1.08 * low, 1.08 * high)).wide();
    chart.segments(&points(&|x| x), "k k0", "");
    chart.level(0.0, "c", "");
    let note = format!("{used} of {} coefficients differ from zero; of several copies the sum.", v.len());
    chart.figure("All coefficients", "Stems of the coefficients", &note)
}

/// Stems of the members of the largest groups, side by side, and the groups' table.
fn groups(folder: &Folder, run: &Run) -> String {
    if run.groups.is_empty() {
        return String::new();
    }
    let mut order: Vec<usize> = (0..run.groups.len()).collect();
    order.sort_by(|&a, &b| run.groups[b].norm.total_cmp(&run.groups[a].norm));
    order.retain(|&g| run.groups[g].norm > 0.0);
    let used = order.len();
    order.truncate(SHOWN);
    let of_group =
        |g: usize| -> Vec<&Member> { run.members.iter().filter(|m| m.group == run.groups[g].group).collect() };
    let members: Vec<Vec<&Member>> = order.iter().map(|&g| of_group(g)).collect();
    let total: usize = members.iter().map(Vec::len).sum();
    let all = || members.iter().flatten().map(|m| m.coefficient);
    let (low, high) = all().fold((0.0f64, 0.0f64), |(l, h), x| (l.min(x), h.max(x)));
    let summary = folder.summary.get("groups").and_then(serde_json::Value::as_object);
    let number_of = |key: &str| summary.and_then(|s| s.get(key)).and_then(serde_json::Value::as_f64);
    let mut words = format!("<p>{used} of {} groups are not empty", run.groups.len());
    if let (Some(expanded), Some(columns)) = (number_of("expanded"), number_of("columns")) {
        words += &format!("; together they have {} coefficients of {} columns", number(expanded), number(columns));
    }
    if let Some(dropped) = number_of("dropped").filter(|d| *d > 0.0) {
        words += &format!("; {} columns are in no group and left out", number(dropped));
    }
    if let Some(explained) = number_of("explained") {
        words += &format!("; they explain {:.1} % of the energy of the realizations' coefficients", 100.0 * explained);
    }
    words += ".</p>";
    if low == high {
        return format!("<h3>The groups</h3>{words}");
    }
    let x = Axis::linear("members of the largest groups, group after group", 0.5, total as f64 + 0.5);
    let mut chart = Chart::new(x, Axis::linear("coefficient of the group", 1.08 * low, 1.08 * high)).wide();
    let mut first = 0;
    for (i, (&g, members)) in order.iter().zip(&members).enumerate() {
        if i % 2 == 1 {
            chart.band(first as f64 + 0.5, (first + members.len()) as f64 + 0.5, "", "");
        }
        let stem = |(at, m): (usize, &&Member)| {
            let x = (first + at + 1) as f64;
            [(x, 0.0), (x, m.coefficient)]
        };
        let stems: Vec<_> = members.iter().enumerate().map(stem).collect();
        chart.segments(
            &stems,
            &format!("k k{}", i % 30),
            &format!("group {} ({})", run.groups[g].group, members.len()),
        );
        first += members.len();
    }
    chart.level(0.0, "c", "");
    let figure = chart.figure(
        "Coefficients of the largest groups",
        "Stems of the members of the groups of largest norm",
        "Behind a group's number: how many members it has.",
    );
    let header = ["group", "members", "weight μ", "norm ‖v_g‖", "columns"].map(str::to_owned);
    let row = |(&g, members): (&usize, &Vec<&Member>)| {
        let group = &run.groups[g];
        let columns: Vec<String> = members.iter().map(|m| m.column.to_string()).collect();
        vec![
            group.group.to_string(),
            group.members.to_string(),
            number(group.weight),
            number(group.norm),
            escape(&columns.join(" ")),
        ]
    };
    let rows: Vec<Vec<String>> = order.iter().zip(&members).map(row).collect();
    format!(
        "<h3>The groups</h3>{words}{figure}{}<details><summary>The largest groups</summary>{}</details>",
        group_pictures(folder, run),
        table(&header, &rows)
    )
}
