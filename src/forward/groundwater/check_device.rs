//! What `lithoscope verify` and `lithoscope bench` ask of groundwater flow on a device.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::check::Outcome;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::grid::{Grid, Plane};
use crate::measure::{Measurement, timed};
use crate::operator::Operator;
use crate::random::{Purpose, Stream};
use crate::units::Transform;

use super::check::{parameters, samples};
use super::device::FaceKernels;
use super::{Aquifer, Cells, Condition, Faces, Groundwater, Observation, Property, Quantity, Side};

/// Relative rounding error of f32.
const SINGLE: f64 = 1.0 / (1u64 << 24) as f64;
/// How far heads from the device may be from those of the CPU \[m\].
const HEADS: f64 = 1e-6;
/// Directions of a block that is checked: more than a workgroup.
const DIRECTIONS: usize = 67;

/// The samples, and grids of awkward sizes.
fn all_samples() -> Result<Vec<(String, Aquifer)>> {
    let mut all: Vec<(String, Aquifer)> =
        samples()?.into_iter().map(|(name, aquifer)| (name.to_owned(), aquifer)).collect();
    for cells in [[1, 1, 1], [1, 13, 1], [17, 1, 1], [3, 4, 5], [1, 1, 7]] {
        let grid = Grid { cells, spacing: [3.0, 2.0, 1.5], origin: [0.0; 3], plane: Plane::Xy };
        let flux = |side: Side| Condition::FluxThroughFaces { faces: Faces::Side(side), flux: 1e-5 };
        let mut aquifer = Aquifer::new(grid, Property::Conductivity, Transform::Ln)
            .with_boundary("below", Condition::HeadOnFaces { faces: Faces::Side(Side::ZMin), head: 5.0 })
            .with_boundary("above", flux(Side::ZMax))
            .with_boundary("leak", Condition::RateInCells { cells: Cells::List(vec![grid.len() / 2]), rate: 1e-4 });
        aquifer.observations.push(Observation { quantity: Quantity::Head(0), time: None });
        all.push((format!("{cells:?} cells"), aquifer));
    }
    Ok(all)
}

/// The size of the terms of each element of a tangent, or of an adjoint.
fn terms(cells: [usize; 3], weights: &[f64], x: ArrayView2<'_, f64>, adjoint: bool) -> Array2<f64> {
    let (n, strides) = (x.nrows(), [1, cells[0], cells[0] * cells[1]]);
    let mut terms = Array2::zeros(x.dim());
    for (axis, stride) in strides.into_iter().enumerate() {
        for cell in (0..n).filter(|cell| cell / stride % cells[axis] + 1 < cells[axis]) {
            for (face, c, d) in [(2 * axis + 1, cell, cell + stride), (2 * axis, cell + stride, cell)] {
                let own = weights[face * n + c].abs();
                let other = if adjoint { own } else { weights[(face ^ 1) * n + d].abs() };
                for column in 0..x.ncols() {
                    terms[[c, column]] += own * x[[c, column]].abs() + other * x[[d, column]].abs();
                }
            }
        }
    }
    terms
}

/// Checks the kernels of the derivatives against the CPU form, at the last step of every sample.
///
/// # Errors
/// A failing device.
pub fn verify_faces(gpu: &Gpu, seed: u64) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for (name, aquifer) in all_samples()? {
        let [u, _] = parameters(&aquifer, seed);
        let (cells, n) = (aquifer.grid.cells, aquifer.grid.len());
        let model = Groundwater::new(aquifer)?;
        let (_, jacobian) = model.jacobian_on(u.view(), None)?;
        let states = jacobian.states(0)?;
        let balance = jacobian.balance(1, &states[0], &states[1]);
        let mut stream = Stream::new(seed, Purpose::Check, 0, 6);
        let mut block =
            || -> Array2<f64> { Array2::from_shape_simple_fn((n, DIRECTIONS), || stream.between(-1.0, 1.0)) };
        let (x, mut psi) = (block(), block());
        balance.system.mask(&mut psi);
        let weights = balance.weights();
        // Several portions, the last of them narrower.
        let kernels = FaceKernels::new(gpu, cells).in_portions(size_of::<f32>() * n * 10);
        let mut found = kernels.tangent(&weights, x.view())?;
        balance.system.mask(&mut found);
        let mut expected = Array2::zeros((n, DIRECTIONS));
        balance.adjoint_of_faces(psi.view(), expected.view_mut());
        let adjoint = kernels.adjoint(&weights, psi.view())?;
        for (kernel, found, expected, terms) in [
            ("tangent", found, balance.tangent_of_faces(x.view()), terms(cells, &weights, x.view(), false)),
            ("adjoint", adjoint, expected, terms(cells, &weights, psi.view(), true)),
        ] {
            // Two roundings of inputs, a difference, a product, six sums.
            let bound = terms * (10.0 * SINGLE);
            let [found, expected, bound] = [found, expected, bound].map(Array1::from_iter);
            let kernel = format!("groundwater/{kernel}");
            keep(&mut outcomes, Outcome::compare(&kernel, &name, found.view(), expected.view(), bound.view()));
        }
    }
    Ok(outcomes)
}

/// Checks the heads of every sample at every step against those of the CPU.
pub(super) fn verify_heads(gpu: &Gpu, seed: u64) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for (name, aquifer) in all_samples()? {
        let [u, _] = parameters(&aquifer, seed);
        let model = Groundwater::new(aquifer)?.on(gpu);
        // Cells without a head have none in both.
        let known = |heads: Array2<f64>| heads.into_iter().map(|h| if h.is_nan() { -1e30 } else { h }).collect();
        let (found, expected): (Array1<f64>, Array1<f64>) =
            (known(model.heads(u.view())?), known(model.model().heads(u.view())?));
        let bound = Array1::from_elem(found.len(), HEADS);
        keep(
            &mut outcomes,
            Outcome::compare("groundwater/device heads", &name, found.view(), expected.view(), bound.view()),
        );
    }
    Ok(outcomes)
}

fn keep(outcomes: &mut Vec<Outcome>, new: Outcome) {
    match outcomes.iter().position(|o| o.name == new.name) {
        Some(at) => outcomes[at] = outcomes[at].clone().worse(new),
        None => outcomes.push(new),
    }
}

/// What [`measure_on`] finds.
pub(super) struct Measured {
    /// Wall seconds of heads, and of all adjoints.
    pub(super) walls: [f64; 2],
    /// The kernels of the derivatives, with as many directions as there are observations.
    pub(super) kernels: Vec<Measurement>,
}

/// Measures a steady model on the device.
pub(super) fn measure_on(gpu: &Gpu, aquifer: Aquifer, u: ArrayView1<'_, f64>) -> Result<Measured> {
    let (grid, m) = (aquifer.grid, aquifer.observations.len());
    let model = Groundwater::new(aquifer)?.on(gpu);
    // The first run compiles the kernels.
    model.predict(u)?;
    let (heads, heads_wall, _) = timed(|| model.predict(u));
    heads?;
    let (rows, wall, _) = timed(|| -> Result<Array2<f64>> {
        let at = model.linearize(u)?;
        Ok(at.jacobian.adjoint_block(Array2::eye(at.value.len()).view()))
    });
    let psi = rows?;
    let (_, jacobian) = model.model().jacobian_on(u, None)?;
    let states = jacobian.states(0)?;
    let balance = jacobian.balance(1, &states[0], &states[1]);
    let (weights, faces) = (balance.weights(), FaceKernels::new(gpu, grid.cells));
    let numbers = (grid.len() * m) as f64;
    let measure = |entry: &str, cpu: &dyn Fn() -> Array2<f64>, gpu: &dyn Fn() -> Result<Array2<f64>>| {
        let (_, cpu_wall, cpu_seconds) = timed(cpu);
        let (found, gpu_wall, _) = timed(gpu);
        found?;
        Ok::<_, crate::error::Error>(Measurement {
            kernel: format!("groundwater/{entry}"),
            size: format!("{:?} cells, {m} directions", grid.cells),
            cpu_seconds,
            cpu_wall,
            gpu_seconds: Some(faces.time(entry, &weights, psi.view())?),
            gpu_wall: Some(gpu_wall),
            // A difference, a product and a sum a face; weights once, directions read and written.
            flops: 18.0 * numbers,
            bytes: 4.0 * (6.0 * grid.len() as f64 + 2.0 * numbers),
        })
    };
    let adjoint = || {
        let mut gradient = Array2::zeros(psi.dim());
        balance.adjoint_of_faces(psi.view(), gradient.view_mut());
        gradient
    };
    let kernels = vec![
        measure("tangent", &|| balance.tangent_of_faces(psi.view()), &|| Ok(faces.tangent(&weights, psi.view())?))?,
        measure("adjoint", &adjoint, &|| Ok(faces.adjoint(&weights, psi.view())?))?,
    ];
    Ok(Measured { walls: [heads_wall, wall], kernels })
}
