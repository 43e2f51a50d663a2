//! What a groundwater model is made of: aquifer, boundaries, wells, time and observations, in SI units.

use crate::forward::straight_ray::Side;
use crate::grid::Grid;
use crate::units::Transform;

use super::time::TimeSteps;

/// A confined aquifer on a grid and what is done to it and read from it. [`Groundwater::new`](super::Groundwater::new)
/// checks it.
#[derive(Debug, Clone)]
pub struct Aquifer {
    /// The grid, a map or a block (`Plane::Xy`).
    pub grid: Grid,
    /// What the property field u is.
    pub property: Property,
    /// How u carries it: plain, log10 or ln.
    pub transform: Transform,
    /// Kv/Kh, the conductivity along z over that along x and y \[−\]: no effect in one layer.
    pub anisotropy: Scalar,
    /// Cells without flow; their property has no effect, and their heads are NaN.
    pub inactive: Vec<usize>,
    /// What happens at sides and cells; where nothing is said, nothing flows.
    pub boundaries: Vec<Boundary>,
    /// The wells.
    pub wells: Vec<Well>,
    /// Steady flow, or steps in time.
    pub regime: Regime,
    /// What is measured: the m outputs, in this order.
    pub observations: Vec<Observation>,
}

/// The property that the field u carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// Transmissivity T \[m²/s\], on a grid of one layer whose dz does not matter; storage is the storativity S \[−\].
    Transmissivity,
    /// Hydraulic conductivity K \[m/s\], on a block or on one layer of thickness dz; storage is the specific storage S_s
    /// \[1/m\].
    Conductivity,
}

/// A number of the model: given, or a parameter behind the n cells of u.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    /// Given, in SI units.
    Known(f64),
    /// A parameter, carried so.
    Unknown(Transform),
}

/// Cells of the grid by their numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// All active cells along a side, its corners included. A rate leaves those of given head out.
    Side(Side),
    /// These.
    List(Vec<usize>),
}

/// Outer faces of active cells: on a side of the grid, or towards an inactive cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Faces {
    /// All of a side: one face of each active cell along it, but for cells of given head, where a face has no effect.
    Side(Side),
    /// These: a cell and which of its faces.
    List(Vec<(usize, Side)>),
}

/// A named boundary.
#[derive(Debug, Clone, PartialEq)]
pub struct Boundary {
    /// For messages and the water balance.
    pub name: String,
    /// What it does.
    pub condition: Condition,
}

/// What a boundary does, and where.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The head at the *centre* of cells \[m\] (MODFLOW's CHD).
    HeadInCells {
        /// Where.
        cells: Cells,
        /// The head \[m\].
        head: f64,
    },
    /// The head on outer *faces* \[m\], half a cell from the centres.
    HeadOnFaces {
        /// Where.
        faces: Faces,
        /// The head \[m\].
        head: f64,
    },
    /// A flux through outer faces \[m/s\], positive into the aquifer: m³/s a m² of face. In a grid of one layer with
    /// [`Property::Transmissivity`] the sides x and y have no height, and it is m²/s: m³/s a m of side; recharge comes
    /// through the top.
    FluxThroughFaces {
        /// Where.
        faces: Faces,
        /// Volume a time and area, positive into the aquifer.
        flux: f64,
    },
    /// A rate in each cell \[m³/s\], positive into the aquifer.
    RateInCells {
        /// Where.
        cells: Cells,
        /// Rate of each cell \[m³/s\].
        rate: f64,
    },
}

/// A well, screened in one cell or several.
#[derive(Debug, Clone, PartialEq)]
pub struct Well {
    /// For messages.
    pub name: String,
    /// The screened cells: those of a column for a fully penetrating well ([`Well::column`]).
    pub cells: Vec<usize>,
    /// What holds the well.
    pub control: Control,
    /// How a rate is shared by several cells.
    pub split: Split,
    /// Radius of the bore \[m\], for the head *in* it (Peaceman 1978): without one the well's head is that of its cells.
    pub radius: Option<f64>,
}

impl Well {
    /// Cells (i, j, all layers) of a fully penetrating well.
    pub fn column(grid: &Grid, i: usize, j: usize) -> Vec<usize> {
        (0..grid.cells[2]).map(|k| grid.index([i, j, k])).collect()
    }
}

/// What holds a well. Rates are those *into* the aquifer: extraction is negative.
#[derive(Debug, Clone, PartialEq)]
pub enum Control {
    /// A constant rate \[m³/s\], negative where the well extracts; in a transient on from t = 0⁺.
    Rate(f64),
    /// In a transient: (start \[s\], rate from there on \[m³/s\]), in order of time; no rate before the first start. A
    /// step takes the mean over it.
    Schedule(Vec<(f64, f64)>),
    /// A constant head \[m\], in a transient from t = 0⁺; its rate can be observed. Without a radius the head is that of
    /// the cells, with one that of the bore, which draws from cell l by `2π T_l / ln(r_0/r_w)`.
    Head(f64),
}

/// How the rate of a well is shared by its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// In proportion to the transmissivity `T_l = K_l dz` of each cell, a function of the property.
    Transmissivity,
    /// So that the cells have one head, that of the bore.
    CommonHead,
}

/// Steady or transient.
#[derive(Debug, Clone, PartialEq)]
pub enum Regime {
    /// Steady flow with all wells on.
    Steady,
    /// From an initial state on, with the wells on from t = 0⁺.
    Transient {
        /// Steps of the implicit Euler scheme.
        steps: TimeSteps,
        /// S \[−\] or S_s \[1/m\] (see [`Property`]).
        storage: Storage,
        /// The heads at t = 0.
        initial: Initial,
    },
}

/// Storativity S \[−\] or specific storage S_s \[1/m\].
#[derive(Debug, Clone, PartialEq)]
pub enum Storage {
    /// One value, given or a parameter.
    Uniform(Scalar),
    /// A value a cell, n.
    Cells(Vec<f64>),
    /// A parameter a cell, carried as ln: n further numbers of u, behind the n of the property.
    LogField,
}

/// Heads at t = 0.
#[derive(Debug, Clone, PartialEq)]
pub enum Initial {
    /// The steady state of boundaries without wells: a function of the property.
    SteadyWithoutWells,
    /// One head everywhere \[m\].
    Uniform(f64),
    /// A head a cell, n \[m\].
    Heads(Vec<f64>),
}

/// One measurement: what, and in a transient when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// What is measured.
    pub quantity: Quantity,
    /// When \[s\], 0 ≤ t ≤ end; `None` in steady flow and for the property. Between the ends of two steps heads are
    /// interpolated linearly, while a rate is that of the step that contains t: implicit Euler's rates hold for whole
    /// steps.
    pub time: Option<f64>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Head of a cell \[m\].
    Head(usize),
    /// Head at t = 0 less the head of a cell \[m\]: positive where the head falls.
    Drawdown(usize),
    /// Head in the bore of a well \[m\], by its number: the mean of its cells' heads by transmissivity, and with a radius
    /// `+ q ln(r_0/r_w) / (2π ΣT_l)`, less than the cells' where the well extracts (q < 0).
    WellHead(usize),
    /// Head of the well's cells at t = 0 less [`Quantity::WellHead`] \[m\].
    WellDrawdown(usize),
    /// Rate of a well of constant head into the aquifer \[m³/s\], negative where it extracts.
    Rate(usize),
    /// The property of a cell, as u carries it.
    Property(usize),
}

impl Aquifer {
    /// An aquifer without boundaries, wells and observations: steady, isotropic, all cells active.
    pub fn new(grid: Grid, property: Property, transform: Transform) -> Self {
        Self {
            grid,
            property,
            transform,
            anisotropy: Scalar::Known(1.0),
            inactive: Vec::new(),
            boundaries: Vec::new(),
            wells: Vec::new(),
            regime: Regime::Steady,
            observations: Vec::new(),
        }
    }

    /// Adds a boundary.
    #[must_use]
    pub fn with_boundary(mut self, name: &str, condition: Condition) -> Self {
        self.boundaries.push(Boundary { name: name.into(), condition });
        self
    }

    /// What the parameters behind those of cells are: storage first, then anisotropy, where they are unknown.
    pub fn extra_parameters(&self) -> Vec<Extra> {
        let mut extra = Vec::new();
        if let Regime::Transient { storage: Storage::Uniform(Scalar::Unknown(transform)), .. } = &self.regime {
            extra.push(Extra { kind: ExtraKind::Storage, transform: *transform });
        }
        if let Scalar::Unknown(transform) = self.anisotropy {
            extra.push(Extra { kind: ExtraKind::Anisotropy, transform });
        }
        extra
    }

    /// Number of the parameters that belong to cells: n, or 2n with [`Storage::LogField`].
    pub fn cell_parameters(&self) -> usize {
        match &self.regime {
            Regime::Transient { storage: Storage::LogField, .. } => 2 * self.grid.len(),
            _ => self.grid.len(),
        }
    }

    /// Length of the parameter vector: those of cells, and the extra parameters behind them.
    pub fn inputs(&self) -> usize {
        self.cell_parameters() + self.extra_parameters().len()
    }
}

/// A parameter behind the cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extra {
    /// What it is.
    pub kind: ExtraKind,
    /// How it is carried.
    pub transform: Transform,
}

/// What a parameter behind the cells is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtraKind {
    /// S \[−\] or S_s \[1/m\].
    Storage,
    /// Kv/Kh \[−\].
    Anisotropy,
}

impl Extra {
    /// Its name, e.g. `"log10 storage"`.
    pub fn name(&self) -> String {
        let kind = match self.kind {
            ExtraKind::Storage => "storage",
            ExtraKind::Anisotropy => "Kv/Kh",
        };
        match self.transform {
            Transform::None => kind.into(),
            transform => format!("{} {kind}", transform.name()),
        }
    }
}
