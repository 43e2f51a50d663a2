//! Standard deviations and covariances of the data's errors.

use ndarray::{Array1, ArrayView1};

use super::super::file::{Data, Noise};
use super::Unit;
use super::rays::Shared;
use crate::error::{Error, Result};
use crate::linalg::covariance::Covariance;

/// What the errors of a datum follow from: which kind it is of, in which unit its size counts, and how noisy it is.
pub(super) struct Scale<'a> {
    pub(super) kind: &'static str,
    pub(super) unit: &'a Unit,
    pub(super) noise: Noise,
}

/// Standard deviations of independent errors \[SI\], as the case says. Relative ones count the size of a datum as files
/// write it, since a logarithm's depends on the unit; `rms` and `mean |d|` are those of its kind.
pub(super) fn sigma(scales: &[Scale<'_>], d: ArrayView1<'_, f64>, file: Option<&[f64]>) -> Result<Array1<f64>> {
    let sizes: Vec<f64> = scales.iter().zip(d).map(|(scale, &d)| scale.unit.size(d)).collect();
    let of_kind = |kind: &str| -> Array1<f64> {
        scales.iter().zip(&sizes).filter(|(scale, _)| scale.kind == kind).map(|(_, &size)| size).collect()
    };
    let rms = |kind: &str| {
        let sizes = of_kind(kind);
        (sizes.dot(&sizes) / sizes.len() as f64).sqrt()
    };
    let mean = |kind: &str| {
        let sizes = of_kind(kind);
        sizes.sum() / sizes.len() as f64
    };
    scales
        .iter()
        .enumerate()
        .map(|(i, scale)| {
            let of_size = |size: f64| size * scale.unit.difference();
            Ok(match scale.noise {
                Noise::Relative(fraction) => of_size((fraction * sizes[i]).max(0.01 * rms(scale.kind))),
                Noise::RelativeToMean(fraction) => of_size(fraction * mean(scale.kind)),
                Noise::Absolute(sigma) => sigma,
                Noise::Free => of_size(0.01 * rms(scale.kind)),
                Noise::File => match file {
                    Some(sigma) => sigma[i],
                    None => {
                        return Err(Error::input(
                            "data.noise",
                            "\"file\", and the data file has no column of standard deviations",
                            "name the column in data.columns.sigma, or give the noise here",
                        ));
                    }
                },
            })
        })
        .collect()
}

/// Covariance of the errors of data that share sources and receivers, every standard deviation times `factor`.
pub(super) fn covariance(data: &Data, sigma: &Array1<f64>, shared: &Shared, factor: f64) -> Result<Covariance> {
    let sigma = sigma * factor;
    let source_statics = data.tests.as_ref().map_or(data.source_statics, |tests| tests.series_error);
    if source_statics == 0.0 && data.receiver_statics == 0.0 {
        return Covariance::diagonal(sigma);
    }
    let (source, receiver) = (factor * source_statics, factor * data.receiver_statics);
    Covariance::with_statics(sigma, &shared.source, &shared.receiver, source, receiver)
}
