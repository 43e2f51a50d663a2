//! The measured ceilings of a device: what fractions in `lithoscope bench` are fractions of.

use super::{Gpu, GpuError, Shader};

/// The shader of the measurement.
pub const SHADER: Shader =
    Shader { name: "shared/ceiling", text: include_str!("../../shaders/shared/ceiling.wgsl"), trusted: true };

/// What a device can do at best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ceiling {
    /// Bytes read and written by a plain copy, a second.
    pub bytes_per_second: f64,
    /// Floating-point operations in f32 registers, a second (a multiply-add counts two).
    pub flops_per_second: f64,
}

/// Largest buffer of the copy: far beyond any cache.
const COPY_BYTES: u64 = 1 << 30;

/// Measures the ceilings: the best of several runs of each.
///
/// # Errors
/// Whatever the device refuses.
pub fn ceiling(gpu: &Gpu) -> Result<Ceiling, GpuError> {
    // A software adapter is checked, not measured: small sizes keep it from being waited for.
    let software = gpu.summary().software;
    let bytes = (gpu.max_binding() / 2).min(if software { 1 << 24 } else { COPY_BYTES });
    let length = (bytes / 16) as usize;
    let run = |entry: &str, length: usize, rounds: u32| -> Result<f64, GpuError> {
        let source = gpu.upload("ceiling source", &vec![[0.125f32; 4]; length])?;
        let target = gpu.zeros::<[f32; 4]>("ceiling target", length)?;
        let mut batch = gpu.batch();
        let prelude = format!("const ROUNDS = {rounds}u;");
        let groups = [length.div_ceil(256) as u64, 1, 1];
        batch.dispatch(&SHADER, entry, &prelude, &[source.bind(), target.bind()], groups)?;
        let mut best = f64::INFINITY;
        for _ in 0..if software { 2 } else { 8 } {
            best = best.min(batch.time()?);
        }
        Ok(best)
    };
    let (invocations, rounds) = if software { (1 << 12, 256) } else { (1 << 20, 4096) };
    let invocations = invocations.min(length);
    Ok(Ceiling {
        bytes_per_second: 32.0 * length as f64 / run("copy", length, 1)?,
        flops_per_second: 64.0 * f64::from(rounds) * invocations as f64 / run("multiply_add", invocations, rounds)?,
    })
}
