//! The public training images: what the reader finds in each is what their table says.

use lithoscope::io::{self, Categories, gslib};
use lithoscope::testing::reference;

/// One line of the table of `ti/README.md`.
struct Listed {
    file: String,
    size: String,
    statistics: String,
}

fn listed(readme: &str) -> Vec<Listed> {
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        match cells.as_slice() {
            [_, file, size, _, statistics, ..] if file.ends_with(".gslib") => Some(Listed {
                file: (*file).to_owned(),
                size: (*size).to_owned(),
                statistics: (*statistics).to_owned(),
            }),
            _ => None,
        }
    };
    readme.lines().filter_map(row).collect()
}

/// A unit of the last digit that a number is printed with: the table rounds most of its numbers, and cuts one.
fn printing_error(printed: &str) -> f64 {
    let digits = printed.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    10f64.powi(-(digits as i32))
}

fn check_categories(name: &str, values: &[f64], statistics: &str) {
    let found = Categories::of(name, values).unwrap_or_else(|e| panic!("{e}"));
    let expected: Vec<_> = statistics
        .strip_prefix("cats ")
        .expect("cats value:proportion, …")
        .split(", ")
        .map(|entry| entry.split_once(':').expect("value:proportion"))
        .collect();
    let categories: Vec<f64> = expected.iter().map(|(value, _)| value.parse().expect("a value")).collect();
    assert_eq!(found.values, categories, "{name}: values");
    for (code, (value, proportion)) in expected.iter().enumerate() {
        let count = found.codes.iter().filter(|c| usize::from(**c) == code).count();
        let share = count as f64 / values.len() as f64;
        let printed: f64 = proportion.parse().expect("a proportion");
        assert!((share - printed).abs() <= printing_error(proportion), "{name}: {share} of {value}, listed {printed}");
    }
}

fn check_moments(name: &str, values: &[f64], statistics: &str) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let words: Vec<_> = statistics.split_whitespace().collect();
    for pair in words.chunks(2) {
        let found = match pair[0] {
            "min" => min,
            "max" => max,
            "mean" => mean,
            "std" => std,
            other => panic!("{name}: unknown statistic {other}"),
        };
        let printed: f64 = pair[1].parse().expect("a number");
        assert!((found - printed).abs() <= printing_error(pair[1]), "{name}: {} is {found}, listed {printed}", pair[0]);
    }
}

#[test]
fn every_training_image_is_what_its_table_says() {
    let Some(folder) = reference("ti") else { return };
    let readme = std::fs::read_to_string(folder.join("README.md")).expect("the table");
    let table = listed(&readme);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".gslib"))
        .collect();
    files.sort();
    let mut names: Vec<_> = table.iter().map(|l| l.file.clone()).collect();
    names.sort();
    assert_eq!(files, names, "files and table");
    for Listed { file, size, statistics } in table {
        let path = folder.join(&file);
        if let Some(count) = size.strip_suffix(" points") {
            let points = gslib::read_points(&path).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(points.names.join("; "), statistics, "{file}: names");
            assert_eq!(points.columns[0].len().to_string(), count, "{file}: points");
            continue;
        }
        let image = io::read(&path, None).unwrap_or_else(|e| panic!("{e}"));
        let [nx, ny, nz] = image.cells;
        assert_eq!(format!("{nx}x{ny}x{nz}"), size, "{file}: cells");
        assert_eq!((image.realizations, image.variables.len()), (1, 1), "{file}");
        let values = &image.variables[0].values;
        if statistics.starts_with("cats") {
            check_categories(&file, values, &statistics);
        } else {
            check_moments(&file, values, &statistics);
        }
    }
}

/// The first cells of a file are the south-western bottom ones: Strebelle's image in its published orientation has
/// the counts below in its first (southern) and last (northern) row, counted from the text itself.
#[test]
fn rows_of_the_image_are_rows_of_the_file() {
    let Some(folder) = reference("ti") else { return };
    let path = folder.join("strebelle_250x250.gslib");
    let text = std::fs::read_to_string(&path).expect("the file");
    let lines: Vec<&str> = text.lines().skip(3).collect();
    let image = io::read(&path, None).unwrap_or_else(|e| panic!("{e}"));
    let [nx, ny, _] = image.cells;
    for row in [0, 1, ny - 1] {
        let own: f64 = image.variables[0].values[row * nx..(row + 1) * nx].iter().sum();
        let there = lines[row * nx..(row + 1) * nx].iter().filter(|l| l.trim() == "1").count();
        assert_eq!(own, there as f64, "channel cells of row {row}");
    }
}
