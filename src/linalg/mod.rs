//! Linear algebra behind one door: dense, sparse on a structured grid, covariance matrices and Fourier transforms.

pub mod covariance;
pub mod dense;
pub mod fourier;
pub mod leading;
pub(crate) mod rows;
pub(crate) mod single;
pub mod sparse;
