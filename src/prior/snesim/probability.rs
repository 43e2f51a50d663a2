//! From replicates to the probabilities of facies: soft data and servo.

/// `P(k | event, soft)` by the tau model (Journel 2002): odds `o = o_A (o_B/o_A)^τ₁ (o_C/o_A)^τ₂` of prior A, event B and
/// soft data C for each facies against the others, rescaled to sum to one. Where event and soft data exclude every
/// facies between them, the soft data are followed.
pub(super) fn tau_model(p: &mut [f64], prior: &[f64], soft: &[f32], tau: [f64; 2]) {
    let odds = |p: f64| p / (1.0 - p);
    // x⁰ = 1 for every x and x¹ = x exactly, on every platform.
    let power = |x: f64, t: f64| if t == 1.0 { x } else { x.powf(t) };
    for k in 0..p.len() {
        let soft = f64::from(soft[k]);
        let (a, b, c) = (odds(prior[k]), odds(p[k]), odds(soft));
        let certain = tau[1] > 0.0 && (soft == 0.0 || soft == 1.0);
        p[k] = if certain {
            soft
        } else if prior[k] == 0.0 || p[k] == 0.0 {
            0.0
        } else if p[k] == 1.0 || prior[k] == 1.0 {
            1.0
        } else {
            let o = a * power(b / a, tau[0]) * power(c / a, tau[1]);
            o / (1.0 + o)
        };
    }
    let sum: f64 = p.iter().sum();
    for k in 0..p.len() {
        p[k] = if sum > 0.0 { p[k] / sum } else { f64::from(soft[k]) };
    }
}

/// Servo correction `P(k) + μ w_k (target_k − current_k)`, μ = λ/(1−λ), clipped at zero, with the indicator's standard
/// deviation as the weight: `w = 2 √(P(1−P))`, 1 at P = ½.
///
/// Without the weight (Strebelle 2002) the correction works on events that leave no doubt as on those that do, and breaks up
/// bodies where a facies is rare: a facies that the training image does not show stays impossible here, and one that is
/// certain stays certain.
pub(super) fn servo(p: &mut [f64], lambda: f64, target: &[f64], tally: &[u64]) {
    let simulated: u64 = tally.iter().sum();
    if lambda == 0.0 || simulated == 0 {
        return;
    }
    let mu = lambda / (1.0 - lambda);
    // The target counts as one cell simulated before, so that the very first cells do not decide alone.
    let current = |k: usize| (tally[k] as f64 + target[k]) / (simulated as f64 + 1.0);
    let weight = |p: f64| 2.0 * (p * (1.0 - p).max(0.0)).sqrt();
    let corrected = |k: usize, p: f64| (p + mu * weight(p) * (target[k] - current(k))).max(0.0);
    if (0..p.len()).any(|k| corrected(k, p[k]) > 0.0) {
        for k in 0..p.len() {
            p[k] = corrected(k, p[k]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tau_model_follows_its_limits() {
        let (prior, soft) = ([0.7, 0.3], [0.2f32, 0.8]);
        let combine = |p: [f64; 2], tau| {
            let mut p = p;
            tau_model(&mut p, &prior, &soft, tau);
            p
        };
        let close = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).abs() < 1e-7 && (a[1] - b[1]).abs() < 1e-7;
        assert!(close(combine([0.9, 0.1], [1.0, 0.0]), [0.9, 0.1]), "tau 0 ignores the soft data");
        assert!(close(combine([0.7, 0.3], [1.0, 1.0]), [0.2, 0.8]), "an event that says nothing leaves the soft data");
        // Odds of facies 1: A 3/7, B 1/9, C 4: o = B C / A = 28/27.
        assert!(close(combine([0.9, 0.1], [1.0, 1.0]), [27.0 / 55.0, 28.0 / 55.0]));
        // τ = (1, 2): o = B (C/A)² = 1/9 · (28/3)² = 784/81.
        assert!(close(combine([0.9, 0.1], [1.0, 2.0]), [81.0 / 865.0, 784.0 / 865.0]));
        let mut certain = [1.0, 0.0];
        tau_model(&mut certain, &prior, &[0.0, 1.0], [1.0, 1.0]);
        assert_eq!(certain, [0.0, 1.0], "where both are certain the soft data are followed");
    }

    #[test]
    fn servo_pulls_towards_the_target_and_keeps_the_impossible() {
        let mut p = [0.5, 0.5, 0.0];
        servo(&mut p, 0.5, &[0.5, 0.3, 0.2], &[3, 6, 1]);
        // current = (3.5, 6.3, 1.2)/11; weight 1 at P = ½ and 0 at P = 0.
        let expected = [0.5 + (0.5 - 3.5 / 11.0), 0.5 + (0.3 - 6.3 / 11.0), 0.0];
        assert!(
            p.iter().zip(expected).all(|(p, e)| (p - e).abs() < 4.0 * f64::EPSILON),
            "{p:?}, expected {expected:?}"
        );
        let mut certain = [1.0, 0.0];
        servo(&mut certain, 0.9, &[0.0, 1.0], &[10, 0]);
        assert_eq!(certain, [1.0, 0.0], "what is certain stays");
        let mut doubtful = [0.9, 0.1];
        servo(&mut doubtful, 0.5, &[0.5, 0.5], &[9, 0]);
        // current = (9.5, 0.5)/10, weight 2 √0.09 = 0.6.
        assert!((doubtful[1] - (0.1 + 0.6 * 0.45)).abs() < 4.0 * f64::EPSILON, "{doubtful:?}");
    }
}
