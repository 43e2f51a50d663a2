//! The exact traversal of one ray, in the form that all three implementations share.
//!
//! A ray is marched along its *long axis*: the axis on which it crosses most cells. Between two faces of that axis (a
//! *column*) it crosses at most one face of each other axis, since it is no steeper than one cell a column. Where it
//! does is known in closed form, `first + c · spacing` for crossing c, so that nothing accumulates from cell to cell
//! and the lengths of a ray telescope: their sum is the length inside the grid whatever the rounding (the parametric
//! form of Siddon 1985, *Med. Phys.* 12, 252; the marching of Amanatides and Woo 1987, *Eurographics*).
//!
//! Distances are measured along the long axis, in cells, from the point where the ray enters the grid: numbers no
//! larger than the ray itself, so that the same form serves in f32.

use crate::error::{Error, Result};
use crate::grid::Grid;

use super::Ray;

/// Farther from the grid than this many cells, a coordinate has no digits left for the cells it crosses.
const FARTHEST: f64 = 1e9;

/// The axes that are not the long one.
const ACROSS: [[usize; 2]; 3] = [[1, 2], [0, 2], [0, 1]];

/// How a ray moves along an axis that is not its long one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Minor {
    /// Distance from the entry to the first face crossed; infinite where none is.
    pub(super) first: f64,
    /// Distance between two crossings, at least 1.
    pub(super) spacing: f64,
    /// Number of faces crossed inside the grid.
    pub(super) crossings: u32,
    /// What a crossing adds to the number of the cell.
    pub(super) step: i32,
    /// What must be subtracted from a cell's number to find the neighbour that shares the ray, where the ray runs
    /// along a face inside the grid; else 0.
    pub(super) twin: u32,
}

/// The part of a ray that lies inside the grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Path {
    /// The long axis.
    pub(super) long: usize,
    /// Number of the cell in which the ray enters.
    pub(super) cell: u32,
    /// What the next column adds to the number of the cell.
    pub(super) stride: u32,
    /// Number of columns; 0 where the ray has no length inside the grid.
    pub(super) columns: u32,
    /// Distance from the entry to the first face of the long axis.
    pub(super) boundary: f64,
    /// Distance from the entry to the exit.
    pub(super) end: f64,
    /// Length of the ray for a distance of 1 \[m\].
    pub(super) scale: f64,
    /// The other two axes, in ascending order.
    pub(super) minor: [Minor; 2],
    /// Length outside of the grid \[m\].
    pub(super) outside: f64,
    /// Whether no point of the ray lies in the (closed) grid.
    pub(super) misses: bool,
}

/// A point in cells from the grid's corner. A coordinate within its own rounding error of a face lies on the face;
/// the third axis of a 2-D grid does not matter, every point is put half way through it.
pub(super) fn in_cells(grid: &Grid, point: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|a| {
        if a == 2 && grid.is_2d() {
            return 0.5;
        }
        let t = (point[a] - grid.origin[a]) / grid.spacing[a];
        let rounding = 4.0 * f64::EPSILON * ((point[a].abs() + grid.origin[a].abs()) / grid.spacing[a]).max(1.0);
        if (t - t.round()).abs() <= rounding { t.round() } else { t }
    })
}

/// A line along which distance x on the long axis meets plane y of another axis.
struct Crossing {
    at: [f64; 2],
    inverse_slope: f64,
}

impl Crossing {
    fn with(&self, plane: f64) -> f64 {
        self.at[0] + (plane - self.at[1]) * self.inverse_slope
    }
}

impl Path {
    /// Traces ray number `r`.
    pub(super) fn new(grid: &Grid, r: usize, ray: &Ray) -> Result<Self> {
        let (p, q) = (in_cells(grid, ray.source), in_cells(grid, ray.receiver));
        for (name, metres, cells) in [("source", ray.source, p), ("receiver", ray.receiver, q)] {
            let used = if grid.is_2d() { 2 } else { 3 };
            let problem = match () {
                () if metres[..used].iter().any(|x| !x.is_finite()) => "is not finite",
                () if cells.iter().any(|x| x.abs() > FARTHEST) => "lies more than 1e9 cells away from the grid",
                () => continue,
            };
            return Err(Error::input(
                format!("ray {r} (counted from 0)"),
                format!("its {name} {metres:?} {problem}"),
                "give coordinates in metres in the system of the grid's origin",
            ));
        }
        Ok(Self::between(grid, p, q))
    }

    fn between(grid: &Grid, p: [f64; 3], q: [f64; 3]) -> Self {
        let extent = |a: usize| (q[a] - p[a]).abs();
        let long = (1..3).fold(0, |best, a| if extent(a) > extent(best) { a } else { best });
        // Always upwards along the long axis: a reversed ray is the same ray, bit for bit.
        let (p, q) = if p[long] <= q[long] { (p, q) } else { (q, p) };
        let n = grid.cells.map(|n| n as f64);
        let length = (0..3).map(|a| ((q[a] - p[a]) * grid.spacing[a]).powi(2)).sum::<f64>().sqrt();
        let mut path = Self {
            long,
            cell: 0,
            stride: 0,
            columns: 0,
            boundary: 0.0,
            end: 0.0,
            scale: 0.0,
            minor: [Minor { first: f64::INFINITY, spacing: 1.0, ..Minor::default() }; 2],
            outside: length,
            misses: false,
        };
        let across = ACROSS[long];
        let (mut enter, mut exit) = (p[long].max(0.0), q[long].min(n[long]));
        let lines =
            across.map(|a| Crossing { at: [p[long], p[a]], inverse_slope: (q[long] - p[long]) / (q[a] - p[a]) });
        for (&a, line) in across.iter().zip(&lines) {
            if p[a] == q[a] {
                path.misses |= !(0.0..=n[a]).contains(&p[a]);
            } else {
                let (near, far) = (line.with(0.0), line.with(n[a]));
                enter = enter.max(near.min(far));
                exit = exit.min(near.max(far));
            }
        }
        path.misses |= enter > exit;
        if path.misses || enter == exit {
            return path;
        }
        let strides = [1, grid.cells[0], grid.cells[0] * grid.cells[1]].map(|s| s as u32);
        let column = enter.floor();
        path.stride = strides[long];
        path.columns = (exit.ceil() - column) as u32;
        path.boundary = column + 1.0 - enter;
        path.end = exit - enter;
        path.scale = length / (q[long] - p[long]);
        path.outside = (q[long] - p[long] - path.end) * path.scale;
        path.cell = column as u32 * strides[long];
        for (minor, (&a, line)) in path.minor.iter_mut().zip(across.iter().zip(&lines)) {
            let cell = if p[a] == q[a] {
                let cell = p[a].floor().min(n[a] - 1.0);
                minor.twin = if cell == p[a] && cell > 0.0 { strides[a] } else { 0 };
                cell
            } else {
                Self::enter_minor(minor, line, [enter, exit], n[a], strides[a])
            };
            path.cell += cell as u32 * strides[a];
        }
        path
    }

    /// The cell of an axis in which the ray enters at distance `enter`, and the faces that it will cross.
    fn enter_minor(minor: &mut Minor, line: &Crossing, [enter, exit]: [f64; 2], n: f64, stride: u32) -> f64 {
        let up = line.inverse_slope > 0.0;
        let mut cell = (line.at[1] + (enter - line.at[0]) / line.inverse_slope).floor().clamp(0.0, n - 1.0);
        // The position at the entry is rounded: the faces' own positions decide which cell it is.
        let (step, ahead, behind) = if up { (1.0, 1.0, 0.0) } else { (-1.0, 0.0, 1.0) };
        let inside = |cell: f64| (0.0..n).contains(&cell);
        while inside(cell + step) && line.with(cell + ahead) <= enter {
            cell += step;
        }
        while inside(cell - step) && line.with(cell + behind) > enter {
            cell -= step;
        }
        minor.first = line.with(cell + ahead) - enter;
        minor.spacing = line.inverse_slope.abs();
        minor.step = if up { stride as i32 } else { -(stride as i32) };
        let most = if up { n - 1.0 - cell } else { cell };
        minor.crossings = ((exit - enter - minor.first) / minor.spacing).ceil().clamp(0.0, most) as u32;
        cell
    }

    /// Length inside the grid \[m\].
    pub(super) fn inside(&self) -> f64 {
        self.end * self.scale
    }

    /// Number of cells that the ray crosses.
    pub(super) fn entries(&self) -> usize {
        let crossed: u32 = self.columns + self.minor.iter().map(|m| m.crossings).sum::<u32>();
        crossed as usize * self.strands().count()
    }

    /// What each of the cells that share the ray gets: 1, ½ on a face, ¼ on an edge.
    pub(super) fn share(&self) -> f64 {
        0.5f64.powi(self.minor.iter().map(|m| i32::from(m.twin > 0)).sum())
    }

    /// Offsets of the cells that share the ray: one, two along a face, four along an edge.
    pub(super) fn strands(&self) -> impl Iterator<Item = u32> + use<> {
        let [u, v] = self.minor.map(|m| m.twin);
        [(true, 0), (u > 0, u), (v > 0, v), (u > 0 && v > 0, u + v)]
            .into_iter()
            .filter_map(move |(is, offset)| is.then_some(offset))
    }

    /// Visits the cells of columns `columns` in order, with the ray's length \[m\] in each. A cell may come with length
    /// 0, which means nothing.
    #[inline(always)]
    pub(super) fn visit(&self, columns: std::ops::Range<u32>, mut visit: impl FnMut(usize, f64)) {
        let scale = self.share() * self.scale;
        for offset in self.strands() {
            self.march(offset, scale, columns.clone(), &mut visit);
        }
    }

    /// Columns outside of which the ray has no cell in planes `planes` of the grid's slowest axis, of `stride` cells a
    /// plane.
    pub(super) fn columns_in(&self, axis: usize, stride: u32, planes: std::ops::Range<u32>) -> std::ops::Range<u32> {
        let plane = self.cell / stride;
        if axis == self.long {
            let column = |plane_of: u32| plane_of.saturating_sub(plane).min(self.columns);
            return column(planes.start)..column(planes.end);
        }
        let minor = &self.minor[usize::from(ACROSS[self.long][1] == axis)];
        if minor.crossings == 0 {
            let reached = planes.contains(&plane) || minor.twin > 0 && planes.contains(&(plane - 1));
            return 0..if reached { self.columns } else { 0 };
        }
        // Planes still to cross before the ray enters the slab, and before it has left it.
        let (before, through) = if minor.step > 0 {
            (planes.start.saturating_sub(plane), planes.end.saturating_sub(plane))
        } else {
            ((plane + 1).saturating_sub(planes.end), (plane + 1).saturating_sub(planes.start))
        };
        if through == 0 || before > minor.crossings {
            return 0..0;
        }
        // A column more on both sides: rounding must not lose a cell.
        let column = |crossing: u32| ((minor.crossing(crossing - 1) - self.boundary).max(-1.0) + 1.0) as u32;
        let from = if before == 0 { 0 } else { column(before).saturating_sub(1) };
        let to = if through > minor.crossings { self.columns } else { column(through).saturating_add(2) };
        from..to.min(self.columns)
    }

    /// Distance at which column `column` ends.
    #[inline(always)]
    fn column_end(&self, column: u32) -> f64 {
        least(self.boundary + f64::from(column), self.end)
    }

    /// The state at the start of a column: distance, cell, and crossings that lie behind.
    fn at_column(&self, column: u32, offset: u32) -> (f64, i64, [u32; 2]) {
        let mut cell = i64::from(self.cell - offset) + i64::from(column) * i64::from(self.stride);
        if column == 0 {
            return (0.0, cell, [0; 2]);
        }
        let start = self.column_end(column - 1);
        let crossed = self.minor.map(|m| m.crossed_before(start));
        for (m, &c) in self.minor.iter().zip(&crossed) {
            cell += i64::from(c) * i64::from(m.step);
        }
        (start, cell, crossed)
    }

    #[inline(always)]
    fn march(&self, offset: u32, scale: f64, columns: std::ops::Range<u32>, visit: &mut impl FnMut(usize, f64)) {
        let [u, v] = self.minor;
        let (mut start, mut cell, [mut crossed_u, mut crossed_v]) = self.at_column(columns.start, offset);
        let (mut next_u, mut next_v) = (u.crossing(crossed_u), v.crossing(crossed_v));
        for column in columns {
            let end = if column + 1 == self.columns { self.end } else { self.column_end(column) };
            loop {
                let next = least(next_u, next_v);
                if next >= end {
                    break;
                }
                let place = most(next, start);
                visit(cell as usize, (place - start) * scale);
                start = place;
                if next_u <= next_v {
                    cell += i64::from(u.step);
                    crossed_u += 1;
                    next_u = u.crossing(crossed_u);
                } else {
                    cell += i64::from(v.step);
                    crossed_v += 1;
                    next_v = v.crossing(crossed_v);
                }
            }
            visit(cell as usize, (end - start) * scale);
            start = end;
            cell += i64::from(self.stride);
        }
    }
}

impl Minor {
    /// Distance of crossing `c`; infinite beyond the last.
    #[inline(always)]
    fn crossing(&self, c: u32) -> f64 {
        if c < self.crossings { self.first + f64::from(c) * self.spacing } else { f64::INFINITY }
    }

    /// Number of crossings before `distance`.
    fn crossed_before(&self, distance: f64) -> u32 {
        let mut c = ((distance - self.first) / self.spacing).clamp(0.0, f64::from(self.crossings)) as u32;
        while c > 0 && self.crossing(c - 1) >= distance {
            c -= 1;
        }
        while self.crossing(c) < distance {
            c += 1;
        }
        c
    }
}

/// The smaller of two numbers, neither NaN: one instruction, unlike `f64::min`.
#[inline(always)]
fn least(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The larger of two numbers, neither NaN.
#[inline(always)]
fn most(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}
