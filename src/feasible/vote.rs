//! Aggregation: every matched window votes for every cell that it covers.

use ndarray::Array2;
use rayon::prelude::*;

use super::learning_set::LearningSet;
use super::nearest::Matches;
use super::template::Stencil;

/// How the labels of the matched windows become a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aggregation {
    /// Every window votes for every cell that it covers. A cell takes its most frequent facies (of equals the one
    /// nearest to θ), or the mean of the values.
    #[default]
    Votes,
    /// The mean of the values, each with the weight `1 / (d² + 10⁻³ s²)`: d is the distance of its match, s² the mean
    /// squared distance between two windows of the learning set. Values only.
    WeightedMean,
    /// The fullest bin of the votes' histogram (of equals the one nearest to θ), with as many bins between the smallest
    /// and the largest label; the cell takes the mean of all labels in that bin. Values only, at most 256 bins.
    Mode {
        /// Number of bins.
        bins: usize,
    },
    /// No aggregation: a cell listens to the one window whose centre is nearest to it (its own, where it is a centre;
    /// of equals the first), as at the border, where no window has its centre.
    Centre,
}

/// Which windows a cell hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Audience {
    /// All that cover it.
    All,
    /// One: its number among the origins, by cell; `u32::MAX` where none covers the cell.
    One(Vec<u32>),
}

impl Audience {
    /// For every cell the window, among those that cover it, whose centre is nearest.
    pub(super) fn centres(stencil: &Stencil, origins: &[u32]) -> Self {
        let grid = stencil.grid();
        let mut best = vec![(usize::MAX, u32::MAX); grid.len()];
        for (query, &origin) in origins.iter().enumerate() {
            let centre = stencil.centre(origin);
            for cell in stencil.ranges(origin).flatten() {
                let at = grid.cell(cell);
                let distance2: usize = (0..3).map(|a| at[a].abs_diff(centre[a]).pow(2)).sum();
                if distance2 < best[cell].0 {
                    best[cell] = (distance2, query as u32);
                }
            }
        }
        Self::One(best.into_iter().map(|b| b.1).collect())
    }
}

/// Everything that votes are counted from.
pub(super) struct Ballot<'a> {
    pub(super) set: &'a LearningSet,
    pub(super) origins: &'a [u32],
    pub(super) matches: &'a Matches,
    pub(super) audience: &'a Audience,
}

/// Rows of cells that one task counts: a band is small enough for the cache and large enough to be worth a task.
const BAND_CELLS: usize = 4096;

impl Ballot<'_> {
    /// Votes by code, K × n, for labels `codes` of the learning set's images.
    pub(super) fn count(&self, codes: &[u8], kinds: usize) -> Array2<u32> {
        let bands = self.bands(|band| match self.audience {
            Audience::All => self.count_band(codes, kinds, band),
            Audience::One(windows) => self.count_single(codes, kinds, band, windows),
        });
        let n = self.set.stencil().grid().len();
        let mut votes = Array2::zeros((kinds, n));
        for (first, counts) in bands {
            let cells = counts.len() / kinds;
            for kind in 0..kinds {
                let target =
                    &mut votes.as_slice_mut().expect("a fresh array is contiguous")[kind * n + first..][..cells];
                target.copy_from_slice(&counts[kind * cells..][..cells]);
            }
        }
        votes
    }

    /// Mean of the values that reach each cell, weighted where `weight` of a match's cost is given; NaN where none does.
    pub(super) fn mean(&self, values: &[f32], weight: Option<&(dyn Fn(f64) -> f64 + Sync)>) -> Vec<f64> {
        let bands = self.bands(|band| {
            let mut sums = vec![(0.0, 0.0); band.len()];
            self.visit(&band, |query, cells, offset| {
                for (j, &reference) in self.matches.of(query).iter().enumerate() {
                    let w = weight.map_or(1.0, |weight| weight(self.matches.costs(query)[j]));
                    let labels = &values[self.set.start(reference as usize) + offset..][..cells.len()];
                    for (cell, &label) in cells.clone().zip(labels) {
                        if self.hears(cell, query) {
                            let sum = &mut sums[cell - band.start];
                            *sum = (sum.0 + w * f64::from(label), sum.1 + w);
                        }
                    }
                }
            });
            sums
        });
        bands.into_iter().flat_map(|(_, sums)| sums).map(|(sum, weight)| sum / weight).collect()
    }

    fn hears(&self, cell: usize, query: usize) -> bool {
        match self.audience {
            Audience::All => true,
            Audience::One(windows) => windows[cell] as usize == query,
        }
    }

    /// Runs `work` on bands of whole rows, in parallel; bands come back in order with their first cell.
    fn bands<T: Send>(&self, work: impl Fn(std::ops::Range<usize>) -> Vec<T> + Sync) -> Vec<(usize, Vec<T>)> {
        let grid = self.set.stencil().grid();
        let row = grid.cells[0];
        let step = BAND_CELLS.div_ceil(row) * row;
        let bands: Vec<_> = (0..grid.len()).step_by(step).collect();
        bands.into_par_iter().map(|first| (first, work(first..(first + step).min(grid.len())))).collect()
    }

    /// Calls `visit(query, cells, offset)` for every run of every window inside the band; offset is the run's.
    fn visit(&self, band: &std::ops::Range<usize>, mut visit: impl FnMut(usize, std::ops::Range<usize>, usize)) {
        let runs = self.set.stencil().runs();
        for (query, &origin) in self.origins.iter().enumerate() {
            let origin = origin as usize;
            let first = runs.partition_point(|run| origin + run.offset < band.start);
            for run in runs[first..].iter().take_while(|run| origin + run.offset < band.end) {
                let start = origin + run.offset;
                visit(query, start..start + run.length, run.offset);
            }
        }
    }

    fn count_single(&self, codes: &[u8], kinds: usize, band: std::ops::Range<usize>, windows: &[u32]) -> Vec<u32> {
        let mut counts = vec![0; kinds * band.len()];
        for cell in band.clone() {
            let query = windows[cell] as usize;
            if query < self.origins.len() {
                for &reference in self.matches.of(query) {
                    let label = codes[self.set.start(reference as usize) + cell - self.origins[query] as usize];
                    counts[usize::from(label) * band.len() + cell - band.start] += 1;
                }
            }
        }
        counts
    }

    /// Votes of one band, K × cells. All but the first kind are counted; the first has what is left of all votes.
    fn count_band(&self, codes: &[u8], kinds: usize, band: std::ops::Range<usize>) -> Vec<u32> {
        let cells = band.len();
        let mut counts = vec![0u32; kinds * cells];
        let mut few = vec![0u8; self.set.stencil().grid().cells[0]];
        self.visit(&band, |query, run, offset| {
            let at = run.start - band.start;
            let references = self.matches.of(query);
            for cell in &mut counts[at..at + run.len()] {
                *cell += references.len() as u32;
            }
            // A byte holds the votes of 255 windows.
            for references in references.chunks(255) {
                for kind in 1..kinds {
                    let few = &mut few[..run.len()];
                    few.fill(0);
                    for &reference in references {
                        let labels = &codes[self.set.start(reference as usize) + offset..][..run.len()];
                        tally(few, labels, kind as u8);
                    }
                    for (count, &few) in counts[kind * cells + at..].iter_mut().zip(&*few) {
                        *count += u32::from(few);
                    }
                }
            }
        });
        let (first, others) = counts.split_at_mut(cells);
        for other in others.chunks(cells) {
            first.iter_mut().zip(other).for_each(|(first, other)| *first -= other);
        }
        counts
    }
}

#[inline]
fn tally(few: &mut [u8], labels: &[u8], kind: u8) {
    for (few, &label) in few.iter_mut().zip(labels) {
        *few += u8::from(label == kind);
    }
}

/// The most frequent code of a cell; of equals the one whose value is nearest to `theta`, then the lowest. `None`
/// without votes.
pub(super) fn winner(votes: impl Iterator<Item = u32>, values: &[f64], theta: f64) -> Option<usize> {
    let mut best: Option<(usize, u32)> = None;
    for (code, votes) in votes.enumerate().filter(|(_, votes)| *votes > 0) {
        let nearer = |other: usize| (values[code] - theta).abs() < (values[other] - theta).abs();
        if best.is_none_or(|(other, most)| votes > most || (votes == most && nearer(other))) {
            best = Some((code, votes));
        }
    }
    best.map(|b| b.0)
}

/// The facies whose value is nearest to each cell of θ, the lower code of equals: what a map without patterns does.
pub fn threshold(theta: ndarray::ArrayView1<'_, f64>, facies_values: &[f64]) -> Vec<u8> {
    let nearest = |theta: f64| {
        let distance = |code: &usize| (facies_values[*code] - theta).abs();
        (0..facies_values.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))
    };
    theta.iter().map(|&theta| nearest(theta).unwrap_or(0) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_facies_nearest_to_theta() {
        let values = [0.0, 1.0, 2.0];
        let of = |votes: [u32; 3], theta| winner(votes.into_iter(), &values, theta);
        assert_eq!(of([3, 4, 2], 0.0), Some(1), "the most votes, however far");
        assert_eq!(of([4, 1, 4], 1.8), Some(2));
        assert_eq!(of([4, 1, 4], 0.2), Some(0));
        assert_eq!(of([4, 1, 4], 1.0), Some(0), "as near: the lowest");
        assert_eq!(of([0, 0, 0], 1.0), None);
    }

    #[test]
    fn thresholding_takes_the_nearest_value() {
        let theta = ndarray::arr1(&[-1.0, 0.4, 0.5, 0.6, 9.0]);
        assert_eq!(threshold(theta.view(), &[0.0, 1.0]), [0, 0, 0, 1, 1]);
        assert_eq!(threshold(theta.view(), &[1.0, 0.0]), [1, 1, 0, 0, 0]);
    }
}
