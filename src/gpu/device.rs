//! The device: buffers in and out, pipelines compiled once, batches of dispatches, and an account of what it did.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytemuck::Pod;
use wgpu::util::DeviceExt;

use super::{AdapterSummary, Buffer, GpuError, Shader};

/// No single batch of ours lasts this long; a driver that does not answer within it hangs.
const TIME_OUT: Duration = Duration::from_secs(120);

/// Most bytes of host memory that are kept for what is read back.
const KEPT: u64 = 1 << 28;

/// What a device was used for: reported in `summary.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Dispatches by kernel (`shader:entry`).
    pub dispatches: BTreeMap<String, u64>,
    /// Bytes sent to the device.
    pub bytes_up: u64,
    /// Bytes read back.
    pub bytes_down: u64,
}

type PipelineKey = (&'static str, String, String);

/// One entry point, compiled.
struct Kernel {
    /// `shader:entry`.
    name: String,
    pipeline: wgpu::ComputePipeline,
}

/// An open device.
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    summary: AdapterSummary,
    limits: wgpu::Limits,
    timestamps: bool,
    kernels: Mutex<HashMap<PipelineKey, Arc<Kernel>>>,
    overrides: HashMap<&'static str, String>,
    checked: bool,
    usage: Mutex<Usage>,
    /// Where what is read back lands, kept from one reading to the next: the host's own pages are dear to get.
    landing: Mutex<Option<wgpu::Buffer>>,
    memory: Option<u64>,
    failure: Arc<Mutex<Option<GpuError>>>,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu").field("adapter", &self.summary).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Gpu {
    pub(super) fn open(adapter: &wgpu::Adapter, summary: AdapterSummary) -> Result<Self, GpuError> {
        let wanted = wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::SUBGROUP | wgpu::Features::SHADER_F64;
        let features = adapter.features() & wanted;
        let mut limits = adapter.limits();
        // wgpu-hal's Vulkan backend binds at most 2^31 - 1 bytes whatever the driver says.
        limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min((1 << 31) - 4);
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("lithoscope"),
            required_features: features,
            required_limits: limits.clone(),
            ..Default::default()
        }))
        .map_err(|e| GpuError::NoDevice { adapter: summary.name.clone(), reason: e.to_string() })?;
        let failure = Arc::new(Mutex::new(None));
        let (on_error, on_loss, name) = (failure.clone(), failure.clone(), summary.name.clone());
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            lock(&on_error).get_or_insert(match error {
                wgpu::Error::OutOfMemory { source } => {
                    GpuError::OutOfMemory { what: "a device call".into(), bytes: 0, reason: source.to_string() }
                }
                other => GpuError::Refused { what: "a device call".into(), reason: other.to_string() },
            });
        }));
        device.set_device_lost_callback(move |_, reason| {
            lock(&on_loss).get_or_insert(GpuError::Lost { device: name.clone(), reason });
        });
        let timestamps = features.contains(wgpu::Features::TIMESTAMP_QUERY);
        Ok(Self {
            device,
            queue,
            summary,
            limits,
            timestamps,
            kernels: Mutex::default(),
            overrides: HashMap::new(),
            checked: false,
            usage: Mutex::default(),
            landing: Mutex::default(),
            memory: None,
            failure,
        })
    }

    /// The adapter.
    pub fn summary(&self) -> &AdapterSummary {
        &self.summary
    }

    /// Largest number of bytes in one storage binding.
    pub fn max_binding(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size)
    }

    /// Bytes of workgroup memory.
    pub fn workgroup_memory(&self) -> u32 {
        self.limits.max_compute_workgroup_storage_size
    }

    /// The account so far.
    pub fn usage(&self) -> Usage {
        lock(&self.usage).clone()
    }

    /// Replaces the text of a shader from now on: how a test shows that `verify` sees a wrong kernel.
    pub fn replace_shader(&mut self, name: &'static str, text: String) {
        self.overrides.insert(name, text);
        lock(&self.kernels).clear();
    }

    /// Compiles every shader with naga's runtime checks, trusted or not.
    pub fn force_checks(&mut self) {
        self.checked = true;
        lock(&self.kernels).clear();
    }

    /// Has no room for a buffer of more than `bytes` from now on: how a test shows what a full device does.
    pub fn limit_memory(&mut self, bytes: u64) {
        self.memory = Some(bytes);
    }

    /// Destroys the device: how a test shows what a lost device does.
    pub fn destroy(&self) {
        self.device.destroy();
        lock(&self.failure)
            .get_or_insert(GpuError::Lost { device: self.summary.name.clone(), reason: "it was destroyed".into() });
    }

    /// The first failure since the device was opened, if any: a device that has failed does nothing more.
    fn healthy(&self) -> Result<(), GpuError> {
        lock(&self.failure).clone().map_or(Ok(()), Err)
    }

    fn allocate(&self, label: &str, bytes: u64, make: impl FnOnce() -> wgpu::Buffer) -> Result<wgpu::Buffer, GpuError> {
        self.healthy()?;
        if bytes > self.max_binding() {
            return Err(GpuError::TooLarge { what: label.into(), bytes, limit: self.max_binding() });
        }
        if let Some(room) = self.memory.filter(|room| bytes > *room) {
            let reason = format!("limited to {room} bytes");
            return Err(GpuError::OutOfMemory { what: label.into(), bytes, reason });
        }
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let buffer = make();
        if let Some(error) = pollster::block_on(validation.pop()) {
            return Err(GpuError::Refused { what: label.into(), reason: error.to_string() });
        }
        match pollster::block_on(memory.pop()) {
            Some(error) => Err(GpuError::OutOfMemory { what: label.into(), bytes, reason: error.to_string() }),
            None => Ok(buffer),
        }
    }

    /// A storage buffer that holds `data`.
    pub fn upload<T: Pod>(&self, label: &str, data: &[T]) -> Result<Buffer<T>, GpuError> {
        self.upload_as(label, data, wgpu::BufferUsages::STORAGE)
    }

    /// A uniform buffer that holds one `value`, laid out as WGSL lays it out.
    pub fn uniform<T: Pod>(&self, label: &str, value: T) -> Result<Buffer<T>, GpuError> {
        self.upload_as(label, &[value], wgpu::BufferUsages::UNIFORM)
    }

    fn upload_as<T: Pod>(&self, label: &str, data: &[T], usage: wgpu::BufferUsages) -> Result<Buffer<T>, GpuError> {
        // A binding of no bytes is refused: an empty buffer holds one element that nobody reads.
        let padding = vec![0u8; if data.is_empty() { size_of::<T>().max(4) } else { 0 }];
        let contents: &[u8] = if data.is_empty() { &padding } else { bytemuck::cast_slice(data) };
        let usage = usage | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let raw = self.allocate(label, contents.len() as u64, || {
            self.device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: Some(label), contents, usage })
        })?;
        lock(&self.usage).bytes_up += contents.len() as u64;
        Ok(Buffer::new(raw, label.into(), data.len()))
    }

    /// A storage buffer of `len` zeros.
    pub fn zeros<T: Pod>(&self, label: &str, len: usize) -> Result<Buffer<T>, GpuError> {
        let bytes = (len.max(1) * size_of::<T>()).next_multiple_of(4) as u64;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let raw = self.allocate(label, bytes, || {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: bytes,
                usage,
                mapped_at_creation: false,
            })
        })?;
        Ok(Buffer::new(raw, label.into(), len))
    }

    /// Overwrites the first elements of a buffer.
    pub fn write<T: Pod>(&self, buffer: &Buffer<T>, data: &[T]) -> Result<(), GpuError> {
        self.healthy()?;
        assert!(data.len() <= buffer.len(), "`{}` holds {} elements, not {}", buffer.label, buffer.len(), data.len());
        let bytes: &[u8] = bytemuck::cast_slice(data);
        assert!(bytes.len().is_multiple_of(4), "`{}`: writes are whole words", buffer.label);
        self.queue.write_buffer(&buffer.raw, 0, bytes);
        lock(&self.usage).bytes_up += bytes.len() as u64;
        Ok(())
    }

    /// Reads a buffer back. Waits for everything submitted before.
    pub fn read<T: Pod>(&self, buffer: &Buffer<T>) -> Result<Vec<T>, GpuError> {
        self.read_with(buffer, <[T]>::to_vec)
    }

    /// What `f` makes of the elements of a buffer. Waits for everything submitted before.
    pub fn read_with<T: Pod, R>(&self, buffer: &Buffer<T>, f: impl FnOnce(&[T]) -> R) -> Result<R, GpuError> {
        if buffer.is_empty() {
            return Ok(f(&[]));
        }
        self.healthy()?;
        let length = buffer.len() * size_of::<T>();
        let bytes = length.next_multiple_of(4) as u64;
        let kept = lock(&self.landing).take_if(|kept| kept.size() >= bytes);
        let staging = match kept {
            Some(kept) => kept,
            None => self.allocate(&buffer.label, bytes, || {
                self.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("staging"),
                    size: bytes,
                    usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                })
            })?,
        };
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(&buffer.raw, 0, &staging, 0, bytes);
        let submitted = self.queue.submit([encoder.finish()]);
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.slice(..bytes).map_async(wgpu::MapMode::Read, move |result| {
            // The receiver is gone only where the wait below has failed and said why.
            let _ = sender.send(result);
        });
        self.wait(&buffer.label, submitted)?;
        match receiver.recv_timeout(TIME_OUT) {
            Ok(Ok(())) => {}
            Ok(Err(e)) => {
                self.healthy()?;
                return Err(GpuError::Refused { what: buffer.label.clone(), reason: e.to_string() });
            }
            Err(_) => return Err(GpuError::TimedOut { what: buffer.label.clone(), seconds: TIME_OUT.as_secs() }),
        }
        let view = staging
            .slice(..bytes)
            .get_mapped_range()
            .map_err(|e| GpuError::Refused { what: buffer.label.clone(), reason: e.to_string() })?;
        lock(&self.usage).bytes_down += bytes;
        let made = match bytemuck::try_cast_slice(&view[..length]) {
            Ok(elements) => f(elements),
            // Nothing promises that mapped memory is aligned for more than bytes.
            Err(_) => f(&bytemuck::pod_collect_to_vec(&view[..length])),
        };
        drop(view);
        staging.unmap();
        let mut landing = lock(&self.landing);
        if staging.size() <= KEPT && landing.as_ref().is_none_or(|kept| kept.size() < staging.size()) {
            *landing = Some(staging);
        }
        Ok(made)
    }

    fn wait(&self, what: &str, submitted: wgpu::SubmissionIndex) -> Result<(), GpuError> {
        let poll = wgpu::PollType::Wait { submission_index: Some(submitted), timeout: Some(TIME_OUT) };
        let polled = self.device.poll(poll);
        self.healthy()?;
        match polled {
            Ok(_) => Ok(()),
            Err(wgpu::PollError::Timeout) => Err(GpuError::TimedOut { what: what.into(), seconds: TIME_OUT.as_secs() }),
            Err(e) => Err(GpuError::Refused { what: what.into(), reason: e.to_string() }),
        }
    }

    /// One entry point. `prelude` is put in front of the shader's text: constants that Rust defines.
    fn kernel(&self, shader: &Shader, entry: &str, prelude: &str) -> Result<Arc<Kernel>, GpuError> {
        let key = (shader.name, entry.to_owned(), prelude.to_owned());
        if let Some(found) = lock(&self.kernels).get(&key) {
            return Ok(found.clone());
        }
        self.healthy()?;
        let text = self.overrides.get(shader.name).map_or(shader.text, String::as_str);
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(shader.name),
            source: wgpu::ShaderSource::Wgsl(format!("{prelude}\n{text}").into()),
        };
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let module = if shader.trusted && !self.checked {
            // SAFETY: a trusted shader guards its own indices and loops, and has passed its tests in checked mode.
            unsafe { self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
        } else {
            self.device.create_shader_module(descriptor)
        };
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(shader.name),
            layout: None,
            module: &module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: self.checked || !shader.trusted,
                ..Default::default()
            },
            cache: None,
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(GpuError::Refused { what: format!("{}:{entry}", shader.name), reason: error.to_string() });
        }
        let kernel = Arc::new(Kernel { name: format!("{}:{entry}", shader.name), pipeline });
        lock(&self.kernels).insert(key, kernel.clone());
        Ok(kernel)
    }

    /// A batch of dispatches that run in order, submitted together.
    pub fn batch(&self) -> Batch<'_> {
        Batch { gpu: self, steps: Vec::new() }
    }
}

#[derive(Clone)]
struct Step {
    kernel: Arc<Kernel>,
    bindings: wgpu::BindGroup,
    groups: [u32; 3],
}

/// Dispatches that run in order, each seeing what the ones before it wrote.
pub struct Batch<'a> {
    gpu: &'a Gpu,
    steps: Vec<Step>,
}

impl Batch<'_> {
    /// Adds a dispatch of `groups` workgroups. A count beyond 65,535 along x is folded into x and y: the kernel finds
    /// its flat number as `group.y * groups.x + group.x` and guards the ragged end.
    pub fn dispatch(
        &mut self,
        shader: &Shader,
        entry: &str,
        prelude: &str,
        bindings: &[wgpu::BindingResource<'_>],
        groups: [u64; 3],
    ) -> Result<&mut Self, GpuError> {
        let kernel = self.gpu.kernel(shader, entry, prelude)?;
        let most = u64::from(self.gpu.limits.max_compute_workgroups_per_dimension);
        let groups = if groups[0] > most && groups[1] == 1 {
            let rows = groups[0].div_ceil(most);
            [groups[0].div_ceil(rows), rows, groups[2]]
        } else {
            groups
        };
        assert!(groups.iter().all(|&g| g <= most), "{}: {groups:?} workgroups, {most} a dimension", kernel.name);
        if groups.contains(&0) {
            return Ok(self);
        }
        let entries: Vec<_> = bindings
            .iter()
            .enumerate()
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding: binding as u32, resource: resource.clone() })
            .collect();
        let scope = self.gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let bindings = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(shader.name),
            layout: &kernel.pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(GpuError::Refused { what: kernel.name.clone(), reason: error.to_string() });
        }
        self.steps.push(Step { kernel, bindings, groups: groups.map(|g| g as u32) });
        Ok(self)
    }

    /// How many dispatches it has.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Adds the dispatches from number `first` on once more.
    pub fn repeat(&mut self, first: usize) {
        self.steps.extend_from_within(first..);
    }

    fn encode(&self, timestamps: Option<&wgpu::QuerySet>) -> wgpu::CommandEncoder {
        self.count();
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: None,
                timestamp_writes: timestamps.map(|query_set| wgpu::ComputePassTimestampWrites {
                    query_set,
                    beginning_of_pass_write_index: Some(0),
                    end_of_pass_write_index: Some(1),
                }),
            });
            for step in &self.steps {
                pass.set_pipeline(&step.kernel.pipeline);
                pass.set_bind_group(0, &step.bindings, &[]);
                pass.dispatch_workgroups(step.groups[0], step.groups[1], step.groups[2]);
            }
        }
        encoder
    }

    /// Enters the dispatches into the account of the device.
    fn count(&self) {
        let dispatches = &mut lock(&self.gpu.usage).dispatches;
        for step in &self.steps {
            match dispatches.get_mut(&step.kernel.name) {
                Some(count) => *count += 1,
                None => drop(dispatches.insert(step.kernel.name.clone(), 1)),
            }
        }
    }

    /// Submits the batch without waiting for it: [`Gpu::read`] waits.
    pub fn submit(self) -> Result<(), GpuError> {
        self.run()
    }

    /// Submits the batch, which may be run again, without waiting for it.
    pub fn run(&self) -> Result<(), GpuError> {
        self.gpu.healthy()?;
        self.gpu.queue.submit([self.encode(None).finish()]);
        self.gpu.healthy()
    }

    /// Submits the batch, waits for it and returns the seconds that the device spent on it, by its own clock where it
    /// has one and else by the host's. The batch may be run again.
    pub fn time(&self) -> Result<f64, GpuError> {
        let gpu = self.gpu;
        gpu.healthy()?;
        let started = std::time::Instant::now();
        if !gpu.timestamps {
            let submitted = gpu.queue.submit([self.encode(None).finish()]);
            gpu.wait("a timed batch", submitted)?;
            return Ok(started.elapsed().as_secs_f64());
        }
        let queries = gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: None,
            ty: wgpu::QueryType::Timestamp,
            count: 2,
        });
        let resolved = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("timestamps"),
            size: 16,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let mut encoder = self.encode(Some(&queries));
        encoder.resolve_query_set(&queries, 0..2, &resolved, 0);
        gpu.queue.submit([encoder.finish()]);
        let ticks: Vec<u64> = gpu.read(&Buffer::new(resolved, "timestamps".into(), 2))?;
        Ok(ticks[1].saturating_sub(ticks[0]) as f64 * f64::from(gpu.queue.get_timestamp_period()) * 1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{Choice, choose};

    const DOUBLE: Shader = Shader {
        name: "test/double",
        text: "@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@compute @workgroup_size(64) fn double(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let i = id.y * groups.x * 64u + id.x;
    if i < arrayLength(&x) { x[i] = 2u * x[i]; }
}",
        trusted: false,
    };

    /// The software (or any) adapter; `None`, said aloud, where the machine has none.
    fn gpu() -> Option<Gpu> {
        let gpu = choose(Choice::Auto, true).expect("an adapter that opens");
        if gpu.is_none() {
            crate::testing::skipped("no GPU adapter");
        }
        gpu
    }

    #[test]
    fn data_goes_to_the_device_and_back_beyond_65535_workgroups() {
        let Some(gpu) = gpu() else { return };
        let n = 65_537usize * 64 + 1;
        let buffer = gpu.upload("x", &(0..n as u32).collect::<Vec<_>>()).unwrap();
        let mut batch = gpu.batch();
        batch.dispatch(&DOUBLE, "double", "", &[buffer.bind()], [n.div_ceil(64) as u64, 1, 1]).unwrap();
        batch.submit().unwrap();
        let out = gpu.read(&buffer).unwrap();
        assert!(out.iter().enumerate().all(|(i, &x)| x == 2 * i as u32));
        assert_eq!(gpu.usage().dispatches["test/double:double"], 1);
    }

    #[test]
    fn a_batch_repeats_its_dispatches_and_every_run_counts() {
        let Some(gpu) = gpu() else { return };
        let buffer = gpu.upload("x", &[1u32; 3]).unwrap();
        let mut batch = gpu.batch();
        batch.dispatch(&DOUBLE, "double", "", &[buffer.bind()], [1, 1, 1]).unwrap();
        batch.repeat(0);
        assert!(batch.len() == 2 && !batch.is_empty());
        batch.run().unwrap();
        batch.time().unwrap();
        assert_eq!(gpu.read(&buffer).unwrap(), [16; 3]);
        assert_eq!(gpu.usage().dispatches["test/double:double"], 4);
    }

    #[test]
    fn what_is_read_is_right_whatever_was_read_before_and_beside_it() {
        let Some(gpu) = gpu() else { return };
        let buffers = [5, 70_000, 3, 1000].map(|len| gpu.upload("x", &(0..len).collect::<Vec<u32>>()).unwrap());
        let check = || {
            for buffer in &buffers {
                let right = |found: &[u32]| found.len() == buffer.len() && found.iter().zip(0..).all(|(&x, i)| x == i);
                assert!(gpu.read_with(buffer, right).unwrap());
            }
        };
        check();
        std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(check))));
    }

    #[test]
    fn a_lost_device_and_a_buffer_too_large_are_errors() {
        let Some(gpu) = gpu() else { return };
        let words = gpu.max_binding() as usize / 4 + 4;
        assert!(matches!(gpu.zeros::<u32>("huge", words), Err(GpuError::TooLarge { .. })));
        let buffer = gpu.upload("x", &[1u32; 64]).unwrap();
        gpu.destroy();
        assert!(matches!(gpu.read(&buffer), Err(GpuError::Lost { .. })));
    }

    #[test]
    fn a_shader_that_does_not_compile_is_an_error() {
        let Some(mut gpu) = gpu() else { return };
        gpu.replace_shader("test/double", "@compute fn double() { nonsense }".into());
        let buffer = gpu.upload("x", &[1u32; 64]).unwrap();
        let error = gpu.batch().dispatch(&DOUBLE, "double", "", &[buffer.bind()], [1, 1, 1]).err();
        assert!(matches!(error, Some(GpuError::Refused { .. })), "{error:?}");
    }
}
