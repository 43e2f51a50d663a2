//! The checked case of a signal: a group-sparse vector seen through random measurements, without grid or geology.

/// Everything that a run on a signal needs to know: v of k entries in groups of consecutive ones, of which a few are
/// active, is recovered from `d = G v`, G random, by every method and from every number of measurements.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Short name, used for result folders.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The one seed of all random numbers.
    pub seed: u64,
    /// Number k of entries.
    pub entries: usize,
    /// Entries of a true group.
    pub group: usize,
    /// Groups that differ from zero, ascending.
    pub active: Vec<usize>,
    /// Numbers m of measurements, ascending.
    pub measurements: Vec<usize>,
    /// σ that the data, which have no noise, are whitened with, as a share of their root mean square.
    pub sigma: f64,
    /// Which reference: the first of repeated runs.
    pub reference: u64,
    /// How it is recovered, at least one way.
    pub methods: Vec<SignalMethod>,
    /// How the result depends on the weight, where that is asked.
    pub weights: Option<Weights>,
}

/// A penalty `Σ ‖v_g‖₂` over groups of consecutive entries.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalMethod {
    /// Name, unique in the case.
    pub name: String,
    /// Entries of a group; 1: the l1 norm.
    pub group: usize,
}

/// Weights λ tried one by one, spread evenly over their logarithm.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// The method, by its number.
    pub method: usize,
    /// Number of measurements.
    pub measurements: usize,
    /// Least λ.
    pub least: f64,
    /// Largest λ.
    pub largest: f64,
    /// How many, both ends included.
    pub count: usize,
}

impl Signal {
    /// The most measurements that are asked for.
    pub fn most_measurements(&self) -> usize {
        let scanned = self.weights.iter().map(|weights| weights.measurements);
        self.measurements.iter().copied().chain(scanned).max().unwrap_or(0)
    }
}

impl Weights {
    /// λ from the least on.
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let (low, high, last) = (self.least.ln(), self.largest.ln(), self.count - 1);
        (0..=last).map(move |i| match i {
            0 => self.least,
            i if i == last => self.largest,
            i => (low + (high - low) * i as f64 / last as f64).exp(),
        })
    }
}
