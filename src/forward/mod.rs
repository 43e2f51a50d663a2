//! The physics: what a property field would make the instruments read.

pub mod cells;
pub mod combined;
pub mod groundwater;
pub mod scaled;
pub mod stacked;
pub mod straight_ray;

/// One measurement: what it is, where, and in which unit files carry it.
#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    /// Kind of measurement, e.g. `"travel_time"`, `"head"`: data of one kind share a unit and a default noise level.
    pub kind: &'static str,
    /// Name in the user's file, or a number.
    pub id: String,
    /// Where: source of a ray, cell of a head \[m\].
    pub at: [f64; 3],
    /// Receiver of a ray \[m\].
    pub to: Option<[f64; 3]>,
    /// When \[s\]; `None` where time means nothing.
    pub time: Option<f64>,
}
