//! Reference checks: snesim.
