//! Which adapters there are, and which one is taken.

use super::GpuError;

/// What a user wants to know of an adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterSummary {
    /// Name, as the driver gives it.
    pub name: String,
    /// `"Vulkan"`, `"Metal"`, `"Dx12"`.
    pub backend: String,
    /// Driver and version.
    pub driver: String,
    /// Kind, e.g. `"DiscreteGpu"`, `"Cpu"`.
    pub kind: String,
    /// Whether it is a processor that plays a GPU: right, but slow.
    pub software: bool,
    /// Largest storage binding in bytes.
    pub max_binding: u64,
    /// Workgroup memory in bytes.
    pub workgroup_memory: u32,
    /// Smallest and largest subgroup.
    pub subgroup: (u32, u32),
    /// Whether shaders may use f64, and passes be timed.
    pub f64_and_timestamps: (bool, bool),
}

/// Which backend the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// A hardware adapter where there is one (a software adapter where allowed), else the CPU.
    #[default]
    Auto,
    /// An adapter, or an error: never the CPU quietly.
    Gpu,
    /// The CPU in f64.
    Cpu,
}

pub(super) fn instance() -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Instance::enabled_backend_features();
    wgpu::Instance::new(descriptor)
}

/// Hardware first, the strongest kind first; the driver's own order within a kind.
fn rank(kind: wgpu::DeviceType) -> u8 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

fn enumerate() -> Vec<wgpu::Adapter> {
    let mut found = pollster::block_on(instance().enumerate_adapters(wgpu::Backends::all()));
    found.sort_by_key(|a| rank(a.get_info().device_type));
    found
}

fn summary(adapter: &wgpu::Adapter) -> AdapterSummary {
    let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    AdapterSummary {
        software: info.device_type == wgpu::DeviceType::Cpu,
        kind: format!("{:?}", info.device_type),
        backend: format!("{:?}", info.backend),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        name: info.name,
        max_binding: limits.max_storage_buffer_binding_size,
        workgroup_memory: limits.max_compute_workgroup_storage_size,
        subgroup: (info.subgroup_min_size, info.subgroup_max_size),
        f64_and_timestamps: (
            features.contains(wgpu::Features::SHADER_F64),
            features.contains(wgpu::Features::TIMESTAMP_QUERY),
        ),
    }
}

/// Every adapter of this machine, in the order in which they would be taken.
pub fn adapters() -> Vec<AdapterSummary> {
    enumerate().iter().map(summary).collect()
}

/// The adapter for a choice: `None` means the CPU.
///
/// # Errors
/// [`GpuError::NoAdapter`] where `choice` is [`Choice::Gpu`] and there is none, or only a software adapter that is not
/// allowed.
pub fn choose(choice: Choice, allow_software: bool) -> Result<Option<super::Gpu>, GpuError> {
    if choice == Choice::Cpu {
        return Ok(None);
    }
    let found = enumerate();
    let taken = found.iter().find(|a| allow_software || a.get_info().device_type != wgpu::DeviceType::Cpu);
    match (taken, choice) {
        (Some(adapter), _) => super::Gpu::open(adapter, summary(adapter)).map(Some),
        (None, Choice::Auto) => Ok(None),
        (None, _) => Err(GpuError::NoAdapter {
            asked: "hardware GPU adapter",
            found: if found.is_empty() {
                "this machine has no adapter".into()
            } else {
                format!(
                    "only the software adapter {}, which needs --allow-software or LITHOSCOPE_ALLOW_SOFTWARE_GPU=1",
                    found[0].get_info().name
                )
            },
        }),
    }
}
