//! Single-phase groundwater flow in a confined aquifer, steady or transient, in a map or a block:
//! `∇·(T ∇h) + q = S ∂h/∂t`, or `∇·(K ∇h) + q = S_s ∂h/∂t`.
//!
//! - h: head \[m\]; T: transmissivity \[m²/s\]; K: hydraulic conductivity \[m/s\];
//! - S: storativity \[−\]; S_s: specific storage \[1/m\];
//! - q: what wells and boundaries bring, *into* the aquifer positive: extraction is negative.
//!
//! Cell-centred finite volumes with two-point fluxes, `Σ_d C_cd (h_d − h_c) + q_c = S_c (h_c − h_c^{old}) / Δt` for every
//! cell c, `C_cd = area / distance · 2 K_c K_d / (K_c + K_d)` along x and y and times Kv/Kh along z: MODFLOW's equations.
//! Time steps are implicit Euler's.
//!
//! The parameter vector u carries T or K of the cells (plain, log10 or ln), and behind them what else is unknown
//! ([`Aquifer::extra_parameters`]). A cell of given head whose water is released at once, as at t = 0⁺ in a well, stores
//! nothing: its storage takes no part.

mod balance;
mod check;
mod check_device;
mod derivative;
mod device;
mod model;
mod plan;
mod property;
mod reading;
mod run;
mod system;
#[cfg(test)]
mod tests;
mod time;
mod warning;

use std::sync::Mutex;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::linalg::sparse::{Analyses, Method};
use crate::operator::{Linearized, Operator};

pub use crate::forward::straight_ray::Side;
pub use balance::WaterBalance;
pub use check::{measure, verify};
pub use check_device::verify_faces;
pub use device::{OnDevice, SHADER, prelude};
pub use model::{
    Aquifer, Boundary, Cells, Condition, Control, Extra, ExtraKind, Faces, Initial, Observation, Property, Quantity,
    Regime, Scalar, Split, Storage, Well,
};
pub use plan::equivalent_radius;
pub use time::TimeSteps;

use derivative::Jacobian;
use device::FaceKernels;
use plan::Planner;
use property::{Geometry, State};
use reading::{Reader, Readings};
use run::{Equations, Steps};
use system::{Role, Step, System};

/// The forward model `g(u)`: property and extra parameters → observations.
#[derive(Debug)]
pub struct Groundwater {
    aquifer: Aquifer,
    equations: Equations,
    readings: Readings,
}

impl Groundwater {
    /// Checks an aquifer and plans its equations.
    ///
    /// # Errors
    /// Whatever cannot be used: cells outside of the grid or inactive, contradictory boundaries and wells, parts of the
    /// aquifer whose heads nothing determines, numbers that are not finite or positive where they must be, observations
    /// of what is given or outside of the run.
    pub fn new(aquifer: Aquifer) -> Result<Self> {
        plan::check_aquifer(&aquifer)?;
        let geometry = Geometry::new(&aquifer);
        let (steady, from_steady) = match &aquifer.regime {
            Regime::Steady => (true, false),
            Regime::Transient { initial, .. } => {
                check_initial(&geometry, initial)?;
                (false, *initial == Initial::SteadyWithoutWells)
            }
        };
        let initial = from_steady.then(|| Planner::plan(&aquifer, &geometry, false, true)).transpose()?;
        let flow = Planner::plan(&aquifer, &geometry, true, steady)?;
        let readings = Readings::new(&aquifer, &geometry)?;
        let steps = Steps::new(&aquifer);
        let (method, analyses) = (Method::Auto, Analyses::default());
        let equations = Equations { geometry, initial, flow, steps, method, analyses, checkpoints: None };
        Ok(Self { aquifer, equations, readings })
    }

    /// The same model with a solver of choice.
    #[must_use]
    pub fn with_solver(mut self, method: Method) -> Self {
        self.equations.method = method;
        self
    }

    /// The same model, whose Jacobians keep every `every`-th state of a transient and compute the others again, instead
    /// of as many as fit in 512 MiB (all, or every √N-th).
    #[must_use]
    pub fn with_checkpoints(mut self, every: usize) -> Self {
        assert!(every > 0, "every 0th state is no state");
        self.equations.checkpoints = Some(every);
        self
    }

    /// The model with its systems solved and its derivatives assembled on a device: conjugate gradients with a multigrid
    /// preconditioner, in f32 refined to the tolerances of the CPU.
    pub fn on(self, gpu: &Gpu) -> OnDevice<'_> {
        OnDevice::new(self, gpu)
    }

    /// What the model was made of.
    pub fn aquifer(&self) -> &Aquifer {
        &self.aquifer
    }

    /// How the systems of the property in `u` are solved, in words.
    ///
    /// # Errors
    /// A property that cannot be used.
    pub fn description(&self, u: ArrayView1<'_, f64>) -> Result<String> {
        let state = self.state(u)?;
        Ok(self.equations.prepare(&state, 0, self.outputs(), None)?.description())
    }

    /// Heads \[m\], a state a row: the steady one (1 × n), or those at t = 0 and at the end of every step (N+1 × n).
    /// Those of inactive cells are NaN.
    ///
    /// # Errors
    /// A property that cannot be used; a solver that does not converge.
    pub fn heads(&self, u: ArrayView1<'_, f64>) -> Result<Array2<f64>> {
        self.heads_on(u, None)
    }

    fn heads_on(&self, u: ArrayView1<'_, f64>, gpu: Option<&Gpu>) -> Result<Array2<f64>> {
        let state = self.state(u)?;
        let solvers = self.equations.solvers(&state, 2, gpu)?;
        let first = usize::from(self.aquifer.regime == Regime::Steady);
        let mut heads = Array2::from_elem((self.equations.steps.count() + 1 - first, state.property.len()), f64::NAN);
        self.equations.run(&self.aquifer, &state, &solvers, |n, found| {
            let Some(row) = n.checked_sub(first) else { return };
            for ((head, found), role) in heads.row_mut(row).iter_mut().zip(found).zip(&self.equations.flow.roles) {
                if *role != Role::Inactive {
                    *head = *found;
                }
            }
        })?;
        Ok(heads)
    }

    /// The water balance of the steady state, or of each step 1..=N.
    ///
    /// # Errors
    /// A property that cannot be used; a solver that does not converge.
    pub fn water_balance(&self, u: ArrayView1<'_, f64>) -> Result<Vec<WaterBalance>> {
        let state = self.state(u)?;
        let solvers = self.equations.solvers(&state, 2, None)?;
        let (steps, mut before, mut balances) = (&self.equations.steps, Vec::new(), Vec::new());
        self.equations.run(&self.aquifer, &state, &solvers, |n, heads| {
            if n > 0 {
                let step = Step { inverse: steps.inverse(n), before: &before, rates: steps.rates(n) };
                balances.push(WaterBalance::new(self, &self.equations.flow, &state, step, heads));
            }
            before = heads.to_vec();
        })?;
        Ok(balances)
    }

    /// Lines that must not be overlooked: heads of [`Groundwater::heads`] that cannot be, with the well that makes them.
    pub fn warnings(&self, heads: ArrayView2<'_, f64>) -> Vec<String> {
        warning::warnings(&self.aquifer, &self.equations, heads)
    }

    fn state(&self, u: ArrayView1<'_, f64>) -> Result<State> {
        State::new(&self.aquifer, &self.equations.geometry, u)
    }

    /// Whether every cell has a storage of its own among the parameters.
    fn has_storage_field(&self) -> bool {
        self.aquifer.cell_parameters() > self.equations.geometry.len()
    }

    /// Inputs of storage and anisotropy, where they are parameters.
    fn extra_rows(&self) -> [Option<usize>; 2] {
        let extra = self.aquifer.extra_parameters();
        [ExtraKind::Storage, ExtraKind::Anisotropy]
            .map(|kind| extra.iter().position(|e| e.kind == kind).map(|at| self.aquifer.cell_parameters() + at))
    }

    fn reader<'a>(&'a self, state: &'a State, n: usize) -> Reader<'a> {
        let equations = &self.equations;
        let system: &System = match &equations.initial {
            Some(initial) if n == 0 => initial,
            _ => &equations.flow,
        };
        Reader { aquifer: &self.aquifer, geometry: &equations.geometry, system, state, rates: equations.steps.rates(n) }
    }

    /// Observations of the property itself.
    fn start(&self, u: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut observed = Array1::zeros(self.readings.count());
        for &(observation, cell) in self.readings.property() {
            observed[observation] = u[cell];
        }
        observed
    }

    fn predict_on(&self, u: ArrayView1<'_, f64>, gpu: Option<&Gpu>) -> Result<Array1<f64>> {
        let state = self.state(u)?;
        let solvers = self.equations.solvers(&state, 2, gpu)?;
        let mut observed = self.start(u);
        self.equations.run(&self.aquifer, &state, &solvers, |n, heads| {
            self.reader(&state, n).add_values(self.readings.at(n), heads, &mut observed);
        })?;
        Ok(observed)
    }

    fn linearize_on<'a>(&'a self, u: ArrayView1<'_, f64>, gpu: Option<&'a Gpu>) -> Result<Linearized<'a>> {
        let (value, jacobian) = self.jacobian_on(u, gpu)?;
        Ok(Linearized { value, jacobian: Box::new(jacobian) })
    }

    fn jacobian_on<'a>(&'a self, u: ArrayView1<'_, f64>, gpu: Option<&'a Gpu>) -> Result<(Array1<f64>, Jacobian<'a>)> {
        let state = self.state(u)?;
        let solvers = self.equations.solvers(&state, self.outputs(), gpu)?;
        let mut value = self.start(u);
        let mut by_parameter: Vec<_> = self.readings.property().iter().map(|&(o, cell)| (o, cell, 1.0)).collect();
        let mut by_head = Vec::new();
        let trajectory = self.equations.run(&self.aquifer, &state, &solvers, |n, heads| {
            let (reader, terms) = (self.reader(&state, n), self.readings.at(n));
            reader.add_values(terms, heads, &mut value);
            let (of_heads, of_parameters) = reader.coefficients(terms, heads);
            by_head.push(of_heads);
            by_parameter.extend(of_parameters);
        })?;
        let faces = gpu.map(|gpu| FaceKernels::new(gpu, self.equations.geometry.grid.cells));
        let failure = Mutex::default();
        let jacobian = Jacobian { model: self, faces, state, solvers, trajectory, by_head, by_parameter, failure };
        Ok((value, jacobian))
    }
}

fn check_initial(geometry: &Geometry, initial: &Initial) -> Result<()> {
    let wrong = match initial {
        Initial::SteadyWithoutWells => None,
        Initial::Uniform(head) => (!head.is_finite()).then(|| format!("{head} is no head")),
        Initial::Heads(heads) => {
            assert_eq!(heads.len(), geometry.len(), "one initial head a cell");
            let wrong = (0..heads.len()).find(|&cell| geometry.active[cell] && !heads[cell].is_finite());
            wrong.map(|cell| format!("{} m in {} is no head", heads[cell], geometry.name(cell)))
        }
    };
    match wrong {
        Some(problem) => Err(Error::input("initial heads", problem, "give finite heads in m")),
        None => Ok(()),
    }
}

impl Operator for Groundwater {
    fn inputs(&self) -> usize {
        self.aquifer.inputs()
    }

    fn outputs(&self) -> usize {
        self.readings.count()
    }

    fn predict(&self, u: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        self.predict_on(u, None)
    }

    fn linearize(&self, u: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
        self.linearize_on(u, None)
    }
}
