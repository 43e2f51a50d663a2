//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lithoscope::gpu::Choice;

/// Images the subsurface from few, indirect measurements when the geology is known only as scenarios.
#[derive(Debug, Parser)]
#[command(name = "lithoscope", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a case: a built-in name (see `case list`) or a TOML file.
    Run(Run),
    /// List, print or check cases.
    Case {
        #[command(subcommand)]
        command: CaseCommand,
    },
    /// Draw the prior alone: training image and realizations.
    Simulate(Simulate),
    /// Predict the data of a given model.
    Forward(Forward),
    /// The GPU adapters, their limits, and the one that `auto` takes.
    Devices {
        /// Consider software adapters too.
        #[arg(long, env = "LITHOSCOPE_ALLOW_SOFTWARE_GPU", value_parser = flag, num_args = 0..=1, default_missing_value = "1", default_value = "0")]
        allow_software: bool,
    },
    /// Compare every kernel with its definition, and test the derivatives of every forward model.
    Verify {
        #[command(flatten)]
        device: Device,
        /// Seed of the random inputs.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Time the kernels on the CPU and the GPU.
    Bench {
        /// Only kernels whose name contains this.
        kernel: Option<String>,
        #[command(flatten)]
        device: Device,
    },
    /// Build `report.html` anew from a result folder.
    Report {
        /// The result folder.
        folder: PathBuf,
    },
    /// Settle the claims of the source document over random references.
    Claims(Claims),
}

#[derive(Debug, Args)]
pub(crate) struct Device {
    /// Where the heavy work runs.
    #[arg(long, value_enum, default_value_t = Backend::Auto)]
    pub(crate) backend: Backend,
    /// Let a software adapter stand for a GPU: right, but slow.
    #[arg(long, env = "LITHOSCOPE_ALLOW_SOFTWARE_GPU", value_parser = flag, num_args = 0..=1, default_missing_value = "1", default_value = "0")]
    pub(crate) allow_software: bool,
}

/// Environment variables say 1 or 0.
fn flag(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" | "yes" => Ok(true),
        "" | "0" | "false" | "no" => Ok(false),
        other => Err(format!("found `{other}`, expected 1 or 0")),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// A hardware GPU where there is one, else the CPU.
    Auto,
    /// A GPU, or an error.
    Gpu,
    /// The CPU in f64.
    Cpu,
}

impl From<Backend> for Choice {
    fn from(backend: Backend) -> Self {
        match backend {
            Backend::Auto => Self::Auto,
            Backend::Gpu => Self::Gpu,
            Backend::Cpu => Self::Cpu,
        }
    }
}

/// The case, and what the command line changes in it.
#[derive(Debug, Args)]
pub(crate) struct CaseArguments {
    /// A built-in name or a TOML file.
    pub(crate) case: String,
    /// The data file, where the case leaves it to the command line.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// The one seed of all random numbers.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Change a key of the case, e.g. `--set inversion.iterations=5` (TOML syntax; may be repeated).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Threads of the CPU (default: all).
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Draw the prior anew and keep it out of the cache.
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// No progress, no summary.
    #[arg(long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) case: CaseArguments,
    #[command(flatten)]
    pub(crate) device: Device,
    /// The result folder (default: runs/NAME-SEED).
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite the result folder.
    #[arg(long)]
    pub(crate) force: bool,
    /// Repeat over this many references.
    #[arg(long, value_name = "R")]
    pub(crate) repeat: Option<u64>,
    /// Go on with an interrupted run of the same case.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Use only the scenarios that an earlier run selected.
    #[arg(long, value_name = "DIR")]
    pub(crate) scenarios_from: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CaseCommand {
    /// The built-in cases.
    List,
    /// A built-in case as TOML, every key explained: a place to start from.
    Show {
        /// Name of the case.
        name: String,
    },
    /// Validate a file: all mistakes at once, and what the run would need.
    Check {
        /// A built-in name or a TOML file.
        file: String,
        /// Change a key of the case first.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Observed data of a case with data.file = "--data": they are checked too.
        #[arg(long, value_name = "FILE")]
        data: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// NumPy arrays, [nz, ny, nx].
    Npy,
    /// GSLIB text, x fastest.
    Gslib,
    /// VTK image data, for ParaView.
    Vti,
}

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    #[command(flatten)]
    pub(crate) case: CaseArguments,
    /// The folder for training images and realizations (default: runs/NAME-SEED-prior).
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Realizations of each scenario (default: the case's).
    #[arg(long, value_name = "L")]
    pub(crate) count: Option<usize>,
    /// Format of the files.
    #[arg(long, value_enum, default_value_t = Format::Npy)]
    pub(crate) format: Format,
    /// Overwrite the folder.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Forward {
    #[command(flatten)]
    pub(crate) case: CaseArguments,
    #[command(flatten)]
    pub(crate) device: Device,
    /// The model: an npy file [nz, ny, nx] of the carried property, such as a run's model.npy.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    /// The CSV file to write (default: standard output).
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Claims {
    /// One claim, e.g. 5.1 (default: all that the built-in cases can settle).
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) device: Device,
    /// References of each claim.
    #[arg(long, value_name = "R", default_value_t = 20)]
    pub(crate) repeat: u64,
    /// The result folder.
    #[arg(long, value_name = "DIR", default_value = "runs/claims")]
    pub(crate) out: PathBuf,
    /// Keep what an interrupted run has finished.
    #[arg(long)]
    pub(crate) resume: bool,
    /// No progress.
    #[arg(long)]
    pub(crate) quiet: bool,
}
