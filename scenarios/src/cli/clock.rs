//! The wall clock: how long a run took on this machine.
#![expect(clippy::disallowed_types, reason = "the report says how long the run took; nothing simulated depends on it")]

use std::time::{Duration, Instant};

/// Runs from its creation on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Started now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
