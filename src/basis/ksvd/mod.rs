//! Sparse coding in dictionaries: batch orthogonal matching pursuit.

mod codes;
mod lanes;
mod pursuit;

#[cfg(test)]
mod tests;

pub use codes::SparseCodes;
pub use pursuit::{Pursuit, Selection, Stop};
