//! Hard data: from points to cells, and from cells to the nodes of a coarse grid.

use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::prior::facies::known_facies;
use crate::prior::{Conditioning, Known};

use super::options::SoftData;

/// Assigns facies known at points to the cells that hold them, and says in notes which points did not get a cell of
/// their own: of several points in one cell the nearest to its centre is kept (of equally near ones the first).
///
/// # Errors
/// A point outside of the grid, named by its number from 0.
pub fn locate_hard_data(grid: &Grid, points: &[([f64; 3], u8)]) -> Result<(Conditioning, Vec<String>)> {
    let mut kept: Vec<(usize, f64, u8, usize)> = Vec::new();
    let mut notes = Vec::new();
    for (number, &(point, facies)) in points.iter().enumerate() {
        let Some(cell) = grid.locate(point) else {
            let far: [f64; 3] = std::array::from_fn(|a| grid.origin[a] + grid.size()[a]);
            let problem =
                format!("{point:?} lies outside of the grid, which reaches from {:?} to {far:?}", grid.origin);
            return Err(Error::input(format!("hard datum {number}"), problem, "move the grid or leave the datum out"));
        };
        let centre = grid.center(cell);
        let distance = (0..3).map(|a| (point[a] - centre[a]).powi(2)).sum::<f64>();
        let index = grid.index(cell);
        let Some(rival) = kept.iter_mut().find(|k| k.0 == index) else {
            kept.push((index, distance, facies, number));
            continue;
        };
        let (winner, loser) = if distance < rival.1 { (number, rival.3) } else { (rival.3, number) };
        let agree = if facies == rival.2 { "agree" } else { "disagree" };
        notes.push(format!(
            "hard data {winner} and {loser} lie in cell {cell:?} and {agree}; {winner} is nearer its centre"
        ));
        if winner == number {
            *rival = (index, distance, facies, number);
        }
    }
    let facies = kept.into_iter().map(|(cell, _, value, _)| Known { cell, value }).collect();
    Ok((Conditioning { facies, values: Vec::new() }, notes))
}

/// Checks data against grid, number of facies, each other and the soft data.
pub(super) fn check(data: &Conditioning, grid: &Grid, facies: usize, soft: Option<&SoftData>) -> Result<()> {
    for known in known_facies(data, grid.len(), facies)? {
        if let Some(soft) = soft.filter(|soft| soft.tau[1] > 0.0)
            && soft.probability[known.cell * facies + usize::from(known.value)] == 0.0
        {
            return Err(Error::input(
                format!("hard datum of cell {}", known.cell),
                format!("its facies {} has soft probability 0", known.value),
                "correct the datum or the soft data",
            ));
        }
    }
    Ok(())
}

/// The node of a grid level that each datum moves to, as its cell, with the datum's own cell and facies: the nearest node,
/// and where several data compete for it the nearest of them.
pub(super) fn relocate(data: &[Known<u8>], grid: &Grid, spacing: [usize; 3]) -> Vec<(usize, Known<u8>)> {
    let mut moved: Vec<(usize, usize, Known<u8>)> = data
        .iter()
        .map(|&known| {
            let cell = grid.cell(known.cell);
            let node: [usize; 3] = std::array::from_fn(|a| {
                let last = (grid.cells[a] - 1) / spacing[a];
                ((cell[a] + spacing[a] / 2) / spacing[a]).min(last) * spacing[a]
            });
            let distance = (0..3).map(|a| node[a].abs_diff(cell[a]).pow(2)).sum();
            (grid.index(node), distance, known)
        })
        .collect();
    moved.sort_by_key(|&(node, distance, known)| (node, distance, known.cell));
    moved.dedup_by_key(|m| m.0);
    moved.into_iter().map(|(node, _, known)| (node, known)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_datum_wins_a_node_and_the_finest_level_moves_nothing() {
        let grid = Grid::unit([10, 10, 1]);
        let data = [Known { cell: 33, value: 1 }, Known { cell: 44, value: 0 }, Known { cell: 99, value: 1 }];
        let coarse = relocate(&data, &grid, [4, 4, 1]);
        assert_eq!(coarse, [(44, data[1]), (88, data[2])], "cell 33 loses node 44 to the datum that lies on it");
        assert_eq!(relocate(&data, &grid, [1, 1, 1]), data.map(|d| (d.cell, d)));
    }

    #[test]
    fn points_compete_for_a_cell_aloud() {
        let grid = Grid::unit([4, 4, 1]);
        let points = [([0.9, 0.9, 0.5], 0), ([0.6, 0.5, 0.5], 1), ([3.5, 3.5, 0.5], 1)];
        let (data, notes) = locate_hard_data(&grid, &points).unwrap();
        assert_eq!(data.facies, [Known { cell: 0, value: 1 }, Known { cell: 15, value: 1 }]);
        assert!(notes.len() == 1 && notes[0].contains("disagree"), "{notes:?}");
        let outside = locate_hard_data(&grid, &[([4.5, 0.0, 0.0], 0)]).unwrap_err().to_string();
        assert!(outside.contains("hard datum 0") && outside.contains("outside"), "{outside}");
    }
}
