//! Reference checks: gaussian.
