//! Linear algebra behind one door: dense, sparse on a structured grid, and covariance matrices.

pub mod covariance;
pub mod dense;
pub mod sparse;
