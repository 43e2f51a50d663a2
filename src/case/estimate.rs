//! What a run would need, before it is started: memory, and a rough time.

use std::fmt;

use super::file::*;
use super::overrides::Overrides;
use super::{hard_data, observations};
use crate::error::{Error, Result};

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

/// Memory and rough time of a run of `case`, with n cells, L realizations of P scenarios, rank k, N′ windows of w cells.
pub fn estimate(case: &Case) -> Estimate {
    let n = case.grid.len() as f64;
    let realizations = (case.prior.realizations * case.scenarios.len()) as f64;
    let rank = case.basis.rank.largest().unwrap_or(case.prior.realizations) as f64;
    Estimate {
        parts: [vec![prior(case, n, realizations), basis(case, n, realizations, rank)], steps(case, n, rank)].concat(),
    }
}

fn prior(case: &Case, n: f64, realizations: f64) -> Part {
    let is_gaussian = |s: &Scenario| matches!(s.geology, Geology::Gaussian(_)) || !s.variability.is_empty();
    let bytes_a_cell = match (case.property.has_facies(), case.scenarios.iter().any(is_gaussian)) {
        (true, false) => 1.0,
        (true, true) => 5.0,
        (false, _) => 4.0,
    };
    let seconds_a_cell = match case.prior.method {
        Method::Gaussian => SECONDS_A_GAUSSIAN_CELL,
        _ => SECONDS_A_SIMULATED_CELL,
    };
    let cells = n * realizations;
    Part { name: "prior", bytes: cells * bytes_a_cell, seconds: cells * seconds_a_cell }
}

fn basis(case: &Case, n: f64, realizations: f64, rank: f64) -> Part {
    let small = match case.basis.kind {
        BasisKind::Pca | BasisKind::Hybrid => realizations,
        BasisKind::KarhunenLoeve => n,
    };
    let operations = small * small * n.min(1e4 * small) + 10.0 * small.powi(3) + small * rank * n;
    Part { name: "basis", bytes: 8.0 * (n * rank + 2.0 * small * small), seconds: operations / DENSE_RATE }
}

/// The u-step and the v-step.
fn steps(case: &Case, n: f64, rank: f64) -> Vec<Part> {
    let mut parts = Vec::new();
    let maps: Vec<(&Feasible, f64)> = match (&case.mapping, &case.feasible) {
        (Some(mapping), _) => mapping.variants.iter().map(|v| (&v.feasible, mapping.references as f64)).collect(),
        (None, Some(feasible)) => vec![(feasible, case.inversion.iterations as f64)],
        (None, None) => Vec::new(),
    };
    if !maps.is_empty() {
        let costs: Vec<_> = maps.iter().map(|(feasible, count)| map(case, feasible, n, rank, *count)).collect();
        let bytes = costs.iter().map(|c| c.0).fold(0.0, f64::max);
        parts.push(Part { name: "feasible map", bytes, seconds: costs.iter().map(|c| c.1).sum() });
    }
    if let Some(Physics::StraightRays(rays)) = &case.physics {
        let count = |arrays: &[Antennas]| arrays.iter().map(Antennas::count).sum::<usize>() as f64;
        let data = (count(&rays.sources) * count(&rays.receivers)).max(1000.0);
        let cells_a_ray = case.grid.cells.iter().sum::<usize>() as f64;
        let steps =
            (case.inversion.iterations * case.inversion.steps) as f64 * (1.0 + case.inversion.cross_validation as f64);
        let operations = data * cells_a_ray * rank + rank * rank * (data + rank);
        let bytes = 8.0 * (data * rank + data * cells_a_ray);
        parts.push(Part { name: "inversion", bytes, seconds: steps * operations / DENSE_RATE });
    }
    parts
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
    pub case: Case,
    /// What a run would need.
    pub estimate: Estimate,
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [nx, ny, nz] = self.case.grid.cells;
        let Case { name, scenarios, prior, .. } = &self.case;
        let realizations = prior.realizations * scenarios.len();
        writeln!(f, "{name}: no mistakes; {nx} x {ny} x {nz} cells, {realizations} realizations")?;
        if self.case.data.as_ref().is_some_and(|d| d.source == DataSource::CommandLine) {
            writeln!(f, "a run needs --data FILE")?;
        }
        write!(f, "{}", self.estimate)
    }
}

/// Checks a case file (or a built-in case): all its mistakes, the files that it names, and what a run would need.
///
/// # Errors
/// All mistakes of the case, or a file that it names and that is not there.
pub fn check(name: &str, overrides: &Overrides) -> Result<CheckReport> {
    let case = Case::load(name, overrides)?;
    let images = case.scenarios.iter().enumerate().filter_map(|(i, s)| match &s.geology {
        Geology::ImageFile(file) => Some((format!("scenario[{}].image", i + 1), file)),
        _ => None,
    });
    let data = case.data.as_ref().and_then(|d| match &d.source {
        DataSource::File(file) => Some(("data.file".to_owned(), file)),
        _ => None,
    });
    let hard_data =
        case.hard_data.as_ref().and_then(|h| h.file.as_ref()).map(|file| ("hard_data.file".to_owned(), file));
    let absent: Vec<_> = images.chain(data).chain(hard_data).filter(|(_, file)| !file.is_file()).collect();
    if !absent.is_empty() {
        let lines = absent.iter().map(|(key, file)| format!("{name}: {key}: there is no file {}", file.display()));
        return Err(Error::Case(lines.collect::<Vec<_>>().join("\n")));
    }
    let case = hard_data::resolved(&case)?;
    if !case.data.as_ref().is_some_and(|data| data.source == DataSource::CommandLine) {
        observations::check(&case)?;
    }
    let estimate = estimate(&case);
    Ok(CheckReport { case, estimate })
}
