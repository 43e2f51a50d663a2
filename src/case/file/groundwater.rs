//! Groundwater flow: boundaries, wells, storage, time.

use crate::grid::Grid;

/// Confined single-phase flow, `∇·(T ∇h) + q = S ∂h/∂t` for a transmissivity (on a grid of one layer),
/// `∇·(K ∇h) + q = S_s ∂h/∂t` for a hydraulic conductivity (the thickness of one layer is the grid's dz).
#[derive(Debug, Clone, PartialEq)]
pub struct Groundwater {
    /// Cells without flow.
    pub inactive: Vec<Block>,
    /// Boundary conditions; where nothing is said, nothing flows.
    pub boundaries: Vec<Boundary>,
    /// Wells.
    pub wells: Vec<Well>,
    /// Vertical over horizontal conductivity, Kv/Kh.
    pub anisotropy: f64,
    /// Storage of water; without meaning where the flow is steady.
    pub storage: Option<Storage>,
    /// Steps in time; `None`: steady flow.
    pub time: Option<TimeSteps>,
    /// Heads when the first step begins.
    pub initial: InitialHead,
    /// What is not known beside the property's departures from its mean.
    pub uncertain: Uncertain,
}

impl Groundwater {
    /// Whether a cell takes part in the flow.
    pub fn is_active(&self, cell: [usize; 3]) -> bool {
        !self.inactive.iter().any(|block| block.contains(cell))
    }

    /// Whether each cell of the grid takes part in the flow; `None` where all do.
    pub fn active(&self, grid: &Grid) -> Option<Vec<bool>> {
        let mut active = vec![true; grid.len()];
        self.inactive.iter().flat_map(Block::cells).for_each(|cell| active[grid.index(cell)] = false);
        (!self.inactive.is_empty()).then_some(active)
    }

    /// What steps in time are too coarse for: rates that change inside of one, which has their average, and heads
    /// `observed` \[s\] inside the first, where they are taken to change evenly.
    pub fn coarse_steps(&self, observed: &[f64]) -> Vec<String> {
        let Some(time) = &self.time else { return Vec::new() };
        let ends = time.ends();
        let Some((&first, &last)) = ends.first().zip(ends.last()) else { return Vec::new() };
        let is_inside = |at: f64| at > 0.0 && ends.iter().all(|end| (end - at).abs() > 1e-9 * last);
        let mut warnings = Vec::new();
        for well in &self.wells {
            let Control::Schedule(rates) = &well.control else { continue };
            if let Some((at, _)) = rates.iter().find(|(at, _)| is_inside(*at)) {
                let what = if *at > last { "after the end of the run" } else { "inside a step, which has the average" };
                warnings.push(format!("the rate of the well \"{}\" changes {at} s after the start, {what}", well.name));
            }
        }
        if let Some(at) = observed.iter().find(|&&at| at < first && is_inside(at)) {
            warnings.push(format!(
                "heads are observed {at} s after the start, inside the first step, which ends at {first} s: they are taken \
                 to change evenly until then"
            ));
        }
        warnings
    }
}

/// All cells (i, j, k) from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Least numbers.
    pub first: [usize; 3],
    /// Largest numbers.
    pub last: [usize; 3],
}

impl Block {
    /// Whether a cell is one of it.
    pub fn contains(&self, cell: [usize; 3]) -> bool {
        (0..3).all(|a| (self.first[a]..=self.last[a]).contains(&cell[a]))
    }

    /// The cells of a grid whose number `holds`, as runs along x.
    pub fn runs(grid: &Grid, holds: impl Fn(usize) -> bool) -> Vec<Self> {
        let cells = (0..grid.len()).filter(|&cell| holds(cell)).map(|cell| grid.cell(cell));
        let mut runs: Vec<Self> = Vec::new();
        for cell @ [i, j, k] in cells {
            match runs.last_mut() {
                Some(run) if i > 0 && run.last == [i - 1, j, k] => run.last = cell,
                _ => runs.push(Self { first: cell, last: cell }),
            }
        }
        runs
    }

    /// Its cells, x fastest, then y, then z.
    pub fn cells(&self) -> impl Iterator<Item = [usize; 3]> + use<> {
        let Self { first, last } = *self;
        let row = move |j, k| (first[0]..=last[0]).map(move |i| [i, j, k]);
        let layer = move |k| (first[1]..=last[1]).flat_map(move |j| row(j, k));
        (first[2]..=last[2]).flat_map(layer)
    }
}

/// Standard deviations of what is found together with the property; 0: it is known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Uncertain {
    /// Of the property's mean, as the property is carried.
    pub mean: f64,
    /// Of the mean of ln storage about the given one.
    pub storage: f64,
    /// Of ln storage from place to place, correlated as the property is.
    pub storage_variation: f64,
    /// Of the logarithm of each pumping test's rate about the one that was noted.
    pub rate: f64,
}

impl Uncertain {
    /// Whether anything is unknown.
    pub fn any(&self) -> bool {
        self.mean > 0.0 || self.has_storage() || self.rate > 0.0
    }

    /// Whether storage is unknown.
    pub fn has_storage(&self) -> bool {
        self.storage > 0.0 || self.storage_variation > 0.0
    }
}

/// A condition at some of the grid's cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Boundary {
    /// Where.
    pub place: BoundaryPlace,
    /// What.
    pub condition: BoundaryCondition,
}

/// Where a boundary condition holds.
#[derive(Debug, Clone, PartialEq)]
pub enum BoundaryPlace {
    /// All cells of one side of the grid.
    Side(Face),
    /// All cells of a block.
    Box(Block),
    /// These cells.
    Cells(Vec<[usize; 3]>),
    /// The cells of one side of the grid that are in a block.
    PartOfSide {
        /// The side.
        side: Face,
        /// The block.
        block: Block,
    },
    /// The faces of these cells on one side of theirs: outer ones, at the grid's end or towards a cell without flow.
    FacesOfCells {
        /// The side.
        side: Face,
        /// The cells.
        cells: Vec<[usize; 3]>,
    },
}

impl BoundaryPlace {
    /// The side whose outer faces are meant, where one is named.
    pub fn side(&self) -> Option<Face> {
        match self {
            Self::Side(side) | Self::PartOfSide { side, .. } | Self::FacesOfCells { side, .. } => Some(*side),
            Self::Box(_) | Self::Cells(_) => None,
        }
    }

    /// Whether it is a side of the grid or a part of one, not a list of cells or a block.
    pub fn is_of_side(&self) -> bool {
        matches!(self, Self::Side(_) | Self::PartOfSide { .. })
    }

    /// Its cells (i, j, k) on `grid`.
    pub fn cells(&self, grid: &Grid) -> Vec<[usize; 3]> {
        let last = grid.cells.map(|n| n - 1);
        let whole = Block { first: [0; 3], last };
        match self {
            Self::Cells(cells) | Self::FacesOfCells { cells, .. } => cells.clone(),
            Self::Box(block) => block.cells().collect(),
            Self::Side(side) => side.clip(whole, last).cells().collect(),
            Self::PartOfSide { side, block } => side.clip(*block, last).cells().collect(),
        }
    }
}

impl Face {
    /// The axis across it, and whether it is at the upper end.
    fn axis_and_end(self) -> (usize, bool) {
        match self {
            Self::Left => (0, false),
            Self::Right => (0, true),
            Self::Low => (1, false),
            Self::High => (1, true),
            Self::Floor => (2, false),
            Self::Roof => (2, true),
        }
    }

    /// A block cut down to this side of a grid whose last cell is `ends`.
    fn clip(self, mut block: Block, ends: [usize; 3]) -> Block {
        let (axis, up) = self.axis_and_end();
        let at = if up { ends[axis] } else { 0 };
        block.first[axis] = block.first[axis].max(at);
        block.last[axis] = block.last[axis].min(at);
        block
    }

    /// The cell behind this side of a cell, in a grid of `cells` cells.
    pub fn neighbour(self, mut cell: [usize; 3], cells: [usize; 3]) -> Option<[usize; 3]> {
        let (axis, up) = self.axis_and_end();
        cell[axis] = if up { cell[axis] + 1 } else { cell[axis].checked_sub(1)? };
        (cell[axis] < cells[axis]).then_some(cell)
    }
}

/// A side of a block; "top" and "bottom" of the file are those of a map (largest and least y).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// Least x.
    Left,
    /// Largest x.
    Right,
    /// Least second coordinate: the bottom of a map.
    Low,
    /// Largest second coordinate: the top of a map.
    High,
    /// The lowest layer.
    Floor,
    /// The highest layer.
    Roof,
}

/// What a boundary condition says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BoundaryCondition {
    /// Nothing flows, as where nothing is said.
    NoFlow,
    /// The head of the cells' centres is fixed \[m\].
    HeadInCells(f64),
    /// The head is fixed on the outer faces of a side \[m\], half a cell from the centres.
    HeadOnFaces(f64),
    /// Inflow per area of the outer faces of a side \[m/s\]: m³/s a m², a map being dz thick.
    FluxDensity(f64),
    /// Inflow into all cells together \[m³/s\], in equal parts; none goes to cells of a side whose head is given.
    Inflow(f64),
}

impl BoundaryCondition {
    /// The head that it fixes \[m\].
    pub fn head(self) -> Option<f64> {
        match self {
            Self::HeadInCells(head) | Self::HeadOnFaces(head) => Some(head),
            Self::NoFlow | Self::FluxDensity(_) | Self::Inflow(_) => None,
        }
    }

    /// Whether it is one of faces, not of cells.
    pub fn is_on_faces(self) -> bool {
        matches!(self, Self::HeadOnFaces(_) | Self::FluxDensity(_))
    }
}

/// A well through some layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Well {
    /// Name, unique in the case.
    pub name: String,
    /// Where it stands: cell (i, j).
    pub column: [usize; 2],
    /// Its layers, from the bottom; all of them where a case says nothing.
    pub layers: Vec<usize>,
    /// What is held.
    pub control: Control,
    /// Radius of the bore \[m\]; with it the head of a well is that in the bore (Peaceman), without it that of its
    /// cells.
    pub radius: Option<f64>,
    /// How layers share a rate.
    pub split: Split,
}

impl Well {
    /// Its cells (i, j, k), from the bottom.
    pub fn cells(&self) -> impl Iterator<Item = [usize; 3]> + '_ {
        let [i, j] = self.column;
        self.layers.iter().map(move |&k| [i, j, k])
    }
}

/// What is held in a well.
#[derive(Debug, Clone, PartialEq)]
pub enum Control {
    /// The rate \[m³/s\]: extraction positive.
    Rate(f64),
    /// Start \[s\] and rate from there on \[m³/s\], extraction positive, in order of time; no rate before the first.
    Schedule(Vec<(f64, f64)>),
    /// The head \[m\]; the rate is an observable.
    Head(f64),
}

impl Control {
    /// Whether the head is held.
    pub fn is_head(&self) -> bool {
        matches!(self, Self::Head(_))
    }
}

/// How the layers of a well share its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// By their transmissivity.
    Transmissivity,
    /// So that all have one head.
    CommonHead,
}

/// Storage of water.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Storage {
    /// Storativity S of a map \[1\].
    Storativity(f64),
    /// Specific storage S_s \[1/m\].
    Specific(f64),
}

/// Steps in time, from 0 on.
#[derive(Debug, Clone, PartialEq)]
pub enum TimeSteps {
    /// `count` steps, the first of length `first`, each `growth` times as long as the one before.
    Growing {
        /// Number of steps.
        count: usize,
        /// Length of the first \[s\].
        first: f64,
        /// Ratio of successive lengths.
        growth: f64,
    },
    /// The ends of the steps \[s\], ascending.
    Ends(Vec<f64>),
}

impl TimeSteps {
    /// The ends of the steps \[s\].
    pub fn ends(&self) -> Vec<f64> {
        match self {
            Self::Ends(ends) => ends.clone(),
            Self::Growing { count, first, growth } => {
                let lengths = std::iter::successors(Some(*first), |length| Some(length * growth)).take(*count);
                let sum = |end: &mut f64, length: f64| {
                    *end += length;
                    Some(*end)
                };
                lengths.scan(0.0, sum).collect()
            }
        }
    }

    /// Number of steps.
    pub fn count(&self) -> usize {
        match self {
            Self::Ends(ends) => ends.len(),
            Self::Growing { count, .. } => *count,
        }
    }
}

/// Heads when the first step begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum InitialHead {
    /// Those of steady flow without wells.
    Steady,
    /// One head everywhere \[m\].
    Uniform(f64),
}

#[cfg(test)]
mod tests {
    use crate::case::file::{Case, Physics};

    #[test]
    fn steps_too_coarse_for_rates_and_observations_are_told() {
        let text = |rate: &str, ends: &str| {
            format!(
                "format = 1\nname = \"t\"\ngrid = {{ cells = [9, 9], size = [\"90 m\", \"90 m\"] }}\n\
                 property = {{ name = \"transmissivity\", unit = \"m2/day\", transform = \"log10\" }}\n\
                 prior = {{ realizations = 10 }}\nbasis = {{ kind = \"pca\", rank = 2 }}\n\
                 [[scenario]]\nname = \"field\"\n\
                 gaussian = {{ mean = 1, variance = 1, structure = {{ model = \"spherical\", ranges = \"20 m\" }} }}\n\
                 [physics]\nkind = \"groundwater\"\nstorativity = 1e-3\ninitial_head = \"10 m\"\n\
                 boundary = {{ side = \"left\", head = \"10 m\" }}\n\
                 well = {{ name = \"W\", cell = [5, 5], rate = {rate} }}\ntime = {{ ends = {ends} }}\n\
                 [reference]\nseed = 1\n\
                 [[observation]]\nkind = \"head\"\ncells = [[4, 4]]\n"
            )
        };
        let warnings = |rate: &str, ends: &str, observed: &[f64]| {
            let case = Case::parse(&text(rate, ends), "t.toml").unwrap();
            let Some(Physics::Groundwater(flow)) = &case.physics else { panic!("groundwater") };
            flow.coarse_steps(observed)
        };
        let switched = "[[\"0 s\", \"5 L/s\"], [\"3 h\", \"0 L/s\"]]";
        let told = warnings(switched, "[\"1 h\", \"6 h\"]", &[3600.0, 1800.0]);
        assert!(
            told.len() == 2 && told[0].contains("\"W\" changes 10800 s") && told[0].contains("inside a step"),
            "{told:?}"
        );
        assert!(told[1].contains("observed 1800 s") && told[1].contains("ends at 3600 s"), "{told:?}");
        assert!(warnings(switched, "[\"1 h\", \"2 h\"]", &[])[0].contains("after the end of the run"));
        assert!(warnings(switched, "[\"1 h\", \"3 h\", \"6 h\"]", &[3600.0, 4000.0]).is_empty());
        assert!(warnings("\"5 L/s\"", "[\"1 day\"]", &[86400.0]).is_empty());
    }
}
