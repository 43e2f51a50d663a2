//! Realizations about an origin, their inner products, and the bases that follow from these.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, ArrayViewMut2, Axis, s};
use rayon::prelude::*;

use super::pca::{HoldOut, Pca, Truncation};
use super::rank_of_energy;
use super::stored::{Images, StoredBasis, TILE};
use crate::error::{Error, Result};
use crate::grid::Ensemble;
use crate::linalg::dense;
use crate::linalg::leading;

/// Realizations that one product reads at once.
const TILE_ROWS: usize = 256;

/// What is removed from realizations before they span a basis: its ū.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Origin {
    /// Their mean in every cell.
    Mean,
    /// One value everywhere, in the unit of the property.
    Value(f64),
}

/// In which precision a basis is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// f64 up to [`DOUBLE_BYTES`](super::DOUBLE_BYTES), f32 beyond.
    BySize,
    /// f32: half the memory of a basis that is one of many.
    Single,
}

/// Realizations `ũ_i = u_i − ū` and their Gram matrix `G_ij = ũ_iᵀ ũ_j` (L × L), from which every basis of them follows.
pub struct Realizations<'a> {
    rows: Rows<'a>,
    gram: Array2<f64>,
}

impl<'a> Realizations<'a> {
    /// The realizations of one ensemble.
    ///
    /// # Errors
    /// Fewer than two realizations about their mean, or none; a property that is not finite.
    pub fn new(ensemble: &'a Ensemble, origin: Origin) -> Result<Self> {
        Self::of_rows(Rows::new(all(ensemble), origin)?)
    }

    /// The realizations of one ensemble whose Gram matrix about `value` is known already, as the sum of those of its
    /// units is.
    ///
    /// # Errors
    /// As [`Realizations::new`].
    pub fn with_gram(ensemble: &'a Ensemble, value: f64, gram: Array2<f64>) -> Result<Self> {
        assert_eq!(gram.dim(), (ensemble.len(), ensemble.len()), "a Gram matrix of all realizations");
        let rows = Rows::new(all(ensemble), Origin::Value(value))?;
        finite(&gram)?;
        Ok(Self { rows, gram })
    }

    /// The realizations of several ensembles of one grid, mixed: at most `most`, as many of each as of any other and
    /// evenly taken from it.
    ///
    /// # Errors
    /// As [`Realizations::new`].
    pub fn mixed(ensembles: &[&'a Ensemble], value: f64, most: usize) -> Result<Self> {
        let share = (most / ensembles.len().max(1)).max(1);
        let picked = |ensemble: &&'a Ensemble| {
            let (ensemble, count) = (*ensemble, ensemble.len());
            let taken = share.min(count);
            (0..taken).map(move |i| (ensemble, i * count / taken))
        };
        Self::of_rows(Rows::new(ensembles.iter().flat_map(picked).collect(), Origin::Value(value))?)
    }

    fn of_rows(rows: Rows<'a>) -> Result<Self> {
        let gram = rows.gram();
        finite(&gram)?;
        Ok(Self { rows, gram })
    }

    /// The same realizations about their mean: `G_ij − ḡ_i − ḡ_j + ḡ` with ḡ_i the mean of row i, ḡ of all entries.
    ///
    /// # Errors
    /// Fewer than two realizations.
    pub fn centered(&self) -> Result<Self> {
        let rows = Rows::new(self.rows.picks.clone(), Origin::Mean)?;
        let count = rows.count() as f64;
        let means = self.gram.sum_axis(Axis(1)) / count;
        let mean = means.sum() / count;
        let gram = Array2::from_shape_fn(self.gram.dim(), |(i, j)| self.gram[[i, j]] + mean - (means[i] + means[j]));
        Ok(Self { rows, gram })
    }

    /// Number of realizations L.
    pub fn count(&self) -> usize {
        self.rows.count()
    }

    /// The Gram matrix.
    pub fn gram(&self) -> &Array2<f64> {
        &self.gram
    }

    /// Their principal components.
    ///
    /// # Errors
    /// A truncation that leaves nothing or asks for more than the realizations span; realizations that are all equal.
    pub fn components(&self, truncation: Truncation, precision: Precision) -> Result<Pca> {
        check_truncation(truncation, self.count())?;
        let (energies, weights) = eigen(&self.gram)?;
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
                    self.count(),
                    if self.rows.origin == Origin::Mean { " about their mean" } else { "" }
                );
                return Err(wrong(problem, "lower the rank or draw more realizations"));
            }
        };
        self.rows.components(energies, weights.slice(s![.., ..rank]).t().to_owned(), precision)
    }

    /// The `rank` leading columns alone, where there are too many realizations to know all: by block Krylov iteration,
    /// each eigenvalue of the Gram matrix within 1e-10 of its size.
    ///
    /// # Errors
    /// As [`Realizations::components`].
    pub fn leading(&self, rank: usize, precision: Precision) -> Result<StoredBasis> {
        check_truncation(Truncation::Rank(rank), self.count())?;
        let (energies, weights) = leading::leading_eigen(&self.gram, rank)
            .ok_or_else(|| wrong("the leading eigenvalues do not converge".into(), "check the realizations"))?;
        if independent(energies.view()) < rank {
            return Err(wrong(format!("rank {rank} is above the dimensions that the realizations span"), "lower it"));
        }
        Ok(self.rows.components(energies, weights.t().to_owned(), precision)?.basis)
    }

    /// Leaves every fifth realization out, makes a basis of the others at `rank` (or as many columns as they span), and
    /// compares how well it approximates both. Needs at least five realizations.
    ///
    /// # Errors
    /// Fewer than five realizations.
    pub fn hold_out(&self, rank: usize) -> Result<HoldOut> {
        let (rows, gram) = (&self.rows, &self.gram);
        if rows.count() < 5 {
            let problem = format!("{} realizations are too few to leave some out", rows.count());
            return Err(wrong(problem, "draw at least five"));
        }
        let (outside, inside): (Vec<usize>, Vec<usize>) = (0..rows.count()).partition(|i| i % 5 == 4);
        let shift = if rows.origin == Origin::Mean { 1.0 / inside.len() as f64 } else { 0.0 };
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

/// Whether a truncation can be made of so many realizations at all.
pub(super) fn check_truncation(truncation: Truncation, count: usize) -> Result<()> {
    truncation.check()?;
    match truncation {
        Truncation::Rank(rank) if rank > count => {
            let problem = format!("rank {rank} is above the number of realizations, {count}");
            Err(wrong(problem, "lower the rank or draw more realizations"))
        }
        _ => Ok(()),
    }
}

pub(super) fn wrong(problem: String, remedy: &str) -> Error {
    Error::input("basis", problem, remedy)
}

fn all(ensemble: &Ensemble) -> Vec<(&Ensemble, usize)> {
    (0..ensemble.len()).map(|l| (ensemble, l)).collect()
}

fn finite(gram: &Array2<f64>) -> Result<()> {
    match gram.diag().iter().position(|x| !x.is_finite()) {
        Some(l) => Err(wrong(
            format!("realization {l} (from 0) has a cell without a finite property"),
            "check its values, and that every facies code has a value",
        )),
        None => Ok(()),
    }
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

/// The realizations about their origin, read tile by tile and never copied to f64 as a whole.
struct Rows<'a> {
    picks: Vec<(&'a Ensemble, usize)>,
    /// Property of every possible code; NaN for codes without one.
    property: [f64; 256],
    mean: Array1<f64>,
    origin: Origin,
}

impl<'a> Rows<'a> {
    fn new(picks: Vec<(&'a Ensemble, usize)>, origin: Origin) -> Result<Self> {
        if picks.len() < if origin == Origin::Mean { 2 } else { 1 } {
            return Err(wrong(
                format!("an ensemble of {} realizations has no principal components", picks.len()),
                "draw some hundred realizations",
            ));
        }
        let first = picks[0].0;
        assert!(
            picks.iter().all(|(e, _)| e.grid == first.grid && e.facies_values == first.facies_values),
            "realizations of one grid, with the same values of the facies"
        );
        let mut property = [f64::NAN; 256];
        for (to, &from) in property.iter_mut().zip(&first.facies_values) {
            *to = from;
        }
        let n = first.grid.len();
        let mut rows = Self { picks, property, mean: Array1::zeros(n), origin };
        rows.mean = match origin {
            Origin::Value(value) => Array1::from_elem(n, value),
            Origin::Mean => {
                let tile_mean = |t: usize| {
                    let cells = t * TILE..((t + 1) * TILE).min(n);
                    let mut sum = vec![0.0; cells.len()];
                    for l in 0..rows.count() {
                        rows.read(l, cells.clone(), |c, x| sum[c] += x);
                    }
                    sum.iter().map(|s| s / rows.count() as f64).collect::<Vec<_>>()
                };
                let mean: Vec<Vec<f64>> = (0..n.div_ceil(TILE)).into_par_iter().map(tile_mean).collect();
                mean.into_iter().flatten().collect()
            }
        };
        Ok(rows)
    }

    fn count(&self) -> usize {
        self.picks.len()
    }

    fn cells(&self) -> usize {
        self.mean.len()
    }

    /// Calls `each(number within the range, property)` for the cells of realization `l`.
    fn read(&self, l: usize, cells: Range<usize>, mut each: impl FnMut(usize, f64)) {
        let (ensemble, l) = self.picks[l];
        if let Some(values) = &ensemble.values {
            values.slice(s![l, cells]).iter().enumerate().for_each(|(c, &x)| each(c, f64::from(x)));
        } else if let Some(facies) = &ensemble.facies {
            facies.slice(s![l, cells]).iter().enumerate().for_each(|(c, &x)| each(c, self.property[usize::from(x)]));
        }
    }

    /// The cells `cells` of the realizations `range`, about the origin, one realization a row.
    fn fill(&self, range: Range<usize>, cells: Range<usize>, mut tile: ArrayViewMut2<'_, f64>) {
        let mean = self.mean.slice(s![cells.clone()]);
        for (l, mut row) in range.zip(tile.rows_mut()) {
            self.read(l, cells.clone(), |c, x| row[c] = x - mean[c]);
        }
    }

    fn gram(&self) -> Array2<f64> {
        dense::gram(self.count(), self.cells(), |cells, tile| self.fill(0..self.count(), cells, tile))
    }

    /// Φ, its coefficients and standard deviations from the energies and the first rows of Wᵀ (k × L).
    fn components(&self, energies: Array1<f64>, weights: Array2<f64>, precision: Precision) -> Result<Pca> {
        let (rank, count) = weights.dim();
        let singular_values = energies.mapv(f64::sqrt);
        let kept = singular_values.slice(s![..rank]).insert_axis(Axis(1));
        let scaled = &weights / &kept;
        let mut images = match precision {
            Precision::BySize => Images::zeros(rank, self.cells()),
            Precision::Single => Images::Single(Array2::zeros((rank, self.cells()))),
        };
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
        let degrees = if self.origin == Origin::Mean { count - 1 } else { count };
        let deviations = singular_values.slice(s![..rank]).mapv(|s| s / (degrees as f64).sqrt());
        let basis = StoredBasis::new(images, self.mean.clone(), deviations);
        Ok(Pca { basis, singular_values, coefficients })
    }
}
