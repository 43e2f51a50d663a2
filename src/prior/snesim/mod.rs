//! SNESIM: single normal equation simulation (Strebelle 2002).
//!
//! Cells are visited on grids of falling spacing, each along a random path. The facies of a cell is drawn from
//! `P(k | d) = c_k(d) / Σ_j c_j(d)`, where d is the data event, the cells of a template around it that have a facies
//! already, and `c_k(d)` counts the places of the training image where d recurs with facies k at its centre. Too rare an
//! event loses its farthest nodes. The counts of all events are looked up in a search structure that is made once for
//! all realizations.

#[cfg(test)]
mod conditioned;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prior::pattern_statistics::{PatternHistogram, indicator_variogram};
    use crate::prior::{Known, Realization};
    use crate::random::{Purpose, Stream};

    /// Bands along x of facies 1, 4 cells wide and wavy, every 12 cells: a toy image of channels.
    fn channels(n: usize) -> Vec<u8> {
        let band = |i: usize, j: usize| (j as f64 + 3.0 * (i as f64 * 0.2).sin()).rem_euclid(12.0) < 4.0;
        (0..n * n).map(|c| u8::from(band(c % n, c / n))).collect()
    }

    /// Discs of each facies 1..`facies` on a background of facies 0.
    fn discs(cells: [usize; 3], facies: u8, seed: u64) -> Vec<u8> {
        let mut stream = Stream::new(seed, Purpose::Check, 0, 0);
        let grid = Grid::unit(cells);
        let mut codes = vec![0; grid.len()];
        for disc in 0..grid.len() / 80 {
            let centre: [f64; 3] = std::array::from_fn(|a| stream.between(0.0, cells[a] as f64));
            for (cell, code) in codes.iter_mut().enumerate() {
                let at = grid.center(grid.cell(cell));
                if (0..3).map(|a| (at[a] - centre[a]).powi(2)).sum::<f64>() < 9.0 {
                    *code = 1 + (disc % usize::from(facies - 1)) as u8;
                }
            }
        }
        codes
    }

    fn simulate(model: &Snesim, k: u64) -> Vec<u8> {
        model.realization(&Conditioning::default(), 11, k).unwrap().facies.unwrap()
    }

    fn small(template: [usize; 3]) -> SnesimOptions {
        SnesimOptions { template, grids: 3, ..Default::default() }
    }

    fn mean(model: &Snesim, realizations: u64, value: impl Fn(&[u8]) -> f64) -> f64 {
        (0..realizations).map(|k| value(&simulate(model, k))).sum::<f64>() / realizations as f64
    }

    #[test]
    fn realization_k_depends_on_seed_and_k_alone() {
        let model = Snesim::new([60, 60, 1], &channels(60), 2, Grid::unit([31, 23, 1]), small([5, 5, 1])).unwrap();
        let again = Snesim::new([60, 60, 1], &channels(60), 2, Grid::unit([31, 23, 1]), small([5, 5, 1])).unwrap();
        let late = simulate(&model, 7);
        assert_eq!(late, simulate(&again, 7));
        assert_ne!(late, simulate(&model, 8));
        assert_ne!(Some(late), model.realization(&Conditioning::default(), 12, 7).unwrap().facies);
    }

    #[test]
    fn hard_data_are_honoured_in_every_cell_of_two_and_three_dimensions_and_of_many_facies() {
        let shapes = [([50, 50, 1], [37, 29, 1], [5, 5, 1], 2), ([24, 24, 16], [17, 13, 9], [3, 3, 3], 6)];
        for (ti_cells, cells, template, facies) in shapes {
            let codes = discs(ti_cells, facies, 5);
            let grid = Grid::unit(cells);
            let model = Snesim::new(ti_cells, &codes, usize::from(facies), grid, small(template)).unwrap();
            for k in 0..4 {
                // Data with no respect for the image's patterns, in neighbouring cells too.
                let mut stream = Stream::new(1, Purpose::Check, k, 1);
                let mut data: Vec<Known<u8>> = (0..grid.len())
                    .filter(|_| stream.below(12) == 0)
                    .map(|cell| Known { cell, value: (cell % usize::from(facies)) as u8 })
                    .collect();
                stream.shuffle(&mut data);
                let conditioning = Conditioning { facies: data.clone(), values: vec![] };
                let Realization { facies: Some(map), .. } = model.realization(&conditioning, 3, k).unwrap() else {
                    panic!("facies are simulated");
                };
                assert!(data.len() > 20 && data.iter().all(|d| map[d.cell] == d.value), "{cells:?}, realization {k}");
                assert!(map.iter().all(|&code| code < facies));
            }
        }
    }

    #[test]
    fn hard_data_shape_what_is_around_them() {
        let grid = Grid::unit([40, 40, 1]);
        let model = Snesim::new([80, 80, 1], &channels(80), 2, grid, small([7, 7, 1])).unwrap();
        let data = Conditioning { facies: vec![Known { cell: 20 * 40 + 20, value: 1 }], values: vec![] };
        let neighbour = 20 * 40 + 21;
        let share = |data: &Conditioning| {
            let ones = (0..40).filter(|&k| model.realization(data, 5, k).unwrap().facies.unwrap()[neighbour] == 1);
            ones.count()
        };
        let (with, without) = (share(&data), share(&Conditioning::default()));
        assert!(with >= 34 && without <= 26, "{with} of 40 channels beside a channel, {without} without data");
    }

    #[test]
    fn patterns_are_the_image_s() {
        let codes = channels(120);
        let of = |cells, codes: &[u8]| PatternHistogram::new(cells, codes, 2, [3, 3, 1], 2);
        let image = of([120, 120, 1], &codes);
        let model = Snesim::new([120, 120, 1], &codes, 2, Grid::unit([48, 48, 1]), small([7, 7, 1])).unwrap();
        let simulated = mean(&model, 6, |map| image.jensen_shannon(&of([48, 48, 1], map)));
        let noise: Vec<u8> = {
            let mut stream = Stream::new(1, Purpose::Check, 0, 0);
            (0..48 * 48).map(|_| u8::from(stream.below(3) == 0)).collect()
        };
        let unstructured = image.jensen_shannon(&of([48, 48, 1], &noise));
        assert!(simulated < 0.2 * unstructured, "divergence {simulated}, of noise {unstructured}");
    }

    #[test]
    fn the_servo_reaches_a_target_that_is_not_the_image_s() {
        let codes = discs([80, 80, 1], 2, 9);
        let image = proportions(&codes, 2)[1];
        let target = image + 0.1;
        let grid = Grid::unit([48, 48, 1]);
        let proportion = |servo| {
            let options =
                SnesimOptions { servo, target: Target::Global(vec![1.0 - target, target]), ..small([5, 5, 1]) };
            mean(&Snesim::new([80, 80, 1], &codes, 2, grid, options).unwrap(), 10, |map| proportions(map, 2)[1])
        };
        let (off, on) = (proportion(0.0), proportion(0.7));
        assert!((on - target).abs() < 0.03 && (off - target).abs() > 0.05, "target {target}: {off} without, {on} with");
    }

    #[test]
    fn a_curve_gives_each_layer_its_proportion() {
        let codes = discs([80, 80, 1], 2, 9);
        let curve: Vec<Vec<f64>> = (0..48).map(|j| if j < 24 { vec![0.85, 0.15] } else { vec![0.45, 0.55] }).collect();
        let options = SnesimOptions { servo: 0.8, target: Target::Curve(curve), ..small([5, 5, 1]) };
        let model = Snesim::new([80, 80, 1], &codes, 2, Grid::unit([48, 48, 1]), options).unwrap();
        let south = mean(&model, 10, |map| proportions(&map[..24 * 48], 2)[1]);
        let north = mean(&model, 10, |map| proportions(&map[24 * 48..], 2)[1]);
        assert!((south - 0.15).abs() < 0.06 && (north - 0.55).abs() < 0.06, "south {south}, north {north}");
    }

    #[test]
    fn data_lie_in_bodies_as_the_image_has_them() {
        let grid = Grid::unit([48, 48, 1]);
        let model = Snesim::new([120, 120, 1], &channels(120), 2, grid, small([7, 7, 1])).unwrap();
        // Cells of a realization on a lattice that the coarse grids miss.
        let truth = simulate(&model, 99);
        let cells: Vec<usize> = (0..36).map(|w| (5 + w / 6 * 7) * 48 + 5 + w % 6 * 7).collect();
        let facies = cells.iter().map(|&cell| Known { cell, value: truth[cell] }).collect();
        let data = Conditioning { facies, values: vec![] };
        let alone = |map: &[u8], c: usize| [c - 1, c + 1, c - 48, c + 48].iter().all(|&n| map[n] != map[c]);
        let realizations = 12;
        let mut isolated = 0;
        for k in 0..realizations {
            let map = model.realization(&data, 6, k).unwrap().facies.unwrap();
            assert!(data.facies.iter().all(|known| map[known.cell] == known.value), "realization {k}");
            isolated += cells.iter().filter(|&&c| alone(&map, c)).count();
        }
        assert!(isolated <= 2, "{isolated} of {} data stand alone", realizations as usize * cells.len());
    }

    /// Mean indicator variogram of facies 1 along an axis.
    fn variogram(model: &Snesim, axis: usize, lag: usize) -> f64 {
        mean(model, 8, |map| indicator_variogram(model.grid().cells, map, 1, axis, &[lag])[0])
    }

    fn transformed(codes: &[u8], transformation: Transformation) -> Snesim {
        let options = SnesimOptions { transformations: vec![transformation], ..small([7, 7, 1]) };
        Snesim::new([96, 96, 1], codes, 2, Grid::unit([48, 48, 1]), options).unwrap()
    }

    #[test]
    fn a_quarter_turn_has_the_statistics_of_the_turned_image() {
        let codes = channels(96);
        let turned = transformed(&codes, Transformation { azimuth: 90.0, scale: [1.0; 3] });
        let turned_codes: Vec<u8> = (0..96 * 96).map(|c| codes[c % 96 * 96 + 95 - c / 96]).collect();
        let of_turned = transformed(&turned_codes, Transformation::default());
        let reflected = |map: &[u8]| -> Vec<u8> { (0..48 * 48).map(|c| map[c % 48 * 48 + c / 48]).collect() };
        let histogram = |map: &[u8]| PatternHistogram::new([48, 48, 1], map, 2, [3, 3, 1], 2);
        for k in 0..3 {
            let (a, b) = (simulate(&turned, k), simulate(&of_turned, k));
            let same = histogram(&a).jensen_shannon(&histogram(&b));
            let other = histogram(&a).jensen_shannon(&histogram(&reflected(&b)));
            assert!(same < 0.25 * other, "divergence {same} from the turned image's, {other} from the other");
        }
        let unturned = transformed(&codes, Transformation::default());
        for lag in [2, 4] {
            let (x, y) = (variogram(&unturned, 0, lag), variogram(&unturned, 1, lag));
            let (tx, ty) = (variogram(&turned, 0, lag), variogram(&turned, 1, lag));
            assert!((tx - y).abs() < 0.1 * y && (ty - x).abs() < 0.1 * y, "lag {lag}: {x} {y}, turned {tx} {ty}");
        }
    }

    #[test]
    fn scale_two_doubles_the_range() {
        let codes = channels(96);
        let plain = transformed(&codes, Transformation::default());
        let doubled = transformed(&codes, Transformation { azimuth: 0.0, scale: [2.0, 2.0, 1.0] });
        for lag in [1, 2, 3] {
            let (one, two) = (variogram(&plain, 1, lag), variogram(&doubled, 1, 2 * lag));
            assert!((two - one).abs() < 0.2 * one, "γ({lag}) = {one}, γ({}) of the doubled = {two}", 2 * lag);
        }
    }

    #[test]
    fn every_cell_can_have_its_own_transformation() {
        let codes = channels(96);
        let options = SnesimOptions {
            transformations: vec![Transformation::default(), Transformation { azimuth: 90.0, scale: [1.0; 3] }],
            classes: Some((0..48 * 48).map(|c| u8::from(c % 48 >= 24)).collect()),
            ..small([7, 7, 1])
        };
        let model = Snesim::new([96, 96, 1], &codes, 2, Grid::unit([48, 48, 1]), options).unwrap();
        let half = |east: usize, axis| {
            mean(&model, 8, |map| {
                let part: Vec<u8> = (0..24 * 48).map(|c| map[c / 24 * 48 + c % 24 + east]).collect();
                indicator_variogram([24, 48, 1], &part, 1, axis, &[4])[0]
            })
        };
        assert!(half(0, 0) < 0.6 * half(0, 1), "channels run along x in the west");
        assert!(half(24, 1) < 0.6 * half(24, 0), "and along y in the east");
    }

    #[test]
    fn the_ensemble_mean_follows_the_soft_map_unless_tau_is_zero() {
        let codes = discs([80, 80, 1], 2, 9);
        let n = 32;
        let grid = Grid::unit([n, n, 1]);
        let one = |c: usize| if c % n < n / 2 { 0.1 } else { 0.8 };
        let probability: Vec<f32> = (0..n * n).flat_map(|c| [1.0 - one(c), one(c)]).collect();
        let halves = |tau: f64| {
            let soft = Some(SoftData { probability: probability.clone(), tau: [1.0, tau] });
            let options = SnesimOptions { soft, servo: 0.0, ..small([5, 5, 1]) };
            let model = Snesim::new([80, 80, 1], &codes, 2, grid, options).unwrap();
            let share = |east: bool| {
                let inside = move |c: &usize| (c % n >= n / 2) == east;
                mean(&model, 20, |map| {
                    let ones = (0..n * n).filter(inside).filter(|&c| map[c] == 1).count();
                    ones as f64 / (n * n / 2) as f64
                })
            };
            (share(false), share(true))
        };
        let (west, east) = halves(1.0);
        assert!(west < 0.2 && east > 0.65, "soft 0.1 and 0.8: mean {west} and {east}");
        let plain =
            Snesim::new([80, 80, 1], &codes, 2, grid, SnesimOptions { servo: 0.0, ..small([5, 5, 1]) }).unwrap();
        let overall = mean(&plain, 20, |map| proportions(map, 2)[1]);
        let (west, east) = halves(0.0);
        assert!((0.5 * (west + east) - overall).abs() < 1e-9, "tau 0 changes nothing: {west}, {east} and {overall}");
    }

    #[test]
    fn wrong_input_is_told_with_place_and_value() {
        let codes = channels(40);
        let grid = Grid::unit([20, 20, 1]);
        let of = |options: SnesimOptions| Snesim::new([40, 40, 1], &codes, 2, grid, options).map(|_| ());
        let said = |result: Result<()>, words: &[&str]| {
            let message = result.expect_err("wrong input").to_string();
            assert!(words.iter().all(|w| message.contains(w)), "{message:?} should say {words:?}");
        };
        said(of(small([4, 5, 1])), &["template", "4 nodes along x"]);
        said(of(small([21, 5, 1])), &["template", "21", "20"]);
        said(of(SnesimOptions { servo: 1.0, ..small([5, 5, 1]) }), &["servo", "1"]);
        said(of(SnesimOptions { target: Target::Global(vec![0.5, 0.6]), ..small([5, 5, 1]) }), &["target", "1.1"]);
        said(Snesim::new([40, 40, 1], &[0; 1600], 2, grid, small([5, 5, 1])).map(|_| ()), &["facies 0 everywhere"]);
        said(Snesim::new([40, 40, 1], &[2; 1600], 2, grid, small([5, 5, 1])).map(|_| ()), &["facies 2 in cell 0"]);
        said(Snesim::new([0, 0, 1], &[], 2, grid, small([5, 5, 1])).map(|_| ()), &["empty"]);

        let mut probability = vec![0.5; 800];
        probability[10..12].copy_from_slice(&[1.0, 0.0]);
        let soft = Some(SoftData { probability, tau: [1.0, 1.0] });
        let model = Snesim::new([40, 40, 1], &codes, 2, grid, SnesimOptions { soft, ..small([5, 5, 1]) }).unwrap();
        let with = |facies: &[(usize, u8)], values: &[(usize, f64)]| {
            let facies = facies.iter().map(|&(cell, value)| Known { cell, value }).collect();
            let values = values.iter().map(|&(cell, value)| Known { cell, value }).collect();
            model.realization(&Conditioning { facies, values }, 1, 0).map(|_| ())
        };
        said(with(&[(400, 0)], &[]), &["cell 400", "400 cells"]);
        said(with(&[(3, 2)], &[]), &["cell 3", "facies 2"]);
        said(with(&[(3, 0), (7, 1), (3, 1)], &[]), &["cell 3", "compete"]);
        said(with(&[(5, 1)], &[]), &["cell 5", "soft probability 0"]);
        said(with(&[], &[(9, 0.25)]), &["cell 9", "0.25"]);
        assert!(with(&[(3, 0), (3, 0), (5, 0)], &[]).is_ok(), "the same datum twice is no conflict");
    }
}
