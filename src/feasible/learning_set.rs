//! The learning set: pairs of windows, features from parameterized realizations and labels from the realizations.

use ndarray::Array2;

use super::template::Stencil;
use crate::error::{Error, Result};
use crate::grid::Ensemble;

/// Where pairs (parameterized realization `r_i`, realization `u_i`) come from: one scenario.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The realizations u_i, which give the labels.
    pub ensemble: &'a Ensemble,
    /// `r_i = ū + ΦΦᵀ(u_i − ū)` of the realizations i asked for, one a row, n values each; asked only for those drawn.
    pub parameterized: &'a (dyn Fn(&[usize]) -> Result<Array2<f32>> + Sync + 'a),
}

/// What the labels of a learning set are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LabelKind {
    /// Facies codes.
    #[default]
    Facies,
    /// The continuous property.
    Values,
}

/// The labels of every cell of the realizations drawn, image after image.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// Facies codes, and the property's value in each of the K facies.
    Facies {
        /// Codes below K.
        codes: Vec<u8>,
        /// The property in facies 0..K.
        values: Vec<f64>,
    },
    /// The property.
    Values(Vec<f32>),
}

/// A window of the learning set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Which of the images held it lies in.
    pub image: u32,
    /// Its origin.
    pub origin: u32,
}

/// N′ windows of features x and labels y. They overlap and are many, so they are read from the images they lie in and
/// never copied.
#[derive(Debug, Clone, PartialEq)]
pub struct LearningSet {
    pub(super) stencil: Stencil,
    pub(super) images: Vec<f32>,
    pub(super) labels: Labels,
    pub(super) windows: Vec<Window>,
}

impl LearningSet {
    /// A learning set of given `windows` in parameterized `images`, one of n cells after the other, and `labels` of the
    /// same cells.
    ///
    /// # Errors
    /// Where there is no window, a window lies outside, an image is not finite, or a facies has no value.
    pub fn new(stencil: Stencil, images: Vec<f32>, labels: Labels, windows: Vec<Window>) -> Result<Self> {
        let n = stencil.grid().len();
        assert!(images.len().is_multiple_of(n), "{} values are no whole number of images of {n} cells", images.len());
        let labelled = match &labels {
            Labels::Facies { codes, .. } => codes.len(),
            Labels::Values(values) => values.len(),
        };
        assert_eq!(labelled, images.len(), "one label a cell of each image");
        let admitted = |w: &Window| {
            let origin = stencil.grid().cell(w.origin as usize).map(|c| c as isize);
            ((w.image as usize) < images.len() / n) && stencil.admits(origin)
        };
        assert!(windows.iter().all(admitted), "a window of the learning set lies outside its image");
        let place = "feasible.library";
        if windows.is_empty() {
            return Err(Error::input(place, "the learning set holds no window", "ask for at least one window"));
        }
        if let Some(at) = images.iter().position(|x| !usable(*x)) {
            let problem = format!("a parameterized realization is {} in cell {}", images[at], at % n);
            return Err(Error::input(
                place,
                problem,
                "check the realizations and the basis for values not finite or beyond 1e15",
            ));
        }
        match &labels {
            Labels::Facies { codes, values } => {
                if let Some(&code) = codes.iter().find(|&&code| usize::from(code) >= values.len()) {
                    let problem = format!("facies code {code} occurs, values are given for {} facies", values.len());
                    return Err(Error::input(place, problem, "give the property's value in every facies"));
                }
            }
            Labels::Values(values) => {
                if let Some(at) = values.iter().position(|y| !usable(*y)) {
                    let problem = format!("a realization is {} in cell {}", values[at], at % n);
                    return Err(Error::input(
                        place,
                        problem,
                        "check the realizations for values not finite or beyond 1e15",
                    ));
                }
            }
        }
        Ok(Self { stencil, images, labels, windows })
    }

    /// Number of windows N′.
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Whether there is no window: never.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// The windows' shape and grid.
    pub fn stencil(&self) -> &Stencil {
        &self.stencil
    }

    /// The place of window `number`.
    pub fn window(&self, number: usize) -> Window {
        self.windows[number]
    }

    /// The image of window `number` from its origin on: a window's run begins at the run's offset.
    pub fn features(&self, number: usize) -> &[f32] {
        &self.images[self.start(number)..]
    }

    /// Number of the first cell of window `number`, counted over all images.
    pub(super) fn start(&self, number: usize) -> usize {
        let window = self.windows[number];
        window.image as usize * self.stencil.grid().len() + window.origin as usize
    }
}

/// Whether a value can be squared and summed over a window in f32.
pub(super) fn usable(value: f32) -> bool {
    value.abs() <= 1e15
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feasible::Template;
    use crate::grid::Grid;

    #[test]
    fn an_empty_set_values_not_finite_and_unknown_facies_are_refused() {
        let stencil = Stencil::new(&Template::cuboid([2, 2, 1]).unwrap(), Grid::unit([2, 2, 1])).unwrap();
        let window = vec![Window { image: 0, origin: 0 }];
        let facies = |code| Labels::Facies { codes: vec![0, 1, code, 0], values: vec![0.0, 1.0] };
        let set = |image: Vec<f32>, labels, windows| LearningSet::new(stencil.clone(), image, labels, windows);
        assert!(set(vec![0.0; 4], facies(1), window.clone()).is_ok());
        assert!(set(vec![0.0; 4], facies(1), vec![]).is_err());
        assert!(set(vec![0.0; 4], facies(2), window.clone()).is_err());
        assert!(set(vec![0.0, f32::NAN, 0.0, 0.0], facies(1), window.clone()).is_err());
        assert!(set(vec![0.0; 4], Labels::Values(vec![f32::INFINITY; 4]), window).is_err());
    }
}
