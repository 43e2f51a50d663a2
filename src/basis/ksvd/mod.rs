//! Learned dictionaries: k-SVD with batch orthogonal matching pursuit.

mod codes;
mod lanes;
mod learn;
mod pursuit;
mod update;

#[cfg(test)]
mod tests;

pub use codes::SparseCodes;
pub use learn::{LearnOptions, State, learn};
pub use pursuit::{Pursuit, Selection, Stop};
pub use update::AtomUpdate;
