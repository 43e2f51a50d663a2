//! Dense linear algebra behind one door, and covariance matrices.
