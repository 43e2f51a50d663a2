//! Finished iterations on disk: what an interrupted inversion goes on from, to the bit.

use std::path::PathBuf;

use ndarray::{Array1, Array2, Axis, stack};
use serde::{Deserialize, Serialize};

use super::files;
use crate::error::{Error, Result};
use crate::inversion::{Candidate, Iteration, Row};

/// The iterations of one run, one set of files each; the `.json` is written last and marks the set as whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Numbers {
    row: Row,
    tradeoff: Vec<Candidate>,
    has_probability: bool,
}

impl Checkpoint {
    /// Checkpoints in `folder`, which is made if it is missing.
    pub(super) fn new(folder: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&folder).map_err(|e| Error::file("create", &folder, e))?;
        Ok(Self { folder })
    }

    fn path(&self, iteration: u32, part: &str) -> PathBuf {
        self.folder.join(format!("{iteration:04}-{part}"))
    }

    /// Keeps a finished iteration.
    pub(super) fn save(&self, iteration: &Iteration) -> Result<()> {
        let number = iteration.row.iteration;
        files::array(&self.path(number, "coefficients.npy"), iteration.v.view())?;
        let maps = stack![Axis(0), iteration.parameterized, iteration.model];
        files::array(&self.path(number, "maps.npy"), maps.view())?;
        if let Some(probability) = &iteration.probability {
            files::array(&self.path(number, "probability.npy"), probability.view())?;
        }
        let numbers = Numbers {
            row: iteration.row.clone(),
            tradeoff: iteration.tradeoff.clone(),
            has_probability: iteration.probability.is_some(),
        };
        let path = self.path(number, "numbers.json");
        let text = serde_json::to_vec(&numbers).map_err(|e| Error::file("write", &path, e.into()))?;
        files::bytes(&path, &text)
    }

    /// The finished iterations 1, 2, … up to the first that is missing or not whole.
    pub(super) fn load(&self) -> Vec<Iteration> {
        (1..).map_while(|number| self.load_one(number)).collect()
    }

    fn load_one(&self, number: u32) -> Option<Iteration> {
        let text = std::fs::read(self.path(number, "numbers.json")).ok()?;
        let numbers: Numbers = serde_json::from_slice(&text).ok()?;
        let v: Array1<f64> = ndarray_npy::read_npy(self.path(number, "coefficients.npy")).ok()?;
        let maps: Array2<f64> = ndarray_npy::read_npy(self.path(number, "maps.npy")).ok()?;
        let probability = match numbers.has_probability {
            true => Some(ndarray_npy::read_npy(self.path(number, "probability.npy")).ok()?),
            false => None,
        };
        Some(Iteration {
            row: numbers.row,
            v,
            parameterized: maps.row(0).to_owned(),
            model: maps.row(1).to_owned(),
            probability,
            tradeoff: numbers.tradeoff,
        })
    }
}
