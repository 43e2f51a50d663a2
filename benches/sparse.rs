//! Group sparsity and l1 on a problem of 98 data and 2411 coefficients in 24 groups, in CPU seconds.
//!
//! `cargo bench --bench sparse` draws a problem of that size; `-- --read DIR NAME` takes `NAME_G.npy`, `NAME_d.npy`,
//! `NAME_groups.npy` and `NAME_{group,l1}_alpha.npy` of a folder instead (`min ½‖G v − d‖² + α Σ‖v_g‖`), which is what
//! the times of skglm and celer are for (`benches/peers/sparse.py`). Then sparse principal components of 256 coefficients
//! of 1000 realizations, as of cosines of channels: 256 groups of 20.

use std::path::PathBuf;

use lithoscope::basis::sparse_pca::SparsePca;
use lithoscope::inversion::{Group, GroupedLeastSquares, Grouping, minimize_matrix_free};
use lithoscope::measure::timed;
use lithoscope::operator::Dense;
use lithoscope::random::{Purpose, Stream};
use ndarray::{Array0, Array1, Array2};
use ndarray_npy::read_npy;

type Failure = Box<dyn std::error::Error>;

const DATA: usize = 98;
const GROUPS: usize = 24;
const COLUMNS: usize = 2411;
/// Repetitions, of which the fastest counts.
const TIMES: usize = 5;

struct Problem {
    matrix: Array2<f64>,
    data: Array1<f64>,
    labels: Array1<i32>,
    /// λ² for the groups and for l1.
    weights: [f64; 2],
}

/// Columns whose size falls within each group, as principal components do, and data of one group.
fn drawn() -> Result<Problem, Failure> {
    let mut stream = Stream::new(1, Purpose::Check, 0, 0);
    let labels: Array1<i32> = (0..COLUMNS).map(|i| (i * GROUPS / COLUMNS) as i32).collect();
    let within = |i: usize| (i - labels.iter().position(|l| *l == labels[i]).unwrap_or(0)) as f64;
    let sizes: Array1<f64> = (0..COLUMNS).map(|i| 3.0 / (1.0 + 0.3 * within(i))).collect();
    let matrix = Array2::from_shape_vec((DATA, COLUMNS), stream.normals(DATA * COLUMNS))? * &sizes;
    let truth: Array1<f64> = labels.iter().map(|&l| if l == 19 { stream.normal_pair().0 } else { 0.0 }).collect();
    let data = matrix.dot(&truth) + Array1::from(stream.normals(DATA));
    let gradient = matrix.t().dot(&data);
    let weight = |grouping: &Grouping| 0.1 * grouping.largest_weight(gradient.view());
    let weights = [weight(&grouped(&labels)?), weight(&Grouping::singles(Array1::ones(COLUMNS).view())?)];
    Ok(Problem { matrix, data, labels, weights })
}

fn read(folder: PathBuf, name: &str) -> Result<Problem, Failure> {
    let file = |part: &str| folder.join(format!("{name}_{part}.npy"));
    let alpha = |kind: &str| -> Result<f64, Failure> {
        let alpha: Array0<f64> = read_npy(file(&format!("{kind}_alpha")))?;
        Ok(2.0 * alpha.into_scalar())
    };
    Ok(Problem {
        matrix: read_npy(file("G"))?,
        data: read_npy(file("d"))?,
        labels: read_npy(file("groups"))?,
        weights: [alpha("group")?, alpha("l1")?],
    })
}

fn grouped(labels: &Array1<i32>) -> Result<Grouping, Failure> {
    let count = labels.iter().max().map_or(0, |&most| most + 1);
    let group = |label: i32| {
        let columns: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == label).collect();
        Group { element_weights: vec![1.0; columns.len()], columns, weight: 1.0 }
    };
    Ok(Grouping::new(labels.len(), (0..count).map(group).collect())?)
}

/// Coefficients (256 × 1000) of bands that wind across 64 × 64 cells, the 16 × 16 lowest cosines.
fn coefficients() -> Array2<f64> {
    let (side, kept) = (64usize, 16usize);
    let cosine = Array2::from_shape_fn((kept, side), |(k, i)| {
        let scale = (if k == 0 { 1.0 } else { 2.0 } / side as f64).sqrt();
        scale * (std::f64::consts::PI * k as f64 * (i as f64 + 0.5) / side as f64).cos()
    });
    let mut stream = Stream::new(2, Purpose::Check, 0, 0);
    let mut v = Array2::zeros((kept * kept, 1000));
    for mut column in v.columns_mut() {
        let mut map = Array2::<f64>::zeros((side, side));
        for _ in 0..3 {
            let (middle, swing) = (stream.between(0.0, side as f64), stream.between(0.0, 8.0));
            let (phase, length) = (stream.between(0.0, 6.0), stream.between(20.0, 60.0));
            for ((y, x), cell) in map.indexed_iter_mut() {
                let axis = middle + swing * (phase + 6.0 * x as f64 / length).sin();
                let across = (y as f64 - axis).rem_euclid(side as f64);
                if across.min(side as f64 - across) < 4.0 {
                    *cell = 1.0;
                }
            }
        }
        column.assign(&cosine.dot(&map).dot(&cosine.t()).flatten());
    }
    v
}

#[expect(clippy::print_stdout, reason = "a bench prints what it measured")]
fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let problem = match &arguments[..] {
        [read_from, folder, name] if read_from == "--read" => read(PathBuf::from(folder), name)?,
        _ => drawn()?,
    };
    let (m, k) = problem.matrix.dim();
    let singles = Grouping::singles(Array1::ones(k).view())?;
    for (kind, grouping, weight) in
        [("groups", &grouped(&problem.labels)?, problem.weights[0]), ("l1", &singles, problem.weights[1])]
    {
        let mut least = f64::INFINITY;
        let mut found = None;
        for _ in 0..TIMES {
            let (minimizer, _, cpu) = timed(|| {
                GroupedLeastSquares::new(problem.matrix.view(), problem.data.view(), grouping).minimize(weight, None)
            });
            (least, found) = (least.min(cpu), Some(minimizer));
        }
        let (free, _, cpu) =
            timed(|| minimize_matrix_free(&Dense(problem.matrix.clone()), problem.data.view(), grouping, weight));
        if let Some(found) = found {
            let active = found.active.iter().filter(|&&a| a).count();
            let objective = 0.5 * (found.misfit + weight * found.penalty);
            println!(
                "{kind:8} {m} x {k}: {least:.4} CPU s, {cpu:.4} by products alone; {active} of {} groups, objective \
                 {objective:.11}, {:.11}, optimal within {:.1e}, {} Newton steps",
                grouping.groups().len(),
                0.5 * (free.misfit + weight * free.penalty),
                found.violation,
                found.steps
            );
        }
    }
    let v = coefficients();
    let (found, wall, cpu) = timed(|| SparsePca::of_mean_size(v.view(), 256, 20.0));
    let found = found?;
    println!(
        "sparse PCA: {cpu:.2} CPU s, {wall:.2} s wall; t = {:.4}, {} groups, {} expanded columns, {} dropped, {:.4} of the \
         energy, {} unsettled; the first group: {:?}",
        found.threshold,
        found.components.len(),
        found.expanded_columns(),
        found.dropped.len(),
        found.explained,
        found.unsettled,
        found.components.first().map(|c| &c.columns)
    );
    Ok(())
}
