//! Exact k nearest windows: a small product of points bounds every distance from below, and only what the bound leaves
//! is compared cell by cell.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::components::{Components, Points};
use super::distance::squared_distance;
use super::hard_data::Penalty;
use super::learning_set::LearningSet;
use super::template::Stencil;

/// Windows of the map that one task matches at once.
const QUERIES: usize = 32;
/// Windows of the learning set that are bounded at once.
const TILE: usize = 4096;
/// The same where whole windows are multiplied, and the cells of one product.
const DENSE_QUERIES: usize = 128;
const DENSE_TILE: usize = 256;
const DENSE_CHUNK: usize = 512;
/// Where more than one in so many windows of a tile survives its bound, products of whole windows are cheaper.
const DENSE_ABOVE: usize = 8;
/// Half the distance from 1 to the next f32.
const EPS32: f64 = f32::EPSILON as f64 / 2.0;
/// Relative slack for the rounding of distances summed in f64: enough for 10⁶ cells.
const SLACK: f64 = 1.0 + 1e-9;

/// What the terms of a product lose at most where they underflow.
const UNDERFLOW: f64 = 1e6 * f32::MIN_POSITIVE as f64;

/// How windows are described for matching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Description {
    /// By all of their cells: exact.
    #[default]
    Cells,
    /// By so many of their cells, chosen at random once: an approximation.
    Subset {
        /// Number of cells.
        cells: usize,
    },
    /// By their projections on so many leading components of the learning set alone: an approximation.
    Projection {
        /// Number of components.
        components: usize,
    },
}

/// The k nearest windows of the learning set for every origin, from the nearest on.
#[derive(Debug, Clone, PartialEq)]
pub struct Matches {
    /// k.
    pub neighbours: usize,
    /// Numbers of windows of the learning set, k an origin.
    pub index: Vec<u32>,
    /// Squared distances, plus what contradicted hard data cost, k an origin.
    pub cost: Vec<f64>,
}

impl Matches {
    /// The neighbours of origin number `query`.
    pub fn of(&self, query: usize) -> &[u32] {
        &self.index[query * self.neighbours..][..self.neighbours]
    }

    /// The costs of origin number `query`.
    pub fn costs(&self, query: usize) -> &[f64] {
        &self.cost[query * self.neighbours..][..self.neighbours]
    }
}

/// A learning set made ready for matching: once for many maps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Index {
    /// The cells that are compared.
    pub(super) stencil: Stencil,
    pub(super) components: Components,
    /// Points of the learning set, and with `−‖â‖²/2` behind each: what the product of bounds takes.
    pub(super) points: Points,
    rows: Vec<f32>,
    pub(super) largest_norm2: f64,
    pub(super) largest_error: f64,
    /// Whether points alone decide.
    pub(super) points_alone: bool,
}

/// A window of the map, on its way to its matches.
struct Query<'a> {
    image: &'a [f32],
    point: &'a [f32],
    norm2: f64,
    error: f64,
    covered: Vec<(usize, f64)>,
    best: Best,
}

/// The k cheapest so far, ties by number.
struct Best {
    neighbours: usize,
    kept: Vec<(f64, u32)>,
}

impl Best {
    fn limit(&self) -> f64 {
        if self.kept.len() < self.neighbours { f64::INFINITY } else { self.kept[self.neighbours - 1].0 }
    }

    fn offer(&mut self, cost: f64, number: u32) {
        let at = self.kept.partition_point(|kept| (kept.0, kept.1) < (cost, number));
        if at < self.neighbours {
            self.kept.truncate(self.neighbours - 1);
            self.kept.insert(at, (cost, number));
        }
    }
}

impl Index {
    /// Learns components and describes every window of the learning set by them.
    pub(super) fn prepare(stencil: Stencil, set: &LearningSet, components: usize, points_alone: bool) -> Self {
        let components = Components::learn(&stencil, set, components);
        let mut points = components.describe(&stencil, set.len(), |number| set.features(number));
        let width = components.width();
        if points_alone {
            forget_residuals(&mut points, width);
        }
        let norms: Vec<f64> = points.coordinates.chunks(width).map(squared_norm).collect();
        let rows = points.coordinates.chunks(width).zip(&norms);
        let rows = rows.flat_map(|(point, norm2)| point.iter().copied().chain([(-0.5 * norm2) as f32])).collect();
        Self {
            largest_norm2: norms.iter().chain(&points.norm2).fold(0.0, |a: f64, &b| a.max(b)),
            largest_error: points.error.iter().fold(0.0, |a: f64, &b| a.max(b)),
            stencil,
            components,
            points,
            rows,
            points_alone,
        }
    }

    /// The point of window `number`, with `−‖â‖²/2` behind it.
    pub(super) fn row(&self, number: usize) -> &[f32] {
        let width = self.components.width() + 1;
        &self.rows[number * width..][..width]
    }

    /// The k windows that cost least at each origin of `theta`.
    pub(super) fn nearest(
        &self,
        set: &LearningSet,
        theta: &[f32],
        origins: &[u32],
        neighbours: usize,
        penalty: &Penalty,
    ) -> Matches {
        assert!(neighbours <= set.len(), "{neighbours} neighbours of {} windows", set.len());
        let width = self.components.width();
        let image = |query: usize| &theta[origins[query] as usize..];
        let mut points = self.components.describe(&self.stencil, origins.len(), image);
        if self.points_alone {
            forget_residuals(&mut points, width);
        }
        let mut queries: Vec<Query<'_>> = (0..origins.len())
            .map(|q| Query {
                image: image(q),
                point: &points.coordinates[q * width..][..width],
                norm2: points.norm2[q],
                error: points.error[q],
                covered: penalty.covered(set.stencil(), origins[q]),
                best: Best { neighbours, kept: Vec::with_capacity(neighbours + 1) },
            })
            .collect();
        let pruned: Vec<bool> =
            queries.par_chunks_mut(QUERIES).map(|block| self.match_by_points(set, block, penalty)).collect();
        let mut left: Vec<&mut Query<'_>> = queries
            .chunks_mut(QUERIES)
            .zip(&pruned)
            .filter(|(_, pruned)| !**pruned)
            .flat_map(|(block, _)| block)
            .collect();
        left.par_chunks_mut(DENSE_QUERIES).for_each(|block| self.match_by_windows(set, block, penalty));
        let kept = queries.iter().flat_map(|query| &query.best.kept);
        let (cost, index) = kept.copied().unzip();
        Matches { neighbours, index, cost }
    }

    /// Matches a block of windows by the bounds of points. Gives up, with `false`, where these do not prune.
    fn match_by_points(&self, set: &LearningSet, queries: &mut [Query<'_>], penalty: &Penalty) -> bool {
        let width = self.components.width() + 1;
        let points: Vec<f32> = queries.iter().flat_map(|q| q.point.iter().copied().chain([1.0])).collect();
        let points = MatRef::from_column_major_slice(&points, width, queries.len());
        let mut products = vec![0.0f32; TILE.min(set.len()) * queries.len()];
        let mut compared = 0;
        for (tile, rows) in self.rows.chunks(TILE * width).enumerate() {
            let count = rows.len() / width;
            let rows = MatRef::from_row_major_slice(rows, count, width);
            let products = &mut products[..count * queries.len()];
            let target = MatMut::from_column_major_slice_mut(products, count, queries.len());
            matmul(target, Accum::Replace, rows, points, 1.0f32, Par::Seq);
            for (query, products) in queries.iter_mut().zip(products.chunks_mut(count)) {
                let norm2 = squared_norm(query.point);
                let bound = Bound {
                    norm2,
                    error: if self.points_alone { 0.0 } else { query.error + self.largest_error },
                    rounding: (width + 4) as f64 * EPS32 * (norm2 + 2.0 * self.largest_norm2),
                };
                compared += self.sift(set, query, penalty, products, tile * TILE, &bound);
            }
            let seen = (tile * TILE + count) * queries.len();
            if !self.points_alone
                && compared > seen / DENSE_ABOVE
                && compared > 8 * queries.len() * queries[0].best.neighbours
            {
                queries.iter_mut().for_each(|query| query.best.kept.clear());
                return false;
            }
        }
        true
    }

    /// Matches a block of windows by products of whole windows: the expanded form with its rounding as the bound.
    fn match_by_windows(&self, set: &LearningSet, queries: &mut [&mut Query<'_>], penalty: &Penalty) {
        let shift = self.components.shift as f32;
        let cells: Vec<usize> = self.stencil.ranges(0).flatten().collect();
        let gather = |cells: &[usize], images: &mut dyn Iterator<Item = &[f32]>, out: &mut Vec<f32>| {
            out.clear();
            images.for_each(|image| out.extend(cells.iter().map(|&cell| image[cell] - shift)));
        };
        let chunks = cells.len().div_ceil(DENSE_CHUNK);
        let (mut x, mut y) = (Vec::new(), Vec::new());
        let mut products = vec![0.0f32; DENSE_TILE * queries.len()];
        for first in (0..set.len()).step_by(DENSE_TILE) {
            let count = DENSE_TILE.min(set.len() - first);
            let products = &mut products[..count * queries.len()];
            products.fill(0.0);
            for cells in cells.chunks(DENSE_CHUNK) {
                gather(cells, &mut (first..first + count).map(|r| set.features(r)), &mut x);
                gather(cells, &mut queries.iter().map(|query| query.image), &mut y);
                let target = MatMut::from_column_major_slice_mut(&mut *products, count, queries.len());
                let x = MatRef::from_row_major_slice(&x, count, cells.len());
                let y = MatRef::from_column_major_slice(&y, cells.len(), queries.len());
                matmul(target, Accum::Add, x, y, 1.0f32, Par::Seq);
            }
            for (query, products) in queries.iter_mut().zip(products.chunks_mut(count)) {
                let norms = &self.points.norm2[first..first + count];
                products.iter_mut().zip(norms).for_each(|(product, norm2)| *product -= (0.5 * norm2) as f32);
                let bound = Bound {
                    norm2: query.norm2,
                    // Shifted windows are rounded to f32.
                    error: 1.01 * EPS32 * (query.norm2.sqrt() + self.largest_norm2.sqrt()),
                    rounding: (DENSE_CHUNK.min(cells.len()) + chunks + 8) as f64
                        * EPS32
                        * 2.0
                        * (query.norm2 + self.largest_norm2),
                };
                self.sift(set, query, penalty, products, first, &bound);
            }
        }
    }

    /// Compares what the bounds of a tile leave, the most promising first, and returns how many that were. `products[r]`
    /// is `⟨q, r⟩ − ‖r‖²/2`: the larger, the nearer.
    fn sift(
        &self,
        set: &LearningSet,
        query: &mut Query<'_>,
        penalty: &Penalty,
        products: &mut [f32],
        first: usize,
        bound: &Bound,
    ) -> usize {
        if !query.covered.is_empty() {
            for (r, product) in products.iter_mut().enumerate() {
                *product -= (0.5 * penalty.of(set, first + r, &query.covered)) as f32;
            }
        }
        let mut compared = Vec::new();
        if query.best.limit() == f64::INFINITY {
            compared = largest(products, query.best.neighbours);
            compared.iter().for_each(|&r| self.compare(set, query, penalty, first + r));
        }
        let seen = compared.len();
        let mut candidates = Vec::new();
        let least = bound.least_product(query.best.limit());
        for_each_above(products, least, |r| {
            if !compared[..seen].contains(&r) {
                candidates.push(r);
            }
        });
        candidates.sort_unstable_by(|&a, &b| products[b].total_cmp(&products[a]).then(a.cmp(&b)));
        for (done, &r) in candidates.iter().enumerate() {
            if products[r] < bound.least_product(query.best.limit()) {
                return seen + done;
            }
            self.compare(set, query, penalty, first + r);
        }
        seen + candidates.len()
    }

    /// The cost of one window, offered to the best.
    fn compare(&self, set: &LearningSet, query: &mut Query<'_>, penalty: &Penalty, number: usize) {
        let limit = query.best.limit() * SLACK;
        let paid = if query.covered.is_empty() { 0.0 } else { penalty.of(set, number, &query.covered) };
        let distance2 = if self.points_alone {
            let width = self.components.width();
            let point = &self.points.coordinates[number * width..][..width];
            point.iter().zip(query.point).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
        } else {
            squared_distance(self.stencil.runs(), query.image, set.features(number), limit)
        };
        if distance2.is_finite() {
            query.best.offer(distance2 + paid, number as u32);
        }
    }
}

/// What a product of two points says of the distance between their windows: with `b = ‖q‖² − 2 (⟨q, r⟩ − ‖r‖²/2)`,
/// computed with an error of at most `rounding`, `√b` exceeds the distance by at most `error`.
struct Bound {
    norm2: f64,
    error: f64,
    rounding: f64,
}

impl Bound {
    /// Windows with a smaller product than this cost more than `limit`.
    fn least_product(&self, limit: f64) -> f32 {
        let largest = ((limit * SLACK).sqrt() + self.error).powi(2) * (1.0 + 8.0 * EPS32) + self.rounding + UNDERFLOW;
        ((0.5 * (self.norm2 - largest)) as f32).next_down()
    }
}

fn forget_residuals(points: &mut Points, width: usize) {
    points.coordinates.chunks_mut(width).for_each(|point| point[width - 1] = 0.0);
}

fn squared_norm(point: &[f32]) -> f64 {
    point.iter().map(|&p| f64::from(p).powi(2)).sum()
}

/// The positions of the `count` largest values, the first of equals.
fn largest(values: &[f32], count: usize) -> Vec<usize> {
    let mut kept: Vec<usize> = Vec::with_capacity(count + 1);
    let mut least = f32::NEG_INFINITY;
    for (at, &value) in values.iter().enumerate() {
        if kept.len() < count || value > least {
            let place = kept.partition_point(|&other| values[other] >= value);
            kept.insert(place, at);
            kept.truncate(count);
            least = values[*kept.last().unwrap_or(&at)];
        }
    }
    kept
}

/// Calls `found` with the position of every value that is at least `least`.
fn for_each_above(values: &[f32], least: f32, mut found: impl FnMut(usize)) {
    for (block, values) in values.chunks(64).enumerate() {
        // Without an early exit the compiler compares many at once.
        if values.iter().fold(false, |any, &value| any | (value >= least)) {
            for (at, &value) in values.iter().enumerate() {
                if value >= least {
                    found(64 * block + at);
                }
            }
        }
    }
}

/// The k nearest by comparing every window in all of its cells.
pub(super) fn exhaustive(
    set: &LearningSet,
    theta: &[f32],
    origins: &[u32],
    neighbours: usize,
    penalty: &Penalty,
) -> Matches {
    let stencil = set.stencil();
    let best = |&origin: &u32| {
        let mut best = Best { neighbours, kept: Vec::with_capacity(neighbours + 1) };
        let covered = penalty.covered(stencil, origin);
        for number in 0..set.len() {
            let (limit, paid) = (best.limit() * SLACK, penalty.of(set, number, &covered));
            let image = &theta[origin as usize..];
            best.offer(squared_distance(stencil.runs(), image, set.features(number), limit) + paid, number as u32);
        }
        best.kept
    };
    let (cost, index) = origins.par_iter().flat_map_iter(best).unzip();
    Matches { neighbours, index, cost }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::definition;
    use super::super::hard_data::HardData;
    use super::super::learning_set::{Labels, Window};
    use super::super::template::Template;
    use super::*;
    use crate::grid::Grid;
    use crate::random::{Purpose, Stream};

    /// Images whose cells are `value(stream)`, windows at random places in them, and a map of the same kind.
    fn scene(
        cells: [usize; 3],
        template: &Template,
        windows: usize,
        seed: u64,
        value: impl Fn(&mut Stream) -> f32,
    ) -> (LearningSet, Vec<f32>, Vec<u32>) {
        let grid = Grid::unit(cells);
        let stencil = Stencil::new(template, grid).unwrap();
        let mut stream = Stream::new(seed, Purpose::Check, 1, 0);
        let images: Vec<f32> = (0..4 * grid.len()).map(|_| value(&mut stream)).collect();
        let codes = images.iter().map(|&x| u8::from(x > 0.0)).collect();
        let places: Vec<_> = (0..windows)
            .map(|_| Window {
                image: stream.below(4) as u32,
                origin: stencil.origin(stream.below(stencil.windows() as u64) as usize),
            })
            .collect();
        let labels = Labels::Facies { codes, values: vec![0.0, 1.0] };
        let theta = (0..grid.len()).map(|_| value(&mut stream)).collect();
        let origins = (0..stencil.windows()).map(|window| stencil.origin(window)).collect();
        (LearningSet::new(stencil, images, labels, places).unwrap(), theta, origins)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
        /// Cells of few whole numbers: sums are exact, and ties as many as there can be.
        #[test]
        fn ties_go_to_the_lower_number(
            (width, height, depth) in (3usize..13, 3usize..11, 1usize..4),
            shape in prop::collection::vec(any::<bool>(), 27),
            (windows, neighbours, components) in (10usize..60, 1usize..11, 1usize..12),
            (hard, seed) in (prop::collection::vec(0usize..27, 0..3), 0u64..1000),
        ) {
            let size = [3, 3, depth.min(2)];
            let mut mask = shape[..size.iter().product()].to_vec();
            mask[0] = true;
            let template = Template::mask(size, &mask).unwrap();
            let draw = |stream: &mut Stream| stream.below(3) as f32 - 1.0;
            let (set, theta, origins) = scene([width, height, depth.max(2)], &template, windows, seed, draw);
            let hard = hard.iter().map(|&cell| (cell % set.stencil().grid().len(), u8::from(cell % 2 == 0)));
            let mut facies: Vec<_> = hard.collect();
            facies.sort_unstable();
            facies.dedup_by_key(|known| known.0);
            let penalty = Penalty::new(&HardData { facies, values: vec![] }, &set, 8.0).unwrap();
            let index = Index::prepare(set.stencil().clone(), &set, components, false);
            let found = index.nearest(&set, &theta, &origins, neighbours, &penalty);
            let stencil = set.stencil();
            let defined = definition::nearest(stencil, &set, &theta, &origins, neighbours, &penalty);
            prop_assert_eq!(found, defined);
        }
    }

    /// Noise has no leading components: every window survives its bound, and whole windows are multiplied.
    #[test]
    fn without_structure_the_products_of_windows_take_over() {
        let template = Template::cuboid([9, 9, 1]).unwrap();
        let noise = |stream: &mut Stream| 40.0 + stream.normal_pair().0 as f32;
        let (set, theta, origins) = scene([31, 22, 1], &template, 700, 3, noise);
        let penalty = Penalty::new(&HardData { facies: vec![(77, 1)], values: vec![] }, &set, 30.0).unwrap();
        let index = Index::prepare(set.stencil().clone(), &set, 8, false);
        let points = index.components.describe(&index.stencil, 1, |_| &theta[..]);
        let mut query = [Query {
            image: &theta,
            point: &points.coordinates,
            norm2: points.norm2[0],
            error: points.error[0],
            covered: vec![],
            best: Best { neighbours: 2, kept: vec![] },
        }];
        assert!(!index.match_by_points(&set, &mut query, &penalty), "noise should not be pruned");
        let found = index.nearest(&set, &theta, &origins, 5, &penalty);
        let exact = exhaustive(&set, &theta, &origins, 5, &penalty);
        assert_eq!(found, exact);
        assert_eq!(found.index, definition::nearest(set.stencil(), &set, &theta, &origins, 5, &penalty).index);
    }

    /// Values whose squares underflow in f32 prune nothing, but lose nothing either.
    #[test]
    fn tiny_values_are_matched_exactly() {
        let template = Template::cuboid([4, 4, 1]).unwrap();
        let tiny = |stream: &mut Stream| 1e-21 * stream.uniform() as f32;
        let (set, theta, origins) = scene([12, 11, 1], &template, 60, 8, tiny);
        let penalty = Penalty::new(&HardData::default(), &set, 1.0).unwrap();
        let index = Index::prepare(set.stencil().clone(), &set, 6, false);
        let found = index.nearest(&set, &theta, &origins, 3, &penalty);
        assert_eq!(found.index, definition::nearest(set.stencil(), &set, &theta, &origins, 3, &penalty).index);
    }

    /// A distance is never below its bound, nor a bound far below what exact arithmetic gives.
    #[test]
    fn bounds_hold_for_computed_points() {
        let template = Template::disk(6.0).unwrap();
        let smooth = |stream: &mut Stream| 1e3 + stream.uniform() as f32;
        let (set, theta, origins) = scene([25, 25, 1], &template, 90, 5, smooth);
        let index = Index::prepare(set.stencil().clone(), &set, 20, false);
        let width = index.components.width();
        let points = index.components.describe(&index.stencil, origins.len(), |q| &theta[origins[q] as usize..]);
        for (query, &origin) in origins.iter().enumerate() {
            for number in 0..set.len() {
                let apart = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
                let of = |points: &Points, at: usize| points.coordinates[at * width..][..width].to_vec();
                let bound2: f64 = of(&points, query).iter().zip(&of(&index.points, number)).map(apart).sum();
                let error = points.error[query] + index.points.error[number];
                let features = set.features(number);
                let d2 = definition::squared_distance(set.stencil(), &theta[origin as usize..], features);
                assert!(d2.sqrt() * (1.0 + 1e-12) >= bound2.sqrt() - error, "{d2} against {bound2}");
                assert!(error < 1e-4 * d2.sqrt().max(1.0), "an error of {error} prunes nothing");
            }
        }
    }
}
