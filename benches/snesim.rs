//! SNESIM's speed and its nearness to public training images, at the settings of `benches/peers/snesim.py`.
//!
//!     cargo bench --bench snesim -- --images FOLDER [--only NAME] [--realizations L] [--write FOLDER] [--as-peer]
//!
//! FOLDER holds the images in GSLIB's format. For each image: CPU seconds of the scan (shared by all realizations) and of a
//! realization on one thread, mean proportions, and mean Jensen–Shannon divergences of pattern histograms with their
//! standard errors. `--write` leaves the realizations as raw bytes, one file an image. `--as-peer` sets what MPSlib's
//! defaults are: no servo, events of one replicate, every informed node.
#![expect(clippy::print_stdout, reason = "a bench prints its results")]

use std::path::{Path, PathBuf};

use lithoscope::grid::Grid;
use lithoscope::measure::timed;
use lithoscope::prior::pattern_statistics::{PatternHistogram, connectivity, proportions};
use lithoscope::prior::snesim::{Snesim, SnesimOptions};
use lithoscope::prior::{Conditioning, Prior};

/// An image and how it is simulated from.
struct Case {
    name: &'static str,
    cells: [usize; 3],
    template: [usize; 3],
    grids: usize,
    pattern: [usize; 3],
}

const CASES: [Case; 4] = [
    case("strebelle_250x250", [100, 100, 1], [7, 7, 1], 4, [4, 4, 1]),
    case("lena_delta_3facies_598x600", [100, 100, 1], [7, 7, 1], 4, [3, 3, 1]),
    case("ellipses_500x500", [100, 100, 1], [7, 7, 1], 4, [4, 4, 1]),
    case("fluvsim_channels3d_crop125x125x50", [50, 50, 20], [5, 5, 3], 3, [3, 3, 2]),
];

const fn case(name: &'static str, cells: [usize; 3], template: [usize; 3], grids: usize, pattern: [usize; 3]) -> Case {
    Case { name, cells, template, grids, pattern }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |flag: &str| arguments.iter().position(|a| a == flag).and_then(|i| arguments.get(i + 1));
    let Some(images) = value("--images") else {
        println!("give the folder of the training images: --images FOLDER");
        return;
    };
    let realizations = value("--realizations").map_or(20, |l| l.parse().expect("--realizations takes a number"));
    let write = value("--write").map(PathBuf::from);
    let options = match arguments.iter().any(|a| a == "--as-peer") {
        true => SnesimOptions { servo: 0.0, minimum_replicates: 1, maximum_informed: usize::MAX, ..Default::default() },
        false => SnesimOptions::default(),
    };
    for case in CASES.iter().filter(|case| value("--only").is_none_or(|name| name == case.name)) {
        run(case, options.clone(), Path::new(images), realizations, write.as_deref());
    }
}

fn run(case: &Case, options: SnesimOptions, images: &Path, realizations: u64, write: Option<&Path>) {
    let (cells, codes) = read(&images.join(format!("{}.gslib", case.name)));
    let facies = codes.iter().max().map_or(0, |&code| usize::from(code) + 1);
    let grid = Grid::unit(case.cells);
    let options = SnesimOptions { template: case.template, grids: case.grids, ..options };
    let (model, _, scan) =
        timed(|| Snesim::new(cells, &codes, facies, grid, options).expect("an image to simulate from"));
    let draw = |k| model.realization(&Conditioning::default(), 1, k).expect("a realization").facies.expect("facies");
    let (maps, _, seconds): (Vec<Vec<u8>>, _, _) = timed(|| (0..realizations).map(draw).collect());
    println!(
        "{}: {:?} cells, template {:?}, {} grids, 1 thread: {:.3} CPU s to scan, {:.4} CPU s a realization of {realizations}",
        case.name,
        case.cells,
        case.template,
        case.grids,
        scan,
        seconds / realizations as f64
    );
    for (k, p) in proportions(&codes, facies).into_iter().enumerate().skip(1) {
        println!("  proportion of facies {k}: {}, image {p:.4}", mean(&maps, |map| proportions(map, facies)[k]));
    }
    for spacing in [1, 2, 4] {
        let of = |cells, codes: &[u8]| PatternHistogram::new(cells, codes, facies, case.pattern, spacing);
        let image = of(cells, &codes);
        let divergence = mean(&maps, |map| image.jensen_shannon(&of(case.cells, map)));
        println!("  Jensen-Shannon divergence of {:?} cells at spacing {spacing}: {divergence} nats", case.pattern);
    }
    println!("  connectivity at lag 20 along x: {}", mean(&maps, |map| connectivity(case.cells, map, 1, 0, &[20])[0]));
    if let Some(folder) = write {
        std::fs::write(folder.join(format!("{}.u8", case.name)), maps.concat()).expect("a folder to write to");
    }
}

/// Mean over the realizations for which `value` is a number, and its standard error.
fn mean(maps: &[Vec<u8>], value: impl Fn(&[u8]) -> f64) -> String {
    let values: Vec<f64> = maps.iter().map(|map| value(map)).filter(|v| !v.is_nan()).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let error = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n * (n - 1.0))).sqrt();
    format!("{mean:.4} ± {error:.4}")
}

/// Reads a GSLIB image whose first line is its size: cells and codes.
fn read(path: &Path) -> ([usize; 3], Vec<u8>) {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
    let mut lines = text.lines();
    let size = lines.next().map(|line| line.split_whitespace().map(|n| n.parse().expect("a number of cells")));
    let size: Vec<usize> = size.into_iter().flatten().collect();
    let codes = lines.skip(2).map(|line| line.trim().parse::<f64>().expect("a code") as u8).collect();
    ([size[0], size[1], size[2]], codes)
}
