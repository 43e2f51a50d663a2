//! A shader's text and name.

/// The text of one or more compute kernels, compiled when first used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shader {
    /// Name of the kernel's room and file, e.g. `"forward/straight_ray"`.
    pub name: &'static str,
    /// WGSL. Bindings are `@group(0) @binding(0..)`, in the order in which [`Batch::dispatch`](super::Batch::dispatch)
    /// is given its buffers; every entry point that is dispatched uses all of the bindings it is given.
    pub text: &'static str,
    /// Compile without naga's clamped indices and bounded loops: for inner loops whose guards are in the text, after
    /// the same text has passed its tests in checked mode.
    pub trusted: bool,
}
