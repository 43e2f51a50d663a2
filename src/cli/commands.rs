//! What each command does.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use lithoscope::case::{self, Case, Experiment, Overrides, claims, run, signal};
use lithoscope::error::Error;
use lithoscope::gpu::{self, Choice, Gpu};
use lithoscope::{report, verify};

use super::arguments::{self, Arguments, Backend, CaseArguments, CaseCommand, Command, Device};
use super::terminal::Terminal;

/// Runs the command that was typed.
pub(crate) fn execute(arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::Run(arguments) => run_case(&arguments),
        Command::Case { command } => cases(&command),
        Command::Simulate(arguments) => simulate(&arguments),
        Command::Forward(arguments) => forward(&arguments),
        Command::Devices { allow_software } => devices(allow_software),
        Command::Verify { device, seed } => verify_kernels(&device, seed),
        Command::Bench { kernel, device } => bench(&device, kernel.as_deref().unwrap_or("")),
        Command::Report { folder } => {
            report::build(&folder)?;
            print(&format!("{}", folder.join("report.html").display()));
            Ok(())
        }
        Command::Claims(arguments) => settle(&arguments),
    }
}

/// Standard output is for results; a closed pipe is no reason to panic.
fn print(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn open(device: &Device) -> Result<Option<Arc<Gpu>>> {
    match gpu::choose(device.backend.into(), device.allow_software) {
        Ok(gpu) => Ok(gpu.map(Arc::new)),
        Err(error) if device.backend == Backend::Auto => {
            eprintln!("warning: {error}\nthe CPU does the work");
            Ok(None)
        }
        Err(error) => Err(Error::from(error).into()),
    }
}

/// Begins the threads that the command line asks for, and collects what it changes in the case.
fn overrides(arguments: &CaseArguments) -> Result<Overrides> {
    if let Some(threads) = arguments.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .with_context(|| format!("--threads {threads}"))?;
    }
    Ok(Overrides { set: arguments.set.clone(), seed: arguments.seed, data: arguments.data.clone() })
}

/// The case of an image with everything that the command line changes in it.
fn load(arguments: &CaseArguments) -> Result<Case> {
    Ok(Case::load(&arguments.case, &overrides(arguments)?)?)
}

fn typed() -> String {
    let words = std::env::args().skip(1).map(|word| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+%".contains(c);
        if !word.is_empty() && word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
    });
    std::iter::once("lithoscope".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

fn run_case(arguments: &arguments::Run) -> Result<()> {
    let experiment = Experiment::load(&arguments.case.case, &overrides(&arguments.case)?)?;
    let terminal = Terminal::new(arguments.case.quiet)?;
    let options = run::Options {
        out: arguments.out.clone(),
        existing: case::folder::Existing { force: arguments.force, resume: arguments.resume },
        repeat: arguments.repeat,
        scenarios_from: arguments.scenarios_from.clone(),
        cache: !arguments.case.no_cache,
        fall_back: arguments.device.backend == Backend::Auto,
        command: typed(),
    };
    let finished = match experiment {
        Experiment::Imaging(case) => run::run(&case, open(&arguments.device)?, &options, &terminal)?,
        Experiment::Signal(signal) => signal::run(&signal, &options, &terminal)?,
    };
    if !arguments.case.quiet {
        if finished.found {
            print("a complete run of this case is here already (--force runs it again)");
        } else {
            print(&case::summary::digest(&finished.folder)?);
        }
        print(&format!("{}", finished.folder.display()));
    }
    Ok(())
}

fn cases(command: &CaseCommand) -> Result<()> {
    match command {
        CaseCommand::List => {
            for built_in in case::built_in::list() {
                // The command line has no --data yet: what a case leaves to it is no mistake here.
                let experiment = Experiment::load(built_in.name, &Overrides::default())?;
                print(&format!("{:24} {}", built_in.name, experiment.title()));
            }
        }
        CaseCommand::Show { name } => {
            let shown = match Experiment::load(name, &Overrides::default())? {
                Experiment::Imaging(case) => case::documentation::show(&case),
                Experiment::Signal(signal) => case::documentation::show_signal(&signal),
            };
            print(shown.trim_end());
        }
        CaseCommand::Check { file, set, data } => {
            let overrides = Overrides { set: set.clone(), data: data.clone(), ..Overrides::default() };
            print(&case::estimate::check(file, &overrides)?.to_string());
        }
    }
    Ok(())
}

fn simulate(arguments: &arguments::Simulate) -> Result<()> {
    let mut case = load(&arguments.case)?;
    if let Some(count) = arguments.count {
        if count == 0 {
            return Err(Error::input("--count", "0 realizations", "draw at least one").into());
        }
        case.prior.realizations = count;
    }
    let format = match arguments.format {
        arguments::Format::Npy => case::simulate::Format::Npy,
        arguments::Format::Gslib => case::simulate::Format::Gslib,
        arguments::Format::Vti => case::simulate::Format::Vti,
    };
    let terminal = Terminal::new(arguments.case.quiet)?;
    let folder = case::simulate::simulate(
        &case,
        format,
        arguments.out.as_deref(),
        arguments.force,
        !arguments.case.no_cache,
        &terminal,
    )?;
    print(&format!("{}", folder.display()));
    Ok(())
}

fn forward(arguments: &arguments::Forward) -> Result<()> {
    let case = load(&arguments.case)?;
    let terminal = Terminal::new(arguments.case.quiet)?;
    let gpu = open(&arguments.device)?;
    let text = case::predict::predict(&case, &arguments.model, gpu, &terminal)?;
    match &arguments.out {
        Some(path) => lithoscope::io::atomic::write(path, |to| to.write_all(text.as_bytes()))?,
        None => print(text.trim_end()),
    }
    Ok(())
}

fn devices(allow_software: bool) -> Result<()> {
    let found = gpu::adapters();
    let taken = found.iter().position(|a| allow_software || !a.software);
    if found.is_empty() {
        print("no adapter: the CPU does the work");
    }
    for (i, adapter) in found.iter().enumerate() {
        print(&format!(
            "{} {} ({}, {})",
            if Some(i) == taken { "*" } else { " " },
            adapter.name,
            adapter.backend,
            adapter.kind
        ));
        print(&format!("    driver {}", adapter.driver));
        print(&format!(
            "    storage binding {} MiB, workgroup memory {} KiB, subgroups {}-{}, f64 {}, timestamps {}{}",
            adapter.max_binding >> 20,
            adapter.workgroup_memory >> 10,
            adapter.subgroup.0,
            adapter.subgroup.1,
            if adapter.f64_and_timestamps.0 { "yes" } else { "no" },
            if adapter.f64_and_timestamps.1 { "yes" } else { "no" },
            if adapter.software { "; software: only with --allow-software" } else { "" },
        ));
    }
    match taken {
        Some(i) => print(&format!("--backend auto takes {}", found[i].name)),
        None => print("--backend auto takes the CPU"),
    }
    Ok(())
}

/// The device of a check: no adapter is an error unless the CPU was asked for.
fn checked_device(device: &Device) -> Result<Option<Arc<Gpu>>> {
    let choice = match Choice::from(device.backend) {
        Choice::Cpu => Choice::Cpu,
        Choice::Auto | Choice::Gpu => Choice::Gpu,
    };
    Ok(gpu::choose(choice, device.allow_software).map_err(Error::from)?.map(Arc::new))
}

fn verify_kernels(device: &Device, seed: u64) -> Result<()> {
    let gpu = checked_device(device)?;
    print(&match &gpu {
        Some(gpu) => format!("{} against the CPU", gpu.summary().name),
        None => "the CPU alone: derivatives, no kernels".into(),
    });
    let outcomes = verify::verify(gpu.as_deref(), seed)?;
    print(&format!("{:32} {:>11} {:>11} {:>7}  {:4}  {}", "check", "error", "bound", "ratio", "", "worst case"));
    for o in &outcomes {
        let verdict = if o.passed() { "ok" } else { "OVER" };
        let ratio = if o.error == 0.0 { 0.0 } else { o.error / o.bound };
        print(&format!("{:32} {:11.3e} {:11.3e} {:7.3}  {verdict:4}  {}", o.name, o.error, o.bound, ratio, o.case));
    }
    let over = outcomes.iter().filter(|o| !o.passed()).count();
    if over > 0 {
        return Err(Error::CheckFailed(format!("{over} of {} checks are over their bound", outcomes.len())).into());
    }
    print(&format!("{} checks within their bounds", outcomes.len()));
    Ok(())
}

fn bench(device: &Device, kernel: &str) -> Result<()> {
    let gpu = open(device)?;
    let ceiling = match &gpu {
        Some(gpu) => {
            let ceiling = gpu::ceiling(gpu).map_err(Error::from)?;
            print(&format!(
                "{}: measured ceilings {:.0} GB/s, {:.2} Tflop/s (f32)",
                gpu.summary().name,
                ceiling.bytes_per_second / 1e9,
                ceiling.flops_per_second / 1e12
            ));
            Some(ceiling)
        }
        None => {
            print("no device: CPU times alone");
            None
        }
    };
    print(&format!(
        "{:28} {:40} {:>10} {:>10} {:>10} {:>10} {:>7} {:>8}",
        "kernel", "size", "CPU s", "CPU wall", "GPU s", "GPU wall", "CPU/GPU", "ceiling"
    ));
    let measured = verify::bench(gpu.as_deref(), kernel)?;
    if measured.is_empty() {
        return Err(Error::input(
            "bench",
            format!("no kernel's name contains \"{kernel}\""),
            "lithoscope bench lists them all",
        )
        .into());
    }
    for m in measured {
        let seconds = |s: Option<f64>| s.map_or_else(|| "-".into(), |s| format!("{s:.5}"));
        let ratio = m.gpu_wall.map_or_else(|| "-".into(), |s| format!("{:.1}", m.cpu_wall / s));
        let fraction = ceiling.zip(m.gpu_seconds).map_or_else(
            || "-".into(),
            |(c, s)| format!("{:.1} %", 100.0 * (m.flops / c.flops_per_second).max(m.bytes / c.bytes_per_second) / s),
        );
        print(&format!(
            "{:28} {:40} {:10.4} {:10.4} {:>10} {:>10} {:>7} {:>8}",
            m.kernel,
            m.size,
            m.cpu_seconds,
            m.cpu_wall,
            seconds(m.gpu_seconds),
            seconds(m.gpu_wall),
            ratio,
            fraction
        ));
    }
    Ok(())
}

fn settle(arguments: &arguments::Claims) -> Result<()> {
    let gpu = open(&arguments.device)?;
    let terminal = Terminal::new(arguments.quiet)?;
    let options = claims::Options {
        id: arguments.id.clone(),
        repeat: arguments.repeat,
        resume: arguments.resume,
        out: Path::new(&arguments.out).to_owned(),
    };
    for verdict in claims::settle(&options, gpu, &terminal)? {
        print(&verdict.to_string());
    }
    print(&format!("{}", arguments.out.display()));
    Ok(())
}
