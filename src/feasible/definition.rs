//! What the feasible map is, as short as the equations: the oracle of the fast forms.

use ndarray::Array2;

use super::hard_data::Penalty;
use super::learning_set::LearningSet;
use super::nearest::Matches;
use super::template::Stencil;

/// `‖x − y‖²` over the cells of a window of two images, each given from the window's origin on.
pub(super) fn squared_distance(stencil: &Stencil, x: &[f32], y: &[f32]) -> f64 {
    stencil.ranges(0).flatten().map(|cell| (f64::from(x[cell]) - f64::from(y[cell])).powi(2)).sum()
}

/// The k windows of the learning set that cost least at each origin, `‖θ_window − x‖² + penalty`, ties by lower number.
pub(super) fn nearest(
    stencil: &Stencil,
    set: &LearningSet,
    theta: &[f32],
    origins: &[u32],
    k: usize,
    penalty: &Penalty,
) -> Matches {
    let mut matches = Matches { neighbours: k, index: Vec::new(), cost: Vec::new() };
    for &origin in origins {
        let covered = penalty.covered(set.stencil(), origin);
        let cost = |r: usize| {
            squared_distance(stencil, &theta[origin as usize..], set.features(r)) + penalty.of(set, r, &covered)
        };
        let mut all: Vec<(f64, u32)> = (0..set.len()).map(|r| (cost(r), r as u32)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        matches.index.extend(all[..k].iter().map(|m| m.1));
        matches.cost.extend(all[..k].iter().map(|m| m.0));
    }
    matches
}

/// Every matched window's votes for every cell that it covers: counts by code, K × n.
pub(super) fn votes(
    stencil: &Stencil,
    starts: &[usize],
    codes: &[u8],
    count: usize,
    origins: &[u32],
    matches: &Matches,
) -> Array2<u32> {
    let mut votes = Array2::zeros((count, stencil.grid().len()));
    for (query, &origin) in origins.iter().enumerate() {
        for &reference in matches.of(query) {
            for cell in stencil.ranges(origin).flatten() {
                let label = codes[starts[reference as usize] + cell - origin as usize];
                votes[[usize::from(label), cell]] += 1;
            }
        }
    }
    votes
}
