//! The wavelet tree: which coefficients go together.

use super::{Coefficient, Wavelets};
use crate::basis::Transform;

impl Wavelets {
    /// The coefficient above a column: of a detail, the one of the same orientation that covers its place at the next
    /// coarser scale (so that each has 2^d children); of the coarsest details, the average at their place; of an
    /// average, none.
    pub fn parent(&self, column: usize) -> Option<usize> {
        let own = self.coefficient(column);
        if own.detail == [false; 3] {
            return None;
        }
        Some(self.column(match own.scale {
            0 => Coefficient { detail: [false; 3], ..own },
            scale => {
                let mut position = own.position;
                self.axes.iter().for_each(|&a| position[a] /= 2);
                Coefficient { scale: scale - 1, position, ..own }
            }
        }))
    }

    /// One group for each coefficient of the finest scale that is kept: its ancestors from the average on, and itself.
    ///
    /// With a window of s scales of details on n_w coefficients in d dimensions, `n_w (1 − 2^{−d})` groups of s + 1.
    pub fn tree_groups(&self) -> Vec<Vec<usize>> {
        let first = self.scales.checked_sub(1).map_or(0, |finest| self.first_column(finest));
        let group = |column: usize| {
            let mut chain: Vec<usize> = std::iter::successors(Some(column), |&c| self.parent(c)).collect();
            chain.reverse();
            chain
        };
        (first..self.columns()).map(group).collect()
    }
}
