//! What a run with groundwater flow leaves behind beside its models: heads of every cell, wells, curves over time.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::observations::{Observations, Unit};
use super::pumping::Tested;
use super::results::write_csv;
use super::study::Study;
use super::summary::Forecast;
use super::{facies_map, files};
use crate::error::{Error, Result};
use crate::forward::groundwater::{Aquifer, Control, Groundwater, Observation, Quantity, Regime};
use crate::grid::Grid;
use crate::inversion::Iteration;
use crate::operator::Operator;
use crate::report::data::Response;
use crate::report::metrics::Errors;
use crate::units::Dimension;

/// Beyond so many states of a transient, only some of its heads are kept, the first and the last among them.
const STATES: usize = 24;

/// Fields of the last heads \[m\], each with its name and unit.
pub(super) type Heads = Vec<(String, Vec<f64>)>;

/// Writes `head.npy`, `head_parameterized.npy` and `head_reference.npy` (`[states, nz, ny, nx]`, m), in a transient
/// `head_times.csv` and `drawdown.csv` too, and `wells.csv`; returns the last heads. Of pumping tests it is what
/// [`Tested::write_heads`] writes. Without flow nothing is written.
///
/// # Errors
/// A model whose flow cannot be solved for; a file that cannot be written.
pub(super) fn write(
    folder: &Path,
    study: &Study,
    observations: &Observations<'_>,
    best: &Iteration,
    tested: Option<&Tested>,
) -> Result<Heads> {
    let Some(aquifer) = observations.aquifer() else {
        return tested.map_or(Ok(Vec::new()), |tested| tested.write_heads(folder, study, best));
    };
    let flow = Groundwater::new(aquifer.clone())?;
    let mut fields = vec![("model", best.model.view()), ("parameterized", best.parameterized.view())];
    let facies = facies_map::of(study, best).filter(|facies| facies != best.model);
    fields.extend(observations.reference.as_ref().map(|reference| ("reference", reference.view())));
    let mut last = Heads::new();
    fields.extend(facies.as_ref().map(|facies| ("facies", facies.view())));
    for (name, field) in fields.iter().filter(|(name, _)| *name != "facies") {
        let heads = flow.heads(*field)?;
        let kept = states(heads.nrows());
        let file = if *name == "model" { "head.npy".to_owned() } else { format!("head_{name}.npy") };
        let some = heads.select(Axis(0), &kept);
        files::array(&folder.join(file), study.shaped_layers(some.view()))?;
        last.push((format!("head of the {name} [m]"), heads.row(heads.nrows() - 1).to_vec()));
    }
    write_wells(&folder.join("wells.csv"), aquifer)?;
    if let Regime::Transient { steps, .. } = &aquifer.regime {
        let times: Vec<f64> = std::iter::once(0.0).chain(steps.ends().iter().copied()).collect();
        write_csv(&folder.join("head_times.csv"), |csv| {
            csv.write_record(["frame", "time"])?;
            states(times.len()).into_iter().enumerate().try_for_each(|(frame, k)| csv.serialize((frame, times[k])))
        })?;
        write_curves(&folder.join("drawdown.csv"), study, observations, steps.ends(), &fields)?;
    }
    Ok(last)
}

/// Errors of the model's last heads against the reference's \[m\], over active cells; `None` without flow or reference.
pub(super) fn errors(heads: &Heads) -> Option<Errors> {
    let of = |name: &str| heads.iter().find(|(found, _)| found.contains(name)).map(|(_, head)| head);
    let (model, reference) = (of("of the model")?, of("of the reference")?);
    let active = reference.iter().zip(model).filter(|(a, b)| !a.is_nan() && !b.is_nan());
    let (reference, model): (Vec<f64>, Vec<f64>) = active.map(|(a, b)| (*a, *b)).unzip();
    (!model.is_empty()).then(|| Errors::between((&reference).into(), (&model).into(), &[]))
}

/// Which of `total` states are kept: [`STATES`] at most, evenly spread, both ends among them.
fn states(total: usize) -> Vec<usize> {
    match total {
        0..=STATES => (0..total).collect(),
        _ => (0..STATES).map(|i| i * (total - 1) / (STATES - 1)).collect(),
    }
}

/// The columns of `wells.csv`.
pub(super) const WELL_COLUMNS: [&str; 8] = ["name", "x", "y", "z", "layer", "control", "value", "unit"];

/// A rate in m³/day.
pub(super) fn per_day(rate: f64) -> f64 {
    rate * 86400.0
}

/// A row a screened cell. Rates are positive where a well extracts.
fn write_wells(path: &Path, aquifer: &Aquifer) -> Result<()> {
    write_csv(path, |csv| {
        csv.write_record(WELL_COLUMNS)?;
        for well in &aquifer.wells {
            let (control, value, unit) = match &well.control {
                Control::Rate(rate) => ("rate", per_day(-rate), "m3/day"),
                Control::Schedule(rates) => {
                    let largest =
                        rates.iter().map(|r| r.1).fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
                    ("schedule", per_day(-largest), "m3/day")
                }
                Control::Head(head) => ("head", *head, "m"),
            };
            for &cell in &well.cells {
                let [x, y, z] = aquifer.grid.center(aquifer.grid.cell(cell));
                let layer = aquifer.grid.cell(cell)[2] + 1;
                csv.serialize((&well.name, x, y, z, layer, control, value, unit))?;
            }
        }
        Ok(())
    })
}

/// What is read over time: what of, where, its kind and unit.
struct Curve {
    quantity: Quantity,
    place: String,
    at: [f64; 3],
    kind: &'static str,
    unit: Unit,
}

/// `drawdown.csv`: whatever is observed, and every well's drawdown, at the end of every step and at the data's times.
fn write_curves(
    path: &Path,
    study: &Study,
    observations: &Observations<'_>,
    ends: &[f64],
    fields: &[(&str, ArrayView1<'_, f64>)],
) -> Result<()> {
    let Some(aquifer) = observations.aquifer() else { return Ok(()) };
    let curves = curves(study.grid(), aquifer, &observations.units);
    let mut times = ends.to_vec();
    times.extend(aquifer.observations.iter().filter_map(|o| o.time));
    times.sort_by(f64::total_cmp);
    times.dedup();
    let mut asked = aquifer.clone();
    let over_time = |c: &Curve| times.iter().map(|&t| Observation { quantity: c.quantity, time: Some(t) }).collect();
    asked.observations = curves.iter().flat_map(|c| -> Vec<Observation> { over_time(c) }).collect();
    let flow = Groundwater::new(asked)?;
    let read = |field: &ArrayView1<'_, f64>| -> Result<Array2<f64>> {
        let values: Array1<f64> = flow.predict(*field)?;
        Ok(values.into_shape_with_order((curves.len(), times.len())).expect("a value a curve and time"))
    };
    let predicted: Vec<Array2<f64>> = fields.iter().map(|(_, field)| read(field)).collect::<Result<_>>()?;
    let place = |name: &str| fields.iter().position(|(of, _)| *of == name);
    let (reference, facies) = (place("reference"), place("facies"));
    let observed = |quantity: Quantity, time: f64| {
        let same = |o: &Observation| o.quantity == quantity && o.time == Some(time);
        aquifer.observations.iter().position(same).map(|i| observations.observed[i])
    };
    write_csv(path, |csv| {
        for (c, curve) in curves.iter().enumerate() {
            // The model counts rates as they flow into the aquifer, files as they are extracted; so do the data.
            let sign = if let Quantity::Rate(_) = curve.quantity { -1.0 } else { 1.0 };
            for (t, &time) in times.iter().enumerate() {
                let [x, y, z] = curve.at;
                let number = |of: &Array2<f64>| curve.unit.reported(sign * of[[c, t]]);
                csv.serialize(Response {
                    place: curve.place.clone(),
                    kind: curve.kind.to_owned(),
                    x,
                    y,
                    z,
                    time,
                    unit: curve.unit.name().to_owned(),
                    reference: reference.map(|i| number(&predicted[i])),
                    predicted_parameterized: number(&predicted[1]),
                    predicted_model: number(&predicted[0]),
                    observed: observed(curve.quantity, time).map(|d| curve.unit.reported(d)),
                    predicted_facies: facies.map(|i| number(&predicted[i])),
                })?;
            }
        }
        Ok(())
    })
}

/// Root-mean-square errors of the forecasts of a run against its reference's own response, by kind of what was observed:
/// over all places and the times behind the last datum. Empty where nothing is forecast.
///
/// # Errors
/// A table of responses that cannot be read.
pub(super) fn forecasts(folder: &Path) -> Result<BTreeMap<String, Forecast>> {
    let path = folder.join("drawdown.csv");
    let mut out = BTreeMap::new();
    if !path.exists() {
        return Ok(out);
    }
    let damaged = |e: csv::Error| Error::file("read", &path, std::io::Error::other(e));
    let rows: csv::Result<Vec<Response>> = csv::Reader::from_path(&path).map_err(damaged)?.deserialize().collect();
    let rows = rows.map_err(damaged)?;
    let last = rows.iter().filter(|r| r.observed.is_some()).map(|r| r.time).fold(0.0, f64::max);
    let mut kinds: Vec<&str> = rows.iter().filter(|r| r.observed.is_some()).map(|r| r.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        let later: Vec<&Response> = rows.iter().filter(|r| r.kind == kind && r.time > last).collect();
        let rmse = |predicted: &dyn Fn(&Response) -> Option<f64>| {
            let missed: Option<Vec<f64>> = later.iter().map(|r| Some((predicted(r)? - r.reference?).powi(2))).collect();
            missed
                .filter(|missed| !missed.is_empty())
                .map(|missed| (missed.iter().sum::<f64>() / missed.len() as f64).sqrt())
        };
        let model = rmse(&|r| Some(r.predicted_model));
        if let (Some(parameterized), Some(model)) = (rmse(&|r| Some(r.predicted_parameterized)), model) {
            let facies = rmse(&|r| r.predicted_facies).unwrap_or(model);
            let unit = later[0].unit.clone();
            out.insert(kind.to_owned(), Forecast { unit, parameterized, model, facies });
        }
    }
    Ok(out)
}

fn curves(grid: &Grid, aquifer: &Aquifer, units: &[Unit]) -> Vec<Curve> {
    let cell_name = |cell: usize| {
        let [i, j, k] = grid.cell(cell).map(|index| index + 1);
        if grid.is_2d() { format!("cell ({i}, {j})") } else { format!("cell ({i}, {j}), layer {k}") }
    };
    let of = |quantity: Quantity| {
        let in_cell = |cell: usize, kind| (cell_name(cell), cell, kind, Dimension::Length);
        let in_well = |w: usize, kind, unit| (aquifer.wells[w].name.clone(), aquifer.wells[w].cells[0], kind, unit);
        let (place, cell, kind, dimension) = match quantity {
            Quantity::Head(cell) => in_cell(cell, "head"),
            Quantity::Drawdown(cell) => in_cell(cell, "drawdown"),
            Quantity::WellHead(w) => in_well(w, "head", Dimension::Length),
            Quantity::WellDrawdown(w) => in_well(w, "drawdown", Dimension::Length),
            Quantity::Rate(w) => in_well(w, "rate", Dimension::Rate),
            Quantity::Property(_) => return None,
        };
        let datum = aquifer.observations.iter().position(|o| o.quantity == quantity);
        let unit = datum.and_then(|i| units.get(i).cloned()).unwrap_or(Unit::Plain(dimension.si()));
        Some(Curve { quantity, place, at: grid.center(grid.cell(cell)), kind, unit })
    };
    let mut quantities: Vec<Quantity> = Vec::new();
    // Where the head is held there is no drawdown to observe: the rate answers.
    let answers = |w: &usize| !matches!(aquifer.wells[*w].control, Control::Head(_));
    let wells = (0..aquifer.wells.len()).filter(answers).map(Quantity::WellDrawdown);
    for quantity in aquifer.observations.iter().map(|o| o.quantity).chain(wells) {
        if !quantities.contains(&quantity) {
            quantities.push(quantity);
        }
    }
    quantities.into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_keep_both_ends() {
        assert_eq!(states(3), [0, 1, 2]);
        let some = states(1000);
        assert_eq!((some.len(), some[0], some[STATES - 1]), (STATES, 0, 999));
        assert!(some.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
