//! A signal recovered from random measurements: what groups are worth where their truth is known, without any geology.

mod estimate;
mod recovery;
mod run;
mod summary;

pub use estimate::estimate;
pub use recovery::{Measured, Recovered, Reference, recover, scan, selected};
pub use run::run;
pub use summary::Summary;

#[cfg(test)]
mod tests;
