//! Time, memory, and what a kernel makes of them: the lines of `lithoscope bench`.

use std::time::Instant;

/// One kernel at one size, measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The kernel, e.g. `"straight_ray/forward"`.
    pub kernel: String,
    /// The size, in words.
    pub size: String,
    /// CPU seconds (user + system, all threads) of the CPU form.
    pub cpu_seconds: f64,
    /// Wall seconds of the CPU form.
    pub cpu_wall: f64,
    /// Seconds on the device by its own clock, without transfers; `None` without a device.
    pub gpu_seconds: Option<f64>,
    /// Wall seconds of the device form from host arrays to host arrays.
    pub gpu_wall: Option<f64>,
    /// Floating-point operations that the computation needs.
    pub flops: f64,
    /// Bytes that it must move through memory at least: each input read once, each output written once.
    pub bytes: f64,
}

/// Runs `work` once and returns its result, its wall seconds and its CPU seconds (user + system, all threads).
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64, f64) {
    let (wall, cpu) = (Instant::now(), cpu_time::ProcessTime::now());
    let out = work();
    (out, wall.elapsed().as_secs_f64(), cpu.elapsed().as_secs_f64())
}

/// The largest resident memory of this process so far, in bytes, where the system tells.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
