//! Potentials that pull every cell to one of a few facies values, and the u-step that minimises them exactly.
//!
//! With `θ = ū + Φv` in a cell and facies values `l_1 < … < l_c`, the step finds `argmin_u (θ − u)² + β D(u)` on
//! `[l_1, l_c]`, `β = λ_D²/λ_Φ²`. [`Penalty::Wells`] is `D(u) = h_j (u − l_j)² (u − l_{j+1})²` between `l_j` and
//! `l_{j+1}`; the others are functions of the distance x to the nearest facies, c half the smallest gap. Every D is zero at
//! the facies and grows away from them, so that the minimiser lies between θ and the facies nearest to θ.

mod check;
mod device;
mod robust;

use ndarray::{Array1, ArrayView1};
use rayon::prelude::*;

pub use check::{measure, verify};
pub use device::{SHADER, prelude};

use self::device::Device;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::operator::{FeasibleMap, Projection};

/// The form of a [`DiscretePotential`].
#[derive(Debug, Clone, PartialEq)]
pub enum Penalty {
    /// Quartic wells `h_j (u − l_j)² (u − l_{j+1})²`: a height h for each gap.
    Wells(Vec<f64>),
    /// Shifted Tukey, `(c²/6)(1 − (1 − (x/c)²)³)` up to x = c, `c²/6` beyond.
    Tukey,
    /// Truncated quadratic, `min(x², c²)`.
    TruncatedQuadratic,
    /// Geman-McClure, `x²/(1 + x²/c²)`.
    GemanMcClure,
}

/// A potential D(u) with a minimum at each of the facies values.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscretePotential {
    facies: Vec<f64>,
    penalty: Penalty,
    /// c, half the smallest gap.
    scale: f64,
}

/// Where [`DiscretePotential::new`]'s errors point.
const PLACE: &str = "discrete";

impl DiscretePotential {
    /// The potential of `facies` values in ascending order.
    ///
    /// # Errors
    /// [`Error::Input`] for fewer than two facies, values that do not ascend or are not finite, or heights that are not
    /// one positive number a gap.
    pub fn new(facies: Vec<f64>, penalty: Penalty) -> Result<Self> {
        if facies.len() < 2 || facies.iter().any(|l| !l.is_finite()) || facies.windows(2).any(|w| w[0] >= w[1]) {
            let problem = format!("facies values {facies:?}");
            return Err(Error::input(PLACE, problem, "give two or more finite values in ascending order"));
        }
        if let Penalty::Wells(heights) = &penalty
            && (heights.len() + 1 != facies.len() || heights.iter().any(|h| !(h.is_finite() && *h > 0.0)))
        {
            let problem = format!("heights {heights:?} of {} facies", facies.len());
            return Err(Error::input(PLACE, problem, "give one positive height for each gap between facies"));
        }
        let scale = facies.windows(2).map(|w| 0.5 * (w[1] - w[0])).fold(f64::INFINITY, f64::min);
        Ok(Self { facies, penalty, scale })
    }

    /// The facies values.
    pub fn facies(&self) -> &[f64] {
        &self.facies
    }

    /// D(u) of one cell; infinite outside of the facies' range, where no u-step goes.
    pub fn value(&self, u: f64) -> f64 {
        let (first, last) = self.range();
        if !(first..=last).contains(&u) {
            return f64::INFINITY;
        }
        let j = self.gap(u);
        let (below, above) = (u - self.facies[j], self.facies[j + 1] - u);
        match &self.penalty {
            Penalty::Wells(heights) => heights[j] * (below * above).powi(2),
            robust => self.scale.powi(2) * robust::value(robust, below.min(above) / self.scale),
        }
    }

    /// `Σ_c D(u_c)` over the cells.
    pub fn total(&self, u: ArrayView1<'_, f64>) -> f64 {
        u.iter().map(|&u| self.value(u)).sum()
    }

    /// `argmin_u (θ − u)² + β D(u)`; of two minimisers the one at the lower facies.
    pub fn minimize(&self, theta: f64, beta: f64) -> f64 {
        let (first, last) = self.range();
        if theta <= first || theta >= last {
            return theta.clamp(first, last);
        }
        let j = self.gap(theta);
        let (low, high) = (self.facies[j], self.facies[j + 1]);
        let (below, above) = (theta - low, high - theta);
        match &self.penalty {
            Penalty::Wells(heights) => {
                let gap = high - low;
                let y = well((below - above).abs() / gap, 0.5 * beta * heights[j] * gap * gap);
                let distance = 0.5 * gap * (1.0 - y);
                if below > above { high - distance } else { low + distance }
            }
            robust => {
                let distance = self.scale * robust::minimize(robust, below.min(above) / self.scale, beta);
                if below > above { high - distance } else { low + distance }
            }
        }
    }

    /// Code of the facies nearest to a value; of two, the lower.
    pub fn nearest(&self, u: f64) -> u8 {
        let (first, last) = self.range();
        let j = self.gap(u.clamp(first, last));
        (j + usize::from(u - self.facies[j] > self.facies[j + 1] - u)) as u8
    }

    /// Every cell at its nearest facies.
    pub fn round(&self, u: ArrayView1<'_, f64>) -> Array1<f64> {
        u.mapv(|u| self.facies[usize::from(self.nearest(u))])
    }

    /// The weight β₀ that a continuation begins with: half of where the steepest wells begin to part θ, so that every
    /// cell still has one minimiser that moves with θ. `β₀ max_j (h_j Δ_j²) = 1` for wells of gaps Δ; the others the same
    /// with the coefficient of x² at a facies in the place of `h Δ²`.
    pub fn first_weight(&self) -> f64 {
        match &self.penalty {
            Penalty::Wells(heights) => {
                let steepness = heights.iter().zip(self.facies.windows(2)).map(|(h, w)| h * (w[1] - w[0]).powi(2));
                steepness.fold(0.0, f64::max).recip()
            }
            Penalty::Tukey => 2.0,
            Penalty::TruncatedQuadratic | Penalty::GemanMcClure => 1.0,
        }
    }

    fn range(&self) -> (f64, f64) {
        (self.facies[0], self.facies[self.facies.len() - 1])
    }

    /// The gap j that holds a value of the facies' range, `l_j ≤ u < l_{j+1}`; the last for the last facies.
    fn gap(&self, u: f64) -> usize {
        (self.facies.partition_point(|&l| l <= u).max(1) - 1).min(self.facies.len() - 2)
    }
}

/// The minimiser of a well of gap Δ, as its distance y ≥ 0 from the middle in units of Δ/2, for θ at distance τ in
/// \[0, 1\]: with `b = β h Δ²/2` the derivative of `(τ − y)² + (b/2)(1 − y²)²` is twice the cubic
/// `b y³ + (1 − b) y − τ`.
///
/// For y ≥ 0 the cubic is convex, at most 0 at y = 0 and at least 0 at y = 1: it has one positive root (for τ = 0 the
/// larger of its roots), which is the minimiser of that half; the other half is dearer by 4 τ y. Newton's method from
/// above descends to it and ends where no step is left.
fn well(tau: f64, b: f64) -> f64 {
    let alone = (1.0 - b.recip()).max(0.0).sqrt(); // the root for τ = 0, below all others
    if tau == 0.0 {
        return alone;
    }
    let least = alone.max(tau);
    // b (s + r)³ − (b − 1)(s + r) ≥ b r³ for s = alone; where b < 1 both terms of the cubic are positive.
    let mut y = (alone + (tau / b).cbrt()).min(1.0);
    if b < 1.0 {
        y = y.min(tau / (1.0 - b));
    }
    loop {
        let value = (y - tau) - b * y * (1.0 - y) * (1.0 + y);
        let slope = 1.0 - b + 3.0 * b * y * y;
        let next = (y - value / slope).max(least);
        if next.is_nan() || next >= y {
            return y;
        }
        y = next;
    }
}

/// How the weight β of the potential goes with the iterations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Strength {
    /// Continuation: `β_k = min(a q^k, z) β₀` in iteration k + 1, β₀ being [`DiscretePotential::first_weight`].
    Growing {
        /// a, the first weight over β₀.
        first: f64,
        /// q ≥ 1.
        factor: f64,
        /// z, the largest weight over β₀; infinite: no limit but `MOST_GROWTH`.
        last: f64,
    },
    /// The same β in every iteration.
    Fixed(f64),
}

/// A weight over β₀ at which every cell is at a facies to the last bit.
const MOST_GROWTH: f64 = (1u64 << 60) as f64;

impl Strength {
    /// The usual continuation, `β_k = 2^k β₀`.
    pub const DOUBLING: Self = Self::Growing { first: 1.0, factor: 2.0, last: f64::INFINITY };

    /// Whether its numbers are weights.
    fn check(self) -> Result<()> {
        let is_weight = |x: f64| x.is_finite() && x >= 0.0;
        match self {
            Self::Fixed(beta) if !is_weight(beta) => {
                let problem = format!("the weight of the potential against the coupling is {beta}");
                Err(Error::input(PLACE, problem, "give a finite weight that is not negative"))
            }
            Self::Growing { first, factor, last } if !(is_weight(first) && factor >= 1.0 && last >= first) => {
                let problem =
                    format!("the weight of the potential begins at {first}, grows by {factor}, ends at {last}");
                Err(Error::input(PLACE, problem, "give a first weight, a factor of 1 or more, a last weight not below"))
            }
            _ => Ok(()),
        }
    }
}
/// Cells that one task minimises.
const CELLS_PER_TASK: usize = 1 << 12;

/// The u-step of an alternation with a discrete potential: each cell by itself, exactly.
///
/// A finite β leaves cells between facies; [`DiscretePotential::round`] ends a run. All iterations should be done, so
/// that a continuation comes to its end.
#[derive(Debug)]
pub struct DiscreteMap<'g> {
    potential: DiscretePotential,
    strength: Strength,
    device: Option<Device<'g>>,
}

impl<'g> DiscreteMap<'g> {
    /// The u-step of a potential; wells on `gpu` where one is given, the other penalties on the CPU.
    ///
    /// # Errors
    /// [`Error::Input`] for a β that is negative or not finite, and for one that falls.
    pub fn new(potential: DiscretePotential, strength: Strength, gpu: Option<&'g Gpu>) -> Result<Self> {
        strength.check()?;
        let device = gpu.and_then(|gpu| Device::new(gpu, &potential));
        Ok(Self { potential, strength, device })
    }

    /// The potential.
    pub fn potential(&self) -> &DiscretePotential {
        &self.potential
    }

    /// β in an outer iteration, from 1.
    pub fn weight(&self, iteration: u32) -> f64 {
        match self.strength {
            Strength::Fixed(beta) => beta,
            Strength::Growing { first, factor, last } => {
                let grown = first * factor.powi(iteration.saturating_sub(1) as i32);
                grown.min(last).min(MOST_GROWTH) * self.potential.first_weight()
            }
        }
    }

    /// The minimiser of every cell at weight β.
    ///
    /// # Errors
    /// A failing device.
    pub fn minimize(&self, theta: ArrayView1<'_, f64>, beta: f64) -> Result<Array1<f64>> {
        if let Some(device) = &self.device {
            return Ok(device.minimize(theta, beta)?);
        }
        let cells: Vec<f64> = theta.to_vec();
        let minimize = |&theta: &f64| self.potential.minimize(theta, beta);
        Ok(cells.par_iter().with_min_len(CELLS_PER_TASK).map(minimize).collect::<Vec<_>>().into())
    }
}

impl FeasibleMap for DiscreteMap<'_> {
    /// The minimiser of every cell, and the facies nearest to it.
    fn project(&self, theta: ArrayView1<'_, f64>, iteration: u32) -> Result<Projection> {
        if let Some(at) = theta.iter().position(|theta| !theta.is_finite()) {
            let problem = format!("the parameterized map is {} in cell {at}", theta[at]);
            return Err(Error::input("discrete step", problem, "the step before it went astray: lower its length"));
        }
        let model = self.minimize(theta, self.weight(iteration))?;
        let facies = model.iter().map(|&u| self.potential.nearest(u)).collect();
        Ok(Projection { model, facies: Some(facies), probability: None })
    }
}

#[cfg(test)]
mod tests;
