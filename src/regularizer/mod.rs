//! Penalties on the property itself: what a field should look like where the data do not say.

pub mod discrete;
