//! What object models share: scattered sizes, and the loop that adds objects until they fill their share.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::random::{Purpose, Stream};

/// A quantity that varies from object to object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scattered {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation, in the same unit.
    pub deviation: f64,
}

impl Scattered {
    /// The quantity with mean `mean` and standard deviation `deviation`.
    pub const fn new(mean: f64, deviation: f64) -> Self {
        Self { mean, deviation }
    }

    /// A normal draw.
    pub(super) fn normal(&self, stream: &mut Stream) -> f64 {
        self.mean + self.deviation * stream.normal_pair().0
    }

    /// A log-normal draw: positive, with this mean and standard deviation.
    pub(super) fn log_normal(&self, stream: &mut Stream) -> f64 {
        let variance = (1.0 + (self.deviation / self.mean).powi(2)).ln();
        self.mean * (variance.sqrt() * stream.normal_pair().0 - variance / 2.0).exp()
    }

    /// Checks that the mean is at least `least` and the deviation not negative and at most half the mean.
    pub(super) fn check_size(&self, place: &str, name: &str, least: f64) -> Result<()> {
        check_range(place, name, self.mean, least, f64::MAX)?;
        check_range(place, &format!("scatter of {name}"), self.deviation, 0.0, self.mean / 2.0)
    }
}

/// Checks that a parameter is a number in [low, high].
pub(super) fn check_range(place: &str, name: &str, value: f64, low: f64, high: f64) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let expected = if high == f64::MAX { format!("at least {low}") } else { format!("from {low} to {high}") };
    Err(Error::input(place, format!("{name} is {value}; a number {expected} is expected"), ""))
}

/// Checks that a canvas has cells, and not more than memory holds.
pub(super) fn check_cells(place: &str, cells: [usize; 3]) -> Result<()> {
    const MOST_CELLS: usize = 1 << 28;
    let count = cells.iter().try_fold(1usize, |n, &c| n.checked_mul(c));
    if count.is_some_and(|n| (1..=MOST_CELLS).contains(&n)) {
        return Ok(());
    }
    let [nx, ny, nz] = cells;
    Err(Error::input(place, format!("{nx} x {ny} x {nz} cells; 1 to {MOST_CELLS} cells are expected"), ""))
}

/// The cells that an object covers and the code that it gives them.
pub(super) type Print = Vec<(usize, u8)>;

/// The code of what is not covered by any object.
pub(super) const BACKGROUND: u8 = 0;
/// The code of the body of an object; other codes (levees) are printed on the background only.
pub(super) const BODY: u8 = 1;

/// Places tried for each object.
const CANDIDATES: u32 = 24;
/// The share is as good as it gets when so many objects in succession find no place that improves it.
const FRUITLESS: u32 = 4;

/// Adds objects until their bodies cover the share `target` of the cells, and returns codes and objects.
///
/// Object number i draws its shape from stream (i, 0) and each candidate place c from stream (i, 1 + c). Eligible is a
/// place that brings the share nearer to the target; taken is the eligible place with the least [`Canvas::unevenness`],
/// which keeps the image stationary and objects from lying on each other. The shape is drawn before, so that the choice
/// does not favour large or small objects.
pub(super) fn fill<S: Sync, T: Send>(
    place: &str,
    cells: [usize; 3],
    target: f64,
    seed: u64,
    shape: impl Fn(u64, &mut Stream) -> S,
    put: impl Fn(&S, &mut Stream) -> (T, Print) + Sync,
) -> Result<(Vec<u8>, Vec<T>)> {
    let mut canvas = Canvas::new(cells, target);
    let mut objects = Vec::new();
    let (mut number, mut fruitless) = (0, 0);
    while fruitless < FRUITLESS {
        let shape = shape(number, &mut Stream::new(seed, Purpose::TrainingImage, number, 0));
        let candidates: Vec<_> = (1..=CANDIDATES)
            .into_par_iter()
            .map(|c| {
                let (object, print) = put(&shape, &mut Stream::new(seed, Purpose::TrainingImage, number, c));
                canvas.unevenness(&print).map(|score| (score, object, print))
            })
            .collect();
        match candidates.into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((_, object, print)) => {
                canvas.add(&print);
                objects.push(object);
                fruitless = 0;
            }
            None => fruitless += 1,
        }
        number += 1;
    }
    let reached = canvas.share();
    if (reached - target).abs() > 0.2 * target {
        let problem = format!("objects of this size cover a share of {reached:.3}, not the proportion {target}");
        return Err(Error::input(place, problem, "take a larger image or smaller objects"));
    }
    Ok((canvas.codes, objects))
}

/// Codes so far, and how much of each block of the image is covered.
struct Canvas {
    cells: [usize; 3],
    target: f64,
    codes: Vec<u8>,
    covered: Vec<usize>,
    sizes: Vec<usize>,
    largest_gain: usize,
}

impl Canvas {
    /// Blocks along x and y; along z there are at most [`Self::LAYERS`].
    const BLOCKS: usize = 6;
    const LAYERS: usize = 2;
    /// What the unevenness of quadrants counts in the end.
    const QUADRANTS: f64 = 30.0;
    /// What a cell of overlap counts.
    const OVERLAP: f64 = 1.2;
    /// A print that covers less than this share of the largest so far is a sliver; less once half the image is covered.
    const SLIVER: f64 = 0.3;

    fn new(cells: [usize; 3], target: f64) -> Self {
        let count = cells.iter().product();
        let blocks = Self::BLOCKS * Self::BLOCKS * Self::LAYERS;
        let mut canvas = Self {
            cells,
            target,
            codes: vec![BACKGROUND; count],
            covered: vec![0; blocks],
            sizes: vec![0; blocks],
            largest_gain: 0,
        };
        for cell in 0..count {
            let block = canvas.block(cell);
            canvas.sizes[block] += 1;
        }
        canvas
    }

    fn block(&self, cell: usize) -> usize {
        let [nx, ny, nz] = self.cells;
        let (i, j, k) = (cell % nx, cell / nx % ny, cell / (nx * ny));
        (k * Self::LAYERS / nz * Self::BLOCKS + j * Self::BLOCKS / ny) * Self::BLOCKS + i * Self::BLOCKS / nx
    }

    fn share(&self) -> f64 {
        self.covered.iter().sum::<usize>() as f64 / self.codes.len() as f64
    }

    /// How uneven the image is with the print added, in cells: the sum of n (share − target)² over blocks of n cells,
    /// and over quadrants, plus a part of the cells where bodies overlap. Quadrants count late, since the first objects
    /// would else all lie across the middle. `None` where the print takes the share away from the target or is a sliver.
    fn unevenness(&self, print: &Print) -> Option<f64> {
        let (mut covered, mut overlap, mut gain) = (self.covered.clone(), 0usize, 0usize);
        for &(cell, _) in print.iter().filter(|&&(_, code)| code == BODY) {
            if self.codes[cell] == BODY {
                overlap += 1;
            } else {
                covered[self.block(cell)] += 1;
                gain += 1;
            }
        }
        let share = |gain: usize| self.share() + gain as f64 / self.codes.len() as f64;
        let nearer = (share(gain) - self.target).abs() < (share(0) - self.target).abs();
        let room = (2.0 * (1.0 - share(0))).min(1.0);
        let sliver = (gain as f64) < Self::SLIVER * room * self.largest_gain as f64;
        let deviation = |c: usize, n: usize| n as f64 * (c as f64 / n.max(1) as f64 - self.target).powi(2);
        let blocks: f64 = covered.iter().zip(&self.sizes).map(|(&c, &n)| deviation(c, n)).sum();
        let (inside, sizes) = (quadrants(&covered), quadrants(&self.sizes));
        let quadrants: f64 = (0..4).map(|q| deviation(inside[q], sizes[q])).sum();
        let late = Self::QUADRANTS * (self.share() / self.target).powi(4);
        (nearer && !sliver).then_some(blocks + late * quadrants + Self::OVERLAP * overlap as f64)
    }

    fn add(&mut self, print: &Print) {
        let before: usize = self.covered.iter().sum();
        for &(cell, code) in print {
            if code == BODY && self.codes[cell] != BODY {
                let block = self.block(cell);
                self.covered[block] += 1;
            }
            if code == BODY || self.codes[cell] == BACKGROUND {
                self.codes[cell] = code;
            }
        }
        self.largest_gain = self.largest_gain.max(self.covered.iter().sum::<usize>() - before);
    }
}

/// Sums over the four quadrants of what is given by block.
fn quadrants(blocks: &[usize]) -> [usize; 4] {
    const N: usize = Canvas::BLOCKS;
    let mut sums = [0; 4];
    for (block, count) in blocks.iter().enumerate() {
        sums[block / N % N * 2 / N * 2 + block % N * 2 / N] += count;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_normal_draws_have_the_mean_and_the_scatter() {
        let mut stream = Stream::new(3, Purpose::Check, 0, 0);
        let (n, size) = (100_000, Scattered::new(10.0, 3.0));
        let draws: Vec<f64> = (0..n).map(|_| size.log_normal(&mut stream)).collect();
        let mean = draws.iter().sum::<f64>() / n as f64;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n as f64;
        assert!((mean - 10.0).abs() < 5.0 * 3.0 / (n as f64).sqrt(), "mean {mean}");
        // The fourth moment of this law gives the variance a standard error of about 2.6 · 9 / sqrt(n).
        assert!((variance - 9.0).abs() < 5.0 * 2.6 * 9.0 / (n as f64).sqrt(), "variance {variance}");
        assert!(draws.iter().all(|&d| d > 0.0));
    }

    #[test]
    fn bodies_cover_what_else_is_printed() {
        let mut canvas = Canvas::new([4, 1, 1], 0.5);
        canvas.add(&vec![(0, 1), (1, 2), (2, 2)]);
        canvas.add(&vec![(0, 2), (1, 1), (3, 2)]);
        assert_eq!(canvas.codes, [1, 1, 2, 2]);
        assert_eq!(canvas.share(), 0.5);
        assert_eq!(canvas.unevenness(&vec![(3, 1)]), None, "the target is reached");
    }
}
