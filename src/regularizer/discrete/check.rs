//! What `lithoscope verify` and `lithoscope bench` ask of the discrete step.

use ndarray::{Array1, ArrayView1};

use super::device::Device;
use super::{DiscreteMap, DiscretePotential, Penalty, Strength};
use crate::check::Outcome;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::measure::{Measurement, timed};
use crate::random::{Purpose, Stream};

/// Half the distance from 1 to the next f32.
const SINGLE: f64 = f32::EPSILON as f64 / 2.0;
/// Cells that are checked: awkward, and more than a workgroup.
const CELLS: usize = 1009;
/// Cells that are measured: a large model.
const MEASURED: usize = 1 << 20;

/// Facies and heights that are checked.
fn samples() -> Result<Vec<(String, DiscretePotential)>> {
    let sets: [(&[f64], &[f64]); 4] = [
        (&[0.0, 1.0], &[1.0]),
        (&[-4.0, -2.9], &[3.0]),
        (&[0.0, 2.0, 3.0], &[100.0, 1.0]),
        (&[-1.7, -0.9, 0.3, 0.4, 5.0], &[1.0, 0.2, 7.0, 0.01]),
    ];
    let sample = |&(facies, heights): &(&[f64], &[f64])| {
        let potential = DiscretePotential::new(facies.to_vec(), Penalty::Wells(heights.to_vec()))?;
        Ok((format!("{} facies, {CELLS} cells", facies.len()), potential))
    };
    sets.iter().map(sample).collect()
}

/// Values over the facies' range and a little beyond, the facies, and the middles between them.
fn parameterized(potential: &DiscretePotential, count: usize, stream: &mut Stream) -> Array1<f64> {
    let facies = potential.facies();
    let (first, last) = (facies[0], facies[facies.len() - 1]);
    let margin = 0.1 * (last - first);
    let mut theta: Vec<f64> = facies.to_vec();
    theta.extend(facies.windows(2).map(|gap| 0.5 * (gap[0] + gap[1])));
    while theta.len() < count {
        theta.push(stream.between(first - margin, last + margin));
    }
    theta.into()
}

/// How far the kernel may be from the minimiser P(θ). In units of the facies' range the roundings of θ, of the facies and
/// of their differences move θ by at most 8 ε, those of the cubic and of b by 20 ε of the gap; P rises with θ, so that
/// what comes out lies between P of the two ends. The steps of Newton's method add 16 ε of the gap, the way back 4 ε.
fn bound(potential: &DiscretePotential, theta: ArrayView1<'_, f64>, beta: f64) -> Array1<f64> {
    let facies = potential.facies();
    let (first, last) = (facies[0], facies[facies.len() - 1]);
    let widest = facies.windows(2).map(|gap| gap[1] - gap[0]).fold(0.0, f64::max);
    let moved = SINGLE * (8.0 * (last - first) + 20.0 * widest);
    theta.mapv(|theta| {
        let at = potential.minimize(theta, beta);
        let sides = [theta - moved, theta + moved].map(|theta| (potential.minimize(theta, beta) - at).abs());
        sides[0].max(sides[1]) + SINGLE * (16.0 * widest + 4.0 * (last - first))
    })
}

/// The discrete step on a device against its definition, from weights that hardly pull to those that leave facies alone.
///
/// # Errors
/// A failing device.
pub fn verify(gpu: Option<&Gpu>, seed: u64) -> Result<Vec<Outcome>> {
    let Some(gpu) = gpu else { return Ok(Vec::new()) };
    let mut worst: Option<Outcome> = None;
    for (case, potential) in samples()? {
        let mut stream = Stream::new(seed, Purpose::Check, 0, 7);
        let theta = parameterized(&potential, CELLS, &mut stream);
        let on_cpu = DiscreteMap::new(potential.clone(), Strength::Fixed(0.0), None)?;
        let on_device = DiscreteMap::new(potential.clone(), Strength::Fixed(0.0), Some(gpu))?;
        for factor in [0.0, 0.1, 1.0, 2.0, 2.001, 7.0, 1e3, 1e9] {
            let beta = factor * potential.first_weight();
            let (found, expected) = (on_device.minimize(theta.view(), beta)?, on_cpu.minimize(theta.view(), beta)?);
            let bound = bound(&potential, theta.view(), beta);
            let outcome = Outcome::compare(
                "discrete/minimize",
                &format!("{case}, {factor} times the first weight"),
                found.view(),
                expected.view(),
                bound.view(),
            );
            worst = Some(match worst {
                Some(before) => before.worse(outcome),
                None => outcome,
            });
        }
    }
    Ok(worst.into_iter().collect())
}

/// Times the discrete step of a million cells of three facies.
///
/// # Errors
/// A failing device.
pub fn measure(gpu: Option<&Gpu>) -> Result<Vec<Measurement>> {
    let potential = DiscretePotential::new(vec![0.0, 2.0, 3.0], Penalty::Wells(vec![100.0, 1.0]))?;
    let theta = parameterized(&potential, MEASURED, &mut Stream::new(1, Purpose::Check, 0, 7));
    let beta = 16.0 * potential.first_weight();
    let on_cpu = DiscreteMap::new(potential.clone(), Strength::Fixed(beta), None)?;
    let (expected, cpu_wall, cpu_seconds) = timed(|| on_cpu.minimize(theta.view(), beta));
    expected?;
    let (mut gpu_seconds, mut gpu_wall) = (None, None);
    if let Some(device) = gpu.and_then(|gpu| Device::new(gpu, &potential)) {
        // The first run compiles the kernel.
        device.minimize(theta.view(), beta)?;
        let (found, wall, _) = timed(|| device.minimize(theta.view(), beta));
        found?;
        (gpu_seconds, gpu_wall) = (Some(device.time(theta.view(), beta)?), Some(wall));
    }
    Ok(vec![Measurement {
        kernel: "discrete/minimize".into(),
        size: format!("{MEASURED} cells, 3 facies"),
        cpu_seconds,
        cpu_wall,
        gpu_seconds,
        gpu_wall,
        // About six steps of twelve operations.
        flops: 72.0 * MEASURED as f64,
        bytes: 12.0 * MEASURED as f64,
    }])
}
