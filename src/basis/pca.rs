//! Principal components of an ensemble (PCA; without a mean: truncated singular value decomposition).

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, ArrayViewMut2, Axis, s};
use rayon::prelude::*;

use super::stored::{Images, StoredBasis, TILE};
use super::{Basis, rank_of_energy};
use crate::error::{Error, Result};
use crate::grid::Ensemble;
use crate::linalg::dense;
use crate::progress::Progress;

/// Realizations that one product reads at once.
const TILE_ROWS: usize = 256;

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
        let rows = Rows::new(ensemble, center)?;
        truncation.check()?;
        if let Truncation::Rank(rank) = truncation
            && rank > rows.count()
        {
            let problem = format!("rank {rank} is above the number of realizations, {}", rows.count());
            return Err(wrong(problem, "lower the rank or draw more realizations"));
        }
        progress.start("principal components", 3);
        let gram = rows.gram()?;
        advance(progress)?;
        let (energies, weights) = eigen(&gram)?;
        let independent = independent(energies.view());
        if independent == 0 {
            return Err(wrong(
                "all realizations are equal and have no principal components".into(),
                "draw realizations that differ, or check the facies' values",
            ));
        }
        let rank = match truncation {
            Truncation::Energy(fraction) => rank_of_energy(energies.view(), fraction).min(independent),
            Truncation::Rank(rank) if rank <= independent => rank,
            Truncation::Rank(rank) => {
                let problem = format!(
                    "rank {rank} is above the {independent} dimensions that {} realizations span{}",
                    rows.count(),
                    if center { " about their mean" } else { "" }
                );
                return Err(wrong(problem, "lower the rank or draw more realizations"));
            }
        };
        advance(progress)?;
        let pca = rows.components(energies, weights.slice(s![.., ..rank]).t().to_owned())?;
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

    /// Leaves every fifth realization out, makes a basis of the others at `rank` (or as many columns as they span), and
    /// compares how well it approximates both. Needs at least five realizations.
    pub fn hold_out(ensemble: &Ensemble, rank: usize, center: bool) -> Result<HoldOut> {
        let rows = Rows::new(ensemble, center)?;
        if rows.count() < 5 {
            let problem = format!("{} realizations are too few to leave some out", rows.count());
            return Err(wrong(problem, "draw at least five"));
        }
        let gram = rows.gram()?;
        let (outside, inside): (Vec<usize>, Vec<usize>) = (0..rows.count()).partition(|i| i % 5 == 4);
        let shift = if center { 1.0 / inside.len() as f64 } else { 0.0 };
        // Inner products about the mean of those inside follow from those about the mean of all.
        let mean_with: Array1<f64> = gram.select(Axis(1), &inside).sum_axis(Axis(1)) * shift;
        let mean_norm = inside.iter().map(|&i| mean_with[i]).sum::<f64>() * shift;
        let about = |i: usize, j: usize| gram[[i, j]] - mean_with[i] - mean_with[j] + mean_norm;
        let matrix = |a: &[usize], b: &[usize]| Array2::from_shape_fn((a.len(), b.len()), |(i, j)| about(a[i], b[j]));
        let (energies, weights) = eigen(&matrix(&inside, &inside))?;
        let rank = rank.min(independent(energies.view()));
        let scaled = weights.slice(s![.., ..rank]).to_owned() / &energies.slice(s![..rank]).mapv(f64::sqrt);
        let coefficients = matrix(&outside, &inside).dot(&scaled);
        let total: f64 = outside.iter().map(|&i| about(i, i)).sum();
        let error = |kept: f64, total: f64| ((total - kept) / total).max(0.0).sqrt();
        Ok(HoldOut {
            rank,
            kept: inside.len(),
            inside: error(energies.slice(s![..rank]).sum(), energies.sum()),
            outside: error(coefficients.mapv(|c| c * c).sum(), total),
        })
    }
}

fn wrong(problem: String, remedy: &str) -> Error {
    Error::input("basis", problem, remedy)
}

fn advance(progress: &dyn Progress) -> Result<()> {
    progress.advance(1);
    if progress.interrupted() { Err(Error::Interrupted) } else { Ok(()) }
}

/// Eigenvalues (descending, not negative) and eigenvectors of a Gram matrix.
fn eigen(gram: &Array2<f64>) -> Result<(Array1<f64>, Array2<f64>)> {
    let (energies, weights) = dense::symmetric_eigen(gram)
        .ok_or_else(|| wrong("the eigenvalues of the Gram matrix do not converge".into(), "check the realizations"))?;
    Ok((energies.mapv(|e| e.max(0.0)), weights))
}

/// Number of eigenvalues of an L × L Gram matrix that stand so far out of its rounding, about `L ε λ_1`, that their
/// columns are orthonormal within some per cent before they are made so.
fn independent(energies: ArrayView1<'_, f64>) -> usize {
    let rounding = 64.0 * energies.len() as f64 * f64::EPSILON * energies.first().copied().unwrap_or(0.0);
    energies.iter().take_while(|&&e| e > rounding.max(f64::MIN_POSITIVE)).count()
}

/// The realizations about their mean, read tile by tile.
struct Rows<'a> {
    ensemble: &'a Ensemble,
    /// Property of every possible code; NaN for codes without one.
    property: [f64; 256],
    mean: Array1<f64>,
    center: bool,
}

impl<'a> Rows<'a> {
    fn new(ensemble: &'a Ensemble, center: bool) -> Result<Self> {
        if ensemble.len() < if center { 2 } else { 1 } {
            return Err(wrong(
                format!("an ensemble of {} realizations has no principal components", ensemble.len()),
                "draw some hundred realizations",
            ));
        }
        let mut property = [f64::NAN; 256];
        for (to, &from) in property.iter_mut().zip(&ensemble.facies_values) {
            *to = from;
        }
        let n = ensemble.grid.len();
        let mut rows = Self { ensemble, property, mean: Array1::zeros(n), center };
        if center {
            let tile_mean = |t: usize| {
                let cells = t * TILE..((t + 1) * TILE).min(n);
                let mut sum = vec![0.0; cells.len()];
                for l in 0..rows.count() {
                    rows.read(l, cells.clone(), |c, x| sum[c] += x);
                }
                sum.iter().map(|s| s / rows.count() as f64).collect::<Vec<_>>()
            };
            let mean: Vec<Vec<f64>> = (0..n.div_ceil(TILE)).into_par_iter().map(tile_mean).collect();
            rows.mean = mean.into_iter().flatten().collect();
        }
        Ok(rows)
    }

    fn count(&self) -> usize {
        self.ensemble.len()
    }

    /// Calls `each(number within the range, property)` for the cells of realization `l`.
    fn read(&self, l: usize, cells: Range<usize>, mut each: impl FnMut(usize, f64)) {
        if let Some(values) = &self.ensemble.values {
            values.slice(s![l, cells]).iter().enumerate().for_each(|(c, &x)| each(c, f64::from(x)));
        } else if let Some(facies) = &self.ensemble.facies {
            facies.slice(s![l, cells]).iter().enumerate().for_each(|(c, &x)| each(c, self.property[usize::from(x)]));
        }
    }

    /// The cells `cells` of the realizations `range`, about the mean, one realization a row.
    fn fill(&self, range: Range<usize>, cells: Range<usize>, mut tile: ArrayViewMut2<'_, f64>) {
        let mean = self.mean.slice(s![cells.clone()]);
        for (l, mut row) in range.zip(tile.rows_mut()) {
            self.read(l, cells.clone(), |c, x| row[c] = x - mean[c]);
        }
    }

    fn gram(&self) -> Result<Array2<f64>> {
        let gram =
            dense::gram(self.count(), self.ensemble.grid.len(), |cells, tile| self.fill(0..self.count(), cells, tile));
        if let Some(l) = gram.diag().iter().position(|x| !x.is_finite()) {
            return Err(wrong(
                format!("realization {l} (from 0) has a cell without a finite property"),
                "check its values, and that every facies code has a value",
            ));
        }
        Ok(gram)
    }

    /// Φ, its coefficients and standard deviations from the energies of all columns and the first rows of Wᵀ (k × L).
    fn components(&self, energies: Array1<f64>, weights: Array2<f64>) -> Result<Pca> {
        let (rank, count) = weights.dim();
        let singular_values = energies.mapv(f64::sqrt);
        let kept = singular_values.slice(s![..rank]).insert_axis(Axis(1));
        let scaled = &weights / &kept;
        let mut images = Images::zeros(rank, self.ensemble.grid.len());
        images.rewrite(|cells, tile| {
            // Realizations in blocks, so that a tile of f64 stays small for any L.
            for block in (0..count).step_by(TILE_ROWS) {
                let range = block..(block + TILE_ROWS).min(count);
                let mut fields = Array2::zeros((range.len(), cells.len()));
                self.fill(range.clone(), cells.clone(), fields.view_mut());
                dense::multiply_into(tile.view_mut(), scaled.slice(s![.., range]), fields.view(), block > 0);
            }
        });
        let factor = dense::cholesky(&images.gram(rank))
            .ok_or_else(|| wrong("the realizations depend on each other".into(), "lower the rank"))?;
        images.rewrite(|_, tile| *tile = factor.half_solve_block(tile.view()));
        let mut coefficients = factor.half_solve_block((weights * kept).view());
        coefficients *= &images.fix_signs().insert_axis(Axis(1));
        let degrees = if self.center { count - 1 } else { count };
        let deviations = singular_values.slice(s![..rank]).mapv(|s| s / (degrees as f64).sqrt());
        let basis = StoredBasis::new(images, self.mean.clone(), deviations);
        Ok(Pca { basis, singular_values, coefficients })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::dot_test;
    use crate::grid::Grid;
    use crate::operator::LinearOperator;
    use crate::random::{Purpose, Stream};
    use ndarray::array;

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
        let hold_out = Pca::hold_out(&ensemble, 20, true).expect("fine");
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
