//! Multigrid on a structured grid: z by lines, x and y by levels.
//!
//! Aquifers are thin and their cells flat, so z is never coarsened: vertical lines are relaxed as a whole, which also
//! answers any Kv/Kh. Along x and y every second cell is kept, on the axis of the stronger coupling alone where one
//! is much stronger; interpolation follows the operator, and coarse operators are `Pᵀ A P` (9 points on one layer, 27
//! on many). Any size will do.
//!
//! The [`hierarchy`] is built once ([`stencil`], [`interpolation`], [`galerkin`], lines of [`relaxation`]); a
//! [`cycle`] reads it and owns nothing but its vectors.

pub(crate) mod cycle;
pub(crate) mod galerkin;
pub(crate) mod hierarchy;
pub(crate) mod interpolation;
pub(crate) mod relaxation;
pub(crate) mod stencil;
