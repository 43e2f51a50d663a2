use super::*;
use crate::prior::kriging::Estimator;
use crate::prior::pattern_statistics::{indicator_variogram, proportions};
use crate::prior::variogram::{Shape, Structure};

const PROPORTIONS: [f64; 3] = [0.5, 0.3, 0.2];

fn variogram(shape: Shape, ranges: [f64; 3], nugget: f64) -> Variogram {
    let structure = Structure { ranges, azimuth: 90.0, ..Structure::isotropic(shape, 1.0 - nugget, 1.0) };
    Variogram::new(nugget, &[structure]).expect("a variogram")
}

/// One for each of three facies.
fn own() -> Vec<Variogram> {
    vec![
        variogram(Shape::Exponential, [20.0, 9.0, 4.0], 0.0),
        variogram(Shape::Spherical, [8.0, 6.0, 5.0], 0.1),
        variogram(Shape::Exponential, [12.0, 12.0, 3.0], 0.0),
    ]
}

fn block() -> Grid {
    Grid { spacing: [1.0, 1.5, 0.5], ..Grid::unit([13, 11, 7]) }
}

fn sisim(grid: Grid, variograms: &[Variogram], options: SequentialOptions) -> Sisim {
    Sisim::new(grid, &PROPORTIONS, variograms, options).expect("a simulation")
}

fn facies_of(known: &[(usize, u8)]) -> Conditioning {
    Conditioning { facies: known.iter().map(|&(cell, value)| Known { cell, value }).collect(), ..Default::default() }
}

#[test]
fn each_probability_is_kriged_as_the_definition_says() {
    let grid = block();
    let mut stream = Stream::new(5, Purpose::Check, 0, 0);
    let facies: Vec<u8> =
        (0..grid.len()).map(|_| if stream.below(40) == 0 { stream.below(3) as u8 } else { UNSET }).collect();
    let known: Vec<usize> = (0..grid.len()).filter(|&c| facies[c] != UNSET).collect();
    for (kriging, variograms) in [
        (Kriging::Simple, own()),
        (Kriging::Ordinary, own()),
        (Kriging::Simple, own()[..1].to_vec()),
        (Kriging::Ordinary, own()[..1].to_vec()),
    ] {
        let model = sisim(grid, &variograms, SequentialOptions { kriging, neighbours: 64, ..Default::default() });
        let mut node = Node::new(&model);
        for cell in (1..grid.len()).step_by(83).filter(|&c| facies[c] == UNSET) {
            node.gather(&facies, cell);
            node.krige();
            let here = grid.center(grid.cell(cell));
            let lag = |c: usize| {
                let there = grid.center(grid.cell(c));
                std::array::from_fn(|a| there[a] - here[a])
            };
            // All data that are near: the sum of the facies' covariances is above a hundredth of its sill.
            let variogram_of = |k: usize| &variograms[k.min(variograms.len() - 1)];
            let variance = |k: usize| PROPORTIONS[k] * (1.0 - PROPORTIONS[k]);
            let nearness = |lag: [f64; 3]| (0..3).map(|k| variance(k) * variogram_of(k).covariance(lag)).sum::<f64>();
            let sill = (0..3).map(|k| variance(k) * (1.0 - variogram_of(k).nugget())).sum::<f64>();
            let near: Vec<usize> = known.iter().copied().filter(|&c| nearness(lag(c)) > 0.01 * sill).collect();
            assert_eq!(near.len(), node.found.places.len(), "neighbours of cell {cell}");
            for k in 0..3 {
                let places = near.iter().map(|&c| grid.center(grid.cell(c))).collect();
                let weights = Estimator::new(variogram_of(k), kriging, places).expect("fine").weights(here).weights;
                let departure = |c: usize| f64::from(u8::from(usize::from(facies[c]) == k)) - PROPORTIONS[k];
                let expected = PROPORTIONS[k] + near.iter().zip(&weights).map(|(&c, w)| w * departure(c)).sum::<f64>();
                let found = node.probability[k];
                assert!((found - expected).abs() < 1e-12, "{kriging:?}, cell {cell}: {found}, not {expected}");
            }
        }
    }
}

#[test]
fn order_relations_are_corrected() {
    let corrected = |mut p: [f64; 3]| {
        correct(&mut p, &PROPORTIONS);
        p
    };
    assert_eq!(corrected([0.25, 0.25, 0.5]), [0.25, 0.25, 0.5]);
    assert_eq!(corrected([-0.1, 0.25, 0.25]), [0.0, 0.5, 0.5]);
    assert_eq!(corrected([1.5, 1.0, -0.5]), [0.5, 0.5, 0.0]);
    assert_eq!(corrected([-0.1, 0.0, -0.2]), PROPORTIONS);
    // With one variogram for all, probabilities sum to one before any correction.
    let model = sisim(block(), &own()[1..2], SequentialOptions { neighbours: 12, ..Default::default() });
    let facies = model.simulate(&[], 1, 0);
    let mut node = Node::new(&model);
    for cell in 0..facies.len() {
        node.gather(&facies, cell);
        node.krige();
        assert!((node.probability.iter().sum::<f64>() - 1.0).abs() < 1e-12, "cell {cell}: {:?}", node.probability);
    }
}

#[test]
fn realizations_depend_on_seed_and_number_and_honour_data() {
    let grid = block();
    let known: Vec<_> = (0..60).map(|i| (i * 16, (i % 3) as u8)).collect();
    let data = facies_of(&known);
    for variograms in [own(), own()[..1].to_vec()] {
        let model = sisim(grid, &variograms, SequentialOptions::default());
        let draw = |seed, k| model.realization(&data, seed, k).expect("fine").facies.expect("facies");
        let third = draw(1, 3);
        assert!(third != draw(1, 2) && third != draw(2, 3));
        let all = |threads: usize| {
            use rayon::prelude::*;
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| (0..12u64).into_par_iter().map(|k| draw(1, k)).collect::<Vec<_>>())
        };
        let realizations = all(1);
        assert_eq!(realizations, all(3), "on any number of threads");
        assert_eq!(realizations[3], third, "alone as with others");
        for facies in &realizations {
            assert!(known.iter().all(|&(cell, code)| facies[cell] == code));
            assert!(facies.iter().all(|&code| code < 3));
        }
    }
}

#[test]
fn a_cell_beside_one_datum_has_the_probability_that_is_known_by_hand() {
    // P_k = p_k + ρ(h) (I_k − p_k).
    let grid = Grid::unit([2, 1, 1]);
    let variogram = variogram(Shape::Exponential, [5.0, 5.0, 5.0], 0.0);
    let model = sisim(grid, &[variogram], SequentialOptions::default());
    let data = facies_of(&[(0, 2)]);
    let n = 20_000;
    let mut counts = [0.0; 3];
    for k in 0..n {
        let facies = model.realization(&data, 7, k).expect("fine").facies.expect("facies");
        assert_eq!(facies[0], 2);
        counts[usize::from(facies[1])] += 1.0 / n as f64;
    }
    let rho = (-0.6f64).exp();
    for k in 0..3 {
        let p = (1.0 - rho) * PROPORTIONS[k] + if k == 2 { rho } else { 0.0 };
        let error = (p * (1.0 - p) / n as f64).sqrt();
        assert!((counts[k] - p).abs() < 4.5 * error, "facies {k}: {} against {p}", counts[k]);
    }
}

/// Distances of proportions and indicator variograms of an ensemble from the model's, in standard errors, and relative:
/// the largest of each.
fn departure(model: &Sisim, variograms: &[Variogram], count: u64) -> (f64, f64) {
    let grid = model.grid();
    let lags = [1, 2, 4];
    let mut samples: Vec<Vec<f64>> = Vec::new();
    let mut expected = Vec::new();
    for realization in 0..count {
        let facies = model.realization(&Conditioning::default(), 11, realization).expect("fine").facies;
        let facies = facies.expect("facies");
        let mut sample = proportions(&facies, 3);
        for k in 0..3u8 {
            for axis in (0..3).filter(|&a| grid.cells[a] > 1) {
                sample.extend(indicator_variogram(grid.cells, &facies, k, axis, &lags));
            }
        }
        samples.push(sample);
    }
    expected.extend(PROPORTIONS);
    for k in 0..3 {
        let variogram = &variograms[k.min(variograms.len() - 1)];
        let sill = PROPORTIONS[k] * (1.0 - PROPORTIONS[k]);
        for axis in (0..3).filter(|&a| grid.cells[a] > 1) {
            let lag = |h: usize| std::array::from_fn(|a| if a == axis { h as f64 * grid.spacing[a] } else { 0.0 });
            expected.extend(lags.iter().map(|&h| sill * variogram.semivariance(lag(h)) / variogram.sill()));
        }
    }
    let n = count as f64;
    let (mut errors, mut relative) = (0.0f64, 0.0f64);
    for (i, &expected) in expected.iter().enumerate() {
        let mean = samples.iter().map(|s| s[i]).sum::<f64>() / n;
        let variance = samples.iter().map(|s| (s[i] - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let z = (mean - expected) / (variance / n).sqrt();
        errors = errors.max(z.abs());
        relative = relative.max((mean / expected - 1.0).abs());
    }
    (errors, relative)
}

#[test]
fn an_ensemble_has_its_proportions_and_indicator_variograms() {
    // With a nugget hardly any probability needs correction (2 % of the cells).
    let common = [variogram(Shape::Exponential, [8.0, 4.0, 3.0], 0.3)];
    let options = SequentialOptions { neighbours: 64, ..Default::default() };
    for grid in [Grid::unit([16, 13, 1]), Grid::unit([7, 6, 5])] {
        let model = sisim(grid, &common, options);
        let (errors, _) = departure(&model, &common, 500);
        assert!(errors < 4.0, "{errors} standard errors on {:?}", grid.cells);
    }
}

#[test]
fn an_ensemble_of_a_variogram_for_each_facies_is_near_its_model() {
    // The facies' probabilities are kriged apart and then made to sum to one.
    let own = [
        variogram(Shape::Exponential, [12.0, 6.0, 4.0], 0.5),
        variogram(Shape::Spherical, [6.0, 5.0, 4.0], 0.5),
        variogram(Shape::Exponential, [8.0, 8.0, 3.0], 0.5),
    ];
    for grid in [Grid::unit([16, 13, 1]), Grid::unit([7, 6, 5])] {
        let model = sisim(grid, &own, SequentialOptions::default());
        let (_, relative) = departure(&model, &own, 500);
        assert!(relative < 0.1, "{relative} on {:?}", grid.cells);
    }
}

#[test]
fn each_axis_of_a_block_has_its_own_range() {
    // Alike along one axis only: facies hardly change along it, and at every step along the others.
    let grid = Grid::unit([3, 4, 5]);
    for axis in 0..3 {
        // The first range lies along x (azimuth 90), the second along y, the third along z.
        let ranges = std::array::from_fn(|a| if a == axis { 1e6 } else { 1e-3 });
        let model = sisim(grid, &[variogram(Shape::Exponential, ranges, 0.0)], SequentialOptions::default());
        let count = 100;
        let mut same = [0.0; 3];
        for k in 0..count {
            let facies = model.realization(&Conditioning::default(), 1, k).expect("fine").facies.expect("facies");
            for (a, same) in same.iter_mut().enumerate() {
                let differ: f64 = (0..3).map(|k| indicator_variogram(grid.cells, &facies, k, a, &[1])[0]).sum();
                *same += (1.0 - differ) / count as f64;
            }
        }
        // Two independent cells are alike with probability Σ p² = 0.38.
        for a in 0..3 {
            let fits = if a == axis { same[a] > 0.999 } else { (same[a] - 0.38).abs() < 0.06 };
            assert!(fits, "correlated along axis {axis}: alike along axis {a} are {}", same[a]);
        }
    }
}

#[test]
fn wrong_input_is_told() {
    let of = |proportions: &[f64], variograms: &[Variogram], options| {
        Sisim::new(block(), proportions, variograms, options).expect_err("wrong").to_string()
    };
    let (fine, one) = (SequentialOptions::default(), &own()[..1]);
    assert!(of(&[0.5, 0.3, 0.3], one, fine).contains("sum to 1.1"));
    assert!(of(&[0.5, 0.5, 0.0], one, fine).contains("a proportion is 0"));
    assert!(of(&[0.5, f64::NAN], one, fine).contains("NaN"));
    assert!(of(&[1.0], one, fine).contains("1 proportions"));
    assert!(of(&PROPORTIONS, &own()[..2], fine).contains("2 variograms of 3 facies"));
    assert!(of(&PROPORTIONS, &[], fine).contains("0 variograms"));
    assert!(of(&[0.5, 0.5], &own()[..2], fine).contains("one indicator variogram"));
    assert!(of(&PROPORTIONS, one, SequentialOptions { neighbours: 0, ..fine }).contains("0 neighbours"));
    assert!(of(&PROPORTIONS, one, SequentialOptions { grids: 17, ..fine }).contains("17 grids"));
    let model = sisim(block(), one, fine);
    assert!(model.realization(&facies_of(&[(0, 3)]), 1, 0).expect_err("wrong").to_string().contains("no facies 3"));
}
