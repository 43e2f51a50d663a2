//! Stacks: a block of units, one above the other, each with a prior of its own.

use std::ops::Range;
use std::sync::Arc;

use super::{Conditioning, Known, Prior, Realization};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::random::{Purpose, Stream};

/// Some layers of a block and the prior that fills them.
///
/// A unit is a prior on its own layers. Its random numbers depend on the seed, on which unit it is and on the type of
/// geology in it, not on what lies above and below: realization k of (unit, type) is the same in every stack that has
/// it, so that its realizations are drawn and kept once
/// ([`StackedEnsemble`](crate::grid::StackedEnsemble)).
pub struct Unit {
    layers: Range<usize>,
    /// Number of cells below the unit in the stack.
    below: usize,
    number: u32,
    kind: u32,
    prior: Box<dyn Prior>,
}

impl Unit {
    /// Unit `number` of the stack `grid`, made of its layers `layers` (from the bottom) and filled with geology of type
    /// `kind` by `prior`, whose grid is the layers' ([`Unit::grid_of`]).
    pub fn new(grid: Grid, layers: Range<usize>, number: u32, kind: u32, prior: Box<dyn Prior>) -> Self {
        let own = Self::grid_of(grid, layers.clone());
        assert_eq!(prior.grid(), own, "grid of the prior of unit {number} and of its layers {layers:?}");
        Self { below: layers.start * grid.cells[0] * grid.cells[1], layers, number, kind, prior }
    }

    /// The grid of layers `layers` of a block.
    pub fn grid_of(grid: Grid, layers: Range<usize>) -> Grid {
        let [nx, ny, nz] = grid.cells;
        assert!(layers.start < layers.end && layers.end <= nz, "layers {layers:?} of {nz}");
        let bottom = grid.origin[2] + layers.start as f64 * grid.spacing[2];
        Grid { cells: [nx, ny, layers.len()], origin: [grid.origin[0], grid.origin[1], bottom], ..grid }
    }

    /// Its layers in the stack.
    pub fn layers(&self) -> Range<usize> {
        self.layers.clone()
    }

    /// What is known of the stack as what is known of this unit: the data in its layers, by its own cells.
    pub fn conditioning(&self, data: &Conditioning) -> Conditioning {
        fn inside<T: Copy>(known: &[Known<T>], cells: &Range<usize>) -> Vec<Known<T>> {
            let own = known.iter().filter(|known| cells.contains(&known.cell));
            own.map(|known| Known { cell: known.cell - cells.start, value: known.value }).collect()
        }
        let cells = self.below..self.below + self.prior.grid().len();
        Conditioning { facies: inside(&data.facies, &cells), values: inside(&data.values, &cells) }
    }
}

impl Prior for Unit {
    fn grid(&self) -> Grid {
        self.prior.grid()
    }

    /// Realization `k` of the unit alone; `data` by its own cells ([`Unit::conditioning`]).
    fn realization(&self, data: &Conditioning, seed: u64, k: u64) -> Result<Realization> {
        let own = Stream::new(seed, Purpose::Unit, u64::from(self.number), self.kind).bits();
        self.prior.realization(data, own, k)
    }
}

/// Units one above the other. Stacks that differ in some units share the others.
pub struct Stacked {
    grid: Grid,
    units: Vec<Arc<Unit>>,
}

impl Stacked {
    /// The stack of `units`, from the lowest on, which together are the layers of `grid`.
    pub fn new(grid: Grid, units: Vec<Arc<Unit>>) -> Self {
        let mut next = 0;
        for unit in &units {
            assert_eq!(unit.layers.start, next, "first layer of unit {} and the next free layer", unit.number);
            assert_eq!(unit.grid(), Unit::grid_of(grid, unit.layers()), "grid of unit {}", unit.number);
            next = unit.layers.end;
        }
        assert_eq!(next, grid.cells[2], "layers of the units and of the stack");
        Self { grid, units }
    }

    /// The units, from the lowest on.
    pub fn units(&self) -> &[Arc<Unit>] {
        &self.units
    }
}

impl Prior for Stacked {
    fn grid(&self) -> Grid {
        self.grid
    }

    /// Realization `k` of every unit, conditioned on the data in its layers. Where one unit draws facies or values, all
    /// must.
    fn realization(&self, data: &Conditioning, seed: u64, k: u64) -> Result<Realization> {
        check_cells(data, self.grid.len())?;
        let drawn = self.units.iter().map(|unit| unit.realization(&unit.conditioning(data), seed, k));
        let drawn = drawn.collect::<Result<Vec<_>>>()?;
        let same = |has: fn(&Realization) -> bool| drawn.iter().all(|r| has(r) == has(&drawn[0]));
        if !(same(|r| r.facies.is_some()) && same(|r| r.values.is_some())) {
            return Err(Error::input(
                "units",
                "some units have facies or a variable property, others have not",
                "give all units the same kind of geology",
            ));
        }
        let mut whole = Realization::default();
        for unit in drawn {
            append(&mut whole.facies, unit.facies);
            append(&mut whole.values, unit.values);
        }
        Ok(whole)
    }
}

fn append<T>(whole: &mut Option<Vec<T>>, part: Option<Vec<T>>) {
    if let Some(part) = part {
        whole.get_or_insert_default().extend(part);
    }
}

fn check_cells(data: &Conditioning, cells: usize) -> Result<()> {
    let known = data.facies.iter().map(|known| known.cell).chain(data.values.iter().map(|known| known.cell));
    match known.into_iter().find(|&cell| cell >= cells) {
        Some(cell) => Err(Error::input(
            format!("hard datum of cell {cell}"),
            format!("the grid has {cells} cells"),
            "leave out data outside of the grid",
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Facies drawn cell by cell, data honoured.
    struct Coins(Grid);

    impl Prior for Coins {
        fn grid(&self) -> Grid {
            self.0
        }
        fn realization(&self, data: &Conditioning, seed: u64, k: u64) -> Result<Realization> {
            let mut stream = Stream::new(seed, Purpose::Check, k, 0);
            let mut facies: Vec<u8> = (0..self.0.len()).map(|_| stream.below(2) as u8).collect();
            data.facies.iter().for_each(|known| facies[known.cell] = known.value);
            Ok(Realization { facies: Some(facies), values: None })
        }
    }

    fn block() -> Grid {
        Grid { origin: [5.0, 6.0, 7.0], spacing: [10.0, 10.0, 2.0], ..Grid::unit([4, 3, 5]) }
    }

    fn unit(layers: Range<usize>, number: u32, kind: u32) -> Arc<Unit> {
        let prior = Box::new(Coins(Unit::grid_of(block(), layers.clone())));
        Arc::new(Unit::new(block(), layers, number, kind, prior))
    }

    fn draw(stack: &Stacked, data: &Conditioning, k: u64) -> Vec<u8> {
        stack.realization(data, 3, k).expect("fine").facies.expect("facies")
    }

    #[test]
    fn a_unit_is_the_same_in_every_stack_and_no_other() {
        let (low, high, other) = (unit(0..2, 0, 0), unit(2..5, 1, 0), unit(2..5, 1, 1));
        assert_eq!((high.grid().origin, high.grid().cells), ([5.0, 6.0, 11.0], [4, 3, 3]));
        let one = Stacked::new(block(), vec![low.clone(), high.clone()]);
        let two = Stacked::new(block(), vec![low.clone(), other]);
        for k in 0..3 {
            let (a, b) = (draw(&one, &Conditioning::default(), k), draw(&two, &Conditioning::default(), k));
            assert_eq!(a[..24], b[..24], "the shared unit");
            assert_ne!(a[24..], b[24..], "the unit of another type");
            assert_ne!(a[..24], a[24..48], "units do not repeat each other");
            let alone = low.realization(&Conditioning::default(), 3, k).expect("fine").facies.expect("facies");
            assert_eq!(a[..24], alone, "the unit by itself");
        }
    }

    #[test]
    fn data_reach_the_unit_that_holds_them() {
        let stack = Stacked::new(block(), vec![unit(0..2, 0, 0), unit(2..5, 1, 0)]);
        let plain = draw(&stack, &Conditioning::default(), 0);
        let cells = [0, 23, 24, 59];
        let facies = cells.iter().map(|&cell| Known { cell, value: 1 - plain[cell] }).collect();
        let drawn = draw(&stack, &Conditioning { facies, values: vec![] }, 0);
        let changed: Vec<usize> = (0..60).filter(|&c| drawn[c] != plain[c]).collect();
        assert_eq!(changed, cells);
        let outside = Conditioning { facies: vec![Known { cell: 60, value: 0 }], values: vec![] };
        let error = stack.realization(&outside, 3, 0).expect_err("outside").to_string();
        assert!(error.contains("cell 60") && error.contains("60 cells"), "{error}");
    }
}
