//! Observations as linear functions of the heads: `o = Σ a(u) h + c(u)`.

use ndarray::{Array1, Array2, ArrayView2};

use crate::error::{Error, Result};

use super::model::{Aquifer, Control, Observation, Quantity, Regime};
use super::plan::{owner_name, well_factor};
use super::property::{Geometry, State};
use super::system::{Role, System};

/// One part of an observation: `weight` times a number read from the heads at the end of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Term {
    /// Number of the observation.
    pub(super) observation: usize,
    pub(super) weight: f64,
    pub(super) read: Read,
}

/// What is read from the heads of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Read {
    /// The head of a cell.
    Head(usize),
    /// Mean head of a well's cells by transmissivity.
    Bore(usize),
    /// What the bore's head is above that mean for a rate: `q / Σ_l (2π T_l / ln(r_0/r_w))`.
    Loss(usize),
    /// Rate of a well of constant head.
    Rate(usize),
}

/// A coefficient: ∂(observation)/∂(head of a cell, or a parameter).
pub(super) type Coefficient = (usize, usize, f64);

/// What all observations read, by step: 0 is the initial state; steady flow is step 1.
#[derive(Debug, Clone)]
pub(super) struct Readings {
    steps: Vec<Vec<Term>>,
    /// (observation, cell) of those that read the property.
    property: Vec<(usize, usize)>,
    count: usize,
}

impl Readings {
    /// Finds out what to read when.
    ///
    /// # Errors
    /// Cells outside or inactive, times missing, out of place or outside of the run, readings of what is given.
    pub(super) fn new(aquifer: &Aquifer, geometry: &Geometry) -> Result<Self> {
        let steps = match &aquifer.regime {
            Regime::Steady => 1,
            Regime::Transient { steps, .. } => steps.count(),
        };
        let mut out =
            Self { steps: vec![Vec::new(); steps + 1], property: Vec::new(), count: aquifer.observations.len() };
        for (number, observation) in aquifer.observations.iter().enumerate() {
            Checker { aquifer, geometry, number }.check(observation)?;
            out.add(aquifer, number, observation);
        }
        Ok(out)
    }

    fn add(&mut self, aquifer: &Aquifer, observation: usize, what: &Observation) {
        // Steps and weights of the heads at the time, and the step whose rates hold then.
        let (at, step) = match (&aquifer.regime, what.time) {
            (Regime::Transient { steps, .. }, Some(time)) if time > 0.0 => {
                let time = steps.inside(time).unwrap_or(time);
                let step = steps.ends().partition_point(|&end| end < time) + 1;
                let part = (time - steps.start(step)) / steps.length(step);
                (vec![(step - 1, 1.0 - part), (step, part)], Some(step))
            }
            (Regime::Transient { .. }, _) => (vec![(0, 1.0)], None),
            (Regime::Steady, _) => (vec![(1, 1.0)], Some(1)),
        };
        let mut push = |step: usize, weight: f64, read: Read| {
            if weight != 0.0 {
                self.steps[step].push(Term { observation, weight, read });
            }
        };
        let (sign, read) = match what.quantity {
            Quantity::Property(cell) => return self.property.push((observation, cell)),
            Quantity::Rate(well) => return push(step.unwrap_or(1), 1.0, Read::Rate(well)),
            Quantity::Head(cell) => (1.0, Read::Head(cell)),
            Quantity::Drawdown(cell) => (-1.0, Read::Head(cell)),
            Quantity::WellHead(well) => (1.0, Read::Bore(well)),
            Quantity::WellDrawdown(well) => (-1.0, Read::Bore(well)),
        };
        if sign < 0.0 {
            push(0, 1.0, read);
        }
        for (step, weight) in at {
            push(step, sign * weight, read);
        }
        if let (Read::Bore(well), Some(step)) = (read, step)
            && aquifer.wells[well].radius.is_some()
        {
            push(step, sign, Read::Loss(well));
        }
    }

    /// Number of observations m.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// What is read at the end of a step.
    pub(super) fn at(&self, step: usize) -> &[Term] {
        &self.steps[step]
    }

    /// The observations of the property: (observation, cell).
    pub(super) fn property(&self) -> &[(usize, usize)] {
        &self.property
    }
}

/// Values and derivatives of the terms that are read at one step.
pub(super) struct Reader<'a> {
    pub(super) aquifer: &'a Aquifer,
    pub(super) geometry: &'a Geometry,
    pub(super) system: &'a System,
    pub(super) state: &'a State,
    /// Rates of the wells in this step.
    pub(super) rates: &'a [f64],
}

impl Reader<'_> {
    /// The number that is read, without its weight.
    fn value(&self, read: Read, heads: &[f64]) -> f64 {
        match read {
            Read::Head(cell) => heads[cell],
            Read::Bore(well) => {
                let cells = &self.aquifer.wells[well].cells;
                cells.iter().zip(self.state.shares(cells)).map(|(&cell, share)| share * heads[cell]).sum()
            }
            Read::Loss(well) => self.loss(well),
            Read::Rate(well) => self.rate(well, heads),
        }
    }

    fn loss(&self, well: usize) -> f64 {
        let cells = &self.aquifer.wells[well].cells;
        let property: f64 = cells.iter().map(|&cell| self.state.property[cell]).sum();
        let factor = well_factor(self.geometry, &self.aquifer.wells[well]).unwrap_or(f64::INFINITY);
        self.rates[well] / (factor * property)
    }

    /// Flows of a well of constant head: (conductance, the aquifer's cell, the well's cell where it is one of the grid,
    /// the axis), with the head that drives them.
    fn visit_flows(&self, well: usize, mut visit: impl FnMut(Flow)) {
        let owner = self.aquifer.boundaries.len() + well;
        let Control::Head(head) = self.aquifer.wells[well].control else { return };
        for link in self.system.links.iter().filter(|link| link.owner == owner) {
            visit(Flow { conductance: link.conductance(self.state), head, cell: link.cell, from: None });
        }
        for &cell in &self.aquifer.wells[well].cells {
            if !matches!(self.system.roles[cell], Role::Fixed { owner: other, .. } if other == owner) {
                continue;
            }
            for (next, axis, conductance) in self.state.neighbours(self.geometry.strides, cell) {
                if !matches!(self.system.roles[next], Role::Fixed { owner: other, .. } if other == owner) {
                    visit(Flow { conductance, head, cell: next, from: Some((cell, axis)) });
                }
            }
        }
    }

    /// Net inflow of a well of constant head.
    fn rate(&self, well: usize, heads: &[f64]) -> f64 {
        let mut rate = 0.0;
        self.visit_flows(well, |flow| rate += flow.conductance * (flow.head - heads[flow.cell]));
        rate
    }

    /// Adds the values of `terms` to the observations.
    pub(super) fn add_values(&self, terms: &[Term], heads: &[f64], observed: &mut Array1<f64>) {
        for term in terms {
            observed[term.observation] += term.weight * self.value(term.read, heads);
        }
    }

    /// Coefficients of the free heads, and of the parameters at fixed heads.
    pub(super) fn coefficients(&self, terms: &[Term], heads: &[f64]) -> (Vec<Coefficient>, Vec<Coefficient>) {
        let (mut by_head, mut by_parameter) = (Vec::new(), Vec::new());
        for &Term { observation, weight, read } in terms {
            let head = |cell: usize, c: f64| (observation, cell, weight * c);
            match read {
                Read::Head(cell) => by_head.push(head(cell, 1.0)),
                Read::Bore(well) => {
                    let cells = &self.aquifer.wells[well].cells;
                    let mean = self.value(read, heads);
                    for (&cell, share) in cells.iter().zip(self.state.shares(cells)) {
                        by_head.push(head(cell, share));
                        by_parameter.push(head(cell, share * self.state.slope[cell] * (heads[cell] - mean)));
                    }
                }
                Read::Loss(well) => {
                    let cells = &self.aquifer.wells[well].cells;
                    for (&cell, share) in cells.iter().zip(self.state.shares(cells)) {
                        by_parameter.push(head(cell, -self.loss(well) * share * self.state.slope[cell]));
                    }
                }
                Read::Rate(well) => self.visit_flows(well, |flow| {
                    by_head.push(head(flow.cell, -flow.conductance));
                    let through = flow.conductance * (flow.head - heads[flow.cell]);
                    self.flow_slopes(&flow, |input, slope| by_parameter.push(head(input, through * slope)));
                }),
            }
        }
        by_head.retain(|&(_, cell, _)| self.system.is_free(cell));
        (by_head, by_parameter)
    }

    /// d ln(conductance)/d(parameter) of a well's flow.
    fn flow_slopes(&self, flow: &Flow, mut visit: impl FnMut(usize, f64)) {
        let Some((well, axis)) = flow.from else { return visit(flow.cell, self.state.slope[flow.cell]) };
        visit(flow.cell, self.state.share(flow.cell, well));
        visit(well, self.state.share(well, flow.cell));
        let anisotropy = self.aquifer.extra_parameters().iter().position(|e| e.kind == super::ExtraKind::Anisotropy);
        if let (Some(extra), 2) = (anisotropy, axis) {
            visit(self.aquifer.cell_parameters() + extra, self.state.anisotropy_slope);
        }
    }
}

struct Flow {
    conductance: f64,
    /// Head of the well.
    head: f64,
    cell: usize,
    from: Option<(usize, usize)>,
}

/// `out[observation] += c · X[column of the coefficient]`, a row each.
pub(super) fn gather(coefficients: &[Coefficient], x: ArrayView2<'_, f64>, out: &mut Array2<f64>) {
    for &(observation, column, c) in coefficients {
        out.row_mut(observation).scaled_add(c, &x.row(column));
    }
}

/// `out[column of the coefficient] += c · Y[observation]`, a row each.
pub(super) fn scatter(coefficients: &[Coefficient], y: ArrayView2<'_, f64>, out: &mut Array2<f64>) {
    for &(observation, column, c) in coefficients {
        out.row_mut(column).scaled_add(c, &y.row(observation));
    }
}

/// Checks one observation.
struct Checker<'a> {
    aquifer: &'a Aquifer,
    geometry: &'a Geometry,
    number: usize,
}

impl Checker<'_> {
    fn refused(&self, problem: String, remedy: &str) -> Result<()> {
        Err(Error::input(format!("observation {} (counted from 1)", self.number + 1), problem, remedy))
    }

    fn check(&self, observation: &Observation) -> Result<()> {
        match observation.quantity {
            Quantity::Head(cell) | Quantity::Drawdown(cell) | Quantity::Property(cell) => self.cell(cell)?,
            Quantity::WellHead(well) | Quantity::WellDrawdown(well) => {
                if matches!(self.well(well)?, Control::Head(_)) {
                    let problem = format!("the head of {} is given, there is nothing to observe", self.name(well));
                    return self.refused(problem, "observe its rate");
                }
            }
            Quantity::Rate(well) => {
                if !matches!(self.well(well)?, Control::Head(_)) {
                    let problem = format!("the rate of {} is given, there is nothing to observe", self.name(well));
                    return self.refused(problem, "observe its head");
                }
            }
        }
        self.time(observation)
    }

    fn name(&self, well: usize) -> String {
        owner_name(self.aquifer, self.aquifer.boundaries.len() + well)
    }

    fn cell(&self, cell: usize) -> Result<()> {
        if cell >= self.geometry.len() {
            let problem = format!("cell number {cell} is outside of the grid of {} cells", self.geometry.len());
            return self.refused(problem, "number cells from 0, x fastest, then y, then z");
        }
        if self.geometry.active[cell] {
            return Ok(());
        }
        self.refused(format!("{} is inactive", self.geometry.name(cell)), "observe an active cell")
    }

    fn well(&self, well: usize) -> Result<&Control> {
        if let Some(well) = self.aquifer.wells.get(well) {
            return Ok(&well.control);
        }
        let problem = format!("there is no well number {well} among {}", self.aquifer.wells.len());
        self.refused(problem, "number wells from 0")?;
        unreachable!("a refusal is an error")
    }

    fn time(&self, observation: &Observation) -> Result<()> {
        let initial = matches!(observation.quantity, Quantity::Drawdown(_) | Quantity::WellDrawdown(_));
        match (&self.aquifer.regime, observation.time) {
            (_, None) if matches!(observation.quantity, Quantity::Property(_)) => Ok(()),
            (Regime::Steady, _) if initial => self.refused(
                "steady flow has no drawdown since a time 0".into(),
                "observe the head, or give steps in time",
            ),
            (Regime::Steady, None) => Ok(()),
            (Regime::Steady, Some(time)) => {
                self.refused(format!("steady flow has no time {time} s"), "leave the time out, or give steps in time")
            }
            (Regime::Transient { steps, .. }, Some(time)) => {
                let is_rate = matches!(observation.quantity, Quantity::Rate(_));
                if steps.inside(time).is_some_and(|time| time > 0.0 || !is_rate) {
                    return Ok(());
                }
                let problem = format!("{time} s is outside of the run, which goes from 0 s to {} s", steps.end());
                self.refused(problem, "observe inside the run (a rate after its start), or add steps")
            }
            (Regime::Transient { .. }, None) => {
                self.refused("it has no time".into(), "say when it is measured, in s from the start of the wells")
            }
        }
    }
}
