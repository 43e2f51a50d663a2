//! What an inversion of pumping tests leaves behind: drawdowns, storage, unknown numbers.

use std::path::Path;

use ndarray::{Array2, ArrayView1};

use super::beside::Beside;
use super::file::{Case, Physics};
use super::files;
use super::flow_results::{Heads, WELL_COLUMNS, per_day};
use super::observations::{Layout, Observations, Which};
use super::results::write_csv;
use super::study::{Study, UnknownKind};
use super::summary::{Scalar, Test};
use crate::error::Result;
use crate::inversion::{Iteration, reduced_jacobian};
use crate::linalg::dense::{cholesky, multiply};
use crate::report::data::Response;

/// The tests of a case beside what a model predicts of them: every sample, those of tests that are left out too.
pub(super) struct Tested {
    layout: Layout,
    /// A drawdown a reading \[m\]; of a pumped well that in its bore.
    drawdown: Vec<f64>,
}

impl Tested {
    /// Predicts every sample by `parameters`; `None` where the case has no tests.
    ///
    /// # Errors
    /// Files that have changed, a model that cannot be solved for.
    pub(super) fn new(case: &Case, parameters: ArrayView1<'_, f64>) -> Result<Option<Self>> {
        let Some(data) = case.data.as_ref().filter(|data| data.tests.is_some()) else { return Ok(None) };
        let layout = Layout::new(case, data, Which::All)?;
        let mut drawdown = layout.forward()?.predict(parameters)?.to_vec();
        let n = case.grid.len();
        let transmissivity: Vec<f64> =
            parameters.iter().take(n).map(|&u| case.property.transform.backward(u)).collect();
        for (reading, drawdown) in layout.readings.iter().zip(&mut drawdown) {
            if reading.well == layout.tests.tests[reading.test].pumped {
                *drawdown += layout.well_loss(&case.grid, reading.test, &transmissivity).unwrap_or(0.0);
            }
        }
        Ok(Some(Self { layout, drawdown }))
    }

    /// `head.npy` and `head_parameterized.npy` (`[tests, nz, ny, nx]`, m): heads at the end of every test; `head_tests.csv`,
    /// their names and times; `wells.csv`, the pumped wells with the rates noted. Returns the heads of the model.
    ///
    /// # Errors
    /// A model whose flow cannot be solved for; a file that cannot be written.
    pub(super) fn write_heads(&self, folder: &Path, study: &Study, best: &Iteration) -> Result<Heads> {
        let (case, tests) = (&study.case, &self.layout.tests.tests);
        let mut last = Heads::new();
        for (file, parameters) in [("head_parameterized.npy", &best.parameterized), ("head.npy", &best.model)] {
            let mut heads = Array2::zeros((tests.len(), case.grid.len()));
            for (part, mut row) in self.layout.parts.iter().zip(heads.rows_mut()) {
                row.assign(&part.last_heads(parameters.view())?);
            }
            files::array(&folder.join(file), study.shaped_layers(heads.view()))?;
            let named = tests.iter().zip(heads.rows());
            last = named.map(|(test, row)| (format!("head of test {} [m]", test.name), row.to_vec())).collect();
        }
        write_csv(&folder.join("head_tests.csv"), |csv| {
            csv.write_record(["frame", "test", "time"])?;
            let mut rows = tests.iter().zip(&self.layout.parts).enumerate();
            rows.try_for_each(|(frame, (test, part))| csv.serialize((frame, &test.name, part.end())))
        })?;
        write_csv(&folder.join("wells.csv"), |csv| {
            csv.write_record(WELL_COLUMNS)?;
            for test in tests {
                let well = &self.layout.tests.wells[test.pumped];
                let name = format!("test {}, well {}", test.name, well.name);
                let ([x, y], [_, _, z]) = (well.place, case.grid.center([0, 0, 0]));
                csv.serialize((name, x, y, z, 1, "rate", per_day(test.rate), "m3/day"))?;
            }
            Ok(())
        })?;
        Ok(last)
    }

    /// How well each test is met.
    pub(super) fn tests(&self, case: &Case) -> Vec<Test> {
        let of_test = |(number, test): (usize, &crate::io::pumping::Test)| {
            let readings = self.layout.readings.iter().zip(&self.drawdown);
            let own = readings.filter(|(reading, _)| reading.test == number && reading.well != test.pumped);
            let missed: Vec<f64> = own.filter_map(|(reading, s)| Some(reading.observed? - s)).collect();
            let squares: f64 = missed.iter().map(|x| x * x).sum();
            Test {
                name: test.name.clone(),
                left_out: self.layout.is_left_out(case, number),
                samples: missed.len(),
                rms: (!missed.is_empty()).then(|| (squares / missed.len() as f64).sqrt()),
            }
        };
        self.layout.tests.tests.iter().enumerate().map(of_test).collect()
    }

    /// `drawdown.csv`: every sample of every test, predicted and observed; and what was found beside the property
    /// ([`Beside::write`]).
    ///
    /// # Errors
    /// Files that cannot be written.
    pub(super) fn write(&self, folder: &Path, study: &Study, parameters: ArrayView1<'_, f64>) -> Result<()> {
        let (case, Self { layout, drawdown }) = (&study.case, self);
        if let Some(Physics::Groundwater(flow)) = &case.physics {
            let tests = layout.tests.tests.iter().map(|test| test.name.as_str());
            Beside::of(&flow.uncertain, case.grid.len(), tests, parameters).write(folder, study)?;
        }
        write_csv(&folder.join("drawdown.csv"), |csv| {
            for (reading, &s) in layout.readings.iter().zip(drawdown) {
                let (test, well) = (&layout.tests.tests[reading.test], &layout.tests.wells[reading.well]);
                let bore = if reading.well == test.pumped { ", bore" } else { "" };
                let note = if layout.is_left_out(case, reading.test) { " (left out)" } else { "" };
                let [x, y] = well.place;
                csv.serialize(Response {
                    place: format!("test {}, well {}{bore}{note}", test.name, well.name),
                    kind: "drawdown".into(),
                    x,
                    y,
                    z: 0.0,
                    time: reading.time,
                    unit: "m".into(),
                    reference: None,
                    predicted_parameterized: s,
                    predicted_model: s,
                    predicted_facies: None,
                    observed: reading.observed,
                })?;
            }
            Ok(())
        })
    }
}

/// The unknown numbers of a case and their posterior standard deviations in the linearized problem,
/// `σ_j √(1 − a_jᵀ (I + A Aᵀ)⁻¹ a_j)` with `A = C^{-1/2} G Φ diag(σ)` and its column `a_j`.
///
/// # Errors
/// A model that cannot be linearized.
pub(super) fn scalars(
    study: &Study,
    observations: &Observations<'_>,
    best: &Iteration,
    tested: Option<&Tested>,
) -> Result<Vec<Scalar>> {
    let unknown = study.parameterization.scalars();
    let (basis, Some(sigma)) = (study.basis(), study.basis().standard_deviations()) else { return Ok(Vec::new()) };
    if unknown.is_empty() {
        return Ok(Vec::new());
    }
    let at = observations.exact().linearize(best.parameterized.view())?;
    let jacobian = reduced_jacobian(&*at.jacobian, basis)? * sigma;
    let scaled = observations.covariance.whiten_block(jacobian.view());
    let mut gram = multiply(scaled.view(), scaled.t());
    gram.diag_mut().mapv_inplace(|g| g + 1.0);
    let factor = cholesky(&gram);
    let property = &study.case.property;
    let tests = tested.map_or(&[][..], |tested| &tested.layout.tests.tests);
    let found = unknown.iter().map(|unknown| {
        let column = scaled.column(unknown.column);
        let learned = factor.as_ref().map_or(0.0, |factor| column.dot(&factor.solve(column)));
        let deviation = sigma[unknown.column] * (1.0 - learned).max(0.0).sqrt();
        let value = unknown.mean + best.v[unknown.column];
        match unknown.kind {
            UnknownKind::Mean => Scalar {
                name: format!("mean of {}", property.quantity.name()),
                value: property.reported(value),
                unit: property.label(),
                sigma: deviation / property.difference(),
            },
            UnknownKind::Rate(test) => Scalar {
                name: format!("rate of test {} over the one noted", tests[test].name),
                value,
                unit: "ln".into(),
                sigma: deviation,
            },
            UnknownKind::Storage => {
                let (name, unit) = match &study.case.physics {
                    Some(Physics::Groundwater(flow))
                        if matches!(flow.storage, Some(super::file::Storage::Specific(_))) =>
                    {
                        ("mean of specific storage", "ln 1/m")
                    }
                    _ => ("mean of storativity", "ln"),
                };
                Scalar { name: name.into(), value, unit: unit.into(), sigma: deviation }
            }
        }
    });
    Ok(found.collect())
}
