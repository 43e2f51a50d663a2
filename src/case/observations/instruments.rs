//! What reads the data of a case, and the operators that predict what it reads.

use ndarray::{Array1, ArrayView1};

use super::super::file::Case;
use super::flow::Flow;
use super::pumping::{self, Part};
use crate::error::Result;
use crate::forward::cells::PropertyInCells;
use crate::forward::groundwater::{Aquifer, Quantity};
use crate::forward::stacked::StackedOperator;
use crate::forward::straight_ray::{Ray, StraightRays};
use crate::gpu::Gpu;
use crate::operator::{Linearized, Operator};

/// What reads the data: a physics, and the property in some cells after it.
#[derive(Debug, Clone)]
pub(in crate::case) struct Instruments {
    physics: Reading,
    property: Vec<usize>,
}

#[derive(Debug, Clone)]
enum Reading {
    Nothing,
    Rays {
        rays: Vec<Ray>,
        background: Option<f64>,
    },
    /// With all that is observed, the property included.
    Flow(Box<Aquifer>),
    /// Pumping tests.
    Tests(Vec<Part>),
}

impl Instruments {
    pub(super) fn none() -> Self {
        Self { physics: Reading::Nothing, property: Vec::new() }
    }

    pub(super) fn rays(rays: Vec<Ray>, background: Option<f64>) -> Self {
        Self { physics: Reading::Rays { rays, background }, property: Vec::new() }
    }

    pub(super) fn flow(aquifer: Aquifer) -> Self {
        Self { physics: Reading::Flow(Box::new(aquifer)), property: Vec::new() }
    }

    pub(super) fn tests(parts: Vec<Part>) -> Self {
        Self { physics: Reading::Tests(parts), property: Vec::new() }
    }

    pub(super) fn add_property(&mut self, cell: usize) {
        self.property.push(cell);
    }

    /// Number of data of the physics.
    fn physical(&self) -> usize {
        match &self.physics {
            Reading::Nothing => 0,
            Reading::Rays { rays, .. } => rays.len(),
            Reading::Flow(aquifer) => aquifer.observations.len(),
            Reading::Tests(parts) => parts.iter().map(Part::count).sum(),
        }
    }

    /// Some of the data alone, by their numbers in ascending order.
    pub(super) fn subset(&self, kept: &[usize]) -> Self {
        assert!(kept.is_sorted(), "the physics comes before the property, and a test before the next");
        let count = self.physical();
        let of_physics = || kept.iter().filter(|&&i| i < count);
        let physics = match &self.physics {
            Reading::Nothing => Reading::Nothing,
            Reading::Rays { rays, background } => {
                Reading::Rays { rays: of_physics().map(|&i| rays[i]).collect(), background: *background }
            }
            Reading::Flow(aquifer) => {
                let mut some = aquifer.clone();
                some.observations = of_physics().map(|&i| aquifer.observations[i]).collect();
                Reading::Flow(some)
            }
            Reading::Tests(parts) => {
                let starts = parts.iter().scan(0, |next, part| {
                    let start = *next;
                    *next += part.count();
                    Some(start)
                });
                let some = parts.iter().zip(starts).map(|(part, start)| {
                    let own = start..start + part.count();
                    part.subset(of_physics().filter(|i| own.contains(i)).map(|&i| i - start))
                });
                Reading::Tests(some.collect())
            }
        };
        Self { physics, property: kept.iter().filter(|&&i| i >= count).map(|&i| self.property[i - count]).collect() }
    }

    /// The groundwater model; `None` without flow.
    pub(super) fn aquifer(&self) -> Option<&Aquifer> {
        if let Reading::Flow(aquifer) = &self.physics { Some(aquifer) } else { None }
    }

    /// Whether predictions are linear in the carried property.
    pub(super) fn is_linear(&self) -> bool {
        !matches!(self.physics, Reading::Flow(_) | Reading::Tests(_))
    }

    /// The cell of every datum that is the property itself, m.
    pub(super) fn property_cells(&self) -> Vec<Option<usize>> {
        let of_physics: Vec<Option<usize>> = match &self.physics {
            Reading::Flow(aquifer) => aquifer
                .observations
                .iter()
                .map(|o| if let Quantity::Property(cell) = o.quantity { Some(cell) } else { None })
                .collect(),
            _ => vec![None; self.physical()],
        };
        of_physics.into_iter().chain(self.property.iter().map(|&cell| Some(cell))).collect()
    }

    /// The forward model in f64.
    ///
    /// # Errors
    /// Rays or wells outside of the grid, an aquifer that determines no heads.
    pub(in crate::case) fn host(&self, case: &Case) -> Result<Box<dyn Operator>> {
        let physics: Option<Box<dyn Operator>> = match &self.physics {
            Reading::Nothing => None,
            Reading::Rays { rays, background } => {
                Some(Box::new(StraightRays::new(case.grid, rays.clone(), *background)?))
            }
            Reading::Flow(aquifer) => Some(Box::new(Flow::new(aquifer)?)),
            Reading::Tests(parts) => Some(pumping::forward(parts)?),
        };
        Ok(self.beside_property(case, physics))
    }

    /// The forward model on the device; `None` without one, and for a physics that has no form there.
    ///
    /// # Errors
    /// What the device refuses.
    pub(in crate::case) fn device<'g>(
        &self,
        case: &Case,
        gpu: Option<&'g Gpu>,
    ) -> Result<Option<Box<dyn Operator + 'g>>> {
        match (&self.physics, gpu) {
            (Reading::Rays { rays, background }, Some(gpu)) => {
                let on_device = StraightRays::new(case.grid, rays.clone(), *background)?.with_gpu(gpu)?;
                Ok(Some(self.beside_property(case, Some(Box::new(on_device)))))
            }
            (Reading::Flow(aquifer), Some(gpu)) => {
                Ok(Some(self.beside_property(case, Some(Box::new(Flow::new(aquifer)?.on(gpu))))))
            }
            _ => Ok(None),
        }
    }

    fn beside_property<'a>(&self, case: &Case, physics: Option<Box<dyn Operator + 'a>>) -> Box<dyn Operator + 'a> {
        let cells = || {
            let cells = self.property.iter().map(|&cell| Some(cell)).collect();
            Box::new(PropertyInCells::new(cells, case.grid.len()))
        };
        match (physics, &self.property[..]) {
            (None, _) => cells(),
            (Some(physics), []) => physics,
            (Some(physics), _) => Box::new(StackedOperator::new(vec![physics, cells()])),
        }
    }

    /// What cannot be overlooked in the heads of a model; nothing without flow. Of pumping tests these are heads far
    /// beyond all given ones; that a bore falls dry is not said there, for nothing tells where the bottom of a map of
    /// transmissivity lies, and the aquifer is confined.
    pub(super) fn head_warnings(&self, field: ArrayView1<'_, f64>) -> Result<Vec<String>> {
        match &self.physics {
            Reading::Nothing | Reading::Rays { .. } => Ok(Vec::new()),
            Reading::Flow(aquifer) => {
                let flow = Flow::new(aquifer)?;
                let heads = flow.model().heads(field)?;
                Ok(flow.model().warnings(heads.view()))
            }
            Reading::Tests(parts) => {
                let of_part = |part: &Part| part.head_warnings(field);
                Ok(parts.iter().map(of_part).collect::<Result<Vec<_>>>()?.concat())
            }
        }
    }

    /// What has no form on a device and is done by the CPU even where there is one.
    pub(in crate::case) fn only_on_the_cpu(&self) -> Option<&'static str> {
        matches!(self.physics, Reading::Tests(_)).then_some("the flow of pumping tests")
    }

    /// How the equations of flow are solved for a model; on the device, if there is one.
    pub(super) fn solver(&self, field: ArrayView1<'_, f64>, gpu: Option<&Gpu>) -> Result<Option<String>> {
        let aquifer = match &self.physics {
            Reading::Nothing | Reading::Rays { .. } => return Ok(None),
            // All tests have the same cells and steps.
            Reading::Tests(parts) => {
                let place = if gpu.is_some() { ", on the CPU" } else { "" };
                return Ok(Some(parts[0].solver(field)? + place));
            }
            Reading::Flow(aquifer) => aquifer,
        };
        let flow = Flow::new(aquifer)?;
        let description = match gpu {
            Some(gpu) => flow.on(gpu).model().description(field),
            None => flow.model().description(field),
        };
        description.map(Some)
    }
}

/// A borrowed forward model.
pub(super) struct Borrowed<'a>(pub(super) &'a dyn Operator);

impl Operator for Borrowed<'_> {
    fn inputs(&self) -> usize {
        self.0.inputs()
    }
    fn outputs(&self) -> usize {
        self.0.outputs()
    }
    fn predict(&self, x: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        self.0.predict(x)
    }
    fn linearize(&self, x: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
        self.0.linearize(x)
    }
}
