//! Straight-ray travel times.

use crate::grid::Grid;

/// Straight rays: every source to every receiver, or the pairs of the data file.
#[derive(Debug, Clone, PartialEq)]
pub struct StraightRays {
    /// Sources; empty where the data file carries the survey.
    pub sources: Vec<Antennas>,
    /// Receivers; empty where the data file carries the survey.
    pub receivers: Vec<Antennas>,
    /// Slowness outside of the grid \[s/m\]; `None`: outside parts carry no travel time.
    pub background: Option<f64>,
}

/// Positions of sources or receivers.
#[derive(Debug, Clone, PartialEq)]
pub enum Antennas {
    /// `count` positions on one side of the grid, position i at `first + (i + ½)(last − first)/count` along it (halfway
    /// up in 3-D).
    Side {
        /// The side.
        side: Side,
        /// Number of positions.
        count: usize,
        /// Coordinate where the array begins \[m\].
        first: f64,
        /// Coordinate where the array ends \[m\].
        last: f64,
    },
    /// Points \[m\].
    Points(Vec<[f64; 3]>),
}

impl Antennas {
    /// Number of positions.
    pub fn count(&self) -> usize {
        match self {
            Self::Points(points) => points.len(),
            Self::Side { count, .. } => *count,
        }
    }

    /// The positions \[m\].
    pub fn positions(&self, grid: &Grid) -> Vec<[f64; 3]> {
        match self {
            Self::Points(points) => points.clone(),
            Self::Side { side, count, first, last } => {
                let (low, size) = (grid.origin, grid.size());
                (0..*count)
                    .map(|i| {
                        let t = first + (i as f64 + 0.5) * (last - first) / *count as f64;
                        let middle = low[2] + 0.5 * size[2];
                        match side {
                            Side::Left => [low[0], t, middle],
                            Side::Right => [low[0] + size[0], t, middle],
                            Side::Low => [t, low[1], middle],
                            Side::High => [t, low[1] + size[1], middle],
                        }
                    })
                    .collect()
            }
        }
    }
}

/// A side of the grid; "top" and "bottom" of the file depend on the plane (the top of a map is its largest y, the top
/// of a section its least depth).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Least x.
    Left,
    /// Largest x.
    Right,
    /// Least second coordinate: the bottom of a map, the top of a section.
    Low,
    /// Largest second coordinate: the top of a map, the bottom of a section.
    High,
}
