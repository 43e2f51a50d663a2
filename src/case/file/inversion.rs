//! How the coefficients v are found.

use super::Rank;

/// How v is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Inversion {
    /// Outer iterations (v-step, u-step).
    pub iterations: usize,
    /// Gauss-Newton steps in a v-step.
    pub steps: usize,
    /// What is added to the data misfit.
    pub regularizer: Regularizer,
    /// Weight λ of the regularizer (λ_g of group sparsity).
    pub weight: Weight,
    /// Factor on λ², whether chosen or fixed.
    pub weight_factor: f64,
    /// Weight λ_f of ‖ū + Φv − u‖².
    pub coupling: Weight,
    /// Factor on λ_f², whether chosen or fixed; 0: v-steps know nothing of u.
    pub coupling_factor: f64,
    /// Where the iteration starts.
    pub start: Start,
    /// Relative change of u and v below which the iteration stops; 0: all iterations are run.
    pub tolerance: f64,
    /// Which iterate is returned.
    pub returned: Returned,
    /// Folds of the cross-validation that is reported; 0: none.
    pub cross_validation: usize,
    /// Whether the truncated basis' error in the data counts as noise while v is found.
    pub truncation_error: bool,
    /// When the feasible map is applied.
    pub apply: Apply,
}

/// What is added to the data misfit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regularizer {
    /// Nothing (the u-step regularizes).
    None,
    /// `λ² Σ v_j²/σ_j²`, σ_j the prior standard deviation of coefficient j.
    Gaussian,
    /// `λ² Σ_i ‖K_i v_i‖`, a group a scenario, `K_iᵀK_i = diag(1/σ_j²)` scaled so that each group's largest σ is 1; or the
    /// case's own [`Groups`](super::Groups).
    Group,
    /// `λ² Σ_j |k_j v_j|`, the same weights without groups; of a basis that is not made of realizations `λ² Σ_j |v_j|`.
    L1,
    /// `λ² Σ_j w_j |v_j|`, `w_j = 1/√(mean of v_j² over the realizations)`.
    WeightedL1,
    /// `λ² ‖D (u − u₀)‖²`, D differences of this order, 0 to 2; u₀ is the basis' mean for order 0, else zero.
    Tikhonov(usize),
    /// `λ²` times the total variation of u.
    TotalVariation,
}

impl Regularizer {
    /// Whether it empties coefficients.
    pub fn is_sparse(self) -> bool {
        matches!(self, Self::Group | Self::L1 | Self::WeightedL1)
    }

    /// Whether it acts on the property itself.
    pub fn is_of_property(self) -> bool {
        matches!(self, Self::Tikhonov(_) | Self::TotalVariation)
    }
}

/// Where the iteration starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// u⁰ = mean of all realizations of all scenarios, v⁰ its equal projection on the blocks, `(1/P) Φ_iᵀ(u⁰ − ū)`.
    Mean,
    /// v⁰ = 0.
    Zero,
    /// Every coefficient is this multiple of the largest prior standard deviation of a coefficient.
    Uniform(f64),
    /// u⁰ = mean of this scenario's realizations, v⁰ its projection on this scenario's block, zero in all others.
    Scenario(usize),
}

/// A first stage that selects scenarios, without a u-step.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// What they are selected by.
    pub by: SelectedBy,
    /// Columns of the hybrid basis for each scenario.
    pub rank: Rank,
    /// Iterations.
    pub iterations: usize,
    /// Gauss-Newton steps in an iteration.
    pub steps: usize,
    /// What is added to the data misfit.
    pub regularizer: Regularizer,
    /// Its weight λ.
    pub weight: Weight,
    /// Scenarios whose measure is at least this share of the largest are selected.
    pub threshold: f64,
}

/// What scenarios are selected by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectedBy {
    /// `‖v_i‖` of an inversion in the hybrid basis of all.
    Norm,
    /// Its probability in the verdict.
    Evidence,
}

/// How scenarios are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What their probabilities follow from.
    pub by: JudgedBy,
    /// Realizations of each scenario whose data are simulated; 0: none, and no synthetic likelihood.
    pub simulations: usize,
}

/// What probabilities of scenarios follow from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JudgedBy {
    /// Laplace's approximation of the evidence.
    Evidence,
    /// The density of the data among those simulated.
    SyntheticLikelihood,
}

/// A regularization weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Weight {
    /// Chosen from the data.
    Auto,
    /// Fixed by the user.
    Fixed(f64),
    /// The corner of the L-curve.
    LCurve,
    /// Generalized cross-validation.
    Gcv,
    /// Least misfit of data left out.
    CrossValidation,
}

impl Weight {
    /// Whether it is a criterion that needs the minimisers at many weights.
    pub fn is_of_path(self) -> bool {
        matches!(self, Self::LCurve | Self::Gcv | Self::CrossValidation)
    }
}

/// When the feasible map is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apply {
    /// In every iteration.
    Every,
    /// Once, in the last.
    Last,
}

/// Which iterate is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// The one whose u fits the data best.
    Best,
    /// The last.
    Last,
}
