//! Where the parameterized map is matched: a random fraction of the windows, and what it takes to reach every cell.

use super::template::Stencil;
use crate::random::Stream;

/// Origins of the windows that one map matches, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Positions {
    /// The origins.
    pub origins: Vec<u32>,
    /// How many of them were added to the random fraction so that every cell is held by one.
    pub added: usize,
}

impl Positions {
    /// `fraction` of the admissible windows, at random, then for every cell that none of them holds, in the order of the
    /// cells, one window at random of those that do. Cells that no admissible window holds are left.
    pub fn draw(stencil: &Stencil, fraction: f64, stream: &mut Stream) -> Self {
        let total = stencil.windows();
        let mut numbers: Vec<usize> = (0..total).collect();
        let count = ((fraction * total as f64).ceil() as usize).clamp(1, total);
        if count < total {
            stream.shuffle(&mut numbers);
            numbers.truncate(count);
        }
        let mut origins: Vec<u32> = numbers.into_iter().map(|number| stencil.origin(number)).collect();
        let mut held = vec![false; stencil.grid().len()];
        let hold = |held: &mut [bool], origin| stencil.ranges(origin).for_each(|cells| held[cells].fill(true));
        origins.iter().for_each(|&origin| hold(&mut held, origin));
        for cell in 0..held.len() {
            if !held[cell] {
                let over: Vec<u32> = stencil.windows_over(cell).collect();
                if !over.is_empty() {
                    let origin = over[stream.below(over.len() as u64) as usize];
                    hold(&mut held, origin);
                    origins.push(origin);
                }
            }
        }
        origins.sort_unstable();
        Self { added: origins.len() - count, origins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feasible::Template;
    use crate::grid::Grid;
    use crate::random::Purpose;

    #[test]
    fn every_cell_that_can_be_held_is_held_and_no_window_comes_twice() {
        for (template, cells) in [
            (Template::cuboid([5, 4, 1]).unwrap(), [23, 17, 1]),
            (Template::disk(3.0).unwrap(), [20, 11, 1]),
            (Template::cuboid([3, 3, 2]).unwrap(), [7, 6, 5]),
        ] {
            let stencil = Stencil::new(&template, Grid::unit(cells)).unwrap();
            for fraction in [1e-9, 0.1, 1.0] {
                let positions = Positions::draw(&stencil, fraction, &mut Stream::new(5, Purpose::Positions, 2, 0));
                let origins = &positions.origins;
                assert!(origins.windows(2).all(|pair| pair[0] < pair[1]));
                assert_eq!(origins.len() - positions.added, ((fraction * stencil.windows() as f64).ceil() as usize));
                for cell in 0..stencil.grid().len() {
                    let can = stencil.windows_over(cell).next().is_some();
                    assert_eq!(origins.iter().any(|&o| stencil.holds(o, cell)), can, "cell {cell} at {fraction}");
                }
            }
        }
    }
}
