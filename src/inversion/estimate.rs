//! What an inversion returns: the model, how it came to be, and why it stopped.

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::verdict::is_likely;
use super::weight::Candidate;

/// Why an inversion stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// All iterations that the case asks for were done.
    Iterations,
    /// The misfit reached its target, the number of data.
    MisfitReached,
    /// Neither u nor v changes any more.
    Stagnation,
    /// No step length lowers the objective any more.
    Objective,
}

impl Stop {
    /// The word in `summary.json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Iterations => "iterations",
            Self::MisfitReached => "misfit_reached",
            Self::Stagnation => "stagnation",
            Self::Objective => "objective",
        }
    }
}

/// One row of `history.csv`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Iteration, from 1.
    pub iteration: u32,
    /// Number of coefficients in use.
    pub rank: usize,
    /// Misfit + coupling + regularization, after the v-step.
    pub objective: f64,
    /// `‖C^{-1/2}(d − g(ū + Φv))‖²`.
    pub misfit_parameterized: f64,
    /// `‖C^{-1/2}(d − g(u))‖²`; that of the parameterized field where there is no u-step.
    pub misfit_model: f64,
    /// The misfit of the model as the feasible map gave it, before its repair.
    pub misfit_mapped: f64,
    /// Cells that the repair re-decided.
    pub redecided: usize,
    /// `λ_f² ‖ū + Φv − u‖²`, with the u that the v-step was tied to.
    pub coupling: f64,
    /// `λ² R(v)`.
    pub regularization: f64,
    /// λ_f.
    pub lambda_f: f64,
    /// λ.
    pub lambda: f64,
    /// Length of the last Gauss-Newton step, as a fraction of the full step.
    pub step_length: f64,
    /// `‖v_k − v_{k−1}‖`.
    pub change_v: f64,
    /// `‖u_k − u_{k−1}‖`.
    pub change_u: f64,
    /// Facies mismatch of the thresholded parameterized field against the reference, a fraction of the cells.
    pub mismatch_parameterized: Option<f64>,
    /// Facies mismatch of u against the reference.
    pub mismatch_model: Option<f64>,
    /// Wall seconds of the iteration, what the next one needs to begin included.
    pub seconds: f64,
}

/// One finished iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct Iteration {
    /// Its line in the history.
    pub row: Row,
    /// Coefficients v, as many as the rank in use.
    pub v: Array1<f64>,
    /// Parameterized field ū + Φv, n.
    pub parameterized: Array1<f64>,
    /// Feasible model u, n; the parameterized field where there is no u-step.
    pub model: Array1<f64>,
    /// Facies probability, K × n.
    pub probability: Option<Array2<f32>>,
    /// The weights that were tried, and which was taken.
    pub tradeoff: Vec<Candidate>,
}

/// The result of an inversion.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// Every iteration.
    pub iterations: Vec<Iteration>,
    /// Index into `iterations` of the one that is returned.
    pub returned: usize,
    /// Why it stopped.
    pub stopped: Stop,
}

impl Estimate {
    /// The iteration that is returned.
    pub fn best(&self) -> &Iteration {
        &self.iterations[self.returned]
    }
}

/// The iterate whose model fits `data` data best; among misfits within 1 % of the least, the earliest. Iterates whose
/// parameterized field fits to the noise go before those whose field does not yet: there a model fits by its repair
/// alone, and the data have not been heard in full.
pub(super) fn best_fitting(iterations: &[Iteration], data: usize) -> usize {
    let within_noise = |i: &Iteration| is_likely(i.row.misfit_parameterized, data as f64);
    let any = iterations.iter().any(within_noise);
    let candidate = |i: &Iteration| !any || within_noise(i);
    let misfits = iterations.iter().filter(|i| candidate(i)).map(|i| i.row.misfit_model);
    let least = misfits.fold(f64::INFINITY, f64::min);
    iterations.iter().position(|i| candidate(i) && i.row.misfit_model <= 1.01 * least).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iterate(number: u32, misfit_parameterized: f64, misfit_model: f64) -> Iteration {
        let row = Row { iteration: number, misfit_parameterized, misfit_model, ..Row::default() };
        let none = || Array1::zeros(0);
        Iteration { row, v: none(), parameterized: none(), model: none(), probability: None, tradeoff: Vec::new() }
    }

    #[test]
    fn a_model_that_fits_before_its_parameterized_field_does_is_not_returned() {
        let of = |misfits: &[(f64, f64)]| -> Vec<Iteration> {
            (1..).zip(misfits).map(|(number, &(field, model))| iterate(number, field, model)).collect()
        };
        // Of 50 data a misfit of 70 is noise, one of 71 is not.
        assert_eq!(best_fitting(&of(&[(71.0, 60.0), (70.0, 90.0), (50.0, 89.5), (49.0, 88.0)]), 50), 3);
        assert_eq!(best_fitting(&of(&[(71.0, 60.0), (70.0, 88.5), (50.0, 89.5), (49.0, 88.0)]), 50), 1);
        assert_eq!(best_fitting(&of(&[(900.0, 95.0), (800.0, 60.0), (700.0, 60.5)]), 50), 1, "none fits");
    }
}
