//! `lithoscope simulate`: the prior alone, training images and realizations in files.

use std::path::{Path, PathBuf};

use ndarray::{Array1, ArrayView1};

use super::file::Case;
use super::folder::{Begin, CASE, Existing, Folder, SUMMARY};
use super::study::Priors;
use super::{cache, files, hard_data, run, study};
use crate::error::{Error, Result};
use crate::grid::{Ensemble, Grid};
use crate::io::{Raster, Variable, atomic, gslib};
use crate::progress::Progress;

/// Formats of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One array `[L, nz, ny, nx]` a scenario and layer.
    Npy,
    /// One GSLIB file a scenario and layer, a variable a realization.
    Gslib,
    /// One VTK image a realization.
    Vti,
}

/// Draws every scenario's realizations into a folder and returns it.
///
/// # Errors
/// Whatever the geology refuses; a folder that is there already; an interrupt.
pub fn simulate(
    case: &Case,
    format: Format,
    out: Option<&Path>,
    force: bool,
    use_cache: bool,
    progress: &dyn Progress,
) -> Result<PathBuf> {
    let case = &hard_data::resolved(case)?;
    let wanted = out.map_or_else(|| PathBuf::from(format!("runs/{}-{}-prior", case.name, case.seed)), Path::to_owned);
    let resolved = case.to_toml();
    let mut identity = format!("{resolved}\n# realizations as {format:?}\n");
    identity.push_str(&run::files(case)?);
    let folder = match Folder::begin(&wanted, &identity, Existing { force, resume: false })? {
        Begin::Complete(folder) => return Ok(folder),
        Begin::Work(folder) => folder,
    };
    let root = if use_cache { cache::folder() } else { None };
    let mut scenarios = Vec::new();
    let priors = Priors::new(case, &study::conditioning(case), root.as_deref(), progress)?;
    for ((scenario, geology), ensemble) in case.scenarios.iter().zip(&priors.geologies.scenarios).zip(&priors.ensembles)
    {
        // Scenarios of a stack, "channels/sheets", are files in folders.
        let place = folder.aside().join(&scenario.name);
        if let Some(parent) = place.parent() {
            std::fs::create_dir_all(parent).map_err(|e| Error::file("create", parent, e))?;
        }
        if let Some(image) = &geology.image {
            let values: Array1<f64> = image.codes.iter().map(|&c| image.categories[usize::from(c)]).collect();
            let path = |ending: &str| folder.aside().join(format!("{}-image.{ending}", scenario.name));
            write_one(path, format, &Grid::unit(image.cells), "facies", values.view())?;
        }
        write_ensemble(folder.aside(), &scenario.name, case, format, ensemble)?;
        scenarios.push(serde_json::json!({"name": scenario.name, "realizations": ensemble.len()}));
    }
    files::bytes(&folder.aside().join(CASE), resolved.as_bytes())?;
    let summary = serde_json::json!({
        "format": 1, "case": case.name, "seed": case.seed, "scenarios": scenarios,
        "property": {"name": case.property.quantity.name(), "unit": case.property.unit.name, "transform": case.property.transform.name()},
    });
    files::bytes(&folder.aside().join(SUMMARY), format!("{summary:#}\n").as_bytes())?;
    folder.finish()
}

fn write_one(
    path: impl Fn(&str) -> PathBuf,
    format: Format,
    grid: &Grid,
    name: &str,
    values: ArrayView1<'_, f64>,
) -> Result<()> {
    let [nz, ny, nx] = grid.shape();
    match format {
        Format::Npy => {
            let shaped = values.into_shape_with_order((nz, ny, nx)).expect("n = nz · ny · nx");
            files::array(&path("npy"), shaped)
        }
        Format::Gslib => write_gslib(&path("gslib"), grid, vec![(name.to_owned(), values.to_vec())]),
        Format::Vti => files::vti(&path("vti"), grid, &[(name.to_owned(), values.to_vec())]),
    }
}

fn write_ensemble(folder: &Path, name: &str, case: &Case, format: Format, ensemble: &Ensemble) -> Result<()> {
    let [nz, ny, nx] = ensemble.grid.shape();
    let shape = (ensemble.len(), nz, ny, nx);
    let reported = |l: usize| ensemble.property(l).mapv(|u| case.property.reported(u));
    match format {
        Format::Npy => {
            if let Some(facies) = &ensemble.facies {
                let shaped = facies.view().into_shape_with_order(shape).expect("L × n");
                files::array(&folder.join(format!("{name}-facies.npy")), shaped)?;
            }
            if let Some(values) = &ensemble.values {
                let shaped = values.mapv(|u| case.property.reported(f64::from(u)) as f32);
                let shaped = shaped.into_shape_with_order(shape).expect("L × n");
                files::array(&folder.join(format!("{name}-property.npy")), shaped.view())?;
            }
            Ok(())
        }
        Format::Gslib | Format::Vti => {
            for l in 0..ensemble.len() {
                let path = |ending: &str| folder.join(format!("{name}-{:05}.{ending}", l + 1));
                let facies = ensemble
                    .facies(l)
                    .map(|codes| ("facies".to_owned(), codes.iter().map(|&c| f64::from(c)).collect()));
                let property =
                    (format!("{} [{}]", case.property.quantity.name(), case.property.label()), reported(l).to_vec());
                let arrays: Vec<_> = facies.into_iter().chain([property]).collect();
                match format {
                    Format::Gslib => write_gslib(&path("gslib"), &ensemble.grid, arrays)?,
                    _ => files::vti(&path("vti"), &ensemble.grid, &arrays)?,
                }
            }
            Ok(())
        }
    }
}

fn write_gslib(path: &Path, grid: &Grid, fields: Vec<(String, Vec<f64>)>) -> Result<()> {
    let raster = Raster {
        cells: grid.cells,
        realizations: 1,
        spacing: Some(grid.spacing),
        origin: Some(grid.origin),
        variables: fields.into_iter().map(|(name, values)| Variable { name, values }).collect(),
        notes: Vec::new(),
    };
    atomic::write(path, |to| gslib::write(to, &raster))
}
