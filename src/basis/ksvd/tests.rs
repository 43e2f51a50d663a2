use ndarray::{Array1, Array2, ArrayView1, Axis, s};
use serde::Deserialize;

use super::codes::SparseCodes;
use super::learn::superfluous;
use super::update::update_atoms;
use super::*;
use crate::basis::Basis;
use crate::check::dot_test;
use crate::error::Error;
use crate::grid::Grid;
use crate::linalg::dense;
use crate::operator::LinearOperator;
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

/// Signals that are combinations of `sparsity` of the atoms, and noise of standard deviation `noise`.
fn combinations(atoms: &Array2<f64>, count: usize, sparsity: usize, noise: f64, seed: u64) -> Array2<f64> {
    let mut signals = noise * normals(count, atoms.ncols(), seed + 1);
    for (i, mut signal) in signals.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(seed, Purpose::Check, i as u64, 1);
        let mut order: Vec<usize> = (0..atoms.nrows()).collect();
        stream.shuffle(&mut order);
        for (&j, g) in order[..sparsity].iter().zip(stream.normals(sparsity)) {
            signal.scaled_add(g, &atoms.row(j));
        }
    }
    signals
}

fn learned(signals: &Array2<f64>, options: &LearnOptions) -> State {
    learn(signals.view(), options, None, &(), &mut |_| Ok(())).expect("signals to learn from")
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
    signals.row_mut(1).assign(&(&atoms.row(5) * 2.0 - atoms.row(30)));
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

#[test]
fn updates_lower_the_error_and_keep_the_residual() {
    let (k, m) = (12, 30);
    let signals = normals(70, m, 5);
    let first = directions(k, m, 6);
    let stop = Stop { sparsity: 3, error: 0.0 };
    let coded = Pursuit::new(&first, Selection::Correlation).code(&first, signals.view(), stop).expect("finite");
    let energy = |residual: &Array2<f64>| residual.iter().map(|r| r * r).sum::<f64>();
    let mut reached = Vec::new();
    for how in [AtomUpdate::Approximate, AtomUpdate::Exact] {
        let (mut atoms, mut codes) = (first.clone(), coded.clone());
        let mut residual = codes.residual(signals.view(), &atoms);
        let before = energy(&residual);
        update_atoms(how, &mut atoms, &mut codes, &mut residual);
        let anew = codes.residual(signals.view(), &atoms);
        assert!((&residual - &anew).iter().all(|e| e.abs() <= 1e-12));
        assert!(energy(&residual) < before);
        assert!(atoms.outer_iter().all(|atom| (atom.dot(&atom) - 1.0).abs() <= 1e-14));
        reached.push(energy(&residual));

        // The last atom, updated last: nothing moved afterwards.
        let users: Vec<usize> = (0..codes.len()).filter(|&i| codes.of(i).any(|(atom, _)| atom == k - 1)).collect();
        let row = |i: usize| {
            let value = codes.of(i).find(|c| c.0 == k - 1).expect("a user").1;
            &residual.row(i) + &(value * &atoms.row(k - 1))
        };
        let e = Array2::from_shape_vec((users.len(), m), users.iter().flat_map(|&i| row(i)).collect()).expect("rows");
        if how == AtomUpdate::Exact {
            let (_, vectors) = dense::symmetric_eigen(&e.t().dot(&e)).expect("finite");
            assert!((vectors.column(0).dot(&atoms.row(k - 1)).abs() - 1.0).abs() <= 1e-9);
        } else {
            let old: Vec<f64> = users.iter().map(|&i| coded.of(i).find(|c| c.0 == k - 1).expect("a user").1).collect();
            let step = e.t().dot(&Array1::from(old));
            assert!((&step / step.dot(&step).sqrt() - atoms.row(k - 1)).iter().all(|e| e.abs() <= 1e-12));
        }
    }
    assert!(reached[1] < reached[0], "exact updates reach less error: {reached:?}");
}

#[test]
fn an_atom_with_many_users_is_updated_exactly_too() {
    // More users than Lanczos vectors, singular values close together.
    let signals = normals(400, 50, 7);
    let mut atoms = directions(1, 50, 8);
    let stop = Stop { sparsity: 1, error: 0.0 };
    let mut codes = Pursuit::new(&atoms, Selection::Correlation).code(&atoms, signals.view(), stop).expect("finite");
    let mut residual = codes.residual(signals.view(), &atoms);
    update_atoms(AtomUpdate::Exact, &mut atoms, &mut codes, &mut residual);
    let (_, vectors) = dense::symmetric_eigen(&signals.t().dot(&signals)).expect("finite");
    assert!((vectors.column(0).dot(&atoms.row(0)).abs() - 1.0).abs() <= 1e-9);
}

#[test]
fn a_planted_dictionary_is_found_again() {
    let planted = directions(40, 20, 9);
    let signals = combinations(&planted, 1500, 3, 0.01, 10);
    for update in [AtomUpdate::Approximate, AtomUpdate::Exact] {
        let options = LearnOptions { iterations: 40, update, ..LearnOptions::new(40, 3) };
        let state = learned(&signals, &options);
        let likeness = planted.dot(&state.atoms.t()).mapv(f64::abs);
        let found = likeness.outer_iter().filter(|row| row.iter().any(|&x| x > 0.99)).count();
        assert!(found >= 34, "{found} of 40 atoms by {update:?}");
        assert_eq!(state.rmse.len(), 40);
        assert!(state.rmse[39] < 0.5 * state.rmse[0], "{:?}", state.rmse);
    }
}

#[test]
fn the_last_codes_are_no_worse_than_the_last_update_left_them() {
    let signals = normals(200, 15, 11);
    for selection in [Selection::Correlation, Selection::Decrease] {
        let options = LearnOptions { iterations: 12, selection, ..LearnOptions::new(30, 4) };
        let state = learned(&signals, &options);
        let residual = state.codes.residual(signals.view(), &state.atoms);
        let coded = (residual.iter().map(|r| r * r).sum::<f64>() / residual.len() as f64).sqrt();
        let last = state.rmse[11];
        assert!(coded < last && last < 0.95 * state.rmse[0], "{coded} {:?}", state.rmse);
    }
}

#[test]
fn what_no_code_uses_and_twins_are_replaced_by_the_worst_signals() {
    let mut atoms = Array2::<f64>::eye(4);
    let angle = 0.05f64;
    atoms.row_mut(2).assign(&Array1::from(vec![-angle.cos(), angle.sin(), 0.0, 0.0]));
    let mut codes = SparseCodes::zeros(2, 2);
    codes.counts.assign(&Array1::from(vec![2, 1]));
    codes.atoms.assign(&ndarray::array![[0, 2], [3, 0]]);
    codes.values.assign(&ndarray::array![[3.0, -1.0], [2.0, 0.0]]);
    assert_eq!(superfluous(&codes, atoms.dot(&atoms.t()).view()), [1, 2]);

    // Twenty signals along the first axis and three along others: an atom of the first axis has twins.
    let mut signals = Array2::zeros((23, 6));
    (0..20).for_each(|i| signals[[i, 0]] = 1.0 + i as f64);
    (20..23).for_each(|i| signals[[i, i - 18]] = 5.0);
    let options = LearnOptions { iterations: 3, ..LearnOptions::new(4, 1) };
    let state = learned(&signals, &options);
    let residual = state.codes.residual(signals.view(), &state.atoms);
    assert!(residual.iter().all(|r| r.abs() <= 1e-12), "four atoms are enough: {}", state.atoms);
}

/// Asks to stop once `after` steps are done.
struct Interrupter {
    after: u64,
    done: std::sync::atomic::AtomicU64,
}

impl Progress for Interrupter {
    fn advance(&self, steps: u64) {
        self.done.fetch_add(steps, std::sync::atomic::Ordering::Relaxed);
    }
    fn interrupted(&self) -> bool {
        self.done.load(std::sync::atomic::Ordering::Relaxed) >= self.after
    }
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits_on_any_number_of_threads() {
    let signals = combinations(&directions(50, 24, 12), 300, 4, 0.1, 13);
    for update in [AtomUpdate::Approximate, AtomUpdate::Exact] {
        let options = LearnOptions { iterations: 5, update, seed: 3, ..LearnOptions::new(60, 5) };
        let run = |threads: usize, resume: Option<State>, progress: &dyn Progress, kept: &mut Option<State>| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let mut keep = |state: &State| {
                *kept = Some(state.clone());
                Ok(())
            };
            pool.install(|| learn(signals.view(), &options, resume, progress, &mut keep))
        };
        let mut last = None;
        let whole = run(3, None, &(), &mut last).expect("a dictionary");
        let mut kept = None;
        let interrupter = Interrupter { after: 2, done: 0.into() };
        assert!(matches!(run(1, None, &interrupter, &mut kept), Err(Error::Interrupted)));
        let kept = kept.expect("a checkpoint");
        assert_eq!(kept.iterations(), 2);
        assert_eq!(run(2, Some(kept), &(), &mut last).expect("a dictionary"), whole);
    }
}

#[test]
fn another_seed_is_another_dictionary() {
    let signals = normals(80, 10, 14);
    let options = LearnOptions { iterations: 2, ..LearnOptions::new(20, 3) };
    let other = LearnOptions { seed: 1, ..options.clone() };
    assert_ne!(learned(&signals, &options).atoms, learned(&signals, &other).atoms);
}

fn problem(signals: &Array2<f64>, options: &LearnOptions, resume: Option<State>) -> String {
    match learn(signals.view(), options, resume, &(), &mut |_| Ok(())) {
        Err(error @ Error::Input { .. }) => error.to_string(),
        other => panic!("no wrong input: {other:?}"),
    }
}

#[test]
fn wrong_input_is_told() {
    let signals = normals(30, 8, 15);
    let options = LearnOptions { iterations: 1, ..LearnOptions::new(20, 3) };
    let told = |change: &dyn Fn(&mut LearnOptions), expected: &str| {
        let mut options = options.clone();
        change(&mut options);
        let found = problem(&signals, &options, None);
        assert!(found.contains(expected), "{expected} is not in {found}");
    };
    told(&|o| o.sparsity = 21, "sparsity 21 is above the number of atoms, 20");
    told(&|o| o.sparsity = 0, "sparsity 0 leaves no atom to a signal");
    told(&|o| o.atoms = 31, "30 training models are fewer than the 31 atoms");
    told(&|o| o.error = f64::NAN, "the error bound NaN is no norm");
    told(&|o| o.error = -1.0, "the error bound -1 is no norm");

    let mut broken = signals.clone();
    broken[[3, 4]] = f64::NAN;
    assert!(problem(&broken, &options, None).contains("signal 3 (from 0) has a value that is not finite"));
    let equal = Array2::from_shape_fn((30, 8), |(i, j)| 1.0 + j as f64 + i as f64 * 1e-17);
    assert!(problem(&equal, &options, None).contains("all training models are equal"));
    let state = learned(&signals, &options);
    let fewer = LearnOptions { atoms: 19, ..options.clone() };
    assert!(problem(&signals, &fewer, Some(state)).contains("the checkpoint is not one of 19 atoms of 8 numbers"));
    let stop = Stop { sparsity: 5, error: 0.0 };
    let atoms = directions(4, 8, 16);
    let pursuit = Pursuit::new(&atoms, Selection::Correlation);
    assert!(matches!(pursuit.code(&atoms, signals.view(), stop), Err(Error::Input { .. })));
}

/// Stripes of random phase, direction and wavelength, ragged so that no two realizations are equal.
fn stripes(count: usize) -> Ensemble {
    let grid = Grid::unit([19, 17, 1]);
    let mut facies = Array2::zeros((count, grid.len()));
    for (l, mut row) in facies.rows_mut().into_iter().enumerate() {
        let mut stream = Stream::new(17, Purpose::Check, l as u64, 0);
        let (phase, length, slope) =
            (stream.between(0.0, 6.0), stream.between(5.0, 9.0), [-2.0, 0.0, 2.0][stream.below(3) as usize]);
        for c in 0..grid.len() {
            let [i, j, _] = grid.cell(c);
            row[c] = u8::from(((i as f64 + slope * j as f64) / length + phase).sin() > stream.between(0.0, 0.4));
        }
    }
    Ensemble { grid, facies: Some(facies), values: None, facies_values: vec![-1.0, 2.0] }
}

fn dictionary(ensemble: &Ensemble, rank: Truncation, learn: LearnOptions) -> Result<Ksvd> {
    let options = KsvdOptions { rank, origin: Origin::Mean, learn };
    Ksvd::new(ensemble, &options, None, &(), &mut |_| Ok(()))
}

#[test]
fn learning_in_the_whole_span_is_learning_from_the_fields() {
    let ensemble = stripes(90);
    let mut fields = Array2::from_shape_fn((90, ensemble.grid.len()), |(l, c)| ensemble.property(l)[c]);
    let mean = fields.mean_axis(Axis(0)).expect("rows");
    fields -= &mean;
    // Stripes have atoms that are equally good for a signal, where rounding chooses; those of this seed have none.
    let options = LearnOptions { iterations: 2, seed: 1, ..LearnOptions::new(40, 4) };
    let direct = learned(&fields, &options);
    let found = dictionary(&ensemble, Truncation::Energy(1.0), options).expect("stripes");
    let scale = (found.basis.span().rank() as f64 / ensemble.grid.len() as f64).sqrt();
    for (a, b) in found.rmse.iter().zip(&direct.rmse) {
        assert!((a * scale - b).abs() <= 1e-9 * b, "{} in the span, {b} of the fields", a * scale);
    }
    let lifted = found.basis.columns(0..40);
    let likeness = direct.atoms.dot(&lifted).mapv(f64::abs);
    assert!(likeness.outer_iter().all(|row| row.iter().any(|x| (x - 1.0).abs() <= 1e-7)));
}

#[test]
fn a_dictionary_is_a_basis() {
    let ensemble = stripes(120);
    let learn = LearnOptions { iterations: 4, ..LearnOptions::new(50, 5) };
    let found = dictionary(&ensemble, Truncation::Rank(30), learn).expect("stripes");
    let basis: &dyn Basis = &found.basis;
    assert_eq!((basis.rows(), basis.cols(), basis.orthonormal()), (19 * 17, 50, false));
    let phi = basis.columns(0..50).to_owned();
    let near = |a: &Array2<f64>, b: &Array2<f64>| (a - b).iter().all(|e| e.abs() <= 1e-12);
    assert!(near(&phi, &found.basis.span().columns(0..30).dot(&found.basis.atoms().t())), "Φ = Ψ_T Dᵀ");
    assert!(near(&basis.gram().expect("kept").to_owned(), &phi.t().dot(&phi)));
    let (v, u) = (normals(50, 3, 18), normals(19 * 17, 3, 19));
    assert!(near(&basis.apply_block(v.view()), &phi.dot(&v)));
    assert!(near(&basis.adjoint_block(u.view()), &phi.t().dot(&u)));
    assert!((basis.apply(v.column(0)) - phi.dot(&v.column(0))).iter().all(|e| e.abs() <= 1e-12));
    assert!(dot_test(&found.basis, 20) <= 1e-12);
    assert!((basis.expand(Array1::zeros(50).view()) - basis.mean()).iter().all(|e| *e == 0.0));

    let dense = found.codes.dense(50);
    let deviations = basis.standard_deviations().expect("known");
    assert!(deviations.windows(2).into_iter().all(|pair| pair[0] >= pair[1]), "most energy first");
    for (row, deviation) in dense.outer_iter().zip(deviations).filter(|(row, _)| row.iter().any(|&x| x != 0.0)) {
        assert!((row.dot(&row) / 120.0 - deviation * deviation).abs() <= 1e-12);
    }
    // Codes of the training set are codes in the columns as they are sorted.
    let coefficients =
        found.basis.span().adjoint_block((&fields(&ensemble) - &basis.mean().insert_axis(Axis(1))).view());
    let missed = &coefficients - &found.basis.atoms().t().dot(&dense);
    let rmse = (missed.iter().map(|e| e * e).sum::<f64>() / missed.len() as f64).sqrt();
    assert!(rmse <= found.rmse[3] * (1.0 + 1e-9), "{rmse} {:?}", found.rmse);

    // A field of few atoms is found again, in a shorter dictionary too.
    let mut sparse = Array1::zeros(50);
    (sparse[2], sparse[11]) = (3.0, -2.0);
    let found = basis.nearest(basis.expand(sparse.view()).view());
    assert!((&found - &sparse).iter().all(|e| e.abs() <= 1e-9), "{found}");
    let shorter = basis.truncated(12);
    assert_eq!(shorter.cols(), 12);
    assert!(near(&shorter.columns(0..12).to_owned(), &phi.slice(s![.., ..12]).to_owned()));
    let found = shorter.nearest(basis.expand(sparse.view()).view());
    assert!((&found - &sparse.slice(s![..12])).iter().all(|e| e.abs() <= 1e-9), "{found}");
}

fn fields(ensemble: &Ensemble) -> Array2<f64> {
    Array2::from_shape_fn((ensemble.grid.len(), ensemble.len()), |(c, l)| ensemble.property(l)[c])
}

#[test]
fn training_sets_that_teach_nothing_are_told() {
    let mut ensemble = stripes(40);
    let learn = LearnOptions { iterations: 1, ..LearnOptions::new(50, 5) };
    let told = |result: Result<Ksvd>, expected: &str| match result {
        Err(error @ Error::Input { .. }) => assert!(error.to_string().contains(expected), "{error}"),
        other => panic!("no wrong input: {other:?}"),
    };
    told(dictionary(&ensemble, Truncation::Rank(10), learn.clone()), "40 training models are fewer than the 50 atoms");
    let learn = LearnOptions { atoms: 20, ..learn };
    told(dictionary(&ensemble, Truncation::Rank(400), learn.clone()), "rank 400");
    ensemble.facies.as_mut().expect("facies").fill(1);
    told(dictionary(&ensemble, Truncation::Rank(1), learn.clone()), "equal");
    let options = KsvdOptions { rank: Truncation::Rank(1), origin: Origin::Value(0.0), learn: learn.clone() };
    told(Ksvd::new(&ensemble, &options, None, &(), &mut |_| Ok(())), "all training models are equal");
    let mut values = Array2::from_shape_fn((40, ensemble.grid.len()), |(l, c)| ((l * c) % 7) as f32);
    values[[3, 5]] = f32::NAN;
    let ensemble = Ensemble { values: Some(values), facies: None, ..ensemble };
    told(dictionary(&ensemble, Truncation::Rank(1), learn), "finite");
}
