//! Normal scores: a distribution of any shape as a transformed standard normal one (Deutsch and Journel 1998).

use super::kriging::known_values;
use super::{Conditioning, Known, Prior, Realization};
use crate::error::{Error, Result};
use crate::grid::Grid;

/// How a distribution goes on beyond the smallest or largest value given: from there to `limit`, with probability
/// `p/p₁ = ((z − limit)/(z₁ − limit))^power` of lying beyond z, where p₁ is that of lying beyond the outermost value z₁.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tail {
    /// Where the distribution ends.
    pub limit: f64,
    /// 1: a uniform tail; more: a tail that thins out towards the limit.
    pub power: f64,
}

/// The transform between a property of any continuous distribution and a standard normal score y:
/// `F(z) = Φ(y)`, with the distribution function F of weighted reference values, straight between them, and tails.
///
/// The i-th of the ascending values has `F(z_i) = w_1 + … + w_{i−1} + w_i/2`. Equal values keep their joint
/// probability: all scores between those of the first and the last are that value.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalScore {
    /// Ascending values, their `F` and their `y`.
    values: Vec<f64>,
    probabilities: Vec<f64>,
    scores: Vec<f64>,
    lower: Tail,
    upper: Tail,
}

const PLACE: &str = "normal scores";

impl NormalScore {
    /// The transform for the distribution of `values`, data or draws of a reference distribution, with one weight each
    /// (declustering weights; equal where there are none). Without a tail the distribution ends at the outermost value.
    ///
    /// # Errors
    /// Fewer than two different values, values or weights that are not finite, a weight that is not positive, a tail
    /// that ends inside the values or whose power is not positive.
    pub fn new(values: &[f64], weights: Option<&[f64]>, lower: Option<Tail>, upper: Option<Tail>) -> Result<Self> {
        let wrong = |problem: String, remedy: &str| Err(Error::input(PLACE, problem, remedy));
        let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
        weights.inspect(|w| assert_eq!(w.len(), values.len(), "one weight a value"));
        if let Some(i) =
            (0..values.len()).find(|&i| !(values[i].is_finite() && weight(i).is_finite() && weight(i) > 0.0))
        {
            let problem = format!("value {} (from 0) is {} and has the weight {}", i, values[i], weight(i));
            return wrong(problem, "give finite values and positive weights");
        }
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let sorted: Vec<f64> = order.iter().map(|&i| values[i]).collect();
        let (Some(&first), Some(&last)) = (sorted.first(), sorted.last()) else {
            return wrong("no value is given".into(), "a distribution needs two at least");
        };
        if first == last {
            return wrong(format!("every value is {first}"), "a distribution needs two different values at least");
        }
        let [lower, upper] =
            [(lower, first), (upper, last)].map(|(t, end)| t.unwrap_or(Tail { limit: end, power: 1.0 }));
        for (name, tail, inside) in [("lower", lower, lower.limit <= first), ("upper", upper, upper.limit >= last)] {
            if !(inside && tail.limit.is_finite() && tail.power.is_finite() && tail.power > 0.0) {
                let problem = format!(
                    "the {name} tail ends at {} with power {}; values are from {first} to {last}",
                    tail.limit, tail.power
                );
                return wrong(problem, "let tails end outside of the values, with positive powers");
            }
        }
        let total: f64 = order.iter().map(|&i| weight(i)).sum();
        let mut through = 0.0;
        let middle = |&i: &usize| {
            through += weight(i);
            (through - 0.5 * weight(i)) / total
        };
        let probabilities: Vec<f64> = order.iter().map(middle).collect();
        let scores = probabilities.iter().map(|&p| quantile(p)).collect();
        Ok(Self { values: sorted, probabilities, scores, lower, upper })
    }

    /// The score y of value `z`; the middle one where a range of scores has this value. Beyond the tails it is ∓8.5,
    /// where Φ is 0 or 1 to rounding.
    pub fn score(&self, z: f64) -> f64 {
        let (values, p) = (&self.values, &self.probabilities);
        let last = values.len() - 1;
        let (from, to) = (values.partition_point(|&v| v < z), values.partition_point(|&v| v <= z));
        let beyond = |tail: &Tail, end: f64| ((z - tail.limit) / (end - tail.limit)).max(0.0).powf(tail.power);
        let below = if from < to {
            0.5 * (p[from] + p[to - 1])
        } else if from == 0 {
            p[0] * beyond(&self.lower, values[0])
        } else if from > last {
            1.0 - (1.0 - p[last]) * beyond(&self.upper, values[last])
        } else {
            let part = (z - values[from - 1]) / (values[from] - values[from - 1]);
            p[from - 1] + part * (p[from] - p[from - 1])
        };
        quantile(below).clamp(-LARGEST_SCORE, LARGEST_SCORE)
    }

    /// The value z of score `y`.
    pub fn value(&self, y: f64) -> f64 {
        let (values, p) = (&self.values, &self.probabilities);
        let last = values.len() - 1;
        let beyond = |tail: &Tail, end: f64, p: f64| tail.limit + (end - tail.limit) * p.powf(1.0 / tail.power);
        match self.scores.partition_point(|&s| s < y) {
            i if i <= last && self.scores[i] == y => values[i],
            0 => beyond(&self.lower, values[0], probability(y) / p[0]),
            i if i > last => beyond(&self.upper, values[last], probability(-y) / (1.0 - p[last])),
            i => {
                let part = ((probability(y) - p[i - 1]) / (p[i] - p[i - 1])).clamp(0.0, 1.0);
                values[i - 1] + part * (values[i] - values[i - 1])
            }
        }
    }
}

/// A prior of standard normal scores, seen through a [`NormalScore`]: known values are scored, realizations of the
/// scores transformed back, and known cells have their values exactly.
pub struct Transformed {
    scores: Box<dyn Prior>,
    transform: NormalScore,
}

impl Transformed {
    /// `scores` draws fields of mean 0 and variance 1, such as a `GaussianField` or an `Sgsim` of sill 1.
    pub fn new(scores: Box<dyn Prior>, transform: NormalScore) -> Self {
        Self { scores, transform }
    }
}

impl Prior for Transformed {
    fn grid(&self) -> Grid {
        self.scores.grid()
    }

    fn realization(&self, data: &Conditioning, seed: u64, k: u64) -> Result<Realization> {
        let known = known_values(data, self.grid().len())?;
        let score = |known: &Known<f64>| Known { cell: known.cell, value: self.transform.score(known.value) };
        let scored = Conditioning { facies: Vec::new(), values: known.iter().map(score).collect() };
        let drawn = self.scores.realization(&scored, seed, k)?;
        let back = |values: Vec<f32>| -> Vec<f32> {
            let mut out: Vec<f32> = values.into_iter().map(|y| self.transform.value(f64::from(y)) as f32).collect();
            known.iter().for_each(|known| out[known.cell] = known.value as f32);
            out
        };
        Ok(Realization { facies: drawn.facies, values: drawn.values.map(back) })
    }
}

/// Beyond it 1 − Φ is below rounding.
const LARGEST_SCORE: f64 = 8.5;

/// Φ(y), the standard normal distribution function, to rounding: Marsaglia's (2004) series near 0, and the continued
/// fraction `Φ(y) = φ(y) / (−y + 1/(−y + 2/(−y + 3/(…))))` in the lower tail.
fn probability(y: f64) -> f64 {
    let density = (-0.5 * y * y).exp() / std::f64::consts::TAU.sqrt();
    if y < -2.0 {
        let fraction = (1..=120).rev().fold(0.0, |below, k| f64::from(k) / (below - y));
        return density / (fraction - y);
    }
    if y > 2.0 {
        return 1.0 - probability(-y);
    }
    let (mut term, mut sum, mut i) = (y, y, 1.0);
    while term.abs() > f64::EPSILON * sum.abs() {
        i += 2.0;
        term *= y * y / i;
        sum += term;
    }
    0.5 + density * sum
}

/// Φ⁻¹(p): formula 26.2.23 of Abramowitz and Stegun (1964), off by 4.5·10⁻⁴, and three of Halley's steps.
fn quantile(p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 {
        return if p <= 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if p > 0.5 {
        return -quantile(1.0 - p);
    }
    let t = (-2.0 * p.ln()).sqrt();
    let mut y =
        (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308))) - t;
    for _ in 0..3 {
        let step = (probability(y) - p) * (std::f64::consts::TAU.sqrt() * (0.5 * y * y).exp());
        y -= step / (1.0 + 0.5 * y * step);
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prior::gaussian_field::GaussianField;
    use crate::prior::sequential::SequentialOptions;
    use crate::prior::sgsim::Sgsim;
    use crate::prior::variogram::{Shape, Structure, Variogram};
    use crate::random::{Purpose, Stream};

    #[test]
    fn the_normal_distribution_and_its_quantiles() {
        // Abramowitz and Stegun (1964), tables 26.1 and 26.2; Φ(−10) to 16 digits is 7.619853024160527e−24.
        for (y, p) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_543),
            (2.5, 0.993_790_334_674_224),
            (-3.0, 1.349_898_031_630_095e-3),
            (-10.0, 7.619_853_024_160_527e-24),
        ] {
            assert!((probability(y) / p - 1.0).abs() < 1e-14, "Φ({y}) = {}", probability(y));
        }
        let far = |y: f64| (quantile(probability(y)) - y).abs();
        assert!((-85..30).map(|i| far(f64::from(i) / 10.0)).all(|d| d < 1e-12));
        // On either side of the change of formula.
        let (a, b) = (probability(-2.0 - 4e-16), probability(-2.0));
        assert!((a / b - 1.0).abs() < 1e-14);
    }

    fn skewed(count: usize) -> Vec<f64> {
        let mut stream = Stream::new(2, Purpose::Check, 0, 0);
        (0..count).map(|_| stream.normal_pair().0.exp()).collect()
    }

    #[test]
    fn scores_are_normal_and_go_back_to_their_values() {
        let values = skewed(201);
        let transform = NormalScore::new(
            &values,
            None,
            Some(Tail { limit: 0.0, power: 1.0 }),
            Some(Tail { limit: 30.0, power: 2.0 }),
        )
        .expect("fine");
        let scores: Vec<f64> = values.iter().map(|&z| transform.score(z)).collect();
        let mut sorted = scores.clone();
        sorted.sort_by(f64::total_cmp);
        for (i, y) in sorted.iter().enumerate() {
            assert!((probability(*y) - (i as f64 + 0.5) / 201.0).abs() < 1e-14, "score {i} is {y}");
        }
        for (z, y) in values.iter().zip(&scores) {
            assert!((transform.value(*y) - z).abs() < 1e-12 * z, "{z}");
        }
        // Between and beyond the values, growing throughout.
        let ys: Vec<f64> = (-80..=80).map(|i| f64::from(i) / 10.0).collect();
        assert!(ys.windows(2).all(|y| transform.value(y[0]) < transform.value(y[1]) + 1e-14));
        assert!(ys.iter().filter(|y| y.abs() < 5.0).all(|&y| (transform.score(transform.value(y)) - y).abs() < 1e-6));
        assert!(transform.value(-8.0) >= 0.0 && transform.value(8.0) <= 30.0);
        assert_eq!((transform.score(-1.0), transform.score(31.0)), (-LARGEST_SCORE, LARGEST_SCORE));
    }

    #[test]
    fn weights_ties_and_tails_by_hand() {
        // Weights 1, 2, 1: F = 1/8, 1/2, 7/8; half-way between 3 and 5 it is 11/16.
        let transform = NormalScore::new(&[5.0, 3.0, 2.0], Some(&[1.0, 2.0, 1.0]), None, None).expect("fine");
        assert!((transform.score(3.0)).abs() < 1e-14 && (transform.value(0.0) - 3.0).abs() < 1e-14);
        assert!((probability(transform.score(4.0)) - 11.0 / 16.0).abs() < 1e-14);
        assert_eq!((transform.value(-4.0), transform.value(4.0)), (2.0, 5.0), "without tails it ends at the values");
        // Ties: 1, 1, 1, 4 has F = 1/8, 3/8, 5/8, 7/8; the score of 1 is the middle, all three scores are 1.
        let ties = NormalScore::new(&[1.0, 4.0, 1.0, 1.0], None, None, None).expect("fine");
        assert!((probability(ties.score(1.0)) - 3.0 / 8.0).abs() < 1e-14);
        assert_eq!((ties.value(quantile(0.2)), ties.value(quantile(0.6))), (1.0, 1.0));
        // A tail of power 2 from 4 to 6 beyond F = 3/4: at 5 half of the way, 1/4 of 1/4 is left.
        let upper = Some(Tail { limit: 6.0, power: 2.0 });
        let tail = NormalScore::new(&[1.0, 4.0], None, None, upper).expect("fine");
        assert!((probability(tail.score(5.0)) - (1.0 - 1.0 / 16.0)).abs() < 1e-14);
        assert!((tail.value(quantile(1.0 - 1.0 / 16.0)) - 5.0).abs() < 1e-12);
    }

    #[test]
    fn fields_have_the_distribution_and_their_data() {
        let grid = Grid::unit([30, 30, 1]);
        let variogram = Variogram::new(0.0, &[Structure::isotropic(Shape::Spherical, 1.0, 6.0)]).expect("fine");
        let reference = skewed(500);
        let fields: [Box<dyn Prior>; 2] = [
            Box::new(GaussianField::new(grid, &variogram, 0.0).expect("fine")),
            Box::new(Sgsim::new(grid, &variogram, 0.0, SequentialOptions::default()).expect("fine")),
        ];
        let values = (0..9).map(|i| Known { cell: 7 + 95 * i, value: reference[i] }).collect();
        let data = Conditioning { values, ..Default::default() };
        for scores in fields {
            let transform = NormalScore::new(&reference, None, None, None).expect("fine");
            let prior = Transformed::new(scores, transform);
            let drawn = |data: &Conditioning, k| prior.realization(data, 4, k).expect("fine").values.expect("values");
            let conditioned = drawn(&data, 0);
            assert!(data.values.iter().all(|known| conditioned[known.cell] == known.value as f32));
            // Shares below the quartiles, over realizations: means within 4.5 of their standard errors.
            let mut sorted = reference.clone();
            sorted.sort_by(f64::total_cmp);
            for quartile in 1..4 {
                let limit = sorted[quartile * 125] as f32;
                let share =
                    |k| drawn(&Conditioning::default(), k).iter().filter(|&&z| z < limit).count() as f64 / 900.0;
                let shares: Vec<f64> = (0..60).map(share).collect();
                let mean = shares.iter().sum::<f64>() / 60.0;
                let error = (shares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (60.0 * 59.0)).sqrt();
                let expected = quartile as f64 / 4.0;
                assert!((mean - expected).abs() < 4.5 * error + 0.001, "quartile {quartile}: {mean} ± {error}");
            }
        }
    }

    #[test]
    fn what_is_no_distribution_is_told() {
        let said = |result: Result<NormalScore>, words: &str| {
            let message = result.expect_err("wrong").to_string();
            assert!(message.contains(words), "{message:?} should say {words:?}");
        };
        said(NormalScore::new(&[], None, None, None), "no value");
        said(NormalScore::new(&[2.0, 2.0], None, None, None), "every value is 2");
        said(NormalScore::new(&[2.0, f64::NAN], None, None, None), "value 1 (from 0) is NaN");
        said(NormalScore::new(&[2.0, 3.0], Some(&[1.0, 0.0]), None, None), "weight 0");
        said(
            NormalScore::new(&[2.0, 3.0], None, Some(Tail { limit: 2.5, power: 1.0 }), None),
            "lower tail ends at 2.5",
        );
        said(NormalScore::new(&[2.0, 3.0], None, None, Some(Tail { limit: 4.0, power: 0.0 })), "power 0");
    }
}
