//! This machine as the host of a provider: its clock, and the memory that its devices share.

use crate::PinnedMemory;
use des::{Dur, Time};
use host::{HostBus, HostMemory};

#[expect(clippy::disallowed_types, reason = "a real device runs in real time, which this module alone reads")]
type Clock = std::time::Instant;

/// The bus of a real machine, as far as a backend without registers needs one.
#[derive(Clone, Debug)]
pub struct RealBus {
    memory: HostMemory,
    started: Clock,
}

impl RealBus {
    /// A bus whose time begins now.
    #[must_use]
    pub fn new(memory: &PinnedMemory) -> Self {
        Self { memory: memory.host_memory(), started: Clock::now() }
    }
}

impl HostBus for RealBus {
    fn now(&self) -> Time {
        Time::from_ps(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX).saturating_mul(1000))
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
