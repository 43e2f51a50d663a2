//! Groundwater flow on a device: the systems by [`prepare_on`](crate::linalg::sparse::prepare_on), the derivatives of
//! the balances by kernels, in f32.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use crate::error::Result;
use crate::gpu::{Gpu, GpuError, Shader};
use crate::linalg::single;
use crate::linalg::sparse::even_width;
use crate::operator::{Linearized, Operator};

use super::Groundwater;

/// The kernels of the derivatives.
pub const SHADER: Shader = Shader {
    name: "forward/groundwater",
    text: include_str!("../../../shaders/forward/groundwater.wgsl"),
    trusted: true,
};

/// Invocations of a workgroup.
const WORKGROUP: u32 = 64;
/// Bytes of directions that go to the device at a time: in more of them the host's pages cost more than the transfers.
const PORTION: usize = 16 << 20;

/// The constants that the shader's text takes from here.
pub fn prelude() -> String {
    format!("const WORKGROUP: u32 = {WORKGROUP}u;")
}

/// A groundwater model on a device: the same observations within the tolerances of its solver, and a Jacobian whose
/// products carry f32's rounding.
#[derive(Debug)]
pub struct OnDevice<'g> {
    model: Groundwater,
    gpu: &'g Gpu,
}

impl<'g> OnDevice<'g> {
    pub(super) fn new(model: Groundwater, gpu: &'g Gpu) -> Self {
        Self { model, gpu }
    }

    /// The model itself, on the CPU.
    pub fn model(&self) -> &Groundwater {
        &self.model
    }

    /// [`Groundwater::heads`], solved on the device.
    ///
    /// # Errors
    /// As there; a failing device.
    pub fn heads(&self, u: ArrayView1<'_, f64>) -> Result<Array2<f64>> {
        self.model.heads_on(u, Some(self.gpu))
    }

    /// How the systems of the property in `u` are solved, in words.
    ///
    /// # Errors
    /// As [`Groundwater::description`]; a failing device.
    pub fn description(&self, u: ArrayView1<'_, f64>) -> Result<String> {
        let state = self.model.state(u)?;
        Ok(self.model.equations.prepare(&state, 0, self.outputs(), Some(self.gpu))?.description())
    }
}

impl Operator for OnDevice<'_> {
    fn inputs(&self) -> usize {
        self.model.inputs()
    }
    fn outputs(&self) -> usize {
        self.model.outputs()
    }
    fn predict(&self, u: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        self.model.predict_on(u, Some(self.gpu))
    }
    fn linearize(&self, u: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
        self.model.linearize_on(u, Some(self.gpu))
    }
}

/// What the faces between cells bring to the derivatives of the balances, for blocks of directions. `weights` are those
/// of `Balance::weights`.
#[derive(Debug)]
pub(super) struct FaceKernels<'g> {
    gpu: &'g Gpu,
    cells: [usize; 3],
    /// Bytes of directions that go there at a time.
    portion: usize,
}

impl<'g> FaceKernels<'g> {
    pub(super) fn new(gpu: &'g Gpu, cells: [usize; 3]) -> Self {
        Self { gpu, cells, portion: PORTION }
    }

    /// The same with portions of so many bytes.
    pub(super) fn in_portions(self, portion: usize) -> Self {
        Self { portion, ..self }
    }

    /// What the balances (n × r) gain for changes x of the property (n × r), given cells included.
    pub(super) fn tangent(&self, weights: &[f64], x: ArrayView2<'_, f64>) -> Result<Array2<f64>, GpuError> {
        self.run("tangent", weights, x, None)
    }

    /// What `Ψᵀ` balances (Ψ: n × r) gain for the property of each cell (n × r).
    pub(super) fn adjoint(&self, weights: &[f64], psi: ArrayView2<'_, f64>) -> Result<Array2<f64>, GpuError> {
        self.run("adjoint", weights, psi, None)
    }

    /// Seconds of an entry point on the device, without transfers.
    pub(super) fn time(&self, entry: &str, weights: &[f64], x: ArrayView2<'_, f64>) -> Result<f64, GpuError> {
        let mut seconds = 0.0;
        self.run(entry, weights, x, Some(&mut seconds))?;
        Ok(seconds)
    }

    fn run(
        &self,
        entry: &str,
        weights: &[f64],
        x: ArrayView2<'_, f64>,
        mut clock: Option<&mut f64>,
    ) -> Result<Array2<f64>, GpuError> {
        let n = x.nrows();
        // In units of the largest, f32 holds both.
        let weights = ArrayView1::from(weights).insert_axis(Axis(1));
        let unit = single::sizes(weights);
        let weights = self.gpu.upload("weights of faces", &single::rounded(weights, &unit))?;
        let most = (self.portion.min(self.gpu.max_binding() as usize) / (size_of::<f32>() * n)).max(1);
        let most = even_width(x.ncols(), most);
        let (from, to) = (self.gpu.zeros("directions", n * most)?, self.gpu.zeros::<f32>("balances", n * most)?);
        let mut image = Array2::zeros(x.dim());
        for first in (0..x.ncols()).step_by(most) {
            let width = most.min(x.ncols() - first);
            let columns = s![.., first..first + width];
            let mut sizes = single::sizes(x.slice(columns));
            self.gpu.write(&from, &single::rounded(x.slice(columns), &sizes))?;
            let [nx, ny, nz] = self.cells.map(|count| count as u32);
            let shape = self.gpu.uniform("cells of a block", [nx, ny, nz, width as u32])?;
            let mut batch = self.gpu.batch();
            let groups = [((n * width) as u64).div_ceil(u64::from(WORKGROUP)), 1, 1];
            let bindings = [shape.bind(), weights.bind(), from.bind(), to.bind()];
            batch.dispatch(&SHADER, entry, &prelude(), &bindings, groups)?;
            match clock.as_deref_mut() {
                Some(clock) => *clock += batch.time()?,
                None => batch.run()?,
            }
            sizes.iter_mut().for_each(|size| *size *= unit[0]);
            self.gpu.read_with(&to, |found| single::add(image.slice_mut(columns), found, &sizes))?;
        }
        Ok(image)
    }
}
