//! Surveys that need no list: arrays of sources and receivers on the sides of the grid.

use crate::grid::Grid;

use super::Ray;

/// A side of the grid. In a section the second axis is depth: its top is [`Side::YMin`], in a map it is
/// [`Side::YMax`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// x smallest: the left side.
    XMin,
    /// x largest: the right side.
    XMax,
    /// y smallest.
    YMin,
    /// y largest.
    YMax,
    /// z smallest: the bottom of a block.
    ZMin,
    /// z largest: the top of a block.
    ZMax,
}

impl Side {
    fn axis_and_end(self) -> (usize, f64) {
        match self {
            Self::XMin => (0, 0.0),
            Self::XMax => (0, 1.0),
            Self::YMin => (1, 0.0),
            Self::YMax => (1, 1.0),
            Self::ZMin => (2, 0.0),
            Self::ZMax => (2, 1.0),
        }
    }

    /// `count[0] × count[1]` points at (i + ½)/count of the side's two axes, the first of them fastest.
    fn points(self, grid: &Grid, count: [usize; 2]) -> Vec<[f64; 3]> {
        let (fixed, end) = self.axis_and_end();
        let [u, v] = [[1, 2], [0, 2], [0, 1]][fixed];
        let size = grid.size();
        let along = |a: usize, i: usize, n: usize| grid.origin[a] + (i as f64 + 0.5) * size[a] / n as f64;
        let mut points = Vec::with_capacity(count[0] * count[1]);
        for j in 0..count[1] {
            for i in 0..count[0] {
                let mut point = [0.0; 3];
                point[fixed] = grid.origin[fixed] + end * size[fixed];
                point[u] = along(u, i, count[0]);
                point[v] = along(v, j, count[1]);
                points.push(point);
            }
        }
        points
    }
}

/// A crosshole array: a ray from every source on side `sides[0]` to every receiver on side `sides[1]`, sources slowest.
///
/// `sources` and `receivers` count the points along the two axes of their side, in the order x, y, z: `[8, 1]` is eight
/// in a borehole of a 2-D grid, `[8, 8]` an array on a face of a block. Point i of n lies at (i + ½)·size/n.
pub fn crosshole(grid: &Grid, sources: [usize; 2], receivers: [usize; 2], sides: [Side; 2]) -> Vec<Ray> {
    let receivers = sides[1].points(grid, receivers);
    let rays_of = |source| receivers.iter().map(move |&receiver| Ray { source, receiver });
    sides[0].points(grid, sources).into_iter().flat_map(rays_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Plane;

    #[test]
    fn sources_and_receivers_face_each_other() {
        let grid = Grid { cells: [4, 5, 1], spacing: [2.0, 3.0, 1.0], origin: [10.0, 20.0, 0.0], plane: Plane::Xz };
        let rays = crosshole(&grid, [3, 1], [2, 1], [Side::XMin, Side::XMax]);
        assert_eq!(rays.len(), 6);
        assert_eq!(rays[0], Ray { source: [10.0, 22.5, 0.5], receiver: [18.0, 23.75, 0.5] });
        assert_eq!(rays[5], Ray { source: [10.0, 32.5, 0.5], receiver: [18.0, 31.25, 0.5] });
        let down = crosshole(&grid, [2, 1], [1, 1], [Side::YMin, Side::YMax]);
        assert_eq!(down[1], Ray { source: [16.0, 20.0, 0.5], receiver: [14.0, 35.0, 0.5] });
    }

    #[test]
    fn an_array_on_a_block_has_two_counts() {
        let grid = Grid { cells: [4, 6, 8], spacing: [1.0; 3], origin: [0.0; 3], plane: Plane::Xy };
        let rays = crosshole(&grid, [3, 2], [1, 1], [Side::ZMin, Side::ZMax]);
        assert_eq!(rays.len(), 6);
        assert_eq!(rays[1], Ray { source: [2.0, 1.5, 0.0], receiver: [2.0, 3.0, 8.0] });
        assert_eq!(rays[3].source, [4.0 / 6.0, 4.5, 0.0]);
    }
}
