//! Straight rays at the sizes of `benches/peers/rays.py`: seconds of tracing, forward and adjoint, and nanoseconds an
//! entry of the matrix that is never stored. `cargo bench --bench rays`; `-- --cpu` leaves the device alone.

use lithoscope::forward::straight_ray::{StraightRays, measure, measured_surveys};
use lithoscope::gpu::{Choice, choose};
use lithoscope::measure::timed;

#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn main() -> lithoscope::error::Result<()> {
    let cpu_only = std::env::args().any(|argument| argument == "--cpu");
    let gpu = if cpu_only { None } else { choose(Choice::Auto, true)? };
    println!("device: {}", gpu.as_ref().map_or("none", |gpu| &gpu.summary().name));
    println!("threads: {}", rayon::current_num_threads());
    for (size, grid, list) in measured_surveys() {
        let (rays, wall, cpu) = timed(|| StraightRays::new(grid, list, None));
        let entries = rays?.entries();
        println!("{:<24} {size:<48} cpu {cpu:8.4} s  wall {wall:8.4} s  {entries} entries", "straight_ray/trace");
    }
    for line in measure(gpu.as_ref())? {
        let seconds = |s: Option<f64>| s.map_or("       -".into(), |s| format!("{s:8.4}"));
        println!(
            "{:<24} {:<48} cpu {:8.4} s  wall {:8.4} s  {:6.2} ns an entry  device {} s  with transfers {} s",
            line.kernel,
            line.size,
            line.cpu_seconds,
            line.cpu_wall,
            line.cpu_seconds * 5e9 / line.flops,
            seconds(line.gpu_seconds),
            seconds(line.gpu_wall),
        );
    }
    Ok(())
}
