//! Rings in host memory: send queues, receive queues (own and shared), and the buffers they live in.

use crate::backend::MrId;
use crate::ndk::Status;
use host::iommu::Rights;
use host::{HostMemory, PAGE_SIZE};
use nic_model::regs::bar;
use nic_model::regs::doorbell::ReceiveRecord;
use nic_model::regs::wqe::{self, BLOCK_BYTES, Data, SendWqe, UNIT_BYTES};
use std::collections::{BTreeMap, VecDeque};

/// Why access to a driver's own buffer cannot fail.
const OWN_MEMORY: &str = "the driver frees a buffer only after the device has let go of it";

/// Blocks that a BlueFlame buffer holds.
const PUSH_BLOCKS_MAX: u32 = bar::BLUEFLAME_BUFFER_BYTES as u32 / BLOCK_BYTES as u32;

/// Contiguous pages that the device reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DmaBuffer {
    /// Where the driver finds them.
    pub(super) address: u64,
    /// Where the device does.
    pub(super) bus_address: u64,
    pages: usize,
}

impl DmaBuffer {
    /// Zeroed memory for `bytes`, with which the device may do what `rights` say.
    pub(super) fn allocate(memory: &mut HostMemory, bytes: usize, rights: Rights) -> Self {
        let pages = bytes.div_ceil(PAGE_SIZE as usize).max(1);
        let address = memory.allocate_contiguous(pages);
        Self { address, bus_address: memory.map_contiguous(address, pages, rights), pages }
    }

    pub(super) fn free(self, memory: &mut HostMemory) {
        memory.unmap(self.bus_address);
        memory.free_contiguous(self.address, self.pages);
    }

    pub(super) const fn capacity(&self) -> usize {
        self.pages * PAGE_SIZE as usize
    }
}

/// Writes into a buffer of the driver.
pub(super) fn store(memory: &mut HostMemory, address: u64, data: &[u8]) {
    memory.write(address, data).expect(OWN_MEMORY);
}

/// Reads from a buffer of the driver.
pub(super) fn load<const N: usize>(memory: &HostMemory, address: u64) -> [u8; N] {
    let mut bytes = [0; N];
    memory.read(address, &mut bytes).expect(OWN_MEMORY);
    bytes
}

/// The smallest power of two that is at least `count`, as its exponent.
pub(super) const fn log2_ceil(count: u32) -> u8 {
    match count {
        0 | 1 => 0,
        more => (u32::BITS - (more - 1).leading_zeros()) as u8,
    }
}

/// Blocks of the longest WQE of a queue with these limits. Control and remote address take a unit each; the operations
/// without data are never longer than a block.
pub(super) const fn send_wqe_blocks(max_sge: u32, max_inline_bytes: u32) -> u32 {
    let inline_units = if max_inline_bytes == 0 { 0 } else { (4 + max_inline_bytes).div_ceil(UNIT_BYTES as u32) };
    let data_units = if max_sge > inline_units { max_sge } else { inline_units };
    (2 + data_units).div_ceil((BLOCK_BYTES / UNIT_BYTES) as u32)
}

/// A request on a send queue.
#[derive(Clone, Debug)]
struct Posted {
    id: u64,
    first_block: u32,
    blocks: u32,
    /// The page list that the device reads, and whose it is.
    pages: Option<(MrId, DmaBuffer)>,
}

/// A send queue: a ring of 64-byte blocks.
#[derive(Clone, Debug)]
pub(super) struct SendQueue {
    address: u64,
    log_blocks: u8,
    depth: u32,
    wqe_blocks_max: u32,
    /// Free-running counts of blocks: filled, told to the device, given back.
    producer: u32,
    rung: u32,
    consumer: u32,
    posted: VecDeque<Posted>,
}

/// What is to be told to the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ring {
    /// The new producer index.
    Doorbell(u32),
    /// The blocks of the only new WQE.
    Push(Vec<u8>),
}

/// A request that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Retired {
    pub(super) id: u64,
    /// Page lists of it and of those before it.
    pub(super) pages: Vec<(MrId, DmaBuffer)>,
}

impl SendQueue {
    /// The exponent of the ring's blocks for `depth` requests of at most `wqe_blocks_max` blocks.
    pub(super) const fn log_blocks_for(depth: u32, wqe_blocks_max: u32) -> u8 {
        log2_ceil(depth.saturating_mul(wqe_blocks_max))
    }

    pub(super) const fn new(address: u64, depth: u32, wqe_blocks_max: u32) -> Self {
        let log_blocks = Self::log_blocks_for(depth, wqe_blocks_max);
        let posted = VecDeque::new();
        Self { address, log_blocks, depth, wqe_blocks_max, producer: 0, rung: 0, consumer: 0, posted }
    }

    pub(super) const fn log_blocks(&self) -> u8 {
        self.log_blocks
    }

    pub(super) fn is_full(&self) -> bool {
        self.posted.len() >= self.depth as usize
    }

    /// Low bits of the index that the next WQE's control segment carries.
    pub(super) const fn next_index(&self) -> u16 {
        self.producer as u16
    }

    /// Writes a WQE into the ring. The device does not know yet.
    ///
    /// # Errors
    /// INVALID_PARAMETER for a WQE longer than the queue was made for, NO_MORE_ENTRIES.
    pub(super) fn push(
        &mut self,
        memory: &mut HostMemory,
        id: u64,
        wqe: &SendWqe,
        pages: Option<(MrId, DmaBuffer)>,
    ) -> Result<(), (Status, Option<(MrId, DmaBuffer)>)> {
        if self.is_full() {
            return Err((Status::NO_MORE_ENTRIES, pages));
        }
        let bytes = wqe.encode();
        let blocks = (bytes.len() / BLOCK_BYTES) as u32;
        if blocks > self.wqe_blocks_max {
            return Err((Status::INVALID_PARAMETER, pages));
        }
        let first_block = self.producer;
        assert!(
            self.producer.wrapping_sub(self.consumer) + blocks <= 1 << self.log_blocks,
            "the ring has room for depth WQEs"
        );
        for block in bytes.chunks_exact(BLOCK_BYTES) {
            store(memory, self.block_address(self.producer), block);
            self.producer = self.producer.wrapping_add(1);
        }
        self.posted.push_back(Posted { id, first_block, blocks, pages });
        Ok(())
    }

    /// What the device must be told, if anything. A single WQE may be pushed, if it fits a BlueFlame buffer.
    pub(super) fn ring(&mut self, memory: &HostMemory, push: bool) -> Option<Ring> {
        let new = self.producer.wrapping_sub(self.rung);
        let first = self.rung;
        self.rung = self.producer;
        let single = self.posted.back().is_some_and(|posted| posted.first_block == first && posted.blocks == new);
        match new {
            0 => None,
            1..=PUSH_BLOCKS_MAX if push && single => {
                let block = |index| load::<BLOCK_BYTES>(memory, self.block_address(first.wrapping_add(index)));
                Some(Ring::Push((0..new).flat_map(block).collect()))
            }
            _ => Some(Ring::Doorbell(self.producer)),
        }
    }

    /// The request whose first block is `index` has ended, and with it all before. `None`: there is no such request.
    pub(super) fn retire(&mut self, index: u32) -> Option<Retired> {
        let position = self.posted.iter().position(|posted| posted.first_block == index)?;
        let mut pages = Vec::new();
        let mut id = 0;
        for ended in self.posted.drain(..=position) {
            id = ended.id;
            self.consumer = ended.first_block.wrapping_add(ended.blocks);
            pages.extend(ended.pages);
        }
        Some(Retired { id, pages })
    }

    /// Page lists of requests that will never end: the queue is gone.
    pub(super) fn abandon(&mut self) -> Vec<(MrId, DmaBuffer)> {
        self.posted.drain(..).filter_map(|posted| posted.pages).collect()
    }

    const fn block_address(&self, index: u32) -> u64 {
        self.address + slot(index, self.log_blocks) * BLOCK_BYTES as u64
    }
}

/// Where the WQEs of a receive queue are.
#[derive(Clone, Copy, Debug)]
struct Place {
    address: u64,
    record_address: u64,
    log_wqes: u8,
}

/// A receive queue or shared receive queue: a ring of WQEs of one size, and the record that tells the device how many.
#[derive(Clone, Debug)]
pub(super) struct ReceiveQueue {
    place: Place,
    /// Where the device will go on. Until it has, what is posted goes to both places.
    next_place: Option<Box<Place>>,
    log_stride: u8,
    depth: u32,
    max_sge: u32,
    producer: u32,
    /// First WQE that the device may still read.
    unread: u32,
    /// Requests that have not ended, by index. Those of a shared queue end in any order.
    ids: BTreeMap<u32, u64>,
}

impl ReceiveQueue {
    pub(super) const fn new(address: u64, record_address: u64, depth: u32, max_sge: u32) -> Self {
        Self {
            place: Place { address, record_address, log_wqes: log2_ceil(depth) },
            next_place: None,
            log_stride: Self::log_stride_for(max_sge),
            depth,
            max_sge,
            producer: 0,
            unread: 0,
            ids: BTreeMap::new(),
        }
    }

    /// The exponent of a WQE's bytes: the list and the segment that ends it.
    pub(super) const fn log_stride_for(max_sge: u32) -> u8 {
        log2_ceil((max_sge + 1) * UNIT_BYTES as u32)
    }

    /// Bytes of the ring.
    pub(super) const fn ring_bytes(depth: u32, max_sge: u32) -> usize {
        1 << (log2_ceil(depth) + Self::log_stride_for(max_sge))
    }

    pub(super) const fn log_wqes(&self) -> u8 {
        self.place.log_wqes
    }

    pub(super) const fn log_stride(&self) -> u8 {
        self.log_stride
    }

    /// Writes a receive into the ring and tells the device by the record.
    ///
    /// # Errors
    /// INVALID_PARAMETER for too long a list, NO_MORE_ENTRIES.
    pub(super) fn push(&mut self, memory: &mut HostMemory, id: u64, segments: &[Data]) -> Result<(), Status> {
        if segments.len() > self.max_sge as usize {
            return Err(Status::INVALID_PARAMETER);
        }
        let unread = self.producer.wrapping_sub(self.unread);
        if self.ids.len() >= self.depth as usize || unread >= 1 << self.place.log_wqes {
            return Err(Status::NO_MORE_ENTRIES);
        }
        let wqe = wqe::encode_receive(segments, 1 << self.log_stride);
        self.ids.insert(self.producer, id);
        let index = self.producer;
        self.producer = index.wrapping_add(1);
        for place in [Some(self.place), self.next_place.as_deref().copied()].into_iter().flatten() {
            store(memory, place.slot(index, self.log_stride), &wqe);
            self.tell(memory, place);
        }
        Ok(())
    }

    fn tell(&self, memory: &mut HostMemory, place: Place) {
        store(memory, place.record_address, &ReceiveRecord { producer: self.producer }.encode());
    }

    /// Whether a ring of this queue has room for `depth` WQEs.
    pub(super) const fn holds(&self, depth: u32) -> bool {
        log2_ceil(depth) <= self.place.log_wqes
    }

    /// The device is about to be told of a larger ring for `depth` WQEs: it gets all that may still be read.
    pub(super) fn begin_growth(&mut self, memory: &mut HostMemory, address: u64, record_address: u64, depth: u32) {
        let place = Place { address, record_address, log_wqes: log2_ceil(depth) };
        let mut index = self.unread;
        while index != self.producer {
            let mut wqe = vec![0; 1 << self.log_stride];
            memory.read(self.place.slot(index, self.log_stride), &mut wqe).expect(OWN_MEMORY);
            store(memory, place.slot(index, self.log_stride), &wqe);
            index = index.wrapping_add(1);
        }
        self.tell(memory, place);
        self.next_place = Some(Box::new(place));
    }

    /// Whether the device is being told of another ring.
    pub(super) const fn is_growing(&self) -> bool {
        self.next_place.is_some()
    }

    /// The device goes on in the other ring, or not.
    pub(super) fn end_growth(&mut self, grown: bool) {
        if let (Some(place), true) = (self.next_place.take(), grown) {
            self.place = *place;
        }
    }

    /// How many requests may be under way; the ring has room for them.
    pub(super) const fn set_depth(&mut self, depth: u32) {
        self.depth = depth;
    }

    /// The receive at `index` has ended. `None`: there is no such receive.
    pub(super) fn retire(&mut self, index: u32) -> Option<u64> {
        let id = self.ids.remove(&index)?;
        // The device takes WQEs in order, so it has read all before this one.
        let behind = index.wrapping_add(1).wrapping_sub(self.unread);
        if behind <= 1 << self.place.log_wqes {
            self.unread = index.wrapping_add(1);
        }
        Some(id)
    }
}

impl Place {
    const fn slot(&self, index: u32, log_stride: u8) -> u64 {
        self.address + (slot(index, self.log_wqes) << log_stride)
    }
}

const fn slot(index: u32, log_entries: u8) -> u64 {
    index as u64 & ((1 << log_entries) - 1)
}

#[cfg(test)]
mod tests;
