//! The error that a truncated basis makes in the data, counted as noise.

use ndarray::{Array2, ArrayView2};

use crate::error::Result;
use crate::linalg::covariance::Covariance;
use crate::linalg::dense::multiply;

/// Covariance of the data's errors with the truncation error of the basis added, `C + (1 − γ) S + γ diag S`,
/// `S = E Eᵀ / L`.
///
/// `deviations` is E (m × L): a column a prior realization, what the forward model makes of the part of it that the
/// basis cannot carry, `g(u_i) − g(r_i)`. Without it a truncated basis is asked to fit the data to their noise, which
/// its span may not allow, and the weight of everything else falls to its least value.
///
/// S has no more directions than realizations, and between as many data it knows correlations that are chance: of them
/// the share γ is left out that makes the expected squared error least (Schäfer & Strimmer 2005).
///
/// # Errors
/// Where the sum is not a covariance (not finite).
pub fn truncation_covariance(covariance: &Covariance, deviations: ArrayView2<'_, f64>) -> Result<Covariance> {
    let mut sample = sample_covariance(deviations);
    let kept = 1.0 - shrinkage(deviations, &sample);
    let variances = sample.diag().to_owned();
    sample.mapv_inplace(|c| kept * c);
    sample.diag_mut().assign(&variances);
    Covariance::full(&(sample + covariance.matrix()))
}

/// `S = E Eᵀ / L` of deviations E (m × L) from a mean that is known, L > 0.
pub(super) fn sample_covariance(deviations: ArrayView2<'_, f64>) -> Array2<f64> {
    let realizations = deviations.ncols().max(1) as f64;
    let mut sample = multiply(deviations, deviations.t());
    sample.mapv_inplace(|c| c / realizations);
    sample
}

/// `γ = Σ var(s_ij) / Σ s_ij²` over all i ≠ j, at most 1, with the variances of the entries of `S = E Eᵀ/L` estimated from
/// the same L columns of E: the weight of the diagonal by which `E‖(1 − γ) S + γ diag S − E S‖²` is least. (Schäfer &
/// Strimmer 2005, A shrinkage approach to large-scale covariance matrix estimation, target D.)
fn shrinkage(deviations: ArrayView2<'_, f64>, sample: &Array2<f64>) -> f64 {
    let realizations = deviations.ncols().max(1) as f64;
    let squares = deviations.mapv(|e| e * e);
    let fourth = multiply(squares.view(), squares.t());
    let off_diagonal = |matrix: &Array2<f64>, of: &dyn Fn(f64) -> f64| {
        matrix.iter().map(|&x| of(x)).sum::<f64>() - matrix.diag().iter().map(|&x| of(x)).sum::<f64>()
    };
    let square = off_diagonal(sample, &|s| s * s);
    if square <= 0.0 {
        return 0.0;
    }
    let variance = off_diagonal(&fourth, &|x| x) / realizations.powi(2) - square / realizations;
    (variance / square).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::super::toys::normals;
    use super::*;

    /// Errors `F z` of three directions beside those of single data, and their covariance `F Fᵀ + 0.04 I`.
    fn errors(count: usize, seed: u32) -> (Array2<f64>, Array2<f64>) {
        let (m, directions) = (40, normals(40, 3, 1));
        let z = normals(3 + m, count, seed);
        let drawn = directions.dot(&z.slice(s![..3, ..])) + 0.2 * &z.slice(s![3.., ..]);
        (drawn, directions.dot(&directions.t()) + 0.04 * Array2::<f64>::eye(m))
    }

    #[test]
    fn the_share_lessens_the_expected_error() {
        for count in [8, 30] {
            let (mut without, mut with, mut twice) = (0.0, 0.0, 0.0);
            for seed in 2..60 {
                let (drawn, exact) = errors(count, seed);
                let sample = sample_covariance(drawn.view());
                let chosen = shrinkage(drawn.view(), &sample);
                let wrong = |share: f64| {
                    let entry = |((i, j), s): ((usize, usize), &f64)| if i == j { *s } else { (1.0 - share) * s };
                    let shrunk = sample.indexed_iter().map(entry);
                    shrunk.zip(&exact).map(|(a, b)| (a - b).powi(2)).sum::<f64>()
                };
                without += wrong(0.0);
                with += wrong(chosen);
                twice += wrong((2.0 * chosen).min(1.0));
            }
            assert!(with < without && with < twice, "{count} realizations: {without} {with} {twice}");
        }
        let (drawn, _) = errors(20_000, 2);
        assert!(shrinkage(drawn.view(), &sample_covariance(drawn.view())) < 1e-3, "of many, S is right");
    }

    #[test]
    fn fewer_realizations_than_data_leave_no_direction_without_error() {
        let (drawn, exact) = errors(20, 2);
        let exact = Covariance::full(&exact).unwrap();
        let tiny = Covariance::diagonal(ndarray::Array1::from_elem(40, 1e-4)).unwrap();
        let covariance = truncation_covariance(&tiny, drawn.view()).unwrap();
        let (others, _) = errors(220, 2);
        let others = others.slice(s![.., 20..]);
        let misfit = |c: &Covariance| c.whiten_block(others).mapv(|x| x * x).sum() / (200.0 * 40.0);
        let (ours, right) = (misfit(&covariance), misfit(&exact));
        assert!((0.9..1.1).contains(&right), "{right}");
        assert!(ours < 20.0, "{ours}: without the share it is of the order of 1e6");
    }
}
