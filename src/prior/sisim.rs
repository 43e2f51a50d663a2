//! Sequential indicator simulation (Journel and Alabert 1989; Deutsch and Journel 1998).

use super::facies::{draw, known_facies};
use super::kriging::Kriging;
use super::sequential::{Found, LEAST_CORRELATION, Neighbourhood, SequentialOptions, System, Table, dot};
use super::variogram::Variogram;
use super::{Conditioning, Known, Prior, Realization};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::random::{Purpose, Stream};

/// Facies drawn cell by cell along a random path: the probability of each facies is kriged from the indicators of the
/// nearest cells that have their facies already, data and earlier draws alike.
///
/// With the indicator `I_k(x)`, 1 where x is of facies k and 0 elsewhere, of mean `p_k`, variance `p_k (1 − p_k)` and
/// correlation `ρ_k`, the weights solve `C_k w = c_k`, and
/// `P_k = (1 − Σ_α w_α) p_k + Σ_α w_α I_k(x_α)`
/// (ordinary kriging: with `Σ w = 1`). One variogram for all facies gives all of them the same weights, so that `Σ_k P_k =
/// 1`, and needs one system a cell (median indicator kriging). What is no probability is corrected: each `P_k` is clipped
/// to [0, 1], and all are divided by their sum.
///
/// Near is what probably has the same facies: `Σ_k p_k (1 − p_k) ρ_k(h)` falls with the lag as the probability grows that
/// two cells differ, which is the sum of all indicator variograms. Data keep their cells' facies exactly.
/// The two-point statistics are reproduced as far as the neighbours reach and probabilities need no correction.
#[derive(Debug, Clone)]
pub struct Sisim {
    proportions: Vec<f64>,
    options: SequentialOptions,
    neighbourhood: Neighbourhood,
    /// Correlation of each facies' indicator, or of all.
    correlations: Vec<Table>,
}

/// The code of a cell that has no facies yet.
const UNSET: u8 = u8::MAX;
/// Rounding that is allowed to the sum of proportions.
const ROUNDING: f64 = 1e-6;

impl Sisim {
    /// Facies of `proportions` on `grid`, with one of `variograms` for each, or one for all. Of a variogram the shape
    /// counts alone: the sill of facies k is `p_k (1 − p_k)`.
    ///
    /// # Errors
    /// Proportions that are not above 0 or do not sum to one, fewer than 2 of them or more than 255; a number of variograms
    /// that is neither one nor that of the facies; two variograms of two facies, of which each is where the other is not;
    /// a number of neighbours or of grids out of range.
    pub fn new(grid: Grid, proportions: &[f64], variograms: &[Variogram], options: SequentialOptions) -> Result<Self> {
        let wrong = |problem: String, remedy: &str| Err(Error::input("sisim", problem, remedy));
        let facies = proportions.len();
        if !(2..=usize::from(UNSET)).contains(&facies) {
            return wrong(format!("{facies} proportions"), "give one a facies, 2 to 255 of them");
        }
        if let Some(p) = proportions.iter().find(|p| !(p.is_finite() && **p > 0.0)) {
            return wrong(format!("a proportion is {p}"), "give numbers above 0");
        }
        let sum: f64 = proportions.iter().sum();
        if (sum - 1.0).abs() > ROUNDING {
            return wrong(format!("the proportions sum to {sum}"), "they must sum to 1");
        }
        if variograms.len() != 1 && variograms.len() != facies {
            return wrong(format!("{} variograms of {facies} facies", variograms.len()), "give one a facies, or one");
        }
        if variograms.len() == 2 {
            return wrong("two facies have one indicator variogram, not two".into(), "give one");
        }
        options.check("sisim")?;
        // The variogram of each facies, and how much it counts in the search.
        let of = |k: usize| (&variograms[k.min(variograms.len() - 1)], proportions[k] * (1.0 - proportions[k]));
        let weighted = |value: &dyn Fn(&Variogram) -> f64| -> f64 {
            (0..facies).map(of).map(|(variogram, variance)| variance * value(variogram)).sum()
        };
        let least = LEAST_CORRELATION * weighted(&|v| 1.0 - v.nugget() / v.sill());
        let nearness = |lag: [f64; 3]| weighted(&|v| correlation(v, lag));
        let neighbourhood = Neighbourhood::new(grid, options.neighbours, least, nearness);
        let correlations = variograms.iter().map(|v| neighbourhood.table(|lag| correlation(v, lag))).collect();
        Ok(Self { proportions: proportions.to_vec(), options, neighbourhood, correlations })
    }

    /// Facies `k` given those of the cells `known`, one code a cell.
    fn simulate(&self, known: &[Known<u8>], seed: u64, k: u64) -> Vec<u8> {
        let mut stream = Stream::new(seed, Purpose::SequentialIndicator, k, 0);
        let mut facies = vec![UNSET; self.neighbourhood.grid().len()];
        known.iter().for_each(|known| facies[known.cell] = known.value);
        let mut node = Node::new(self);
        for spacing in self.options.spacings() {
            let mut path = self.neighbourhood.unset(spacing, |cell| facies[cell] == UNSET);
            stream.shuffle(&mut path);
            for cell in path {
                node.gather(&facies, cell as usize);
                node.krige();
                correct(&mut node.probability, &self.proportions);
                facies[cell as usize] = draw(&node.probability, &mut stream);
            }
        }
        facies
    }
}

impl Prior for Sisim {
    fn grid(&self) -> Grid {
        self.neighbourhood.grid()
    }

    /// Realization `k`: every known cell has its facies.
    ///
    /// # Errors
    /// Facies outside of the grid, unknown, or competing for a cell; known properties instead of facies.
    fn realization(&self, data: &Conditioning, seed: u64, k: u64) -> Result<Realization> {
        let known = known_facies(data, self.grid().len(), self.proportions.len())?;
        Ok(Realization { facies: Some(self.simulate(&known, seed, k)), values: None })
    }
}

fn correlation(variogram: &Variogram, lag: [f64; 3]) -> f64 {
    variogram.covariance(lag) / variogram.sill()
}

/// Order relations: probabilities lie between 0 and 1 and sum to one. Where nothing is possible the proportions are taken.
fn correct(probability: &mut [f64], proportions: &[f64]) {
    probability.iter_mut().for_each(|p| *p = p.clamp(0.0, 1.0));
    let sum: f64 = probability.iter().sum();
    if sum > 0.0 {
        probability.iter_mut().for_each(|p| *p /= sum);
    } else {
        probability.copy_from_slice(proportions);
    }
}

/// One cell on its way: its neighbours, their weights and what they make of each facies.
struct Node<'a> {
    model: &'a Sisim,
    found: Found<u8>,
    system: System<2>,
    weights: Vec<f64>,
    probability: Vec<f64>,
}

impl<'a> Node<'a> {
    fn new(model: &'a Sisim) -> Self {
        Self {
            model,
            found: Found::default(),
            system: System::new(&model.neighbourhood),
            weights: Vec::new(),
            probability: vec![0.0; model.proportions.len()],
        }
    }

    /// Finds the neighbours of a cell.
    fn gather(&mut self, facies: &[u8], cell: usize) {
        let value = |cell: usize| Some(facies[cell]).filter(|&code| code != UNSET);
        self.model.neighbourhood.gather(cell, value, &mut self.found);
    }

    /// Kriged probability of each facies, uncorrected.
    fn krige(&mut self) {
        let Sisim { proportions, correlations, .. } = self.model;
        for (number, correlation) in correlations.iter().enumerate() {
            self.weigh(correlation);
            let rest = 1.0 - self.weights.iter().sum::<f64>();
            let facies = if correlations.len() == 1 { 0..proportions.len() } else { number..number + 1 };
            for k in facies.clone() {
                self.probability[k] = rest * proportions[k];
            }
            for (&code, w) in self.found.values.iter().zip(&self.weights) {
                if facies.contains(&usize::from(code)) {
                    self.probability[usize::from(code)] += w;
                }
            }
        }
    }

    /// Weights of the neighbours: with `C = L Lᵀ`, `y = L⁻¹ c` and `p = L⁻¹ 1` they are `L⁻ᵀ (y − μ p)`;
    /// `μ = (p·y − 1) / p·p` in ordinary kriging, 0 in simple kriging.
    fn weigh(&mut self, correlation: &Table) {
        let places = &self.found.places;
        self.system.factorize(correlation, places, |i| [correlation.at(places[i]), 1.0]);
        let [y, p] = self.system.solved();
        self.weights.clear();
        self.weights.extend_from_slice(y);
        if self.model.options.kriging == Kriging::Ordinary && !y.is_empty() {
            let multiplier = (dot(p, y) - 1.0) / dot(p, p);
            self.weights.iter_mut().zip(p).for_each(|(w, p)| *w -= multiplier * p);
        }
        self.system.solve_transposed(&mut self.weights);
    }
}

#[cfg(test)]
mod tests;
