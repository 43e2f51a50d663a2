//! Variogram models and their anisotropy.
