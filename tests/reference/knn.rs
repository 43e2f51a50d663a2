//! Reference checks: knn.
