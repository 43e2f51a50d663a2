//! The wells on a device: the twin of [`DiscretePotential::minimize`](super::DiscretePotential::minimize) in WGSL.

use ndarray::{Array1, ArrayView1};
use rayon::prelude::*;

use super::{DiscretePotential, Penalty};
use crate::gpu::{Gpu, GpuError, Shader};

/// The kernel of the discrete step.
pub const SHADER: Shader = Shader {
    name: "regularizer/discrete",
    text: include_str!("../../../shaders/regularizer/discrete.wgsl"),
    trusted: true,
};

/// Invocations of a workgroup.
const WORKGROUP: u32 = 64;
/// Most Newton steps: at worst (b = 1, θ in the middle) each leaves two thirds of the distance.
const STEPS: u32 = 64;
/// Cells that one task converts at least.
const LEAST_CELLS_PER_TASK: usize = 1 << 14;

/// The constants that the shader's text takes from here.
pub fn prelude() -> String {
    format!("const WORKGROUP: u32 = {WORKGROUP}u;\nconst STEPS: u32 = {STEPS}u;")
}

/// Wells on a device.
#[derive(Debug)]
pub(super) struct Device<'g> {
    gpu: &'g Gpu,
    facies: Vec<f64>,
    heights: Vec<f64>,
}

impl<'g> Device<'g> {
    /// `None` for penalties that are not wells: these stay on the CPU.
    pub(super) fn new(gpu: &'g Gpu, potential: &DiscretePotential) -> Option<Self> {
        match &potential.penalty {
            Penalty::Wells(heights) => Some(Self { gpu, facies: potential.facies.clone(), heights: heights.clone() }),
            _ => None,
        }
    }

    /// The minimiser of every cell at weight β.
    pub(super) fn minimize(&self, theta: ArrayView1<'_, f64>, beta: f64) -> Result<Array1<f64>, GpuError> {
        self.run(theta, beta, &mut None)
    }

    /// Seconds on the device, without transfers.
    pub(super) fn time(&self, theta: ArrayView1<'_, f64>, beta: f64) -> Result<f64, GpuError> {
        let mut seconds = Some(0.0);
        self.run(theta, beta, &mut seconds)?;
        Ok(seconds.unwrap_or_default())
    }

    fn run(&self, theta: ArrayView1<'_, f64>, beta: f64, clock: &mut Option<f64>) -> Result<Array1<f64>, GpuError> {
        let first = self.facies[0];
        let range = self.facies[self.facies.len() - 1] - first;
        let cells: Vec<f64> = theta.to_vec();
        let most = self.gpu.max_binding() as usize / size_of::<[f32; 2]>();
        let gaps: Vec<[f32; 4]> = self
            .facies
            .windows(2)
            .zip(&self.heights)
            .map(|(gap, height)| {
                let b = 0.5 * beta * height * (gap[1] - gap[0]).powi(2);
                [(gap[0] - first) / range, (gap[1] - first) / range, b, 0.0].map(|x| x as f32)
            })
            .collect();
        let gaps_there = self.gpu.upload("gaps between facies", &gaps)?;
        let mut model = Vec::with_capacity(cells.len());
        for part in cells.chunks(most) {
            let scaled: Vec<f32> = part
                .par_iter()
                .with_min_len(LEAST_CELLS_PER_TASK)
                .map(|theta| ((theta - first) / range) as f32)
                .collect();
            let counts = self.gpu.uniform("cells and gaps", [part.len() as u32, gaps.len() as u32, 0, 0])?;
            let from = self.gpu.upload("parameterized map", &scaled)?;
            let to = self.gpu.zeros::<[f32; 2]>("nearest facies", part.len())?;
            let mut batch = self.gpu.batch();
            let bindings = [counts.bind(), gaps_there.bind(), from.bind(), to.bind()];
            let groups = [(part.len() as u64).div_ceil(u64::from(WORKGROUP)), 1, 1];
            batch.dispatch(&SHADER, "minimize", &prelude(), &bindings, groups)?;
            match clock {
                Some(seconds) => *seconds += batch.time()?,
                None => batch.submit()?,
            }
            let found = self.gpu.read(&to)?;
            // A distance of 0 is the facies to the last bit of f64.
            let place = |&[code, distance]: &[f32; 2]| self.facies[code as usize] + range * f64::from(distance);
            model.par_extend(found.par_iter().with_min_len(LEAST_CELLS_PER_TASK).map(place));
        }
        Ok(model.into())
    }
}
