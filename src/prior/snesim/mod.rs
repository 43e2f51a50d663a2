//! SNESIM: single normal equation simulation (Strebelle 2002).
//!
//! Cells are visited on grids of falling spacing, each along a random path. The facies of a cell is drawn from
//! `P(k | d) = c_k(d) / Σ_j c_j(d)`, where d is the data event, the cells of a template around it that have a facies
//! already, and `c_k(d)` counts the places of the training image where d recurs with facies k at its centre. Too rare an
//! event loses its farthest nodes. The counts of all events are looked up in a search structure that is made once for
//! all realizations.

mod hard_data;
mod image;
mod options;
mod pattern_tree;
mod probability;
mod simulation;
mod template;

pub use hard_data::locate_hard_data;
pub use options::{SnesimOptions, SoftData, Target, Transformation};

use super::pattern_statistics::proportions;
use super::{Conditioning, Prior, Realization};
use crate::error::{Error, Result};
use crate::grid::Grid;
use image::Image;
use pattern_tree::{MAX_BITS, Scan, Search, bits_per_code};
use simulation::Simulation;

/// A training image made ready to be simulated from on a grid.
pub struct Snesim {
    grid: Grid,
    facies: usize,
    options: SnesimOptions,
    levels: Vec<Level>,
    /// Target proportions, by layer of a proportion curve (one row where there is none).
    target: Vec<Vec<f64>>,
    /// Width of the margin around the grid.
    margin: [usize; 3],
}

/// A level of the multiple grid.
struct Level {
    /// Distance of its nodes in cells.
    spacing: [usize; 3],
    /// How many of its nodes lie from one of the coarser level's to the next: 1 or 2 by axis.
    ratio: [usize; 3],
    /// The template in cells, nearest first.
    offsets: Vec<[isize; 3]>,
    /// The patterns of the training image, by transformation.
    trees: Vec<Box<dyn Search>>,
}

impl Snesim {
    /// Scans the training image `codes` (facies 0..`facies`, one a cell of `cells`, x fastest) for simulation on `grid`.
    ///
    /// # Errors
    /// An empty training image, codes beyond `facies`, fewer than two facies present, options that contradict the grid
    /// or the image, a template of more nodes than the search can hold, or one that fits nowhere into the turned image.
    pub fn new(cells: [usize; 3], codes: &[u8], facies: usize, grid: Grid, options: SnesimOptions) -> Result<Self> {
        check_image(cells, codes, facies)?;
        options.check(&grid, cells, facies)?;
        let template = template::sorted_offsets(options.template, options.distance_weights);
        let bits = template.len() * bits_per_code(facies);
        if bits > MAX_BITS {
            let most = MAX_BITS / bits_per_code(facies);
            let found =
                format!("{:?} has {} nodes, but {facies} facies allow {most}", options.template, template.len());
            return Err(Error::input("snesim: template", found, "choose a smaller template"));
        }
        let target = match &options.target {
            Target::TrainingImage => vec![proportions(codes, facies)],
            Target::Global(target) => vec![target.clone()],
            Target::Curve(curve) => curve.clone(),
        };
        let images: Vec<Image<'_>> = options.transformations.iter().map(|&t| Image::new(cells, codes, t)).collect();
        let smallest: [usize; 3] = std::array::from_fn(|a| images.iter().map(|i| i.cells[a]).min().unwrap_or(0));
        let spacings = template::level_spacings(options.grids, options.template, grid.cells, smallest);
        let margin = std::array::from_fn(|a| options.template[a] / 2 * spacings[0][a]);
        let levels = (0..spacings.len())
            .map(|l| Level::new(&images, facies, &template, spacings[l], spacings[l.saturating_sub(1)]))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { grid, facies, options, levels, target, margin })
    }

    /// Number of facies K.
    pub fn facies(&self) -> usize {
        self.facies
    }

    /// Number of distinct patterns found in the training image, by grid level from the coarsest, all transformations
    /// together.
    pub fn patterns(&self) -> Vec<usize> {
        self.levels.iter().map(|level| level.trees.iter().map(|tree| tree.patterns()).sum()).collect()
    }

    /// Cells of the grid with its margin.
    fn padded(&self) -> [usize; 3] {
        std::array::from_fn(|a| self.grid.cells[a] + 2 * self.margin[a])
    }

    /// Where a cell lies in the padded grid.
    fn place(&self, cell: usize) -> usize {
        let [i, j, k] = self.grid.cell(cell);
        let [px, py, _] = self.padded();
        ((k + self.margin[2]) * py + j + self.margin[1]) * px + i + self.margin[0]
    }

    /// How far apart two cells of the padded grid lie whose offset is `h`.
    fn stride(&self, h: &[isize; 3]) -> isize {
        let [px, py, _] = self.padded().map(|n| n as isize);
        (h[2] * py + h[1]) * px + h[0]
    }
}

impl Level {
    fn new(
        images: &[Image<'_>],
        facies: usize,
        template: &[[isize; 3]],
        spacing: [usize; 3],
        coarser: [usize; 3],
    ) -> Result<Self> {
        let ratio = std::array::from_fn(|a| coarser[a] / spacing[a]);
        let classes = template::coarse_positions(template, ratio);
        let scan = Scan { facies, offsets: template, spacing, classes: &classes };
        let trees: Vec<_> = images.iter().map(|image| pattern_tree::scan(image, &scan)).collect();
        if let Some(t) = trees.iter().position(|tree| tree.patterns() == 0) {
            let found =
                format!("it fits nowhere into the image of transformation {t} with nodes {spacing:?} cells apart");
            return Err(Error::input("snesim: template", found, "choose a smaller template or fewer grids"));
        }
        let offsets = template.iter().map(|h| std::array::from_fn(|a| h[a] * spacing[a] as isize)).collect();
        Ok(Self { spacing, ratio, offsets, trees })
    }

    /// The class of a node: where it lies between the nodes of the coarser level.
    fn class(&self, cell: [usize; 3]) -> usize {
        (0..3).rev().fold(0, |class, a| class * self.ratio[a] + cell[a] / self.spacing[a] % self.ratio[a])
    }
}

fn check_image(cells: [usize; 3], codes: &[u8], facies: usize) -> Result<()> {
    let place = "snesim: training image";
    assert_eq!(codes.len(), cells.iter().product::<usize>(), "one code a cell of {cells:?}");
    if codes.is_empty() {
        return Err(Error::input(place, format!("{cells:?} cells are empty"), "give an image with cells"));
    }
    if !(2..=255).contains(&facies) {
        return Err(Error::input(place, format!("{facies} facies"), "2 to 255 facies can be simulated"));
    }
    if let Some(cell) = codes.iter().position(|&code| usize::from(code) >= facies) {
        let found = format!("facies {} in cell {cell}, but {facies} facies", codes[cell]);
        return Err(Error::input(place, found, "number the facies from 0"));
    }
    if codes.iter().all(|&code| code == codes[0]) {
        return Err(Error::input(
            place,
            format!("facies {} everywhere", codes[0]),
            "give an image of two facies or more",
        ));
    }
    Ok(())
}

impl Prior for Snesim {
    fn grid(&self) -> Grid {
        self.grid
    }

    /// Realization `k`: every known cell has its facies. Data are moved to the nearest node on the coarser grids.
    ///
    /// # Errors
    /// Data outside of the grid, of a facies that the training image has not, competing for one cell, contradicting the
    /// soft data, or known properties instead of facies.
    fn realization(&self, data: &Conditioning, seed: u64, k: u64) -> Result<Realization> {
        hard_data::check(data, &self.grid, self.facies, self.options.soft.as_ref())?;
        let facies = Simulation::new(self).run(&data.facies, seed, k);
        Ok(Realization { facies: Some(facies), values: None })
    }
}
