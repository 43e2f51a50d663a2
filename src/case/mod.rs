//! Case files: text becomes a [`Case`] of plain checked SI numbers, or *all* its mistakes at once.

pub mod file;

pub use file::Case;
