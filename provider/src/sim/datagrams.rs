//! A queue pair of datagrams with its memory: queue pair 1, for connection management, and others like it.

use super::attributes;
use super::command::CommandQueue;
use super::cq::CompletionQueue;
use super::device::{BringUpError, run};
use super::event::IDLE_MAX;
use super::object::{QpSpec, QueuePair};
use super::ring::{DmaBuffer, Ring, store};
use crate::backend::{CqId, PdId};
use bytes::Bytes;
use host::HostBus;
use host::iommu::Rights;
use nic_model::regs::bar;
use nic_model::regs::block::Gid;
use nic_model::regs::cmd::{Command, CqContext, QpContext, QpType};
use nic_model::regs::cqe::{Cqe, CqeOpcode};
use nic_model::regs::doorbell::SqDoorbell;
use nic_model::regs::wqe::{AddressVector, Body, Control, Data, DataList, Opcode, SendWqe, WqeFlags};
use std::collections::VecDeque;
use std::net::IpAddr;
use wire::{Mac, Qpn};

/// Datagrams that may be on their way out in the device; more wait in the driver.
const SENDS: u32 = 32;
/// Page of its doorbells.
const UAR_PAGE: u32 = 0;
/// The network header that stands before a datagram.
const GRH_LEN: u32 = 40;

/// What tells one queue pair of datagrams from another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) qp_type: QpType,
    /// What datagrams to it have to know.
    pub(super) qkey: u32,
    /// The longest datagram.
    pub(super) message_bytes: u32,
    /// Datagrams that may wait for the driver, at least one.
    pub(super) receives: u32,
}

impl Kind {
    fn receive_slot(self) -> u64 {
        u64::from(GRH_LEN + self.message_bytes).next_power_of_two()
    }

    fn send_slot(self) -> u64 {
        u64::from(self.message_bytes)
    }
}

/// A datagram to send, and where.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) source_index: u8,
    pub(super) mac: Mac,
    pub(super) to: IpAddr,
    pub(super) dest_qpn: Qpn,
    pub(super) qkey: u32,
    pub(super) immediate: Option<u32>,
    /// No longer than the queue pair takes.
    pub(super) data: Bytes,
}

/// A datagram that came.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) from: IpAddr,
    pub(super) source_qpn: Qpn,
    pub(super) immediate: Option<u32>,
    pub(super) data: Vec<u8>,
}

/// The device reported something that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The queue pair with its own completion queue.
#[derive(Clone, Debug)]
pub(super) struct Datagrams {
    qp: QueuePair,
    kind: Kind,
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

impl Datagrams {
    /// Makes the queue pair, ready to send and receive.
    pub(super) fn create(
        host: &mut dyn HostBus,
        commands: &mut CommandQueue,
        kind: Kind,
        (key, eqn): (u32, u32),
    ) -> Result<Self, BringUpError> {
        let spec = QpSpec {
            qp_type: kind.qp_type,
            pd: PdId(0),
            send_cq: CqId(0),
            receive_cq: CqId(0),
            srq: None,
            send_depth: SENDS,
            receive_depth: kind.receives,
            max_send_sge: 4,
            max_receive_sge: 1,
            max_inline_bytes: 0,
        };
        let memory = host.memory();
        let cq = CompletionQueue::allocate(memory, 2 * (SENDS + kind.receives), UAR_PAGE);
        let (qp, context) = QueuePair::allocate(memory, &spec, UAR_PAGE);
        let bytes = u64::from(kind.receives) * kind.receive_slot() + u64::from(SENDS) * kind.send_slot();
        let buffers = DmaBuffer::allocate(memory, bytes as usize, Rights::ReadWrite);
        let (received, sent, idle, waiting) = (0, 0, 0, VecDeque::new());
        let mut made = Self { qp, kind, qpn: 0, pd: 0, cq, cqn: 0, buffers, key, received, sent, waiting, idle };
        match made.make(host, commands, context, eqn) {
            Ok(()) => Ok(made),
            Err(error) => {
                // The device is reset next; it does not come to use the memory again.
                made.free(host);
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
        for attributes in attributes::datagrams(self.kind.qkey) {
            run(commands, host, "MODIFY_QP", &Command::ModifyQp(self.qpn, attributes))?;
        }
        for _ in 0..self.kind.receives {
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

    /// The datagram of a receive, unless it is longer than any should be; the slot goes back to the device.
    fn received(&mut self, host: &mut dyn HostBus, cqe: &Cqe) -> Result<Option<Incoming>, Broken> {
        let slot = self.qp.receives.as_mut().and_then(|queue| queue.retire(cqe.wqe_index)).ok_or(Broken)?;
        let length = cqe.byte_count.checked_sub(GRH_LEN).filter(|&length| length <= self.kind.message_bytes);
        let mut data = Vec::new();
        if let Some(length) = length {
            let at = self.buffers.address + self.receive_slot(slot) + u64::from(GRH_LEN);
            host.memory().read_to(at, length as usize, &mut data).map_err(|_| Broken)?;
        }
        self.post_receive(host);
        let immediate = (cqe.opcode == CqeOpcode::RECEIVED_SEND_IMMEDIATE).then_some(cqe.immediate);
        let (from, source_qpn) = (cqe.source_gid.ip(), cqe.source_qpn);
        Ok(length.map(|_| Incoming { from, source_qpn, immediate, data }))
    }

    fn post_receive(&mut self, host: &mut dyn HostBus) {
        let slot = u64::from(self.received % self.kind.receives);
        self.received = self.received.wrapping_add(1);
        let address = self.buffers.bus_address + self.receive_slot(slot);
        let data = Data { length_bytes: self.kind.receive_slot() as u32, key: self.key, address };
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
        let offset = self.receive_slot(u64::from(self.kind.receives)) + slot * self.kind.send_slot();
        store(host.memory(), self.buffers.address + offset, &datagram.data);
        let vector = AddressVector {
            dest_qpn: datagram.dest_qpn,
            qkey: datagram.qkey,
            dest_mac: datagram.mac.0,
            dest_gid: Gid::from(datagram.to),
            source_index: datagram.source_index,
            ..AddressVector::default()
        };
        let data = Data {
            length_bytes: datagram.data.len() as u32,
            key: self.key,
            address: self.buffers.bus_address + offset,
        };
        let control = Control {
            index: self.qp.sends.next_index(),
            opcode: if datagram.immediate.is_some() { Opcode::SEND_IMMEDIATE } else { Opcode::SEND },
            immediate: datagram.immediate.unwrap_or_default(),
            qpn: Qpn::new(self.qpn),
            flags: WqeFlags::SIGNALLED,
            ..Control::default()
        };
        let body = Body::Datagram(vector, DataList::Segments(std::iter::once(data).collect()));
        let wqe = SendWqe { control, body };
        self.qp.sends.push(host.memory(), slot, &wqe, None).expect("the caller has seen that there is room");
    }

    /// Where a receive slot is in the buffers.
    fn receive_slot(&self, slot: u64) -> u64 {
        slot * self.kind.receive_slot()
    }

    fn arm(&self, host: &mut dyn HostBus) {
        let doorbell = self.cq.arm(self.cqn, false);
        host.mmio_write(bar::uar(self.qp.uar_page, bar::UAR_CQ), &doorbell.to_value().to_le_bytes());
    }
}
