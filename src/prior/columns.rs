//! Thin blocks simulated column by column.

use super::snesim::{Snesim, SnesimOptions};
use super::training_image::TrainingImage;
use super::{Conditioning, Known, Prior, Realization};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::random::{Purpose, Stream};

/// Facies of a block as thick as its training image, from multiple-point simulation in the plane.
///
/// What a column of the image holds from bottom to top is one code; the columns that occur are the facies of a map, from
/// which [`Snesim`] simulates maps, whose codes become columns again. How layers follow each other is the image's
/// exactly, at the bottom as at the top, and the patterns along the layers are those of a map, which needs far fewer
/// examples than a template in three dimensions: for units a few layers thick with objects of their thickness.
pub struct Columns {
    grid: Grid,
    /// What the columns hold, by code, from the bottom.
    columns: Vec<Vec<u8>>,
    /// Share of each column in the image.
    shares: Vec<f64>,
    facies: usize,
    maps: Snesim,
}

const PLACE: &str = "simulation by columns";

impl Columns {
    /// Columns of `image` for `grid`, which has as many layers; `options` are those of a map.
    ///
    /// # Errors
    /// An image of another thickness, of more than 255 different columns, and those of [`Snesim::new`].
    pub fn new(image: &TrainingImage, grid: Grid, options: SnesimOptions) -> Result<Self> {
        let [nx, ny, nz] = image.cells;
        if nz != grid.cells[2] {
            let problem = format!("the training image has {nz} layers, the block {}", grid.cells[2]);
            return Err(Error::input(PLACE, problem, "give an image as thick as the block"));
        }
        let column = |c: usize| -> Vec<u8> { (0..nz).map(|k| image.codes[k * nx * ny + c]).collect() };
        let mut columns: Vec<Vec<u8>> = (0..nx * ny).map(column).collect();
        let every = columns.clone();
        columns.sort_unstable();
        columns.dedup();
        if columns.len() > 255 {
            let problem = format!("the training image has {} different columns, more than 255", columns.len());
            return Err(Error::input(PLACE, problem, "take a thinner block, or simulate in three dimensions"));
        }
        let code = |own: &Vec<u8>| columns.partition_point(|column| column < own) as u8;
        let codes: Vec<u8> = every.iter().map(code).collect();
        let mut shares = vec![0.0; columns.len()];
        codes.iter().for_each(|&code| shares[usize::from(code)] += 1.0 / codes.len() as f64);
        let map = Grid { cells: [grid.cells[0], grid.cells[1], 1], ..grid };
        let maps = Snesim::new([nx, ny, 1], &codes, columns.len(), map, options)?;
        Ok(Self { grid, columns, shares, facies: image.facies_count(), maps })
    }

    /// Number of different columns.
    pub fn count(&self) -> usize {
        self.columns.len()
    }

    /// A column for each place where facies are known: one of those that agree with them best, drawn by its share in the
    /// image.
    fn known_columns(&self, data: &[Known<u8>], stream: &mut Stream) -> Vec<Known<u8>> {
        let layer = self.grid.cells[0] * self.grid.cells[1];
        let mut known: Vec<Known<u8>> = data.to_vec();
        known.sort_by_key(|known| (known.cell % layer, known.cell));
        let places = known.chunk_by(|a, b| a.cell % layer == b.cell % layer);
        let chosen = places.map(|known| {
            let agreement = |column: &[u8]| known.iter().filter(|d| column[d.cell / layer] == d.value).count();
            let best = self.columns.iter().map(|column| agreement(column)).max().unwrap_or(0);
            let weight = |c: usize| if agreement(&self.columns[c]) == best { self.shares[c] } else { 0.0 };
            let total: f64 = (0..self.columns.len()).map(weight).sum();
            let mut left = total * stream.uniform();
            let mut candidates = (0..self.columns.len()).filter(|&c| weight(c) > 0.0);
            let drawn = candidates.clone().find(|&c| {
                left -= weight(c);
                left < 0.0
            });
            let code = drawn.or(candidates.next_back()).unwrap_or(0);
            Known { cell: known[0].cell % layer, value: code as u8 }
        });
        chosen.collect()
    }
}

impl Prior for Columns {
    fn grid(&self) -> Grid {
        self.grid
    }

    /// Realization `k`: every known cell has its facies. Where a column of the image agrees with all that is known in a
    /// place, the place has such a column; otherwise the nearest one, and the known cells' own facies in it.
    fn realization(&self, data: &Conditioning, seed: u64, k: u64) -> Result<Realization> {
        let (n, facies) = (self.grid.len(), self.facies);
        if let Some(known) = data.facies.iter().find(|d| d.cell >= n || usize::from(d.value) >= facies) {
            let problem = format!("facies {} is known there; there are {n} cells and {facies} facies", known.value);
            return Err(Error::input(format!("hard datum of cell {}", known.cell), problem, "correct the datum"));
        }
        let mut stream = Stream::new(seed, Purpose::Columns, k, 0);
        let places = self.known_columns(&data.facies, &mut stream);
        let known = Conditioning { facies: places, values: data.values.clone() };
        let codes = self.maps.realization(&known, seed, k)?.facies.unwrap_or_default();
        let layers = (0..self.grid.cells[2]).flat_map(|layer| codes.iter().map(move |&code| (layer, code)));
        let mut facies: Vec<u8> = layers.map(|(layer, code)| self.columns[usize::from(code)][layer]).collect();
        data.facies.iter().for_each(|known| facies[known.cell] = known.value);
        Ok(Realization { facies: Some(facies), values: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prior::training_image::{ChannelModel, Scattered};

    fn image() -> TrainingImage {
        let model = ChannelModel { depth: Scattered::new(5.0, 0.5), ..ChannelModel::meandering([120, 120, 3]) };
        model.generate(2).expect("an image").image
    }

    fn model(image: &TrainingImage) -> Columns {
        let options = SnesimOptions { template: [5, 5, 1], grids: 3, ..Default::default() };
        Columns::new(image, Grid::unit([40, 30, 3]), options).expect("columns")
    }

    fn columns_of(codes: &[u8], layer: usize) -> Vec<Vec<u8>> {
        let mut columns: Vec<Vec<u8>> = (0..layer).map(|c| (0..3).map(|k| codes[k * layer + c]).collect()).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    #[test]
    fn columns_are_the_image_s() {
        let image = image();
        let model = model(&image);
        let known = columns_of(&image.codes, 120 * 120);
        assert_eq!(model.count(), known.len());
        assert!((model.shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let draw = |k| model.realization(&Conditioning::default(), 3, k).expect("fine").facies.expect("facies");
        for k in 0..3 {
            assert!(columns_of(&draw(k), 1200).iter().all(|column| known.contains(column)), "realization {k}");
        }
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn known_cells_are_honoured_singly_and_in_columns_of_the_image_or_not() {
        let image = image();
        let model = model(&image);
        let data = |k: u64| -> Vec<Known<u8>> {
            let mut stream = Stream::new(k, Purpose::Check, 0, 0);
            let layers = |place: u64| if place.is_multiple_of(2) { 0..3 } else { 1..2 };
            let cells = (0..30).flat_map(|p| layers(p).map(move |layer| layer * 1200 + (p as usize) * 39 + 7));
            cells.map(|cell| Known { cell, value: stream.below(2) as u8 }).collect()
        };
        for k in 0..4 {
            let data = Conditioning { facies: data(k), values: Vec::new() };
            let drawn = model.realization(&data, 3, k).expect("fine").facies.expect("facies");
            assert!(data.facies.iter().all(|known| drawn[known.cell] == known.value), "realization {k}");
        }
        let wrong = Conditioning { facies: vec![Known { cell: 3600, value: 0 }], values: Vec::new() };
        let error = model.realization(&wrong, 3, 0).expect_err("outside").to_string();
        assert!(error.contains("cell 3600") && error.contains("3600 cells"), "{error}");
    }

    #[test]
    fn what_one_layer_is_known_to_be_the_column_agrees_with() {
        let image = image();
        let model = model(&image);
        // Facies 1 known at the bottom: columns with facies 1 there, in proportion to their shares.
        let mut stream = Stream::new(1, Purpose::Check, 0, 0);
        let mut counts = vec![0.0; model.count()];
        let draws = 4000;
        for _ in 0..draws {
            let chosen = model.known_columns(&[Known { cell: 77, value: 1 }], &mut stream);
            assert_eq!((chosen.len(), chosen[0].cell), (1, 77));
            counts[usize::from(chosen[0].value)] += 1.0 / f64::from(draws);
        }
        let share = |c: usize| if model.columns[c][0] == 1 { model.shares[c] } else { 0.0 };
        let total: f64 = (0..model.count()).map(share).sum();
        for c in 0..model.count() {
            let p = share(c) / total;
            let error = (p * (1.0 - p) / f64::from(draws)).sqrt();
            assert!(
                (counts[c] - p).abs() <= 4.5 * error + 1e-12,
                "column {:?}: {} of {p}",
                model.columns[c],
                counts[c]
            );
        }
    }

    #[test]
    fn an_image_of_another_thickness_is_told() {
        let error = Columns::new(&image(), Grid::unit([40, 30, 2]), SnesimOptions::default()).err().expect("wrong");
        assert!(error.to_string().contains("3 layers, the block 2"), "{error}");
    }
}
