//! The checks that everything must pass: dot-product test, Taylor test, twins agree. Used by the tests and by
//! `lithoscope verify`.

use ndarray::{Array1, ArrayView1};

use crate::error::Result;
use crate::operator::{LinearOperator, Operator};
use crate::random::{Purpose, Stream};

/// One line of the table that `lithoscope verify` prints: the worst case of one check against its bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What was checked, e.g. `"straight_ray/forward"`.
    pub name: String,
    /// The inputs of the worst case, in words: sizes, shapes.
    pub case: String,
    /// The largest error found.
    pub error: f64,
    /// The bound that holds for it.
    pub bound: f64,
}

impl Outcome {
    /// Whether the error is within its bound. NaN never passes.
    pub fn passed(&self) -> bool {
        self.error <= self.bound
    }

    /// Compares two results element by element, each with a bound of its own, and keeps the element that comes
    /// nearest to (or exceeds most) its bound.
    pub fn compare(
        name: &str,
        case: &str,
        found: ArrayView1<'_, f64>,
        expected: ArrayView1<'_, f64>,
        bound: ArrayView1<'_, f64>,
    ) -> Self {
        assert_eq!(found.len(), expected.len(), "{name}: lengths of the two results");
        assert_eq!(bound.len(), expected.len(), "{name}: one bound a result");
        let mut worst = Self { name: name.into(), case: case.into(), error: 0.0, bound: f64::MIN_POSITIVE };
        let mut ratio = 0.0;
        for ((&a, &b), &limit) in found.iter().zip(expected).zip(bound) {
            let error = (a - b).abs();
            let error = if error.is_nan() { f64::INFINITY } else { error };
            let this = if error == 0.0 { 0.0 } else { error / limit.max(f64::MIN_POSITIVE) };
            if this > ratio {
                ratio = this;
                (worst.error, worst.bound) = (error, limit);
            }
        }
        worst
    }

    /// The worse of two outcomes of the same check.
    pub fn worse(self, other: Self) -> Self {
        let ratio = |o: &Self| if o.error == 0.0 { 0.0 } else { o.error / o.bound };
        if ratio(&other) > ratio(&self) || ratio(&other).is_nan() { other } else { self }
    }
}

/// Dot-product test: `|⟨A x, y⟩ − ⟨x, Aᵀ y⟩|` relative to `‖A x‖ ‖y‖`, for random x and y.
pub fn dot_test(operator: &dyn LinearOperator, seed: u64) -> f64 {
    let mut stream = Stream::new(seed, Purpose::Check, 0, 0);
    let x = Array1::from(stream.normals(operator.cols()));
    let y = Array1::from(stream.normals(operator.rows()));
    let forward = operator.apply(x.view());
    let backward = operator.adjoint(y.view());
    let scale = (forward.dot(&forward) * y.dot(&y)).sqrt().max(f64::MIN_POSITIVE);
    (forward.dot(&y) - backward.dot(&x)).abs() / scale
}

/// Taylor test: the order at which `‖f(x + h δ) − f(x) − h J δ‖` falls with h, over four decades of h from `h0` down
/// (2 for a right Jacobian of a nonlinear f). Returns infinity where the remainder is at rounding level throughout, as
/// it is for a linear f.
pub fn taylor_order(f: &dyn Operator, x: ArrayView1<'_, f64>, direction: ArrayView1<'_, f64>, h0: f64) -> Result<f64> {
    let at = f.linearize(x)?;
    let slope = at.jacobian.apply(direction);
    let rounding = 1e-13 * (at.value.dot(&at.value).sqrt() + slope.dot(&slope).sqrt() * h0);
    let mut remainders = Vec::new();
    for step in 0..5 {
        let h = h0 * 10f64.powi(-step);
        let moved = f.predict((&x + &(h * &direction)).view())?;
        let remainder = (moved - &at.value - h * &slope).mapv(|r| r * r).sum().sqrt();
        remainders.push((h.log10(), remainder));
    }
    let usable: Vec<_> = remainders.into_iter().filter(|r| r.1 > 100.0 * rounding).collect();
    match (usable.first(), usable.last()) {
        (Some(first), Some(last)) if usable.len() >= 2 => Ok((first.1.log10() - last.1.log10()) / (first.0 - last.0)),
        _ => Ok(f64::INFINITY),
    }
}
