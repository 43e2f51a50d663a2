//! `lithoscope forward`: the data that a given model predicts.

use std::path::Path;
use std::sync::Arc;

use ndarray::{Array1, ArrayView1};

use super::beside::Beside;
use super::file::{Case, Data, DataSource, Physics};
use super::hard_data;
use super::observations::{Laid, Measurement, columns, names_of_tests, open, survey};
use crate::error::{Error, Result};
use crate::forward::straight_ray::{Ray, StraightRays};
use crate::gpu::Gpu;
use crate::io;
use crate::operator::Operator;
use crate::progress::Progress;

/// Predicted data of the model in `model` (npy, `[nz, ny, nx]`, in the property's unit, as `model.npy` of a run), as
/// CSV: the lines of the case's data file, ids and units kept, with a column `predicted`; without a data file the
/// case's own survey. The model of a run of pumping tests takes the storage and the rates along that the run found
/// beside it, where it lies in the run's folder. `progress` hears what was used.
///
/// # Errors
/// A model of another shape or with values that are not finite where water flows, and whatever survey and rays refuse.
pub fn predict(case: &Case, model: &Path, gpu: Option<Arc<Gpu>>, progress: &dyn Progress) -> Result<String> {
    let Some(data) = &case.data else {
        return Err(Error::input(
            "physics",
            "the case has no forward model",
            "choose a case with [physics] and [data]",
        ));
    };
    let case = &hard_data::resolved(case)?;
    let active = case.active();
    let is_active = |cell: usize| active.as_ref().is_none_or(|active| active[cell]);
    let values = io::field(model, case.grid.cells, is_active)?;
    // Where nothing flows any value will do.
    let any = values.iter().copied().find(|y| y.is_finite()).unwrap_or_default();
    let u: Array1<f64> = values.iter().map(|&y| case.property.carried(if y.is_finite() { y } else { any })).collect();
    let Some(Physics::StraightRays(physics)) = &case.physics else {
        if gpu.is_some() {
            progress.note("these data are predicted on the CPU, in f64");
        }
        let (case, u) = with_unknowns(case, data, model, u, progress)?;
        return readings(&case, data, u.view());
    };
    let survey = survey(case, data, false)?;
    let rays = survey.sources.iter().zip(&survey.receivers).map(|(&source, &receiver)| Ray { source, receiver });
    let forward = StraightRays::new(case.grid, rays.collect(), physics.background)?;
    let forward = match gpu.as_deref() {
        Some(gpu) => forward.with_gpu(gpu)?,
        None => forward,
    };
    let unit = data.columns.time_unit;
    let predicted = forward.predict(u.view())?.to_vec();
    match &data.source {
        DataSource::File(path) => {
            let file = io::survey::read(path, &columns(&data.columns, case.grid.plane).geometry())?;
            echoed(path, |text| file.write_predicted(text, &predicted))
        }
        _ => {
            let mut text = format!("id,x1,y1,x2,y2,predicted_{}\n", unit.name);
            for (i, &t) in predicted.iter().enumerate() {
                let t = unit.from_si(t);
                let ([a, b, _], [c, d, _]) = (survey.sources[i], survey.receivers[i]);
                text.push_str(&format!("{},{a},{b},{c},{d},{t}\n", survey.ids[i]));
            }
            Ok(text)
        }
    }
}

/// The case and the parameters of its forward model, where storage or rates are unknown: those that lie beside `model` in
/// the folder of a run, else the case's own.
fn with_unknowns(
    case: &Case,
    data: &Data,
    model: &Path,
    u: Array1<f64>,
    progress: &dyn Progress,
) -> Result<(Case, Array1<f64>)> {
    let mut case = case.clone();
    let Some(Physics::Groundwater(flow)) = &mut case.physics else { return Ok((case, u)) };
    let asked = std::mem::take(&mut flow.uncertain);
    if data.tests.is_none() {
        return Ok((case, u));
    }
    // Other fields in the folder, such as the prior mean, are not what was found together with these numbers.
    let folder = match model.file_name() {
        Some(name) if name == "model.npy" || name == "parameterized.npy" => model.parent(),
        _ => None,
    };
    if let Some(found) = folder.map(|folder| Beside::read(folder, &case)).transpose()?.flatten() {
        let (parameters, uncertain) = found.behind(&u, &names_of_tests(data)?);
        progress.note(&format!("with {} that the run found beside the model", found.words()));
        if let Some(Physics::Groundwater(flow)) = &mut case.physics {
            flow.uncertain = uncertain;
        }
        return Ok((case, parameters));
    }
    if asked.has_storage() || asked.rate > 0.0 {
        progress.warn(&format!(
            "{} is a field alone: storage and rates are those of the case, not what a run found (give model.npy in the \
             folder of a run for these)",
            model.display()
        ));
    }
    Ok((case, u))
}

/// What the instruments of a physics without rays read: beside the lines of the data file, else a line a datum.
fn readings(case: &Case, data: &Data, u: ArrayView1<'_, f64>) -> Result<String> {
    let file = match &data.source {
        DataSource::File(path) if data.tests.is_none() => Some((path, open(data, false)?)),
        _ => None,
    };
    let laid = match &file {
        Some((_, file)) => Laid::of_file(case, data, file)?,
        None => Laid::new(case, data)?,
    };
    let predicted = laid.instruments.host(case)?.predict(u)?;
    let reported = laid.measurements.iter().zip(&predicted).map(|(m, &y)| m.unit.reported(y));
    if let Some((path, file)) = &file {
        let reported: Vec<f64> = reported.collect();
        return echoed(path, |text| file.write_predicted(text, &reported));
    }
    let mut text = String::from("kind,id,x,y,z,time,unit,predicted\n");
    for (Measurement { datum, unit, .. }, value) in laid.measurements.iter().zip(reported) {
        let ([x, y, z], time) = (datum.at, datum.time.map(|t| t.to_string()).unwrap_or_default());
        let (kind, id, name) = (datum.kind, &datum.id, unit.name());
        text.push_str(&format!("{kind},{id},{x},{y},{z},{time},{name},{value}\n"));
    }
    Ok(text)
}

/// The lines of a data file as `write` echoes them.
fn echoed(path: &Path, write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> Result<String> {
    let mut text = Vec::new();
    write(&mut text).map_err(|e| Error::file("write", path, e))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
