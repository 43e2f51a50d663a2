//! What a finished run leaves behind: arrays, tables, the ParaView file, the summary.

use std::path::Path;

use ndarray::Axis;

use super::observations::Observations;
use super::pumping::Tested;
use super::study::{Opinion, Study};
use super::{coefficients, facies_map, files, flow_results, paraview};
use crate::error::{Error, Result};
use crate::inversion::{ACTIVE_SHARE, Estimate, Iteration, Judged, Solution};
use crate::report::metrics::Errors;

/// Writes every file of the result folder but the summary and the report; returns the errors of heads.
pub(super) fn write(
    folder: &Path,
    study: &Study,
    observations: &Observations<'_>,
    estimate: &Estimate,
    verdict: Option<&[Opinion]>,
    tested: Option<&Tested>,
) -> Result<Option<Errors>> {
    let best = estimate.best();
    let model = study.reported(study.field(best.model.view()));
    let parameterized = study.reported(study.field(best.parameterized.view()));
    files::array(&folder.join("model.npy"), study.shaped(model.view()))?;
    files::array(&folder.join("parameterized.npy"), study.shaped(parameterized.view()))?;
    coefficients::write(folder, study, best)?;
    let prior_mean = study.reported(study.prior_mean.view());
    files::array(&folder.join("prior_mean.npy"), study.shaped(prior_mean.view()))?;
    if let Some(facies) = facies_map::of(study, best) {
        let facies = study.reported(study.field(facies.view()));
        files::array(&folder.join("facies.npy"), study.shaped(facies.view()))?;
    }
    if let Some(ksvd) = study.parameterization.dictionary() {
        write_csv(&folder.join("dictionary.csv"), |csv| {
            csv.write_record(["iteration", "rmse"])?;
            ksvd.rmse.iter().enumerate().try_for_each(|(i, rmse)| csv.serialize((i + 1, rmse)))
        })?;
    }
    if let Some(probability) = &best.probability {
        files::array(&folder.join("probability.npy"), study.shaped_layers(probability.view()))?;
    }
    if let Some(scenarios) = study.scenario_map(observations, best)? {
        files::array(&folder.join("scenario_map.npy"), study.shaped(scenarios.view()))?;
    }
    let mut layers =
        vec![("model", model.view()), ("parameterized", parameterized.view()), ("prior_mean", prior_mean.view())];
    let reference = observations.reference.as_ref().map(|r| study.reported(r.view()));
    if let Some(reference) = &reference {
        files::array(&folder.join("reference.npy"), study.shaped(reference.view()))?;
        layers.push(("reference", reference.view()));
    }
    write_iterations(&folder.join("iterations.npy"), study, &estimate.iterations)?;
    let heads = flow_results::write(folder, study, observations, best, tested)?;
    paraview::write(&folder.join("model.vti"), study, &layers, best, &heads)?;
    write_data(&folder.join("data.csv"), study, observations, best)?;
    write_history(folder, &estimate.iterations)?;
    write_scenarios(&folder.join("scenarios.csv"), study, best, verdict)?;
    if study.case.scenarios.len() > 1 {
        write_scenario_history(&folder.join("scenario_history.csv"), study, &estimate.iterations)?;
    }
    Ok(flow_results::errors(&heads))
}

/// f32 `[K, 2, nz, ny, nx]`: ū + Φv and u of every iteration.
fn write_iterations(path: &Path, study: &Study, iterations: &[Iteration]) -> Result<()> {
    let n = study.grid().len();
    let mut maps = ndarray::Array3::<f32>::zeros((iterations.len(), 2, n));
    for (mut both, iteration) in maps.axis_iter_mut(Axis(0)).zip(iterations) {
        for (mut map, field) in both.axis_iter_mut(Axis(0)).zip([&iteration.parameterized, &iteration.model]) {
            map.assign(&study.reported(study.field(field.view())).mapv(|x| x as f32));
        }
    }
    let [nz, ny, nx] = study.grid().shape();
    let shaped = maps.into_shape_with_order((iterations.len(), 2, nz, ny, nx)).expect("n = nz · ny · nx");
    files::array(path, shaped.view())
}

fn csv_error(path: &Path) -> impl Fn(csv::Error) -> Error + '_ {
    |e| Error::file("write", path, std::io::Error::other(e))
}

/// Serializes rows as CSV and moves the file into place.
pub(super) fn write_csv(path: &Path, fill: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    fill(&mut writer).map_err(csv_error(path))?;
    let bytes = writer.into_inner().map_err(|e| Error::file("write", path, std::io::Error::other(e.to_string())))?;
    files::bytes(path, &bytes)
}

fn write_data(path: &Path, study: &Study, observations: &Observations<'_>, best: &Iteration) -> Result<()> {
    let predicted = [&best.parameterized, &best.model].map(|field| observations.exact().predict(field.view()));
    let [parameterized, model] = predicted;
    let (parameterized, model) = (parameterized?, model?);
    write_csv(path, |csv| {
        csv.write_record([
            "kind",
            "id",
            "x",
            "y",
            "z",
            "x2",
            "y2",
            "z2",
            "time",
            "unit",
            "observed",
            "sigma",
            "predicted_parameterized",
            "predicted_model",
        ])?;
        for (i, datum) in observations.data.iter().enumerate() {
            let place = |p: Option<[f64; 3]>| {
                p.map_or_else(Default::default, |p| study.file_coordinates(p).map(|c| c.to_string()))
            };
            let [x, y, z]: [String; 3] = place(Some(datum.at));
            let [x2, y2, z2] = place(datum.to);
            let unit = &observations.units[i];
            let number = |carried: f64| unit.reported(carried).to_string();
            csv.write_record([
                datum.kind,
                &datum.id,
                &x,
                &y,
                &z,
                &x2,
                &y2,
                &z2,
                &datum.time.map(|t| t.to_string()).unwrap_or_default(),
                &unit.name(),
                &number(observations.observed[i]),
                &unit.reported_difference(observations.sigma[i]).to_string(),
                &number(parameterized[i]),
                &number(model[i]),
            ])?;
        }
        Ok(())
    })
}

/// `history.csv`, a row an iteration, and `tradeoff.csv`, a row a weight that was tried.
fn write_history(folder: &Path, iterations: &[Iteration]) -> Result<()> {
    write_csv(&folder.join("history.csv"), |csv| iterations.iter().try_for_each(|i| csv.serialize(&i.row)))?;
    write_csv(&folder.join("tradeoff.csv"), |csv| {
        csv.write_record(["iteration", "weight", "misfit", "penalty", "chosen"])?;
        for iteration in iterations {
            for tried in &iteration.tradeoff {
                csv.serialize((iteration.row.iteration, tried.weight, tried.misfit, tried.penalty, tried.chosen))?;
            }
        }
        Ok(())
    })
}

/// `scenarios.csv`: a row a scenario; of several also what the basis has of each, whether it is active, and the verdict,
/// empty where a scenario was not judged.
fn write_scenarios(path: &Path, study: &Study, best: &Iteration, verdict: Option<&[Opinion]>) -> Result<()> {
    const HEADER: &str = "name,columns,rank,energy,norm,contribution,log_evidence,k_e,aic,aicc,bic,kic,chi_squared,\
                          log_synthetic_likelihood,recall,typicality,probability,active";
    let shares = study.scenario_shares(best, verdict);
    let details = study.scenario_details(best);
    write_csv(path, |csv| {
        if details.is_none() && verdict.is_none() {
            csv.write_record(["name", "norm", "contribution", "probability"])?;
            return shares.iter().try_for_each(|s| csv.serialize((&s.name, s.norm, s.contribution, s.probability)));
        }
        csv.write_record(HEADER.split(','))?;
        for (p, scenario) in shares.iter().enumerate() {
            let own = details.as_ref().and_then(|details| details[p].as_ref());
            let judged = verdict.and_then(|verdict| verdict[p].as_ref());
            let solution = judged.and_then(|judged| judged.solution.as_ref());
            let number = |f: fn(&Solution) -> Option<f64>| solution.and_then(f);
            let synthetic = judged.and_then(Judged::synthetic);
            // A block has all its columns in use: the rank is their number.
            let columns = details.as_ref().map(|_| own.map_or(0, |own| own.columns));
            csv.serialize((
                (&scenario.name, columns, columns, own.map(|own| own.energy)),
                (scenario.norm, scenario.contribution),
                judged.map(|j| j.log_evidence).filter(|l| l.is_finite()),
                (number(|s| Some(s.effective_parameters)), number(|s| Some(s.aic)), number(|s| s.aicc)),
                (number(|s| Some(s.bic)), number(|s| Some(s.kic)), number(|s| Some(s.chi_squared()))),
                (synthetic.map(|s| s.log_likelihood), synthetic.map(|s| s.recall), synthetic.map(|s| s.typicality)),
                scenario.probability,
                details.as_ref().map(|_| u8::from(own.is_some_and(|own| own.active))),
            ))?;
        }
        Ok(())
    })
}

/// `scenario_history.csv`: norm and contribution of every scenario in every iteration, and whether it is active.
fn write_scenario_history(path: &Path, study: &Study, iterations: &[Iteration]) -> Result<()> {
    write_csv(path, |csv| {
        csv.write_record(["iteration", "scenario", "norm", "contribution", "active"])?;
        for iteration in iterations {
            let active = study.active(iteration.v.view(), Some(ACTIVE_SHARE));
            for (p, scenario) in study.scenario_shares(iteration, None).into_iter().enumerate() {
                let number = iteration.row.iteration;
                let active = u8::from(active.contains(&p));
                csv.serialize((number, scenario.name, scenario.norm, scenario.contribution, active))?;
            }
        }
        Ok(())
    })
}
