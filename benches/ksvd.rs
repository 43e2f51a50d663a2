//! Dictionaries of channels: batch orthogonal matching pursuit and k-SVD iterations in CPU seconds.
//!
//!     cargo bench --bench ksvd -- [--write DIR] [--peer PYTHON] [--iterations I] [--variants] [--large | --study]
//!
//! 3000 realizations of sinuous channels on 200×200 cells in their 500 leading singular vectors, k = 1000 atoms, S = 60.
//! `--write` leaves signals, dictionary and codes as npy files for `benches/peers/ksvd.py`; `--peer` runs that script with
//! the given interpreter in the same run; give RAYON_NUM_THREADS=1, as the peers have one thread. `--variants` learns in
//! every way that there is. `--large` learns from the ensemble itself, singular vectors included. `--study` asks what the
//! rank T of the span, the number of atoms and the sparsity cost and are worth.
#![expect(clippy::print_stdout, reason = "a bench prints its results")]

#[path = "common/channels.rs"]
mod channels;

use std::path::{Path, PathBuf};

use lithoscope::basis::ksvd::{
    AtomUpdate, Ksvd, KsvdOptions, LearnOptions, Pursuit, Selection, SparseCodes, State, Stop, learn,
};
use lithoscope::basis::pca::{Pca, Truncation};
use lithoscope::basis::{Basis, Origin};
use lithoscope::grid::{Ensemble, Grid};
use lithoscope::measure::{peak_memory, timed};
use lithoscope::random::{Purpose, Stream};
use ndarray::{Array1, Array2, ArrayView2, s};

use crate::channels::{SIDE, channels};

const REALIZATIONS: usize = 3000;
const RANK: usize = 500;
const ATOMS: usize = 1000;
const SPARSITY: usize = 60;

type Failure = Box<dyn std::error::Error>;

/// Fields number `range`.
fn ensemble(range: std::ops::Range<usize>) -> Ensemble {
    let mut facies = Array2::zeros((range.len(), SIDE * SIDE));
    for (l, mut row) in range.zip(facies.outer_iter_mut()) {
        row.assign(&Array1::from(channels(&mut Stream::new(1, Purpose::TrainingImage, l as u64, 0))));
    }
    Ensemble { grid: Grid::unit([SIDE, SIDE, 1]), facies: Some(facies), values: None, facies_values: vec![0.0, 1.0] }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let flag = |flag: &str| arguments.iter().any(|a| a == flag);
    let value = |flag: &str| arguments.iter().position(|a| a == flag).and_then(|at| arguments.get(at + 1));
    let iterations = value("--iterations").map_or(Ok(10), |i| i.parse())?;
    if flag("--large") {
        return large(iterations);
    }
    if flag("--study") {
        return study(iterations);
    }
    let folder = value("--write").map_or_else(|| std::env::temp_dir().join("ksvd-bench"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let signals = signals(&folder)?;
    coding(signals.view(), &folder)?;
    for (name, update, selection) in VARIANTS {
        if flag("--variants") || name == VARIANTS[0].0 {
            let options = LearnOptions { iterations, update, selection, ..LearnOptions::new(ATOMS, SPARSITY) };
            learning(name, signals.view(), &options)?;
        }
    }
    println!("peak memory {:.2} GB", peak_memory().unwrap_or(0) as f64 * 1e-9);
    if let Some(python) = value("--peer") {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/ksvd.py");
        let status = std::process::Command::new(python).arg(script).arg(&folder).status()?;
        println!("peers: {status}");
    }
    Ok(())
}

const VARIANTS: [(&str, AtomUpdate, Selection); 4] = [
    ("approximate, decrease", AtomUpdate::Approximate, Selection::Decrease),
    ("approximate, correlation", AtomUpdate::Approximate, Selection::Correlation),
    ("exact, correlation", AtomUpdate::Exact, Selection::Correlation),
    ("exact, decrease", AtomUpdate::Exact, Selection::Decrease),
];

/// Coefficients of the realizations in their leading singular vectors, one realization a row; kept in `folder`.
fn signals(folder: &Path) -> Result<Array2<f64>, Failure> {
    let path = folder.join("signals.npy");
    if let Ok(signals) = ndarray_npy::read_npy(&path) {
        return Ok(signals);
    }
    let (pca, wall, cpu) = timed(|| Pca::new(&ensemble(0..REALIZATIONS), Truncation::Rank(RANK), true, &()));
    println!("{RANK} singular vectors of {REALIZATIONS} realizations: {cpu:.2} CPU s, {wall:.2} s");
    let signals = pca?.coefficients.t().as_standard_layout().into_owned();
    ndarray_npy::write_npy(&path, &signals)?;
    Ok(signals)
}

fn rmse(codes: &SparseCodes, signals: ArrayView2<'_, f64>, atoms: &Array2<f64>) -> f64 {
    let residual = codes.residual(signals, atoms);
    (residual.iter().map(|r| r * r).sum::<f64>() / residual.len() as f64).sqrt()
}

/// Codes all signals in a dictionary after two iterations; in one of signals themselves some codes would be short.
fn coding(signals: ArrayView2<'_, f64>, folder: &Path) -> Result<(), Failure> {
    let after = |iterations| {
        let options = LearnOptions { iterations, ..LearnOptions::new(ATOMS, SPARSITY) };
        learn(signals, &options, None, &(), &mut |_| Ok(())).map(|state| state.atoms)
    };
    ndarray_npy::write_npy(folder.join("initial.npy"), &after(0)?)?;
    let atoms = after(2)?;
    ndarray_npy::write_npy(folder.join("atoms.npy"), &atoms)?;
    let stop = Stop { sparsity: SPARSITY, error: 0.0 };
    for (name, selection) in [("correlation", Selection::Correlation), ("decrease", Selection::Decrease)] {
        let (pursuit, _, gram) = timed(|| Pursuit::new(&atoms, selection));
        let mut best = (f64::INFINITY, f64::INFINITY);
        let mut codes = SparseCodes::zeros(0, 1);
        for _ in 0..5 {
            let (found, wall, cpu) = timed(|| pursuit.code(&atoms, signals, stop));
            (codes, best) = (found?, (best.0.min(cpu), best.1.min(wall)));
        }
        let n = signals.nrows() as f64;
        let steps = n * ATOMS as f64 * (SPARSITY * (SPARSITY - 1)) as f64;
        let products = 2.0 * n * (ATOMS * signals.ncols()) as f64;
        println!(
            "coding by {name}: Gram matrix {gram:.3} CPU s; best of 5: {:.3} CPU s, {:.3} s, {:.2} GFLOP a CPU second; RMSE {:.6}",
            best.0,
            best.1,
            (steps + products) * 1e-9 / best.0,
            rmse(&codes, signals, &atoms)
        );
        ndarray_npy::write_npy(folder.join(format!("codes-{name}.npy")), &codes.dense(ATOMS))?;
    }
    Ok(())
}

fn learning(name: &str, signals: ArrayView2<'_, f64>, options: &LearnOptions) -> Result<(), Failure> {
    let mut last = (std::time::Instant::now(), cpu());
    let mut times = Vec::new();
    let mut each = |_: &State| {
        times.push((cpu() - last.1, last.0.elapsed().as_secs_f64()));
        last = (std::time::Instant::now(), cpu());
        Ok(())
    };
    let state = learn(signals, options, None, &(), &mut each)?;
    let best = times.iter().copied().fold((f64::INFINITY, f64::INFINITY), |a, b| (a.0.min(b.0), a.1.min(b.1)));
    let n = times.len() as f64;
    let sum = times.iter().fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
    println!(
        "k-SVD, {name}: an iteration {:.3} CPU s, {:.3} s (best {:.3}, {:.3}) of {}; RMSE {}; coded {:.6}",
        sum.0 / n,
        sum.1 / n,
        best.0,
        best.1,
        options.iterations,
        state.rmse.iter().map(|r| format!("{r:.5}")).collect::<Vec<_>>().join(" "),
        rmse(&state.codes, signals, &state.atoms)
    );
    Ok(())
}

fn cpu() -> f64 {
    cpu_time::ProcessTime::now().as_duration().as_secs_f64()
}

fn large(iterations: u32) -> Result<(), Failure> {
    let ensemble = ensemble(0..REALIZATIONS);
    let options = KsvdOptions {
        rank: Truncation::Rank(RANK),
        origin: Origin::Mean,
        learn: LearnOptions { iterations, ..LearnOptions::new(ATOMS, SPARSITY) },
    };
    let (learned, wall, cpu) = timed(|| Ksvd::new(&ensemble, &options, None, &(), &mut |_| Ok(())));
    let learned = learned?;
    println!(
        "{REALIZATIONS} realizations of {} cells, {iterations} iterations: {cpu:.1} CPU s, {wall:.1} s",
        SIDE * SIDE
    );
    println!("RMSE in the span {:?}", learned.rmse);
    let (u, wall, _) = timed(|| learned.basis.expand(learned.basis.nearest(ensemble.property(7).view()).view()));
    let missed = u - ensemble.property(7);
    println!(
        "realization 7 from its sparse code, {wall:.3} s: RMSE {:.4}",
        (missed.dot(&missed) / missed.len() as f64).sqrt()
    );
    println!("peak memory {:.2} GB", peak_memory().unwrap_or(0) as f64 * 1e-9);
    Ok(())
}

const RANKS: [usize; 7] = [50, 100, 200, 300, 500, 700, 1000];
/// Realizations that no dictionary is learned from.
const OTHERS: usize = 300;

/// Coefficients of fields in singular vectors, a field a row, and what these leave of the fields' squares.
struct Coefficients {
    rows: Array2<f64>,
    squares: f64,
}

impl Coefficients {
    fn new(basis: &dyn Basis, fields: &Ensemble) -> Self {
        let (mut rows, mut squares) = (Array2::zeros((fields.len(), basis.cols())), 0.0);
        for (l, mut row) in rows.outer_iter_mut().enumerate() {
            let departure = fields.property(l) - basis.mean();
            squares += departure.dot(&departure);
            row.assign(&basis.adjoint(departure.view()));
        }
        Self { rows, squares }
    }

    /// Root-mean-square error, a cell, of the sparse codes in a dictionary learned in the span of the leading vectors.
    fn rmse(&self, atoms: &Array2<f64>, sparsity: usize) -> Result<f64, Failure> {
        let kept = self.rows.slice(s![.., ..atoms.ncols()]);
        let stop = Stop { sparsity, error: 0.0 };
        let codes = Pursuit::new(atoms, Selection::Decrease).code(atoms, kept, stop)?;
        let missed = codes.residual(kept, atoms).iter().map(|r| r * r).sum::<f64>();
        let beyond = self.squares - kept.iter().map(|c| c * c).sum::<f64>();
        Ok(((missed + beyond) / (kept.nrows() * SIDE * SIDE) as f64).sqrt())
    }
}

/// RMSE in the cells of the fields learned from and of others, and CPU time of learning.
fn study(iterations: u32) -> Result<(), Failure> {
    let training = ensemble(0..REALIZATIONS);
    let most = RANKS[RANKS.len() - 1];
    let (pca, _, cpu) = timed(|| Pca::new(&training, Truncation::Rank(most), true, &()));
    let basis = pca?.basis;
    println!("{most} singular vectors of {REALIZATIONS} realizations: {cpu:.1} CPU s; {iterations} iterations each");
    let own = Coefficients::new(&basis, &training);
    let others = Coefficients::new(&basis, &ensemble(REALIZATIONS..REALIZATIONS + OTHERS));
    let ranks = RANKS.map(|rank| (rank, ATOMS, SPARSITY));
    let sizes = [500, 1000].into_iter().flat_map(|atoms| [40, 60, 100].map(|sparsity| (RANK, atoms, sparsity)));
    for (rank, atoms, sparsity) in ranks.into_iter().chain(sizes) {
        let options = LearnOptions { iterations, ..LearnOptions::new(atoms, sparsity) };
        let signals = own.rows.slice(s![.., ..rank]).as_standard_layout().into_owned();
        let (state, _, cpu) = timed(|| learn(signals.view(), &options, None, &(), &mut |_| Ok(())));
        let atoms = state?.atoms;
        let [rmse, other] = [own.rmse(&atoms, sparsity)?, others.rmse(&atoms, sparsity)?];
        println!(
            "T = {rank}, k = {}, S = {sparsity}: {cpu:.1} CPU s, RMSE {rmse:.4}, of others {other:.4}, times seconds {:.2}",
            atoms.nrows(),
            other * cpu
        );
    }
    Ok(())
}
