//! How long work tells what it has done, and learns that it should stop.

/// Listens to a long computation. Every method has a default, so that `&()` is the silent listener.
pub trait Progress: Sync {
    /// A stage of `total` steps begins.
    fn start(&self, stage: &str, total: u64) {
        let _ = (stage, total);
    }
    /// `steps` more steps of the current stage are done.
    fn advance(&self, steps: u64) {
        let _ = steps;
    }
    /// The current stage is over.
    fn finish(&self) {}
    /// A line worth reading.
    fn note(&self, line: &str) {
        let _ = line;
    }
    /// A line that must not be overlooked.
    fn warn(&self, line: &str) {
        let _ = line;
    }
    /// Whether the user has asked to stop: the computation keeps what is finished and returns
    /// [`Error::Interrupted`](crate::error::Error::Interrupted).
    fn interrupted(&self) -> bool {
        false
    }
}

impl Progress for () {}
