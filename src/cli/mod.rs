//! The commands: each turns arguments into one call of the library and prints what comes back.

mod arguments;
mod commands;
mod terminal;

pub(crate) use arguments::Arguments;
pub(crate) use commands::execute;

/// The exit code of an error: its own where it comes from the library, else 2 (what the user gave cannot be used).
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    error.downcast_ref::<lithoscope::error::Error>().map_or(2, lithoscope::error::Error::exit_code)
}
