//! Dense linear algebra behind one door, and covariance matrices.

pub mod covariance;
pub mod dense;
pub mod leading;
