//! Tests of direct sampling.

use super::*;
use crate::prior::training_image::{ChannelModel, EllipseModel, Scattered};

fn channels() -> TrainingImage {
    ChannelModel::meandering([150, 150, 1]).generate(1).unwrap().image
}

/// Share of the pairs at lag h along an axis (stride) that differ by facies: twice the indicator variogram.
fn variogram(codes: &[u8], [nx, ny]: [usize; 2], lag: [usize; 2]) -> f64 {
    let mut differ = 0;
    for j in 0..ny - lag[1] {
        differ += (0..nx - lag[0]).filter(|i| codes[j * nx + i] != codes[(j + lag[1]) * nx + i + lag[0]]).count();
    }
    differ as f64 / ((nx - lag[0]) * (ny - lag[1])) as f64
}

/// A smooth continuous image: two incommensurate waves and a little noise, so that values do not repeat.
fn waves(cells: [usize; 3], phase: f64) -> Vec<f32> {
    let mut noise = Stream::new(5, Purpose::Check, 0, 0);
    let value = |c: usize| {
        let (x, y) = ((c % cells[0]) as f64, (c / cells[0]) as f64);
        (0.31 * x + phase).sin() + (0.23 * y + 0.11 * x).cos() + 0.1 * noise.uniform()
    };
    (0..cells.iter().product()).map(value).map(|v| v as f32).collect()
}

fn says<T: std::fmt::Debug>(result: Result<T>, text: &str) {
    let message = result.unwrap_err().to_string();
    assert!(message.contains(text), "{message:?} should say {text:?}");
}

#[test]
fn facies_have_the_proportion_and_the_variogram_of_the_image() {
    let image = channels();
    let n = 60;
    let sampler = DirectSampling::of_facies(Grid::unit([n, n, 1]), &image, Settings::default()).unwrap();
    let draws: Vec<_> =
        (0..6).map(|k| sampler.realization(&Conditioning::default(), 11, k).unwrap().facies.unwrap()).collect();
    // The scatter between windows of the image, as large as a realization, is the sampling error of one realization.
    let windows: Vec<Vec<u8>> = (0..16)
        .map(|w| {
            let (i0, j0) = (w % 4 * 30, w / 4 * 30);
            (0..n * n).map(|c| image.codes[(j0 + c / n) * 150 + i0 + c % n]).collect()
        })
        .collect();
    type Statistic<'a> = &'a dyn Fn(&[u8]) -> f64;
    let statistics: [Statistic<'_>; 5] = [
        &|codes| codes.iter().filter(|&&c| c == 1).count() as f64 / codes.len() as f64,
        &|codes| variogram(codes, [n, n], [1, 0]),
        &|codes| variogram(codes, [n, n], [0, 1]),
        &|codes| variogram(codes, [n, n], [5, 0]),
        &|codes| variogram(codes, [n, n], [0, 10]),
    ];
    for (s, statistic) in statistics.iter().enumerate() {
        let mean = |of: &[Vec<u8>]| of.iter().map(|c| statistic(c)).sum::<f64>() / of.len() as f64;
        let (found, expected) = (mean(&draws), mean(&windows));
        let variance = windows.iter().map(|c| (statistic(c) - expected).powi(2)).sum::<f64>() / windows.len() as f64;
        // Six draws and at least four independent windows; three standard errors.
        let bound = 3.0 * (variance * (1.0 / 6.0 + 1.0 / 4.0)).sqrt();
        assert!((found - expected).abs() < bound, "statistic {s}: {found} against {expected} ± {bound}");
    }
    assert_ne!(draws[0], draws[1]);
}

#[test]
fn hard_data_are_honoured_and_realizations_depend_on_seed_and_number_alone() {
    let grid = Grid::unit([31, 23, 1]);
    let sampler = DirectSampling::of_facies(grid, &channels(), Settings::default()).unwrap();
    let facies: Vec<_> = (0..40).map(|d| Known { cell: d * 17, value: (d % 3 == 0) as u8 }).collect();
    let data = Conditioning { facies: facies.clone(), values: vec![] };
    let draw = |seed, k| sampler.realization(&data, seed, k).unwrap().facies.unwrap();
    for k in 0..3 {
        let codes = draw(4, k);
        assert!(facies.iter().all(|known| codes[known.cell] == known.value));
        assert_eq!(codes, draw(4, k));
        assert_ne!(codes, draw(5, k));
    }
}

#[test]
fn continuous_values_have_the_image_s_histogram() {
    let cells = [80, 70, 1];
    let values = waves(cells, 0.0);
    let image = ContinuousImage::new(cells, vec![("log K".into(), values.clone())]).unwrap();
    for distance in [Distance::Absolute, Distance::Square] {
        let settings = Settings { neighbours: 12, threshold: 0.05, scan_fraction: 0.5, decay: 1.0 };
        let sampler = DirectSampling::of_values(Grid::unit([40, 40, 1]), &image, distance, settings).unwrap();
        let known = vec![Known { cell: 820, value: 0.123 }];
        let data = Conditioning { facies: vec![], values: known };
        let drawn: Vec<f32> = (0..2).flat_map(|k| sampler.realization(&data, 3, k).unwrap().values.unwrap()).collect();
        assert_eq!(drawn[820], 0.123);
        let mut sorted = values.clone();
        sorted.sort_by(f32::total_cmp);
        assert!(drawn.iter().all(|v| *v == 0.123 || sorted.binary_search_by(|s| s.total_cmp(v)).is_ok()));
        // Kolmogorov and Smirnov's distance at 99.9 %; a patch of about 10 × 10 cells (a half-wave) is one sample.
        let samples = drawn.len() as f64 / 100.0;
        let share = |of: &[f32], v: f32| of.iter().filter(|&&x| x <= v).count() as f64 / of.len() as f64;
        let gap = (1..20).map(|q| sorted[q * sorted.len() / 20]).map(|v| (share(&drawn, v) - share(&sorted, v)).abs());
        let gap = gap.fold(0.0, f64::max);
        assert!(gap < 1.95 / samples.sqrt(), "{distance:?}: histograms are {gap} apart");
        // Neighbours are as alike as in the image: the variogram at lag 1 is far below the variance.
        let jump = |of: &[f32], nx: usize| {
            let pairs = (0..of.len() - 1).filter(|c| c % nx != nx - 1);
            pairs.clone().map(|c| f64::from(of[c + 1] - of[c]).powi(2)).sum::<f64>() / pairs.count() as f64
        };
        let ratio = jump(&drawn[..1600], 40) / jump(&values, 80);
        assert!((0.5..3.0).contains(&ratio), "{distance:?}: jumps between neighbours are {ratio} times the image's");
    }
}

#[test]
fn variables_are_sampled_together() {
    // The second variable is a function of the first: simulated together they keep it exactly, cell by cell; with the
    // second known everywhere, the first follows it.
    let cells = [60, 60, 1];
    let first = waves(cells, 1.0);
    let second: Vec<f32> = first.iter().map(|v| 3.0 - 2.0 * v).collect();
    let image = ContinuousImage::new(cells, vec![("a".into(), first), ("b".into(), second.clone())]).unwrap();
    let settings = Settings { neighbours: 8, threshold: 0.03, scan_fraction: 1.0, decay: 0.0 };
    let sampler = DirectSampling::of_values(Grid::unit([24, 24, 1]), &image, Distance::Absolute, settings).unwrap();
    let fields = sampler.joint_realization(&[vec![], vec![]], 2, 0).unwrap();
    assert!(fields[0].iter().zip(&fields[1]).all(|(a, b)| *b == 3.0 - 2.0 * a));
    let window = |c: usize| f64::from(second[(20 + c / 24) * 60 + 20 + c % 24]);
    let known = (0..24 * 24).map(|cell| Known { cell, value: window(cell) }).collect();
    let fields = sampler.joint_realization(&[vec![], known], 2, 0).unwrap();
    let error = (0..24 * 24).map(|c| (3.0 - 2.0 * f64::from(fields[0][c]) - window(c)).abs()).sum::<f64>() / 576.0;
    // At most eight neighbours and the cell itself within the threshold, or the best: on average a few times t · R.
    assert!(error < 3.0 * 0.03 * 2.0 * 4.1, "mean mismatch of the known variable is {error}");
}

#[test]
fn three_dimensions_and_short_images() {
    let model = EllipseModel {
        length: Scattered::new(10.0, 1.0),
        width: Scattered::new(7.0, 1.0),
        thickness: Scattered::new(4.0, 0.5),
        ..EllipseModel::standard([40, 40, 12])
    };
    let image = model.generate(3).unwrap().image;
    let cells = [20, 18, 5];
    let settings = Settings { neighbours: 16, ..Default::default() };
    let sampler = DirectSampling::of_facies(Grid::unit(cells), &image, settings).unwrap();
    let draw = |k| sampler.realization(&Conditioning::default(), 1, k).unwrap().facies.unwrap();
    let share = |codes: &[u8]| codes.iter().filter(|&&c| c == 1).count() as f64 / codes.len() as f64;
    let window = |w: usize| -> Vec<u8> {
        let from = [w % 2 * 20, w / 2 % 2 * 20, w / 4 * 6];
        let place = |c: usize| (c / 360 + from[2]) * 1600 + (c / 20 % 18 + from[1]) * 40 + c % 20 + from[0];
        (0..1800).map(|c| image.codes[place(c)]).collect()
    };
    let windows: Vec<f64> = (0..8).map(|w| share(&window(w))).collect();
    let expected = windows.iter().sum::<f64>() / 8.0;
    let variance = windows.iter().map(|p| (p - expected).powi(2)).sum::<f64>() / 7.0;
    let found = (0..6).map(|k| share(&draw(k))).sum::<f64>() / 6.0;
    // Six draws against eight windows, three standard errors.
    let bound = 3.0 * (variance * (1.0 / 6.0 + 1.0 / 8.0)).sqrt();
    assert!((found - expected).abs() < bound, "share {found}, in the image {expected} ± {bound}");
    let flips = |codes: &[u8], step: usize| {
        (0..codes.len() - step).filter(|&c| codes[c] != codes[c + step]).count() as f64 / codes.len() as f64
    };
    for step in [1, 20, 360] {
        let (of_draw, of_window) = (flips(&draw(0), step), flips(&window(0), step));
        assert!(of_draw < 2.0 * of_window, "{of_draw} of the neighbours {step} apart differ, in the image {of_window}");
    }
    // An image no larger than the grid still serves: far neighbours are dropped.
    let small = TrainingImage::from_values([3, 3, 1], &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]).unwrap();
    let sampler = DirectSampling::of_facies(Grid::unit([9, 9, 1]), &small, Settings::default()).unwrap();
    let codes = sampler.realization(&Conditioning::default(), 1, 0).unwrap().facies.unwrap();
    assert!(codes.contains(&0) && codes.contains(&1));
}

/// The scan against the definition: every place, every neighbour, in f64.
#[test]
fn the_scan_finds_the_best_place() {
    let cells = [37, 29, 1];
    let values = waves(cells, 2.0);
    let image = ContinuousImage::new(cells, vec![("a".into(), values.clone())]).unwrap();
    let settings = Settings { neighbours: 7, threshold: 0.0, scan_fraction: 1.0, decay: 0.5 };
    for distance in [Distance::Absolute, Distance::Square] {
        let sampler = DirectSampling::of_values(Grid::unit([30, 30, 1]), &image, distance, settings).unwrap();
        let mut stream = Stream::new(9, Purpose::Check, 1, 0);
        for _ in 0..20 {
            let event: Vec<Neighbour> = (0..7)
                .map(|_| {
                    let lag = [stream.below(9) as i32 - 4, stream.below(9) as i32 - 4, 0];
                    Neighbour { square: square(lag), lag, value: stream.between(-2.0, 2.0) as f32 }
                })
                .collect();
            let found = Scan::new(&sampler, vec![event.clone()]).run(&mut stream);
            let at = |cell: usize| -> Option<f64> {
                let mut sum = 0.0;
                for n in &event {
                    let (x, y) = ((cell % 37) as i32 + n.lag[0], (cell / 37) as i32 + n.lag[1]);
                    if !(0..37).contains(&x) || !(0..29).contains(&y) {
                        return None;
                    }
                    let e = f64::from(values[(y * 37 + x) as usize] - n.value);
                    let weight = f64::from(n.square.max(1)).powf(-0.25);
                    sum += weight * if distance == Distance::Square { e * e } else { e.abs() };
                }
                Some(sum)
            };
            let best = (0..values.len()).filter_map(at).fold(f64::INFINITY, f64::min);
            let this = at(found).expect("a place at which the event lies inside");
            // Seven terms summed, one division, one root in f32, on either side of the comparison.
            let bound = 2.0 * 12.0 * f64::from(f32::EPSILON) * best;
            assert!(this <= best + bound, "{distance:?}: {this} where {best} is possible");
        }
    }
}

#[test]
fn bad_input_is_a_clear_error() {
    let image = channels();
    let grid = Grid::unit([10, 10, 1]);
    let with = |settings| DirectSampling::of_facies(grid, &image, settings);
    says(with(Settings { neighbours: 0, ..Default::default() }), "0 neighbours");
    says(with(Settings { threshold: f64::NAN, ..Default::default() }), "threshold is NaN");
    says(with(Settings { threshold: 1.5, ..Default::default() }), "threshold is 1.5");
    says(with(Settings { scan_fraction: 0.0, ..Default::default() }), "scan fraction is 0");
    says(with(Settings { decay: -1.0, ..Default::default() }), "decay of weights is -1");
    let deep = DirectSampling::of_facies(Grid::unit([10, 10, 4]), &image, Settings::default());
    says(deep, "1 cells along z; 3 or more");
    let values = |variables| ContinuousImage { cells: [4, 4, 1], variables };
    let of = |image, distance| DirectSampling::of_values(Grid::unit([4, 4, 1]), &image, distance, Settings::default());
    says(of(values(vec![]), Distance::Absolute), "no variable");
    says(of(values(vec![("a".into(), vec![f32::NAN; 16])]), Distance::Absolute), "NaN");
    says(of(values(vec![("a".into(), vec![0.5; 15])]), Distance::Absolute), "15 values");
    says(of(values(vec![("a".into(), vec![0.5; 16])]), Distance::Mismatch), "mismatch");

    let sampler = with(Settings::default()).unwrap();
    let facies = |facies: Vec<(usize, u8)>| Conditioning {
        facies: facies.into_iter().map(|(cell, value)| Known { cell, value }).collect(),
        values: vec![],
    };
    says(sampler.realization(&facies(vec![(100, 0)]), 1, 0), "cell 100");
    says(sampler.realization(&facies(vec![(3, 2)]), 1, 0), "facies 2, but there are 2");
    says(sampler.realization(&facies(vec![(3, 1), (3, 0)]), 1, 0), "two values");
    let property = Conditioning { facies: vec![], values: vec![Known { cell: 7, value: 0.1 }] };
    says(sampler.realization(&property, 1, 0), "property of cell 7");
    let continuous = of(values(vec![("a".into(), (0..16).map(|v| v as f32).collect())]), Distance::Square).unwrap();
    says(continuous.realization(&facies(vec![(3, 1)]), 1, 0), "facies of cell 3");
    let nan = Conditioning { facies: vec![], values: vec![Known { cell: 7, value: f64::NAN }] };
    says(continuous.realization(&nan, 1, 0), "cell 7 is NaN");
}
