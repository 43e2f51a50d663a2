//! lithoscope images the subsurface from few, indirect measurements when the geology is known only as scenarios.

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
pub mod report;
#[doc(hidden)]
pub mod testing;
pub mod units;
pub mod verify;
