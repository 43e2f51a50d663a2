use ndarray::{Array1, Array2, ArrayView1, Axis};
use serde::Deserialize;

use super::*;
use crate::linalg::dense;
use crate::random::{Purpose, Stream};

fn normals(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let numbers = Stream::new(seed, Purpose::Check, 0, 0).normals(rows * columns);
    Array2::from_shape_vec((rows, columns), numbers).expect("as many numbers as the shape has")
}

fn directions(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut atoms = normals(rows, columns, seed);
    atoms.outer_iter_mut().for_each(|mut atom| atom /= atom.dot(&atom).sqrt());
    atoms
}

/// Chosen atoms and coefficients by the definition: every candidate is tried, coefficients by least squares.
fn pursued(atoms: &Array2<f64>, signal: ArrayView1<'_, f64>, stop: Stop, selection: Selection) -> Vec<(usize, f64)> {
    let fitted = |chosen: &[usize]| {
        let part = atoms.select(Axis(0), chosen);
        let normal = dense::cholesky(&part.dot(&part.t())).expect("independent atoms");
        let values = normal.solve(part.dot(&signal).view());
        let residual = &signal - &part.t().dot(&values);
        (values, residual)
    };
    let (mut chosen, mut values, mut residual) = (Vec::new(), Array1::zeros(0), signal.to_owned());
    while chosen.len() < stop.sparsity && residual.dot(&residual).sqrt() > stop.error {
        let score = |&j: &usize| match selection {
            Selection::Correlation => atoms.row(j).dot(&residual).abs(),
            Selection::Decrease => {
                let residual = fitted(&[&chosen[..], &[j]].concat()).1;
                -residual.dot(&residual)
            }
        };
        let candidates = (0..atoms.nrows()).filter(|j| !chosen.contains(j));
        chosen.push(candidates.max_by(|a, b| score(a).total_cmp(&score(b))).expect("atoms left"));
        (values, residual) = fitted(&chosen);
    }
    chosen.into_iter().zip(values).collect()
}

#[test]
fn pursuit_is_its_definition() {
    for (k, m, sparsity) in [(1, 1, 1), (31, 17, 9), (32, 40, 12), (77, 20, 13)] {
        let (atoms, signals) = (directions(k, m, 1), normals(131, m, 2));
        for selection in [Selection::Correlation, Selection::Decrease] {
            for stop in [Stop { sparsity, error: 0.0 }, Stop { sparsity, error: 2.0 }] {
                let codes = Pursuit::new(&atoms, selection).code(&atoms, signals.view(), stop).expect("finite");
                for i in (0..signals.nrows()).step_by(7) {
                    let expected = pursued(&atoms, signals.row(i), stop, selection);
                    let found: Vec<_> = codes.of(i).collect();
                    assert_eq!(found.len(), expected.len(), "signal {i}, {selection:?}, {stop:?}");
                    for ((a, x), (b, y)) in found.into_iter().zip(expected) {
                        assert_eq!(a, b, "signal {i}, {selection:?}, {stop:?}");
                        assert!((x - y).abs() <= 1e-10 * (1.0 + y.abs()), "{x} {y}");
                    }
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Golden {
    sparsity: usize,
    error: f64,
    atoms: Vec<Vec<f64>>,
    signals: Vec<Vec<f64>>,
    sparse: Vec<Vec<f64>>,
    bounded: Vec<Vec<f64>>,
}

fn matrix(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

#[test]
fn codes_are_those_of_scikit_learn() {
    let golden: Golden = serde_json::from_str(include_str!("../../../tests/golden/omp.json")).expect("golden numbers");
    let (atoms, signals) = (matrix(&golden.atoms), matrix(&golden.signals));
    let pursuit = Pursuit::new(&atoms, Selection::Correlation);
    let code = |signals: &Array2<f64>, sparsity, error| {
        let codes = pursuit.code(&atoms, signals.view(), Stop { sparsity, error }).expect("finite signals");
        codes.dense(atoms.nrows()).reversed_axes()
    };
    let sparse: Vec<usize> = (0..signals.nrows()).filter(|&i| i != 4).collect();
    for (found, expected) in [
        (code(&signals.select(Axis(0), &sparse), golden.sparsity, 0.0), matrix(&golden.sparse)),
        (code(&signals, atoms.ncols(), golden.error), matrix(&golden.bounded)),
    ] {
        for (a, b) in found.iter().zip(&expected) {
            assert!((*a == 0.0) == (*b == 0.0) && (a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{a} {b}");
        }
    }
}

#[test]
fn a_signal_that_is_exhausted_or_zero_has_a_short_code() {
    let atoms = directions(40, 11, 3);
    let mut signals = Array2::zeros((3, 11));
    signals.row_mut(1).assign(&(&atoms.row(5) * 2.0 - &atoms.row(30)));
    signals.row_mut(2).assign(&normals(1, 11, 4).row(0));
    let stop = Stop { sparsity: 20, error: 0.0 };
    for selection in [Selection::Correlation, Selection::Decrease] {
        let codes = Pursuit::new(&atoms, selection).code(&atoms, signals.view(), stop).expect("finite");
        assert_eq!(codes.counts.to_vec(), [0, codes.counts[1], 11], "eleven numbers need eleven atoms");
        let residual = codes.residual(signals.view(), &atoms);
        assert!(residual.iter().all(|r| r.abs() <= 1e-12), "{residual}");
    }
    let codes = Pursuit::new(&atoms, Selection::Correlation).code(&atoms, signals.view(), stop).expect("finite");
    let mut code: Vec<_> = codes.of(1).collect();
    code.sort_by_key(|c| c.0);
    assert!(code.len() == 2 && (code[0].1 - 2.0).abs() <= 1e-12 && (code[1].1 + 1.0).abs() <= 1e-12, "{code:?}");
}
