//! From the initial state through all steps, with a bound on what is kept: prepared solvers and states.

use crate::error::Result;
use crate::gpu::Gpu;
use crate::linalg::sparse::{Analyses, GridMatrix, Method, PreparedSolver, prepare_again, prepare_on};

use super::model::{Aquifer, Control, Initial, Regime};
use super::property::{Geometry, State};
use super::system::{Role, Step, System};

/// Bytes that prepared solvers of one model may take together, and the states of one run.
const BYTES: usize = 512 << 20;
/// Bytes a cell that a prepared solver takes, in one layer and in several.
const SOLVER_BYTES: [usize; 2] = [400, 5000];
/// Bytes on a device that prepared solvers of one model may take together, and those a cell of one of them.
const DEVICE_BYTES: usize = 2 << 30;
const DEVICE_SOLVER_BYTES: usize = 3000;

/// Steps of the model; steady flow is one step without storage.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    /// Distinct 1/Δt \[1/s\]: lengths that differ by rounding are one.
    distinct: Vec<f64>,
    /// Which of them each step has.
    of_step: Vec<usize>,
    /// Rate of every well in each step \[m³/s\].
    rates: Vec<Vec<f64>>,
    /// No rates: before the wells are on.
    idle: Vec<f64>,
}

impl Steps {
    pub(super) fn new(aquifer: &Aquifer) -> Self {
        let idle = vec![0.0; aquifer.wells.len()];
        let Regime::Transient { steps, .. } = &aquifer.regime else {
            let rates = aquifer.wells.iter().map(|well| mean_rate(&well.control, 0.0, 1.0)).collect();
            return Self { distinct: vec![0.0], of_step: vec![0], rates: vec![rates], idle };
        };
        let (mut distinct, mut of_step, mut rates) = (Vec::<f64>::new(), Vec::new(), Vec::new());
        for step in 1..=steps.count() {
            let inverse = steps.length(step).recip();
            let known = distinct.iter().position(|&other| (other - inverse).abs() <= 1e-12 * inverse);
            of_step.push(known.unwrap_or_else(|| {
                distinct.push(inverse);
                distinct.len() - 1
            }));
            let (start, end) = (steps.start(step), steps.ends()[step - 1]);
            rates.push(aquifer.wells.iter().map(|well| mean_rate(&well.control, start, end)).collect());
        }
        Self { distinct, of_step, rates, idle }
    }

    /// Number of steps N.
    pub(super) fn count(&self) -> usize {
        self.of_step.len()
    }

    /// 1/Δt of step 1 ≤ n ≤ N \[1/s\].
    pub(super) fn inverse(&self, step: usize) -> f64 {
        self.distinct[self.of_step[step - 1]]
    }

    /// Rates of the wells in step n \[m³/s\]; none before the first.
    pub(super) fn rates(&self, step: usize) -> &[f64] {
        if step == 0 { &self.idle } else { &self.rates[step - 1] }
    }
}

/// Mean of a well's rate from `start` to `end`; 0 for a constant head.
fn mean_rate(control: &Control, start: f64, end: f64) -> f64 {
    match control {
        Control::Rate(rate) => *rate,
        Control::Head(_) => 0.0,
        Control::Schedule(schedule) => {
            let until = schedule.iter().skip(1).map(|next| next.0).chain([f64::INFINITY]);
            let volume: f64 = schedule
                .iter()
                .zip(until)
                .map(|((from, rate), to)| rate * (to.min(end) - from.max(start)).max(0.0))
                .sum();
            volume / (end - start)
        }
    }
}

/// Everything about the equations that does not depend on the parameters.
#[derive(Debug, Clone)]
pub(super) struct Equations {
    pub(super) geometry: Geometry,
    /// The steady state at t = 0, where it is the initial state of a transient.
    pub(super) initial: Option<System>,
    /// With the wells on.
    pub(super) flow: System,
    pub(super) steps: Steps,
    pub(super) method: Method,
    /// What factorizations of the system of one property tell those of the next.
    pub(super) analyses: Analyses,
    /// Keep every so many-th state; `None` as many as memory allows.
    pub(super) checkpoints: Option<usize>,
}

/// The systems of one property, prepared as far as memory allows.
pub(super) struct Solvers<'g> {
    /// Of the initial state.
    initial: Option<Box<dyn PreparedSolver + 'g>>,
    /// Of each distinct length of steps.
    steps: Vec<Option<Box<dyn PreparedSolver + 'g>>>,
    /// Right-hand sides expected of each.
    right_hand_sides: usize,
    /// Where they are solved; the CPU without one.
    gpu: Option<&'g Gpu>,
}

/// Heads of a run: states 0, `every`, 2 `every`, …, from which the others are computed again.
pub(super) struct Trajectory {
    pub(super) every: usize,
    pub(super) kept: Vec<Vec<f64>>,
}

impl Equations {
    fn prepare_matrix<'g>(
        &self,
        matrix: GridMatrix,
        right_hand_sides: usize,
        gpu: Option<&'g Gpu>,
    ) -> Result<Box<dyn PreparedSolver + 'g>> {
        match gpu {
            Some(gpu) => prepare_on(matrix, gpu),
            None => prepare_again(matrix, self.method, right_hand_sides, &self.analyses),
        }
    }

    /// Prepares the system of one distinct length of steps.
    pub(super) fn prepare<'g>(
        &self,
        state: &State,
        distinct: usize,
        right_hand_sides: usize,
        gpu: Option<&'g Gpu>,
    ) -> Result<Box<dyn PreparedSolver + 'g>> {
        let matrix = self.flow.matrix(&self.geometry, state, self.steps.distinct[distinct]);
        self.prepare_matrix(matrix, right_hand_sides, gpu)
    }

    /// Prepares the systems of a property; steps beyond those that fit are prepared where they are used.
    pub(super) fn solvers<'g>(
        &self,
        state: &State,
        right_hand_sides: usize,
        gpu: Option<&'g Gpu>,
    ) -> Result<Solvers<'g>> {
        let initial = self
            .initial
            .as_ref()
            .map(|system| self.prepare_matrix(system.matrix(&self.geometry, state, 0.0), right_hand_sides, gpu));
        let kept = match gpu {
            Some(_) => DEVICE_BYTES / (DEVICE_SOLVER_BYTES * self.geometry.len()),
            None => BYTES / (SOLVER_BYTES[usize::from(!self.geometry.grid.is_2d())] * self.geometry.len()),
        };
        let prepared = |distinct| {
            (distinct < kept.max(1)).then(|| self.prepare(state, distinct, right_hand_sides, gpu)).transpose()
        };
        let steps = (0..self.steps.distinct.len()).map(prepared).collect::<Result<_>>()?;
        Ok(Solvers { initial: initial.transpose()?, steps, right_hand_sides, gpu })
    }

    /// Calls `work` with the solver of a step.
    pub(super) fn with_solver<R>(
        &self,
        state: &State,
        solvers: &Solvers<'_>,
        step: usize,
        work: impl FnOnce(&dyn PreparedSolver) -> Result<R>,
    ) -> Result<R> {
        let distinct = self.steps.of_step[step - 1];
        match &solvers.steps[distinct] {
            Some(solver) => work(&**solver),
            None => work(&*self.prepare(state, distinct, solvers.right_hand_sides, solvers.gpu)?),
        }
    }

    /// The heads at t = 0; in steady flow where the solver starts.
    pub(super) fn initial_heads(&self, aquifer: &Aquifer, state: &State, solvers: &Solvers) -> Result<Vec<f64>> {
        let n = self.geometry.len();
        let mut start = match &aquifer.regime {
            Regime::Transient { initial: Initial::Uniform(head), .. } => vec![*head; n],
            Regime::Transient { initial: Initial::Heads(heads), .. } => heads.clone(),
            _ => vec![self.mean_given_head(); n],
        };
        for (head, _) in start.iter_mut().zip(&self.geometry.active).filter(|(_, active)| !**active) {
            *head = 0.0;
        }
        let (Some(system), Some(solver)) = (&self.initial, &solvers.initial) else { return Ok(start) };
        let step = Step { inverse: 0.0, before: &start, rates: self.steps.rates(0) };
        system.solve(&self.geometry, state, &**solver, step)
    }

    fn mean_given_head(&self) -> f64 {
        let system = self.initial.as_ref().unwrap_or(&self.flow);
        let fixed =
            system.roles.iter().filter_map(|role| if let Role::Fixed { head, .. } = role { Some(*head) } else { None });
        let given: Vec<f64> = fixed.chain(system.links.iter().map(|link| link.head)).collect();
        if given.is_empty() { 0.0 } else { given.iter().sum::<f64>() / given.len() as f64 }
    }

    /// The heads at the end of step n ≥ 1 from those at its beginning.
    pub(super) fn advance(&self, state: &State, solvers: &Solvers<'_>, n: usize, before: &[f64]) -> Result<Vec<f64>> {
        let step = Step { inverse: self.steps.inverse(n), before, rates: self.steps.rates(n) };
        self.with_solver(state, solvers, n, |solver| self.flow.solve(&self.geometry, state, solver, step))
    }

    /// Runs through all steps; `visit` sees step 0 (the initial state) to N.
    pub(super) fn run(
        &self,
        aquifer: &Aquifer,
        state: &State,
        solvers: &Solvers<'_>,
        mut visit: impl FnMut(usize, &[f64]),
    ) -> Result<Trajectory> {
        let every = self.checkpoints.unwrap_or_else(|| {
            let all = (self.steps.count() + 1) * self.geometry.len() * size_of::<f64>();
            if all <= BYTES { 1 } else { (self.steps.count() as f64).sqrt().ceil() as usize }
        });
        let mut heads = self.initial_heads(aquifer, state, solvers)?;
        visit(0, &heads);
        let mut kept = vec![heads.clone()];
        for n in 1..=self.steps.count() {
            heads = self.advance(state, solvers, n, &heads)?;
            visit(n, &heads);
            if n % every == 0 {
                kept.push(heads.clone());
            }
        }
        Ok(Trajectory { every, kept })
    }

    /// The states from kept one `segment` on, until the next kept one (included) or the end.
    pub(super) fn segment(
        &self,
        state: &State,
        solvers: &Solvers<'_>,
        trajectory: &Trajectory,
        segment: usize,
    ) -> Result<Vec<Vec<f64>>> {
        let first = segment * trajectory.every;
        let mut states = vec![trajectory.kept[segment].clone()];
        for n in first + 1..=(first + trajectory.every).min(self.steps.count()) {
            let next = match trajectory.kept.get(segment + 1) {
                Some(kept) if n == first + trajectory.every => kept.clone(),
                _ => self.advance(state, solvers, n, &states[states.len() - 1])?,
            };
            states.push(next);
        }
        Ok(states)
    }
}

impl Solvers<'_> {
    /// The solver of the initial state.
    pub(super) fn initial(&self) -> Option<&dyn PreparedSolver> {
        self.initial.as_ref().map(|solver| &**solver as &dyn PreparedSolver)
    }

    /// Columns that every call of them solves on one thread; `None` where some do not, or are prepared where they are
    /// used.
    pub(super) fn columns_of_a_task(&self) -> Option<usize> {
        let steps = self.steps.iter().map(|solver| solver.as_ref()?.columns_of_a_task());
        let initial = self.initial.iter().map(|solver| solver.columns_of_a_task());
        steps.chain(initial).try_fold(usize::MAX, |least, columns| Some(least.min(columns?)))
    }
}
