//! Facies by indicator variograms given data: speed of sequential indicator simulation, and how near proportions and
//! variograms of an ensemble come to the model's. `benches/peers/sisim.py` does the same with geone.
//!
//!     cargo bench --bench sisim -- [--realizations L]
#![expect(clippy::print_stdout, reason = "a bench prints its results")]

#[path = "common/variogram.rs"]
mod variogram;

use lithoscope::error::Result;
use lithoscope::grid::Grid;
use lithoscope::measure::timed;
use lithoscope::prior::pattern_statistics::{indicator_variogram, proportions};
use lithoscope::prior::sequential::SequentialOptions;
use lithoscope::prior::sisim::Sisim;
use lithoscope::prior::variogram::Variogram;
use lithoscope::prior::{Conditioning, Known, Prior};

use crate::variogram::{realizations, spherical};

const SIZES: [[usize; 3]; 3] = [[64, 64, 1], [200, 200, 1], [100, 100, 10]];
const PROPORTIONS: [f64; 3] = [0.5, 0.3, 0.2];
/// Lags along x, in cells.
const LAGS: [usize; 3] = [1, 5, 20];

fn main() -> Result<()> {
    let (variogram, count) = (spherical()?, realizations());
    let of_each = vec![variogram.clone(); 3];
    for cells in SIZES {
        let grid = Grid::unit(cells);
        for neighbours in [12, 24] {
            for (name, variograms) in [("one variogram", &of_each[..1]), ("three variograms", &of_each[..])] {
                let options = SequentialOptions { neighbours, ..Default::default() };
                let (model, _, prepared) = timed(|| Sisim::new(grid, &PROPORTIONS, variograms, options));
                print!("{cells:?}, {neighbours} neighbours, {name}: prepared {prepared:.3}");
                report(&model?, &variogram, count)?;
            }
        }
    }
    Ok(())
}

/// CPU seconds of a conditional realization on one thread; proportions, and the sum of all indicator variograms over the
/// model's, of unconditional ones.
fn report(model: &Sisim, variogram: &Variogram, count: u64) -> Result<()> {
    let grid = model.grid();
    // 50 cells spread by the golden ratio, with facies in turn.
    let cell = |i: usize| ((i as f64 * 0.618_033_988_749_895).fract() * grid.len() as f64) as usize;
    let facies = (0..50).map(|i| Known { cell: cell(i), value: (i % 3) as u8 }).collect();
    let data = Conditioning { facies, ..Default::default() };
    let (drawn, _, seconds) = timed(|| (0..count).map(|k| model.realization(&data, 1, k)).collect::<Result<Vec<_>>>());
    drop(drawn?);
    print!(", a realization {:.4} CPU s; proportions", seconds / count as f64);
    let sill: f64 = PROPORTIONS.iter().map(|p| p * (1.0 - p)).sum();
    let expected = LAGS.map(|lag| sill * variogram.semivariance([lag as f64, 0.0, 0.0]));
    let (mut shares, mut ratios) = (vec![Vec::new(); 3], vec![Vec::new(); LAGS.len()]);
    for k in 0..count {
        let codes = model.realization(&Conditioning::default(), 2, k)?.facies.unwrap_or_default();
        proportions(&codes, 3).into_iter().zip(&mut shares).for_each(|(p, all)| all.push(p));
        let of_facies = |k| indicator_variogram(grid.cells, &codes, k, 0, &LAGS);
        let variograms = [0, 1, 2].map(of_facies);
        for (i, ratios) in ratios.iter_mut().enumerate() {
            ratios.push(variograms.iter().map(|of_facies| of_facies[i]).sum::<f64>() / expected[i]);
        }
    }
    shares.iter().for_each(|all| print!(" {}", mean(all)));
    print!("; γ/model");
    LAGS.iter().zip(&ratios).for_each(|(lag, all)| print!(" {} at {lag}", mean(all)));
    println!();
    Ok(())
}

/// Mean and standard error.
fn mean(values: &[f64]) -> String {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let error = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n * (n - 1.0))).sqrt();
    format!("{mean:.4}±{error:.4}")
}
