//! Pumping tests from files: every test is a flow model of its own, read between the centres of cells.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, ArrayView1, s};

use super::super::file::{self, Case, Data, DataSource, Tests};
use crate::error::{Error, Result};
use crate::forward::combined::Combined;
use crate::forward::groundwater::{
    Aquifer, Control, Groundwater, Observation, Quantity, Regime, Scalar, Split, Storage, TimeSteps, Well,
    equivalent_radius,
};
use crate::forward::scaled::Scaled;
use crate::forward::stacked::StackedOperator;
use crate::grid::Grid;
use crate::io::pumping::{self, PumpingTests, Sample};
use crate::operator::Operator;
use crate::units::Transform;

/// Which samples are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::case) enum Which {
    /// Those that are data.
    Data,
    /// All of them, those of tests that are left out and of pumped wells too; of a test without samples the ends of the
    /// steps in every well.
    All,
}

/// One reading of a test.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::case) struct Reading {
    /// Number of the test.
    pub(in crate::case) test: usize,
    /// Number of the well.
    pub(in crate::case) well: usize,
    /// Since pumping began \[s\].
    pub(in crate::case) time: f64,
    /// What was observed \[m\].
    pub(in crate::case) observed: Option<f64>,
}

/// The flow model of one test and what is read from it.
#[derive(Debug, Clone)]
pub(in crate::case) struct Part {
    /// The test's name.
    test: String,
    aquifer: Aquifer,
    /// (number of an observation of the aquifer, its weight) of every reading.
    weights: Vec<Vec<(usize, f64)>>,
    /// The parameter that is ln of its rate over the one noted, and the number of all; `None`: the rate is known.
    rate: Option<(usize, usize)>,
}

/// Tests laid out on a case's grid.
pub(in crate::case) struct Layout {
    /// Wells and tests.
    pub(in crate::case) tests: PumpingTests,
    /// All readings, test by test.
    pub(in crate::case) readings: Vec<Reading>,
    pub(in crate::case) parts: Vec<Part>,
}

/// The folder of the tests' files, and the name of their list.
fn folder(data: &Data, tests: &Tests) -> Result<(PathBuf, pumping::Columns)> {
    let mut columns = tests.columns.clone();
    match &data.source {
        DataSource::File(path) if path.is_dir() => Ok((path.clone(), columns)),
        DataSource::File(path) => {
            if let Some(name) = path.file_name() {
                columns.tests_file = name.to_string_lossy().into_owned();
            }
            Ok((path.parent().unwrap_or(Path::new("")).to_owned(), columns))
        }
        DataSource::CommandLine | DataSource::Reference => Err(Error::input(
            "data.file",
            "the case leaves its data to the command line",
            "name the folder of the tests with --data FOLDER",
        )),
    }
}

/// Names of the pumping tests in the case's files, those without samples too.
///
/// # Errors
/// Files that cannot be read.
pub(in crate::case) fn names_of_tests(data: &Data) -> Result<Vec<String>> {
    let Some(tests) = &data.tests else { return Ok(Vec::new()) };
    let (folder, columns) = folder(data, tests)?;
    Ok(pumping::read(&folder, &columns)?.tests.into_iter().map(|test| test.name).collect())
}

impl Layout {
    /// Reads the tests of a case and lays them out.
    ///
    /// # Errors
    /// Files that cannot be read, wells outside of the grid, samples beyond the last time step, a test to be left out
    /// that is not there.
    pub(in crate::case) fn new(case: &Case, data: &Data, which: Which) -> Result<Self> {
        let (Some(tests), Some(file::Physics::Groundwater(flow))) = (&data.tests, &case.physics) else {
            return Err(Error::input("data.tests", "there are no pumping tests", "add the section to the case"));
        };
        let (folder, columns) = folder(data, tests)?;
        let found = pumping::read(&folder, &columns)?;
        if let Some(unknown) = tests.left_out.iter().find(|name| found.tests.iter().all(|test| test.name != **name)) {
            let names: Vec<_> = found.tests.iter().map(|test| test.name.as_str()).collect();
            let remedy = format!("the tests are: {}", names.join(", "));
            return Err(Error::input("data.tests.leave_out", format!("there is no test \"{unknown}\""), remedy));
        }
        let base = aquifer(case, flow)?;
        let steps = flow.time.as_ref().map(|time| TimeSteps::new(time.ends())).transpose()?;
        let end = steps.as_ref().map_or(0.0, TimeSteps::end);
        let is_late = |time: f64| steps.as_ref().is_none_or(|steps| steps.inside(time).is_none());
        let (mut readings, mut parts) = (Vec::new(), Vec::new());
        for (number, test) in found.tests.iter().enumerate() {
            let samples = match which {
                Which::Data if tests.left_out.contains(&test.name) => continue,
                Which::Data => match &test.samples {
                    None => continue,
                    Some(samples) => thinned(samples, found.wells.len(), test.pumped, tests.from, tests.samples),
                },
                Which::All => every(flow, test, found.wells.len()),
            };
            if let Some((_, time, _)) = samples.iter().find(|(_, time, _)| is_late(*time)) {
                let problem =
                    format!("test \"{}\" has a sample at {time} s, and the last step ends at {end} s", test.name);
                return Err(Error::input("physics.time", problem, "let the steps reach beyond the last sample"));
            }
            let mut part = part(&case.grid, base.clone(), &found.wells, test, &samples)?;
            let rate = (base.inputs() + number, base.inputs() + found.tests.len());
            part.rate = (flow.uncertain.rate > 0.0).then_some(rate);
            parts.push(part);
            readings.extend(samples.into_iter().map(|(well, time, observed)| Reading {
                test: number,
                well,
                time,
                observed,
            }));
        }
        if readings.is_empty() {
            let problem = "no test is left with samples that are data";
            return Err(Error::input("data.tests.leave_out", problem, "leave fewer tests out"));
        }
        Ok(Self { tests: found, readings, parts })
    }

    /// Whether a test is no datum because the case leaves it out.
    pub(in crate::case) fn is_left_out(&self, case: &Case, test: usize) -> bool {
        let tests = case.data.as_ref().and_then(|data| data.tests.as_ref());
        tests.is_some_and(|tests| tests.left_out.contains(&self.tests.tests[test].name))
    }

    /// Number of the series (a test, a well) of every reading.
    pub(super) fn series(&self) -> Vec<Option<usize>> {
        self.readings.iter().map(|reading| Some(reading.test * self.tests.wells.len() + reading.well)).collect()
    }

    /// The forward model.
    ///
    /// # Errors
    /// Whatever the aquifers refuse.
    pub(in crate::case) fn forward(&self) -> Result<Box<dyn Operator>> {
        forward(&self.parts)
    }

    /// What the bore of the pumped well falls below the drawdown read at its place, `Q/(2π T) ln(r_e/r_w)` (Peaceman
    /// 1978) with `ln r_e = Σ w_i w_j ln d_ij` of the cells that it draws from, d_ii the [`equivalent_radius`]; `None`
    /// without a radius.
    pub(in crate::case) fn well_loss(&self, grid: &Grid, test: usize, transmissivity: &[f64]) -> Option<f64> {
        let test = &self.tests.tests[test];
        let well = &self.tests.wells[test.pumped];
        let radius = well.radius?;
        let near = around(grid, well.place)?;
        let mut log_radius = 0.0;
        for &(a, wa) in &near {
            for &(b, wb) in &near {
                let (p, q) = (grid.center(grid.cell(a)), grid.center(grid.cell(b)));
                let distance = if a == b { equivalent_radius(grid.spacing) } else { (p[0] - q[0]).hypot(p[1] - q[1]) };
                log_radius += wa * wb * distance.ln();
            }
        }
        let mean: f64 = near.iter().map(|&(cell, w)| w * transmissivity[cell]).sum();
        Some(test.rate / (2.0 * std::f64::consts::PI * mean) * (log_radius - radius.ln()))
    }
}

/// The models of all tests, one after the other.
pub(super) fn forward(parts: &[Part]) -> Result<Box<dyn Operator>> {
    let one = |part: &Part| -> Result<Box<dyn Operator>> {
        let model = Groundwater::new(part.aquifer.clone())?;
        let read = Box::new(Combined::new(Box::new(model), part.weights.clone()));
        Ok(match part.rate {
            Some((at, inputs)) => Box::new(Scaled::new(read, at, inputs)),
            None => read,
        })
    };
    Ok(Box::new(StackedOperator::new(parts.iter().map(one).collect::<Result<Vec<_>>>()?)))
}

impl Part {
    /// Number of readings.
    pub(super) fn count(&self) -> usize {
        self.weights.len()
    }

    /// Heads of every cell \[m\] at the end of the last step, by all `parameters` of the tests; NaN in inactive cells.
    ///
    /// # Errors
    /// A model that the flow cannot be solved for.
    pub(in crate::case) fn last_heads(&self, parameters: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        let heads = self.heads(parameters)?.1;
        Ok(heads.row(heads.nrows() - 1).to_owned())
    }

    /// The end of the last step \[s\].
    pub(in crate::case) fn end(&self) -> f64 {
        match &self.aquifer.regime {
            Regime::Transient { steps, .. } => steps.ends().last().copied().unwrap_or(0.0),
            Regime::Steady => 0.0,
        }
    }

    /// The model with the rate that `parameters` have for it, and its heads.
    fn heads(&self, parameters: ArrayView1<'_, f64>) -> Result<(Groundwater, Array2<f64>)> {
        let mut aquifer = self.aquifer.clone();
        let factor = self.rate.map_or(1.0, |(at, _)| parameters[at].exp());
        for well in &mut aquifer.wells {
            if let Control::Rate(rate) = &mut well.control {
                *rate *= factor;
            }
        }
        let model = Groundwater::new(aquifer)?;
        let heads = model.heads(parameters.slice(s![..self.aquifer.inputs()]))?;
        Ok((model, heads))
    }

    /// What cannot be overlooked in the heads of the test: one line, of the first of the cells that the bore draws from
    /// that is far off.
    pub(super) fn head_warnings(&self, parameters: ArrayView1<'_, f64>) -> Result<Vec<String>> {
        let (model, heads) = self.heads(parameters)?;
        let first = model.warnings(heads.view()).into_iter().next();
        Ok(first.map(|line| format!("in test {}, {line}", self.test)).into_iter().collect())
    }

    /// How the equations are solved, in words.
    pub(super) fn solver(&self, parameters: ArrayView1<'_, f64>) -> Result<String> {
        Groundwater::new(self.aquifer.clone())?.description(parameters.slice(s![..self.aquifer.inputs()]))
    }

    /// Some of the readings alone.
    pub(super) fn subset(&self, kept: impl Iterator<Item = usize>) -> Self {
        Self {
            test: self.test.clone(),
            aquifer: self.aquifer.clone(),
            weights: kept.map(|i| self.weights[i].clone()).collect(),
            rate: self.rate,
        }
    }
}

/// The aquifer without wells, its storage unknown where the case says so.
fn aquifer(case: &Case, flow: &file::Groundwater) -> Result<Aquifer> {
    let mut aquifer = super::flow::aquifer(case, flow)?;
    if let Regime::Transient { storage, .. } = &mut aquifer.regime {
        if flow.uncertain.storage_variation > 0.0 {
            *storage = Storage::LogField;
        } else if flow.uncertain.storage > 0.0 {
            *storage = Storage::Uniform(Scalar::Unknown(Transform::Ln));
        }
    }
    Ok(aquifer)
}

type Laid = Vec<(usize, f64, Option<f64>)>;

/// Of each series but the pumped well's the samples nearest to times of constant ratio.
fn thinned(samples: &[Sample], wells: usize, pumped: usize, from: f64, count: usize) -> Laid {
    let mut out = Vec::new();
    for well in (0..wells).filter(|&well| well != pumped) {
        let series: Vec<&Sample> = samples.iter().filter(|s| s.well == well && s.time >= from).collect();
        let last = series.iter().map(|s| s.time).fold(from, f64::max);
        let steps = (count - 1).max(1) as f64;
        let mut picked: Vec<usize> = Vec::new();
        for i in 0..count {
            let wanted = (from.ln() + (last / from).ln() * i as f64 / steps).exp();
            let off = |s: &Sample| (s.time / wanted).ln().abs();
            let nearest = (0..series.len()).min_by(|&a, &b| off(series[a]).total_cmp(&off(series[b])));
            picked.extend(nearest);
        }
        picked.sort_unstable();
        picked.dedup();
        out.extend(picked.into_iter().map(|i| (well, series[i].time, Some(series[i].drawdown))));
    }
    out
}

/// All samples of a test, well by well.
fn every(flow: &file::Groundwater, test: &pumping::Test, wells: usize) -> Laid {
    let ends = || flow.time.as_ref().map(file::TimeSteps::ends).unwrap_or_default();
    let of_well = |well: usize| -> Laid {
        match &test.samples {
            Some(samples) => {
                samples.iter().filter(|s| s.well == well).map(|s| (well, s.time, Some(s.drawdown))).collect()
            }
            None => ends().into_iter().map(|time| (well, time, None)).collect(),
        }
    };
    (0..wells).flat_map(of_well).collect()
}

/// The up to four cells around a point of a map, and their bilinear weights, which sum to 1; `None` outside of the
/// rectangle of the outermost centres.
fn around(grid: &Grid, point: [f64; 2]) -> Option<Vec<(usize, f64)>> {
    let mut ends = [[(0, 0.0); 2]; 2];
    for axis in 0..2 {
        let at = (point[axis] - grid.origin[axis]) / grid.spacing[axis] - 0.5;
        let last = grid.cells[axis] - 1;
        if !(0.0..=last as f64).contains(&at) {
            return None;
        }
        let low = (at as usize).min(last.saturating_sub(1));
        let part = at - low as f64;
        ends[axis] = [(low, 1.0 - part), ((low + 1).min(last), part)];
    }
    let corner = |(a, b): (usize, usize)| {
        let ((i, wx), (j, wy)) = (ends[0][a], ends[1][b]);
        (grid.index([i, j, 0]), wx * wy)
    };
    let corners = [(0, 0), (1, 0), (0, 1), (1, 1)].map(corner);
    Some(corners.into_iter().filter(|&(_, weight)| weight > 0.0).collect())
}

/// The flow model of one test.
fn part(
    grid: &Grid,
    mut aquifer: Aquifer,
    wells: &[pumping::Well],
    test: &pumping::Test,
    samples: &[(usize, f64, Option<f64>)],
) -> Result<Part> {
    let places: Vec<_> = wells.iter().map(|well| around(grid, well.place)).collect();
    let near = |well: usize| -> Result<&Vec<(usize, f64)>> {
        places[well].as_ref().ok_or_else(|| {
            let [x, y] = wells[well].place;
            let problem =
                format!("well \"{}\" at ({x} m, {y} m) is not between the cells of the grid", wells[well].name);
            Error::input("grid", problem, "move or enlarge the grid")
        })
    };
    for (number, &(cell, weight)) in near(test.pumped)?.iter().enumerate() {
        aquifer.wells.push(Well {
            name: format!("{}, part {}", wells[test.pumped].name, number + 1),
            cells: vec![cell],
            control: Control::Rate(-test.rate * weight),
            split: Split::CommonHead,
            radius: None,
        });
    }
    let mut weights = Vec::with_capacity(samples.len());
    for &(well, time, _) in samples {
        let mut row = Vec::new();
        for &(cell, weight) in near(well)? {
            row.push((aquifer.observations.len(), weight));
            aquifer.observations.push(Observation { quantity: Quantity::Drawdown(cell), time: Some(time) });
        }
        weights.push(row);
    }
    Ok(Part { test: test.name.clone(), aquifer, weights, rate: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_the_cells_around_give_a_linear_field_exactly() {
        let grid = Grid { spacing: [2.0, 3.0, 1.0], origin: [10.0, 20.0, 0.0], ..Grid::unit([5, 4, 1]) };
        for point in [[14.3, 26.9], [11.0, 21.5], [19.0, 30.5], [12.0, 24.5]] {
            let near = around(&grid, point).expect("inside");
            let sum = |f: &dyn Fn([f64; 3]) -> f64| -> f64 {
                near.iter().map(|&(cell, w)| w * f(grid.center(grid.cell(cell)))).sum()
            };
            assert!((sum(&|_| 1.0) - 1.0).abs() < 1e-14);
            let linear = |p: [f64; 3]| 3.0 * p[0] - 2.0 * p[1];
            assert!((sum(&linear) - linear([point[0], point[1], 0.0])).abs() < 1e-12, "{point:?}");
        }
        assert_eq!(around(&grid, [10.9, 25.0]), None);
    }

    #[test]
    fn samples_are_picked_by_the_logarithm_of_time_and_not_from_the_pumped_well() {
        let sample = |well: usize, t: usize| Sample { well, time: t as f64, drawdown: 0.0 };
        let samples: Vec<_> = (1..=1000).flat_map(|t| [sample(0, t), sample(1, t)]).collect();
        let picked: Vec<_> = thinned(&samples, 2, 1, 1.0, 4).into_iter().map(|(well, time, _)| (well, time)).collect();
        assert_eq!(picked, [(0, 1.0), (0, 10.0), (0, 100.0), (0, 1000.0)]);
    }
}
