//! The template of data events, and the levels of the multiple grid.

/// Offsets (in nodes) of a template of odd size without its centre, nearest first by `√Σ (wₐ hₐ)²`; ties in raster order.
pub(super) fn sorted_offsets(size: [usize; 3], weights: [f64; 3]) -> Vec<[isize; 3]> {
    let half = size.map(|s| (s / 2) as isize);
    let mut offsets = Vec::new();
    for z in -half[2]..=half[2] {
        for y in -half[1]..=half[1] {
            for x in -half[0]..=half[0] {
                if [x, y, z] != [0; 3] {
                    offsets.push([x, y, z]);
                }
            }
        }
    }
    let distance = |h: &[isize; 3]| (0..3).map(|a| (weights[a] * h[a] as f64).powi(2)).sum::<f64>();
    offsets.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    offsets
}

/// Spacing in cells of the nodes of each level, coarsest first, `[1, 1, 1]` last.
///
/// Along each axis it doubles from level to level while the template spans no more than half of the training image and
/// the grid has a second node; levels with equal spacing are one.
pub(super) fn level_spacings(
    grids: usize,
    template: [usize; 3],
    cells: [usize; 3],
    ti_cells: [usize; 3],
) -> Vec<[usize; 3]> {
    let limit: [usize; 3] = std::array::from_fn(|a| {
        let fits = |s: usize| (template[a] - 1) * s <= ti_cells[a] / 2 && s < cells[a];
        (0..grids).map(|g| 1 << g).take_while(|&s| s == 1 || fits(s)).last().unwrap_or(1)
    });
    let mut levels: Vec<[usize; 3]> = (0..grids).rev().map(|g| limit.map(|l| l.min(1 << g))).collect();
    levels.dedup();
    levels
}

/// How many nodes of the coarser level an index of patterns distinguishes: with fewer it serves more of the events near
/// the border of the grid, with more it leaves fewer patterns to compare.
const INDEXED: usize = 10;

/// For each class of nodes (its position between the nodes of the coarser level, x fastest) the nearest template
/// positions that lie on the coarser level; empty where there is none.
pub(super) fn coarse_positions(offsets: &[[isize; 3]], ratio: [usize; 3]) -> Vec<Vec<usize>> {
    let classes = ratio.iter().product::<usize>();
    if classes == 1 {
        return Vec::new();
    }
    let positions = |class: usize| {
        let c = [class % ratio[0], class / ratio[0] % ratio[1], class / (ratio[0] * ratio[1])];
        let coarse = |h: &[isize; 3]| (0..3).all(|a| (h[a] + c[a] as isize).rem_euclid(ratio[a] as isize) == 0);
        (0..offsets.len()).filter(|&p| coarse(&offsets[p])).take(INDEXED).collect()
    };
    (0..classes).map(positions).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_offsets_come_first() {
        let offsets = sorted_offsets([3, 3, 1], [1.0; 3]);
        assert_eq!(offsets[..4], [[0, -1, 0], [-1, 0, 0], [1, 0, 0], [0, 1, 0]]);
        assert_eq!(offsets.len(), 8);
        assert_eq!(sorted_offsets([3, 3, 1], [1.0, 3.0, 1.0])[..2], [[-1, 0, 0], [1, 0, 0]], "y counts as farther");
        assert_eq!(sorted_offsets([5, 3, 3], [1.0; 3]).len(), 44);
    }

    #[test]
    fn spacing_stops_growing_where_image_or_grid_end() {
        let levels = level_spacings(4, [7, 7, 1], [100, 100, 1], [250, 250, 1]);
        assert_eq!(levels, [[8, 8, 1], [4, 4, 1], [2, 2, 1], [1, 1, 1]]);
        let thin = level_spacings(3, [5, 5, 3], [40, 40, 10], [125, 125, 10]);
        assert_eq!(thin, [[4, 4, 2], [2, 2, 2], [1, 1, 1]], "4 nodes apart, 3 nodes of z would span 8 of 10 cells");
    }
}
