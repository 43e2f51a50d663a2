//! Every kernel against its definition, every forward model's derivatives against its values.

use ndarray::Array1;

use crate::check::Outcome;
use crate::error::Result;
use crate::gpu::{CEILING_SHADER, Gpu, Shader};
use crate::measure::Measurement;
use crate::random::{Purpose, Stream};
use crate::regularizer::discrete;
use crate::{basis, feasible, forward, linalg};

/// Every shader of the program, each with constants as it is compiled with them.
pub fn shaders() -> Vec<(Shader, String)> {
    let mut all =
        vec![(CEILING_SHADER, rounds(ROUNDS)), (forward::straight_ray::SHADER, forward::straight_ray::prelude())];
    all.push((forward::groundwater::SHADER, forward::groundwater::prelude()));
    all.extend(linalg::sparse::shaders());
    all.extend(feasible::shaders());
    all.push((basis::dct::SHADER, basis::dct::prelude()));
    all.push((basis::wavelet::SHADER, basis::wavelet::prelude()));
    all.push((discrete::SHADER, discrete::prelude()));
    all
}

/// Rounds of the multiply-adds that are checked.
const ROUNDS: u32 = 3;

fn rounds(rounds: u32) -> String {
    format!("const ROUNDS = {rounds}u;")
}

/// Runs every check: the comparison of the twins where there is a device, the dot-product and Taylor tests always.
///
/// # Errors
/// What the device refuses; an error over its bound is an [`Outcome`], not an error.
pub fn verify(gpu: Option<&Gpu>, seed: u64) -> Result<Vec<Outcome>> {
    let mut outcomes = forward::straight_ray::verify(gpu, seed)?;
    outcomes.extend(forward::groundwater::verify(gpu, seed)?);
    outcomes.extend(linalg::sparse::verify(gpu, seed)?);
    outcomes.extend(feasible::verify(gpu, seed)?);
    outcomes.extend(basis::verify(gpu, seed)?);
    outcomes.extend(discrete::verify(gpu, seed)?);
    if let Some(gpu) = gpu {
        outcomes.extend(ceilings(gpu, seed)?);
    }
    Ok(outcomes)
}

/// Whether the kernels that measure the device's ceilings do the work that is counted: the copy to the bit, the
/// multiply-adds `s ← s a + b` with two roundings of `|s| |a| + |b|` each.
///
/// # Errors
/// What the device refuses.
pub fn ceilings(gpu: &Gpu, seed: u64) -> Result<Vec<Outcome>> {
    let length = 1009;
    let mut stream = Stream::new(seed, Purpose::Check, 0, 3);
    let source: Vec<[f32; 4]> =
        (0..length).map(|_| std::array::from_fn(|_| stream.between(-0.9, 0.9) as f32)).collect();
    let run = |entry: &str| -> Result<Array1<f64>> {
        let (from, to) = (gpu.upload("source", &source)?, gpu.zeros::<[f32; 4]>("target", length)?);
        let mut batch = gpu.batch();
        let groups = [length.div_ceil(256) as u64, 1, 1];
        batch.dispatch(&CEILING_SHADER, entry, &rounds(ROUNDS), &[from.bind(), to.bind()], groups)?;
        batch.submit()?;
        Ok(gpu.read(&to)?.into_iter().flatten().map(f64::from).collect())
    };
    let a: Array1<f64> = source.iter().flatten().map(|&x| f64::from(x)).collect();
    let (mut expected, mut size) = (Array1::zeros(a.len()), Array1::zeros(a.len()));
    for start in [1.0, 1.5, 0.5, 0.25, 0.5, 0.25, 0.375, 0.375] {
        let (mut chain, mut terms) = (start * &a, 2.0 * start * a.mapv(f64::abs));
        for _ in 0..ROUNDS {
            chain = chain * &a + 0.5 * &a;
            terms = terms * a.mapv(f64::abs) + 0.5 * a.mapv(f64::abs);
        }
        expected += &chain;
        size += &terms;
    }
    let roundings = f64::from(2 * ROUNDS + 8);
    let bound = size * (roundings * f64::from(f32::EPSILON) / 2.0);
    let (name, case) = ("shared/ceiling", format!("{length} vectors"));
    let exact = Array1::zeros(a.len());
    Ok(vec![
        Outcome::compare(&format!("{name} copy"), &case, run("copy")?.view(), a.view(), exact.view()),
        Outcome::compare(&format!("{name} sums"), &case, run("multiply_add")?.view(), expected.view(), bound.view()),
    ])
}

/// Times every kernel whose name contains `filter`.
pub fn bench(gpu: Option<&Gpu>, filter: &str) -> Result<Vec<Measurement>> {
    let mut measured = Vec::new();
    if "straight_ray".contains(filter) || filter.contains("straight_ray") {
        measured.extend(forward::straight_ray::measure(gpu)?);
    }
    if "groundwater".contains(filter) || filter.contains("groundwater") {
        measured.extend(forward::groundwater::measure(gpu)?);
    }
    if "multigrid".contains(filter) || filter.contains("multigrid") {
        measured.extend(linalg::sparse::measure(gpu)?);
    }
    if "feasible".contains(filter) || filter.contains("feasible") {
        measured.extend(feasible::measure(gpu)?);
    }
    if ["dct", "wavelet"].iter().any(|name| name.contains(filter) || filter.contains(name)) {
        measured.extend(basis::measure(gpu)?);
    }
    if "discrete".contains(filter) || filter.contains("discrete") {
        measured.extend(discrete::measure(gpu)?);
    }
    measured.retain(|m| m.kernel.contains(filter) || filter.is_empty());
    Ok(measured)
}
