//! One realization: level by level along a random path.

use crate::prior::Known;
use crate::prior::facies::draw;
use crate::random::{Purpose, Stream};

use super::hard_data::relocate;
use super::options::layer;
use super::pattern_tree::{DataEvent, Scratch};
use super::probability::{servo, tau_model};
use super::{Level, Snesim};

/// The code of a cell that has no facies yet.
const UNSET: u8 = u8::MAX;

/// A realization in the making: the grid with a margin as wide as the widest template, so that no template reaches
/// outside of memory.
pub(super) struct Simulation<'a> {
    model: &'a Snesim,
    field: Vec<u8>,
    /// Number of cells of each facies among those set, by layer of the target.
    tally: Vec<Vec<u64>>,
    event: DataEvent,
    scratch: Scratch,
    counts: Vec<u32>,
    probability: Vec<f64>,
}

impl<'a> Simulation<'a> {
    pub(super) fn new(model: &'a Snesim) -> Self {
        Self {
            model,
            field: vec![UNSET; model.padded().iter().product()],
            tally: vec![vec![0; model.facies]; model.target.len()],
            event: DataEvent::new(model.facies),
            scratch: Scratch::new(model.facies),
            counts: vec![0; model.facies],
            probability: vec![0.0; model.facies],
        }
    }

    /// Simulates every level with the streams of `(seed, k)` and returns the facies of the cells.
    pub(super) fn run(mut self, data: &[Known<u8>], seed: u64, k: u64) -> Vec<u8> {
        let mut coarser = Vec::new();
        for (number, level) in self.model.levels.iter().enumerate() {
            let mut stream = Stream::new(seed, Purpose::MultiplePoint, k, number as u32);
            let strides = level.offsets.iter().map(|h| self.model.stride(h)).collect::<Vec<_>>();
            let moved = relocate(data, &self.model.grid, level.spacing);
            for arrived in moved.iter().filter(|arrived| !coarser.contains(*arrived)) {
                self.clear_around(arrived.0, level);
            }
            for &(node, known) in &moved {
                self.clear(node);
                self.set(node, known.value);
            }
            let mut path = self.unset_nodes(level.spacing);
            for pass in 0..=self.model.options.resimulations {
                stream.shuffle(&mut path);
                path.retain(|&cell| {
                    if pass > 0 {
                        self.clear(cell as usize);
                    }
                    self.simulate(cell as usize, level, &strides, &mut stream)
                });
            }
            for &(node, known) in &moved {
                if node != known.cell {
                    self.clear(node);
                }
            }
            coarser = moved;
        }
        (0..self.model.grid.len()).map(|cell| self.field[self.model.place(cell)]).collect()
    }

    /// Gives a cell its facies, and returns whether its data event had to lose nodes.
    fn simulate(&mut self, cell: usize, level: &Level, strides: &[isize], stream: &mut Stream) -> bool {
        let options = &self.model.options;
        let place = self.model.place(cell);
        self.event.clear();
        for (position, &stride) in strides.iter().enumerate() {
            let code = self.field[place.wrapping_add_signed(stride)];
            if code != UNSET {
                self.event.push(position, code);
                if self.event.informed() == options.maximum_informed {
                    break;
                }
            }
        }
        let tree = &level.trees[options.classes.as_ref().map_or(0, |classes| usize::from(classes[cell]))];
        self.counts.fill(0);
        let kept = tree.replicates(
            &self.event,
            level.class(self.model.grid.cell(cell)),
            options.minimum_replicates,
            &mut self.scratch,
            &mut self.counts,
        );
        let replicates: u32 = self.counts.iter().sum();
        for (p, &c) in self.probability.iter_mut().zip(&self.counts) {
            *p = f64::from(c) / f64::from(replicates);
        }
        let layer = self.layer(cell);
        let target = &self.model.target[layer];
        if let Some(soft) = &options.soft {
            let facies = self.model.facies;
            let here = &soft.probability[cell * facies..(cell + 1) * facies];
            tau_model(&mut self.probability, target, here, soft.tau);
        }
        servo(&mut self.probability, options.servo, target, &self.tally[layer]);
        let code = draw(&self.probability, stream);
        self.set(cell, code);
        kept < self.event.informed()
    }

    fn layer(&self, cell: usize) -> usize {
        if self.model.target.len() == 1 { 0 } else { layer(&self.model.grid, cell) }
    }

    fn set(&mut self, cell: usize, code: u8) {
        self.field[self.model.place(cell)] = code;
        let layer = self.layer(cell);
        self.tally[layer][usize::from(code)] += 1;
    }

    fn clear(&mut self, cell: usize) {
        let place = self.model.place(cell);
        let code = std::mem::replace(&mut self.field[place], UNSET);
        if code != UNSET {
            let layer = self.layer(cell);
            self.tally[layer][usize::from(code)] -= 1;
        }
    }

    /// Takes their facies from the nodes of coarser levels around a node at which a datum arrives that was elsewhere, or
    /// nowhere, while they were simulated: left as they are they would enclose it where it disagrees with them.
    fn clear_around(&mut self, node: usize, level: &Level) {
        let grid = self.model.grid;
        let middle = grid.cell(node);
        let range = |a: usize| {
            let (step, reach) = (level.spacing[a], 2 * level.spacing[a] * (level.ratio[a] - 1));
            let from = middle[a].saturating_sub(reach).next_multiple_of(step);
            (from..=(middle[a] + reach).min(grid.cells[a] - 1)).step_by(step)
        };
        for k in range(2) {
            for j in range(1) {
                range(0).for_each(|i| self.clear(grid.index([i, j, k])));
            }
        }
    }

    /// The cells of a level's nodes that have no facies yet.
    fn unset_nodes(&self, spacing: [usize; 3]) -> Vec<u32> {
        let grid = &self.model.grid;
        let [nx, ny, nz] = grid.cells;
        let mut cells = Vec::new();
        for k in (0..nz).step_by(spacing[2]) {
            for j in (0..ny).step_by(spacing[1]) {
                let row = (0..nx).step_by(spacing[0]).map(|i| grid.index([i, j, k]));
                cells.extend(row.filter(|&cell| self.field[self.model.place(cell)] == UNSET).map(|cell| cell as u32));
            }
        }
        cells
    }
}
