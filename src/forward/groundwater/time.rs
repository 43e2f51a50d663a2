//! Steps in time.

use crate::error::{Error, Result};

/// The ends of the steps of a transient \[s\], from t = 0 on, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeSteps(Vec<f64>);

impl TimeSteps {
    /// Steps that end at `ends` \[s\].
    ///
    /// # Errors
    /// No step; a time that is not finite, or not after the one before it.
    pub fn new(ends: Vec<f64>) -> Result<Self> {
        if ends.is_empty() {
            return Err(Error::input("time steps", "there is none", "give the end of at least one step in s"));
        }
        let mut before = 0.0;
        for (step, &end) in ends.iter().enumerate() {
            if !(end.is_finite() && end > before) {
                return Err(Error::input(
                    format!("time step {}", step + 1),
                    format!("it ends at {end} s, not after the {before} s where it begins"),
                    "give the ends of the steps in increasing order, the first after 0 s",
                ));
            }
            before = end;
        }
        Ok(Self(ends))
    }

    /// `count` steps until `end` \[s\], each `factor` times as long as the one before it.
    ///
    /// # Errors
    /// No step, a factor or an end that is not positive.
    pub fn geometric(end: f64, count: usize, factor: f64) -> Result<Self> {
        if !(factor.is_finite() && factor > 0.0) {
            return Err(Error::input(
                "time steps",
                format!("{factor} is no factor between the lengths of steps"),
                "give a positive number, 1 for steps of one length",
            ));
        }
        let lengths: Vec<f64> = (0..count).map(|step| factor.powi(step as i32)).collect();
        let total: f64 = lengths.iter().sum();
        let mut sum = 0.0;
        let mut ends: Vec<f64> = lengths
            .iter()
            .map(|length| {
                sum += length;
                end * (sum / total)
            })
            .collect();
        if let Some(last) = ends.last_mut() {
            *last = end;
        }
        Self::new(ends)
    }

    /// The same steps, cut at `times` too, so that nothing is interpolated there; times outside of the run are left out.
    #[must_use]
    pub fn cut_at(&self, times: &[f64]) -> Self {
        let mut ends = self.0.clone();
        ends.extend(times.iter().filter(|&&t| t > 0.0 && t < self.end()));
        ends.sort_by(f64::total_cmp);
        ends.dedup();
        Self(ends)
    }

    /// Ends of the steps \[s\].
    pub fn ends(&self) -> &[f64] {
        &self.0
    }

    /// Number of steps N.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// End of the run \[s\].
    pub fn end(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    /// A time as the run has it \[s\], `None` outside of 0..=end: one after the end by no more than the sum of N steps
    /// is rounded, `8 N ε` of the end, is the end.
    pub fn inside(&self, time: f64) -> Option<f64> {
        let rounding = 8.0 * self.count() as f64 * f64::EPSILON;
        (0.0..=self.end() * (1.0 + rounding)).contains(&time).then(|| time.min(self.end()))
    }

    /// Length of step `step`, 1 ≤ step ≤ N \[s\].
    pub fn length(&self, step: usize) -> f64 {
        self.0[step - 1] - self.start(step)
    }

    /// Where step `step` begins \[s\].
    pub fn start(&self, step: usize) -> f64 {
        if step == 1 { 0.0 } else { self.0[step - 2] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_rounding_puts_after_the_end_is_the_end() {
        let mut end = 0.0;
        let ends = std::iter::repeat_with(|| {
            end += 0.1;
            end
        });
        let steps = TimeSteps::new(ends.take(10).collect()).expect("ten steps");
        assert!(steps.end() < 1.0, "the sum is rounded down");
        assert_eq!(steps.inside(1.0), Some(steps.end()));
        assert_eq!([steps.inside(0.3), steps.inside(0.0)], [Some(0.3), Some(0.0)]);
        assert_eq!([steps.inside(1.0 + 1e-12), steps.inside(-1e-300), steps.inside(f64::NAN)], [None; 3]);
    }
}
