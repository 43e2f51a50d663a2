//! Reference checks: rays.
