//! The command line of lithoscope: text in, one match, errors printed once, exit codes.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match cli::execute(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lithoscope: {error:#}");
            ExitCode::from(cli::exit_code(&error))
        }
    }
}
