use std::collections::BTreeSet;

use ndarray::s;

use super::*;
use crate::case::file::Weights;
use crate::case::{Experiment, Overrides, Signal, built_in, documentation, write};

fn parsed(text: &str) -> Signal {
    match Experiment::parse_with(text, "case.toml", &Overrides::default()) {
        Ok(Experiment::Signal(signal)) => *signal,
        other => panic!("no signal: {other:?}"),
    }
}

fn built_in_case() -> Signal {
    parsed(built_in::get("ch2-signal").expect("a built-in case").text)
}

#[test]
fn the_case_has_the_numbers_of_its_source_and_is_written_and_read_again_equal() {
    let signal = built_in_case();
    assert_eq!((signal.entries, signal.group, &signal.active[..]), (150, 15, &[2, 7][..]));
    assert_eq!(signal.measurements, [10, 20, 40, 60, 80]);
    let groups: Vec<_> = signal.methods.iter().map(|m| (m.name.as_str(), m.group)).collect();
    assert_eq!(groups, [("group", 15), ("l1", 1), ("split", 5), ("misplaced", 10)]);
    let weights = signal.weights.as_ref().expect("weights");
    let lambdas: Vec<f64> = weights.values().collect();
    assert_eq!((weights.measurements, lambdas[0], lambdas.len()), (60, 1e-15, 108));
    assert!(lambdas[107] == 800.0 && lambdas.windows(2).all(|w| w[0] < w[1]));
    for written in [signal.to_toml(), documentation::show_signal(&signal)] {
        assert_eq!(parsed(&written), signal, "{written}");
    }
    let estimate = estimate(&signal);
    assert!(estimate.bytes() > 1e5 && estimate.seconds() < 600.0, "{estimate}");
}

#[test]
fn every_key_is_explained_and_every_explanation_is_used() {
    let mut used = BTreeSet::new();
    let mut section = "";
    for line in write::signal_lines(&built_in_case()) {
        let path = match line {
            write::Line::Section { path, .. } => {
                section = path;
                path.to_owned()
            }
            write::Line::Key { key, .. } if section.is_empty() => key.to_owned(),
            write::Line::Key { key, .. } => format!("{section}.{key}"),
        };
        used.insert(path);
    }
    let explained: BTreeSet<String> = documentation::SIGNAL_KEYS.iter().map(|(key, _)| (*key).to_owned()).collect();
    assert_eq!(used, explained);
}

#[test]
fn mistakes_are_told_together() {
    let text = built_in_case().to_toml();
    let mistakes = |changes: &[(&str, &str)]| {
        let changed = changes.iter().fold(text.clone(), |text, (from, to)| {
            assert!(text.contains(from), "{from} in {text}");
            text.replace(from, to)
        });
        Experiment::parse_with(&changed, "case.toml", &Overrides::default()).expect_err("mistakes").to_string()
    };
    let found = mistakes(&[("group = 10", "group = 11"), ("[3, 8]", "[3, 11]"), ("10, 20, 40", "20, 10, 40")]);
    for line in [
        "method[4].group: groups of 11 do not fill 150 entries",
        "signal.active[2]: found 11, expected a whole number from 1 to 10",
        "signal.measurements: the numbers are out of order",
    ] {
        assert!(found.contains(line), "{line}\nis not in\n{found}");
    }
    for (from, to, line) in [
        ("\"l1\"", "\"group\"", "method[2].name: two methods are called \"group\""),
        ("sigma = 0.01", "sigma = 0", "signal.sigma: found 0, expected a share above 0"),
        ("largest = 800", "largest = 1e-16", "weights.largest: the largest weight is"),
        ("method = \"group\"", "method = \"grop\"", "weights.method: found \"grop\", expected one of"),
        ("entries = 150", "entris = 150", "signal.entries: the key is missing"),
        ("[reference]", "[grid]\ncells = [3, 3]\n[reference]", "grid: unknown key"),
    ] {
        let found = mistakes(&[(from, to)]);
        assert!(found.contains(line), "{line}\nis not in\n{found}");
    }
}

#[test]
fn a_reference_is_group_sparse_and_fewer_measurements_are_the_first_of_more() {
    let signal = built_in_case();
    let reference = Reference::new(&signal, 1);
    let active: Vec<usize> = (0..150).filter(|&i| reference.v[i] != 0.0).map(|i| i / 15).collect();
    assert_eq!(active, [[2; 15], [7; 15]].concat());
    let fewer = Reference::new(&Signal { measurements: vec![10], weights: None, ..signal.clone() }, 1);
    assert_eq!((fewer.matrix.nrows(), &fewer.v), (10, &reference.v));
    assert_eq!(fewer.matrix, reference.matrix.slice(s![..10, ..]));
    assert!(Reference::new(&signal, 2).v != reference.v);
    // Whitened, the data have the root mean square 1/σ, and A v is what they are.
    let measured = reference.measured(40, 0.01);
    assert!((measured.data.dot(&measured.data) / 40.0 - 1e4).abs() < 1e-8);
    let misses = measured.matrix.dot(&reference.v) - &measured.data;
    assert!(misses.iter().all(|x| x.abs() < 1e-9));
}

#[test]
fn groups_are_selected_by_a_tenth_of_the_largest() {
    let v = ndarray::array![3.0, 4.0, 0.0, 0.5, 0.0, 0.49];
    assert_eq!(selected(v.view(), 2), [true, true, false]);
    assert_eq!(selected(ndarray::Array1::zeros(4).view(), 2), [false, false]);
}

#[test]
fn enough_measurements_recover_the_signal() {
    let signal = built_in_case();
    let reference = Reference::new(&signal, 1);
    let found = recover(&signal, &reference, &signal.methods[0], 80);
    let expected: Vec<bool> = (0..10).map(|g| [2, 7].contains(&g)).collect();
    assert_eq!((found.selected.as_slice(), found.group_mismatch), (&expected[..], 0.0));
    assert!(found.misfit <= 80.0 && found.misfit > 79.0, "the largest weight that fits: {}", found.misfit);
    assert!(found.relative_error < 0.05, "{}", found.relative_error);
    // Errors by hand, from v̂ itself.
    let squares: f64 = (&found.v - &reference.v).iter().map(|x| x * x).sum();
    assert!((found.errors.e1 - squares / 150.0).abs() < 1e-15);
    let relative = (squares / reference.v.dot(&reference.v)).sqrt();
    assert!((found.relative_error - relative).abs() < 1e-12);
}

#[test]
fn a_vanishing_weight_has_its_limit_and_a_large_one_leaves_nothing() {
    let signal = built_in_case();
    for number in 1..=3 {
        let reference = Reference::new(&signal, number);
        let weights = Weights { method: 0, measurements: 60, least: 1e-15, largest: 1e5, count: 201 };
        let found = scan(&signal, &reference, &weights);
        assert!(found[200].v.iter().all(|v| *v == 0.0), "at λ = 1e5");
        assert_eq!(found[0].v, found[50].v, "at λ = 1e-15 and 1e-10");
        // Towards the limit v changes in proportion to λ²: hundred times less from λ to λ/10 than from 10 λ to λ.
        let measured = reference.measured(60, signal.sigma);
        let gradient = measured.matrix.t().dot(&measured.data);
        let largest = (0..10).map(|g| gradient.slice(s![g * 15..(g + 1) * 15])).map(|g| 2.0 * g.dot(&g).sqrt());
        let largest = largest.fold(0.0, f64::max).sqrt();
        let at = |share: f64| {
            let of = share * largest;
            found.iter().min_by(|a, b| (a.lambda / of).ln().abs().total_cmp(&(b.lambda / of).ln().abs())).expect("some")
        };
        let norm = |a: &Recovered, b: &Recovered| {
            let d = &a.v - &b.v;
            d.dot(&d).sqrt()
        };
        let (far, near) = (norm(at(1e-2), at(1e-3)), norm(at(1e-3), at(1e-4)));
        assert!(near < 0.02 * far, "reference {number}: {near} against {far}");
        assert!(norm(at(1e-4), &found[0]) < 1e-3 * far, "reference {number}");
        // The data are met: G v̂ = d.
        assert!(found[0].misfit < 1e-6, "misfit {}", found[0].misfit);
    }
}
