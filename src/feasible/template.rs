//! Templates: the shape of a window, and the windows that a grid admits.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::random::Stream;

const PLACE: &str = "feasible.window";

/// The shape of a window: some cells of a bounding box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    size: [usize; 3],
    cells: Vec<[usize; 3]>,
}

impl Template {
    /// Every cell of a box of `size` cells along x, y, z; one layer is a rectangle.
    ///
    /// # Errors
    /// Where an axis has no cell.
    pub fn cuboid(size: [usize; 3]) -> Result<Self> {
        Self::from_fn(size, |_| true)
    }

    /// The cells of one layer whose centres lie within `radius` cells of the middle one.
    ///
    /// # Errors
    /// Where the radius is negative or not finite.
    pub fn disk(radius: f64) -> Result<Self> {
        let side = side(radius)?;
        Self::from_fn([side, side, 1], |[i, j, _]| squares([i, j], side / 2) <= radius * radius)
    }

    /// The cells whose centres lie within `radius` cells of the middle one.
    ///
    /// # Errors
    /// Where the radius is negative or not finite.
    pub fn ball(radius: f64) -> Result<Self> {
        let side = side(radius)?;
        Self::from_fn([side; 3], |cell| squares(cell, side / 2) <= radius * radius)
    }

    /// The cells of a box of `size` cells where `mask`, x fastest, is true.
    ///
    /// # Errors
    /// Where the mask has another number of entries than the box has cells, or holds no cell.
    pub fn mask(size: [usize; 3], mask: &[bool]) -> Result<Self> {
        let cells: usize = size.iter().product();
        if mask.len() != cells {
            let problem = format!("the mask has {} entries, its box {cells} cells", mask.len());
            return Err(Error::input(PLACE, problem, "give one entry a cell, x fastest"));
        }
        Self::from_fn(size, |[i, j, k]| mask[(k * size[1] + j) * size[0] + i])
    }

    fn from_fn(size: [usize; 3], inside: impl Fn([usize; 3]) -> bool) -> Result<Self> {
        let layers = (0..size[2]).flat_map(|k| (0..size[1]).map(move |j| (k, j)));
        let all = layers.flat_map(|(k, j)| (0..size[0]).map(move |i| [i, j, k]));
        let cells: Vec<_> = all.filter(|&cell| inside(cell)).collect();
        if cells.is_empty() {
            let problem = format!("a template in a box of {} x {} x {} cells holds no cell", size[0], size[1], size[2]);
            return Err(Error::input(PLACE, problem, "give at least one cell along each axis"));
        }
        Ok(Self { size, cells })
    }

    /// `count` of the cells, chosen at random, in the same bounding box.
    pub fn subset(&self, count: usize, stream: &mut Stream) -> Self {
        let mut cells = self.cells.clone();
        stream.shuffle(&mut cells);
        cells.truncate(count.max(1));
        cells.sort_unstable_by_key(|&[i, j, k]| [k, j, i]);
        Self { size: self.size, cells }
    }

    /// Number of cells along x, y, z of the bounding box.
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// Number of cells n_w.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is no cell: never, since no constructor makes such a template.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The middle cell of the bounding box: the lower of the middle ones where the box is even.
    pub fn centre(&self) -> [usize; 3] {
        self.size.map(|s| (s - 1) / 2)
    }
}

fn side(radius: f64) -> Result<usize> {
    if !(0.0..1e6).contains(&radius) {
        let problem = format!("the radius is {radius}, expected a number of cells from 0");
        return Err(Error::input(PLACE, problem, "give the radius in cells"));
    }
    Ok(2 * radius as usize + 1)
}

fn squares<const D: usize>(cell: [usize; D], middle: usize) -> f64 {
    cell.iter().map(|&c| (c as f64 - middle as f64).powi(2)).sum()
}

/// A stretch of cells of a window that follow each other along x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Number of its first cell in the grid, counted from the window's origin.
    pub offset: usize,
    /// Number of cells.
    pub length: usize,
}

/// A template on a grid: the windows that lie inside of it. A window is named by its *origin*, the number of the grid's
/// cell at the first corner of the bounding box.
#[derive(Debug, Clone, PartialEq)]
pub struct Stencil {
    grid: Grid,
    template: Template,
    runs: Vec<Run>,
    positions: [usize; 3],
}

impl Stencil {
    /// Lays a template on a grid.
    ///
    /// # Errors
    /// Where the template is larger than the grid along an axis.
    pub fn new(template: &Template, grid: Grid) -> Result<Self> {
        let size = template.size;
        for axis in 0..3 {
            if size[axis] > grid.cells[axis] {
                let problem = format!(
                    "the template has {} x {} x {} cells, the grid (or zone) {} x {} x {}",
                    size[0], size[1], size[2], grid.cells[0], grid.cells[1], grid.cells[2]
                );
                return Err(Error::input(PLACE, problem, "give a template that fits into the grid"));
            }
        }
        let mut runs: Vec<Run> = Vec::new();
        let mut before = None;
        for &[i, j, k] in &template.cells {
            match runs.last_mut() {
                Some(run) if i > 0 && before == Some([i - 1, j, k]) => run.length += 1,
                _ => runs.push(Run { offset: grid.index([i, j, k]), length: 1 }),
            }
            before = Some([i, j, k]);
        }
        let positions = std::array::from_fn(|a| grid.cells[a] - size[a] + 1);
        Ok(Self { grid, template: template.clone(), runs, positions })
    }

    /// The grid.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// The template.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The cells of a window as runs, in the order of the cells.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Number of cells of a window n_w.
    pub fn len(&self) -> usize {
        self.template.len()
    }

    /// Whether a window has no cell: never.
    pub fn is_empty(&self) -> bool {
        self.template.is_empty()
    }

    /// Number of windows inside the grid.
    pub fn windows(&self) -> usize {
        self.positions.iter().product()
    }

    /// Number of origins along x, y, z.
    pub(super) fn positions(&self) -> [usize; 3] {
        self.positions
    }

    /// The origin of window `number` of [`Stencil::windows`].
    pub fn origin(&self, number: usize) -> u32 {
        let [px, py, _] = self.positions;
        self.grid.index([number % px, number / px % py, number / (px * py)]) as u32
    }

    /// Whether a window with this origin lies inside the grid.
    pub fn admits(&self, origin: [isize; 3]) -> bool {
        (0..3).all(|a| origin[a] >= 0 && (origin[a] as usize) < self.positions[a])
    }

    /// The cell at the centre of a window.
    pub fn centre(&self, origin: u32) -> [usize; 3] {
        let (at, centre) = (self.grid.cell(origin as usize), self.template.centre());
        std::array::from_fn(|a| at[a] + centre[a])
    }

    /// Whether the window at `origin` holds `cell`, both numbers in the grid.
    pub fn holds(&self, origin: u32, cell: usize) -> bool {
        cell.checked_sub(origin as usize).is_some_and(|offset| {
            let last = self.runs.partition_point(|run| run.offset <= offset);
            last > 0 && offset < self.runs[last - 1].offset + self.runs[last - 1].length
        })
    }

    /// Origins of the admissible windows that hold a cell.
    pub fn windows_over(&self, cell: usize) -> impl Iterator<Item = u32> + '_ {
        let at = self.grid.cell(cell).map(|c| c as isize);
        self.template.cells.iter().filter_map(move |inside| {
            let origin: [isize; 3] = std::array::from_fn(|a| at[a] - inside[a] as isize);
            self.admits(origin).then(|| self.grid.index(origin.map(|o| o as usize)) as u32)
        })
    }

    /// The cells of the window at `origin` as ranges of the grid's cells.
    pub fn ranges(&self, origin: u32) -> impl Iterator<Item = Range<usize>> + '_ {
        self.runs.iter().map(move |run| {
            let first = origin as usize + run.offset;
            first..first + run.length
        })
    }

    /// For every cell the cell that it takes its votes from: itself where an admissible window holds it, else the
    /// nearest cell that one holds (the lowest number of equals). A disk inside the grid never reaches the corners.
    pub fn voters(&self) -> Vec<u32> {
        let mut held = vec![false; self.grid.len()];
        for window in 0..self.windows() {
            self.ranges(self.origin(window)).for_each(|cells| held[cells].fill(true));
        }
        (0..self.grid.len())
            .map(|cell| if held[cell] { cell as u32 } else { nearest_held(&self.grid, &held, cell) })
            .collect()
    }
}

/// The nearest cell that is `held`, by squared distance in cells, then by number: looked for in growing boxes, until no
/// cell outside of the box can be nearer.
fn nearest_held(grid: &Grid, held: &[bool], cell: usize) -> u32 {
    let at = grid.cell(cell);
    let furthest = grid.cells.iter().max().copied().unwrap_or(0);
    let mut best: Option<(usize, usize)> = None;
    for reach in 1..=furthest {
        let [x, y, z]: [Range<usize>; 3] =
            std::array::from_fn(|a| at[a].saturating_sub(reach)..(at[a] + reach + 1).min(grid.cells[a]));
        for other in z.flat_map(|k| y.clone().map(move |j| (j, k))).flat_map(|(j, k)| x.clone().map(move |i| [i, j, k]))
        {
            let number = grid.index(other);
            let distance2 = (0..3).map(|a| at[a].abs_diff(other[a]).pow(2)).sum();
            if held[number] && best.is_none_or(|best| (distance2, number) < best) {
                best = Some((distance2, number));
            }
        }
        if best.is_some_and(|best| best.0 <= reach * reach) {
            break;
        }
    }
    best.map_or(cell, |best| best.1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn templates_have_the_cells_that_geometry_says() {
        assert_eq!(Template::cuboid([3, 4, 5]).unwrap().len(), 60);
        assert_eq!(Template::disk(1.0).unwrap().len(), 5);
        assert_eq!(Template::disk(5.0).unwrap().len(), 81);
        assert_eq!(Template::ball(1.0).unwrap().len(), 7);
        assert_eq!(Template::disk(0.0).unwrap().len(), 1);
        assert_eq!(Template::cuboid([4, 5, 1]).unwrap().centre(), [1, 2, 0], "the lower of the middle indices");
    }

    #[test]
    fn templates_without_cells_and_larger_than_the_grid_are_refused() {
        assert!(Template::cuboid([3, 0, 1]).is_err());
        assert!(Template::disk(-1.0).is_err() && Template::disk(f64::NAN).is_err());
        assert!(Template::mask([2, 2, 1], &[true; 3]).is_err() && Template::mask([2, 2, 1], &[false; 4]).is_err());
        let error = Stencil::new(&Template::cuboid([4, 9, 1]).unwrap(), Grid::unit([8, 8, 1])).unwrap_err();
        assert!(error.to_string().contains("4 x 9 x 1") && error.exit_code() == 2, "{error}");
    }

    #[test]
    fn runs_are_the_cells_in_their_order() {
        let mask = [true, true, false, false, true, true, true, false, true, true, false, false];
        let template = Template::mask([3, 2, 2], &mask).unwrap();
        let stencil = Stencil::new(&template, Grid::unit([3, 4, 5])).unwrap();
        let cells: Vec<_> = stencil.ranges(0).flatten().collect();
        let expected: Vec<_> = (0..12).filter(|&c| mask[c]).map(|c| c % 3 + 3 * (c / 3 % 2) + 12 * (c / 6)).collect();
        assert_eq!(cells, expected);
        assert_eq!(stencil.runs().len(), 5, "a run never wraps from one row into the next");
        assert_eq!(stencil.windows(), 12);
    }

    #[test]
    fn the_windows_over_a_cell_are_those_that_hold_it() {
        let stencil = Stencil::new(&Template::disk(2.0).unwrap(), Grid::unit([7, 6, 1])).unwrap();
        for cell in 0..42 {
            let mut over: Vec<_> = stencil.windows_over(cell).collect();
            over.sort_unstable();
            let all = (0..stencil.windows()).map(|w| stencil.origin(w));
            assert_eq!(over, all.filter(|&o| stencil.holds(o, cell)).collect::<Vec<_>>());
        }
        assert!(stencil.windows_over(0).next().is_none());
        assert_eq!(stencil.voters()[0], 8, "the corner takes the votes of the nearest cell that a disk holds");
    }

    #[test]
    fn a_subset_keeps_the_box() {
        let template = Template::cuboid([6, 6, 1]).unwrap();
        let subset = template.subset(7, &mut Stream::new(3, Purpose::LearningSet, 0, 0));
        assert_eq!((subset.len(), subset.size()), (7, [6, 6, 1]));
    }
}
