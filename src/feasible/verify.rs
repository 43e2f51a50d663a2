//! The checks and the timings of this room.

use ndarray::Array1;

use super::definition;
use super::hard_data::{HardData, Penalty};
use super::learning_set::{Labels, LearningSet, Window};
use super::nearest::{Index, Matches};
use super::positions::Positions;
use super::template::{Stencil, Template};
use super::vote::{Audience, Ballot};
use crate::check::Outcome;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::grid::Grid;
use crate::measure::Measurement;
use crate::random::{Purpose, Stream};

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

/// The scenes: awkward sizes, a disk, a mask, a block, more windows than a tile, as many neighbours as windows.
fn scenes(seed: u64) -> Result<Vec<Scene>> {
    let square = Template::cuboid([7, 5, 1])?;
    let mask =
        Template::mask([4, 3, 1], &[true, false, true, true, false, false, false, true, true, true, true, false])?;
    Ok(vec![
        Scene::new([23, 17, 1], &square, 211, 5, 2, seed)?,
        Scene::new([31, 29, 1], &Template::disk(4.0)?, 97, 3, 3, seed + 1)?,
        Scene::new([13, 11, 1], &mask, 11, 11, 4, seed + 2)?,
        Scene::new([9, 8, 7], &Template::cuboid([4, 3, 3])?, 130, 1, 2, seed + 3)?,
        Scene::new([40, 37, 1], &Template::cuboid([16, 16, 1])?, 4133, 10, 2, seed + 4)?,
    ])
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
            let image = &scene.theta[origin as usize..];
            let distance2 = definition::squared_distance(stencil, image, scene.set.features(number as usize));
            costs.push(distance2 + scene.penalty.of(&scene.set, number as usize, &covered));
        }
    }
    let bound = Array1::from_iter(defined.cost.iter().map(|cost| 2.0 * roundings * epsilon * cost));
    let (costs, defined) = (Array1::from(costs), Array1::from(defined.cost));
    Outcome::compare(name, &scene.name, costs.view(), defined.view(), bound.view())
}

/// Checks that the fast forms find the matches and count the votes that the definition does.
///
/// # Errors
/// Where the device fails.
pub fn verify(_gpu: Option<&Gpu>, seed: u64) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for scene in scenes(seed)? {
        let Scene { set, index, theta, origins, neighbours, penalty, .. } = &scene;
        let matches = index.nearest(set, theta, origins, *neighbours, penalty);
        let cells = index.stencil.len() as f64;
        add(&mut outcomes, compare_matches("feasible/nearest", &scene, &matches, cells, f64::EPSILON));
        let Labels::Facies { codes, values } = &set.labels else { continue };
        let ballot = Ballot { set, origins, matches: &matches, audience: &Audience::All };
        let votes = ballot.count(codes, values.len()).mapv(f64::from);
        let starts = scene.starts();
        let defined = definition::votes(set.stencil(), &starts, codes, values.len(), origins, &matches).mapv(f64::from);
        let exact = Array1::zeros(votes.len());
        let (votes, defined) = (votes.flatten(), defined.flatten());
        add(&mut outcomes, Outcome::compare("feasible/vote", &scene.name, votes.view(), defined.view(), exact.view()));
    }
    Ok(outcomes)
}

/// Keeps the worst outcome of each check.
fn add(outcomes: &mut Vec<Outcome>, outcome: Outcome) {
    match outcomes.iter().position(|other| other.name == outcome.name) {
        Some(at) => outcomes[at] = outcomes[at].clone().worse(outcome),
        None => outcomes.push(outcome),
    }
}

/// Times matching and voting.
pub fn measure(_gpu: Option<&Gpu>) -> Result<Vec<Measurement>> {
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_forms_are_the_definition() {
        for outcome in verify(None, 3).unwrap() {
            assert!(outcome.passed(), "{outcome:?}");
        }
        for scene in scenes(17).unwrap() {
            let found = scene.index.nearest(&scene.set, &scene.theta, &scene.origins, scene.neighbours, &scene.penalty);
            assert_eq!(found.index, scene.defined().index, "{}", scene.name);
        }
    }
}
