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

const ALL: [BuiltIn; 4] = [
    BuiltIn { name: "ch5-mapping", text: include_str!("../../cases/ch5-mapping.toml") },
    BuiltIn { name: "ch5-tomo", text: include_str!("../../cases/ch5-tomo.toml") },
    BuiltIn { name: "ch5-tomo-heterogeneous", text: include_str!("../../cases/ch5-tomo-heterogeneous.toml") },
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
