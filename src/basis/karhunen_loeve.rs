//! The Karhunen–Loève basis of a Gaussian prior.
