//! The Cartesian grid, its order of cells, and what lives on it.
//!
//! Cells are numbered x fastest, then y, then z (GSLIB order); arrays are `[nz, ny, nx]`. y grows north and z up in a
//! map or a block; in a section (`Plane::Xz`) the grid has nz = 1 and its second axis is *depth*, growing down.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, s};

/// What the axes of a grid mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// x east, y north (z up).
    Xy,
    /// A vertical section: x along it, second axis depth, growing down; nz = 1.
    Xz,
}

/// A Cartesian grid of `cells[0] × cells[1] × cells[2]` cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Number of cells along x, y, z.
    pub cells: [usize; 3],
    /// Size of a cell along x, y, z \[m\].
    pub spacing: [f64; 3],
    /// Corner of the first cell \[m\].
    pub origin: [f64; 3],
    /// What the axes mean.
    pub plane: Plane,
}

impl Grid {
    /// A grid of cells of one metre at the origin: for training images and tests.
    pub fn unit(cells: [usize; 3]) -> Self {
        Self { cells, spacing: [1.0; 3], origin: [0.0; 3], plane: Plane::Xy }
    }

    /// Number of cells n.
    pub fn len(&self) -> usize {
        self.cells.iter().product()
    }

    /// Whether the grid has no cell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the grid is one layer.
    pub fn is_2d(&self) -> bool {
        self.cells[2] == 1
    }

    /// Number of cell (i, j, k).
    pub fn index(&self, [i, j, k]: [usize; 3]) -> usize {
        let [nx, ny, nz] = self.cells;
        assert!(i < nx && j < ny && k < nz, "cell ({i}, {j}, {k}) is outside of {nx} x {ny} x {nz} cells");
        (k * ny + j) * nx + i
    }

    /// The (i, j, k) of cell `index`.
    pub fn cell(&self, index: usize) -> [usize; 3] {
        let [nx, ny, _] = self.cells;
        [index % nx, index / nx % ny, index / (nx * ny)]
    }

    /// Centre of cell (i, j, k) \[m\].
    pub fn center(&self, cell: [usize; 3]) -> [f64; 3] {
        std::array::from_fn(|a| self.origin[a] + (cell[a] as f64 + 0.5) * self.spacing[a])
    }

    /// Size of the whole grid \[m\].
    pub fn size(&self) -> [f64; 3] {
        std::array::from_fn(|a| self.cells[a] as f64 * self.spacing[a])
    }

    /// The cell that holds a point, if any; a point on a face belongs to the cell with the larger index, one on the
    /// grid's far side to the last cell.
    pub fn locate(&self, point: [f64; 3]) -> Option<[usize; 3]> {
        let mut cell = [0; 3];
        for a in 0..3 {
            let t = (point[a] - self.origin[a]) / self.spacing[a];
            if !(0.0..=self.cells[a] as f64).contains(&t) {
                return None;
            }
            cell[a] = (t as usize).min(self.cells[a] - 1);
        }
        Some(cell)
    }

    /// Shape of arrays on the grid: `[nz, ny, nx]`.
    pub fn shape(&self) -> [usize; 3] {
        let [nx, ny, nz] = self.cells;
        [nz, ny, nx]
    }
}

/// Realizations of a prior, one a row: facies as bytes, continuous properties as f32, never n × L of f64.
///
/// The *property* of a realization in the unit that the case carries is `values` where there are any, else the facies'
/// value `facies_values[code]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensemble {
    /// The grid of every realization.
    pub grid: Grid,
    /// Facies codes 0..K, L × n.
    pub facies: Option<Array2<u8>>,
    /// The property, L × n: absent where the facies say all.
    pub values: Option<Array2<f32>>,
    /// The property's value in each facies (its mean there, where `values` vary inside the facies).
    pub facies_values: Vec<f64>,
}

impl Ensemble {
    /// Number of realizations L.
    pub fn len(&self) -> usize {
        self.facies.as_ref().map(|f| f.nrows()).or(self.values.as_ref().map(|v| v.nrows())).unwrap_or(0)
    }

    /// Whether there is no realization.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The property of realization `l`, n values.
    pub fn property(&self, l: usize) -> Array1<f64> {
        match (&self.values, &self.facies) {
            (Some(values), _) => values.row(l).mapv(f64::from),
            (None, Some(facies)) => facies.row(l).mapv(|code| self.facies_values[usize::from(code)]),
            (None, None) => panic!("an ensemble has facies or values"),
        }
    }

    /// The facies of realization `l`, if the ensemble has facies.
    pub fn facies(&self, l: usize) -> Option<ArrayView1<'_, u8>> {
        self.facies.as_ref().map(|f| f.row(l))
    }
}

/// Realizations of a stack of units, each an ensemble of its own: realization l of the stack is realization l of every
/// unit, the lowest first. Scenarios that share a unit share its ensemble and copy nothing.
///
/// Layers are slowest in the order of cells, so that a unit's cells follow each other: a row of the stack is the rows of
/// its units one after the other, and products of realizations (Gram matrices) are sums over the units.
#[derive(Debug, Clone, PartialEq)]
pub struct StackedEnsemble {
    /// The grid of the whole stack.
    pub grid: Grid,
    units: Vec<Arc<Ensemble>>,
}

impl StackedEnsemble {
    /// The stack of `units` from the lowest on, whose layers together are those of `grid`. All have as many
    /// realizations, on as many cells along x and y, with the same layers of data and the same facies.
    pub fn new(grid: Grid, units: Vec<Arc<Ensemble>>) -> Self {
        let [nx, ny, nz] = grid.cells;
        let layers: usize = units.iter().map(|unit| unit.grid.cells[2]).sum();
        assert_eq!(layers, nz, "layers of the units and of the stack");
        for unit in &units {
            assert_eq!(unit.grid.cells[..2], [nx, ny], "cells of a unit and of the stack along x and y");
            assert_eq!(unit.len(), units[0].len(), "realizations of a unit and of the first");
            assert_eq!(unit.facies_values, units[0].facies_values, "facies of a unit and of the first");
            let parts = |e: &Ensemble| (e.facies.is_some(), e.values.is_some());
            assert_eq!(parts(unit), parts(&units[0]), "whether a unit and the first have facies and values");
        }
        Self { grid, units }
    }

    /// Number of realizations L.
    pub fn len(&self) -> usize {
        self.units.first().map_or(0, |unit| unit.len())
    }

    /// Whether there is no realization.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The units from the lowest on, each with its cells in the stack.
    pub fn units(&self) -> impl Iterator<Item = (Range<usize>, &Arc<Ensemble>)> {
        self.units.iter().scan(0, |start, unit| {
            let cells = *start..*start + unit.grid.len();
            *start = cells.end;
            Some((cells, unit))
        })
    }

    /// The property of realization `l`, n values.
    pub fn property(&self, l: usize) -> Array1<f64> {
        self.units.iter().flat_map(|unit| unit.property(l)).collect()
    }

    /// The facies of realization `l`, n codes, if the units have facies.
    pub fn facies(&self, l: usize) -> Option<Array1<u8>> {
        let rows = self.units.iter().map(|unit| unit.facies(l)).collect::<Option<Vec<_>>>()?;
        Some(rows.into_iter().flatten().copied().collect())
    }

    /// A copy of realizations `range` as one ensemble, for what wants its rows in one piece.
    pub fn gather(&self, range: Range<usize>) -> Ensemble {
        fn rows<T: Copy + Default>(parts: Option<Vec<&Array2<T>>>, range: &Range<usize>) -> Option<Array2<T>> {
            let parts = parts?;
            let cells = parts.iter().map(|part| part.ncols()).sum();
            // Each realization in one piece, which concatenation along rows does not promise.
            let mut all = Array2::default((range.len(), cells));
            let mut first = 0;
            for part in parts {
                let columns = first..first + part.ncols();
                first = columns.end;
                all.slice_mut(s![.., columns]).assign(&part.slice(s![range.clone(), ..]));
            }
            Some(all)
        }
        Ensemble {
            grid: self.grid,
            facies: rows(self.units.iter().map(|unit| unit.facies.as_ref()).collect(), &range),
            values: rows(self.units.iter().map(|unit| unit.values.as_ref()).collect(), &range),
            facies_values: self.units.first().map_or_else(Vec::new, |unit| unit.facies_values.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_its_units_one_after_the_other() {
        let unit = |layers: usize, first: u8| {
            let grid = Grid::unit([2, 3, layers]);
            let facies = Array2::from_shape_fn((4, grid.len()), |(l, c)| first + (l + c) as u8 % 3);
            Arc::new(Ensemble { grid, facies: Some(facies), values: None, facies_values: vec![-1.0, 0.5, 2.0, 4.0] })
        };
        let (low, high) = (unit(2, 0), unit(1, 1));
        let stack = StackedEnsemble::new(Grid::unit([2, 3, 3]), vec![low.clone(), high.clone()]);
        assert_eq!(stack.units().map(|(cells, _)| cells).collect::<Vec<_>>(), [0..12, 12..18]);
        assert!(stack.units().zip([&low, &high]).all(|((_, unit), own)| Arc::ptr_eq(unit, own)), "nothing is copied");
        let whole = stack.gather(1..4);
        assert_eq!((stack.len(), whole.len(), whole.grid.len()), (4, 3, 18));
        for l in 0..3 {
            assert_eq!(stack.property(l + 1), whole.property(l));
            assert_eq!(stack.facies(l + 1).as_ref().map(|f| f.view()), whole.facies(l));
            assert_eq!(whole.property(l)[13], high.property(l + 1)[1]);
        }
    }

    #[test]
    fn x_is_fastest_and_z_slowest() {
        let grid = Grid { cells: [3, 4, 5], spacing: [1.0, 2.0, 3.0], origin: [10.0, 20.0, 30.0], plane: Plane::Xy };
        assert_eq!(grid.len(), 60);
        assert_eq!(grid.index([1, 0, 0]), 1);
        assert_eq!(grid.index([0, 1, 0]), 3);
        assert_eq!(grid.index([0, 0, 1]), 12);
        assert!((0..60).all(|c| grid.index(grid.cell(c)) == c));
        assert_eq!(grid.center([2, 3, 4]), [12.5, 27.0, 43.5]);
        assert_eq!(grid.locate([12.5, 27.0, 43.5]), Some([2, 3, 4]));
        assert_eq!(grid.locate([13.0, 28.0, 45.0]), Some([2, 3, 4]), "the far corner belongs to the last cell");
        assert_eq!(grid.locate([9.9, 21.0, 31.0]), None);
        assert_eq!(grid.shape(), [5, 4, 3]);
    }
}
