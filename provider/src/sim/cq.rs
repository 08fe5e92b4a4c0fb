//! Completion queues: entries with owner bits, consumer record, arming.

use super::ring::{DmaBuffer, load, log2_ceil, store};
use crate::backend::WorkCompletion;
use crate::ndk::Status;
use host::HostMemory;
use host::iommu::Rights;
use nic_model::regs::cqe::{Cqe, CqeOpcode, Syndrome};
use nic_model::regs::doorbell::{CqDoorbell, CqRecord, owner_bit};
use std::collections::VecDeque;

/// What a ring is filled with before RESIZE_CQ, so that old owner bits mean nothing in it.
const UNUSED: u8 = 0xff;

/// A completion queue.
#[derive(Clone, Debug)]
pub(super) struct CompletionQueue {
    ring: DmaBuffer,
    record: DmaBuffer,
    log_entries: u8,
    consumer: u32,
    /// Events seen, modulo 4 as the doorbell has it.
    sequence: u8,
    /// Page of its doorbells.
    pub(super) uar_page: u32,
    /// Taken from the ring, not yet by the consumer.
    pub(super) ready: VecDeque<WorkCompletion>,
}

impl CompletionQueue {
    /// A queue for `depth` entries; the device does not know it yet.
    pub(super) fn allocate(memory: &mut HostMemory, depth: u32, uar_page: u32) -> Self {
        let log_entries = log2_ceil(depth);
        Self {
            ring: DmaBuffer::allocate(memory, Cqe::BYTES << log_entries, Rights::Write),
            record: DmaBuffer::allocate(memory, CqRecord::BYTES, Rights::Read),
            log_entries,
            consumer: 0,
            sequence: 0,
            uar_page,
            ready: VecDeque::new(),
        }
    }

    pub(super) fn free(self, memory: &mut HostMemory) {
        self.ring.free(memory);
        self.record.free(memory);
    }

    pub(super) const fn ring_address(&self) -> u64 {
        self.ring.bus_address
    }

    pub(super) const fn record_address(&self) -> u64 {
        self.record.bus_address
    }

    pub(super) const fn log_entries(&self) -> u8 {
        self.log_entries
    }

    pub(super) const fn consumer(&self) -> u32 {
        self.consumer
    }

    /// Takes the next entry of the ring.
    pub(super) fn take(&mut self, memory: &mut HostMemory) -> Option<Cqe> {
        let slot = u64::from(self.consumer) & ((1 << self.log_entries) - 1);
        let cqe = Cqe::decode(&load(memory, self.ring.address + slot * Cqe::BYTES as u64));
        let valid = cqe.owner & 1 == owner_bit(self.consumer, self.log_entries) && cqe.opcode != CqeOpcode::INVALID;
        if !valid {
            return None;
        }
        self.consumer = self.consumer.wrapping_add(1);
        store(memory, self.record.address, &CqRecord { consumer: self.consumer }.encode());
        Some(cqe)
    }

    /// The doorbell that asks for one event.
    pub(super) const fn arm(&self, cqn: u32, solicited_only: bool) -> CqDoorbell {
        CqDoorbell { cqn, sequence: self.sequence, solicited_only, consumer: self.consumer }
    }

    /// An event has been seen.
    pub(super) const fn event_seen(&mut self) {
        self.sequence = (self.sequence + 1) % 4;
    }

    /// The device goes on in another ring from entry `first` on; all before has been taken.
    pub(super) fn switch(&mut self, memory: &mut HostMemory, ring: DmaBuffer, log_entries: u8, first: u32) {
        std::mem::replace(&mut self.ring, ring).free(memory);
        self.log_entries = log_entries;
        self.consumer = first;
        store(memory, self.record.address, &CqRecord { consumer: first }.encode());
    }
}

/// A ring for RESIZE_CQ.
pub(super) fn allocate_unused(memory: &mut HostMemory, depth: u32) -> (DmaBuffer, u8) {
    let log_entries = log2_ceil(depth);
    let ring = DmaBuffer::allocate(memory, Cqe::BYTES << log_entries, Rights::Write);
    store(memory, ring.address, &vec![UNUSED; ring.capacity()]);
    (ring, log_entries)
}

/// The status of an entry. Syndromes that the register manual does not name are the device's failure.
pub(super) fn status_of(cqe: &Cqe) -> Status {
    if !cqe.is_error() {
        return Status::SUCCESS;
    }
    match cqe.syndrome {
        Syndrome::FLUSHED => Status::CANCELLED,
        Syndrome::LOCAL_PROTECTION | Syndrome::LOCAL_ACCESS | Syndrome::REMOTE_ACCESS => Status::ACCESS_VIOLATION,
        Syndrome::TRANSPORT_RETRY_EXCEEDED | Syndrome::RNR_RETRY_EXCEEDED => Status::IO_TIMEOUT,
        // A receive shorter than the send; a request longer than its queue pair allows.
        Syndrome::LOCAL_LENGTH if cqe.opcode == CqeOpcode::RECEIVE_ERROR => Status::BUFFER_OVERFLOW,
        Syndrome::LOCAL_LENGTH => Status::DATA_OVERRUN,
        Syndrome::REMOTE_INVALID_REQUEST | Syndrome::REMOTE_OPERATION => Status::REMOTE_RESOURCES,
        Syndrome::BIND | Syndrome::LOCAL_QP_OPERATION => Status::INVALID_DEVICE_REQUEST,
        _ => Status::INTERNAL_ERROR,
    }
}

/// The device's own code for a failure: syndrome in bits 15:8, the vendor's in 7:0.
pub(super) fn vendor_error_of(cqe: &Cqe) -> u32 {
    if cqe.is_error() { u32::from(cqe.syndrome.0) << 8 | u32::from(cqe.vendor_syndrome.0) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(memory: &mut HostMemory, queue: &CompletionQueue, index: u32, opcode: CqeOpcode) {
        let owner = owner_bit(index, queue.log_entries);
        let cqe = Cqe { wqe_index: index, opcode, owner, ..Cqe::default() };
        let slot = u64::from(index % (1 << queue.log_entries));
        store(memory, queue.ring.address + slot * 64, &cqe.encode());
    }

    #[test]
    fn entries_are_taken_once_and_in_order_over_many_rounds() {
        let mut memory = HostMemory::new();
        let mut queue = CompletionQueue::allocate(&mut memory, 3, 0);
        assert_eq!(queue.log_entries(), 2);
        for index in 0..10 {
            assert_eq!(queue.take(&mut memory), None, "entry {index} is not there yet");
            write(&mut memory, &queue, index, CqeOpcode::REQUEST);
            assert_eq!(queue.take(&mut memory).map(|cqe| cqe.wqe_index), Some(index));
            assert_eq!(CqRecord::decode(&load(&memory, queue.record_address())).consumer, index + 1);
        }
    }

    #[test]
    fn a_switch_goes_on_at_the_first_entry_of_the_new_ring() {
        let mut memory = HostMemory::new();
        let mut queue = CompletionQueue::allocate(&mut memory, 4, 0);
        for index in 0..3 {
            write(&mut memory, &queue, index, CqeOpcode::REQUEST);
            queue.take(&mut memory).expect("written");
        }
        let pages = memory.allocated_pages();
        let (ring, log_entries) = allocate_unused(&mut memory, 16);
        queue.switch(&mut memory, ring, log_entries, 3);
        assert_eq!(memory.allocated_pages(), pages, "the old ring is free");
        assert_eq!(queue.take(&mut memory), None, "0xff is no entry, whatever the owner bit");
        write(&mut memory, &queue, 3, CqeOpcode::RECEIVED_SEND);
        assert_eq!(queue.take(&mut memory).map(|cqe| cqe.wqe_index), Some(3));
        queue.free(&mut memory);
        assert_eq!(memory.allocated_pages(), 0);
    }

    #[test]
    fn every_syndrome_has_its_status() {
        let of = |opcode, syndrome| status_of(&Cqe { opcode, syndrome, ..Cqe::default() });
        let table = [
            (Syndrome::FLUSHED, Status::CANCELLED),
            (Syndrome::LOCAL_PROTECTION, Status::ACCESS_VIOLATION),
            (Syndrome::LOCAL_ACCESS, Status::ACCESS_VIOLATION),
            (Syndrome::REMOTE_ACCESS, Status::ACCESS_VIOLATION),
            (Syndrome::TRANSPORT_RETRY_EXCEEDED, Status::IO_TIMEOUT),
            (Syndrome::RNR_RETRY_EXCEEDED, Status::IO_TIMEOUT),
            (Syndrome::LOCAL_LENGTH, Status::DATA_OVERRUN),
            (Syndrome::REMOTE_INVALID_REQUEST, Status::REMOTE_RESOURCES),
            (Syndrome::REMOTE_OPERATION, Status::REMOTE_RESOURCES),
            (Syndrome::BIND, Status::INVALID_DEVICE_REQUEST),
            (Syndrome::LOCAL_QP_OPERATION, Status::INVALID_DEVICE_REQUEST),
            (Syndrome::BAD_RESPONSE, Status::INTERNAL_ERROR),
            (Syndrome::ABORTED, Status::INTERNAL_ERROR),
            (Syndrome(0x77), Status::INTERNAL_ERROR),
        ];
        for (syndrome, status) in table {
            assert_eq!(of(CqeOpcode::REQUEST_ERROR, syndrome), status, "{syndrome:?}");
        }
        assert_eq!(of(CqeOpcode::RECEIVE_ERROR, Syndrome::LOCAL_LENGTH), Status::BUFFER_OVERFLOW);
        assert_eq!(of(CqeOpcode::RECEIVED_SEND, Syndrome::NONE), Status::SUCCESS);
    }
}
