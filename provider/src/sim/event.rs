//! Event queues.

use super::ring::{DmaBuffer, load};
use host::HostMemory;
use host::iommu::Rights;
use nic_model::regs::doorbell::{EqDoorbell, owner_bit};
use nic_model::regs::eqe::Eqe;

/// Interrupts in a row for nothing after which a device counts as failed. A few are normal: an event may have been read
/// with the one before.
pub(super) const IDLE_MAX: u32 = 1_000;

/// An event queue with its interrupt vector.
#[derive(Clone, Debug)]
pub(super) struct EventQueue {
    ring: DmaBuffer,
    log_entries: u8,
    consumer: u32,
    /// Given by the device.
    pub(super) eqn: u32,
    /// Interrupts in a row that found nothing.
    idle: u32,
}

impl EventQueue {
    /// A queue of 2^`log_entries`; the device does not know it yet.
    pub(super) fn allocate(memory: &mut HostMemory, log_entries: u8) -> Self {
        Self {
            ring: DmaBuffer::allocate(memory, Eqe::BYTES << log_entries, Rights::Write),
            log_entries,
            consumer: 0,
            eqn: 0,
            idle: 0,
        }
    }

    pub(super) fn free(self, memory: &mut HostMemory) {
        self.ring.free(memory);
    }

    pub(super) const fn ring_address(&self) -> u64 {
        self.ring.bus_address
    }

    /// Takes the next entry.
    pub(super) fn take(&mut self, memory: &HostMemory) -> Option<Eqe> {
        let slot = u64::from(self.consumer) & ((1 << self.log_entries) - 1);
        let eqe = Eqe::decode(&load(memory, self.ring.address + slot * Eqe::BYTES as u64));
        if eqe.owner & 1 != owner_bit(self.consumer, self.log_entries) {
            return None;
        }
        self.consumer = self.consumer.wrapping_add(1);
        Some(eqe)
    }

    /// An interrupt has been served, having found that many entries. Returns whether the device still makes sense: one that
    /// raises interrupts without end has written an entry that cannot be recognised.
    pub(super) const fn served(&mut self, found: usize) -> bool {
        self.idle = if found == 0 { self.idle + 1 } else { 0 };
        self.idle <= IDLE_MAX
    }

    /// The doorbell that says how far the queue has been read and asks for the next interrupt. An entry that came
    /// meanwhile raises it at once, so none is missed.
    pub(super) const fn rearm(&self) -> EqDoorbell {
        EqDoorbell { eqn: self.eqn, arm: true, consumer: self.consumer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::ring::store;

    #[test]
    fn entries_are_taken_once_over_many_rounds() {
        let mut memory = HostMemory::new();
        let mut queue = EventQueue::allocate(&mut memory, 1);
        for index in 0..7 {
            assert_eq!(queue.take(&memory), None);
            let eqe = Eqe { number: index, owner: owner_bit(index, 1), ..Eqe::default() };
            store(&mut memory, queue.ring_address() + u64::from(index % 2) * 64, &eqe.encode());
            assert_eq!(queue.take(&memory).map(|eqe| eqe.number), Some(index));
            assert_eq!(queue.rearm().consumer, index + 1);
        }
    }
}
