//! Which windows a learning set holds, and the images that they lie in.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ndarray::s;

use super::learning_set::{LabelKind, Labels, Source, Window};
use super::template::Stencil;
use crate::error::Result;
use crate::grid::Grid;
use crate::random::{Purpose, Stream};

/// Realizations asked for at once.
const ASKED: usize = 64;

/// The places of N′ windows: functions of the seed alone, so that every rank of the basis cuts the same windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    /// Realizations drawn, each once: (source, realization).
    pub(super) drawn: Vec<(usize, usize)>,
    /// Windows in the images of `drawn`.
    pub(super) windows: Vec<Window>,
}

impl Places {
    /// Draws `count` windows from realizations of all sources, each realization and each place as likely as any other.
    pub(super) fn draw(stencil: &Stencil, realizations: &[usize], count: usize, seed: u64, zone: u32) -> Self {
        let total: usize = realizations.iter().sum();
        let mut stream = Stream::new(seed, Purpose::LearningSet, 0, zone);
        let picks: Vec<(usize, u32)> = (0..count)
            .map(|_| {
                let realization = stream.below(total as u64) as usize;
                (realization, stencil.origin(stream.below(stencil.windows() as u64) as usize))
            })
            .collect();
        let mut used: Vec<usize> = picks.iter().map(|pick| pick.0).collect();
        used.sort_unstable();
        used.dedup();
        let windows = picks
            .iter()
            .map(|(realization, origin)| Window {
                image: used.partition_point(|u| u < realization) as u32,
                origin: *origin,
            })
            .collect();
        let drawn = used.iter().map(|&u| owner(realizations, u)).collect();
        Self { drawn, windows }
    }
}

/// The source of realization `number`, counted over all sources, and its number there.
fn owner(realizations: &[usize], mut number: usize) -> (usize, usize) {
    for (source, &count) in realizations.iter().enumerate() {
        if number < count {
            return (source, number);
        }
        number -= count;
    }
    panic!("realization {number} beyond the last source");
}

/// Images of the realizations drawn, asked for once each, of the whole grid.
pub(super) struct Images(BTreeMap<(usize, usize), Vec<f32>>);

impl Images {
    pub(super) fn ask<'a>(
        grid: &Grid,
        sources: &[Source<'_>],
        drawn: impl Iterator<Item = &'a (usize, usize)>,
    ) -> Result<Self> {
        let wanted: BTreeSet<_> = drawn.copied().collect();
        let mut images = BTreeMap::new();
        for (number, source) in sources.iter().enumerate() {
            let realizations: Vec<usize> = wanted.iter().filter(|w| w.0 == number).map(|w| w.1).collect();
            for asked in realizations.chunks(ASKED) {
                let block = (source.parameterized)(asked)?;
                assert_eq!(block.dim(), (asked.len(), grid.len()), "parameterized realizations, one a row");
                for (&realization, row) in asked.iter().zip(block.rows()) {
                    images.insert((number, realization), row.to_vec());
                }
            }
        }
        Ok(Self(images))
    }

    pub(super) fn slices(&self, drawn: &[(usize, usize)], cells: &Range<usize>) -> Vec<f32> {
        drawn.iter().flat_map(|key| &self.0[key][cells.clone()]).copied().collect()
    }
}

/// Labels of the realizations drawn in the cells of a zone.
pub(super) fn labels(
    kind: LabelKind,
    sources: &[Source<'_>],
    drawn: &[(usize, usize)],
    cells: &Range<usize>,
) -> Labels {
    let ensemble = |source: usize| sources[source].ensemble;
    let values = |&(source, l): &(usize, usize)| -> Vec<f32> {
        ensemble(source).property(l).slice(s![cells.clone()]).iter().map(|&y| y as f32).collect()
    };
    let facies = |&(source, l): &(usize, usize)| -> Vec<u8> {
        let row = ensemble(source).facies(l);
        row.map_or_else(Vec::new, |row| row.slice(s![cells.clone()]).to_vec())
    };
    match kind {
        LabelKind::Values => Labels::Values(drawn.iter().flat_map(values).collect()),
        LabelKind::Facies => {
            Labels::Facies { codes: drawn.iter().flat_map(facies).collect(), values: ensemble(0).facies_values.clone() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feasible::Template;

    #[test]
    fn places_depend_on_the_seed_alone_and_lie_in_realizations_that_exist() {
        let stencil = Stencil::new(&Template::cuboid([3, 3, 1]).unwrap(), Grid::unit([9, 7, 1])).unwrap();
        let places = Places::draw(&stencil, &[4, 0, 3], 500, 7, 0);
        assert_eq!(places, Places::draw(&stencil, &[4, 0, 3], 500, 7, 0));
        assert_ne!(places, Places::draw(&stencil, &[4, 0, 3], 500, 8, 0));
        assert_eq!(places.drawn, [(0, 0), (0, 1), (0, 2), (0, 3), (2, 0), (2, 1), (2, 2)]);
        let inside = |w: &Window| stencil.admits(stencil.grid().cell(w.origin as usize).map(|c| c as isize));
        assert!(places.windows.len() == 500 && places.windows.iter().all(inside));
    }
}
