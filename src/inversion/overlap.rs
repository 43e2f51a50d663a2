//! Groups that share coefficients.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::groups::{Group, Grouping};
use crate::error::{Error, Result};

/// What becomes of coefficients that are in no group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uncovered {
    /// They are a mistake.
    Refuse,
    /// They leave the parameterization, and are told.
    Drop,
}

/// Groups that may share coefficients, with copies of these: the penalty of latent groups
///
/// `R(v) = min Σ_g μ_g ‖K_g v̄_g‖₂` over all `v̄` whose copies sum to v, `v_i = Σ_{j: members_j = i} v̄_j`,
///
/// so that what is selected is a union of groups. Minimised over the k̄ = Σ_g k_g copies it is the penalty of a
/// [`Grouping`] without overlap, and a matrix of k columns becomes one of k̄ with columns repeated. (Jacob, Obozinski &
/// Vert 2009, Group lasso with overlap and graph lasso, ICML.)
#[derive(Debug, Clone, PartialEq)]
pub struct OverlappingGroups {
    grouping: Grouping,
    members: Vec<usize>,
    columns: usize,
}

impl OverlappingGroups {
    /// Groups of `columns` coefficients, which keep their weights k_ij and μ_g.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no group, one is empty, holds a coefficient that does not exist or the same one
    /// twice, or has a weight that is not finite and positive; and for coefficients in no group where these are
    /// refused.
    pub fn new(columns: usize, groups: Vec<Group>, uncovered: Uncovered) -> Result<Self> {
        let wrong = |problem: String, remedy: &str| Err(Error::input("groups of coefficients", problem, remedy));
        if groups.is_empty() {
            return wrong("there is no group".into(), "give at least one group");
        }
        let mut last_holder = vec![None; columns];
        for (g, group) in groups.iter().enumerate() {
            for &column in &group.columns {
                let Some(holder) = last_holder.get_mut(column) else {
                    let problem = format!("group {g} holds coefficient {column}, which does not exist");
                    return wrong(problem, &format!("coefficients are numbered from 0, and there are {columns}"));
                };
                if holder.replace(g) == Some(g) {
                    return wrong(
                        format!("group {g} holds coefficient {column} twice"),
                        "name every member of a group once",
                    );
                }
            }
        }
        let left = last_holder.iter().filter(|holder| holder.is_none()).count();
        if let (Uncovered::Refuse, Some(first)) = (uncovered, last_holder.iter().position(Option::is_none)) {
            let problem = format!("{left} of {columns} coefficients are in no group, the first of them {first}");
            return wrong(problem, "put every coefficient into a group, or allow them to be dropped");
        }
        let mut members = Vec::new();
        let mut copied = Vec::with_capacity(groups.len());
        for group in groups {
            let copies = (members.len()..members.len() + group.columns.len()).collect();
            members.extend_from_slice(&group.columns);
            copied.push(Group { columns: copies, ..group });
        }
        Ok(Self { grouping: Grouping::new(members.len(), copied)?, members, columns })
    }

    /// The groups of copies: a grouping of k̄ coefficients.
    pub fn grouping(&self) -> &Grouping {
        &self.grouping
    }

    /// The coefficient that each of the k̄ copies stands for: what an expanded basis is made with.
    pub fn members(&self) -> &[usize] {
        &self.members
    }

    /// Coefficients that are in no group, ascending.
    pub fn dropped(&self) -> Vec<usize> {
        let copies = self.copies();
        (0..self.columns).filter(|&i| copies[i] == 0).collect()
    }

    /// How many groups each of the k coefficients is in.
    pub fn copies(&self) -> Vec<usize> {
        let mut copies = vec![0; self.columns];
        self.members.iter().for_each(|&i| copies[i] += 1);
        copies
    }

    /// v of k coefficients from their k̄ copies: the sums of these.
    pub fn sum(&self, copies: ArrayView1<'_, f64>) -> Array1<f64> {
        assert_eq!(copies.len(), self.members.len(), "copies against those of the groups");
        let mut v = Array1::zeros(self.columns);
        self.members.iter().zip(copies).for_each(|(&i, value)| v[i] += value);
        v
    }

    /// k̄ copies whose sums are v, each coefficient shared equally between its copies; what was dropped is lost.
    pub fn share(&self, v: ArrayView1<'_, f64>) -> Array1<f64> {
        assert_eq!(v.len(), self.columns, "coefficients against those of the groups");
        let copies = self.copies();
        self.members.iter().map(|&i| v[i] / copies[i] as f64).collect()
    }

    /// The columns of a matrix (m × k), repeated for the copies (m × k̄).
    pub fn repeat(&self, matrix: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(matrix.ncols(), self.columns, "columns of a matrix against the coefficients of the groups");
        matrix.select(Axis(1), &self.members)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::sparsity::GroupedLeastSquares;
    use super::super::toys::normals;
    use super::*;

    fn plain(columns: &[usize]) -> Group {
        Group::plain(columns.to_vec())
    }

    #[test]
    fn each_group_has_copies_of_its_own() {
        let weighted = Group { columns: vec![2, 0], element_weights: vec![3.0, 0.5], weight: 2.0 };
        let groups = OverlappingGroups::new(5, vec![plain(&[0, 1]), weighted, plain(&[0])], Uncovered::Drop).unwrap();
        assert_eq!(groups.members(), [0, 1, 2, 0, 0]);
        assert_eq!((groups.dropped(), groups.copies()), (vec![3, 4], vec![3, 1, 1, 0, 0]));
        let copies = array![1.0, 2.0, 4.0, 8.0, 16.0];
        assert_eq!(groups.sum(copies.view()), array![25.0, 2.0, 4.0, 0.0, 0.0]);
        let expected = 5f64.sqrt() + 2.0 * (144f64 + 16.0).sqrt() + 16.0;
        assert!((groups.grouping().value(copies.view()) - expected).abs() < 1e-14);
        let v = array![3.0, -1.0, 2.0, 0.0, 0.0];
        assert_eq!(groups.sum(groups.share(v.view()).view()), v);
        assert_eq!(groups.repeat(array![[1.0, 2.0, 3.0, 4.0, 5.0]].view()), array![[1.0, 2.0, 3.0, 1.0, 1.0]]);
    }

    /// `min ‖A v − b‖² + λ² R(v)`: at the minimum the gradient `c = 2 Aᵀ(b − A v)` obeys `‖K_g⁻¹ c_g‖ ≤ λ² μ_g` in
    /// every group, with equality in those that are selected, and `cᵀ v = λ² R(v)`.
    #[test]
    fn the_minimum_is_one_of_latent_groups() {
        let (a, b) = (normals(9, 12, 1), normals(9, 1, 2).column(0).to_owned());
        let group = |first: usize| Group {
            columns: (first..first + 5).map(|i| i % 12).collect(),
            element_weights: (0..5).map(|i| 1.0 + 0.3 * i as f64).collect(),
            weight: 1.0 + 0.1 * first as f64,
        };
        let groups = OverlappingGroups::new(12, (0..12).step_by(2).map(group).collect(), Uncovered::Refuse).unwrap();
        let weight = 2.0;
        let repeated = groups.repeat(a.view());
        let found = GroupedLeastSquares::new(repeated.view(), b.view(), groups.grouping()).minimize(weight, None);
        let v = groups.sum(found.v.view());
        let residual = &b - &a.dot(&v);
        let missed = residual.dot(&residual);
        assert!((missed - found.misfit).abs() <= 1e-10 * missed, "the sum predicts what the copies do");
        let gradient = 2.0 * a.t().dot(&residual);
        let mut selected = 0;
        for (g, own) in (0..12).step_by(2).map(group).enumerate() {
            let square: f64 =
                own.columns.iter().zip(&own.element_weights).map(|(&i, k)| (gradient[i] / k).powi(2)).sum();
            let ratio = square.sqrt() / (weight * own.weight);
            assert!(ratio <= 1.0 + 1e-9 && (!found.active[g] || ratio >= 1.0 - 1e-9), "group {g}: {ratio}");
            selected += usize::from(found.active[g]);
        }
        assert!(0 < selected && selected < 6, "{selected} groups");
        assert!((gradient.dot(&v) - weight * found.penalty).abs() <= 1e-9 * weight * found.penalty);
    }

    #[test]
    fn groups_that_are_none_are_refused() {
        let message =
            |groups: Vec<Group>| OverlappingGroups::new(3, groups, Uncovered::Refuse).unwrap_err().to_string();
        let with = |weight: f64, element: f64| Group {
            columns: vec![0, 1, 2],
            element_weights: vec![1.0, element, 1.0],
            weight,
        };
        for (groups, problem) in [
            (vec![], "there is no group"),
            (vec![plain(&[0, 1, 2]), plain(&[])], "group 1 is empty"),
            (vec![plain(&[0, 1]), plain(&[2, 3])], "group 1 holds coefficient 3, which does not exist"),
            (vec![plain(&[0, 1, 2]), plain(&[1, 2, 1])], "group 1 holds coefficient 1 twice"),
            (vec![plain(&[0, 1]), plain(&[1])], "1 of 3 coefficients are in no group, the first of them 2"),
            (vec![with(f64::NAN, 1.0)], "a weight of group 0 is NaN"),
            (vec![with(1.0, 0.0)], "a weight of group 0 is 0"),
            (vec![with(1.0, f64::INFINITY)], "a weight of group 0 is inf"),
        ] {
            let text = message(groups);
            assert!(text.contains(problem), "{text}");
        }
        let dropped = OverlappingGroups::new(3, vec![plain(&[1])], Uncovered::Drop).unwrap().dropped();
        assert_eq!(dropped, [0, 2]);
    }
}
