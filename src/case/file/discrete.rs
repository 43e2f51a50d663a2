//! The u-step as a discrete potential.

use super::Property;

/// The u-step as a potential that pulls every cell to one of the facies' values: `(θ − u)² + β D(u)` is minimised, β grows
/// from iteration to iteration, and the last model is rounded.
#[derive(Debug, Clone, PartialEq)]
pub struct Discrete {
    /// The form of D.
    pub potential: Potential,
    /// β in the first iteration, over the β₀ at which cells begin to part.
    pub first: f64,
    /// β grows by this factor an iteration; 1: it stays.
    pub factor: f64,
    /// The largest β, over β₀; `None`: no limit.
    pub last: Option<f64>,
}

/// The form of a discrete potential.
#[derive(Debug, Clone, PartialEq)]
pub enum Potential {
    /// `h_j (u − l_j)² (u − l_{j+1})²` between facies values `l_j` and `l_{j+1}`: a height a gap. Only their ratios count,
    /// since β is counted from the highest.
    Quartic(Vec<f64>),
    /// Shifted Tukey.
    Tukey,
    /// Truncated quadratic.
    TruncatedQuadratic,
    /// Geman-McClure.
    GemanMcClure,
}

/// Whether the facies' values ascend, as gaps between neighbours need it.
pub fn ascends(property: &Property) -> bool {
    property.facies.windows(2).all(|pair| pair[0] < pair[1])
}
