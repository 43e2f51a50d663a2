//! Bases that are not made of realizations: cosines, wavelets, zones, the cells themselves; and the groups of their
//! coefficients.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::super::file::{BasisKind, Case, Groups, Regularizer};
use super::Study;
use super::prior::Priors;
use crate::basis::dct::Frequencies;
use crate::basis::sparse_pca::SparsePca;
use crate::basis::wavelet::Window;
use crate::basis::{Basis, CellBasis, DctBasis, ExpandedBasis, Transform, TransformBasis, WaveletBasis, ZonationBasis};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::inversion::{Group, Grouping, OverlappingGroups, Uncovered};
use crate::operator::LinearOperator;
use crate::progress::Progress;

/// Cells of the smallest zone that another is cut into.
const LEAST_CELLS: usize = 4;
/// Squares of coefficients below this share of the fields' squares are rounding.
const ROUNDING: f64 = 1e-24;

/// A basis that is not made of realizations, and what these say of its coefficients.
pub struct Explicit {
    basis: Arc<dyn Basis>,
    /// Mean of v_j² over the realizations, k values.
    moments: Array1<f64>,
    grouped: Option<Grouped>,
    /// The basis once more, where it is one of zones.
    zones: Option<ZonationBasis>,
}

/// Coefficients in groups that may share them.
pub struct Grouped {
    /// The groups.
    pub groups: OverlappingGroups,
    /// The basis with a column for each coefficient of each group.
    pub basis: ExpandedBasis,
    /// Share of the energy of the realizations' coefficients that sparse principal components explain.
    pub explained: Option<f64>,
}

/// The groups that a case's penalty is about, beside scenarios.
pub(super) fn groups_in_use(case: &Case) -> Option<Groups> {
    case.groups.filter(|_| case.inversion.regularizer == Regularizer::Group)
}

/// The columns of a kind of basis about zero, on a grid of its own.
///
/// # Errors
/// Frequencies, scales or zones that the grid does not have.
pub(in crate::case) fn columns(kind: BasisKind, rank: usize, grid: &Grid) -> Result<Columns> {
    Ok(match kind {
        BasisKind::Dct { lowest } => {
            let frequencies = lowest.map_or(Frequencies::First(rank), Frequencies::Box);
            Columns::Cosines(DctBasis::new(grid, frequencies)?)
        }
        BasisKind::Wavelet { vanishing_moments, window } => {
            let window = window.map_or(Window::Whole, Window::Cells);
            Columns::Wavelets(WaveletBasis::new(grid, vanishing_moments, None, window)?)
        }
        BasisKind::Zonation { zones, .. } => Columns::Zones(ZonationBasis::new(grid, &lattice(grid, zones)?)?),
        _ => Columns::Cells,
    })
}

/// The zone of every cell: boxes of a lattice whose sides differ by a cell at most.
fn lattice(grid: &Grid, zones: [usize; 3]) -> Result<Vec<usize>> {
    for a in 0..3 {
        if !(1..=grid.cells[a]).contains(&zones[a]) {
            let (axis, cells) = (["x", "y", "z"][a], grid.cells[a]);
            let problem = format!("{} zones along {axis}, where the grid has {cells} cells", zones[a]);
            return Err(Error::input("basis.zones", problem, format!("choose 1 to {cells}")));
        }
    }
    let of_cell = |cell: usize| {
        let [i, j, k] = grid.cell(cell);
        let place = |a: usize, number: usize| number * zones[a] / grid.cells[a];
        (place(2, k) * zones[1] + place(1, j)) * zones[0] + place(0, i)
    };
    Ok((0..grid.len()).map(of_cell).collect())
}

/// A basis of a kind.
pub(in crate::case) enum Columns {
    Cosines(DctBasis),
    Wavelets(WaveletBasis),
    Zones(ZonationBasis),
    Cells,
}

impl Explicit {
    /// The basis that the case asks for, about the mean of the realizations of the scenarios `selected`, or with
    /// `center = false` about the background; and its groups, where the penalty is about them.
    ///
    /// # Errors
    /// What the grid does not have; realizations whose coefficients cannot be grouped; [`Error::Interrupted`].
    pub(super) fn new(
        case: &Case,
        priors: &Priors,
        selected: &[usize],
        warnings: &mut Vec<String>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let mean = match case.basis.center {
            true => priors.mean(selected),
            false => Array1::from_elem(case.grid.len(), priors.origin(case)),
        };
        let columns = columns(case.basis.kind, case.basis.rank.largest().unwrap_or(1), &case.grid)?;
        let tree = match &columns {
            Columns::Wavelets(basis) => basis.tree_groups(),
            _ => Vec::new(),
        };
        let groups = groups_in_use(case);
        let about =
            Coefficients { priors, selected, keeps_all: matches!(groups, Some(Groups::SparsePca { .. })), progress };
        let mut zones = None;
        let (basis, coefficients): (Arc<dyn Basis>, _) = match columns {
            Columns::Cosines(basis) => shared(about.of(basis.about(mean)?)?),
            Columns::Wavelets(basis) => shared(about.of(basis.about(mean)?)?),
            Columns::Zones(basis) => {
                let (basis, found) = about.of(basis.about(mean)?)?;
                zones = Some(basis.clone());
                (Arc::new(basis), found)
            }
            Columns::Cells => {
                let basis = CellBasis::new(mean);
                let found = about.found(&basis)?;
                (Arc::new(basis), found)
            }
        };
        let k = basis.cols();
        let (groups, explained) = match groups {
            None => return Ok(Self { basis, moments: coefficients.moments, grouped: None, zones }),
            Some(Groups::Tree) => (tree.into_iter().map(Group::plain).collect(), None),
            Some(Groups::SparsePca { count, members }) => {
                progress.note(&format!("{count} sparse principal components of {k} coefficients"));
                let found = SparsePca::of_mean_size(coefficients.all.view(), count, members)?;
                warnings.extend(fewer(&found, count));
                let group = |c: &crate::basis::sparse_pca::SparseComponent| Group {
                    columns: c.columns.clone(),
                    element_weights: c.element_weights(),
                    weight: c.weight(),
                };
                (found.components.iter().map(group).collect(), Some(found.explained))
            }
        };
        let groups = OverlappingGroups::new(k, groups, Uncovered::Drop)?;
        let expanded = ExpandedBasis::new(Arc::clone(&basis), groups.members());
        let grouped = Some(Grouped { groups, basis: expanded, explained });
        Ok(Self { basis, moments: coefficients.moments, grouped, zones })
    }

    /// The zones of these, cut into at most `count` where the `gradient` of the misfit by the property changes most;
    /// `None` where they are no zones, or nothing is left to gain.
    ///
    /// # Errors
    /// A gradient that is not finite; [`Error::Interrupted`].
    pub(super) fn refined(
        &self,
        v: ArrayView1<'_, f64>,
        gradient: ArrayView1<'_, f64>,
        count: usize,
        study: &Study,
        progress: &dyn Progress,
    ) -> Result<Option<Self>> {
        let Some(zones) = &self.zones else { return Ok(None) };
        let (refined, _) = zones.refined(v, gradient, count, LEAST_CELLS)?;
        if refined.cols() == zones.cols() {
            return Ok(None);
        }
        let (priors, selected) = (&*study.priors, &*study.selected);
        let (basis, found) = Coefficients { priors, selected, keeps_all: false, progress }.of(refined)?;
        let zones = Some(basis.clone());
        Ok(Some(Self { basis: Arc::new(basis), moments: found.moments, grouped: None, zones }))
    }

    /// The basis of the unknowns: with groups, a column for each coefficient of each group.
    pub fn basis(&self) -> &dyn Basis {
        match &self.grouped {
            Some(grouped) => &grouped.basis,
            None => &*self.basis,
        }
    }

    /// The basis itself.
    pub fn ungrouped(&self) -> &dyn Basis {
        &*self.basis
    }

    /// The groups, where the penalty is about them.
    pub fn grouped(&self) -> Option<&Grouped> {
        self.grouped.as_ref()
    }

    /// What a sparse penalty is made of: the groups, or every coefficient by itself.
    ///
    /// # Errors
    /// A weighted l1 norm where a coefficient is zero in all realizations.
    pub(super) fn grouping(&self, regularizer: Regularizer) -> Result<Grouping> {
        match (regularizer, &self.grouped) {
            (Regularizer::Group, Some(grouped)) => Ok(grouped.groups.grouping().clone()),
            (Regularizer::Group, None) => {
                let problem = "the coefficients of this basis have no groups";
                Err(Error::input("inversion.regularizer", problem, "add [groups]"))
            }
            (Regularizer::WeightedL1, _) => {
                let weights = self.moments.mapv(|moment| moment.sqrt().recip());
                if let Some(j) = weights.iter().position(|w| !w.is_finite()) {
                    let count = self.moments.iter().filter(|moment| **moment == 0.0).count();
                    let problem =
                        format!("{count} coefficients, number {} the first, are zero in all realizations", j + 1);
                    return Err(Error::input("inversion.regularizer", problem, "keep fewer columns, or choose \"l1\""));
                }
                Grouping::singles(weights.view())
            }
            _ => Grouping::singles(Array1::ones(self.basis.cols()).view()),
        }
    }
}

fn shared<T: Transform + 'static>((basis, found): (TransformBasis<T>, Found)) -> (Arc<dyn Basis>, Found) {
    (Arc::new(basis), found)
}

fn fewer(found: &SparsePca, wanted: usize) -> Option<String> {
    let count = found.components.len();
    (count < wanted).then(|| {
        format!("{count} of {wanted} groups were found: the realizations' coefficients do not vary in more ways")
    })
}

/// How realizations' coefficients are found.
struct Coefficients<'a> {
    priors: &'a Priors,
    selected: &'a [usize],
    /// Whether all of them are wanted, not only their squares.
    keeps_all: bool,
    progress: &'a dyn Progress,
}

/// Coefficients of realizations.
struct Found {
    /// Mean squares, k values.
    moments: Array1<f64>,
    /// All of them, k × L, or none.
    all: Array2<f64>,
}

impl Coefficients<'_> {
    /// A basis with the root mean squares of its coefficients as their standard deviations, where none is zero.
    fn of<T: Transform>(&self, basis: TransformBasis<T>) -> Result<(TransformBasis<T>, Found)> {
        let found = self.found(&basis)?;
        let basis = match found.moments.iter().all(|&moment| moment > 0.0) {
            true => basis.with_deviations(found.moments.mapv(f64::sqrt))?,
            false => basis,
        };
        Ok((basis, found))
    }

    fn found(&self, basis: &dyn Basis) -> Result<Found> {
        let total = self.priors.count(self.selected);
        let mut moments: Array1<f64> = Array1::zeros(basis.cols());
        let mut size = 0.0;
        let mut all = Array2::zeros((basis.cols(), if self.keeps_all { total } else { 0 }));
        self.progress.start("coefficients of the realizations", total as u64);
        for (l, field) in self.priors.fields(self.selected).enumerate() {
            if self.progress.interrupted() {
                return Err(Error::Interrupted);
            }
            let v = basis.nearest(field.view());
            size += field.dot(&field) / total as f64;
            moments.zip_mut_with(&v, |moment, v| *moment += v * v / total as f64);
            if self.keeps_all {
                all.index_axis_mut(Axis(1), l).assign(&v);
            }
            self.progress.advance(1);
        }
        self.progress.finish();
        match moments.iter().position(|moment| !f64::is_finite(*moment)) {
            None if self.keeps_all && moments.sum() <= ROUNDING * size => {
                let problem = "all realizations are the same but for rounding, and have no components";
                Err(Error::input("groups.kind", problem, "give a training image that varies, or remove [groups]"))
            }
            None => Ok(Found { moments, all }),
            Some(j) => {
                let problem = format!("coefficient {} of the realizations is no finite number", j + 1);
                Err(Error::input("prior", problem, "check the training data: every cell needs a finite value"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_boxes_of_nearly_equal_sides() {
        let grid = Grid::unit([7, 4, 1]);
        let labels = lattice(&grid, [3, 2, 1]).unwrap();
        assert_eq!(labels[..7], [0, 0, 0, 1, 1, 2, 2]);
        assert_eq!(labels[21..], [3, 3, 3, 4, 4, 5, 5]);
        let refused = |zones| lattice(&grid, zones).unwrap_err().to_string();
        assert!(refused([8, 2, 1]).contains("8 zones along x, where the grid has 7 cells"));
        assert!(refused([3, 2, 0]).contains("basis.zones"));
    }
}
