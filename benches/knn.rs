//! Exact nearest windows and voting at the sizes that matter, in CPU seconds.
//!
//! `cargo bench --bench knn` runs 4000 × 4000 windows of 80×80 cells; `-- --write DIR` leaves the same windows as npy
//! files for `benches/peers/knn.py`, `-- --large` matches 14,641 windows against 100,000, and `-- --device` compares the
//! processor with the device that there is (a software adapter too), on simpler fields.

#[path = "common/channels.rs"]
mod channels;

use std::path::PathBuf;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par, Side};
use lithoscope::feasible::{Labels, LearningSet, Matches, Options, PatternMap, Stencil, Template, Window, measure};
use lithoscope::gpu::{Choice, choose};
use lithoscope::grid::Grid;
use lithoscope::measure::{peak_memory, timed};
use lithoscope::random::{Purpose, Stream};
use ndarray::{Array1, Array2};

use crate::channels::{SIDE, channels};

const WINDOW: usize = 80;
const COMPONENTS: usize = 100;
const IMAGES: usize = 1000;

type Failure = Box<dyn std::error::Error>;

/// Every image on the mean and the leading components of the first `IMAGES`.
fn parameterized(facies: &[Vec<u8>]) -> Vec<Vec<f32>> {
    let n = SIDE * SIDE;
    let mean: Vec<f32> =
        (0..n).map(|c| facies[..IMAGES].iter().map(|f| f32::from(f[c])).sum::<f32>() / IMAGES as f32).collect();
    let centred: Vec<f32> = facies.iter().flat_map(|f| f.iter().zip(&mean).map(|(&f, m)| f32::from(f) - m)).collect();
    let all = MatRef::from_column_major_slice(&centred, n, facies.len());
    let x = all.subcols(0, IMAGES);
    let mut gram = Mat::<f32>::zeros(IMAGES, IMAGES);
    matmul(gram.as_mut(), Accum::Replace, x.transpose(), x, 1.0, Par::Seq);
    let eigen = gram.self_adjoint_eigen(Side::Lower).expect("a symmetric matrix");
    let leading = Mat::from_fn(IMAGES, COMPONENTS, |i, j| eigen.U()[(i, IMAGES - 1 - j)]);
    let basis = (x * leading).qr().compute_thin_Q();
    let projected = &basis * (basis.transpose() * all);
    (0..facies.len()).map(|l| (0..n).map(|c| projected[(c, l)] + mean[c]).collect()).collect()
}

/// Realizations, and one more as the map to match.
struct Data {
    facies: Vec<Vec<u8>>,
    images: Vec<Vec<f32>>,
}

impl Data {
    fn new() -> Self {
        let draw = |l: usize| channels(&mut Stream::new(1, Purpose::TrainingImage, l as u64, 0));
        let facies: Vec<_> = (0..=IMAGES).map(draw).collect();
        let images = parameterized(&facies);
        Self { facies, images }
    }

    fn set(&self, stencil: &Stencil, windows: usize) -> Result<LearningSet, Failure> {
        let mut stream = Stream::new(1, Purpose::LearningSet, 0, 0);
        let place = |_| Window {
            image: stream.below(IMAGES as u64) as u32,
            origin: stencil.origin(stream.below(stencil.windows() as u64) as usize),
        };
        let windows = (0..windows).map(place).collect();
        let labels = Labels::Facies { codes: self.facies[..IMAGES].concat(), values: vec![0.0, 1.0] };
        Ok(LearningSet::new(stencil.clone(), self.images[..IMAGES].concat(), labels, windows)?)
    }
}

fn options(template: &Template) -> Options {
    Options { neighbours: 5, ..Options::new(template.clone(), 1) }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = arguments.iter().position(|a| a == "--write").and_then(|at| arguments.get(at + 1)).map(PathBuf::from);
    if arguments.iter().any(|a| a == "--device") {
        return device();
    }
    let data = Data::new();
    let grid = Grid::unit([SIDE, SIDE, 1]);
    let template = Template::cuboid([WINDOW, WINDOW, 1])?;
    let stencil = Stencil::new(&template, grid)?;
    let mut numbers: Vec<usize> = (0..stencil.windows()).collect();
    Stream::new(1, Purpose::Positions, 0, 0).shuffle(&mut numbers);
    let mut origins: Vec<u32> = numbers[..4000].iter().map(|&number| stencil.origin(number)).collect();
    origins.sort_unstable();
    if arguments.iter().any(|a| a == "--large") {
        let all: Vec<u32> = (0..stencil.windows()).map(|number| stencil.origin(number)).collect();
        run("14,641 x 100,000 windows of 80x80", &data, &stencil, 100_000, &all, None)?;
    } else {
        run("4000 x 4000 windows of 80x80", &data, &stencil, 4000, &origins, folder)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a bench prints what it measured")]
fn device() -> Result<(), Failure> {
    let gpu = choose(Choice::Auto, true)?;
    println!("{:?}", gpu.as_ref().map(|gpu| &gpu.summary().name));
    for m in measure(gpu.as_ref())? {
        let device = match (m.gpu_seconds, m.gpu_wall) {
            (Some(seconds), Some(wall)) => format!("{seconds:.4} s on the device, {wall:.4} s with transfers"),
            _ => "none on a device".into(),
        };
        println!("{}, {}: {:.3} CPU s ({:.3} s); {device}", m.kernel, m.size, m.cpu_seconds, m.cpu_wall);
        println!("  {:.2} GFLOP, {:.3} GB", m.flops * 1e-9, m.bytes * 1e-9);
    }
    Ok(())
}

/// The same windows with four facies for labels: the channels, each with stripes in it.
fn four_facies(data: &Data, stencil: &Stencil, windows: usize) -> Result<PatternMap<'static>, Failure> {
    let set = data.set(stencil, windows)?;
    let striped =
        data.facies[..IMAGES].iter().flat_map(|f| f.iter().enumerate().map(|(c, f)| 2 * f + u8::from(c % 7 < 3)));
    let labels = Labels::Facies { codes: striped.collect(), values: vec![0.0, 1.0, 2.0, 3.0] };
    let places = (0..windows).map(|number| set.window(number)).collect();
    let set = LearningSet::new(stencil.clone(), data.images[..IMAGES].concat(), labels, places)?;
    Ok(PatternMap::with_learning_set(set, options(stencil.template()), None)?)
}

#[expect(clippy::print_stdout, reason = "a bench prints what it measured")]
fn run(
    name: &str,
    data: &Data,
    stencil: &Stencil,
    windows: usize,
    origins: &[u32],
    folder: Option<PathBuf>,
) -> Result<(), Failure> {
    let set = data.set(stencil, windows)?;
    let theta = &data.images[IMAGES];
    if let Some(folder) = &folder {
        std::fs::create_dir_all(folder)?;
        let cells: Vec<usize> = stencil.ranges(0).flatten().collect();
        let rows = |count: usize, image: &dyn Fn(usize) -> Vec<f32>| {
            let values = (0..count).flat_map(image).collect();
            Array2::from_shape_vec((count, cells.len()), values)
        };
        let cut = |image: &[f32]| cells.iter().map(|&cell| image[cell]).collect::<Vec<_>>();
        ndarray_npy::write_npy(folder.join("refs.npy"), &rows(windows, &|r| cut(set.features(r)))?)?;
        let queries = rows(origins.len(), &|q| cut(&theta[origins[q] as usize..]))?;
        ndarray_npy::write_npy(folder.join("queries.npy"), &queries)?;
    }
    let (map, wall, cpu) = timed(|| PatternMap::with_learning_set(set, options(stencil.template()), None));
    let map = map?;
    println!("{name}: prepare {cpu:.3} CPU s, {wall:.3} s");
    let (matches, wall, cpu) = timed(|| map.matches(0, theta, origins));
    let matches: Matches = matches?;
    println!("{name}: match {cpu:.3} CPU s, {wall:.3} s");
    let (votes, wall, cpu) = timed(|| map.votes(0, origins, &matches));
    let total: u64 = votes?.map_or(0, |votes| votes.iter().map(|&v| u64::from(v)).sum());
    println!("{name}: {total} votes {cpu:.3} CPU s, {wall:.3} s");
    let four = four_facies(data, stencil, windows)?;
    let (votes, wall, cpu) = timed(|| four.votes(0, origins, &matches));
    let total: u64 = votes?.map_or(0, |votes| votes.iter().map(|&v| u64::from(v)).sum());
    println!("{name}: {total} votes of 4 facies {cpu:.3} CPU s, {wall:.3} s");
    println!("peak memory {:.2} GB", peak_memory().unwrap_or(0) as f64 * 1e-9);
    if let Some(folder) = folder {
        let index = Array1::from_iter(matches.index.iter().map(|&i| i as i32));
        ndarray_npy::write_npy(folder.join("found.npy"), &index.into_shape_with_order((origins.len(), 5))?)?;
    }
    Ok(())
}
