//! What benches of simulation by variograms share: one anisotropic structure, how many realizations.

use lithoscope::error::Result;
use lithoscope::prior::variogram::{Shape, Structure, Variogram};

/// Spherical, ranges of 40, 20 and 5 cells, the longest eastward, sill 1.
pub(crate) fn spherical() -> Result<Variogram> {
    let range =
        Structure { ranges: [40.0, 20.0, 5.0], azimuth: 90.0, ..Structure::isotropic(Shape::Spherical, 1.0, 1.0) };
    Variogram::new(0.0, &[range])
}

/// The value of `--realizations`, else 20.
pub(crate) fn realizations() -> u64 {
    let arguments: Vec<String> = std::env::args().collect();
    let value = arguments.iter().position(|a| a == "--realizations").and_then(|i| arguments.get(i + 1));
    value.map_or(20, |l| l.parse().expect("--realizations takes a number"))
}
