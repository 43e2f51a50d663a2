//! Zonation: one value in every cell of a region, and regions that are split where the data ask for it.

use ndarray::{Array1, ArrayView1, Axis, concatenate};

use super::transform::{Transform, TransformBasis};
use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::operator::LinearOperator;

/// The basis of indicators of zones: `φ_z(c) = 1` in the cells of zone z and 0 elsewhere, so that `u = ū + v_z` in zone
/// z.
///
/// Every cell is in one zone. Columns are orthogonal but not of unit length: `ΦᵀΦ = diag(|z|)`, |z| cells in zone z.
pub type ZonationBasis = TransformBasis<Zones>;

/// Where a zone is cut in two by a plane between cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// The zone that is cut. Its cells on the far side become the last zone.
    pub zone: usize,
    /// The axis across which it is cut: 0, 1, 2 for x, y, z.
    pub axis: usize,
    /// Cells with a number below this along the axis stay in the zone.
    pub position: usize,
    /// I, by how much more the objective falls.
    pub gain: f64,
}

impl ZonationBasis {
    /// The zones of `labels` (n values: the zone of each cell, numbered from 0 without gaps), about zero.
    ///
    /// # Errors
    /// [`Error::Input`] where there is not one label a cell, or a zone has no cell.
    pub fn new(grid: &Grid, labels: &[usize]) -> Result<Self> {
        Ok(Zones::new(grid, labels)?.into())
    }

    /// The same basis with a zone cut in two: the new zone is the last, with the old one's standard deviation.
    pub fn split(&self, split: Split) -> Self {
        let zones = self.transform().split(split);
        let about = Self::from(zones).about(self.mean().to_owned()).expect("the mean that it had");
        match self.standard_deviations() {
            None => about,
            Some(sigma) => about.with_deviations(carried(sigma, split)).expect("deviations that it had"),
        }
    }

    /// Cuts zones by [`Zones::strongest_split`], one after the other, until there are `zones` of them or nothing is
    /// left to gain; with the coefficients that describe the same field.
    ///
    /// # Errors
    /// [`Error::NoModel`] for a gradient that is not finite.
    pub fn refined(
        &self,
        v: ArrayView1<'_, f64>,
        gradient: ArrayView1<'_, f64>,
        zones: usize,
        least_cells: usize,
    ) -> Result<(Self, Array1<f64>)> {
        assert_eq!(v.len(), self.cols(), "coefficients against zones");
        let (mut basis, mut v) = (self.clone(), v.to_owned());
        while basis.cols() < zones
            && let Some(split) = basis.transform().strongest_split(gradient, least_cells)?
        {
            (basis, v) = (basis.split(split), carried(v.view(), split));
        }
        Ok((basis, v))
    }
}

/// Values of the zones after a split: the new zone has that of the old one.
pub fn carried(values: ArrayView1<'_, f64>, split: Split) -> Array1<f64> {
    let new = values.slice(ndarray::s![split.zone..split.zone + 1]);
    concatenate(Axis(0), &[values, new]).expect("vectors")
}

/// The columns of a [`ZonationBasis`].
#[derive(Debug, Clone, PartialEq)]
pub struct Zones {
    grid: Grid,
    labels: Vec<usize>,
    /// Cells of each zone.
    sizes: Vec<f64>,
}

/// Number of cells and sum of a gradient.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    cells: usize,
    sum: f64,
}

impl Part {
    fn add(&mut self, other: Self) {
        self.cells += other.cells;
        self.sum += other.sum;
    }

    fn without(self, other: Self) -> Self {
        Self { cells: self.cells - other.cells, sum: self.sum - other.sum }
    }

    fn mean(self) -> f64 {
        self.sum / self.cells as f64
    }
}

impl Zones {
    /// See [`ZonationBasis::new`].
    ///
    /// # Errors
    /// [`Error::Input`] where there is not one label a cell, or a zone has no cell.
    pub fn new(grid: &Grid, labels: &[usize]) -> Result<Self> {
        let (n, place) = (grid.len(), "basis.zones");
        if labels.len() != n || n == 0 {
            let problem = format!("{} labels for {n} cells", labels.len());
            return Err(Error::input(place, problem, "give the number of its zone for every cell"));
        }
        let largest = labels.iter().copied().max().unwrap_or(0);
        let gap = |zone: usize| {
            let problem = format!("zone {zone} has no cell, though there is a zone {largest}");
            Error::input(place, problem, "number the zones 0, 1, 2, … without gaps")
        };
        if largest >= n {
            let mut seen = vec![false; n];
            labels.iter().filter(|&&label| label < n).for_each(|&label| seen[label] = true);
            return Err(gap(seen.iter().position(|&seen| !seen).unwrap_or(n)));
        }
        let mut sizes = vec![0.0; largest + 1];
        labels.iter().for_each(|&label| sizes[label] += 1.0);
        match sizes.iter().position(|&size| size == 0.0) {
            Some(zone) => Err(gap(zone)),
            None => Ok(Self { grid: *grid, labels: labels.to_vec(), sizes }),
        }
    }

    /// The zone of each cell.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The cut by which the objective falls most, as far as its gradient tells: `None` where no zone can be cut into
    /// parts of at least `least_cells` cells that differ.
    ///
    /// With the gradient g of the objective by the property (n values), steepest descent within the span of the zones
    /// lets it fall by `Σ_z |z| ḡ_z²` a unit of step, ḡ_z being the mean of g in zone z. Cutting a zone into A and B
    /// adds
    ///
    /// `I = |A| |B| / (|A| + |B|) · (ḡ_A − ḡ_B)²`,
    ///
    /// which is largest where the gradient changes most. Tried are all planes between cells across x, y and z; of equal
    /// cuts the first counts, by zone, axis and position. A zone may become one of several pieces. (Refinement
    /// indicators: Ben Ameur, Chavent & Jaffré 2002, Inverse Problems 18(3).)
    ///
    /// # Errors
    /// [`Error::NoModel`] for a gradient that is not finite.
    pub fn strongest_split(&self, gradient: ArrayView1<'_, f64>, least_cells: usize) -> Result<Option<Split>> {
        assert_eq!(gradient.len(), self.labels.len(), "values of a gradient against cells");
        if let Some(cell) = gradient.iter().position(|g| !g.is_finite()) {
            return Err(Error::NoModel(format!("the gradient in cell {cell} is {}", gradient[cell])));
        }
        let least = least_cells.max(1);
        let slices = [0, 1, 2].map(|axis| self.slices(axis, gradient));
        let mut best: Option<Split> = None;
        for (zone, axis) in (0..self.sizes.len()).flat_map(|zone| (0..3).map(move |axis| (zone, axis))) {
            let length = self.grid.cells[axis];
            let parts = &slices[axis][zone * length..][..length];
            let mut whole = Part::default();
            parts.iter().for_each(|part| whole.add(*part));
            let mut near = Part::default();
            for position in 1..length {
                near.add(parts[position - 1]);
                let far = whole.without(near);
                if near.cells < least || far.cells < least {
                    continue;
                }
                let share = (near.cells as f64) * (far.cells as f64) / whole.cells as f64;
                let gain = share * (near.mean() - far.mean()).powi(2);
                if gain > best.map_or(0.0, |best| best.gain) {
                    best = Some(Split { zone, axis, position, gain });
                }
            }
        }
        Ok(best)
    }

    /// Cells and gradient of every zone by their number along an axis: `[zone][number]`.
    fn slices(&self, axis: usize, gradient: ArrayView1<'_, f64>) -> Vec<Part> {
        let length = self.grid.cells[axis];
        let mut parts = vec![Part::default(); self.sizes.len() * length];
        for (cell, (&zone, &sum)) in self.labels.iter().zip(gradient).enumerate() {
            parts[zone * length + self.grid.cell(cell)[axis]].add(Part { cells: 1, sum });
        }
        parts
    }

    fn split(&self, Split { zone, axis, position, .. }: Split) -> Self {
        let new = self.sizes.len();
        let moved = |(cell, &label): (usize, &usize)| {
            if label == zone && self.grid.cell(cell)[axis] >= position { new } else { label }
        };
        let labels: Vec<usize> = self.labels.iter().enumerate().map(moved).collect();
        Self::new(&self.grid, &labels).unwrap_or_else(|e| panic!("both parts of a zone have cells: {e}"))
    }
}

impl Transform for Zones {
    fn cells(&self) -> usize {
        self.labels.len()
    }
    fn columns(&self) -> usize {
        self.sizes.len()
    }
    fn synthesize(&self, v: &[f64]) -> Vec<f64> {
        self.labels.iter().map(|&zone| v.get(zone).copied().unwrap_or(0.0)).collect()
    }
    fn analyze(&self, u: &[f64], rank: usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.sizes.len()];
        self.labels.iter().zip(u).for_each(|(&zone, u)| sums[zone] += u);
        sums.truncate(rank);
        sums
    }
    fn squares(&self) -> Option<&[f64]> {
        Some(&self.sizes)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::transform::tests::hold;
    use super::*;

    fn quarters() -> (Grid, Vec<usize>) {
        let grid = Grid::unit([4, 2, 2]);
        (grid, (0..16).map(|c| usize::from(grid.cell(c)[0] >= 2) + 2 * grid.cell(c)[2]).collect())
    }

    #[test]
    fn each_zone_has_its_value() {
        let (grid, labels) = quarters();
        let basis = ZonationBasis::new(&grid, &labels).unwrap().about_constant(10.0).unwrap();
        hold(&basis);
        let u = basis.expand(array![1.0, 2.0, 3.0, 4.0].view());
        assert!((0..16).all(|c| u[c] == 11.0 + labels[c] as f64));
        assert_eq!(basis.nearest((&u + 1.0).view()), array![2.0, 3.0, 4.0, 5.0], "means of the zones");
        assert_eq!(basis.gram().unwrap().diag(), array![4.0, 4.0, 4.0, 4.0]);
    }

    #[test]
    fn the_strongest_split_is_where_the_definition_finds_it() {
        let grid = Grid::unit([7, 5, 3]);
        let labels: Vec<usize> =
            (0..105).map(|c| usize::from(grid.cell(c)[0] > 3) + usize::from(c % 11 == 0)).collect();
        let zones = Zones::new(&grid, &labels).unwrap();
        let gradient = Array1::from_shape_fn(105, |c| ((c * 37 + 5) % 23) as f64 - 9.0);
        // The fall of steepest descent itself, for every cut.
        let fall = |zones: &Zones| -> f64 {
            let sums = zones.analyze(gradient.as_slice().unwrap(), zones.columns());
            sums.iter().zip(zones.squares().unwrap()).map(|(sum, size)| sum * sum / size).sum()
        };
        let mut best = 0.0f64;
        for (zone, axis) in (0..3).flat_map(|zone| (0..3).map(move |axis| (zone, axis))) {
            for position in 1..grid.cells[axis] {
                let part = |far: bool| {
                    (0..105).filter(|&c| labels[c] == zone && (grid.cell(c)[axis] >= position) == far).count()
                };
                if part(true) >= 4 && part(false) >= 4 {
                    best = best.max(fall(&zones.split(Split { zone, axis, position, gain: 0.0 })) - fall(&zones));
                }
            }
        }
        let found = zones.strongest_split(gradient.view(), 4).unwrap().unwrap();
        assert!((found.gain - best).abs() <= 1e-10 * best, "{found:?} against {best}");
        assert!((fall(&zones.split(found)) - fall(&zones) - best).abs() <= 1e-10 * best);
    }

    #[test]
    fn refinement_finds_an_anomaly_and_keeps_the_field() {
        let grid = Grid::unit([8, 8, 1]);
        let inside = |c: usize| (2..5).contains(&grid.cell(c)[0]) && grid.cell(c)[1] >= 5;
        let gradient = Array1::from_shape_fn(64, |c| if inside(c) { 1.0 } else { 0.0 });
        let one = ZonationBasis::new(&grid, &[0; 64]).unwrap().with_deviations(array![2.0]).unwrap();
        let (basis, v) = one.refined(array![3.0].view(), gradient.view(), 50, 1).unwrap();
        assert_eq!(basis.cols(), 4, "three cuts single the anomaly out, then there is nothing to gain");
        assert_eq!(v, array![3.0, 3.0, 3.0, 3.0]);
        assert_eq!(basis.standard_deviations().unwrap().to_vec(), [2.0; 4]);
        assert_eq!(basis.expand(v.view()), one.expand(array![3.0].view()));
        let zone = basis.transform().labels()[5 * 8 + 2];
        assert!((0..64).all(|c| (basis.transform().labels()[c] == zone) == inside(c)));
        let (two, _) = one.refined(array![3.0].view(), gradient.view(), 2, 1).unwrap();
        assert_eq!(two.cols(), 2);
        let uniform = one.transform().strongest_split(Array1::ones(64).view(), 1).unwrap();
        assert_eq!(uniform, None);
        assert_eq!(one.transform().strongest_split(gradient.view(), 33).unwrap(), None, "no half is that large");
    }

    #[test]
    fn labels_that_are_none_are_told() {
        let message = |labels: &[usize]| ZonationBasis::new(&Grid::unit([2, 2, 1]), labels).unwrap_err().to_string();
        assert!(message(&[0, 1, 0]).contains("3 labels for 4 cells"));
        assert!(message(&[0, 2, 2, 0]).contains("zone 1 has no cell, though there is a zone 2"));
        assert!(message(&[0, usize::MAX, 2, 0]).contains("zone 1 has no cell"));
        let mut gradient = Array1::zeros(4);
        gradient[2] = f64::NAN;
        let zones = Zones::new(&Grid::unit([2, 2, 1]), &[0; 4]).unwrap();
        assert!(zones.strongest_split(gradient.view(), 1).unwrap_err().to_string().contains("cell 2 is NaN"));
    }
}
