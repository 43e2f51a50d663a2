//! Gaussian random fields by circulant embedding, and cookie-cutter heterogeneity.
