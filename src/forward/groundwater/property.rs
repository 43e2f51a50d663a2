//! From the parameter vector to what the equations need: property, conductances, storage, and their slopes.

use ndarray::ArrayView1;

use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::units::Transform;

use super::model::{Aquifer, ExtraKind, Property, Regime, Scalar, Storage};

/// The grid as the flow sees it.
#[derive(Debug, Clone)]
pub(super) struct Geometry {
    pub(super) grid: Grid,
    /// Whether each cell takes part.
    pub(super) active: Vec<bool>,
    /// Height of the cells where the property is K \[m\]; 1 where it is T.
    pub(super) thickness: f64,
    /// Distance in the numbering of neighbours along x, y, z.
    pub(super) strides: [usize; 3],
}

impl Geometry {
    pub(super) fn new(aquifer: &Aquifer) -> Self {
        let grid = aquifer.grid;
        let mut active = vec![true; grid.len()];
        aquifer.inactive.iter().for_each(|&cell| active[cell] = false);
        let thickness = match aquifer.property {
            Property::Transmissivity => 1.0,
            Property::Conductivity => grid.spacing[2],
        };
        Self { grid, active, thickness, strides: [1, grid.cells[0], grid.cells[0] * grid.cells[1]] }
    }

    /// Number of cells n.
    pub(super) fn len(&self) -> usize {
        self.active.len()
    }

    /// Size of a face across each axis \[m²\], or \[m\] for the sides of an aquifer with T.
    pub(super) fn area(&self, axis: usize) -> f64 {
        let [dx, dy, _] = self.grid.spacing;
        [dy * self.thickness, dx * self.thickness, dx * dy][axis]
    }

    /// Conductance a property between the centres of two like cells along an axis, `area / distance`.
    pub(super) fn factor(&self, axis: usize) -> f64 {
        self.area(axis) / self.grid.spacing[axis]
    }

    /// The neighbour of a cell along an axis, upwards or downwards, inside the grid.
    pub(super) fn neighbour(&self, cell: usize, axis: usize, up: bool) -> Option<usize> {
        let at = self.grid.cell(cell)[axis];
        if up {
            (at + 1 < self.grid.cells[axis]).then(|| cell + self.strides[axis])
        } else {
            (at > 0).then(|| cell - self.strides[axis])
        }
    }

    /// A cell as messages name it, counted from 1 as in cases.
    pub(super) fn name(&self, cell: usize) -> String {
        let [i, j, k] = self.grid.cell(cell).map(|at| at + 1);
        if self.grid.is_2d() { format!("cell ({i}, {j})") } else { format!("cell ({i}, {j}, {k})") }
    }
}

/// Everything that follows from the parameters.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// T \[m²/s\] or K \[m/s\], n; 0 in inactive cells.
    pub(super) property: Vec<f64>,
    /// d ln(property)/du, n.
    pub(super) slope: Vec<f64>,
    /// Conductance between each cell and the next along x, y, z \[m²/s\], n each; 0 where there is none.
    pub(super) faces: [Vec<f64>; 3],
    /// Kv/Kh.
    pub(super) anisotropy: f64,
    /// d ln(Kv/Kh)/d(its parameter); 0 where it is known.
    pub(super) anisotropy_slope: f64,
    /// What a cell releases a metre of head \[m²\], n; 0 in inactive cells and in steady flow.
    pub(super) storage: Vec<f64>,
    /// d ln(storage)/d(its parameter); 0 where it is known.
    pub(super) storage_slope: f64,
}

impl State {
    /// The state of parameters `u`: n cells, and the extra parameters behind them.
    ///
    /// # Errors
    /// A property, a storage or an anisotropy that is not a positive number.
    pub(super) fn new(aquifer: &Aquifer, geometry: &Geometry, u: ArrayView1<'_, f64>) -> Result<Self> {
        assert_eq!(
            u.len(),
            aquifer.inputs(),
            "one property a cell of {:?}, and the extra parameters",
            geometry.grid.cells
        );
        let n = geometry.len();
        let (mut property, mut slope) = (vec![0.0; n], vec![0.0; n]);
        for cell in (0..n).filter(|&cell| geometry.active[cell]) {
            property[cell] = aquifer.transform.backward(u[cell]);
            slope[cell] = log_slope(aquifer.transform, u[cell]);
            positive(property[cell], || property_in(aquifer, geometry, cell), u[cell], aquifer.transform)?;
        }
        let (mut anisotropy, mut anisotropy_slope) = (1.0, 0.0);
        if let Scalar::Known(value) = aquifer.anisotropy {
            anisotropy = value;
        }
        let (mut storage, mut storage_slope) = (0.0, 0.0);
        if let Regime::Transient { storage: Storage::Uniform(Scalar::Known(value)), .. } = aquifer.regime {
            storage = value;
        }
        for (extra, &x) in aquifer.extra_parameters().iter().zip(u.iter().skip(aquifer.cell_parameters())) {
            let (value, slope) = (extra.transform.backward(x), log_slope(extra.transform, x));
            positive(value, || extra.name(), x, extra.transform)?;
            match extra.kind {
                ExtraKind::Storage => (storage, storage_slope) = (value, slope),
                ExtraKind::Anisotropy => (anisotropy, anisotropy_slope) = (value, slope),
            }
        }
        let [dx, dy, _] = geometry.grid.spacing;
        let volume = dx * dy * geometry.thickness;
        let mut of_cells = Vec::new();
        if let Regime::Transient { storage: Storage::LogField, .. } = aquifer.regime {
            of_cells = vec![0.0; n];
            for cell in (0..n).filter(|&cell| geometry.active[cell]) {
                of_cells[cell] = u[n + cell].exp();
                let place = || format!("storage of {}", geometry.name(cell));
                positive(of_cells[cell], place, u[n + cell], Transform::Ln)?;
            }
            storage_slope = 1.0;
        }
        let storage_of = |cell: usize| match &aquifer.regime {
            _ if !geometry.active[cell] => 0.0,
            Regime::Transient { storage: Storage::LogField, .. } => of_cells[cell] * volume,
            Regime::Transient { storage: Storage::Cells(values), .. } => values[cell] * volume,
            _ => storage * volume,
        };
        let storage = (0..n).map(storage_of).collect();
        let faces = std::array::from_fn(|axis| faces(geometry, &property, anisotropy, axis));
        Ok(Self { property, slope, faces, anisotropy, anisotropy_slope, storage, storage_slope })
    }

    /// The neighbours of a cell: their number, the axis, and the conductance between.
    pub(super) fn neighbours(&self, strides: [usize; 3], cell: usize) -> impl Iterator<Item = (usize, usize, f64)> {
        (0..3)
            .flat_map(move |axis| {
                let (faces, stride) = (&self.faces[axis], strides[axis]);
                let above = (cell + stride, axis, faces[cell]);
                let below =
                    if cell >= stride { (cell - stride, axis, faces[cell - stride]) } else { (cell, axis, 0.0) };
                [below, above]
            })
            .filter(|(_, _, conductance)| *conductance > 0.0)
    }

    /// d ln C/du of the cell on this side of a face with harmonic mean `C ∝ 2 K K' / (K + K')`.
    pub(super) fn share(&self, cell: usize, other: usize) -> f64 {
        self.slope[cell] * self.property[other] / (self.property[cell] + self.property[other])
    }

    /// Shares of a well's cells by transmissivity; they sum to 1.
    pub(super) fn shares(&self, cells: &[usize]) -> Vec<f64> {
        let sum: f64 = cells.iter().map(|&cell| self.property[cell]).sum();
        cells.iter().map(|&cell| self.property[cell] / sum).collect()
    }
}

/// `C = area / distance · 2 K K' / (K + K')` between each cell and the next along an axis.
fn faces(geometry: &Geometry, property: &[f64], anisotropy: f64, axis: usize) -> Vec<f64> {
    let factor = geometry.factor(axis) * if axis == 2 { anisotropy } else { 1.0 };
    let conductance = |cell: usize| {
        let Some(next) = geometry.neighbour(cell, axis, true) else { return 0.0 };
        let (a, b) = (property[cell], property[next]);
        if a > 0.0 && b > 0.0 { factor * 2.0 * a / (a + b) * b } else { 0.0 }
    };
    (0..geometry.len()).map(conductance).collect()
}

fn log_slope(transform: Transform, carried: f64) -> f64 {
    match transform {
        Transform::None => carried.recip(),
        Transform::Log10 => std::f64::consts::LN_10,
        Transform::Ln => 1.0,
    }
}

fn property_in(aquifer: &Aquifer, geometry: &Geometry, cell: usize) -> String {
    let name = match aquifer.property {
        Property::Transmissivity => "transmissivity",
        Property::Conductivity => "hydraulic conductivity",
    };
    format!("{name} of {}", geometry.name(cell))
}

/// Refuses what is not positive, not finite, or too small or large for its conductances to be normal numbers.
fn positive(value: f64, place: impl FnOnce() -> String, carried: f64, transform: Transform) -> Result<()> {
    if (1e-100..1e100).contains(&value) {
        return Ok(());
    }
    let found = match transform {
        Transform::None => format!("{value}"),
        transform => format!("{value} ({} {carried})", transform.name()),
    };
    Err(Error::input(place(), format!("{found} is not a positive number"), "give a positive, finite value"))
}
