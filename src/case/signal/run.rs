//! `lithoscope run` of a signal: a result folder, or one for each of several references.

use std::path::{Path, PathBuf};
use std::time::Instant;

use ndarray::{Array1, Array2, Array3, s};
use rayon::prelude::*;

use super::recovery::{Recovered, Reference, recover, scan};
use super::summary::{Row, Seconds, Summary};
use crate::case::file::Signal;
use crate::case::files;
use crate::case::folder::{self, Begin, Folder};
use crate::case::results::write_csv;
use crate::case::run::{Finished, Options};
use crate::case::summary::{Head, aggregate, read};
use crate::error::{Error, Result};
use crate::inversion::Stop;
use crate::measure::peak_memory;
use crate::progress::Progress;
use crate::report::metrics::Errors;

/// Recovers the signal of the case by every method, or those of several references; all on the CPU.
///
/// # Errors
/// Options that mean nothing without geology, [`Error::Interrupted`] between references, files that cannot be written.
pub fn run(signal: &Signal, options: &Options, progress: &dyn Progress) -> Result<Finished> {
    if options.repeat == Some(0) {
        return Err(Error::input("--repeat", "0 references", "repeat over at least one"));
    }
    if options.scenarios_from.is_some() {
        return Err(Error::input("--scenarios-from", "a signal has no scenarios", "leave it out"));
    }
    let resolved = signal.to_toml();
    let identity = format!("{resolved}\n# repeat = {:?}\n", options.repeat);
    let wanted = options.out.clone().unwrap_or_else(|| PathBuf::from(format!("runs/{}-{}", signal.name, signal.seed)));
    let folder = match Folder::begin(&wanted, &identity, options.existing)? {
        Begin::Complete(folder) => return Ok(Finished { folder, found: true }),
        Begin::Work(folder) => folder,
    };
    if options.existing.resume && !folder.resumed() {
        progress.note("nothing to resume: a new run begins");
    }
    progress.note(&format!("{}: {}", signal.name, signal.title));
    progress.note("all work on the CPU, in f64: a signal is too small for a device");
    match options.repeat {
        None => one(signal, folder.aside(), options)?,
        Some(repeat) => repeated(signal, folder.aside(), repeat, options, progress)?,
    }
    Ok(Finished { folder: folder.finish()?, found: false })
}

fn repeated(signal: &Signal, folder: &Path, repeat: u64, options: &Options, progress: &dyn Progress) -> Result<()> {
    // Killed when all was done, and only the move into place was left.
    if folder::is_complete(folder) {
        return Ok(());
    }
    let mut summaries = Vec::new();
    progress.start("references", repeat);
    for number in 0..repeat {
        if progress.interrupted() {
            return Err(Error::Interrupted);
        }
        let place = folder.join(format!("repeat-{:03}", number + 1));
        if !folder::is_complete(&place) {
            std::fs::create_dir_all(&place).map_err(|e| Error::file("create", &place, e))?;
            one(&Signal { reference: signal.reference + number, ..signal.clone() }, &place, options)?;
        }
        summaries.push(read(&place)?);
        progress.advance(1);
    }
    progress.finish();
    files::bytes(&folder.join(folder::CASE), signal.to_toml().as_bytes())?;
    folder::complete(folder, &aggregate(&summaries))
}

/// The case's own reference, into `folder`.
fn one(signal: &Signal, folder: &Path, options: &Options) -> Result<()> {
    if folder::is_complete(folder) {
        return Ok(());
    }
    let started = Instant::now();
    files::bytes(&folder.join(folder::CASE), signal.to_toml().as_bytes())?;
    let reference = Reference::new(signal, signal.reference);
    let experiments: Vec<_> =
        signal.methods.iter().flat_map(|method| signal.measurements.iter().map(move |&m| (method, m))).collect();
    let recovered: Vec<Recovered> =
        experiments.par_iter().map(|(method, m)| recover(signal, &reference, method, *m)).collect();
    let scanned = signal.weights.as_ref().map(|weights| scan(signal, &reference, weights));
    let inversion = started.elapsed().as_secs_f64();
    let zero = Errors::between(reference.v.view(), Array1::zeros(signal.entries).view(), &[]);
    let mut summary = Summary {
        head: Head::new(&signal.name, &signal.title, signal.seed, None, &options.command),
        stopped_because: Stop::Stagnation.word().into(),
        errors: Default::default(),
        zero,
        seconds: Seconds { inversion, total: 0.0 },
        peak_memory_bytes: peak_memory(),
    };
    for ((method, m), recovered) in experiments.iter().zip(&recovered) {
        summary.errors.entry(method.name.clone()).or_default().insert(*m, Row::of(recovered));
    }
    files::array(&folder.join("reference.npy"), reference.v.view())?;
    let shape = (signal.methods.len(), signal.measurements.len(), signal.entries);
    let all = Array3::from_shape_vec(shape, stacked(&recovered).into_raw_vec_and_offset().0);
    files::array(&folder.join("recovered.npy"), all.expect("one a method and number of measurements").view())?;
    write_csv(&folder.join("errors.csv"), |csv| {
        csv.write_record(
            ["method", "measurements", "e1", "e2", "rmse", "relative_error", "group_mismatch"]
                .into_iter()
                .chain(["lambda", "misfit", "selected"]),
        )?;
        experiments.iter().zip(&recovered).try_for_each(|((method, m), recovered)| {
            csv.serialize((&method.name, m, numbers(recovered), groups(&recovered.selected)))
        })
    })?;
    if let Some(scanned) = &scanned {
        files::array(&folder.join("weights.npy"), stacked(scanned).view())?;
        write_csv(&folder.join("weights.csv"), |csv| {
            csv.write_record(["e1", "e2", "rmse", "relative_error", "group_mismatch", "lambda", "misfit", "selected"])?;
            scanned.iter().try_for_each(|row| csv.serialize((numbers(row), groups(&row.selected))))
        })?;
    }
    summary.seconds.total = started.elapsed().as_secs_f64();
    folder::complete(folder, &summary)
}

fn numbers(recovered: &Recovered) -> (f64, f64, f64, f64, f64, f64, f64) {
    let Row { e1, e2, rmse, relative_error, group_mismatch, lambda, misfit } = Row::of(recovered);
    (e1, e2, rmse, relative_error, group_mismatch, lambda, misfit)
}

/// Numbers of the selected groups, from 1.
fn groups(selected: &[bool]) -> String {
    let numbers = selected.iter().enumerate().filter(|(_, is)| **is).map(|(g, _)| (g + 1).to_string());
    numbers.collect::<Vec<_>>().join(" ")
}

/// v̂ of each, a row each.
fn stacked(recovered: &[Recovered]) -> Array2<f64> {
    let entries = recovered.first().map_or(0, |r| r.v.len());
    let mut out = Array2::zeros((recovered.len(), entries));
    recovered.iter().enumerate().for_each(|(i, r)| out.slice_mut(s![i, ..]).assign(&r.v));
    out
}
