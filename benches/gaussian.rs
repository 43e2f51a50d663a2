//! Gaussian fields given data: speed of sequential simulation and of embedding with kriged residuals, and how near the
//! variogram of an ensemble comes to the model's. `benches/peers/gaussian.py` does the same with gstools.
//!
//!     cargo bench --bench gaussian -- [--realizations L]
#![expect(clippy::print_stdout, reason = "a bench prints its results")]

#[path = "common/variogram.rs"]
mod variogram;

use lithoscope::error::Result;
use lithoscope::grid::Grid;
use lithoscope::measure::timed;
use lithoscope::prior::gaussian_field::GaussianField;
use lithoscope::prior::sequential::SequentialOptions;
use lithoscope::prior::sgsim::Sgsim;
use lithoscope::prior::variogram::Variogram;
use lithoscope::prior::{Conditioning, Known, Prior};

use crate::variogram::{realizations, spherical};

const SIZES: [[usize; 3]; 3] = [[100, 100, 1], [200, 200, 1], [100, 100, 10]];

fn main() -> Result<()> {
    let (variogram, count) = (spherical()?, realizations());
    for cells in SIZES {
        let grid = Grid::unit(cells);
        // 50 cells spread by the golden ratio, with values in turn.
        let cell = |i: usize| ((i as f64 * 0.618_033_988_749_895).fract() * grid.len() as f64) as usize;
        let values = (0..50).map(|i| Known { cell: cell(i), value: (i % 5) as f64 - 2.0 }).collect();
        let data = Conditioning { values, ..Default::default() };
        for neighbours in [12, 24] {
            let options = SequentialOptions { neighbours, ..Default::default() };
            let (prior, _, prepared) = timed(|| Sgsim::new(grid, &variogram, 0.0, options));
            report(&format!("sgsim, {neighbours} neighbours"), &prior?, &data, &variogram, prepared, count)?;
        }
        let (prior, _, prepared) = timed(|| GaussianField::new(grid, &variogram, 0.0));
        report("embedding", &prior?, &data, &variogram, prepared, count)?;
    }
    Ok(())
}

/// CPU seconds of a conditional realization on one thread, and the variogram of unconditional ones along x.
fn report(
    name: &str,
    prior: &dyn Prior,
    data: &Conditioning,
    variogram: &Variogram,
    prepared: f64,
    count: u64,
) -> Result<()> {
    let (drawn, _, seconds) = timed(|| (0..count).map(|k| prior.realization(data, 1, k)).collect::<Result<Vec<_>>>());
    drop(drawn?);
    let cells = prior.grid().cells;
    print!("{cells:?} {name:<20} prepared {prepared:.3}, a realization {:.4} CPU s; γ/model", seconds / count as f64);
    for lag in [1, 5, 20] {
        let mut semivariances = Vec::new();
        for k in 0..count {
            let values = prior.realization(&Conditioning::default(), 2, k)?.values.unwrap_or_default();
            let rows = values.chunks_exact(cells[0]);
            let squares = rows.flat_map(|row| (lag..cells[0]).map(|i| f64::from(row[i] - row[i - lag]).powi(2)));
            let pairs = values.len() / cells[0] * (cells[0] - lag);
            semivariances
                .push(0.5 * squares.sum::<f64>() / pairs as f64 / variogram.semivariance([lag as f64, 0.0, 0.0]));
        }
        let n = count as f64;
        let mean = semivariances.iter().sum::<f64>() / n;
        let error = (semivariances.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n * (n - 1.0))).sqrt();
        print!(" {mean:.4}±{error:.4} at {lag}");
    }
    println!();
    Ok(())
}
