use ndarray::Axis;
use serde_json::Value;

use super::*;
use crate::random::{Purpose, Stream};

/// Coefficients, and the numbers of `tests/golden/sparse_pca.py`, which works with R and not with its Gram matrix.
fn golden() -> (Array2<f64>, Vec<Value>) {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/sparse_pca.json")).unwrap();
    let numbers = |row: &Value| -> Vec<f64> { row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect() };
    let rows: Vec<Vec<f64>> = golden["coefficients"].as_array().unwrap().iter().map(numbers).collect();
    let (k, l) = (rows.len(), rows[0].len());
    let v = Array2::from_shape_vec((k, l), rows.concat()).unwrap();
    (v, golden["runs"].as_array().unwrap().clone())
}

#[test]
fn components_are_those_of_an_independent_computation() {
    let (v, runs) = golden();
    for run in runs {
        let expected = run["components"].as_array().unwrap();
        let found = SparsePca::new(v.view(), expected.len(), run["threshold"].as_f64().unwrap()).unwrap();
        assert_eq!(found.components.len(), expected.len());
        for (found, expected) in found.components.iter().zip(expected) {
            let columns: Vec<usize> =
                expected["columns"].as_array().unwrap().iter().map(|c| c.as_u64().unwrap() as usize).collect();
            assert_eq!(found.columns, columns);
            let size = expected["size"].as_f64().unwrap();
            assert!((found.size - size).abs() < 1e-6 * size, "{} {size}", found.size);
            for (found, expected) in found.loadings.iter().zip(expected["loadings"].as_array().unwrap()) {
                assert!((found - expected.as_f64().unwrap()).abs() < 1e-6, "{found} {expected}");
            }
        }
        assert!((found.explained - run["explained"].as_f64().unwrap()).abs() < 1e-8, "{}", found.explained);
        assert_eq!(found.unsettled, 0);
    }
}

#[test]
fn groups_shrink_with_the_threshold_and_the_large_coefficient_stands_alone() {
    let (v, _) = golden();
    let sizes: Vec<f64> =
        [0.0, 0.05, 0.1, 0.2, 0.4, 0.8].iter().map(|&t| SparsePca::new(v.view(), 8, t).unwrap().mean_size()).collect();
    assert!(sizes.windows(2).all(|w| w[1] <= w[0]), "{sizes:?}");
    assert_eq!(sizes[0], 30.0, "without a threshold every component is full");
    let found = SparsePca::new(v.view(), 8, 0.2).unwrap();
    assert_eq!(found.components[0].columns, [0], "the coefficient of the mean");
    let used: std::collections::BTreeSet<usize> = found.groups().concat().into_iter().collect();
    assert!(found.dropped.iter().all(|i| !used.contains(i)));
    assert_eq!(found.dropped.len() + used.len(), 30);
}

#[test]
fn without_a_threshold_they_are_the_principal_components() {
    let (v, _) = golden();
    let found = SparsePca::new(v.view(), 5, 0.0).unwrap();
    let (values, vectors) = symmetric_eigen(&v.dot(&v.t())).unwrap();
    for (j, component) in found.components.iter().enumerate() {
        assert!((component.size - values[j].sqrt()).abs() < 1e-6 * values[0].sqrt());
        let cosine = Array1::from(component.loadings.clone()).dot(&vectors.column(j)).abs();
        assert!(cosine > 1.0 - 1e-8, "component {j}: {cosine}");
    }
    let expected = values.iter().take(5).sum::<f64>() / values.sum();
    assert!((found.explained - expected).abs() < 1e-9);
}

#[test]
fn the_mean_size_asked_for_is_met() {
    // Smooth covariances, as coefficients of realizations have.
    let mut stream = Stream::new(4, Purpose::Check, 0, 0);
    let (k, l) = (60, 200);
    let hidden = Array2::from_shape_vec((k, l), stream.normals(k * l)).unwrap();
    let mix = Array2::from_shape_fn((k, k), |(i, j)| (-(i.abs_diff(j) as f64) / 4.0).exp() / (1.0 + i as f64));
    let v = mix.dot(&hidden);
    for wanted in [4.0, 12.0] {
        let found = SparsePca::of_mean_size(v.view(), 40, wanted).unwrap();
        assert_eq!(found.components.len(), 40);
        assert!((found.mean_size() / wanted - 1.0).abs() < 0.1, "{} for {wanted}", found.mean_size());
        assert_eq!(found.expanded_columns(), found.groups().concat().len());
        let again = SparsePca::new(v.view(), 40, found.threshold).unwrap();
        assert_eq!(again, found);
        for component in &found.components {
            let square: f64 = component.loadings.iter().map(|w| w * w).sum();
            assert!((square - 1.0).abs() < 1e-12 && (component.weight() * component.size - 1.0).abs() < 1e-15);
            let weights = component.element_weights();
            assert!(weights.iter().zip(&component.loadings).all(|(k, w)| (k * k * w.abs() - 1.0).abs() < 1e-12));
        }
    }
    // Few coefficients are soon exhausted.
    let few = SparsePca::new(v.slice(ndarray::s![..1, ..]), 5, 0.3).unwrap();
    assert!(few.explained > 0.9 && few.components[0].columns == [0]);
}

/// Coefficients (8 × 8 lowest of 16 × 16) of channels that wind through any part of a map, in an orthonormal cosine
/// basis.
fn cosine_coefficients(realizations: usize) -> Array2<f64> {
    let (side, kept) = (16usize, 8usize);
    let cosine = Array2::from_shape_fn((kept, side), |(k, i)| {
        let scale = (if k == 0 { 1.0 } else { 2.0 } / side as f64).sqrt();
        scale * (std::f64::consts::PI * k as f64 * (i as f64 + 0.5) / side as f64).cos()
    });
    let mut stream = Stream::new(9, Purpose::Check, 0, 0);
    let mut v = Array2::zeros((kept * kept, realizations));
    for mut column in v.columns_mut() {
        let (middle, swing) = (stream.between(0.0, 16.0), stream.between(0.0, 3.0));
        let (phase, length) = (stream.between(0.0, 6.3), stream.between(8.0, 20.0));
        let map = Array2::from_shape_fn((side, side), |(y, x)| {
            let axis = middle + swing * (phase + std::f64::consts::TAU * x as f64 / length).sin();
            let across = (y as f64 - axis).rem_euclid(side as f64);
            f64::from(across.min(side as f64 - across) < 3.0)
        });
        column.assign(&cosine.dot(&map).dot(&cosine.t()).flatten());
    }
    v
}

#[test]
fn of_a_cosine_basis_the_constant_is_the_first_group_alone() {
    let v = cosine_coefficients(400);
    let found = SparsePca::of_mean_size(v.view(), 30, 3.0).unwrap();
    assert!((found.mean_size() / 3.0 - 1.0).abs() < 0.1, "{}", found.mean_size());
    assert_eq!(found.components[0].columns, [0]);
    // Every image of channels has nearly as many cells of channel: coefficient 0 varies little and weighs much.
    assert!(
        found.components[0].weight() < found.components.iter().skip(1).map(|c| c.weight()).fold(f64::MAX, f64::min)
    );
    assert!(found.explained > 0.9, "{}", found.explained);
}

#[test]
fn no_component_is_made_of_rounding() {
    // Coefficients of rank 3: what is left of the Gram matrix after three full components is rounding.
    let mut stream = Stream::new(5, Purpose::Check, 0, 0);
    let (k, l, rank) = (40, 100, 3);
    let left = Array2::from_shape_vec((k, rank), stream.normals(k * rank)).unwrap();
    let v = left.dot(&Array2::from_shape_vec((rank, l), stream.normals(rank * l)).unwrap());
    let found = SparsePca::new(v.view(), 10, 0.0).unwrap();
    assert_eq!(found.components.len(), rank);
    assert!((found.explained - 1.0).abs() < 1e-11, "{}", found.explained);
}

#[test]
fn weights_of_the_l1_norm_are_those_of_the_second_moment() {
    let v = ndarray::array![[3.0, -4.0], [0.5, 0.5]];
    let weights = second_moment_weights(v.view()).unwrap();
    assert!((weights[0] - 1.0 / 12.5f64.sqrt()).abs() < 1e-15 && (weights[1] - 2.0).abs() < 1e-15);
    assert!(second_moment_weights(ndarray::array![[0.0, 0.0], [1.0, 2.0]].view()).is_err());
}

#[test]
fn coefficients_that_say_nothing_are_refused() {
    let zero = Array2::<f64>::zeros((4, 6));
    assert!(SparsePca::new(zero.view(), 2, 0.1).is_err());
    let mut wrong = golden().0;
    assert!(SparsePca::new(wrong.view(), 0, 0.1).is_err());
    assert!(SparsePca::new(wrong.view(), 2, 1.0).is_err());
    assert!(SparsePca::of_mean_size(wrong.view(), 2, 31.0).is_err());
    assert!(
        SparsePca::new(wrong.index_axis(Axis(1), 0).insert_axis(Axis(1)).slice(ndarray::s![.., ..0]), 1, 0.1).is_err()
    );
    wrong[[3, 2]] = f64::NAN;
    let error = SparsePca::new(wrong.view(), 2, 0.1).unwrap_err().to_string();
    assert!(error.contains("coefficient 3 of realization 2"), "{error}");
}
