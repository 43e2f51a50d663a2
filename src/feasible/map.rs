//! The feasible map of patterns: learning set, matching and votes put together.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, s};

use super::device::{Device, Learned, Portions};
use super::hard_data::{HardData, Penalty};
use super::learning_set::{LabelKind, Labels, LearningSet, Source, usable};
use super::nearest::{Description, Index, Matches};
use super::options::{Options, check, check_sources, known_cells, zones};
use super::places::{Images, Places, labels};
use super::positions::Positions;
use super::template::Stencil;
use super::vote::{Aggregation, Audience, Ballot, winner};
use super::{FeasibleMap, Projection};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::grid::Grid;
use crate::random::{Purpose, Stream};

/// Components that matching prunes with: enough that some ten windows are left to compare.
const COMPONENTS: usize = 64;
/// Windows on which an approximate description is held against exact matches.
const RECALL_SAMPLE: usize = 16;

/// What one map did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MapReport {
    /// Windows matched.
    pub windows: usize,
    /// Those of them that were added to reach every cell.
    pub added: usize,
    /// Cells that no window inside the grid holds; they take the votes of the nearest cell that one holds.
    pub unreachable: usize,
    /// Root mean squared distance of a window to its matches, contradictions of hard data included.
    pub match_distance: f64,
    /// Share of the exact matches that an approximate description found, on a sample of windows; `None` where the
    /// description is exact.
    pub recall: Option<f64>,
}

/// The map `θ ↦ u` onto the feasible set that a learning set spans.
pub struct PatternMap<'g> {
    grid: Grid,
    options: Options,
    zones: Vec<Zone<'g>>,
    /// Which source each image of each zone's learning set comes from.
    sources: Vec<Vec<usize>>,
}

/// A range of layers, its learning set and what was made ready from it.
struct Zone<'g> {
    cells: Range<usize>,
    set: LearningSet,
    index: Index,
    penalty: Penalty,
    voters: Vec<u32>,
    /// Values by the bin of a histogram, and the mean of each bin.
    bins: Option<(Vec<u8>, Vec<f64>)>,
    device: Option<Device<'g>>,
}

/// Cells of one zone, mapped.
struct Mapped {
    model: Vec<f64>,
    codes: Option<Vec<u8>>,
    probability: Option<Array2<f32>>,
}

impl<'g> PatternMap<'g> {
    /// Draws the learning set from the realizations of all `sources` and makes it ready; matching and voting run on
    /// `gpu` where one is given. A map made anew for another basis, with the same seed and sources, has the same
    /// windows.
    ///
    /// # Errors
    /// Where the template is larger than the grid or a zone, there are no realizations, no windows, more neighbours
    /// than windows, a fraction outside of (0, 1], an option that does not suit the labels, or values that are not
    /// finite.
    pub fn new(grid: Grid, options: Options, sources: &[Source<'_>], gpu: Option<&'g Gpu>) -> Result<Self> {
        check(&options)?;
        let ranges = zones(&grid, &options.zones)?;
        let counts: Vec<usize> = sources.iter().map(|source| source.ensemble.len()).collect();
        check_sources(&grid, &options, sources)?;
        let drawn = ranges.iter().enumerate().map(|(number, layers)| {
            let zone = Grid { cells: [grid.cells[0], grid.cells[1], layers.len()], ..grid };
            let stencil = Stencil::new(&options.template, zone)?;
            let places = Places::draw(&stencil, &counts, options.library, options.seed, number as u32);
            Ok((stencil, places))
        });
        let drawn = drawn.collect::<Result<Vec<_>>>()?;
        let images = Images::ask(&grid, sources, drawn.iter().flat_map(|(_, places)| &places.drawn))?;
        let layer = grid.cells[0] * grid.cells[1];
        let origins = drawn.iter().map(|(_, places)| places.drawn.iter().map(|image| image.0).collect()).collect();
        let zones = ranges.into_iter().zip(drawn).enumerate().map(|(number, (layers, (stencil, places)))| {
            let cells = layers.start * layer..layers.end * layer;
            let features = images.slices(&places.drawn, &cells);
            let labels = labels(options.labels, sources, &places.drawn, &cells);
            let set = LearningSet::new(stencil, features, labels, places.windows)?;
            Zone::new(set, cells, &options, number as u32, gpu)
        });
        Ok(Self { grid, zones: zones.collect::<Result<_>>()?, options, sources: origins })
    }

    /// A map of one zone, all layers, from a learning set that is there already: template, number of windows and kind
    /// of labels are the set's, whatever the options say.
    ///
    /// # Errors
    /// As [`PatternMap::new`].
    pub fn with_learning_set(set: LearningSet, mut options: Options, gpu: Option<&'g Gpu>) -> Result<Self> {
        options.library = set.len();
        options.template = set.stencil().template().clone();
        options.labels = match set.labels {
            Labels::Facies { .. } => LabelKind::Facies,
            Labels::Values(_) => LabelKind::Values,
        };
        check(&options)?;
        let grid = set.stencil().grid();
        known_cells(&options.hard_data, &grid, options.labels)?;
        let sources = vec![vec![0; set.images.len() / grid.len()]];
        let zone = Zone::new(set, 0..grid.len(), &options, 0, gpu)?;
        Ok(Self { grid, options, zones: vec![zone], sources })
    }

    /// The matches of the windows of `theta` at `origins`, both in the numbers of a zone's own cells.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn matches(&self, zone: usize, theta: &[f32], origins: &[u32]) -> Result<Matches> {
        let Zone { set, index, penalty, device, .. } = &self.zones[zone];
        match device {
            Some(device) => device.matches(&device.nearest(set, index, theta, origins, penalty)?),
            None => Ok(index.nearest(set, theta, origins, self.options.neighbours, penalty)),
        }
    }

    /// Votes by facies (or by bin of a mode), K × cells of a zone, of the labels of `matches` at `origins`; none where
    /// labels are averaged.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn votes(&self, zone: usize, origins: &[u32], matches: &Matches) -> Result<Option<Array2<u32>>> {
        let Zone { set, bins, device, .. } = &self.zones[zone];
        let Some((codes, values)) = codes(set, bins) else { return Ok(None) };
        let audience = &Audience::All;
        match device {
            Some(device) => {
                let found = device.take(&[], matches)?;
                device.count(set.stencil(), origins, &found, audience).map(Some)
            }
            None => Ok(Some(Ballot { set, origins, matches, audience }.count(codes, values.len()))),
        }
    }

    /// How many of the windows that cover a cell come from each source, S × n, in the map of `theta` in `iteration`: where
    /// each source is at work. A cell that no window reaches has the votes of the nearest that one does.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn source_votes(&self, theta: ArrayView1<'_, f64>, iteration: u32) -> Result<Array2<u32>> {
        let count = 1 + self.sources.iter().flatten().copied().max().unwrap_or(0);
        let mut votes = Array2::zeros((count, self.grid.len()));
        for (number, (zone, sources)) in self.zones.iter().zip(&self.sources).enumerate() {
            let image: Vec<f32> = theta.slice(s![zone.cells.clone()]).iter().map(|&x| x as f32).collect();
            let origins = zone.positions(&self.options, iteration, number as u32).origins;
            let matches = self.matches(number, &image, &origins)?;
            let mut own = Array2::<u32>::zeros((count, zone.cells.len()));
            for (query, &origin) in origins.iter().enumerate() {
                for &reference in matches.of(query) {
                    let mut row = own.row_mut(sources[zone.set.window(reference as usize).image as usize]);
                    zone.set
                        .stencil()
                        .ranges(origin)
                        .for_each(|cells| row.slice_mut(s![cells]).mapv_inplace(|v| v + 1));
                }
            }
            for (cell, &voter) in zone.voters.iter().enumerate() {
                votes.column_mut(zone.cells.start + cell).assign(&own.column(voter as usize));
            }
        }
        Ok(votes)
    }

    /// The learning set of a zone.
    pub fn learning_set(&self, zone: usize) -> &LearningSet {
        &self.zones[zone].set
    }

    /// The feasible map nearest to `theta`, and what making it did.
    ///
    /// # Errors
    /// Where θ is not finite, or the device fails.
    pub fn map(&self, theta: ArrayView1<'_, f64>, iteration: u32) -> Result<(Projection, MapReport)> {
        assert_eq!(theta.len(), self.grid.len(), "length of theta, and number of cells");
        if let Some(at) = theta.iter().position(|&x| !usable(x as f32)) {
            let problem = format!("the parameterized map is {} in cell {at}", theta[at]);
            return Err(Error::input("feasible map", problem, "the step before it went astray: lower its length"));
        }
        let mut report = MapReport::default();
        let mut model = Array1::zeros(self.grid.len());
        let mut facies = (self.options.labels == LabelKind::Facies).then(|| vec![0; self.grid.len()]);
        let mut probability = None;
        for (number, zone) in self.zones.iter().enumerate() {
            let part = theta.slice(s![zone.cells.clone()]);
            let mapped = zone.map(part, &self.options, iteration, number as u32, &mut report)?;
            model.slice_mut(s![zone.cells.clone()]).assign(&Array1::from(mapped.model));
            if let (Some(facies), Some(codes)) = (&mut facies, &mapped.codes) {
                facies[zone.cells.clone()].copy_from_slice(codes);
            }
            if let Some(shares) = mapped.probability {
                let all = probability.get_or_insert_with(|| Array2::zeros((shares.nrows(), self.grid.len())));
                all.slice_mut(s![.., zone.cells.clone()]).assign(&shares);
            }
        }
        report.match_distance = (report.match_distance / report.windows as f64).sqrt();
        Ok((Projection { model, facies, probability }, report))
    }
}

impl FeasibleMap for PatternMap<'_> {
    fn project(&self, theta: ArrayView1<'_, f64>, iteration: u32) -> Result<Projection> {
        self.map(theta, iteration).map(|mapped| mapped.0)
    }
}

impl<'g> Zone<'g> {
    fn new(
        set: LearningSet,
        cells: Range<usize>,
        options: &Options,
        number: u32,
        gpu: Option<&'g Gpu>,
    ) -> Result<Self> {
        let mut stream = Stream::new(options.seed, Purpose::LearningSet, 1, number);
        let (stencil, components) = match options.description {
            Description::Cells => (set.stencil().clone(), COMPONENTS),
            Description::Subset { cells } => {
                (Stencil::new(&options.template.subset(cells, &mut stream), set.stencil().grid())?, COMPONENTS)
            }
            Description::Projection { components } => (set.stencil().clone(), components),
        };
        let alone = matches!(options.description, Description::Projection { .. });
        let index = Index::prepare(stencil, &set, components, alone);
        let within = |cell: usize| cells.contains(&cell).then(|| cell - cells.start);
        let hard = HardData {
            facies: options.hard_data.facies.iter().filter_map(|&(c, y)| Some((within(c)?, y))).collect(),
            values: options.hard_data.values.iter().filter_map(|&(c, y)| Some((within(c)?, y))).collect(),
        };
        let penalty = Penalty::new(&hard, &set, index.components.spread)?;
        let voters = set.stencil().voters();
        let bins = match (&set.labels, options.aggregation) {
            (Labels::Values(values), Aggregation::Mode { bins }) => Some(binned(values, bins)),
            _ => None,
        };
        let codes = codes(&set, &bins);
        let neighbours = options.neighbours;
        let learned = Learned { set: &set, index: &index, codes, penalty: &penalty, voters: &voters, neighbours };
        let device = gpu.map(|gpu| Device::new(gpu, Portions::of(gpu), &learned));
        Ok(Self { device: device.transpose()?, cells, set, index, penalty, voters, bins })
    }

    /// The windows that a map matches.
    fn positions(&self, options: &Options, iteration: u32, number: u32) -> Positions {
        let mut stream = Stream::new(options.seed, Purpose::Positions, u64::from(iteration), number);
        Positions::draw(self.set.stencil(), options.fraction, &mut stream)
    }

    fn map(
        &self,
        theta: ArrayView1<'_, f64>,
        options: &Options,
        iteration: u32,
        number: u32,
        report: &mut MapReport,
    ) -> Result<Mapped> {
        let positions = self.positions(options, iteration, number);
        let image: Vec<f32> = theta.iter().map(|&x| x as f32).collect();
        let origins = &positions.origins;
        let audience = match options.aggregation {
            Aggregation::Centre => Audience::centres(self.set.stencil(), origins),
            _ => Audience::All,
        };
        let weighting =
            (options.aggregation == Aggregation::WeightedMean).then(|| 1e-3 * self.index.components.spread.max(1e-30));
        let (mut mapped, cost, matches) = match &self.device {
            Some(device) => self.map_on(device, &image, origins, &audience, weighting, options)?,
            None => {
                let matches = self.index.nearest(&self.set, &image, origins, options.neighbours, &self.penalty);
                let mapped = self.aggregate(theta, origins, &matches, &audience, weighting);
                (mapped, matches.cost.iter().sum(), Some(matches))
            }
        };
        self.honour(&mut mapped);
        report.windows += origins.len();
        report.added += positions.added;
        report.unreachable += self.voters.iter().enumerate().filter(|&(cell, &voter)| cell != voter as usize).count();
        report.match_distance += cost / options.neighbours as f64;
        if let (Some(matches), false) = (matches, options.description == Description::Cells) {
            let zone = self.recall(&image, origins, &matches);
            report.recall = Some(report.recall.map_or(zone, |other| other.min(zone)));
        }
        Ok(mapped)
    }

    /// The map on the device; the matches come down only where an approximation is held against exact ones.
    fn map_on(
        &self,
        device: &Device<'_>,
        image: &[f32],
        origins: &[u32],
        audience: &Audience,
        weighting: Option<f64>,
        options: &Options,
    ) -> Result<(Mapped, f64, Option<Matches>)> {
        let stencil = self.set.stencil();
        let found = device.nearest(&self.set, &self.index, image, origins, &self.penalty)?;
        let mapped = match codes(&self.set, &self.bins) {
            Some((_, values)) => {
                let (codes, probability) = device.elect(stencil, origins, &found, audience)?;
                self.elected(codes, probability, values)
            }
            None => {
                let model = device.average(stencil, origins, &found, audience, weighting)?;
                Mapped { model, codes: None, probability: None }
            }
        };
        let matches = if options.description == Description::Cells { None } else { Some(device.matches(&found)?) };
        Ok((mapped, device.total_cost(&found)?, matches))
    }

    fn aggregate(
        &self,
        theta: ArrayView1<'_, f64>,
        origins: &[u32],
        matches: &Matches,
        audience: &Audience,
        weighting: Option<f64>,
    ) -> Mapped {
        let ballot = Ballot { set: &self.set, origins, matches, audience };
        match (codes(&self.set, &self.bins), &self.set.labels) {
            (None, Labels::Values(values)) => {
                let weight = weighting.map(|floor| move |cost: f64| floor / (cost + floor));
                let mean = ballot.mean(values, weight.as_ref().map(|w| w as &(dyn Fn(f64) -> f64 + Sync)));
                let model = self.voters.iter().map(|&voter| mean[voter as usize]).collect();
                Mapped { model, codes: None, probability: None }
            }
            (Some((codes, values)), _) => {
                let votes = ballot.count(codes, values.len());
                self.elect(theta, &votes, values)
            }
            (None, Labels::Facies { .. }) => unreachable!("facies always have codes"),
        }
    }

    /// Every cell takes the code that most of its votes name.
    fn elect(&self, theta: ArrayView1<'_, f64>, votes: &Array2<u32>, values: &[f64]) -> Mapped {
        let kinds = values.len();
        let mut codes = Vec::with_capacity(theta.len());
        let mut probability = Array2::zeros((kinds, theta.len()));
        for (cell, &voter) in self.voters.iter().enumerate() {
            let votes = votes.column(voter as usize);
            let total: u32 = votes.iter().sum();
            for kind in 0..kinds {
                probability[[kind, cell]] = votes[kind] as f32 / total as f32;
            }
            // As the device sees θ.
            let at = f64::from(theta[cell] as f32);
            codes.push(winner(votes.iter().copied(), values, at).unwrap_or(0) as u8);
        }
        self.elected(codes, probability, values)
    }

    /// The map that codes make; codes of bins are no facies.
    fn elected(&self, codes: Vec<u8>, probability: Array2<f32>, values: &[f64]) -> Mapped {
        let model = codes.iter().map(|&code| values[usize::from(code)]).collect();
        let facies = matches!(self.set.labels, Labels::Facies { .. });
        Mapped { model, codes: facies.then_some(codes), probability: facies.then_some(probability) }
    }

    /// Cells that are known keep what is known; every vote against it is void.
    fn honour(&self, mapped: &mut Mapped) {
        for &(cell, datum) in &self.penalty.data {
            match (&mut mapped.codes, &self.set.labels) {
                (Some(codes), Labels::Facies { values, .. }) => {
                    let code = datum as usize;
                    codes[cell] = code as u8;
                    mapped.model[cell] = values[code];
                    if let Some(probability) = &mut mapped.probability {
                        probability.column_mut(cell).fill(0.0);
                        probability[[code, cell]] = 1.0;
                    }
                }
                _ => mapped.model[cell] = datum,
            }
        }
    }

    /// Share of the exact matches among those found, on some windows.
    fn recall(&self, image: &[f32], origins: &[u32], found: &Matches) -> f64 {
        let sample = origins.len().min(RECALL_SAMPLE);
        let picks: Vec<usize> = (0..sample).map(|i| i * origins.len() / sample).collect();
        let picked: Vec<u32> = picks.iter().map(|&query| origins[query]).collect();
        let k = found.neighbours;
        let exact = super::nearest::exhaustive(&self.set, image, &picked, k, &self.penalty);
        let hits = |(i, &query): (usize, &usize)| exact.of(i).iter().filter(|&r| found.of(query).contains(r)).count();
        picks.iter().enumerate().map(hits).sum::<usize>() as f64 / (sample * k) as f64
    }
}

/// What is voted on: codes 0..K of every cell of the images and the property of each code; none where labels are averaged.
fn codes<'a>(set: &'a LearningSet, bins: &'a Option<(Vec<u8>, Vec<f64>)>) -> Option<(&'a [u8], &'a [f64])> {
    match (&set.labels, bins) {
        (Labels::Facies { codes, values }, _) => Some((codes, values)),
        (Labels::Values(_), Some((codes, values))) => Some((codes, values)),
        (Labels::Values(_), None) => None,
    }
}

/// Values as numbers of bins between the smallest and the largest, and the mean of the values in each bin.
fn binned(values: &[f32], bins: usize) -> (Vec<u8>, Vec<f64>) {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let scale = bins as f64 / f64::from(high - low).max(f64::MIN_POSITIVE);
    let code = |value: f32| ((f64::from(value - low) * scale) as usize).min(bins - 1) as u8;
    let codes: Vec<u8> = values.iter().map(|&value| code(value)).collect();
    let mut sums = vec![(0.0, 0u64); bins];
    for (&code, &value) in codes.iter().zip(values) {
        let sum = &mut sums[usize::from(code)];
        *sum = (sum.0 + f64::from(value), sum.1 + 1);
    }
    (codes, sums.into_iter().map(|(sum, count)| if count == 0 { f64::from(low) } else { sum / count as f64 }).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::feasible::Template;
    use crate::grid::Ensemble;

    const CELLS: [usize; 3] = [26, 21, 1];
    const REALIZATIONS: usize = 12;

    /// Realizations of bent stripes; their parameterized images are the waves behind them.
    struct Prior {
        ensemble: Ensemble,
        images: Array2<f32>,
    }

    fn prior(cells: [usize; 3]) -> Prior {
        let grid = Grid::unit(cells);
        let mut stream = Stream::new(9, Purpose::Check, 0, 0);
        let mut images = Array2::zeros((REALIZATIONS, grid.len()));
        for mut image in images.rows_mut() {
            let [a, b, c] = [0.3, 0.5, 6.0].map(|high| stream.between(0.1, high));
            for (cell, value) in image.iter_mut().enumerate() {
                let [x, y, z] = grid.cell(cell).map(|c| c as f64);
                *value = (0.5 + 0.5 * (a * x + 2.0 * (b * y).sin() + z + c).sin()) as f32;
            }
        }
        let facies = images.mapv(|x| u8::from(x > 0.4) + u8::from(x > 0.8));
        let ensemble = Ensemble { grid, facies: Some(facies), values: None, facies_values: vec![0.0, 0.6, 1.0] };
        Prior { ensemble, images }
    }

    impl Prior {
        fn map<'g>(&self, options: Options, gpu: Option<&'g Gpu>) -> Result<PatternMap<'g>> {
            let parameterized = |asked: &[usize]| Ok(self.images.select(ndarray::Axis(0), asked));
            let source = Source { ensemble: &self.ensemble, parameterized: &parameterized };
            PatternMap::new(self.ensemble.grid, options, &[source], gpu)
        }

        fn theta(&self, realization: usize) -> Array1<f64> {
            self.images.row(realization).mapv(f64::from)
        }
    }

    fn options(template: Template) -> Options {
        Options { library: 400, neighbours: 3, ..Options::new(template, 4) }
    }

    fn square() -> Template {
        Template::cuboid([8, 7, 1]).unwrap()
    }

    #[test]
    fn a_window_as_large_as_the_grid_brings_back_the_realization() {
        let prior = prior(CELLS);
        let map = prior.map(Options { neighbours: 1, ..options(Template::cuboid(CELLS).unwrap()) }, None).unwrap();
        let (projection, report) = map.map(prior.theta(5).view(), 0).unwrap();
        assert_eq!(projection.facies.unwrap(), prior.ensemble.facies(5).unwrap().to_vec());
        assert_eq!(projection.model, prior.ensemble.property(5));
        assert_eq!((report.windows, report.match_distance, report.recall), (1, 0.0, None));
    }

    #[test]
    fn options_that_cannot_be_met_are_refused_by_name() {
        let prior = prior(CELLS);
        let base = || options(square());
        let cases = [
            ("feasible.library", Options { library: 0, ..base() }),
            ("feasible.neighbours", Options { neighbours: 401, ..base() }),
            ("feasible.neighbours", Options { neighbours: 0, ..base() }),
            ("feasible.fraction", Options { fraction: 0.0, ..base() }),
            ("feasible.fraction", Options { fraction: 1.5, ..base() }),
            ("feasible.fraction", Options { fraction: f64::NAN, ..base() }),
            ("feasible.window", options(Template::cuboid([27, 3, 1]).unwrap())),
            ("feasible.aggregation", Options { aggregation: Aggregation::WeightedMean, ..base() }),
            ("feasible.description", Options { description: Description::Subset { cells: 57 }, ..base() }),
            ("feasible.description", Options { description: Description::Projection { components: 0 }, ..base() }),
            ("feasible.zones", Options { zones: vec![0..1, 0..1], ..base() }),
            ("feasible.zones", Options { zones: std::iter::once(0..2).collect(), ..base() }),
            (
                "feasible.hard_data",
                Options { hard_data: HardData { facies: vec![(26 * 21, 0)], values: vec![] }, ..base() },
            ),
            ("feasible.hard_data", Options { hard_data: HardData { facies: vec![(3, 3)], values: vec![] }, ..base() }),
            (
                "feasible.hard_data",
                Options { hard_data: HardData { facies: vec![], values: vec![(3, 1.0)] }, ..base() },
            ),
        ];
        for (key, options) in cases {
            match prior.map(options, None).err() {
                Some(Error::Input { place, problem, .. }) => assert_eq!(place, key, "{problem}"),
                other => panic!("{key}: {other:?}"),
            }
        }
        let theta = Array1::from_elem(26 * 21, f64::NAN);
        assert!(prior.map(base(), None).unwrap().map(theta.view(), 0).is_err());
    }

    #[test]
    fn realizations_are_asked_for_once_and_only_where_drawn_and_every_basis_has_the_same_windows() {
        let prior = prior(CELLS);
        let asked = Mutex::new(Vec::new());
        let rough = |numbers: &[usize]| {
            asked.lock().unwrap().extend_from_slice(numbers);
            Ok(prior.images.select(ndarray::Axis(0), numbers).mapv(|x| 0.5 * x))
        };
        let source = Source { ensemble: &prior.ensemble, parameterized: &rough };
        let few = Options { library: 7, neighbours: 1, ..options(square()) };
        let map = PatternMap::new(prior.ensemble.grid, few.clone(), &[source], None).unwrap();
        let mut asked = asked.into_inner().unwrap();
        let times = asked.len();
        asked.sort_unstable();
        asked.dedup();
        assert!(asked.len() == times && times <= 7, "{asked:?}");
        let finer = prior.map(few, None).unwrap();
        assert_eq!(map.learning_set(0).windows, finer.learning_set(0).windows);
    }

    #[test]
    fn known_cells_keep_what_is_known_and_steer_the_matches() {
        let prior = prior(CELLS);
        let whole = Template::cuboid(CELLS).unwrap();
        let known: Vec<(usize, u8)> =
            (0..26 * 21).step_by(7).map(|cell| (cell, prior.ensemble.facies(2).unwrap()[cell])).collect();
        let hard_data = HardData { facies: known, values: vec![] };
        let map = prior.map(Options { neighbours: 1, hard_data, ..options(whole) }, None).unwrap();
        let found = map.project(prior.theta(9).view(), 0).unwrap();
        assert_eq!(found.facies.unwrap(), prior.ensemble.facies(2).unwrap().to_vec(), "the data decide");

        let hard_data = HardData { facies: vec![(40, 2), (41, 0), (300, 1)], values: vec![] };
        let map = prior.map(Options { hard_data, ..options(square()) }, None).unwrap();
        let found = map.project(prior.theta(1).view(), 0).unwrap();
        let (facies, probability) = (found.facies.unwrap(), found.probability.unwrap());
        assert_eq!([facies[40], facies[41], facies[300]], [2, 0, 1]);
        assert_eq!((probability[[2, 40]], probability[[0, 41]], found.model[300]), (1.0, 1.0, 0.6));
    }

    #[test]
    fn windows_come_from_every_scenario_and_from_none_that_is_empty() {
        let prior = prior(CELLS);
        let whole = Template::cuboid(CELLS).unwrap();
        let rows = |first: usize, count: usize| Ensemble {
            facies: prior.ensemble.facies.as_ref().map(|f| f.slice(s![first..first + count, ..]).to_owned()),
            ..prior.ensemble.clone()
        };
        let (a, none, b) = (rows(0, 5), rows(0, 0), rows(5, 7));
        let of = |first: usize| {
            let images = &prior.images;
            move |asked: &[usize]| {
                let rows: Vec<usize> = asked.iter().map(|l| l + first).collect();
                Ok(images.select(ndarray::Axis(0), &rows))
            }
        };
        let (from_a, from_b) = (of(0), of(5));
        let sources = [(&a, &from_a), (&none, &from_a)].map(|(ensemble, f)| Source { ensemble, parameterized: f });
        let sources = [sources[0], sources[1], Source { ensemble: &b, parameterized: &from_b }];
        let options = Options { neighbours: 1, ..options(whole) };
        let map = PatternMap::new(prior.ensemble.grid, options.clone(), &sources, None).unwrap();
        for realization in [3, 9] {
            let found = map.project(prior.theta(realization).view(), 0).unwrap();
            assert_eq!(found.model, prior.ensemble.property(realization));
        }
        assert!(PatternMap::new(prior.ensemble.grid, options.clone(), &sources[1..2], None).is_err());
        assert!(PatternMap::new(prior.ensemble.grid, options, &[], None).is_err());
    }

    #[test]
    fn zones_are_mapped_apart() {
        let prior = prior([14, 12, 4]);
        let zones = vec![0..1, 1..4];
        let map = prior.map(Options { zones, ..options(Template::cuboid([5, 5, 1]).unwrap()) }, None).unwrap();
        let theta = prior.theta(3);
        let mut other = theta.clone();
        other.slice_mut(s![14 * 12..]).fill(0.2);
        let (a, b) = (map.project(theta.view(), 1).unwrap(), map.project(other.view(), 1).unwrap());
        assert_eq!(a.model.slice(s![..14 * 12]), b.model.slice(s![..14 * 12]));
        assert_ne!(a.model, b.model);
    }

    #[test]
    fn without_aggregation_a_cell_has_the_label_of_the_match_at_the_nearest_centre() {
        let prior = prior(CELLS);
        let single = Options { neighbours: 1, fraction: 1.0, aggregation: Aggregation::Centre, ..options(square()) };
        let map = prior.map(single, None).unwrap();
        let theta = prior.theta(6);
        let image: Vec<f32> = theta.iter().map(|&x| x as f32).collect();
        let found = map.project(theta.view(), 0).unwrap().facies.unwrap();
        let set = map.learning_set(0);
        let Labels::Facies { codes, .. } = &set.labels else { panic!("labels are facies") };
        for cell in 0..26 * 21 {
            // The centre of an 8 x 7 window is its cell (3, 3): at the border the nearest one that there is.
            let [x, y, _] = set.stencil().grid().cell(cell);
            let origin = (y.clamp(3, 17) - 3) * 26 + x.clamp(3, 21) - 3;
            let matched = map.matches(0, &image, &[origin as u32]).unwrap().index[0];
            assert_eq!(found[cell], codes[set.start(matched as usize) + cell - origin], "cell {cell}");
        }
    }

    #[test]
    fn what_an_approximation_loses_is_reported() {
        let prior = prior(CELLS);
        let recall = |description| {
            let map = prior.map(Options { description, ..options(square()) }, None).unwrap();
            map.map(prior.theta(0).view(), 0).unwrap().1.recall
        };
        assert_eq!(recall(Description::Cells), None);
        assert_eq!(recall(Description::Subset { cells: 56 }), Some(1.0));
        let (few, one) =
            (recall(Description::Subset { cells: 3 }).unwrap(), recall(Description::Projection { components: 1 }));
        assert!((0.0..1.0).contains(&few) && one.is_some_and(|one| one < 1.0), "{few} {one:?}");
        assert!(recall(Description::Projection { components: 40 }).unwrap() > 0.9);
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bytes() {
        let prior = prior(CELLS);
        let run = |threads: usize, kind: LabelKind| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let options = Options { labels: kind, ..options(square()) };
            pool.install(|| prior.map(options, None).unwrap().project(prior.theta(7).view(), 3).unwrap())
        };
        for kind in [LabelKind::Facies, LabelKind::Values] {
            assert_eq!(run(1, kind), run(3, kind));
        }
    }

    #[test]
    fn the_device_makes_the_map_that_the_processor_makes() {
        let Some(gpu) = crate::testing::gpu() else { return };
        let prior = prior(CELLS);
        let hard = HardData { facies: vec![(40, 2), (300, 1)], values: vec![] };
        let known = HardData { facies: vec![], values: vec![(40, 0.9), (300, 0.1)] };
        let values = |aggregation| Options { labels: LabelKind::Values, aggregation, ..options(square()) };
        let disk = Template::disk(4.0).unwrap();
        for options in [
            Options { hard_data: hard, ..options(square()) },
            Options { aggregation: Aggregation::Centre, ..options(disk.clone()) },
            options(disk),
            Options { description: Description::Projection { components: 9 }, ..options(square()) },
            Options { description: Description::Subset { cells: 21 }, ..options(square()) },
            values(Aggregation::Votes),
            values(Aggregation::WeightedMean),
            Options { hard_data: known, ..values(Aggregation::Mode { bins: 12 }) },
        ] {
            let theta = prior.theta(8);
            let (here, there) =
                (prior.map(options.clone(), None).unwrap(), prior.map(options.clone(), Some(gpu)).unwrap());
            let ((here, report), (there, other)) =
                (here.map(theta.view(), 2).unwrap(), there.map(theta.view(), 2).unwrap());
            assert_eq!((report.windows, report.added, report.recall), (other.windows, other.added, other.recall));
            // A mean of up to 56 x 3 votes, rounded as often at most; facies are the same but for near ties of matches.
            let bound = 2.0 * (56.0 * 3.0 + 12.0) * f64::from(f32::EPSILON);
            let apart = here.model.iter().zip(&there.model).filter(|(a, b)| (*a - *b).abs() > bound * a.abs()).count();
            assert!(apart <= theta.len() / 200, "{apart} cells differ with {options:?}");
            assert_eq!(here.probability.is_some(), there.probability.is_some());
        }
    }
}
