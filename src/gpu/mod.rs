//! The only room that names wgpu: adapters, the device, typed buffers, shaders and their pipelines.
//!
//! Computations elsewhere see [`Gpu`], [`Buffer`], [`Shader`] and [`Batch`]. Host numbers are f64, device numbers f32
//! (or u32): the kernels' own rooms convert, here only bytes move. Everything that can fail on a device comes back as
//! a [`GpuError`]; the process is never brought down by one.

mod adapter;
mod buffer;
mod ceiling;
mod device;
mod error;
mod shader;

pub use adapter::{AdapterSummary, Choice, adapters, choose};
pub use buffer::Buffer;
pub use ceiling::{Ceiling, SHADER as CEILING_SHADER, ceiling};
pub use device::{Batch, Gpu, Usage};
pub use error::GpuError;
pub use shader::Shader;
