//! The feasible set: the geologically possible map nearest to a parameterized one, by matching windows against a
//! learning set and letting the matches vote.
//!
//! Pairs of windows, features from parameterized realizations `r_i = ū + ΦΦᵀ(u_i − ū)` and labels from the realizations
//! `u_i`, form a [`LearningSet`]. A [`PatternMap`] cuts windows from θ at [`Positions`], finds the k windows of the
//! learning set nearest to each ([`Matches`]: exact, ties by lower number), and lets the labels of these vote for every
//! cell that they cover ([`Aggregation`]). [`HardData`] bind the map.

mod components;
mod definition;
mod device;
mod distance;
mod hard_data;
mod learning_set;
mod map;
mod nearest;
mod options;
mod places;
mod positions;
mod template;
mod timing;
mod verify;
mod vote;

pub use device::shaders;
pub use hard_data::HardData;
pub use learning_set::{LabelKind, Labels, LearningSet, Source, Window};
pub use map::{MapReport, PatternMap};
pub use nearest::{Description, Matches};
pub use options::Options;
pub use positions::Positions;
pub use template::{Run, Stencil, Template};
pub use timing::measure;
pub use verify::{verify, verify_scenes};
pub use vote::{Aggregation, threshold};

pub use crate::operator::{FeasibleMap, Projection};
