use proptest::prelude::*;

use super::*;

fn wells(facies: &[f64], heights: &[f64]) -> DiscretePotential {
    DiscretePotential::new(facies.to_vec(), Penalty::Wells(heights.to_vec())).unwrap()
}

fn robust(facies: &[f64], penalty: Penalty) -> DiscretePotential {
    DiscretePotential::new(facies.to_vec(), penalty).unwrap()
}

fn objective(potential: &DiscretePotential, theta: f64, beta: f64, u: f64) -> f64 {
    (theta - u).powi(2) + beta * potential.value(u)
}

/// The minimiser is no dearer than any point of a fine grid of its range, and near the best of them unless that is a tie.
fn assert_least(potential: &DiscretePotential, theta: f64, beta: f64, points: usize) {
    let (first, last) = potential.range();
    let found = potential.minimize(theta, beta);
    assert!((first..=last).contains(&found), "{found} lies outside of the facies");
    let cost = objective(potential, theta, beta, found);
    let step = (last - first) / points as f64;
    let all = (0..=points).map(|i| first + step * i as f64).map(|u| (objective(potential, theta, beta, u), u));
    let best = all.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    let rounding = 1e-13 * (best.0 + (last - first).powi(2));
    assert!(cost <= best.0 + rounding, "{potential:?}: θ = {theta}, β = {beta}: {found} costs {cost}, {best:?}");
    // What the grid can miss: f(u + δ) − f(u) at a minimum is at most (1 + β max D''/2) δ².
    let steepness = 1.0 + beta * 8.0 / potential.first_weight();
    let near = (found - best.1).abs() <= 2.0 * step;
    assert!(near || best.0 - cost <= steepness * step * step + rounding, "{found} is no tie with {best:?}");
}

fn all_kinds(facies: &[f64], heights: &[f64]) -> Vec<DiscretePotential> {
    let mut all = vec![wells(facies, heights)];
    all.extend([Penalty::Tukey, Penalty::TruncatedQuadratic, Penalty::GemanMcClure].map(|kind| robust(facies, kind)));
    all
}

#[test]
fn no_value_of_a_fine_grid_is_cheaper() {
    for (facies, heights) in
        [(&[0.0, 2.0, 3.0][..], &[100.0, 1.0][..]), (&[-4.0, -2.9], &[1.0]), (&[0.0, 0.1, 5.0, 6.0], &[3.0, 0.5, 1.0])]
    {
        for potential in all_kinds(facies, heights) {
            let (first, last) = potential.range();
            for factor in [0.0, 1e-3, 0.5, 1.0, 1.999, 2.0, 2.001, 2.5, 3.0, 4.0, 4.001, 5.0, 8.0, 32.0, 1e3, 1e6] {
                for at in 0..=60 {
                    let theta = first - 0.2 + (last - first + 0.4) * f64::from(at) / 60.0;
                    assert_least(&potential, theta, factor * potential.first_weight(), 4000);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn no_value_is_cheaper_for_any_facies(
        gaps in prop::collection::vec(0.05..3.0f64, 1..5),
        log_heights in prop::collection::vec(-4.0..4.0f64, 4),
        start in -5.0..5.0f64,
        place in -0.05..1.05f64,
        log_factor in -6.0..14.0f64,
    ) {
        let mut facies = vec![start];
        gaps.iter().for_each(|gap| facies.push(facies[facies.len() - 1] + gap));
        let heights: Vec<f64> = log_heights[..gaps.len()].iter().map(|h| h.exp()).collect();
        let theta = start + place * gaps.iter().sum::<f64>();
        for potential in all_kinds(&facies, &heights) {
            assert_least(&potential, theta, log_factor.exp() * potential.first_weight(), 2000);
        }
    }
}

#[test]
fn the_minimisers_are_those_known_by_hand() {
    // b = β h Δ²/2 = 2: 2y³ − y = τ has the root 1/√2 for τ = 0 and 1 for τ = 1; y = 0.9 for τ = 0.558.
    let potential = wells(&[-1.0, 1.0], &[1.0]);
    assert!((potential.minimize(0.0, 1.0) + 0.5f64.sqrt()).abs() < 1e-15, "a tie goes to the lower facies");
    assert!((potential.minimize(1e-15, 1.0) - 0.5f64.sqrt()).abs() < 1e-14);
    assert!((potential.minimize(0.558, 1.0) - 0.9).abs() < 1e-15);
    assert!((potential.minimize(-0.558, 1.0) + 0.9).abs() < 1e-15);
    // b = 1: the root is τ^{1/3}, whatever its size.
    assert!((potential.minimize(2f64.powi(-30), 0.5) - 2f64.powi(-10)).abs() < 1e-15);
    assert_eq!(potential.minimize(0.0, 0.5), 0.0);
    // Truncated at c = 1/2: 0.3/(1 + β) below √(1 + β) c, θ beyond it (of facies with a wide gap).
    let truncated = robust(&[0.0, 1.0, 4.0], Penalty::TruncatedQuadratic);
    assert!((truncated.minimize(0.3, 2.0) - 0.1).abs() < 1e-16);
    assert!((truncated.minimize(2.4, 3.0) - 2.4).abs() < 1e-15);
    // Tukey at β = 2, σ = ½: z − ½ + z (1 − z²)² = 0 has the root 0.2687.
    let tukey = robust(&[0.0, 2.0], Penalty::Tukey);
    let z = tukey.minimize(0.5, 2.0);
    assert!((z - 0.5 + z * (1.0 - z * z).powi(2)).abs() < 1e-14 && (z - 0.2687).abs() < 1e-5, "{z}");
}

#[test]
fn no_weight_leaves_theta_and_a_large_one_the_nearest_facies() {
    for potential in all_kinds(&[0.0, 2.0, 3.0], &[100.0, 1.0]) {
        for theta in [-0.5, 0.0, 0.3, 0.99, 1.01, 1.7, 2.0, 2.4, 2.6, 2.9, 3.0, 3.5] {
            assert!((potential.minimize(theta, 0.0) - theta.clamp(0.0, 3.0)).abs() < 1e-15);
            let facies = potential.facies()[usize::from(potential.nearest(theta))];
            let settled = potential.minimize(theta, 1e16);
            // Where Tukey and the truncated quadratic are flat, θ far beyond c costs no more than c²: finite β moves it.
            assert!((settled - facies).abs() < 1e-12, "{potential:?}: {theta} goes to {settled}");
        }
        for &l in potential.facies() {
            assert_eq!(potential.minimize(l, 3.0), l, "a facies stays");
        }
    }
    let potential = wells(&[0.0, 2.0, 3.0], &[100.0, 1.0]);
    assert_eq!([-1.0, 1.0, 1.1, 2.5, 2.6, 9.0].map(|u| potential.nearest(u)), [0, 0, 1, 1, 2, 2]);
    assert_eq!(potential.round(ndarray::array![0.4, 2.2, 7.0].view()), ndarray::array![0.0, 2.0, 3.0]);
}

#[test]
fn a_continuation_doubles_the_weight_and_ends_at_facies() {
    let potential = wells(&[0.0, 2.0, 3.0], &[100.0, 1.0]);
    assert_eq!(potential.first_weight(), 1.0 / 400.0);
    let theta = Array1::from_shape_fn(1000, |i| -0.1 + 3.2e-3 * i as f64);
    let map = DiscreteMap::new(potential.clone(), Strength::DOUBLING, None).unwrap();
    assert_eq!([1, 2, 5].map(|k| map.weight(k) * 400.0), [1.0, 2.0, 16.0]);
    let mut total = f64::INFINITY;
    for iteration in 1..=80 {
        let projection = map.project(theta.view(), iteration).unwrap();
        let now = potential.total(projection.model.view());
        assert!(now <= total, "the potential falls as its weight rises");
        total = now;
        let facies = projection.facies.unwrap();
        assert!(theta.iter().zip(facies).all(|(&theta, code)| code == potential.nearest(theta)));
    }
    // θ in the middle of two facies stays in the middle of neither.
    let last = map.project(theta.view(), 80).unwrap().model;
    assert!((&last - &potential.round(theta.view())).iter().all(|d| d.abs() < 1e-14));
    assert!(map.project(ndarray::array![f64::NAN].view(), 1).is_err());
}

#[test]
fn what_is_no_potential_is_refused() {
    let refused = |facies: &[f64], penalty: Penalty| DiscretePotential::new(facies.to_vec(), penalty).is_err();
    assert!(refused(&[1.0], Penalty::Tukey));
    assert!(refused(&[1.0, 1.0], Penalty::Tukey));
    assert!(refused(&[2.0, 1.0], Penalty::GemanMcClure));
    assert!(refused(&[0.0, f64::NAN], Penalty::Tukey));
    assert!(refused(&[0.0, 1.0], Penalty::Wells(vec![])));
    assert!(refused(&[0.0, 1.0], Penalty::Wells(vec![-1.0])));
    assert!(refused(&[0.0, 1.0], Penalty::Wells(vec![f64::NAN])));
    let potential = wells(&[0.0, 1.0], &[1.0]);
    assert!(DiscreteMap::new(potential, Strength::Fixed(f64::NAN), None).is_err());
}

#[test]
fn the_device_agrees_with_the_definition() {
    let Some(gpu) = crate::testing::gpu() else { return };
    for outcome in verify(Some(gpu), 3).unwrap() {
        assert!(outcome.passed(), "{outcome:?}");
    }
}
