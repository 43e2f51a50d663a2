//! The parameterization u ≈ ū + Φ v.

use crate::grid::Grid;

/// The parameterization u ≈ ū + Φ v.
#[derive(Debug, Clone, PartialEq)]
pub struct Basis {
    /// Which basis.
    pub kind: BasisKind,
    /// How many columns; of a basis without realizations that has its own keys for that, what these come to.
    pub rank: Rank,
    /// Whether the prior mean is removed and kept as ū. Without: `ū ≡ u_b`, and the energy is counted in
    /// `ũ = (u − u_b)/s` (facies: u_b the background's value, s the span of values; continuous: mean and standard
    /// deviation over all realizations of all scenarios).
    pub center: bool,
}

/// Kinds of bases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BasisKind {
    /// Leading left singular vectors of the realizations, those of all scenarios together where there are several
    /// (Φ_m).
    Pca,
    /// `[Φ_1 … Φ_P]`: leading left singular vectors of each scenario's realizations, a group of columns a scenario.
    Hybrid,
    /// Leading eigenvectors of a Gaussian prior's own covariance: no realizations needed.
    KarhunenLoeve,
    /// Cosines: the lowest frequencies.
    Dct {
        /// Frequencies kept along x, y, z; `None`: the first ones in zig-zag order, as many as the rank says.
        lowest: Option<[usize; 3]>,
    },
    /// Daubechies' wavelets: the coarsest scales.
    Wavelet {
        /// Vanishing moments, 1 (Haar) to 10.
        vanishing_moments: usize,
        /// As many scales as there are coefficients in a box of this many along x, y, z; `None`: all.
        window: Option<[usize; 3]>,
    },
    /// One value in each of a lattice of boxes, which may be cut where the data ask for it.
    Zonation {
        /// Boxes along x, y, z.
        zones: [usize; 3],
        /// The most zones that these are cut into; `None`: they stay.
        refined: Option<usize>,
    },
    /// One value in every cell.
    Cells,
    /// A dictionary that sparse combinations of represent the realizations of one scenario.
    KSvd(Dictionary),
}

impl BasisKind {
    /// Whether its columns are made of realizations or of their covariance, and ranked by them.
    pub fn is_of_prior(self) -> bool {
        matches!(self, Self::Pca | Self::Hybrid | Self::KarhunenLoeve | Self::KSvd(_))
    }

    /// Number of columns, where keys of its own say it.
    pub fn columns(self, grid: &Grid) -> Option<usize> {
        match self {
            Self::Dct { lowest } => lowest.map(|kept| kept.iter().product()),
            Self::Wavelet { window, .. } => Some(window.unwrap_or(grid.cells).iter().product()),
            Self::Zonation { zones, .. } => Some(zones.iter().product()),
            Self::Cells => Some(grid.len()),
            Self::KSvd(dictionary) => Some(dictionary.atoms),
            Self::Pca | Self::Hybrid | Self::KarhunenLoeve => None,
        }
    }
}

/// What groups the coefficients of a basis that has no block for each scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Groups {
    /// Of wavelets: each coefficient of the finest scale with all above it.
    Tree,
    /// Sparse principal components of the realizations' coefficients.
    SparsePca {
        /// Number of groups.
        count: usize,
        /// Mean number of members.
        members: f64,
    },
}

/// How a dictionary is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dictionary {
    /// Number of atoms k.
    pub atoms: usize,
    /// The most atoms S of a realization.
    pub sparsity: usize,
    /// The number T of leading singular vectors in whose span it is learned.
    pub learned_rank: usize,
    /// Iterations: coding, then updates of all atoms.
    pub iterations: u32,
    /// Whether an atom is updated by its leading singular vector, or by one step towards it.
    pub exact: bool,
}

impl Default for Dictionary {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Dictionary {
    /// What it is where nothing else is said.
    pub const DEFAULT: Self = Self { atoms: 1000, sparsity: 60, learned_rank: 500, iterations: 20, exact: false };
}

/// How many columns a basis has; a hybrid basis for each scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rank {
    /// k columns.
    Fixed(usize),
    /// `round(first + (last − first) k/(K − 1))` columns in outer iteration k = 0..K.
    Growing {
        /// Columns in the first iteration.
        first: usize,
        /// Columns in the last iteration.
        last: usize,
    },
    /// The least number of columns that keeps this fraction of Σσ².
    Energy(f64),
}

impl Rank {
    /// Columns in outer iteration `k` of `iterations`; `None` where the energy decides.
    pub fn at(&self, k: usize, iterations: usize) -> Option<usize> {
        match *self {
            Self::Fixed(rank) => Some(rank),
            Self::Growing { first, last } if iterations < 2 => Some(first.max(last)),
            Self::Growing { first, last } => {
                let t = k.min(iterations - 1) as f64 / (iterations - 1) as f64;
                Some((first as f64 + (last as f64 - first as f64) * t).round() as usize)
            }
            Self::Energy(_) => None,
        }
    }

    /// The largest number of columns that is asked for; `None` where the energy decides.
    pub fn largest(&self) -> Option<usize> {
        match *self {
            Self::Fixed(rank) => Some(rank),
            Self::Growing { first, last } => Some(first.max(last)),
            Self::Energy(_) => None,
        }
    }
}
