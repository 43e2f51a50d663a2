//! Typed device memory.

use std::marker::PhantomData;

/// `len` elements of `T` in device memory.
#[derive(Debug)]
pub struct Buffer<T> {
    pub(super) raw: wgpu::Buffer,
    pub(super) label: String,
    len: usize,
    element: PhantomData<T>,
}

impl<T> Buffer<T> {
    pub(super) fn new(raw: wgpu::Buffer, label: String, len: usize) -> Self {
        Self { raw, label, len, element: PhantomData }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The buffer as an argument of [`Batch::dispatch`](super::Batch::dispatch).
    pub fn bind(&self) -> wgpu::BindingResource<'_> {
        self.raw.as_entire_binding()
    }
}
