//! What a device can refuse.

/// A failing device, or the lack of one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// There is no adapter at all, or none of the kind asked for.
    #[error(
        "no {asked} was found: {found}\n  remedy: install a Vulkan, Metal or DX12 driver, or run with --backend cpu"
    )]
    NoAdapter {
        /// What was looked for.
        asked: &'static str,
        /// What there is instead.
        found: String,
    },
    /// The adapter gave no device.
    #[error("{adapter} gave no device: {reason}\n  remedy: run with --backend cpu")]
    NoDevice {
        /// The adapter.
        adapter: String,
        /// What the driver said.
        reason: String,
    },
    /// The device went away in the middle of the work.
    #[error(
        "the device {device} was lost: {reason}\n  remedy: run again (--resume keeps what is finished), or with --backend cpu"
    )]
    Lost {
        /// The device.
        device: String,
        /// What the driver said.
        reason: String,
    },
    /// The device has no room for a buffer.
    #[error(
        "the device has no memory for `{what}` ({bytes} bytes): {reason}\n  remedy: a smaller case, or --backend cpu"
    )]
    OutOfMemory {
        /// The buffer.
        what: String,
        /// Its size.
        bytes: u64,
        /// What the driver said.
        reason: String,
    },
    /// A buffer is larger than the device binds at once.
    #[error(
        "`{what}` needs {bytes} bytes in one binding, the device allows {limit}\n  remedy: a smaller case, or --backend cpu"
    )]
    TooLarge {
        /// The buffer.
        what: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A shader that does not compile, or a call that the device refuses: a bug in lithoscope.
    #[error("the device refused `{what}`: {reason}")]
    Refused {
        /// The shader, dispatch or copy.
        what: String,
        /// What wgpu said.
        reason: String,
    },
    /// The device did not answer in time.
    #[error(
        "the device did not finish `{what}` within {seconds} s\n  remedy: run with --backend cpu, or on a faster device"
    )]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
}
