//! What the driver keeps of its queue pairs and shared receive queues.

use super::memory;
use super::ring::{DmaBuffer, ReceiveQueue, SendQueue, log2_ceil, send_wqe_blocks};
use crate::backend::{ConnectionId, CqId, PdId, SrqId};
use host::iommu::Rights;
use host::{HostMemory, PAGE_SIZE};
use nic_model::regs::cmd::{QpContext, QpState, QpType, SrqContext};
use nic_model::regs::doorbell::ReceiveRecord;
use nic_model::regs::wqe::BLOCK_BYTES;

/// What a queue pair is made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct QpSpec {
    pub(super) qp_type: QpType,
    pub(super) pd: PdId,
    pub(super) send_cq: CqId,
    pub(super) receive_cq: CqId,
    pub(super) srq: Option<SrqId>,
    pub(super) send_depth: u32,
    pub(super) receive_depth: u32,
    pub(super) max_send_sge: u32,
    pub(super) max_receive_sge: u32,
    pub(super) max_inline_bytes: u32,
}

/// A queue pair.
#[derive(Clone, Debug)]
pub(super) struct QueuePair {
    memory: DmaBuffer,
    pub(super) sends: SendQueue,
    /// `None` with a shared queue.
    pub(super) receives: Option<ReceiveQueue>,
    pub(super) srq: Option<SrqId>,
    pub(super) send_cq: CqId,
    pub(super) receive_cq: CqId,
    pub(super) max_send_sge: u32,
    pub(super) max_inline_bytes: u32,
    /// As the driver has asked for it; a failure is in `broken`.
    pub(super) state: QpState,
    /// It went into error by itself.
    pub(super) broken: bool,
    pub(super) connection: Option<ConnectionId>,
    /// Page of its doorbells.
    pub(super) uar_page: u32,
    /// The next push goes to the second BlueFlame buffer.
    pub(super) second_buffer: bool,
}

const fn page_aligned(bytes: usize) -> usize {
    bytes.next_multiple_of(PAGE_SIZE as usize)
}

impl QueuePair {
    /// Rings and record in one piece, and what the device must be told of them.
    pub(super) fn allocate(memory: &mut HostMemory, spec: &QpSpec, uar_page: u32) -> (Self, QpContext) {
        let wqe_blocks = send_wqe_blocks(spec.max_send_sge, spec.max_inline_bytes);
        let send_bytes = page_aligned(BLOCK_BYTES << SendQueue::log_blocks_for(spec.send_depth, wqe_blocks));
        let receive_bytes = match spec.srq {
            Some(_) => 0,
            None => page_aligned(ReceiveQueue::ring_bytes(spec.receive_depth, spec.max_receive_sge)),
        };
        let buffer = DmaBuffer::allocate(memory, send_bytes + receive_bytes + ReceiveRecord::BYTES, Rights::Read);
        let receives_at = |base| base + send_bytes as u64;
        let record_at = |base| receives_at(base) + receive_bytes as u64;
        let receive_address = receives_at(buffer.address);
        let record_address = record_at(buffer.address);
        let sends = SendQueue::new(buffer.address, spec.send_depth, wqe_blocks);
        let own = ReceiveQueue::new(receive_address, record_address, spec.receive_depth, spec.max_receive_sge);
        let context = QpContext {
            sq_address: buffer.bus_address,
            rq_address: receives_at(buffer.bus_address),
            record_address: record_at(buffer.bus_address),
            qp_type: spec.qp_type,
            log_sq_blocks: sends.log_blocks(),
            log_rq_wqes: own.log_wqes(),
            log_rq_stride: own.log_stride(),
            use_srq: u8::from(spec.srq.is_some()),
            // NDK's consumers are drivers: they may use the privileged token.
            privileged: 1,
            pd: spec.pd.0,
            send_cqn: spec.send_cq.0,
            receive_cqn: spec.receive_cq.0,
            srqn: spec.srq.map_or(0, |srq| srq.0),
            uar_page,
        };
        let qp = Self {
            memory: buffer,
            sends,
            receives: spec.srq.is_none().then_some(own),
            srq: spec.srq,
            send_cq: spec.send_cq,
            receive_cq: spec.receive_cq,
            max_send_sge: spec.max_send_sge,
            max_inline_bytes: spec.max_inline_bytes,
            state: QpState::RESET,
            broken: false,
            connection: None,
            uar_page,
            second_buffer: false,
        };
        (qp, context)
    }

    pub(super) fn free(self, memory: &mut HostMemory) {
        self.memory.free(memory);
    }
}

/// A shared receive queue.
#[derive(Clone, Debug)]
pub(super) struct SharedQueue {
    memory: DmaBuffer,
    /// Of the larger ring that the device is being told of.
    next_memory: Option<DmaBuffer>,
    max_sge: u32,
    pub(super) receives: ReceiveQueue,
}

impl SharedQueue {
    /// Ring and record in one piece, and what the device must be told of them.
    pub(super) fn allocate(memory: &mut HostMemory, pd: PdId, depth: u32, max_sge: u32) -> (Self, SrqContext) {
        let (buffer, record_offset) = Self::memory_for(memory, depth, max_sge);
        let receives = ReceiveQueue::new(buffer.address, buffer.address + record_offset, depth, max_sge);
        let context = SrqContext {
            ring_address: buffer.bus_address,
            record_address: buffer.bus_address + record_offset,
            pd: pd.0,
            log_wqes: receives.log_wqes(),
            log_stride: receives.log_stride(),
            limit: 0,
        };
        (Self { memory: buffer, next_memory: None, max_sge, receives }, context)
    }

    /// Memory for a ring, and where the record is in it.
    fn memory_for(memory: &mut HostMemory, depth: u32, max_sge: u32) -> (DmaBuffer, u64) {
        let ring_bytes = page_aligned(ReceiveQueue::ring_bytes(depth, max_sge));
        let buffer = DmaBuffer::allocate(memory, ring_bytes + ReceiveRecord::BYTES, Rights::Read);
        (buffer, ring_bytes as u64)
    }

    /// A larger ring, with all that is posted, and what the device must be told of it.
    pub(super) fn begin_growth(&mut self, memory: &mut HostMemory, depth: u32) -> SrqContext {
        let (buffer, record_offset) = Self::memory_for(memory, depth, self.max_sge);
        self.receives.begin_growth(memory, buffer.address, buffer.address + record_offset, depth);
        let context = SrqContext {
            ring_address: buffer.bus_address,
            record_address: buffer.bus_address + record_offset,
            log_wqes: log2_ceil(depth),
            log_stride: self.receives.log_stride(),
            ..SrqContext::default()
        };
        self.next_memory = Some(buffer);
        context
    }

    /// The device has gone over to the larger ring, or has refused it: the other one is free.
    pub(super) fn end_growth(&mut self, memory: &mut HostMemory, grown: bool) {
        self.receives.end_growth(grown);
        if let Some(next) = self.next_memory.take() {
            let unused = if grown { std::mem::replace(&mut self.memory, next) } else { next };
            unused.free(memory);
        }
    }

    pub(super) fn free(self, memory: &mut HostMemory) {
        self.memory.free(memory);
        self.next_memory.into_iter().for_each(|next| next.free(memory));
    }
}

/// Regions and windows are named by the part of their key that does not change.
pub(super) const fn id_of_key(key: u32) -> u32 {
    memory::key_index(key)
}
