//! Case files: text becomes a [`Case`] of plain checked SI numbers, or *all* its mistakes at once.

pub mod cache;
mod checkpoint;
pub mod claims;
pub mod ensemble;
pub mod file;
mod files;
pub mod folder;
pub mod geology;
pub mod mapping;
pub mod matching;
pub mod observations;
pub mod predict;
mod results;
pub mod run;
pub mod simulate;
pub mod study;
pub mod summary;

pub use file::Case;
