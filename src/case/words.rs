//! The words of case files for choices that the numerics know as enums.

use super::file::{
    Aggregation, Apply, BasisKind, Dictionary, Face, JudgedBy, Kriging, Labels, NoiseLevel, ObservationKind,
    PublishedError, Regularizer, Repair, Returned, SelectedBy, Side, Split, Weight,
};
use crate::grid::Plane;
use crate::units::Transform;

/// The word for a choice.
pub(super) fn word<'a, T: Copy + PartialEq>(words: &[(&'a str, T)], choice: T) -> &'a str {
    words.iter().find(|(_, c)| *c == choice).map_or("", |(word, _)| word)
}

pub(super) const PLANES: [(&str, Plane); 2] = [("xy", Plane::Xy), ("xz", Plane::Xz)];
pub(super) const TRANSFORMS: [(&str, Transform); 3] =
    [("none", Transform::None), ("log10", Transform::Log10), ("ln", Transform::Ln)];
/// Kinds of bases, with their own keys at their defaults.
pub(super) const BASES: [(&str, BasisKind); 8] = [
    ("pca", BasisKind::Pca),
    ("hybrid", BasisKind::Hybrid),
    ("karhunen-loeve", BasisKind::KarhunenLoeve),
    ("dct", BasisKind::Dct { lowest: None }),
    ("wavelet", BasisKind::Wavelet { vanishing_moments: 10, window: None }),
    ("zonation", BasisKind::Zonation { zones: [8, 8, 1], refined: None }),
    ("cells", BasisKind::Cells),
    ("k-svd", BasisKind::KSvd(Dictionary::DEFAULT)),
];
/// Whether atoms are updated exactly.
pub(super) const UPDATES: [(&str, bool); 2] = [("exact", true), ("approximate", false)];
pub(super) const NOISE_LEVELS: [(&str, NoiseLevel); 3] = [
    ("given", NoiseLevel::Given),
    ("likelihood", NoiseLevel::Likelihood),
    ("cross-validation", NoiseLevel::CrossValidation),
];
pub(super) const LABELS: [(&str, Labels); 2] = [("facies", Labels::Facies), ("property", Labels::Property)];
pub(super) const AGGREGATIONS: [(&str, Aggregation); 4] = [
    ("vote", Aggregation::Vote),
    ("mean", Aggregation::Mean),
    ("weighted-mean", Aggregation::WeightedMean),
    ("center", Aggregation::Center),
];
pub(super) const REGULARIZERS: [(&str, Regularizer); 9] = [
    ("none", Regularizer::None),
    ("gaussian", Regularizer::Gaussian),
    ("group", Regularizer::Group),
    ("l1", Regularizer::L1),
    ("weighted-l1", Regularizer::WeightedL1),
    ("tikhonov-0", Regularizer::Tikhonov(0)),
    ("tikhonov-1", Regularizer::Tikhonov(1)),
    ("tikhonov-2", Regularizer::Tikhonov(2)),
    ("total-variation", Regularizer::TotalVariation),
];
pub(super) const PUBLISHED: [(&str, PublishedError); 4] = [
    ("e1", PublishedError::Square),
    ("e2", PublishedError::Absolute),
    ("head-e1", PublishedError::HeadSquare),
    ("head-e2", PublishedError::HeadAbsolute),
];
/// Weights that are chosen, not given.
pub(super) const WEIGHTS: [(&str, Weight); 4] = [
    ("auto", Weight::Auto),
    ("l-curve", Weight::LCurve),
    ("gcv", Weight::Gcv),
    ("cross-validation", Weight::CrossValidation),
];
pub(super) const RETURNS: [(&str, Returned); 2] = [("best", Returned::Best), ("last", Returned::Last)];
pub(super) const APPLIES: [(&str, Apply); 2] = [("every", Apply::Every), ("last", Apply::Last)];
pub(super) const KRIGINGS: [(&str, Kriging); 2] = [("simple", Kriging::Simple), ("ordinary", Kriging::Ordinary)];
pub(super) const REPAIRS: [(&str, Repair); 2] = [("none", Repair::None), ("gradient", Repair::Gradient)];
pub(super) const SELECTED_BY: [(&str, SelectedBy); 2] =
    [("norm", SelectedBy::Norm), ("evidence", SelectedBy::Evidence)];
pub(super) const JUDGED_BY: [(&str, JudgedBy); 2] =
    [("evidence", JudgedBy::Evidence), ("synthetic-likelihood", JudgedBy::SyntheticLikelihood)];
pub(super) const SPLITS: [(&str, Split); 2] =
    [("common-head", Split::CommonHead), ("transmissivity", Split::Transmissivity)];
/// Whether a fixed head is on faces.
pub(super) const HEADS_ON: [(&str, bool); 2] = [("cells", false), ("faces", true)];
pub(super) const FACES: [(&str, Face); 6] = [
    ("left", Face::Left),
    ("right", Face::Right),
    ("bottom", Face::Low),
    ("top", Face::High),
    ("floor", Face::Floor),
    ("roof", Face::Roof),
];
pub(super) const OBSERVATIONS: [(&str, ObservationKind); 6] = [
    ("head", ObservationKind::Head),
    ("drawdown", ObservationKind::Drawdown),
    ("well-head", ObservationKind::WellHead),
    ("well-drawdown", ObservationKind::WellDrawdown),
    ("rate", ObservationKind::Rate),
    ("property", ObservationKind::Property),
];

/// The sides of a grid: the top of a map is its largest y, the top of a section its least depth.
pub(super) fn sides(plane: Plane) -> [(&'static str, Side); 4] {
    let (top, bottom) = match plane {
        Plane::Xy => (Side::High, Side::Low),
        Plane::Xz => (Side::Low, Side::High),
    };
    [("left", Side::Left), ("right", Side::Right), ("top", top), ("bottom", bottom)]
}
