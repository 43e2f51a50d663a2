//! The cases that the program carries.

use crate::error::{Error, Result};
use crate::units;

/// A case that the program carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// Its TOML text.
    pub text: &'static str,
}

const ALL: [BuiltIn; 24] = [
    BuiltIn { name: "ch2-pumping-dct", text: include_str!("../../cases/ch2-pumping-dct.toml") },
    BuiltIn { name: "ch2-pumping-wavelet", text: include_str!("../../cases/ch2-pumping-wavelet.toml") },
    BuiltIn { name: "ch2-signal", text: include_str!("../../cases/ch2-signal.toml") },
    BuiltIn { name: "ch2-tomo-wavelet", text: include_str!("../../cases/ch2-tomo-wavelet.toml") },
    BuiltIn { name: "ch3-energy", text: include_str!("../../cases/ch3-energy.toml") },
    BuiltIn { name: "ch3-identify", text: include_str!("../../cases/ch3-identify.toml") },
    BuiltIn { name: "ch3-pumping-2d", text: include_str!("../../cases/ch3-pumping-2d.toml") },
    BuiltIn { name: "ch3-pumping-3d-channel", text: include_str!("../../cases/ch3-pumping-3d-channel.toml") },
    BuiltIn { name: "ch3-pumping-3d-gaussian", text: include_str!("../../cases/ch3-pumping-3d-gaussian.toml") },
    BuiltIn { name: "ch3-tomo-channel", text: include_str!("../../cases/ch3-tomo-channel.toml") },
    BuiltIn { name: "ch3-tomo-gaussian", text: include_str!("../../cases/ch3-tomo-gaussian.toml") },
    BuiltIn { name: "ch4-pumping-200", text: include_str!("../../cases/ch4-pumping-200.toml") },
    BuiltIn { name: "ch4-pumping-drawdown", text: include_str!("../../cases/ch4-pumping-drawdown.toml") },
    BuiltIn { name: "ch4-tomo-3facies", text: include_str!("../../cases/ch4-tomo-3facies.toml") },
    BuiltIn { name: "ch5-mapping", text: include_str!("../../cases/ch5-mapping.toml") },
    BuiltIn { name: "ch5-pumping", text: include_str!("../../cases/ch5-pumping.toml") },
    BuiltIn { name: "ch5-tomo", text: include_str!("../../cases/ch5-tomo.toml") },
    BuiltIn { name: "ch5-tomo-heterogeneous", text: include_str!("../../cases/ch5-tomo-heterogeneous.toml") },
    BuiltIn { name: "ch6-pumping", text: include_str!("../../cases/ch6-pumping.toml") },
    BuiltIn { name: "ch6-pumping-200", text: include_str!("../../cases/ch6-pumping-200.toml") },
    BuiltIn { name: "ch6-tomo", text: include_str!("../../cases/ch6-tomo.toml") },
    BuiltIn { name: "ch6-twostage", text: include_str!("../../cases/ch6-twostage.toml") },
    BuiltIn { name: "ch6-weights", text: include_str!("../../cases/ch6-weights.toml") },
    BuiltIn { name: "crosshole-csv", text: include_str!("../../cases/crosshole-csv.toml") },
];

/// All built-in cases.
pub fn list() -> &'static [BuiltIn] {
    &ALL
}

/// The built-in case of this name.
///
/// # Errors
/// An unknown name; the message gives the nearest one and all.
pub fn get(name: &str) -> Result<BuiltIn> {
    if let Some(built_in) = ALL.iter().find(|b| b.name == name) {
        return Ok(*built_in);
    }
    let names = ALL.map(|b| b.name);
    let nearest = units::nearest(name, names).map_or(String::new(), |near| format!("did you mean \"{near}\"? "));
    let remedy = format!("{nearest}built-in cases: {}; or give the name of a TOML file", names.join(", "));
    Err(Error::input("case", format!("there is no built-in case \"{name}\" and no such file"), remedy))
}
