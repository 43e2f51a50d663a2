//! Direct sampling (Mariethoz et al. 2010).

use super::training_image::{ContinuousImage, TrainingImage};
use super::{Conditioning, Known, Prior, Realization};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::random::{Purpose, Stream};

/// How unlike two data events of one variable are: a number from 0 (alike) to 1.
///
/// With lags h, weights α_h, values z in the simulation and z′ in the training image, range R of the image's values:
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// `Σ α_h [z ≠ z′] / Σ α_h`, the share of mismatches: for facies.
    Mismatch,
    /// `Σ α_h |z − z′| / (R Σ α_h)`: for continuous variables.
    Absolute,
    /// `(Σ α_h (z − z′)² / (R² Σ α_h))^½`: for continuous variables.
    Square,
}

/// What direct sampling is told; see [`DirectSampling`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Number of informed neighbours n in a data event, of each variable.
    pub neighbours: usize,
    /// Distance t from 0 to 1 at which a place of the image is accepted at once.
    pub threshold: f64,
    /// Largest share f of the image that is scanned for one cell, in (0, 1].
    pub scan_fraction: f64,
    /// Exponent δ ≥ 0 of the weights `α_h = max(|h|, 1)^−δ`; 0 weights all neighbours alike.
    pub decay: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { neighbours: 25, threshold: 0.02, scan_fraction: 0.3, decay: 0.0 }
    }
}

/// Direct sampling: cells are visited in random order; for each, the image is scanned from a random place on for the
/// data event of the n nearest informed cells, and the first place at a distance of at most t gives its value, or else
/// the best of the scanned share f.
///
/// Several variables are simulated together: a data event has up to n neighbours of each variable (the cell itself
/// among them where one variable is known and another not), distances of the variables are averaged, and the place
/// found gives all variables that the cell lacks. Lags are counted in cells. Neighbours are dropped, farthest first,
/// until the event fits into an eighth of the image's places at least.
///
/// Mariethoz, Renard and Straubhaar (2010), *The direct sampling method to perform multiple-point geostatistical
/// simulations*, Water Resources Research 46, W11536.
#[derive(Debug, Clone)]
pub struct DirectSampling {
    grid: Grid,
    settings: Settings,
    image: [usize; 3],
    variables: Vec<Variable>,
    facies: Option<usize>,
    spiral: Vec<[i32; 3]>,
}

/// A variable of the image, as the scan wants it.
#[derive(Debug, Clone)]
struct Variable {
    values: Vec<f32>,
    distance: Distance,
    range: f32,
}

/// A neighbour of a data event: its lag, the lag's squared length and its value.
#[derive(Debug, Clone, Copy)]
struct Neighbour {
    square: i32,
    lag: [i32; 3],
    value: f32,
}

const PLACE: &str = "direct sampling";
/// Random numbers of [`Purpose::MultiplePoint`] below this level belong to SNESIM.
const LEVEL: u32 = 100;
/// Below so many informed cells the nearest are found among them, above in a spiral about the cell.
const FEW: usize = 512;
/// Lags in the spiral; where they do not hold n informed cells, the whole grid is searched.
const SPIRAL: usize = 1 << 15;
/// Places of the image compared at once.
const LANES: usize = 64;

impl DirectSampling {
    /// Direct sampling of facies.
    ///
    /// Errors: settings out of range; an image with fewer cells along an axis than an event needs (three, or the grid's
    /// number).
    pub fn of_facies(grid: Grid, image: &TrainingImage, settings: Settings) -> Result<Self> {
        let values = image.codes.iter().map(|&code| f32::from(code)).collect();
        let variable = Variable { values, distance: Distance::Mismatch, range: 1.0 };
        Self::new(grid, image.cells, vec![variable], Some(image.facies_count()), settings)
    }

    /// Direct sampling of one or several continuous variables; the first is what [`Prior::realization`] returns.
    ///
    /// Errors: settings out of range; no variable, wrong counts, NaN; [`Distance::Mismatch`]; an image with fewer cells
    /// along an axis than an event needs (three, or the grid's number).
    pub fn of_values(grid: Grid, image: &ContinuousImage, distance: Distance, settings: Settings) -> Result<Self> {
        let image = ContinuousImage::new(image.cells, image.variables.clone())?;
        if distance == Distance::Mismatch {
            let problem = "continuous values are compared by mismatch, in which they would all differ";
            return Err(Error::input(PLACE, problem, "compare them by absolute or square distance"));
        }
        let variable = |(_, values): (String, Vec<f32>)| {
            let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
            Variable { values, distance, range: (high - low).max(f32::MIN_POSITIVE) }
        };
        let variables = image.variables.into_iter().map(variable).collect();
        Self::new(grid, image.cells, variables, None, settings)
    }

    fn new(
        grid: Grid,
        image: [usize; 3],
        variables: Vec<Variable>,
        facies: Option<usize>,
        settings: Settings,
    ) -> Result<Self> {
        settings.check()?;
        if grid.is_empty() || grid.cells.iter().any(|&n| n > MOST_CELLS_ALONG) {
            let problem = format!("a grid of {:?} cells; 1 to {MOST_CELLS_ALONG} along each axis", grid.cells);
            return Err(Error::input(PLACE, problem, ""));
        }
        for (a, axis) in ["x", "y", "z"].iter().enumerate() {
            let needed = grid.cells[a].min(3);
            if image[a] < needed {
                let problem = format!("the image has {} cells along {axis}; {needed} or more are needed", image[a]);
                return Err(Error::input("training image", problem, "take a larger image"));
            }
        }
        Ok(Self { grid, settings, image, variables, facies, spiral: spiral(grid.cells) })
    }

    /// Realization `k` of all variables together, given what is known of each: `known[v]` holds the data of variable v.
    ///
    /// Errors: data outside the grid, or not finite, or in contradiction to each other.
    pub fn joint_realization(&self, known: &[Vec<Known<f64>>], seed: u64, k: u64) -> Result<Vec<Vec<f32>>> {
        assert_eq!(known.len(), self.variables.len(), "one list of data a variable");
        let fields = known.iter().map(|known| self.conditioned(known)).collect::<Result<Vec<_>>>()?;
        Ok(Simulation::new(self, fields).run(Stream::new(seed, Purpose::MultiplePoint, k, LEVEL)))
    }

    /// A field with the data in place and NaN elsewhere.
    fn conditioned(&self, known: &[Known<f64>]) -> Result<Vec<f32>> {
        let mut field = vec![f32::NAN; self.grid.len()];
        for &Known { cell, value } in known {
            let refuse = |problem: String| Err(Error::input("hard data", problem, ""));
            if cell >= field.len() {
                return refuse(format!("cell {cell} is outside of the grid's {} cells", field.len()));
            }
            let value = value as f32;
            if !value.is_finite() {
                return refuse(format!("the value in cell {cell} is {value}; a finite number is expected"));
            }
            if !field[cell].is_nan() && field[cell] != value {
                return refuse(format!("cell {cell} has two values, {} and {value}", field[cell]));
            }
            field[cell] = value;
        }
        Ok(field)
    }
}

/// Lags are kept in 32 bits, and so are their squares.
const MOST_CELLS_ALONG: usize = 1 << 14;

impl Settings {
    fn check(&self) -> Result<()> {
        let Self { neighbours, threshold, scan_fraction, decay } = *self;
        let refuse = |problem: String| Err(Error::input(PLACE, problem, ""));
        if neighbours == 0 {
            return refuse("0 neighbours; at least 1 is expected".into());
        }
        if !(0.0..=1.0).contains(&threshold) {
            return refuse(format!("the threshold is {threshold}; a number from 0 to 1 is expected"));
        }
        if !(scan_fraction > 0.0 && scan_fraction <= 1.0) {
            return refuse(format!("the scan fraction is {scan_fraction}; a number above 0, up to 1, is expected"));
        }
        if !(0.0..=100.0).contains(&decay) {
            return refuse(format!("the decay of weights is {decay}; a number from 0 to 100 is expected"));
        }
        Ok(())
    }
}

impl Prior for DirectSampling {
    fn grid(&self) -> Grid {
        self.grid
    }

    /// Facies of a facies image, else the first variable's values.
    fn realization(&self, data: &Conditioning, seed: u64, k: u64) -> Result<Realization> {
        let refuse = |problem: String, remedy: &str| Err(Error::input("hard data", problem, remedy));
        let Some(count) = self.facies else {
            if let Some(known) = data.facies.first() {
                let problem = format!("the facies of cell {} is given to a prior without facies", known.cell);
                return refuse(problem, "give its property");
            }
            let mut known = vec![Vec::new(); self.variables.len()];
            known[0] = data.values.clone();
            let values = self.joint_realization(&known, seed, k)?.swap_remove(0);
            return Ok(Realization { facies: None, values: Some(values) });
        };
        if let Some(known) = data.values.iter().find(|v| data.facies.iter().all(|f| f.cell != v.cell)) {
            let problem =
                format!("the property of cell {} is given to a prior of facies, but not its facies", known.cell);
            return refuse(problem, "give its facies");
        }
        if let Some(known) = data.facies.iter().find(|f| usize::from(f.value) >= count) {
            let problem = format!("cell {} has facies {}, but there are {count}", known.cell, known.value);
            return refuse(problem, "number the facies from 0");
        }
        let codes = data.facies.iter().map(|f| Known { cell: f.cell, value: f64::from(f.value) }).collect();
        let field = self.joint_realization(&[codes], seed, k)?.swap_remove(0);
        Ok(Realization { facies: Some(field.into_iter().map(|code| code as u8).collect()), values: None })
    }
}

/// Lags within the grid in order of length, the shortest [`SPIRAL`] of them; ties by z, y, x.
fn spiral(cells: [usize; 3]) -> Vec<[i32; 3]> {
    let mut radius = 1i32;
    loop {
        let far = cells.map(|n| (n as i32 - 1).min(radius));
        let mut lags = Vec::new();
        for z in -far[2]..=far[2] {
            for y in -far[1]..=far[1] {
                lags.extend((-far[0]..=far[0]).map(|x| [x, y, z]).filter(|&lag| square(lag) <= radius * radius));
            }
        }
        let all = cells.iter().all(|&n| radius * radius >= 3 * (n as i32 - 1).pow(2));
        if all || lags.len() >= SPIRAL {
            lags.sort_unstable_by_key(order);
            return lags;
        }
        radius *= 2;
    }
}

fn square([x, y, z]: [i32; 3]) -> i32 {
    x * x + y * y + z * z
}

/// The order of neighbours: by length, then z, y, x.
fn order(lag: &[i32; 3]) -> (i32, i32, i32, i32) {
    (square(*lag), lag[2], lag[1], lag[0])
}

/// One realization in the making.
struct Simulation<'a> {
    sampler: &'a DirectSampling,
    /// Each variable in every cell, NaN where it is not informed.
    fields: Vec<Vec<f32>>,
    /// The informed cells of each variable, while they are few.
    informed: Vec<Vec<usize>>,
}

impl<'a> Simulation<'a> {
    fn new(sampler: &'a DirectSampling, fields: Vec<Vec<f32>>) -> Self {
        let cells = |field: &Vec<f32>| (0..field.len()).filter(|&c| !field[c].is_nan()).collect();
        let informed = fields.iter().map(cells).collect();
        Self { sampler, fields, informed }
    }

    fn run(mut self, mut stream: Stream) -> Vec<Vec<f32>> {
        let mut path: Vec<usize> = (0..self.sampler.grid.len()).collect();
        stream.shuffle(&mut path);
        for cell in path {
            if self.fields.iter().all(|field| !field[cell].is_nan()) {
                continue;
            }
            let events: Vec<_> = (0..self.fields.len()).map(|v| self.neighbours(v, cell)).collect();
            let found = Scan::new(self.sampler, events).run(&mut stream);
            for v in 0..self.fields.len() {
                if self.fields[v][cell].is_nan() {
                    self.fields[v][cell] = self.sampler.variables[v].values[found];
                    self.informed[v].push(cell);
                }
            }
        }
        self.fields
    }

    /// The nearest informed cells of variable `v`, nearest first.
    fn neighbours(&self, v: usize, cell: usize) -> Vec<Neighbour> {
        let (grid, field, wanted) = (&self.sampler.grid, &self.fields[v], self.sampler.settings.neighbours);
        let at = grid.cell(cell).map(|c| c as i32);
        if self.informed[v].len() > FEW {
            let mut event = Vec::with_capacity(wanted);
            for lag in &self.sampler.spiral {
                let to: [i32; 3] = std::array::from_fn(|a| at[a] + lag[a]);
                if (0..3).any(|a| to[a] < 0 || to[a] >= grid.cells[a] as i32) {
                    continue;
                }
                let value = field[grid.index(to.map(|c| c as usize))];
                if !value.is_nan() {
                    event.push(Neighbour { square: square(*lag), lag: *lag, value });
                    if event.len() == wanted {
                        return event;
                    }
                }
            }
        }
        let mut event: Vec<_> = self.informed[v]
            .iter()
            .map(|&other| {
                let to = grid.cell(other);
                let lag = std::array::from_fn(|a| to[a] as i32 - at[a]);
                Neighbour { square: square(lag), lag, value: field[other] }
            })
            .collect();
        if event.len() > wanted {
            event.select_nth_unstable_by_key(wanted - 1, |n| order(&n.lag));
            event.truncate(wanted);
        }
        event.sort_unstable_by_key(|n| order(&n.lag));
        event
    }
}

/// The search for one data event in the image.
struct Scan<'a> {
    sampler: &'a DirectSampling,
    events: Vec<Event<'a>>,
    /// First place and number of places along each axis at which the event lies inside the image.
    first: [usize; 3],
    places: [usize; 3],
}

/// The part of a data event that one variable makes.
struct Event<'a> {
    variable: &'a Variable,
    /// Offset in the image, value and weight of each neighbour.
    terms: Vec<(isize, f32, f32)>,
    weight: f32,
}

impl<'a> Scan<'a> {
    fn new(sampler: &'a DirectSampling, mut neighbours: Vec<Vec<Neighbour>>) -> Self {
        let [nx, ny, nz] = sampler.image;
        let (first, places) = loop {
            let (first, places) = inside(sampler.image, neighbours.iter().flatten());
            if 8 * places.iter().product::<usize>() >= nx * ny * nz {
                break (first, places);
            }
            let farthest = neighbours.iter_mut().max_by_key(|event| event.last().map(|n| n.square));
            farthest.and_then(Vec::pop).expect("an event without neighbours fits everywhere");
        };
        let events = neighbours.iter().zip(&sampler.variables).filter(|(event, _)| !event.is_empty());
        let events = events.map(|(event, variable)| Event::new(event, variable, sampler)).collect();
        Self { sampler, events, first, places }
    }

    /// The place of the image whose value is taken.
    fn run(&self, stream: &mut Stream) -> usize {
        let [px, py, pz] = self.places;
        let total = px * py * pz;
        let most = (self.sampler.settings.scan_fraction * total as f64).ceil() as usize;
        let threshold = self.sampler.settings.threshold as f32;
        let mut place = stream.below(total as u64) as usize;
        let (mut best, mut nearest, mut scanned) = (place, f32::INFINITY, 0);
        while scanned < most {
            let lanes = LANES.min(px - place % px).min(most - scanned);
            let start = self.cell(place);
            let mut distances = [0.0f32; LANES];
            if self.compare(start, &mut distances[..lanes], nearest) {
                for (lane, &distance) in distances[..lanes].iter().enumerate() {
                    if distance < nearest {
                        (best, nearest) = (place + lane, distance);
                        if distance <= threshold {
                            return self.cell(best);
                        }
                    }
                }
            }
            scanned += lanes;
            place = (place + lanes) % total;
        }
        self.cell(best)
    }

    /// Number of the image's cell at a place.
    fn cell(&self, place: usize) -> usize {
        let ([px, py, _], [nx, ny, _]) = (self.places, self.sampler.image);
        let (i, j, k) = (place % px, place / px % py, place / (px * py));
        ((self.first[2] + k) * ny + self.first[1] + j) * nx + self.first[0] + i
    }

    /// Distances of the events at successive cells from `start` on; returns false, early, where none is below `limit`.
    fn compare(&self, start: usize, distances: &mut [f32], limit: f32) -> bool {
        let share = 1.0 / self.events.len().max(1) as f32;
        for event in &self.events {
            let mut sums = [0.0f32; LANES];
            let sums = &mut sums[..distances.len()];
            let limit = event.sum_at(limit / share);
            for terms in event.terms.chunks(4) {
                for &(offset, value, weight) in terms {
                    let from = (start as isize + offset) as usize;
                    event.add(&event.variable.values[from..from + sums.len()], value, weight, sums);
                }
                if sums.iter().all(|&sum| sum >= limit) {
                    return false;
                }
            }
            for (distance, &sum) in distances.iter_mut().zip(sums.iter()) {
                *distance += share * event.distance(sum);
            }
        }
        true
    }
}

impl<'a> Event<'a> {
    fn new(neighbours: &[Neighbour], variable: &'a Variable, sampler: &DirectSampling) -> Self {
        let [nx, ny, _] = sampler.image.map(|n| n as isize);
        let term = |n: &Neighbour| {
            let [x, y, z] = n.lag.map(|c| c as isize);
            let weight = f64::from(n.square.max(1)).powf(-0.5 * sampler.settings.decay);
            ((z * ny + y) * nx + x, n.value, weight as f32)
        };
        let terms: Vec<_> = neighbours.iter().map(term).collect();
        let weight = terms.iter().map(|t| t.2).sum();
        Self { variable, terms, weight }
    }

    /// Adds one neighbour's term to the sums of successive places.
    fn add(&self, image: &[f32], value: f32, weight: f32, sums: &mut [f32]) {
        let pairs = sums.iter_mut().zip(image);
        match self.variable.distance {
            Distance::Mismatch => pairs.for_each(|(sum, &z)| *sum += if z == value { 0.0 } else { weight }),
            Distance::Absolute => pairs.for_each(|(sum, &z)| *sum += weight * (z - value).abs()),
            Distance::Square => pairs.for_each(|(sum, &z)| *sum += weight * (z - value) * (z - value)),
        }
    }

    /// The distance that a sum of terms means.
    fn distance(&self, sum: f32) -> f32 {
        match self.variable.distance {
            Distance::Mismatch | Distance::Absolute => sum / (self.weight * self.variable.range),
            Distance::Square => (sum / self.weight).sqrt() / self.variable.range,
        }
    }

    /// The sum of terms that means a distance.
    fn sum_at(&self, distance: f32) -> f32 {
        match self.variable.distance {
            Distance::Mismatch | Distance::Absolute => distance * self.weight * self.variable.range,
            Distance::Square => (distance * self.variable.range).powi(2) * self.weight,
        }
    }
}

/// First place and number of places along each axis at which all neighbours lie inside an image.
fn inside<'a>(image: [usize; 3], neighbours: impl Iterator<Item = &'a Neighbour>) -> ([usize; 3], [usize; 3]) {
    let (mut low, mut high) = ([0i32; 3], [0i32; 3]);
    for n in neighbours {
        for a in 0..3 {
            (low[a], high[a]) = (low[a].min(n.lag[a]), high[a].max(n.lag[a]));
        }
    }
    let first = low.map(|l| l.unsigned_abs() as usize);
    (first, std::array::from_fn(|a| image[a].saturating_sub((high[a] - low[a]) as usize)))
}

#[cfg(test)]
mod tests;
