//! The Karhunen–Loève basis of a Gaussian prior.

use ndarray::{Array1, Array2, s};

use super::pca::Truncation;
use super::rank_of_energy;
use super::stored::{Images, StoredBasis};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::linalg::dense;

/// Most cells whose covariance matrix is decomposed: time grows with the cube of it.
pub const MOST_CELLS: usize = 6000;

/// The leading eigenvectors of a prior's covariance matrix, `C = Φ diag(λ) Φᵀ` with `C_ij = C(x_i − x_j)`.
///
/// `u = ū + Φ v` with independent `v_j ~ N(0, λ_j)` has the covariance C but for what truncation leaves out: of all
/// bases of k columns this one leaves out least variance. In every column the entry of largest magnitude is positive.
#[derive(Debug, Clone)]
pub struct KarhunenLoeve {
    /// ū and Φ; the standard deviations of its coefficients are `√λ_j`.
    pub basis: StoredBasis,
    /// All n eigenvalues λ, descending.
    pub eigenvalues: Array1<f64>,
}

impl KarhunenLoeve {
    /// The basis of a stationary prior on `grid` with mean `mean` (n) and `covariance(lag)`, lag \[m\] along x, y, z.
    pub fn new(
        grid: &Grid,
        covariance: impl Fn([f64; 3]) -> f64,
        mean: Array1<f64>,
        truncation: Truncation,
    ) -> Result<Self> {
        let n = grid.len();
        assert_eq!(mean.len(), n, "one mean a cell");
        if n > MOST_CELLS {
            return Err(wrong(
                format!("{n} cells are above the {MOST_CELLS} whose covariance matrix can be decomposed"),
                "draw an ensemble of Gaussian fields and use its principal components",
            ));
        }
        truncation.check()?;
        if let Truncation::Rank(rank) = truncation
            && rank > n
        {
            return Err(wrong(format!("rank {rank} is above the number of cells, {n}"), "lower the rank"));
        }
        let (eigenvalues, vectors) = dense::symmetric_eigen(&matrix(grid, covariance))
            .ok_or_else(|| wrong("the covariance matrix is not finite".into(), "check the variogram"))?;
        let rounding = 8.0 * n as f64 * f64::EPSILON * eigenvalues.first().copied().unwrap_or(0.0);
        if let Some(least) = eigenvalues.last().filter(|least| **least < -rounding) {
            return Err(wrong(
                format!("the covariance matrix has the negative eigenvalue {least}"),
                "choose a covariance that is positive definite",
            ));
        }
        let eigenvalues = eigenvalues.mapv(|l| l.max(0.0));
        let rank = match truncation {
            Truncation::Rank(rank) => rank,
            Truncation::Energy(fraction) => rank_of_energy(eigenvalues.view(), fraction),
        };
        let mut images = Images::zeros(rank, n);
        images.rewrite(|cells, tile| tile.assign(&vectors.slice(s![cells, ..rank]).t()));
        images.fix_signs();
        let deviations = eigenvalues.slice(s![..rank]).mapv(f64::sqrt);
        Ok(Self { basis: StoredBasis::new(images, mean, deviations), eigenvalues })
    }
}

/// C, each lag computed once.
fn matrix(grid: &Grid, covariance: impl Fn([f64; 3]) -> f64) -> Array2<f64> {
    let n = grid.len();
    let [wx, wy, wz] = grid.cells.map(|cells| 2 * cells - 1);
    let lag = |[i, j, k]: [usize; 3]| {
        let steps = [i, j, k];
        std::array::from_fn(|a| (steps[a] as f64 - (grid.cells[a] - 1) as f64) * grid.spacing[a])
    };
    let table: Vec<f64> = (0..wx * wy * wz).map(|t| covariance(lag([t % wx, t / wx % wy, t / (wx * wy)]))).collect();
    Array2::from_shape_fn((n, n), |(p, q)| {
        let (a, b) = (grid.cell(p), grid.cell(q));
        let [i, j, k] = std::array::from_fn(|axis| a[axis] + grid.cells[axis] - 1 - b[axis]);
        table[(k * wy + j) * wx + i]
    })
}

fn wrong(problem: String, remedy: &str) -> Error {
    Error::input("Karhunen–Loève basis", problem, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::basis::Basis;
    use crate::operator::LinearOperator;

    #[test]
    fn known_by_hand() {
        // Two cells of correlation ½: eigenvalues 3 and 1 for the sum and the difference, for a sill of 2.
        let covariance = |lag: [f64; 3]| if lag[0] == 0.0 { 2.0 } else { 1.0 };
        let mean = Array1::from(vec![10.0, 20.0]);
        let grid = Grid::unit([2, 1, 1]);
        let found = KarhunenLoeve::new(&grid, covariance, mean, Truncation::Rank(2)).expect("fine");
        let tolerance = 16.0 * f64::EPSILON;
        assert!((found.eigenvalues[0] - 3.0).abs() <= tolerance && (found.eigenvalues[1] - 1.0).abs() <= tolerance);
        let half = 0.5f64.sqrt();
        let sum = found.basis.expand(Array1::from(vec![1.0, 0.0]).view());
        assert!(
            (sum[0] - 10.0 - half).abs() <= 32.0 * f64::EPSILON && (sum[1] - 20.0 - half).abs() <= 64.0 * f64::EPSILON
        );
        assert!((found.basis.standard_deviations().expect("known")[0] - 3f64.sqrt()).abs() <= tolerance);
    }

    #[test]
    fn the_full_basis_rebuilds_the_covariance_and_a_truncated_one_keeps_its_energy() {
        let grid = Grid { spacing: [1.0, 0.5, 2.0], ..Grid::unit([5, 6, 3]) };
        let covariance =
            |h: [f64; 3]| 2.0 * (-(h[0] * h[0] + 4.0 * h[1] * h[1] + h[0] * h[1] + h[2] * h[2]).sqrt()).exp();
        let n = grid.len();
        let all = KarhunenLoeve::new(&grid, covariance, Array1::zeros(n), Truncation::Rank(n)).expect("fine");
        let phi = all.basis.columns(0..n).to_owned();
        let rebuilt = (&phi * &all.eigenvalues).dot(&phi.t());
        for p in 0..n {
            for q in 0..n {
                let (a, b) = (grid.center(grid.cell(p)), grid.center(grid.cell(q)));
                let expected = covariance(std::array::from_fn(|i| a[i] - b[i]));
                assert!((rebuilt[[p, q]] - expected).abs() < 64.0 * n as f64 * f64::EPSILON);
            }
        }
        let some = KarhunenLoeve::new(&grid, covariance, Array1::zeros(n), Truncation::Energy(0.8)).expect("fine");
        let kept = |rank: usize| all.eigenvalues.slice(s![..rank]).sum() / all.eigenvalues.sum();
        assert!(kept(some.basis.rank()) >= 0.8 && kept(some.basis.rank() - 1) < 0.8);
        assert!(some.basis.orthonormality_error() <= 8.0 * n as f64 * f64::EPSILON);
        assert_eq!(some.basis.image(0).to_owned(), all.basis.image(0).to_owned());
        assert_eq!(some.basis.rows(), n);
    }

    #[test]
    fn what_cannot_be_decomposed_is_told() {
        let large = Grid::unit([100, 61, 1]);
        let message = |grid: &Grid, covariance: fn([f64; 3]) -> f64, truncation| {
            KarhunenLoeve::new(grid, covariance, Array1::zeros(grid.len()), truncation).expect_err("wrong").to_string()
        };
        assert!(message(&large, |_| 1.0, Truncation::Rank(1)).contains("6100 cells"));
        let small = Grid::unit([3, 3, 1]);
        assert!(message(&small, |_| 1.0, Truncation::Rank(10)).contains("rank 10"));
        assert!(message(&small, |_| 1.0, Truncation::Energy(2.0)).contains("(0, 1]"));
        assert!(message(&small, |_| f64::NAN, Truncation::Rank(1)).contains("not finite"));
        assert!(message(&small, |h| if h == [0.0; 3] { 1.0 } else { -1.0 }, Truncation::Rank(1)).contains("negative"));
    }
}
