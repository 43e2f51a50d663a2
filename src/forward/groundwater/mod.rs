//! Single-phase groundwater flow in a confined aquifer, steady or transient: `∇·(T ∇h) + q = S ∂h/∂t`.

mod model;
mod time;

pub use crate::forward::straight_ray::Side;
pub use model::{
    Aquifer, Boundary, Cells, Condition, Control, Extra, ExtraKind, Faces, Initial, Observation, Property, Quantity,
    Regime, Scalar, Split, Storage, Well,
};
pub use time::TimeSteps;
