//! lithoscope images the subsurface from few, indirect, noisy measurements when the geology is known only as scenarios,
//! and keeps the result geologically possible.
//!
//! # Symbols
//!
//! | symbol | meaning | shape |
//! | --- | --- | --- |
//! | u | property field on the grid, one value a cell, as the case carries it | n |
//! | v | coefficients of the parameterization | k |
//! | Φ, ū | basis and mean: `u ≈ ū + Φ v` | n × k, n |
//! | θ | the parameterized field `ū + Φ v` | n |
//! | g(u), d | predicted and observed data | m |
//! | C | covariance of the errors; misfits are whitened, `r = C^{-1/2}(d − g(u))` | m × m |
//! | L | realizations of the prior | |
//! | λ, λ_f | weights of the penalty on v and of `‖ū + Φv − u‖²`; objectives use their squares | |
//!
//! Cells are numbered x fastest, then y, then z; y grows north and z up, but in a section the second axis is depth. SI
//! units inside; a property is carried as its value or as a logarithm of it.
//!
//! # The way of the data
//!
//! ```text
//! case.toml ─ case::file ─→ Case (checked SI numbers)
//!     └─ case::study ─→ prior → Ensemble → basis            (realizations cached block by block)
//!                        case::observations → survey → forward, d, C
//!     └─ inversion::Alternation: [Gauss-Newton step on v ⇄ feasible map θ → u] → Estimate
//!     └─ case::results → result folder → report::build → report.html
//! ```
//!
//! # The rooms
//!
//! - [`operator`], [`grid`], [`units`], [`random`], [`error`], [`progress`]: what all others stand on.
//! - [`gpu`]: the only room that names wgpu. [`linalg`]: the only one that names faer; covariance matrices.
//! - [`prior`], [`basis`], [`forward`], [`regularizer`], [`feasible`]: siblings that never import each other.
//! - [`inversion`]: the outer loops; it sees traits, never a physics.
//! - [`mod@check`], [`mod@verify`], [`measure`]: what is right, and how fast.
//! - [`io`]: formats and nothing else. [`report`]: a result folder as a page for a person.
//! - [`mod@case`]: from text to a result folder. `case::study` is the one place that knows every concrete type.
//!
//! A computation that runs on a device exists twice or three times under one name: the definition in f64, as short as
//! the equation; where speed asks for it a fast CPU form; and the WGSL form, which must agree with it within a computed
//! bound (`lithoscope verify`).

pub mod basis;
pub mod case;
pub mod check;
pub mod error;
pub mod feasible;
pub mod forward;
pub mod gpu;
pub mod grid;
pub mod inversion;
pub mod io;
pub mod linalg;
pub mod measure;
pub mod operator;
pub mod prior;
pub mod progress;
pub mod random;
pub mod regularizer;
pub mod report;
#[doc(hidden)]
pub mod testing;
pub mod units;
pub mod verify;
