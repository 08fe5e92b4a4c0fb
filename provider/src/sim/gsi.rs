//! Queue pair 1: datagrams of connection management.

use super::attributes;
use super::command::CommandQueue;
use super::cq::CompletionQueue;
use super::device::{BringUpError, run};
use super::event::IDLE_MAX;
use super::object::{QpSpec, QueuePair};
use super::ring::{DmaBuffer, Ring, load, store};
use crate::backend::{CqId, PdId};
use host::HostBus;
use nic_model::regs::bar;
use nic_model::regs::block::Gid;
use nic_model::regs::cmd::{Command, CqContext, QpContext, QpType};
use nic_model::regs::cqe::Cqe;
use nic_model::regs::doorbell::SqDoorbell;
use nic_model::regs::wqe::{AddressVector, Body, Control, Data, DataList, Opcode, SendWqe, WqeFlags};
use std::collections::VecDeque;
use std::net::IpAddr;
use wire::cm::{GSI_QKEY, MAD_LEN, Mad};
use wire::{Mac, Qpn};

/// Datagrams that may wait for the driver.
const RECEIVES: u32 = 128;
/// Datagrams that may be on their way out in the device; more wait in the driver.
const SENDS: u32 = 32;
/// Page of its doorbells.
const UAR_PAGE: u32 = 0;
/// The network header that stands before a datagram.
const GRH_LEN: u32 = 40;
const RECEIVE_SLOT: u64 = 512;
const SEND_SLOT: u64 = MAD_LEN as u64;

/// Where a datagram goes.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) source_index: u8,
    pub(super) mac: Mac,
    pub(super) to: IpAddr,
    pub(super) mad: Box<Mad>,
}

/// A datagram that came.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) from: IpAddr,
    pub(super) mad: Box<Mad>,
}

/// The device reported something that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The queue pair with its own completion queue.
#[derive(Clone, Debug)]
pub(super) struct Gsi {
    qp: QueuePair,
    pub(super) qpn: u32,
    pd: u32,
    cq: CompletionQueue,
    pub(super) cqn: u32,
    /// First the receive slots, then the send slots.
    buffers: DmaBuffer,
    /// Key for bus addresses.
    key: u32,
    received: u32,
    sent: u32,
    waiting: VecDeque<Outgoing>,
    /// Events in a row that found nothing.
    idle: u32,
}

impl Gsi {
    /// Makes the queue pair, ready to send and receive.
    pub(super) fn create(
        host: &mut dyn HostBus,
        commands: &mut CommandQueue,
        key: u32,
        eqn: u32,
    ) -> Result<Self, BringUpError> {
        let spec = QpSpec {
            qp_type: QpType::GSI,
            pd: PdId(0),
            send_cq: CqId(0),
            receive_cq: CqId(0),
            srq: None,
            send_depth: SENDS,
            receive_depth: RECEIVES,
            max_send_sge: 4,
            max_receive_sge: 1,
            max_inline_bytes: 0,
        };
        let memory = host.memory();
        let cq = CompletionQueue::allocate(memory, 2 * (SENDS + RECEIVES), UAR_PAGE);
        let (qp, context) = QueuePair::allocate(memory, &spec, UAR_PAGE);
        let bytes = u64::from(RECEIVES) * RECEIVE_SLOT + u64::from(SENDS) * SEND_SLOT;
        let buffers = DmaBuffer::allocate(memory, bytes as usize);
        let (received, sent, idle, waiting) = (0, 0, 0, VecDeque::new());
        let mut gsi = Self { qp, qpn: 0, pd: 0, cq, cqn: 0, buffers, key, received, sent, waiting, idle };
        match gsi.make(host, commands, context, eqn) {
            Ok(()) => Ok(gsi),
            Err(error) => {
                // The device is reset next; it does not come to use the memory again.
                gsi.free(host);
                Err(error)
            }
        }
    }

    fn make(
        &mut self,
        host: &mut dyn HostBus,
        commands: &mut CommandQueue,
        context: QpContext,
        eqn: u32,
    ) -> Result<(), BringUpError> {
        self.pd = run(commands, host, "ALLOC_PD", &Command::AllocPd)?.result;
        let cq_context = CqContext {
            ring_address: self.cq.ring_address(),
            record_address: self.cq.record_address(),
            log_entries: self.cq.log_entries(),
            eqn,
            consumer: 0,
            uar_page: UAR_PAGE,
        };
        self.cqn = run(commands, host, "CREATE_CQ", &Command::CreateCq(cq_context))?.result;
        let context = QpContext { pd: self.pd, send_cqn: self.cqn, receive_cqn: self.cqn, ..context };
        self.qpn = run(commands, host, "CREATE_QP", &Command::CreateQp(context))?.result;
        for attributes in attributes::datagrams() {
            run(commands, host, "MODIFY_QP", &Command::ModifyQp(self.qpn, attributes))?;
        }
        for _ in 0..RECEIVES {
            self.post_receive(host);
        }
        self.arm(host);
        Ok(())
    }

    pub(super) fn free(self, host: &mut dyn HostBus) {
        let memory = host.memory();
        self.qp.free(memory);
        self.cq.free(memory);
        self.buffers.free(memory);
    }

    /// Sends a datagram, now or when there is room.
    pub(super) fn send(&mut self, host: &mut dyn HostBus, datagram: Outgoing) {
        self.waiting.push_back(datagram);
        self.send_waiting(host);
    }

    /// An event of the completion queue: takes what came, and asks for the next event.
    pub(super) fn event(&mut self, host: &mut dyn HostBus) -> Result<Vec<Incoming>, Broken> {
        self.cq.event_seen();
        self.idle += 1;
        let mut incoming = Vec::new();
        while let Some(cqe) = self.cq.take(host.memory()) {
            self.idle = 0;
            if cqe.is_error() {
                return Err(Broken);
            }
            if cqe.is_receive() {
                incoming.extend(self.received(host, &cqe)?);
            } else {
                self.qp.sends.retire(cqe.wqe_index).ok_or(Broken)?;
            }
        }
        if self.idle > IDLE_MAX {
            return Err(Broken);
        }
        self.send_waiting(host);
        self.arm(host);
        Ok(incoming)
    }

    /// The datagram of a receive, if it can be read; the slot goes back to the device.
    fn received(&mut self, host: &mut dyn HostBus, cqe: &Cqe) -> Result<Option<Incoming>, Broken> {
        let slot = self.qp.receives.as_mut().and_then(|queue| queue.retire(cqe.wqe_index)).ok_or(Broken)?;
        let whole = cqe.byte_count == GRH_LEN + MAD_LEN as u32;
        let at = self.receive_slot(slot) + u64::from(GRH_LEN);
        let bytes = whole.then(|| load::<MAD_LEN>(host.memory(), at));
        self.post_receive(host);
        // What is no message of connection management is ignored, as any node on the network may send it.
        let mad = bytes.and_then(|bytes| Mad::parse(&bytes).ok());
        Ok(mad.map(|mad| Incoming { from: cqe.source_gid.ip(), mad: Box::new(mad) }))
    }

    fn post_receive(&mut self, host: &mut dyn HostBus) {
        let slot = u64::from(self.received % RECEIVES);
        self.received = self.received.wrapping_add(1);
        let address = self.receive_slot(slot);
        let data = Data { length_bytes: RECEIVE_SLOT as u32, key: self.key, address };
        let receives = self.qp.receives.as_mut().expect("the queue pair has its own queue");
        receives.push(host.memory(), slot, &[data]).expect("a slot is posted when it is free");
    }

    fn send_waiting(&mut self, host: &mut dyn HostBus) {
        while !self.qp.sends.is_full()
            && let Some(datagram) = self.waiting.pop_front()
        {
            self.post(host, &datagram);
        }
        if let Some(Ring::Doorbell(producer)) = self.qp.sends.ring(host.memory(), false) {
            let doorbell = SqDoorbell { qpn: Qpn::new(self.qpn), producer };
            host.mmio_write(bar::uar(self.qp.uar_page, bar::UAR_SQ), &doorbell.to_value().to_le_bytes());
        }
    }

    fn post(&mut self, host: &mut dyn HostBus, datagram: &Outgoing) {
        let slot = u64::from(self.sent % SENDS);
        self.sent = self.sent.wrapping_add(1);
        let address = self.buffers.address + u64::from(RECEIVES) * RECEIVE_SLOT + slot * SEND_SLOT;
        store(host.memory(), address, &datagram.mad.encode());
        let vector = AddressVector {
            dest_qpn: Qpn::GSI,
            qkey: GSI_QKEY,
            dest_mac: datagram.mac.0,
            dest_gid: Gid::from(datagram.to),
            source_index: datagram.source_index,
            ..AddressVector::default()
        };
        let data = Data { length_bytes: MAD_LEN as u32, key: self.key, address };
        let control = Control {
            index: self.qp.sends.next_index(),
            opcode: Opcode::SEND,
            qpn: Qpn::new(self.qpn),
            flags: WqeFlags::SIGNALLED,
            ..Control::default()
        };
        let body = Body::Datagram(vector, DataList::Segments(std::iter::once(data).collect()));
        let wqe = SendWqe { control, body };
        self.qp.sends.push(host.memory(), slot, &wqe, None).expect("the caller has seen that there is room");
    }

    const fn receive_slot(&self, slot: u64) -> u64 {
        self.buffers.address + slot * RECEIVE_SLOT
    }

    fn arm(&self, host: &mut dyn HostBus) {
        let doorbell = self.cq.arm(self.cqn, false);
        host.mmio_write(bar::uar(self.qp.uar_page, bar::UAR_CQ), &doorbell.to_value().to_le_bytes());
    }
}
