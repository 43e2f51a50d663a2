//! Principal components of an ensemble (PCA; without a mean: truncated singular value decomposition).

use ndarray::{Array1, Array2, Axis, s};
use rayon::prelude::*;

use super::Basis;
use super::realizations::{Origin, Precision, Realizations, check_truncation, wrong};
use super::stored::{StoredBasis, TILE};
use crate::error::{Error, Result};
use crate::grid::Ensemble;
use crate::linalg::dense;
use crate::progress::Progress;

/// How many columns a basis keeps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Truncation {
    /// This many.
    Rank(usize),
    /// The fewest that hold this share of the energy `Σ σ²`, in (0, 1].
    Energy(f64),
}

impl Truncation {
    /// Whether a basis can be cut like this at all: rank at least 1, energy in (0, 1].
    pub(super) fn check(self) -> Result<()> {
        match self {
            Self::Rank(0) => Err(wrong("rank 0 leaves no column".into(), "keep at least one column")),
            Self::Energy(fraction) if !(fraction > 0.0 && fraction <= 1.0) => {
                Err(wrong(format!("energy {fraction} is not in (0, 1]"), "keep a share such as 0.8"))
            }
            _ => Ok(()),
        }
    }
}

/// The leading left singular vectors Φ of the matrix of realizations, `U − ū 1ᵀ = Φ Σ Wᵀ` (n × L).
///
/// From the Gram matrix `G = (U − ū 1ᵀ)ᵀ (U − ū 1ᵀ) = W Σ² Wᵀ` (L × L, f64): `Φ = (U − ū 1ᵀ) W Σ⁻¹`, then made
/// orthonormal once more by `Φ ← Φ R⁻¹`, `Φᵀ Φ = Rᵀ R`, which keeps the span of the first r columns for every r. The
/// ensemble is read in tiles and never copied to f64 as a whole. In every column the entry of largest magnitude is
/// positive.
#[derive(Debug, Clone)]
pub struct Pca {
    /// ū and Φ. The standard deviations of its coefficients are `σ_j/√(L−1)` (uncentred: their root mean square,
    /// `σ_j/√L`).
    pub basis: StoredBasis,
    /// All singular values σ, descending: L of them, of which the basis keeps the first.
    pub singular_values: Array1<f64>,
    /// Coefficients `V = Φᵀ (U − ū 1ᵀ)` of the realizations, k × L.
    pub coefficients: Array2<f64>,
}

/// How well an ensemble stands for its prior: error `√(Σ‖u − û‖²/Σ‖u − ū‖²)` of the best approximation û in the span of
/// the basis, of the realizations that the basis was made of and of others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HoldOut {
    /// Rank of the basis.
    pub rank: usize,
    /// Number of realizations that made the basis.
    pub kept: usize,
    /// Relative error of the realizations that made the basis.
    pub inside: f64,
    /// Relative error of those left out.
    pub outside: f64,
}

impl Pca {
    /// Principal components of `ensemble`: of `u − ū` with ū the mean of the realizations where `center`, else of u
    /// itself, with ū = 0.
    pub fn new(ensemble: &Ensemble, truncation: Truncation, center: bool, progress: &dyn Progress) -> Result<Self> {
        check_truncation(truncation, ensemble.len().max(if center { 2 } else { 1 }))?;
        progress.start("principal components", 2);
        let realizations = Realizations::new(ensemble, if center { Origin::Mean } else { Origin::Value(0.0) })?;
        advance(progress)?;
        let pca = realizations.components(truncation, Precision::BySize)?;
        advance(progress)?;
        progress.finish();
        Ok(pca)
    }

    /// Share of the energy `Σ σ²` that the first 1, 2, …, L columns hold.
    pub fn energy_curve(&self) -> Array1<f64> {
        let energies = self.singular_values.mapv(|s| s * s);
        let total = energies.sum();
        let mut sum = 0.0;
        energies.mapv(|energy| {
            sum += energy;
            sum / total
        })
    }

    /// Realization `i` approximated at `rank`: `ū + Φ_r Φ_rᵀ (u_i − ū)`, n values.
    pub fn reconstruct(&self, i: usize, rank: usize) -> Array1<f32> {
        self.basis.at_rank(rank).expand(self.coefficients.slice(s![..rank, i])).mapv(|x| x as f32)
    }

    /// Some realizations approximated at `rank`, one a row: `ū + Φ_r Φ_rᵀ (u_i − ū)`, n values each.
    pub fn reconstruct_some(&self, realizations: &[usize], rank: usize) -> Array2<f32> {
        let basis = self.basis.at_rank(rank);
        let coefficients = self.coefficients.slice(s![..rank, ..]).select(Axis(1), realizations);
        let mut out = Array2::<f32>::zeros((realizations.len(), basis.mean().len()));
        let tiles: Vec<_> = out.axis_chunks_iter_mut(Axis(1), TILE).enumerate().collect();
        tiles.into_par_iter().for_each(|(t, mut out)| {
            let cells = t * TILE..t * TILE + out.ncols();
            let mut fields = Array2::zeros(out.dim());
            fields.assign(&basis.mean().slice(s![cells.clone()]));
            dense::multiply_into(fields.view_mut(), coefficients.t(), basis.tile(cells).view(), true);
            out.zip_mut_with(&fields, |out, &x| *out = x as f32);
        });
        out
    }
}

fn advance(progress: &dyn Progress) -> Result<()> {
    progress.advance(1);
    if progress.interrupted() { Err(Error::Interrupted) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::dot_test;
    use crate::grid::Grid;
    use crate::operator::LinearOperator;
    use crate::random::{Purpose, Stream};
    use ndarray::{ArrayView1, array};

    /// Stripes of random phase and random cells: a spectrum with a few large and many small values.
    fn facies_ensemble(count: usize, cells: [usize; 3]) -> Ensemble {
        let grid = Grid::unit(cells);
        let mut facies = Array2::zeros((count, grid.len()));
        for (l, mut row) in facies.rows_mut().into_iter().enumerate() {
            let mut stream = Stream::new(3, Purpose::Check, l as u64, 0);
            let (phase, wavelength) = (stream.between(0.0, 6.0), stream.between(8.0, 20.0));
            for c in 0..grid.len() {
                let [i, j, _] = grid.cell(c);
                let wave = ((i as f64 + 2.0 * j as f64) / wavelength + phase).sin();
                row[c] = u8::from(wave + stream.between(-0.3, 0.3) > 0.2);
            }
        }
        Ensemble { grid, facies: Some(facies), values: None, facies_values: vec![4e-4, 5e-4] }
    }

    fn values_ensemble(values: Array2<f32>) -> Ensemble {
        let grid = Grid::unit([values.ncols(), 1, 1]);
        Ensemble { grid, facies: None, values: Some(values), facies_values: Vec::new() }
    }

    fn matrix(ensemble: &Ensemble, mean: ArrayView1<'_, f64>) -> Array2<f64> {
        let mut u = Array2::zeros((ensemble.len(), ensemble.grid.len()));
        u.rows_mut().into_iter().enumerate().for_each(|(l, mut row)| row.assign(&(ensemble.property(l) - mean)));
        u
    }

    #[test]
    fn known_by_hand() {
        // Four points of a rectangle of 6 × 2 about (1, 2): σ = √(4·9), √(4·1).
        let ensemble = values_ensemble(array![[4.0f32, 3.0], [4.0, 1.0], [-2.0, 3.0], [-2.0, 1.0]]);
        let pca = Pca::new(&ensemble, Truncation::Rank(2), true, &()).expect("two dimensions");
        let tolerance = 64.0 * f64::EPSILON;
        assert!((pca.basis.mean().to_owned() - array![1.0, 2.0]).iter().all(|e| e.abs() <= tolerance));
        assert!(
            (pca.singular_values.slice(s![..2]).to_owned() - array![6.0, 2.0]).iter().all(|e| e.abs() <= tolerance)
        );
        assert!((pca.basis.apply(array![1.0, 2.0].view()) - array![1.0, 2.0]).iter().all(|e| e.abs() <= tolerance));
        let deviations = pca.basis.standard_deviations().expect("known");
        assert!((deviations[0] - 12f64.sqrt()).abs() <= tolerance, "σ/√(L−1)");
        assert!(
            (pca.coefficients.row(0).to_owned() - array![3.0, 3.0, -3.0, -3.0]).iter().all(|e| e.abs() <= tolerance)
        );
        assert_eq!(pca.reconstruct(0, 1), array![4.0f32, 2.0]);
        assert!((pca.energy_curve()[0] - 0.9).abs() <= tolerance);
        assert_eq!(Pca::new(&ensemble, Truncation::Energy(0.9 - 1e-9), true, &()).expect("fine").basis.rank(), 1);
        assert_eq!(Pca::new(&ensemble, Truncation::Energy(0.91), true, &()).expect("fine").basis.rank(), 2);
    }

    #[test]
    fn columns_are_orthonormal_nested_and_best() {
        let ensemble = facies_ensemble(40, [67, 71, 1]);
        for center in [true, false] {
            let pca = Pca::new(&ensemble, Truncation::Rank(30), center, &()).expect("fine");
            let n = ensemble.grid.len() as f64;
            assert!(pca.basis.orthonormality_error() <= 8.0 * n.sqrt() * f64::EPSILON);
            let u = matrix(&ensemble, pca.basis.mean());
            let total: f64 = u.iter().map(|x| x * x).sum();
            let rounding = 64.0 * n.sqrt() * f64::EPSILON * total.sqrt();
            let coefficients = pca.basis.adjoint_block(u.t());
            assert!((&coefficients - &pca.coefficients).iter().all(|e| e.abs() <= rounding));
            for rank in [1, 7, 30] {
                let basis = pca.basis.at_rank(rank);
                let residual = &u.t() - &basis.apply_block(coefficients.slice(s![..rank, ..]));
                let error: f64 = residual.iter().map(|x| x * x).sum();
                let tail: f64 = pca.singular_values.slice(s![rank..]).iter().map(|s| s * s).sum();
                assert!(
                    (error - tail).abs() <= 1024.0 * n.sqrt() * f64::EPSILON * total,
                    "Eckart and Young, rank {rank}"
                );
                assert_eq!(
                    basis.apply(coefficients.slice(s![..rank, 3])),
                    basis.truncated(rank).apply(coefficients.slice(s![..rank, 3]))
                );
                let one = pca.reconstruct(3, rank);
                let expected = ensemble.property(3) - residual.column(3);
                assert!(one.iter().zip(&expected).all(|(&a, b)| (f64::from(a) - b).abs() <= 2e-7 * b.abs().max(1e-4)));
                let all = pca.reconstruct_some(&(0..pca.coefficients.ncols()).collect::<Vec<_>>(), rank);
                assert!(
                    all.row(3).iter().zip(&one).all(|(a, b)| (a - b).abs() <= 2.0 * f32::EPSILON * b.abs().max(1e-4))
                );
            }
            assert!(dot_test(&pca.basis, 9) <= 64.0 * n.sqrt() * f64::EPSILON);
            let column = pca.basis.columns(2..4).column(1).to_owned();
            assert_eq!(column, pca.basis.image(3).to_owned());
            let largest = column.iter().fold(0.0f64, |m, &x| if x.abs() > m.abs() { x } else { m });
            assert!(largest > 0.0, "sign convention");
        }
    }

    #[test]
    fn same_bytes_on_one_thread() {
        let ensemble = facies_ensemble(30, [50, 97, 1]);
        let run = || Pca::new(&ensemble, Truncation::Rank(9), true, &()).expect("fine");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
        let (many, one) = (run(), pool.install(run));
        assert_eq!(many.singular_values, one.singular_values);
        assert_eq!(many.coefficients, one.coefficients);
        assert_eq!(many.basis.columns(0..9), one.basis.columns(0..9));
    }

    #[test]
    fn realizations_left_out_are_approximated_worse() {
        let ensemble = facies_ensemble(40, [30, 30, 1]);
        let hold_out = Realizations::new(&ensemble, Origin::Mean).expect("fine").hold_out(20).expect("fine");
        assert_eq!(hold_out.kept, 32);
        assert!(hold_out.inside < hold_out.outside && hold_out.outside < 1.0, "{hold_out:?}");
        // The definition: a basis of those kept, applied to those left out.
        let (out, kept): (Vec<usize>, Vec<usize>) = (0..40).partition(|i| i % 5 == 4);
        let facies = ensemble.facies.as_ref().expect("facies");
        let inside = Ensemble { facies: Some(facies.select(Axis(0), &kept)), ..ensemble.clone() };
        let pca = Pca::new(&inside, Truncation::Rank(20), true, &()).expect("fine");
        let left_out = Ensemble { facies: Some(facies.select(Axis(0), &out)), ..ensemble.clone() };
        let u = matrix(&left_out, pca.basis.mean());
        let v = pca.basis.adjoint_block(u.t());
        let expected = (1.0f64 - v.iter().map(|x| x * x).sum::<f64>() / u.iter().map(|x| x * x).sum::<f64>()).sqrt();
        assert!((hold_out.outside - expected).abs() < 1e-9, "{} against {expected}", hold_out.outside);
    }

    #[test]
    fn what_has_no_components_is_told() {
        let message = |ensemble: &Ensemble, truncation| {
            Pca::new(ensemble, truncation, true, &()).expect_err("not a basis").to_string()
        };
        let four = values_ensemble(array![[4.0f32, 3.0], [4.0, 1.0], [-2.0, 3.0], [-2.0, 1.0]]);
        assert!(message(&four, Truncation::Rank(0)).contains("rank 0"));
        let text = message(&four, Truncation::Rank(5));
        assert!(text.contains("rank 5") && text.contains("realizations, 4"), "{text}");
        let text = message(&four, Truncation::Rank(3));
        assert!(text.contains("2 dimensions"), "{text}");
        for fraction in [0.0, 1.01, f64::NAN] {
            assert!(message(&four, Truncation::Energy(fraction)).contains("(0, 1]"));
        }
        let constant = values_ensemble(Array2::from_elem((3, 4), 7.0));
        assert!(message(&constant, Truncation::Energy(0.8)).contains("equal"));
        let one = values_ensemble(Array2::from_elem((1, 4), 7.0));
        assert!(message(&one, Truncation::Rank(1)).contains("1 realizations"));
        let broken = values_ensemble(array![[1.0f32, 2.0], [f32::NAN, 1.0]]);
        assert!(message(&broken, Truncation::Rank(1)).contains("cell without a finite property"));
        let codes = Ensemble { facies_values: vec![1.0], ..facies_ensemble(5, [9, 9, 1]) };
        assert!(message(&codes, Truncation::Rank(1)).contains("every facies code has a value"));
    }
}
