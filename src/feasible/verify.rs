//! The checks of this room: every fast form against its definition or its twin.

use ndarray::{Array1, Array2};

use super::definition;
use super::device::{Device, Learned, Portions, cost_roundings, height, projection_error};
use super::hard_data::{HardData, Penalty};
use super::learning_set::{Labels, LearningSet, Window};
use super::nearest::{Index, Matches};
use super::positions::Positions;
use super::template::{Stencil, Template};
use super::vote::{Audience, Ballot, winner};
use crate::check::Outcome;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::grid::Grid;
use crate::random::{Purpose, Stream};

/// Half the distance from 1 to the next f32.
const EPS32: f64 = f32::EPSILON as f64 / 2.0;

/// A small learning set, a map to match, and what is asked.
pub(super) struct Scene {
    pub(super) name: String,
    pub(super) set: LearningSet,
    pub(super) index: Index,
    pub(super) penalty: Penalty,
    pub(super) theta: Vec<f32>,
    pub(super) origins: Vec<u32>,
    pub(super) neighbours: usize,
}

impl Scene {
    /// `images` fields of a few waves each (smooth as parameterized realizations are) and of as many facies as given,
    /// windows at random places in them, and another such field as the map.
    pub(super) fn new(
        cells: [usize; 3],
        template: &Template,
        windows: usize,
        neighbours: usize,
        kinds: usize,
        seed: u64,
    ) -> Result<Self> {
        let grid = Grid::unit(cells);
        let mut stream = Stream::new(seed, Purpose::Check, 0, 1);
        let stencil = Stencil::new(template, grid)?;
        let count = windows.div_ceil(20).clamp(2, 40);
        let fields: Vec<f32> = (0..count).flat_map(|_| waves(&grid, &mut stream)).collect();
        let codes = fields.iter().map(|&x| ((0.5 + 0.2 * x).clamp(0.0, 0.999) * kinds as f32) as u8).collect();
        let place = |stream: &mut Stream| Window {
            image: stream.below(count as u64) as u32,
            origin: stencil.origin(stream.below(stencil.windows() as u64) as usize),
        };
        let places = (0..windows).map(|_| place(&mut stream)).collect();
        let labels = Labels::Facies { codes, values: (0..kinds).map(|kind| kind as f64).collect() };
        let theta = waves(&grid, &mut stream);
        let origins = Positions::draw(&stencil, 0.3, &mut stream).origins;
        let set = LearningSet::new(stencil.clone(), fields, labels, places)?;
        let index = Index::prepare(stencil, &set, 16, false);
        let known = (0..3).map(|_| (stream.below(grid.len() as u64) as usize, stream.below(kinds as u64) as u8));
        let mut facies: Vec<_> = known.collect();
        facies.sort_unstable();
        facies.dedup_by_key(|known| known.0);
        let hard = HardData { facies, values: Vec::new() };
        let penalty = Penalty::new(&hard, &set, index.components.spread)?;
        let [nx, ny, nz] = cells;
        let name = format!(
            "{} windows of {} cells against {windows} in {nx} x {ny} x {nz}, k = {neighbours}, {kinds} facies",
            origins.len(),
            template.len()
        );
        Ok(Self { name, set, index, penalty, theta, origins, neighbours })
    }

    /// Matches as they are defined.
    pub(super) fn defined(&self) -> Matches {
        let stencil = &self.index.stencil;
        definition::nearest(stencil, &self.set, &self.theta, &self.origins, self.neighbours, &self.penalty)
    }

    fn starts(&self) -> Vec<usize> {
        (0..self.set.len()).map(|number| self.set.start(number)).collect()
    }
}

/// A field of six random waves.
fn waves(grid: &Grid, stream: &mut Stream) -> Vec<f32> {
    let waves: Vec<[f64; 5]> = (0..6)
        .map(|_| std::array::from_fn(|i| if i < 3 { stream.between(-0.6, 0.6) } else { stream.between(0.3, 3.0) }))
        .collect();
    let value = |cell: usize| -> f64 {
        let at = grid.cell(cell);
        let phase = |w: &[f64; 5]| (0..3).map(|a| w[a] * at[a] as f64).sum::<f64>() + 2.0 * w[3];
        waves.iter().map(|w| 0.5 * w[4] * phase(w).sin()).sum()
    };
    (0..grid.len()).map(|cell| value(cell) as f32).collect()
}

/// Number of scenes.
const SCENES: u64 = 5;

/// A scene: awkward sizes, a disk, a mask, a block, more windows than a tile, as many neighbours as windows.
fn scene(number: u64, seed: u64) -> Result<Scene> {
    let seed = seed + number;
    match number {
        0 => Scene::new([23, 17, 1], &Template::cuboid([7, 5, 1])?, 211, 5, 2, seed),
        1 => Scene::new([31, 29, 1], &Template::disk(4.0)?, 97, 3, 3, seed),
        2 => {
            let mask = [true, false, true, true, false, false, false, true, true, true, true, false];
            Scene::new([13, 11, 1], &Template::mask([4, 3, 1], &mask)?, 11, 11, 4, seed)
        }
        3 => Scene::new([9, 8, 7], &Template::cuboid([4, 3, 3])?, 130, 1, 2, seed),
        _ => Scene::new([40, 37, 1], &Template::cuboid([16, 16, 1])?, 4133, 10, 2, seed),
    }
}

/// How far the cost of a match is from the cost of the window that is defined to have its place; the two are the same
/// window but for ties. Costs are sums of squares: their rounding is bounded by `roundings` ε times themselves.
fn compare_matches(name: &str, scene: &Scene, found: &Matches, roundings: f64, epsilon: f64) -> Outcome {
    let defined = scene.defined();
    let stencil = &scene.index.stencil;
    let mut costs = Vec::with_capacity(found.index.len());
    for (query, &origin) in scene.origins.iter().enumerate() {
        let covered = scene.penalty.covered(scene.set.stencil(), origin);
        for &number in found.of(query) {
            if number as usize >= scene.set.len() {
                // No window at all: as wrong as can be.
                costs.push(f64::INFINITY);
                continue;
            }
            let image = &scene.theta[origin as usize..];
            let distance2 = definition::squared_distance(stencil, image, scene.set.features(number as usize));
            costs.push(distance2 + scene.penalty.of(&scene.set, number as usize, &covered));
        }
    }
    let bound = Array1::from_iter(defined.cost.iter().map(|cost| 2.0 * roundings * epsilon * cost));
    let (costs, defined) = (Array1::from(costs), Array1::from(defined.cost));
    Outcome::compare(name, &scene.name, costs.view(), defined.view(), bound.view())
}

/// Checks that the fast forms find the matches and count the votes that the definition does, on the CPU and, where there
/// is a device, each kernel of it on its own.
///
/// # Errors
/// Where the device fails.
pub fn verify(gpu: Option<&Gpu>, seed: u64) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for of_scene in verify_scenes(gpu, seed) {
        of_scene?.into_iter().for_each(|outcome| add(&mut outcomes, outcome));
    }
    Ok(outcomes)
}

/// What [`verify`] checks, scene by scene: for those who stop at the first error over its bound.
pub fn verify_scenes(gpu: Option<&Gpu>, seed: u64) -> impl Iterator<Item = Result<Vec<Outcome>>> {
    (0..SCENES).map(move |number| {
        let mut outcomes = Vec::new();
        verify_scene(gpu, &scene(number, seed)?, &mut outcomes)?;
        Ok(outcomes)
    })
}

fn verify_scene(gpu: Option<&Gpu>, scene: &Scene, outcomes: &mut Vec<Outcome>) -> Result<()> {
    let Scene { set, index, theta, origins, neighbours, penalty, .. } = scene;
    let matches = index.nearest(set, theta, origins, *neighbours, penalty);
    let cells = index.stencil.len() as f64;
    add(outcomes, compare_matches("feasible/nearest", scene, &matches, cells, f64::EPSILON));
    let Labels::Facies { codes, values } = &set.labels else { return Ok(()) };
    let ballot = Ballot { set, origins, matches: &matches, audience: &Audience::All };
    let votes = ballot.count(codes, values.len());
    let defined = definition::votes(set.stencil(), &scene.starts(), codes, values.len(), origins, &matches);
    add(outcomes, equal("feasible/vote", scene, &votes, &defined));
    if let Some(gpu) = gpu {
        verify_device(gpu, scene, &matches, &defined, outcomes)?;
    }
    Ok(())
}

/// Whether two tables of votes are equal.
fn equal(name: &str, scene: &Scene, found: &Array2<u32>, defined: &Array2<u32>) -> Outcome {
    let [found, defined] = [found, defined].map(|votes| votes.mapv(f64::from).flatten().to_owned());
    Outcome::compare(name, &scene.name, found.view(), defined.view(), Array1::zeros(found.len()).view())
}

/// The device's kernels on one scene: `votes` are those of `matches`.
fn verify_device(
    gpu: &Gpu,
    scene: &Scene,
    matches: &Matches,
    votes: &Array2<u32>,
    outcomes: &mut Vec<Outcome>,
) -> Result<()> {
    let Scene { set, index, theta, origins, neighbours, penalty, .. } = scene;
    let Labels::Facies { codes, values } = &set.labels else { return Ok(()) };
    let (stencil, audience) = (set.stencil(), &Audience::All);
    let voters = stencil.voters();
    let chosen = (codes.as_slice(), values.as_slice());
    let learned = Learned { set, index, codes: Some(chosen), penalty, voters: &voters, neighbours: *neighbours };
    let device = Device::new(gpu, Portions::of(gpu), &learned)?;
    compare_points(&device, scene, outcomes)?;

    let found = device.nearest(set, index, theta, origins, penalty)?;
    let down = device.matches(&found)?;
    let roundings = cost_roundings(index.stencil.len());
    add(outcomes, compare_matches("feasible/nearest on the device", scene, &down, roundings, EPS32));
    // Again with the images in several parts, the references in several blocks and the windows in several dispatches.
    let few = Portions { part: 4 * 9 * stencil.grid().len() as u64, block: 70, products: 4 * 128 * 128 };
    let pieces = Device::new(gpu, few, &learned)?;
    let in_pieces = pieces.matches(&pieces.nearest(set, index, theta, origins, penalty)?)?;
    add(outcomes, compare_matches("feasible/nearest in portions", scene, &in_pieces, roundings, EPS32));
    let total: f64 = down.cost.iter().sum();
    let bound = (64.0 + down.cost.len() as f64 / 64.0) * EPS32 * total;
    let error = (device.total_cost(&found)? - total).abs();
    add(outcomes, Outcome { name: "feasible/total on the device".into(), case: scene.name.clone(), error, bound });

    let found = device.take(theta, matches)?;
    add(
        outcomes,
        equal("feasible/vote on the device", scene, &device.count(stencil, origins, &found, audience)?, votes),
    );
    let counted = pieces.count(stencil, origins, &pieces.take(theta, matches)?, audience)?;
    add(outcomes, equal("feasible/vote in portions", scene, &counted, votes));
    let (elected, shares) = device.elect(stencil, origins, &found, audience)?;
    let cells = voters.iter().zip(theta);
    let defined = cells.map(|(&voter, &theta)| {
        let votes = votes.column(voter as usize);
        winner(votes.iter().copied(), values, f64::from(theta)).unwrap_or(0) as f64
    });
    let (elected, defined) = (Array1::from_iter(elected.iter().map(|&c| f64::from(c))), Array1::from_iter(defined));
    let exact = Array1::zeros(voters.len());
    let name = "feasible/elect on the device";
    add(outcomes, Outcome::compare(name, &scene.name, elected.view(), defined.view(), exact.view()));
    let defined = Array1::from_iter(
        (0..values.len()).flat_map(|kind| voters.iter().map(move |&voter| (kind, voter))).map(|(kind, voter)| {
            let votes = votes.column(voter as usize);
            f64::from(votes[kind]) / f64::from(votes.sum())
        }),
    );
    let shares = shares.mapv(f64::from).flatten().to_owned();
    // A division in f32 may be wrong by 2.5 units in the last place.
    let bound = defined.mapv(|share| 5.0 * EPS32 * share);
    let name = "feasible/probability on the device";
    add(outcomes, Outcome::compare(name, &scene.name, shares.view(), defined.view(), bound.view()));
    compare_means(gpu, scene, matches, outcomes)
}

/// Points and products of the device against those of the CPU.
fn compare_points(device: &Device<'_>, scene: &Scene, outcomes: &mut Vec<Outcome>) -> Result<()> {
    let Scene { index, theta, origins, .. } = scene;
    let read = device.read_points(index, theta, origins)?;
    let image = |query: usize| &theta[origins[query] as usize..];
    let points = index.components.describe(&index.stencil, origins.len(), image);
    let (width, components) = (index.components.width(), index.components.count);
    let relative = projection_error(index);
    let (mut found, mut defined, mut bound) = (Vec::new(), Vec::new(), Vec::new());
    for query in 0..origins.len() {
        for row in 0..width {
            let norm = points.norm2[query].sqrt();
            let at = f64::from(points.coordinates[query * width + row]);
            let residual = 4.0 * relative * norm * norm;
            found.push(f64::from(read.points[row * read.stride + query]));
            defined.push(at);
            let of_residual = residual.sqrt().min(residual / at.abs().max(1e-30)) + EPS32 * norm;
            bound.push(if row < components { (relative + EPS32) * norm } else { of_residual });
        }
        let norm2: f64 = (0..width).map(|row| f64::from(read.points[row * read.stride + query]).powi(2)).sum();
        found.push(f64::from(read.norms[query][0]));
        defined.push(norm2);
        bound.push((width + 3) as f64 * EPS32 * norm2);
    }
    let [found, defined, bound] = [found, defined, bound].map(Array1::from);
    let name = "feasible/points on the device";
    add(outcomes, Outcome::compare(name, &scene.name, found.view(), defined.view(), bound.view()));

    let (mut found, mut defined, mut bound) = (Vec::new(), Vec::new(), Vec::new());
    for query in 0..origins.len() {
        for (column, &reference) in read.references.iter().enumerate() {
            let terms = index.row(reference as usize).iter().enumerate();
            let terms = terms.map(|(row, &r)| f64::from(r) * f64::from(read.points[row * read.stride + query]));
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
            found.push(f64::from(read.products[query * read.product_stride + column]));
            defined.push(sum);
            bound.push((height(index) + 1) as f64 * EPS32 * size);
        }
    }
    let [found, defined, bound] = [found, defined, bound].map(Array1::from);
    let name = "feasible/bounds on the device";
    add(outcomes, Outcome::compare(name, &scene.name, found.view(), defined.view(), bound.view()));
    Ok(())
}

/// Means of labels that are values, alike and by distance.
fn compare_means(gpu: &Gpu, scene: &Scene, matches: &Matches, outcomes: &mut Vec<Outcome>) -> Result<()> {
    let Scene { set, index, theta, origins, neighbours, .. } = scene;
    let set = LearningSet { labels: Labels::Values(set.images.iter().map(|x| x.abs()).collect()), ..set.clone() };
    let Labels::Values(labels) = &set.labels else { return Ok(()) };
    let (stencil, audience) = (set.stencil(), &Audience::All);
    let penalty = Penalty::new(&HardData::default(), &set, index.components.spread)?;
    let voters = stencil.voters();
    let learned =
        Learned { set: &set, index, codes: None, penalty: &penalty, voters: &voters, neighbours: *neighbours };
    let device = Device::new(gpu, Portions::of(gpu), &learned)?;
    let found = device.take(theta, matches)?;
    let floor = 0.1 * index.components.spread;
    let weight = |cost: f64| floor / (cost + floor);
    let longest = stencil.runs().iter().map(|run| run.length).max().unwrap_or(0);
    // Sum and weight are each the sum of runs of sums, of labels that are not negative: relative to the mean itself.
    let roundings = (2 * (longest * neighbours + stencil.runs().len()) + 12) as f64;
    for weighting in [None, Some(floor)] {
        let ballot = Ballot { set: &set, origins, matches, audience };
        let mean = ballot.mean(labels, weighting.map(|_| &weight as &(dyn Fn(f64) -> f64 + Sync)));
        let defined = Array1::from_iter(voters.iter().map(|&voter| mean[voter as usize]));
        let mean = Array1::from(device.average(stencil, origins, &found, audience, weighting)?);
        let bound = defined.mapv(|mean| roundings * EPS32 * mean.abs());
        let name = "feasible/average on the device";
        add(outcomes, Outcome::compare(name, &scene.name, mean.view(), defined.view(), bound.view()));
    }
    Ok(())
}

/// Keeps the worst outcome of each check.
fn add(outcomes: &mut Vec<Outcome>, outcome: Outcome) {
    match outcomes.iter().position(|other| other.name == outcome.name) {
        Some(at) => outcomes[at] = outcomes[at].clone().worse(outcome),
        None => outcomes.push(outcome),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_of_the_device_are_their_twins() {
        let Some(gpu) = crate::testing::gpu() else { return };
        for outcome in verify(Some(gpu), 5).unwrap() {
            assert!(outcome.passed(), "{outcome:?}");
        }
    }

    #[test]
    fn a_wrong_kernel_is_seen() {
        use super::super::device::{AVERAGE, BOUNDS, ELECT, NEAREST, POINTS, RESIDUAL, TOTAL, VOTE};
        use crate::gpu::{Choice, choose};
        if crate::testing::gpu().is_none() {
            return;
        }
        let mut gpu = choose(Choice::Auto, true).unwrap().unwrap();
        let scene = Scene::new([23, 17, 1], &Template::cuboid([7, 5, 1]).unwrap(), 211, 5, 2, 3).unwrap();
        let sees = |gpu: &Gpu| {
            let mut outcomes = Vec::new();
            verify_scene(Some(gpu), &scene, &mut outcomes).unwrap();
            outcomes.iter().any(|outcome| !outcome.passed())
        };
        gpu.force_checks();
        assert!(!sees(&gpu), "right kernels pass in checked mode");
        for (shader, right, wrong) in [
            (POINTS, "part3 += x.w * b", "part3 += 1.001 * x.w * b"),
            (RESIDUAL, "norm2 - projected", "norm2 - 0.9 * projected"),
            (BOUNDS, "sum2 += q.z * r", "sum2 += 1.001 * q.z * r"),
            (NEAREST, "part += difference * difference", "part += abs(difference)"),
            (NEAREST, "numbers[place] = number;", "numbers[place] = number / 2u;"),
            (VOTE, "MASK] += 1u", "MASK] += 2u"),
            (VOTE, "vec2f(bitcast<f32>(labels[at]), 1.0)", "vec2f(bitcast<f32>(labels[at]), 1.001)"),
            (ELECT, "count > most ||", "count < most ||"),
            (AVERAGE, "bitcast<f32>(votes[voter]) /", "0.999 * bitcast<f32>(votes[voter]) /"),
            (TOTAL, "sum[0] = sums[0]", "sum[0] = sums[1]"),
        ] {
            assert!(shader.text.contains(right), "{}: no `{right}`", shader.name);
            gpu.replace_shader(shader.name, shader.text.replacen(right, wrong, 1));
            assert!(sees(&gpu), "{}: `{wrong}` passes", shader.name);
            gpu.replace_shader(shader.name, shader.text.into());
        }
    }

    #[test]
    fn fast_forms_are_the_definition() {
        for outcome in verify(None, 3).unwrap() {
            assert!(outcome.passed(), "{outcome:?}");
        }
        for scene in (0..SCENES).map(|number| scene(number, 17).unwrap()) {
            let found = scene.index.nearest(&scene.set, &scene.theta, &scene.origins, scene.neighbours, &scene.penalty);
            assert_eq!(found.index, scene.defined().index, "{}", scene.name);
        }
    }
}
