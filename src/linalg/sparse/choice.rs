//! Which method pays, from what both cost.
//!
//! The numbers in a Cholesky factor grow with the layers and slowly with the shorter side of the grid; conjugate
//! gradients cost a fixed number of sweeps a right-hand side. The constants are CPU times measured by `benches/flow.rs`.

/// CPU seconds a cell and right-hand side of multigrid conjugate gradients to 1e-10, in lockstep.
const GRADIENTS: f64 = 0.45e-6;
/// CPU seconds a cell of building the hierarchy.
const HIERARCHY: f64 = 0.7e-6;
/// CPU seconds a cell of ordering and assembling a sparse matrix.
const ORDERING: f64 = 1.2e-6;
/// CPU seconds a number of the factor in its computation, and again for each number beside it in its column.
const FACTORING: [f64; 2] = [5e-9, 0.1e-9];
/// CPU seconds a number of the factor in one solve, and a cell.
const SUBSTITUTION: [f64; 2] = [0.6e-9, 50e-9];
/// Most numbers in a factor: 2 GiB.
const FACTOR_NUMBERS: f64 = (1u64 << 28) as f64;
/// A factorization may cost this much more, because no contrast of conductivities slows it down.
const PREFERENCE: f64 = 2.0;

/// Numbers a cell in the Cholesky factor, about: the fill of a nested dissection of the two longer axes.
fn fill(cells: [usize; 3]) -> f64 {
    let mut sides = cells.map(|count| count as f64);
    sides.sort_by(f64::total_cmp);
    4.0 * sides[0] * (1.0 + sides[1].log2())
}

/// Whether a Cholesky factorization is the method for a grid of `cells` and that many right-hand sides.
pub(super) fn cholesky_pays(cells: [usize; 3], right_hand_sides: usize) -> bool {
    let (n, fill, solves) = (cells.iter().product::<usize>() as f64, fill(cells), right_hand_sides as f64);
    let factorization = n * (ORDERING + fill * (FACTORING[0] + fill * FACTORING[1]));
    let direct = factorization + solves * n * (fill * SUBSTITUTION[0] + SUBSTITUTION[1]);
    let iterative = n * (HIERARCHY + solves * GRADIENTS);
    n * fill <= FACTOR_NUMBERS && direct <= PREFERENCE * iterative
}

#[cfg(test)]
mod tests {
    use super::cholesky_pays;

    #[test]
    fn one_layer_is_factored_and_a_large_block_is_not() {
        assert!(cholesky_pays([200, 200, 1], 1) && cholesky_pays([200, 200, 1], 49));
        assert!(cholesky_pays([100, 100, 9], 270) && !cholesky_pays([100, 100, 9], 1));
        assert!(!cholesky_pays([200, 200, 20], 1) && !cholesky_pays([200, 200, 20], 1000));
    }
}
