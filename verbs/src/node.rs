//! This machine as the host of a provider: its clock, and the memory that its devices share.

use crate::PinnedMemory;
use des::{Dur, Time};
use host::{HostBus, HostMemory};
use std::num::NonZero;
use std::time::Duration;

#[expect(clippy::disallowed_types, reason = "a real device runs in real time, which this module alone reads")]
type Clock = std::time::Instant;

/// The bus of a real machine, as far as a backend without registers needs one.
#[derive(Clone, Debug)]
pub struct RealBus {
    memory: HostMemory,
    started: Clock,
    pace: NonZero<u32>,
}

impl RealBus {
    /// A bus whose time begins now.
    #[must_use]
    pub fn new(memory: &PinnedMemory) -> Self {
        Self { memory: memory.host_memory(), started: Clock::now(), pace: NonZero::<u32>::MIN }
    }

    /// The same with a clock that goes `pace` times slower than the wall's, for programs whose waits were meant for quicker
    /// devices.
    #[must_use]
    pub fn with_pace(self, pace: NonZero<u32>) -> Self {
        Self { pace, ..self }
    }

    /// How long a time of this bus takes on the wall.
    #[must_use]
    pub fn wall(&self, time: Dur) -> Duration {
        Duration::from_nanos(time.as_ps() / 1_000) * self.pace.get()
    }
}

impl HostBus for RealBus {
    fn now(&self) -> Time {
        let elapsed = self.started.elapsed().as_nanos() / u128::from(self.pace.get());
        Time::from_ps(u64::try_from(elapsed).unwrap_or(u64::MAX).saturating_mul(1000))
    }

    fn memory(&mut self) -> &mut HostMemory {
        &mut self.memory
    }

    /// Goes nowhere: verbs devices have no registers that could be written here.
    fn mmio_write(&mut self, _offset: u64, _data: &[u8]) {}

    /// All ones: nobody answered.
    fn mmio_read(&mut self, _offset: u64) -> u64 {
        u64::MAX
    }

    /// Real processors spend their time without being told.
    fn spend(&mut self, _length: Dur) {}
}
