//! The penalties of the distance to the nearest facies, in units of half the smallest gap c: z = x/c, D/c².
//!
//! For θ at distance σ from its nearest facies the minimiser of `(σ − z)² + β D(z)` lies in \[0, σ\]. Where D is not
//! convex the derivative rises, falls and rises again; each rising piece holds at most one minimum, found by bisection to
//! the last bit, and the cheaper of the two is taken.

use super::Penalty;

/// `D/c²` at distance z.
pub(super) fn value(penalty: &Penalty, z: f64) -> f64 {
    match penalty {
        Penalty::Tukey => (1.0 - (1.0 - z.min(1.0).powi(2)).powi(3)) / 6.0,
        Penalty::TruncatedQuadratic => (z * z).min(1.0),
        Penalty::GemanMcClure => z * z / (1.0 + z * z),
        Penalty::Wells(_) => unreachable!("wells are no function of the distance to the nearest facies"),
    }
}

/// The minimiser of `(σ − z)² + β D(z)` for σ ≥ 0; of two the nearer to the facies.
pub(super) fn minimize(penalty: &Penalty, sigma: f64, beta: f64) -> f64 {
    match penalty {
        Penalty::TruncatedQuadratic => {
            // The pulled minimum costs β σ²/(1 + β), leaving θ as it is β, which is possible for σ ≥ 1 only.
            if sigma * sigma <= 1.0 + beta { sigma / (1.0 + beta) } else { sigma }
        }
        Penalty::Tukey => {
            let slope = |z: f64| (z - sigma) + 0.5 * beta * z * (1.0 - z * z).powi(2);
            // 1 + (β/2)(1 − w)(1 − 5w) = 0, w = z².
            let turns = (beta > 2.5).then(|| {
                let root = (4.0 - 10.0 / beta).sqrt();
                [((3.0 - root) / 5.0).sqrt(), ((3.0 + root) / 5.0).sqrt()]
            });
            let pulled = cheapest(penalty, sigma, beta, turns, sigma.min(1.0), slope);
            // Beyond c the penalty is flat.
            let free = (sigma > 1.0).then_some(sigma);
            cheaper(penalty, sigma, beta, [pulled, free])
        }
        Penalty::GemanMcClure => {
            let slope = |z: f64| (z - sigma) + beta * z / (1.0 + z * z).powi(2);
            // (1 + w)³ + β (1 − 3w) = 0, w = z²: least at w = √β − 1, where it is 2β (2 − √β).
            let turns = (beta > 4.0).then(|| {
                let cubic = |w: f64| (1.0 + w).powi(3) + beta * (1.0 - 3.0 * w);
                let middle = beta.sqrt() - 1.0;
                [root(0.0, middle, |w| -cubic(w)).sqrt(), root(middle, (3.0 * beta).sqrt(), cubic).sqrt()]
            });
            let pulled = cheapest(penalty, sigma, beta, turns, sigma, slope);
            cheaper(penalty, sigma, beta, [pulled, None])
        }
        Penalty::Wells(_) => unreachable!("wells are no function of the distance to the nearest facies"),
    }
}

/// The cheapest zero of `slope` in \[0, top\] where the slope rises, `None` where there is none: it rises outside of
/// `turns` and falls between them.
fn cheapest(
    penalty: &Penalty,
    sigma: f64,
    beta: f64,
    turns: Option<[f64; 2]>,
    top: f64,
    slope: impl Fn(f64) -> f64,
) -> Option<f64> {
    let pieces = match turns {
        None => [Some((0.0, top)), None],
        Some([peak, trough]) => [Some((0.0, peak.min(top))), (trough < top).then_some((trough, top))],
    };
    let minimum = |piece: Option<(f64, f64)>| {
        piece.filter(|&(a, b)| slope(a) <= 0.0 && slope(b) >= 0.0).map(|(a, b)| root(a, b, &slope))
    };
    let [low, high] = pieces.map(minimum);
    low.or(high)?;
    Some(cheaper(penalty, sigma, beta, [low, high]))
}

/// The candidate of the least objective, of equal ones the first.
fn cheaper(penalty: &Penalty, sigma: f64, beta: f64, candidates: [Option<f64>; 2]) -> f64 {
    let cost = |z: f64| (sigma - z).powi(2) + beta * value(penalty, z);
    match candidates {
        [Some(a), Some(b)] if cost(b) < cost(a) => b,
        [Some(a), _] => a,
        [None, Some(b)] => b,
        [None, None] => sigma,
    }
}

/// The zero of a rising function with `f(a) ≤ 0 ≤ f(b)`, to the last bit.
fn root(mut a: f64, mut b: f64, f: impl Fn(f64) -> f64) -> f64 {
    loop {
        let middle = 0.5 * (a + b);
        if middle <= a || middle >= b {
            return if -f(a) < f(b) { a } else { b };
        }
        if f(middle) <= 0.0 {
            a = middle;
        } else {
            b = middle;
        }
    }
}
