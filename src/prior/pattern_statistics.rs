//! Statistics of facies maps: proportions, multiple-point histograms, connectivity, indicator variograms.
//!
//! A map is `codes`, one facies a cell in the order of [`Grid::index`](crate::grid::Grid::index), on
//! `cells = [nx, ny, nz]`. They compare realizations with their training image (Boisvert, Pyrcz and Deutsch 2010; Tan,
//! Tahmasebi and Caers 2014; Renard and Allard 2013).

/// Proportion of each facies 0..`facies`; sums to one.
pub fn proportions(codes: &[u8], facies: usize) -> Vec<f64> {
    assert!(!codes.is_empty(), "a map without cells has no proportions");
    let mut counts = vec![0u64; facies];
    for &code in codes {
        counts[usize::from(code)] += 1;
    }
    counts.iter().map(|&c| c as f64 / codes.len() as f64).collect()
}

/// How often each pattern of w × h × d cells occurs in a map: distinct patterns in ascending order with their counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternHistogram {
    counts: Vec<(u128, u64)>,
    total: u64,
}

impl PatternHistogram {
    /// Counts the patterns of `size` cells that lie `spacing` cells apart, at every position where they fit.
    ///
    /// A pattern is the number whose digits to base `facies` are its codes, so that equal numbers are equal patterns:
    /// `facies` to the power w·h·d must not exceed 2¹²⁸.
    pub fn new(cells: [usize; 3], codes: &[u8], facies: usize, size: [usize; 3], spacing: usize) -> Self {
        let [nx, ny, nz] = cells;
        assert_eq!(codes.len(), nx * ny * nz, "one code a cell of {nx} x {ny} x {nz}");
        let digits = size.iter().product::<usize>();
        let bits = digits as f64 * (facies.max(2) as f64).log2();
        assert!(bits <= 128.0, "{size:?} cells of {facies} facies need {bits:.0} bits, at most 128 are there");
        let offsets: Vec<usize> = (0..digits)
            .map(|d| [d % size[0], d / size[0] % size[1], d / (size[0] * size[1])].map(|x| x * spacing))
            .map(|[x, y, z]| (z * ny + y) * nx + x)
            .collect();
        let positions: [usize; 3] = std::array::from_fn(|a| cells[a].saturating_sub((size[a] - 1) * spacing));
        let mut patterns = Vec::with_capacity(positions.iter().product());
        for k in 0..positions[2] {
            for j in 0..positions[1] {
                let row = (k * ny + j) * nx;
                for i in row..row + positions[0] {
                    let digit = |&o: &usize| u128::from(codes[i + o]);
                    patterns.push(offsets.iter().fold(0u128, |p, o| p.wrapping_mul(facies as u128) + digit(o)));
                }
            }
        }
        patterns.sort_unstable();
        let counts = patterns.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)).collect();
        Self { counts, total: patterns.len() as u64 }
    }

    /// Number of patterns counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Number of different patterns.
    pub fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// Jensen–Shannon divergence from `other` in nats, over the union of what occurs: `½ Σ p ln(p/m) + ½ Σ q ln(q/m)`,
    /// m = (p + q)/2. Zero for equal histograms, ln 2 for disjoint ones (Lin 1991).
    pub fn jensen_shannon(&self, other: &Self) -> f64 {
        assert!(self.total > 0 && other.total > 0, "a histogram without patterns has no divergence");
        let part = |p: f64, q: f64| if p > 0.0 { 0.5 * p * (2.0 * p / (p + q)).ln() } else { 0.0 };
        let (mut i, mut j, mut sum) = (0, 0, 0.0);
        while i < self.counts.len() || j < other.counts.len() {
            let a = self.counts.get(i).map_or(u128::MAX, |c| c.0);
            let b = other.counts.get(j).map_or(u128::MAX, |c| c.0);
            let left = i < self.counts.len() && (j == other.counts.len() || a <= b);
            let right = j < other.counts.len() && (i == self.counts.len() || b <= a);
            let p = if left { self.counts[i].1 as f64 / self.total as f64 } else { 0.0 };
            let q = if right { other.counts[j].1 as f64 / other.total as f64 } else { 0.0 };
            sum += part(p, q) + part(q, p);
            (i, j) = (i + usize::from(left), j + usize::from(right));
        }
        sum
    }
}

/// The connected bodies of `facies`: the number of each cell's body from 1, or 0 outside of the facies, and how many
/// bodies there are. Cells that share a face, an edge or a corner are connected (8 neighbours in 2-D, 26 in 3-D).
pub fn bodies(cells: [usize; 3], codes: &[u8], facies: u8) -> (Vec<u32>, usize) {
    let [nx, ny, nz] = cells;
    assert_eq!(codes.len(), nx * ny * nz, "one code a cell of {nx} x {ny} x {nz}");
    let (mut body, mut count, mut stack) = (vec![0u32; codes.len()], 0u32, Vec::new());
    for start in 0..codes.len() {
        if codes[start] != facies || body[start] != 0 {
            continue;
        }
        count += 1;
        body[start] = count;
        stack.push(start);
        while let Some(cell) = stack.pop() {
            let (i, j, k) = (cell % nx, cell / nx % ny, cell / (nx * ny));
            for z in k.saturating_sub(1)..(k + 2).min(nz) {
                for y in j.saturating_sub(1)..(j + 2).min(ny) {
                    for x in i.saturating_sub(1)..(i + 2).min(nx) {
                        let next = (z * ny + y) * nx + x;
                        if codes[next] == facies && body[next] == 0 {
                            body[next] = count;
                            stack.push(next);
                        }
                    }
                }
            }
        }
    }
    (body, count as usize)
}

/// Connectivity function of `facies` along an axis (0 x, 1 y, 2 z): for each lag h in cells, the probability that u and
/// u + h belong to one body, given that both are of the facies (Pardo-Igúzquiza and Dowd 2003). NaN where no pair is.
pub fn connectivity(cells: [usize; 3], codes: &[u8], facies: u8, axis: usize, lags: &[usize]) -> Vec<f64> {
    let (body, _) = bodies(cells, codes, facies);
    let both = pair_mean(cells, axis, lags, |u, v| (body[u] > 0 && body[v] > 0, f64::from(body[u] == body[v])));
    both.collect()
}

/// Indicator variogram of `facies` along an axis: for each lag h in cells, `γ(h) = ½ E[(I(u) − I(u+h))²]`, where I is 1
/// in the facies and 0 elsewhere. NaN where no pair is.
pub fn indicator_variogram(cells: [usize; 3], codes: &[u8], facies: u8, axis: usize, lags: &[usize]) -> Vec<f64> {
    let differ = |u: usize, v: usize| (codes[u] == facies) != (codes[v] == facies);
    pair_mean(cells, axis, lags, |u, v| (true, 0.5 * f64::from(differ(u, v)))).collect()
}

/// For each lag, the mean of `value` over the pairs (u, u + lag) that count: `value` answers (counts, value).
fn pair_mean(
    cells: [usize; 3],
    axis: usize,
    lags: &[usize],
    value: impl Fn(usize, usize) -> (bool, f64),
) -> impl Iterator<Item = f64> {
    let stride = cells[..axis].iter().product::<usize>();
    let n = cells.iter().product::<usize>();
    lags.iter().map(move |&lag| {
        let (mut pairs, mut sum) = (0u64, 0.0);
        for u in (0..n).filter(|u| u / stride % cells[axis] + lag < cells[axis]) {
            let (counts, x) = value(u, u + lag * stride);
            if counts {
                pairs += 1;
                sum += x;
            }
        }
        sum / pairs as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histogram_of_stripes_and_its_divergence() {
        let stripes: Vec<u8> = (0..64).map(|c| (c % 8 / 2 % 2) as u8).collect();
        let histogram = PatternHistogram::new([8, 8, 1], &stripes, 2, [2, 2, 1], 1);
        assert_eq!((histogram.total(), histogram.distinct()), (49, 4), "0000, 0101, 1111, 1010");
        assert_eq!(histogram.jensen_shannon(&histogram), 0.0);
        let zeros = PatternHistogram::new([8, 8, 1], &[0; 64], 2, [2, 2, 1], 1);
        let ones = PatternHistogram::new([8, 8, 1], &[1; 64], 2, [2, 2, 1], 1);
        assert!((zeros.jensen_shannon(&ones) - std::f64::consts::LN_2).abs() < 4.0 * f64::EPSILON);
        // p = (1), q = (1/4, 3/4) as far as the shared pattern 0000 goes: columns 0, 4 of 7 anchors hold 0000.
        let (q, m) = (2.0 / 7.0, 4.5 / 7.0);
        let expected = 0.5 * (1.0f64 / m).ln() + 0.5 * q * (q / m).ln() + 0.5 * (1.0 - q) * 2f64.ln();
        assert!((zeros.jensen_shannon(&histogram) - expected).abs() < 16.0 * f64::EPSILON);
        // Two apart, the stripes of two cells alternate: only 0101 and 1010 are left.
        assert_eq!(PatternHistogram::new([8, 8, 1], &stripes, 2, [2, 2, 1], 2).distinct(), 2);
    }

    #[test]
    fn patterns_in_three_dimensions_and_of_many_facies() {
        let codes: Vec<u8> = (0..60).map(|c| (c / 12) as u8).collect();
        let histogram = PatternHistogram::new([3, 4, 5], &codes, 5, [2, 2, 2], 1);
        assert_eq!((histogram.total(), histogram.distinct()), (2 * 3 * 4, 4), "one pattern a pair of layers");
    }

    #[test]
    fn connectivity_and_variogram_of_a_broken_line() {
        // Row 0: 1 1 0 1 1, row 1 all 0, row 2: diagonal contact does not reach row 0.
        let codes = [1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0];
        let (body, count) = bodies([5, 3, 1], &codes, 1);
        assert_eq!((count, body[0], body[1], body[3], body[12]), (3, 1, 1, 2, 3));
        // Lag 1: pairs (0,1), (3,4) connected. Lag 2: (1,3) not. Lag 3: (0,3), (1,4) not.
        assert_eq!(connectivity([5, 3, 1], &codes, 1, 0, &[1, 2, 3]), [1.0, 0.0, 0.0]);
        // Lag 1 along x: 12 pairs, differing (1,2), (2,3), (11,12), (12,13).
        assert_eq!(indicator_variogram([5, 3, 1], &codes, 1, 0, &[1]), [0.5 * 4.0 / 12.0]);
        // Diagonal neighbours are one body.
        assert_eq!(bodies([2, 2, 1], &[1, 0, 0, 1], 1).1, 1);
        assert_eq!(bodies([2, 2, 2], &[1, 0, 0, 0, 0, 0, 0, 1], 1).1, 1);
        assert_eq!(proportions(&codes, 2), [10.0 / 15.0, 5.0 / 15.0]);
    }
}
