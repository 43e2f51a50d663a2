//! What a run would need, before it is started: memory, and a rough time.

use std::fmt;

use super::file::*;
use super::overrides::Overrides;
use super::{Experiment, geology, hard_data, observations, signal};
use crate::error::{Error, Result};

/// Data that a file is taken to have before it is read.
const LINES_OF_A_FILE: f64 = 1000.0;

/// What a run would need.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The parts, in the order of the run.
    pub parts: Vec<Part>,
}

/// One part of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it is.
    pub name: &'static str,
    /// Memory that it holds \[bytes\].
    pub bytes: f64,
    /// CPU time on one core \[s\], within a factor of three or so.
    pub seconds: f64,
}

impl Estimate {
    /// Memory of all parts together \[bytes\].
    pub fn bytes(&self) -> f64 {
        self.parts.iter().map(|p| p.bytes).sum()
    }

    /// CPU time of all parts together \[s\].
    pub fn seconds(&self) -> f64 {
        self.parts.iter().map(|p| p.seconds).sum()
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            let (bytes, seconds) = (Bytes(part.bytes), Seconds(part.seconds));
            writeln!(f, "  {:<14}{:>10}{:>12}", part.name, bytes.to_string(), seconds.to_string())?;
        }
        let (bytes, seconds) = (Bytes(self.bytes()).to_string(), Seconds(self.seconds()).to_string());
        write!(f, "  {:<14}{bytes:>10}{seconds:>12}  (CPU time of one core, rough)", "together")
    }
}

struct Bytes(f64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["B", "kB", "MB", "GB", "TB"];
        let power = (self.0.max(1.0).log(1000.0) as usize).min(units.len() - 1);
        write!(f, "{:.0} {}", self.0 / 1000f64.powi(power as i32), units[power])
    }
}

struct Seconds(f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s < 1.0 => write!(f, "< 1 s"),
            s if s < 120.0 => write!(f, "{s:.0} s"),
            s if s < 7200.0 => write!(f, "{:.0} min", s / 60.0),
            s => write!(f, "{:.0} h", s / 3600.0),
        }
    }
}

/// Seconds that SNESIM or direct sampling takes for a cell (25 informed nodes of a 250 × 250 image).
const SECONDS_A_SIMULATED_CELL: f64 = 4e-6;
/// Seconds that a Gaussian field takes for a cell.
const SECONDS_A_GAUSSIAN_CELL: f64 = 3e-7;
/// Multiplications and additions of dense matrices in a second.
const DENSE_RATE: f64 = 5e9;
/// Cells of windows compared in a second.
const MATCH_RATE: f64 = 4e9;

/// Seconds that a cell takes when the equations of a flow model are made ready and solved once.
const SECONDS_A_FLOW_CELL: f64 = 1e-5;
/// Seconds that the heads of one layer take for a cell, by a factorization.
const SECONDS_A_FACTORED_CELL: f64 = 1.5e-6;
/// Seconds that a cell takes in each further solution of the same equations.
const SECONDS_A_SOLVED_CELL: f64 = 5e-7;
/// Seconds that a cosine or wavelet transform takes for a cell.
const SECONDS_A_TRANSFORMED_CELL: f64 = 3e-8;
/// Columns that an energy takes, as a share of the realizations: 0.1 for channels, 0.3 for Gaussian fields.
const COLUMNS_OF_AN_ENERGY: f64 = 0.2;

/// Memory and rough time of a run of `case` and its variants.
pub fn estimate(case: &Case) -> Estimate {
    let mut parts = parts(case);
    let extra = case.variants.iter().flat_map(|variant| {
        let other = &variant.case;
        let has_own_prior =
            (&other.prior, &other.scenarios, &other.hard_data) != (&case.prior, &case.scenarios, &case.hard_data);
        let has_own_basis = has_own_prior || other.basis != case.basis;
        self::parts(other).into_iter().filter(move |part| match part.name {
            "prior" => has_own_prior,
            "basis" => has_own_basis,
            _ => true,
        })
    });
    // Variants run one after the other: their times add, their memory does not.
    let variants = extra.fold(Part { name: "variants", bytes: 0.0, seconds: 0.0 }, |sum, part| Part {
        bytes: sum.bytes.max(part.bytes),
        seconds: sum.seconds + part.seconds,
        ..sum
    });
    if !case.variants.is_empty() {
        parts.push(variants);
    }
    Estimate { parts }
}

/// The parts of one case, with n cells, L realizations of P scenarios, k columns in all, N′ windows of w cells.
fn parts(case: &Case) -> Vec<Part> {
    let n = case.grid.len() as f64;
    let columns = columns(case.basis.rank, case.prior.realizations) * blocks(case);
    [vec![prior(case, n), basis(case, n, columns)], steps(case, n, columns)].concat()
}

/// Bases that lie side by side.
fn blocks(case: &Case) -> f64 {
    if case.basis.kind == BasisKind::Hybrid { case.scenarios.len() as f64 } else { 1.0 }
}

/// Columns of one basis.
fn columns(rank: Rank, realizations: usize) -> f64 {
    rank.largest().map_or(COLUMNS_OF_AN_ENERGY * realizations as f64, |rank| rank as f64)
}

fn prior(case: &Case, n: f64) -> Part {
    let described = case.described();
    let is_gaussian = |s: &Scenario| matches!(s.geology, Geology::Gaussian(_)) || !s.variability.is_empty();
    let bytes_a_cell = match (case.property.has_facies(), described.iter().any(is_gaussian)) {
        (true, false) => 1.0,
        (true, true) => 5.0,
        (false, _) => 4.0,
    };
    // Units of a stack share their realizations among scenarios.
    let share = |unit: &Unit| (unit.types.len() * unit.layers.len()) as f64 / case.grid.cells[2] as f64;
    let fields = match &case.stack {
        Some(stack) => stack.units.iter().map(share).sum(),
        None => case.scenarios.len() as f64,
    };
    let cells = n * fields * case.prior.realizations as f64;
    Part { name: "prior", bytes: cells * bytes_a_cell, seconds: cells * seconds_a_cell(case) }
}

/// Seconds that a realization takes for a cell.
fn seconds_a_cell(case: &Case) -> f64 {
    match case.prior.method {
        Method::Gaussian => SECONDS_A_GAUSSIAN_CELL,
        _ => SECONDS_A_SIMULATED_CELL,
    }
}

fn basis(case: &Case, n: f64, columns: f64) -> Part {
    let all = (case.prior.realizations * case.scenarios.len()) as f64;
    let (blocks, small, bytes_a_number) = match case.basis.kind {
        BasisKind::Hybrid => (blocks(case), case.prior.realizations as f64, 4.0),
        BasisKind::Pca => (1.0, all, 8.0),
        BasisKind::KarhunenLoeve => (1.0, n, 8.0),
        BasisKind::KSvd(_) => (1.0, all, 4.0),
        _ => return Part { name: "basis", bytes: 8.0 * n, seconds: SECONDS_A_TRANSFORMED_CELL * all * n },
    };
    let operations = blocks * (small * small * n.min(1e4 * small) + 10.0 * small.powi(3)) + small * columns * n;
    let (columns, operations) = match case.basis.kind {
        BasisKind::KSvd(dictionary) => (dictionary.learned_rank as f64, operations + learning(dictionary, all)),
        _ => (columns, operations),
    };
    let bytes = bytes_a_number * n * columns + 16.0 * blocks * small * small;
    Part { name: "basis", bytes, seconds: operations / DENSE_RATE }
}

/// Operations that learning a dictionary of L realizations takes: their codes, and updates of the atoms that they use.
fn learning(dictionary: Dictionary, realizations: f64) -> f64 {
    let Dictionary { atoms, sparsity, learned_rank, iterations, .. } = dictionary;
    let (k, s, t) = (atoms as f64, sparsity as f64, learned_rank as f64);
    f64::from(iterations) * realizations * (k * t + s * s * k + 4.0 * s * t)
}

/// The u-step and the v-step.
fn steps(case: &Case, n: f64, columns: f64) -> Vec<Part> {
    let mut parts = Vec::new();
    let iterations = case.inversion.iterations as f64;
    let mut maps: Vec<(&Feasible, f64)> = case.feasible.iter().map(|feasible| (feasible, iterations)).collect();
    if let Some(mapping) = &case.mapping {
        if case.physics.is_none() {
            maps.clear();
        }
        maps.extend(mapping.variants.iter().map(|v| (&v.feasible, mapping.references as f64)));
    }
    if !maps.is_empty() {
        let costs: Vec<_> = maps.iter().map(|(feasible, count)| map(case, feasible, n, columns, *count)).collect();
        let bytes = costs.iter().map(|c| c.0).fold(0.0, f64::max);
        parts.push(Part { name: "feasible map", bytes, seconds: costs.iter().map(|c| c.1).sum() });
    }
    if case.physics.is_some() {
        let stage = |steps: f64, columns: f64| {
            let (bytes, seconds) = step(case, n, columns);
            Part { name: "inversion", bytes, seconds: steps * seconds }
        };
        let folds = 1.0 + case.inversion.cross_validation as f64;
        parts.push(stage(iterations * case.inversion.steps as f64 * folds, columns));
        if let Some(selection) = &case.selection {
            let columns = self::columns(selection.rank, case.prior.realizations) * case.scenarios.len() as f64;
            let part = stage((selection.iterations * selection.steps) as f64, columns);
            parts.push(Part { name: "selection", bytes: part.bytes + 4.0 * n * columns, ..part });
        }
        if let Some(verdict) = &case.verdict {
            let drawn = verdict.simulations.saturating_sub(case.prior.realizations) as f64;
            let seconds = verdict.simulations as f64 * simulation(case, n) + drawn * n * seconds_a_cell(case);
            parts.push(Part { name: "simulations", bytes: 0.0, seconds: case.scenarios.len() as f64 * seconds });
        }
    }
    parts
}

/// Bytes and seconds of one Gauss-Newton step with k columns.
fn step(case: &Case, n: f64, k: f64) -> (f64, f64) {
    let times = |o: &Observation| match &case.physics {
        Some(Physics::Groundwater(Groundwater { time: Some(time), .. })) if o.kind != ObservationKind::Property => {
            if o.times.is_empty() { time.count() } else { o.times.len() }
        }
        _ => 1,
    };
    let data = |o: &Observation| o.places.count(&case.grid) * o.layers.len().max(1) * times(o);
    let (properties, flows): (Vec<_>, Vec<_>) =
        case.observations.iter().partition(|o| o.kind == ObservationKind::Property);
    let count = |observations: &[&Observation]| observations.iter().map(|o| data(o)).sum::<usize>() as f64;
    // How many lines a file has is not known here.
    let in_file = if case.data.as_ref().is_some_and(Data::is_one_file) { LINES_OF_A_FILE } else { 0.0 };
    let (properties, flows) = (count(&properties), count(&flows).max(in_file));
    let (m, linearize, bytes) = match &case.physics {
        Some(Physics::StraightRays(rays)) => {
            let (m, entries) = straight_rays(case, rays);
            (m, entries * k / DENSE_RATE, 8.0 * entries)
        }
        Some(Physics::Groundwater(flow)) => {
            let steps = flow.time.as_ref().map_or(1.0, |time| time.count() as f64);
            let solutions = flows.min(k) * SECONDS_A_SOLVED_CELL + SECONDS_A_FLOW_CELL;
            (flows, n * solutions * steps + flows * n * k / DENSE_RATE, 8.0 * n * (flows.min(k) + steps + 60.0))
        }
        Some(Physics::Map) | None => (0.0, 0.0, 0.0),
    };
    let m = m + properties;
    (bytes + 8.0 * m * k, linearize + m.min(k) * m * k / DENSE_RATE)
}

/// Number of rays, and of their pieces in cells.
fn straight_rays(case: &Case, rays: &StraightRays) -> (f64, f64) {
    let count = |arrays: &[Antennas]| arrays.iter().map(Antennas::count).sum::<usize>() as f64;
    let m = (count(&rays.sources) * count(&rays.receivers)).max(LINES_OF_A_FILE);
    (m, m * case.grid.cells.iter().sum::<usize>() as f64)
}

/// Seconds that the forward model takes for the data of one field; of pumping tests in files for one of them.
fn simulation(case: &Case, n: f64) -> f64 {
    match &case.physics {
        Some(Physics::Groundwater(flow)) => {
            let a_cell = if case.grid.cells[2] == 1 { SECONDS_A_FACTORED_CELL } else { SECONDS_A_FLOW_CELL };
            n * a_cell * flow.time.as_ref().map_or(1.0, |time| time.count() as f64)
        }
        Some(Physics::StraightRays(rays)) => straight_rays(case, rays).1 / DENSE_RATE,
        Some(Physics::Map) | None => 0.0,
    }
}

/// Bytes and seconds of `count` feasible maps.
fn map(case: &Case, feasible: &Feasible, n: f64, rank: f64, count: f64) -> (f64, f64) {
    let extent = feasible.window.extent(&case.grid);
    let window: f64 = extent.iter().map(|&w| w as f64).product();
    let positions: f64 = (0..3).map(|a| (case.grid.cells[a] + 1).saturating_sub(extent[a]) as f64).product();
    let features = match feasible.features {
        Features::All => window,
        Features::Subset(n) | Features::Projection(n) => n as f64,
    };
    let library = feasible.library as f64;
    let seconds = positions * feasible.fraction * (library * features + feasible.neighbours as f64 * window)
        / MATCH_RATE
        + case.prior.realizations.min(feasible.library) as f64 * rank * n / DENSE_RATE;
    (library * (4.0 * features + window), count * seconds)
}

/// What `lithoscope case check` says of a case without mistakes.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    /// The case.
    pub experiment: Experiment,
    /// What a run would need.
    pub estimate: Estimate,
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.experiment {
            Experiment::Imaging(case) => imaging(case, f)?,
            Experiment::Signal(signal) => {
                let Signal { name, entries, .. } = &**signal;
                let (methods, measurements) = (signal.methods.len(), signal.measurements.len());
                write!(f, "{name}: no mistakes; {entries} entries, {methods} methods, ")?;
                writeln!(f, "{measurements} numbers of measurements")?;
            }
        }
        write!(f, "{}", self.estimate)
    }
}

fn imaging(case: &Case, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let [nx, ny, nz] = case.grid.cells;
    let Case { name, scenarios, prior, variants, .. } = case;
    write!(f, "{name}: no mistakes; {nx} x {ny} x {nz} cells, {} realizations", prior.realizations)?;
    if scenarios.len() > 1 {
        write!(f, " of each of {} scenarios", scenarios.len())?;
    }
    if !variants.is_empty() {
        write!(f, ", {} variants", variants.len())?;
    }
    writeln!(f)?;
    if case.data.as_ref().is_some_and(|d| d.source == DataSource::CommandLine) {
        writeln!(f, "a run needs --data FILE")?;
    }
    Ok(())
}

/// The files of a case that are not there, and images that cannot be used, each with its key.
fn unusable_files(case: &Case) -> Vec<String> {
    let data = case.data.as_ref().and_then(|data| match &data.source {
        DataSource::File(file) => Some(("data.file", file)),
        _ => None,
    });
    let hard_data = case.hard_data.as_ref().and_then(|h| h.file.as_ref()).map(|file| ("hard_data.file", file));
    let absent = data.into_iter().chain(hard_data).filter(|(_, file)| !file.exists());
    let absent = absent.map(|(key, file)| format!("{key}: there is no file {}", file.display()));
    absent.chain(geology::unusable_images(case)).collect()
}

/// Checks a case file (or a built-in case): all its mistakes, the files that it names, and what a run would need.
///
/// # Errors
/// All mistakes of the case, or a file that it names and that is not there.
pub fn check(name: &str, overrides: &Overrides) -> Result<CheckReport> {
    let case = match Experiment::load(name, overrides)? {
        Experiment::Imaging(case) => *case,
        Experiment::Signal(signal) => {
            let estimate = signal::estimate(&signal);
            return Ok(CheckReport { experiment: Experiment::Signal(signal), estimate });
        }
    };
    let mut lines = unusable_files(&case);
    for variant in &case.variants {
        let own = unusable_files(&variant.case).into_iter().filter(|line| !lines.contains(line));
        let own: Vec<String> = own.map(|line| format!("in the variant \"{}\": {line}", variant.name)).collect();
        lines.extend(own);
    }
    if !lines.is_empty() {
        let lines: Vec<String> = lines.iter().map(|line| format!("{name}: {line}")).collect();
        return Err(Error::Case(lines.join("\n")));
    }
    let case = hard_data::resolved(&case)?;
    for case in std::iter::once(&case).chain(case.variants.iter().map(|variant| &variant.case)) {
        if !case.data.as_ref().is_some_and(|data| data.source == DataSource::CommandLine) {
            observations::check(case)?;
        }
    }
    let estimate = estimate(&case);
    Ok(CheckReport { experiment: Experiment::Imaging(Box::new(case)), estimate })
}
