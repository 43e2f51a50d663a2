//! Surveys of rays: from a data file, or every source to every receiver.

use super::super::file::{self, Case, Data, DataSource, Physics};
use crate::error::{Error, Result};
use crate::grid::Plane;
use crate::io::survey;

/// Where the rays of an inversion run, and what was measured along them, in SI.
pub(in crate::case) struct Survey {
    /// Name of each datum, m.
    pub(in crate::case) ids: Vec<String>,
    /// Sources along the grid's axes \[m\], m.
    pub(in crate::case) sources: Vec<[f64; 3]>,
    /// Receivers along the grid's axes \[m\], m.
    pub(in crate::case) receivers: Vec<[f64; 3]>,
    /// Travel times \[s\], where a file has them.
    pub(super) times: Option<Vec<f64>>,
    /// Standard deviations \[s\], where a file has them.
    pub(super) sigmas: Option<Vec<f64>>,
}

/// The survey of the case: from its data file (with its times, or the geometry alone), or every source to every
/// receiver.
pub(in crate::case) fn survey(case: &Case, data: &Data, times: bool) -> Result<Survey> {
    match (&data.source, &case.physics) {
        (DataSource::File(path), _) => {
            let columns = columns(&data.columns, case.grid.plane);
            let read = survey::read(path, &if times { columns } else { columns.geometry() })?;
            Ok(Survey {
                ids: read.ids,
                sources: read.sources,
                receivers: read.receivers,
                times: read.times,
                sigmas: read.sigmas,
            })
        }
        (DataSource::CommandLine, _) => Err(super::left_to_the_command_line()),
        (DataSource::Reference, Some(Physics::StraightRays(physics))) => {
            let positions =
                |antennas: &[file::Antennas]| antennas.iter().flat_map(|a| a.positions(&case.grid)).collect::<Vec<_>>();
            let (sources, receivers) = (positions(&physics.sources), positions(&physics.receivers));
            let pairs = sources.iter().flat_map(|s| receivers.iter().map(move |r| (*s, *r)));
            let (sources, receivers): (Vec<_>, Vec<_>) = pairs.unzip();
            let ids = (1..=sources.len()).map(|i| i.to_string()).collect();
            Ok(Survey { ids, sources, receivers, times: None, sigmas: None })
        }
        (DataSource::Reference, _) => {
            Err(Error::input("physics", "no rays run in this case", "write kind = \"straight-rays\""))
        }
    }
}

/// The columns of a data file as its reader wants them, by the axes of the grid.
pub(in crate::case) fn columns(columns: &file::Columns, plane: Plane) -> survey::Columns {
    let by_axes = |named| file::Columns::of_axes(named, plane).map(|name| name.map(str::to_owned));
    survey::Columns {
        id: columns.id.clone(),
        source: by_axes(&columns.source),
        receiver: by_axes(&columns.receiver),
        time: Some(columns.time.clone()),
        sigma: columns.sigma.clone(),
        length_unit: columns.length_unit,
        time_unit: columns.time_unit,
    }
}

/// Which sources and receivers data share, as numbers from 0; `None` of data that share none.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) source: Vec<Option<usize>>,
    pub(super) receiver: Vec<Option<usize>>,
}

impl Shared {
    /// Nothing that m data share.
    pub(super) fn none(m: usize) -> Self {
        Self { source: vec![None; m], receiver: vec![None; m] }
    }

    /// What some of the data share.
    pub(super) fn subset(&self, kept: &[usize]) -> Self {
        let pick = |numbers: &[Option<usize>]| kept.iter().map(|&i| numbers[i]).collect();
        Self { source: pick(&self.source), receiver: pick(&self.receiver) }
    }
}

/// Numbers of equal positions, in the order of their first appearance.
pub(super) fn shared(survey: &Survey) -> Shared {
    let number = |positions: &[[f64; 3]]| {
        let mut known: std::collections::HashMap<[u64; 3], usize> = std::collections::HashMap::new();
        positions
            .iter()
            .map(|p| {
                let next = known.len();
                Some(*known.entry(p.map(f64::to_bits)).or_insert(next))
            })
            .collect()
    };
    Shared { source: number(&survey.sources), receiver: number(&survey.receivers) }
}
