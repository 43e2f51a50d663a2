//! What `lithoscope verify` and `lithoscope bench` ask of the fast transforms.

use ndarray::{Array2, ArrayView2, Axis};

use super::dct::{Cosines, Frequencies};
use super::portions::Clock;
use super::wavelet::{Wavelets, Window};
use super::{DctBasis, Transform, TransformBasis, WaveletBasis};
use crate::check::{Outcome, dot_test};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::grid::Grid;
use crate::measure::{Measurement, timed};
use crate::operator::LinearOperator;
use crate::random::{Purpose, Stream};

/// Half the distance from 1 to the next f32.
const SINGLE: f64 = f32::EPSILON as f64 / 2.0;
/// Fields of a block that is checked.
const FIELDS: usize = 3;
/// Fields of a block that is measured: the data of a survey.
const MEASURED_FIELDS: usize = 98;

fn random(rows: usize, columns: usize, stream: &mut Stream) -> Array2<f64> {
    Array2::from_shape_vec((rows, columns), stream.normals(rows * columns)).expect("as many numbers")
}

fn worst(outcomes: impl IntoIterator<Item = Outcome>) -> Option<Outcome> {
    outcomes.into_iter().reduce(Outcome::worse)
}

/// The fast transforms against their transposes and, where there is a device, against their twins.
///
/// # Errors
/// A failing device.
pub fn verify(gpu: Option<&Gpu>, seed: u64) -> Result<Vec<Outcome>> {
    let mut outcomes = dct_dot_tests(seed)?;
    outcomes.extend(wavelet_dot_tests(seed)?);
    if let Some(gpu) = gpu {
        outcomes.extend(verify_dct(gpu, seed)?);
        outcomes.extend(verify_wavelet(gpu, seed)?);
    }
    Ok(outcomes)
}

/// Awkward grids and what is kept of them.
fn cosines() -> Result<Vec<(String, DctBasis)>> {
    let cases = [
        ([17, 23, 1], Frequencies::Box([17, 23, 1])),
        ([67, 41, 1], Frequencies::First(150)),
        ([5, 7, 9], Frequencies::Box([2, 7, 3])),
        ([1, 29, 3], Frequencies::First(40)),
    ];
    let case = |(cells, kept): ([usize; 3], Frequencies)| {
        Ok((format!("{cells:?} cells, {kept:?}"), DctBasis::new(&Grid::unit(cells), kept)?))
    };
    cases.into_iter().map(case).collect()
}

fn wavelets() -> Result<Vec<(String, WaveletBasis)>> {
    let cases = [
        ([16, 32, 1], 10, None, Window::Whole),
        ([64, 48, 1], 4, None, Window::Scales(2)),
        ([8, 4, 24], 2, Some(2), Window::Whole),
        ([6, 1, 10], 3, None, Window::Scales(0)),
        ([1, 8, 8], 1, None, Window::Scales(1)),
        ([1, 1, 16], 7, None, Window::Scales(2)),
        ([40, 1, 1], 5, None, Window::Whole),
    ];
    let case = |(cells, moments, levels, window): ([usize; 3], usize, Option<usize>, Window)| {
        let basis = WaveletBasis::new(&Grid::unit(cells), moments, levels, window)?;
        Ok((format!("{cells:?} cells, {moments} moments, {window:?}"), basis))
    };
    cases.into_iter().map(case).collect()
}

/// A sum over n cells in f64 is off by a few roundings of its size, which for random fields grows with √n.
fn dot_outcome<T: Transform>(name: &str, case: &str, basis: &TransformBasis<T>, seed: u64) -> Outcome {
    let bound = 64.0 * (basis.rows() as f64).sqrt() * f64::EPSILON;
    Outcome { name: name.into(), case: case.into(), error: dot_test(basis, seed), bound }
}

fn dct_dot_tests(seed: u64) -> Result<Vec<Outcome>> {
    let all = cosines()?;
    Ok(worst(all.iter().map(|(case, basis)| dot_outcome("dct/adjoint", case, basis, seed))).into_iter().collect())
}

fn wavelet_dot_tests(seed: u64) -> Result<Vec<Outcome>> {
    let all = wavelets()?;
    Ok(worst(all.iter().map(|(case, basis)| dot_outcome("wavelet/adjoint", case, basis, seed))).into_iter().collect())
}

/// The cosines on a device against those of the CPU. A product of N terms with a rounded matrix is off by at most N + 2
/// roundings of the sum of the magnitudes of its terms, and so are products of products; the fields are rounded once.
///
/// # Errors
/// A failing device.
pub fn verify_dct(gpu: &Gpu, seed: u64) -> Result<Vec<Outcome>> {
    let (mut apply, mut adjoint) = (Vec::new(), Vec::new());
    for (case, basis) in cosines()? {
        let mut stream = Stream::new(seed, Purpose::Check, 0, 8);
        let columns = basis.transform();
        let device = columns.on_device(gpu)?;
        let (v, u) = (random(basis.cols(), FIELDS, &mut stream), random(basis.rows(), FIELDS, &mut stream));
        let size = |x: &Array2<f64>, forward: bool| magnitudes(x.view(), |x| columns.magnitudes(x, forward));
        let (there, back) = columns.roundings();
        apply.push(compare(
            "dct/apply",
            &case,
            [device.apply_block(v.view())?, basis.apply_block(v.view()), size(&v, false) * (SINGLE * there)],
        ));
        adjoint.push(compare(
            "dct/adjoint",
            &case,
            [device.adjoint_block(u.view())?, basis.adjoint_block(u.view()), size(&u, true) * (SINGLE * back)],
        ));
    }
    Ok(worst(apply).into_iter().chain(worst(adjoint)).collect())
}

/// The wavelets on a device against those of the CPU. Each pass of a filter of M taps adds at most M + 2 roundings of
/// the sum of the magnitudes of its terms; the fields are rounded once.
///
/// # Errors
/// A failing device.
pub fn verify_wavelet(gpu: &Gpu, seed: u64) -> Result<Vec<Outcome>> {
    let (mut apply, mut adjoint) = (Vec::new(), Vec::new());
    for (case, basis) in wavelets()? {
        let mut stream = Stream::new(seed, Purpose::Check, 0, 9);
        let columns = basis.transform();
        let device = columns.on_device(gpu)?;
        let (v, u) = (random(basis.cols(), FIELDS, &mut stream), random(basis.rows(), FIELDS, &mut stream));
        let rounding = SINGLE * columns.roundings();
        let positive = TransformBasis::from(columns.magnitudes());
        apply.push(compare(
            "wavelet/apply",
            &case,
            [
                device.apply_block(v.view())?,
                basis.apply_block(v.view()),
                positive.apply_block(v.mapv(f64::abs).view()) * rounding,
            ],
        ));
        adjoint.push(compare(
            "wavelet/adjoint",
            &case,
            [
                device.adjoint_block(u.view())?,
                basis.adjoint_block(u.view()),
                positive.adjoint_block(u.mapv(f64::abs).view()) * rounding,
            ],
        ));
    }
    Ok(worst(apply).into_iter().chain(worst(adjoint)).collect())
}

/// Found, expected and bound, column by column.
fn compare(name: &str, case: &str, [found, expected, bound]: [Array2<f64>; 3]) -> Outcome {
    let columns =
        (0..FIELDS).map(|c| Outcome::compare(name, case, found.column(c), expected.column(c), bound.column(c)));
    worst(columns).expect("there are fields")
}

fn magnitudes(x: ArrayView2<'_, f64>, f: impl Fn(Vec<f64>) -> Vec<f64>) -> Array2<f64> {
    let columns: Vec<f64> = x.axis_iter(Axis(1)).flat_map(|x| f(x.mapv(f64::abs).to_vec())).collect();
    let rows = columns.len() / x.ncols();
    Array2::from_shape_vec((x.ncols(), rows), columns).expect("as many values a column").reversed_axes()
}

impl Cosines {
    /// `|C_z| |C_y| |C_x| |x|` for frequencies of all (forward), or its transpose: the size of the terms.
    fn magnitudes(&self, x: Vec<f64>, forward: bool) -> Vec<f64> {
        let mut values = if forward { x } else { self.spread(&x) };
        for axis in [2, 1, 0] {
            let matrix = self.matrix(axis).mapv(f64::abs);
            let matrix = if forward { matrix } else { matrix.reversed_axes() };
            let lines = values.len() / matrix.ncols();
            let input = ArrayView2::from_shape((matrix.ncols(), lines), &values).expect("whole lines");
            values = input.t().dot(&matrix.t()).iter().copied().collect();
        }
        if forward { self.gather(&values, self.columns()) } else { values }
    }

    /// Roundings of the size of the terms on the way to cells, and on the way back.
    fn roundings(&self) -> (f64, f64) {
        let sum = |sides: [usize; 3]| 1.0 + sides.iter().map(|&terms| terms as f64 + 2.0).sum::<f64>();
        (1.01 * sum(self.kept()), 1.01 * sum(self.sides()))
    }
}

impl Wavelets {
    /// Roundings of the size of the terms, either way.
    fn roundings(&self) -> f64 {
        1.01 * (1.0 + (self.passes() * (self.taps() + 2)) as f64)
    }
}

/// Times both transforms of a block of fields of 200 × 200 cells, 256 and 625 columns.
///
/// # Errors
/// A failing device.
pub fn measure(gpu: Option<&Gpu>) -> Result<Vec<Measurement>> {
    let grid = Grid::unit([200, 200, 1]);
    let dct = DctBasis::new(&grid, Frequencies::Box([16, 16, 1]))?;
    let wavelet = WaveletBasis::new(&grid, 10, None, Window::Scales(0))?;
    let n = grid.len() as f64;
    // Along y with all lines, along x with those that are left.
    let dense = 2.0 * (n * 16.0 + 200.0 * 16.0 * 16.0);
    // Averages alone: 20 taps a value, half as many values a pass.
    let filtered = 2.0 * 20.0 * n * (0.5 + 0.25) * (1.0 + 0.25 + 0.0625);
    let mut measured = Vec::new();
    let on_device = gpu.map(|gpu| dct.transform().on_device(gpu)).transpose()?;
    let device = on_device.as_ref().map(|device| {
        move |x: ArrayView2<'_, f64>, forward: bool, clock: &mut Clock| match forward {
            true => device.adjoint_timed(x, clock),
            false => device.apply_timed(x, clock),
        }
    });
    measured.extend(measure_one("dct", &dct, dense, device)?);
    let on_device = gpu.map(|gpu| wavelet.transform().on_device(gpu)).transpose()?;
    let device = on_device.as_ref().map(|device| {
        move |x: ArrayView2<'_, f64>, forward: bool, clock: &mut Clock| match forward {
            true => device.adjoint_timed(x, clock),
            false => device.apply_timed(x, clock),
        }
    });
    measured.extend(measure_one("wavelet", &wavelet, filtered, device)?);
    Ok(measured)
}

/// Times `apply_block` and `adjoint_block` of a basis and of its twin (block, forward, clock).
fn measure_one<T: Transform>(
    name: &str,
    basis: &TransformBasis<T>,
    flops: f64,
    device: Option<impl Fn(ArrayView2<'_, f64>, bool, &mut Clock) -> Result<Array2<f64>>>,
) -> Result<Vec<Measurement>> {
    let mut stream = Stream::new(1, Purpose::Check, 0, 8);
    let (n, k) = (basis.rows(), basis.cols());
    let mut measured = Vec::new();
    for (kernel, forward, rows) in [("apply", false, k), ("adjoint", true, n)] {
        let x = random(rows, MEASURED_FIELDS, &mut stream);
        let run = || if forward { basis.adjoint_block(x.view()) } else { basis.apply_block(x.view()) };
        run();
        let (_, cpu_wall, cpu_seconds) = timed(run);
        let (mut gpu_seconds, mut gpu_wall) = (None, None);
        if let Some(device) = &device {
            // The first run compiles the kernel.
            device(x.view(), forward, &mut Clock::standing())?;
            let (found, wall, _) = timed(|| device(x.view(), forward, &mut Clock::standing()));
            found?;
            let mut clock = Clock::running();
            device(x.view(), forward, &mut clock)?;
            (gpu_seconds, gpu_wall) = (clock.seconds(), Some(wall));
        }
        measured.push(Measurement {
            kernel: format!("{name}/{kernel}"),
            size: format!("{MEASURED_FIELDS} fields of 200 x 200, {k} columns"),
            cpu_seconds,
            cpu_wall,
            gpu_seconds,
            gpu_wall,
            flops: flops * MEASURED_FIELDS as f64,
            bytes: 4.0 * ((n + k) * MEASURED_FIELDS) as f64,
        });
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transforms_agree_with_their_transposes_and_their_twins() {
        let gpu = crate::testing::gpu();
        let outcomes = verify(gpu, 1).unwrap();
        assert_eq!(outcomes.len(), if gpu.is_some() { 6 } else { 2 });
        for outcome in outcomes {
            assert!(outcome.passed(), "{outcome:?}");
        }
    }
}
