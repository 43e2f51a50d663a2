//! Parameterizations u = ū + Φ v.
