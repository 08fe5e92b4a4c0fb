//! What a device driver may do to its device, and nothing more.

use crate::memory::HostMemory;
use des::{Dur, Time};

/// One device and the memory it shares with its driver, lent to the driver for one call.
pub trait HostBus {
    /// The moment at the processor that runs the driver, with the time it has spent in this step.
    fn now(&self) -> Time;

    /// Host memory: the driver builds rings in it and reads what the device wrote.
    fn memory(&mut self) -> &mut HostMemory;

    /// A posted write to the device's register space (BAR 0 for offsets below its size). Returns at once; the device
    /// sees it one bus latency later, writes in order.
    fn mmio_write(&mut self, offset: u64, data: &[u8]);

    /// A read of a 64-bit register. Posted writes reach the device before it (PCIe ordering) and the processor stalls
    /// until the answer is there. All ones: nobody answered (device gone or address not decoded).
    fn mmio_read(&mut self, offset: u64) -> u64;

    /// Whether the host has memory for what the driver is about to make. A driver asks before it allocates for an object, and
    /// refuses the object if not: that is how a host short of memory is modelled.
    fn has_memory(&mut self) -> bool {
        true
    }

    /// The processor works for `length` before the driver's next step.
    fn spend(&mut self, length: Dur);
}
