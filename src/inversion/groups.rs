//! Groups of coefficients, and the penalty that empties whole groups.

use std::ops::Range;

use ndarray::{Array1, ArrayView1, s};

use crate::error::{Error, Result};

/// One group: some of the coefficients, and how they are weighed.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Numbers of its coefficients.
    pub columns: Vec<usize>,
    /// k_ij, the diagonal of `K_g`: a positive weight for each of `columns`.
    pub element_weights: Vec<f64>,
    /// μ_g, positive.
    pub weight: f64,
}

impl Group {
    /// A group of unit weights.
    pub fn plain(columns: Vec<usize>) -> Self {
        Self { element_weights: vec![1.0; columns.len()], columns, weight: 1.0 }
    }
}

/// A grouping of k coefficients, and its penalty `R(v) = Σ_g μ_g ‖K_g v_g‖₂`.
///
/// Every coefficient is in exactly one group. With single coefficients as groups R is the (weighted) l1 norm. Groups
/// that overlap are brought to this form by [`OverlappingGroups`](super::OverlappingGroups), which give each group columns
/// of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouping {
    groups: Vec<Group>,
    columns: usize,
}

/// Share of the largest norm from which a scenario counts as active.
pub const ACTIVE_SHARE: f64 = 0.10;

impl Grouping {
    /// A grouping of `columns` coefficients.
    ///
    /// # Errors
    /// [`Error::Input`] for a weight that is not finite and positive, an empty group, a coefficient that does not
    /// exist, or one that is in no group or in several.
    pub fn new(columns: usize, groups: Vec<Group>) -> Result<Self> {
        let wrong = |problem: String| Error::input("grouping", problem, "put every coefficient into exactly one group");
        let mut holders = vec![0usize; columns];
        for (g, group) in groups.iter().enumerate() {
            assert_eq!(group.columns.len(), group.element_weights.len(), "one element weight a column of group {g}");
            if group.columns.is_empty() {
                return Err(wrong(format!("group {g} is empty")));
            }
            if let Some(bad) =
                group.element_weights.iter().chain([&group.weight]).find(|w| !(w.is_finite() && **w > 0.0))
            {
                return Err(wrong(format!("a weight of group {g} is {bad}, not finite and positive")));
            }
            for &column in &group.columns {
                match holders.get_mut(column) {
                    Some(count) => *count += 1,
                    None => return Err(wrong(format!("group {g} holds coefficient {column} of {columns}"))),
                }
            }
        }
        match holders.iter().position(|&count| count != 1) {
            Some(column) => Err(wrong(format!("coefficient {column} is in {} groups", holders[column]))),
            None => Ok(Self { groups, columns }),
        }
    }

    /// Contiguous groups of unit weights, of the given lengths.
    ///
    /// # Errors
    /// [`Error::Input`] where a length is 0.
    pub fn blocks(lengths: &[usize]) -> Result<Self> {
        let ones = vec![1.0; lengths.iter().sum()];
        Self::scenarios(&ranges(lengths), ArrayView1::from(&ones))
    }

    /// Every coefficient its own group, `R = Σ w_i |v_i|`: the l1 norm for unit weights.
    ///
    /// # Errors
    /// [`Error::Input`] for a weight that is not finite and positive.
    pub fn singles(weights: ArrayView1<'_, f64>) -> Result<Self> {
        let group = |(i, &weight): (usize, &f64)| Group { columns: vec![i], element_weights: vec![1.0], weight };
        Self::new(weights.len(), weights.iter().enumerate().map(group).collect())
    }

    /// Scenario groups: a block of a hybrid basis each, μ = 1 and `K_iᵀ K_i = diag(1/σ_j²)`, scaled so that the largest
    /// σ of each block counts as 1. `sigma` holds a σ for every column.
    ///
    /// # Errors
    /// [`Error::Input`] for a σ that is not finite and positive, or blocks that do not cover the columns once.
    pub fn scenarios(blocks: &[Range<usize>], sigma: ArrayView1<'_, f64>) -> Result<Self> {
        let group = |block: &Range<usize>| {
            let sigma = sigma.slice(s![block.clone()]);
            let largest = sigma.iter().copied().fold(0.0, f64::max);
            Group {
                columns: block.clone().collect(),
                element_weights: sigma.iter().map(|s| largest / s).collect(),
                weight: 1.0,
            }
        };
        Self::new(sigma.len(), blocks.iter().map(group).collect())
    }

    /// Number of coefficients k.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The groups.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// `‖K_g v_g‖₂` of every group.
    pub fn norms(&self, v: ArrayView1<'_, f64>) -> Vec<f64> {
        self.assert_length(v.len());
        let square =
            |group: &Group| group.columns.iter().zip(&group.element_weights).map(|(&i, k)| (k * v[i]).powi(2)).sum();
        self.groups.iter().map(square).map(f64::sqrt).collect()
    }

    /// `‖v_g‖₂` of every group, which is what scenarios are ranked by.
    pub fn euclidean_norms(&self, v: ArrayView1<'_, f64>) -> Vec<f64> {
        self.assert_length(v.len());
        let norm = |group: &Group| group.columns.iter().map(|&i| v[i] * v[i]).sum::<f64>().sqrt();
        self.groups.iter().map(norm).collect()
    }

    /// `R(v) = Σ_g μ_g ‖K_g v_g‖₂`.
    pub fn value(&self, v: ArrayView1<'_, f64>) -> f64 {
        self.groups.iter().zip(self.norms(v)).map(|(group, norm)| group.weight * norm).sum()
    }

    /// The smoothed penalty `Σ_g μ_g √(‖K_g v_g‖² + ε)`, which [`Grouping::irls_weights`] majorizes.
    pub fn smoothed(&self, v: ArrayView1<'_, f64>, epsilon: f64) -> f64 {
        self.groups.iter().zip(self.norms(v)).map(|(group, norm)| group.weight * (norm * norm + epsilon).sqrt()).sum()
    }

    /// Λ of iteratively reweighted least squares at v, `Λ_ij = μ_g k_ij² / √(‖K_g v_g‖² + ε)`, k values: `½ vᵀΛv` plus a
    /// constant lies above the smoothed penalty everywhere and touches it at v.
    pub fn irls_weights(&self, v: ArrayView1<'_, f64>, epsilon: f64) -> Array1<f64> {
        let norms = self.norms(v);
        self.weights_by_group(|g| self.groups[g].weight / (norms[g] * norms[g] + epsilon).sqrt())
    }

    /// `KᵀK`, k values, times a factor for each group.
    pub(super) fn weights_by_group(&self, factor: impl Fn(usize) -> f64) -> Array1<f64> {
        let mut out = Array1::zeros(self.columns);
        for (g, group) in self.groups.iter().enumerate() {
            for (&i, k) in group.columns.iter().zip(&group.element_weights) {
                out[i] = factor(g) * k * k;
            }
        }
        out
    }

    /// `2 ‖K_g⁻ᵀ b_g‖/μ_g` of every group with `b = Gᵀ r`, k values: the weight λ² of `‖G v − r‖² + λ² R(v)` from which on
    /// a group that is zero stays zero.
    pub fn needed_weights(&self, gradient: ArrayView1<'_, f64>) -> Vec<f64> {
        self.assert_length(gradient.len());
        let of_group = |group: &Group| {
            let square: f64 =
                group.columns.iter().zip(&group.element_weights).map(|(&i, k)| (gradient[i] / k).powi(2)).sum();
            2.0 * square.sqrt() / group.weight
        };
        self.groups.iter().map(of_group).collect()
    }

    /// `λ_max² = max_g 2 ‖K_g⁻ᵀ b_g‖/μ_g` with `b = Gᵀ r` at v = 0, k values: from this weight on the penalty of
    /// `‖G v − r‖² + λ² R(v)` leaves no group different from zero.
    pub fn largest_weight(&self, gradient: ArrayView1<'_, f64>) -> f64 {
        self.needed_weights(gradient).into_iter().fold(0.0, f64::max)
    }

    /// The grouping of the columns of some groups alone, and what these columns are numbered here.
    pub(super) fn subset(&self, chosen: &[usize]) -> (Self, Vec<usize>) {
        let mut columns = Vec::new();
        let mut groups = Vec::new();
        for &g in chosen {
            let group = &self.groups[g];
            let renumbered = (columns.len()..columns.len() + group.columns.len()).collect();
            columns.extend_from_slice(&group.columns);
            groups.push(Group { columns: renumbered, ..group.clone() });
        }
        (Self { groups, columns: columns.len() }, columns)
    }

    fn assert_length(&self, length: usize) {
        assert_eq!(length, self.columns, "number of coefficients against the columns of the grouping");
    }
}

/// The ranges of contiguous blocks of the given lengths.
pub fn ranges(lengths: &[usize]) -> Vec<Range<usize>> {
    let mut start = 0;
    let range = |&length: &usize| {
        start += length;
        start - length..start
    };
    lengths.iter().map(range).collect()
}

/// Which scenarios are active: those whose `‖v_i‖₂` is at least 10 % of the largest. Where all are zero, all are.
pub fn active(norms: &[f64]) -> Vec<bool> {
    let largest = norms.iter().copied().fold(0.0, f64::max);
    norms.iter().map(|&norm| norm >= ACTIVE_SHARE * largest).collect()
}

/// How many groups exceed 10 % of the largest, where that is more than half of several: no scenario fits alone.
pub fn no_scenario_fits(norms: &[f64]) -> Option<usize> {
    let largest = norms.iter().copied().fold(0.0, f64::max);
    let above = norms.iter().filter(|&&norm| norm > ACTIVE_SHARE * largest).count();
    (norms.len() > 1 && 2 * above > norms.len()).then_some(above)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_penalty_is_known_by_hand() {
        let grouping = Grouping::scenarios(&ranges(&[2, 1]), array![2.0, 1.0, 5.0].view()).unwrap();
        let v = array![3.0, 2.0, -1.0];
        assert_eq!(grouping.norms(v.view()), vec![5.0, 1.0], "σ = 2, 1 weighs as k = 1, 2");
        assert_eq!(grouping.value(v.view()), 6.0);
        assert_eq!(grouping.euclidean_norms(v.view()), vec![13f64.sqrt(), 1.0]);
        assert_eq!(grouping.irls_weights(v.view(), 0.0), array![0.2, 0.8, 1.0]);
        assert_eq!(grouping.largest_weight(array![3.0, 8.0, 1.0].view()), 10.0);
        let l1 = Grouping::singles(array![1.0, 2.0, 3.0].view()).unwrap();
        assert_eq!(l1.value(v.view()), 3.0 + 4.0 + 3.0);
        assert_eq!(Grouping::blocks(&[2, 1]).unwrap().value(v.view()), 13f64.sqrt() + 1.0);
    }

    #[test]
    fn the_quadratic_majorizes_the_smoothed_penalty_and_touches_it() {
        let grouping = Grouping::scenarios(&ranges(&[2, 1]), array![2.0, 1.0, 5.0].view()).unwrap();
        let at = array![0.3, -2.0, 0.0];
        let epsilon = 0.01;
        let weights = grouping.irls_weights(at.view(), epsilon);
        let quadratic = |v: &Array1<f64>| 0.5 * (&weights * v).dot(v);
        let smoothed = |v: &Array1<f64>| grouping.smoothed(v.view(), epsilon);
        let offset = smoothed(&at) - quadratic(&at);
        for step in [-2.0, -0.5, -1e-3, 1e-3, 0.7, 3.0] {
            let v = &at + &(step * &array![1.0, 0.4, -0.8]);
            assert!(quadratic(&v) + offset > smoothed(&v), "step {step}");
        }
    }

    #[test]
    fn groupings_that_are_none_are_refused() {
        let group = |columns: &[usize], weight: f64| Group {
            columns: columns.to_vec(),
            element_weights: vec![1.0; columns.len()],
            weight,
        };
        for groups in [
            vec![group(&[0, 1], 1.0)],
            vec![group(&[0, 1, 2], 0.0)],
            vec![group(&[0, 1], 1.0), group(&[1, 2], 1.0)],
            vec![group(&[0, 1, 3], 1.0)],
            vec![group(&[0, 1, 2], 1.0), group(&[], 1.0)],
        ] {
            assert!(Grouping::new(3, groups.clone()).is_err(), "{groups:?}");
        }
    }

    #[test]
    fn scenarios_are_judged_by_a_tenth_of_the_largest() {
        assert_eq!(active(&[1.0, 0.1, 0.09, 0.0]), [true, true, false, false]);
        assert_eq!(active(&[0.0, 0.0]), [true, true]);
        assert_eq!(no_scenario_fits(&[1.0, 0.5, 0.05]), Some(2));
        assert_eq!(no_scenario_fits(&[1.0, 0.5]), Some(2));
        assert_eq!(no_scenario_fits(&[1.0, 0.1]), None, "a tenth does not exceed it");
        assert_eq!(no_scenario_fits(&[1.0, 0.05, 0.5, 0.0]), None);
        assert_eq!(no_scenario_fits(&[1.0]), None);
        assert_eq!(no_scenario_fits(&[0.0, 0.0]), None);
    }
}
