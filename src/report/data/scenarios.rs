//! What a run says of its scenarios.

use serde::Deserialize;

use crate::inversion::no_scenario_fits;

/// A row of `scenarios.csv`, in the order of the blocks of v and of the codes of `scenario_map.npy`. What is not known
/// is `None`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Columns of its block of the basis.
    pub columns: Option<usize>,
    /// Rank of its basis.
    pub rank: Option<f64>,
    /// Share of its realizations' variance that the basis keeps.
    pub energy: Option<f64>,
    /// `‖v_i‖₂`.
    pub norm: Option<f64>,
    /// `‖Φ_i v_i‖² / Σ_j ‖Φ_j v_j‖²`.
    pub contribution: Option<f64>,
    /// `ln p(d|Ω_i)` by Laplace's approximation.
    pub log_evidence: Option<f64>,
    /// Effective number of parameters.
    #[serde(alias = "effective_parameters")]
    pub k_e: Option<f64>,
    /// Akaike's criterion.
    pub aic: Option<f64>,
    /// Akaike's criterion for few data; `None` where it is undefined.
    pub aicc: Option<f64>,
    /// Schwarz's criterion.
    pub bic: Option<f64>,
    /// Kashyap's criterion.
    pub kic: Option<f64>,
    /// Squared distance of the data from what it predicts of them, in units of their covariance under it.
    pub chi_squared: Option<f64>,
    /// Log density of the data among those simulated under it, calibrated, up to a constant.
    pub log_synthetic_likelihood: Option<f64>,
    /// Share of its own simulations that are found most probable under it.
    pub recall: Option<f64>,
    /// Share of these that are less likely under it than the data.
    pub typicality: Option<f64>,
    /// Probability given the data.
    pub probability: Option<f64>,
    /// Whether the learning set draws on it: `1`, `0`, `true`, `false`.
    active: Option<String>,
}

/// A row of `scenario_history.csv`.
#[derive(Debug, Clone, Deserialize)]
pub struct Share {
    /// 1, 2, …
    pub iteration: u32,
    /// The scenario's name.
    pub scenario: String,
    /// `‖v_i‖₂` after the iteration.
    pub norm: f64,
    /// Contribution after the iteration.
    pub contribution: f64,
    /// Whether the learning set drew on it: `1`, `0`, `true`, `false`.
    active: Option<String>,
}

impl Scenario {
    /// Whether the learning set draws on it; `None` where the table does not say.
    pub fn is_active(&self) -> Option<bool> {
        self.active.as_deref().and_then(truth)
    }
}

impl Share {
    /// Whether the learning set drew on it; `None` where the table does not say.
    pub fn is_active(&self) -> Option<bool> {
        self.active.as_deref().and_then(truth)
    }
}

fn truth(text: &str) -> Option<bool> {
    match text.trim() {
        "1" | "true" | "yes" => Some(true),
        "0" | "false" | "no" => Some(false),
        _ => None,
    }
}

/// How a scenario is chosen from the table.
#[derive(Debug, Clone, Copy)]
pub struct Criterion {
    /// Its name.
    pub name: &'static str,
    /// Its value for a scenario.
    pub value: fn(&Scenario) -> Option<f64>,
    /// Whether the scenario with the least value is chosen, else with the largest.
    pub least: bool,
}

/// Every criterion of the table.
pub const CRITERIA: [Criterion; 8] = [
    Criterion { name: "evidence", value: |s| s.log_evidence, least: false },
    Criterion { name: "synthetic likelihood", value: |s| s.log_synthetic_likelihood, least: false },
    Criterion { name: "AIC", value: |s| s.aic, least: true },
    Criterion { name: "AICc", value: |s| s.aicc, least: true },
    Criterion { name: "BIC", value: |s| s.bic, least: true },
    Criterion { name: "KIC", value: |s| s.kic, least: true },
    Criterion { name: "‖vᵢ‖", value: |s| s.norm, least: false },
    Criterion { name: "contribution", value: |s| s.contribution, least: false },
];

impl Criterion {
    /// The scenario that it chooses, by its row (the first of equals); `None` where no row has the value.
    pub fn choice(&self, scenarios: &[Scenario]) -> Option<usize> {
        let sign = if self.least { -1.0 } else { 1.0 };
        let values = scenarios.iter().enumerate().filter_map(|(i, s)| Some((i, sign * (self.value)(s)?)));
        let better = |best: (usize, f64), now: (usize, f64)| if now.1 > best.1 { now } else { best };
        values.filter(|v| v.1.is_finite()).reduce(better).map(|v| v.0)
    }
}

/// [`no_scenario_fits`], of scenarios that have columns of their own.
pub fn none_fits(scenarios: &[Scenario]) -> Option<usize> {
    let norms: Option<Vec<f64>> = scenarios.iter().map(|s| s.columns.and(s.norm)).collect();
    no_scenario_fits(&norms?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(norms: &[f64]) -> Vec<Scenario> {
        let aic = |n: f64| (n > 0.0).then_some(100.0 - n);
        norms.iter().map(|&n| Scenario { norm: Some(n), aic: aic(n), ..Scenario::default() }).collect()
    }

    #[test]
    fn a_criterion_takes_the_best_of_what_is_known() {
        let scenarios = table(&[1.0, 5.0, 0.0, 5.0]);
        let choice = |name: &str| CRITERIA.iter().find(|c| c.name == name).unwrap().choice(&scenarios);
        assert_eq!(choice("‖vᵢ‖"), Some(1), "the first of equals");
        assert_eq!(choice("AIC"), Some(1), "the least, and what is not known is no candidate");
        assert_eq!(choice("BIC"), None);
    }

    #[test]
    fn none_fits_where_most_of_several_with_columns_of_their_own_are_at_work() {
        let mut scenarios = table(&[1.0, 0.2, 0.5, 0.0]);
        assert_eq!(none_fits(&scenarios), None, "all share one basis");
        scenarios.iter_mut().for_each(|s| s.columns = Some(7));
        assert_eq!(none_fits(&scenarios), Some(3));
    }
}
