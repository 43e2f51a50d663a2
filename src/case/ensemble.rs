//! Ensembles of realizations: in parallel, block by block, each block kept as soon as it is finished, so that an
//! interrupt or a second run finds what is there.

use std::path::{Path, PathBuf};

use ndarray::{Array2, s};
use rayon::prelude::*;

use super::files;
use crate::error::{Error, Result};
use crate::grid::Ensemble;
use crate::prior::{Conditioning, Prior, Realization};
use crate::progress::Progress;

/// Realizations in a block.
const BLOCK: usize = 50;

/// Where blocks are kept: a folder whose name carries everything that realizations depend on but their number, so that
/// a block that is there is right, however many are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The folder in `root` for `identity`: every input of the realizations, and the version of the algorithm.
    pub fn new(root: &Path, identity: &[u8]) -> Self {
        Self { folder: root.join(blake3::hash(identity).to_hex().as_str()) }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, block: usize, layer: &str) -> PathBuf {
        self.folder.join(format!("{:06}-{layer}", block * BLOCK))
    }
}

/// A block of realizations, `BLOCK × n` in each layer that the prior has.
#[derive(Debug, Clone, PartialEq)]
struct Block {
    facies: Option<Array2<u8>>,
    values: Option<Array2<f32>>,
}

impl Block {
    fn simulate(prior: &dyn Prior, data: &Conditioning, seed: u64, number: usize, cells: usize) -> Result<Self> {
        let first = (number * BLOCK) as u64;
        let drawn: Vec<Realization> = (first..first + BLOCK as u64)
            .into_par_iter()
            .map(|k| prior.realization(data, seed, k))
            .collect::<Result<_>>()?;
        Ok(Self {
            facies: layer(&drawn, cells, |r| r.facies.as_deref()),
            values: layer(&drawn, cells, |r| r.values.as_deref()),
        })
    }

    /// The kept block, if it is there and whole. The first layer written is the facies, the last the mark that all are
    /// there.
    fn load(store: &Store, number: usize, cells: usize) -> Option<Self> {
        let layers = std::fs::read_to_string(store.path(number, "layers.txt")).ok()?;
        let shape = [BLOCK, cells];
        let facies: Option<Array2<u8>> = match layers.contains("facies") {
            true => Some(ndarray_npy::read_npy(store.path(number, "facies.npy")).ok()?),
            false => None,
        };
        let values: Option<Array2<f32>> = match layers.contains("values") {
            true => Some(ndarray_npy::read_npy(store.path(number, "values.npy")).ok()?),
            false => None,
        };
        let whole = facies.as_ref().is_none_or(|f| f.shape() == shape)
            && values.as_ref().is_none_or(|v| v.shape() == shape)
            && (facies.is_some() || values.is_some());
        whole.then_some(Self { facies, values })
    }

    fn save(&self, store: &Store, number: usize) -> Result<()> {
        std::fs::create_dir_all(&store.folder).map_err(|e| Error::file("create", &store.folder, e))?;
        let mut layers = String::new();
        if let Some(facies) = &self.facies {
            files::array(&store.path(number, "facies.npy"), facies.view())?;
            layers.push_str("facies ");
        }
        if let Some(values) = &self.values {
            files::array(&store.path(number, "values.npy"), values.view())?;
            layers.push_str("values ");
        }
        files::bytes(&store.path(number, "layers.txt"), layers.as_bytes())
    }
}

fn layer<T: Copy + Default>(
    drawn: &[Realization],
    cells: usize,
    get: impl Fn(&Realization) -> Option<&[T]>,
) -> Option<Array2<T>> {
    get(drawn.first()?)?;
    let mut out = Array2::default((drawn.len(), cells));
    for (mut row, realization) in out.rows_mut().into_iter().zip(drawn) {
        let values = get(realization).expect("every realization of a prior has the same layers");
        assert_eq!(values.len(), cells, "values of a realization");
        row.iter_mut().zip(values).for_each(|(to, &from)| *to = from);
    }
    Some(out)
}

/// Realizations 0..count of a prior, and how many of them were found in the store.
///
/// # Errors
/// [`Error::Interrupted`] between blocks (finished blocks are kept), and whatever the prior or the disk return.
pub fn simulate(
    prior: &dyn Prior,
    data: &Conditioning,
    facies_values: &[f64],
    seed: u64,
    count: usize,
    store: Option<&Store>,
    progress: &dyn Progress,
) -> Result<(Ensemble, usize)> {
    let grid = prior.grid();
    let cells = grid.len();
    let mut ensemble = Ensemble { grid, facies: None, values: None, facies_values: facies_values.to_vec() };
    let mut found = 0;
    progress.start("prior realizations", count as u64);
    for number in 0..count.div_ceil(BLOCK) {
        if progress.interrupted() {
            return Err(Error::Interrupted);
        }
        let (first, wanted) = (number * BLOCK, BLOCK.min(count - number * BLOCK));
        let block = match store.and_then(|store| Block::load(store, number, cells)) {
            Some(block) => {
                found += wanted;
                block
            }
            None => {
                let block = Block::simulate(prior, data, seed, number, cells)?;
                if let Some(store) = store {
                    block.save(store, number)?;
                }
                block
            }
        };
        copy(&mut ensemble.facies, block.facies.as_ref(), count, first, wanted)?;
        copy(&mut ensemble.values, block.values.as_ref(), count, first, wanted)?;
        progress.advance(wanted as u64);
    }
    progress.finish();
    Ok((ensemble, found))
}

fn copy<T: Copy + Default>(
    into: &mut Option<Array2<T>>,
    block: Option<&Array2<T>>,
    count: usize,
    first: usize,
    wanted: usize,
) -> Result<()> {
    let Some(block) = block else { return Ok(()) };
    if into.is_none() {
        *into = Some(room(count, block.ncols())?);
    }
    if let Some(whole) = into {
        whole.slice_mut(s![first..first + wanted, ..]).assign(&block.slice(s![..wanted, ..]));
    }
    Ok(())
}

/// A matrix of so many realizations, or an error where they do not fit into memory.
fn room<T: Copy + Default>(count: usize, cells: usize) -> Result<Array2<T>> {
    let refused = || {
        let problem = format!("{count} realizations of {cells} cells do not fit into memory");
        Error::input("prior.realizations", problem, "draw fewer, or on fewer cells")
    };
    let mut numbers = Vec::new();
    let size = count.checked_mul(cells).ok_or_else(refused)?;
    numbers.try_reserve_exact(size).map_err(|_| refused())?;
    numbers.resize(size, T::default());
    Ok(Array2::from_shape_vec((count, cells), numbers).expect("count × cells numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_memory_holds_is_an_error() {
        assert_eq!(room::<u8>(3, 4).unwrap(), Array2::<u8>::zeros((3, 4)));
        for count in [usize::MAX, 1 << 50] {
            let problem = room::<f32>(count, 900).unwrap_err().to_string();
            assert!(problem.contains("prior.realizations") && problem.contains("do not fit into memory"), "{problem}");
        }
    }
}
