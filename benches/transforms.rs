//! Products with cosines and wavelets, one field at a time and in blocks, and with their twins. `cargo bench --bench
//! transforms`; `-- --cpu` leaves the device alone.

use lithoscope::basis::dct::Frequencies;
use lithoscope::basis::wavelet::Window;
use lithoscope::basis::{Basis, DctBasis, WaveletBasis, measure};
use lithoscope::gpu::{Choice, choose};
use lithoscope::grid::Grid;
use lithoscope::measure::timed;
use lithoscope::random::{Purpose, Stream};
use ndarray::Array1;

/// Repetitions, of which the fastest counts.
const TIMES: usize = 20;

/// Milliseconds: CPU, wall.
fn fastest(work: impl Fn() -> Array1<f64>) -> [f64; 2] {
    (0..TIMES).fold([f64::INFINITY; 2], |best, _| {
        let (_, wall, cpu) = timed(&work);
        [best[0].min(1e3 * cpu), best[1].min(1e3 * wall)]
    })
}

#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn single(name: &str, basis: &dyn Basis) {
    let mut stream = Stream::new(1, Purpose::Check, 0, 0);
    let v = Array1::from(stream.normals(basis.cols()));
    let u = Array1::from(stream.normals(basis.rows()));
    let (apply, adjoint) = (fastest(|| basis.apply(v.view())), fastest(|| basis.adjoint(u.view())));
    println!(
        "{name:<52} {:>6} columns  apply {:8.3} ms (wall {:8.3})  adjoint {:8.3} ms (wall {:8.3})",
        basis.cols(),
        apply[0],
        apply[1],
        adjoint[0],
        adjoint[1]
    );
}

#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn main() -> lithoscope::error::Result<()> {
    let cpu_only = std::env::args().any(|argument| argument == "--cpu");
    let gpu = if cpu_only { None } else { choose(Choice::Auto, true)? };
    println!("device: {}", gpu.as_ref().map_or("none", |gpu| &gpu.summary().name));
    println!("threads: {}", rayon::current_num_threads());
    for (cells, kept) in [
        ([64, 64, 1], [16, 16, 1]),
        ([200, 200, 1], [16, 16, 1]),
        ([200, 200, 1], [200, 200, 1]),
        ([100, 100, 9], [16, 16, 4]),
        ([1000, 1000, 1], [32, 32, 1]),
        ([1000, 1000, 1], [1000, 1000, 1]),
    ] {
        single(&format!("dct {cells:?}"), &DctBasis::new(&Grid::unit(cells), Frequencies::Box(kept))?);
    }
    for (cells, moments, window) in [
        ([64, 64, 1], 10, Window::Cells([16, 16, 1])),
        ([64, 64, 1], 10, Window::Whole),
        ([200, 200, 1], 10, Window::Cells([25, 25, 1])),
        ([200, 200, 1], 10, Window::Whole),
        ([200, 200, 1], 1, Window::Whole),
        ([128, 128, 16], 4, Window::Whole),
        ([1024, 1024, 1], 10, Window::Whole),
    ] {
        let basis = WaveletBasis::new(&Grid::unit(cells), moments, None, window)?;
        single(&format!("wavelet {cells:?}, {moments} moments"), &basis);
    }
    for line in measure(gpu.as_ref())? {
        let seconds = |s: Option<f64>| s.map_or("       -".into(), |s| format!("{s:8.4}"));
        println!(
            "{:<16} {:<40} cpu {:8.4} s  wall {:8.4} s  device {} s  with transfers {} s",
            line.kernel,
            line.size,
            line.cpu_seconds,
            line.cpu_wall,
            seconds(line.gpu_seconds),
            seconds(line.gpu_wall),
        );
    }
    Ok(())
}
