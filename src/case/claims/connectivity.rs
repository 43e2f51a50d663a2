//! How connected the cells of a facies are.

use ndarray::ArrayView3;

/// `Γ = Σ_i n_i² / (Σ_i n_i)²`, n_i the cells of connected component i of the cells where `inside` is true (neighbours
/// share a face): the probability that two of these cells, drawn at random, are connected (Renard and Allard 2013,
/// doi:10.1016/j.advwatres.2011.12.001). 0 where there is no such cell.
pub(super) fn connected_pairs(inside: ArrayView3<'_, bool>) -> f64 {
    let (nz, ny, nx) = inside.dim();
    let mut seen = inside.mapv(|inside| !inside);
    let (mut squares, mut total) = (0.0, 0.0);
    for (cell, _) in inside.indexed_iter() {
        let mut open = Vec::new();
        let mut reach = |cell: (usize, usize, usize), open: &mut Vec<_>| {
            if !std::mem::replace(&mut seen[cell], true) {
                open.push(cell);
            }
        };
        reach(cell, &mut open);
        let mut count = 0.0;
        while let Some((k, j, i)) = open.pop() {
            count += 1.0;
            let along = |at: usize, n: usize| [at.checked_sub(1), (at + 1 < n).then_some(at + 1)].into_iter().flatten();
            along(k, nz).for_each(|k| reach((k, j, i), &mut open));
            along(j, ny).for_each(|j| reach((k, j, i), &mut open));
            along(i, nx).for_each(|i| reach((k, j, i), &mut open));
        }
        squares += count * count;
        total += count;
    }
    if total > 0.0 { squares / (total * total) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};

    use super::*;

    #[test]
    fn components_by_hand() {
        // Components of 3, 1 and 2 cells; diagonal neighbours are not connected.
        let map = array![[[1, 1, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]].mapv(|x: i32| x == 1);
        let expected = f64::from(9 + 1 + 4) / 36.0;
        assert_eq!(connected_pairs(map.view()), expected);
        let upright = map.permuted_axes([2, 0, 1]);
        assert_eq!(connected_pairs(upright.view()), expected, "whatever the axes are called");
        assert_eq!(connected_pairs(Array3::from_elem((2, 3, 4), true).view()), 1.0);
        assert_eq!(connected_pairs(Array3::from_elem((2, 3, 4), false).view()), 0.0);
    }
}
