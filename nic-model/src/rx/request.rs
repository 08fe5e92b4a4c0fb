//! The memory behind a responder: checks, receives, data, atomics, completions.

use super::inbox::queue_of;
use crate::atomic::AtomicJob;
use crate::caches::Kind;
use crate::dma::Cx;
use crate::interface::Interface;
use crate::mem::{Accessor, Fault, Invalidator, Memory};
use crate::nic::Nic;
use crate::port::Segments;
use crate::qp::{QueuePair, Receives};
use crate::receive::SharedQueue;
use crate::regs::cmd::Rights;
use crate::regs::cqe::{Cqe, CqeFlags, CqeOpcode, Syndrome, VendorSyndrome};
use crate::regs::eqe::EventType;
use crate::table::Table;
use crate::transport::responder::{AccessFault, ReceiveCompletion, ReceiveStatus, Right};
use crate::transport::{AtomicOperation, Remote, ResponderPort, Verdict};
use des::Time;
use wire::{NakCode, Payload, Psn, Qpn};

/// What a responder may use while it executes one packet.
pub(super) struct Placement<'a, 'b> {
    pub(super) cx: &'a mut Cx<'b>,
    pub(super) at: Time,
    pub(super) host: &'a mut Interface,
    pub(super) memory: &'a mut Memory,
    pub(super) shared: &'a mut Table<SharedQueue>,
    pub(super) qp: &'a mut QueuePair,
    pub(super) payload: &'a Payload,
    /// It is where it belongs already.
    pub(super) placed: bool,
    /// The packet is to be kept under this position; whether its payload has been written.
    pub(super) kept: Option<(u64, bool)>,
    /// Atomics to begin.
    pub(super) atomics: Vec<AtomicJob>,
    /// The last fault, for the CQE.
    pub(super) fault: VendorSyndrome,
}

impl Placement<'_, '_> {
    /// Who accesses a receive's buffers: those of a shared queue are of its protection domain.
    fn receiver(&self) -> Accessor {
        let who = self.qp.accessor();
        match self.qp.receives {
            Receives::Own(_) => who,
            Receives::Shared(srqn) => Accessor { pd: self.shared.get(srqn).map_or(who.pd, |srq| srq.pd), ..who },
        }
    }

    /// The bus addresses of the peer's range.
    fn remote(&mut self, remote: Remote, length_bytes: u32, right: Rights) -> Result<Segments, AccessFault> {
        let (who, range) = (self.qp.accessor(), remote.range(length_bytes));
        let granted = self.granted(right);
        granted.and_then(|()| self.memory.remote(who, range, right)).map_err(|fault| self.refuse(fault))
    }

    /// Whether the queue pair gives its peer a right at all.
    fn granted(&self, right: Rights) -> Result<(), Fault> {
        if self.qp.grants(right) { Ok(()) } else { Err(Fault::Rights) }
    }

    fn refuse(&mut self, fault: Fault) -> AccessFault {
        self.fault = fault.into();
        AccessFault
    }
}

impl ResponderPort for Placement<'_, '_> {
    fn check(&mut self, remote: Remote, length_bytes: u32, right: Right) -> Result<(), AccessFault> {
        let right = match right {
            Right::Read => Rights::REMOTE_READ,
            Right::Write => Rights::REMOTE_WRITE,
            Right::Atomic => Rights::REMOTE_ATOMIC,
        };
        let (who, range) = (self.qp.accessor(), remote.range(length_bytes));
        let granted = self.granted(right);
        granted.and_then(|()| self.memory.check(who, range, right)).map_err(|fault| self.refuse(fault))
    }

    fn take_receive(&mut self) -> Option<u32> {
        if let Receives::Shared(srqn) = self.qp.receives {
            self.at = self.host.cached(self.at, Kind::Srq, srqn.into());
        }
        let receive = queue_of(&mut self.qp.receives, self.shared)?.take()?;
        let capacity = receive.capacity();
        self.qp.taken = Some(receive);
        Some(capacity)
    }

    fn place_receive(&mut self, offset_bytes: u32, length_bytes: u32) -> Result<(), AccessFault> {
        let receive = self.qp.taken.as_ref().ok_or(AccessFault)?;
        let (who, list) = (self.receiver(), &receive.segments);
        match self.memory.message(who, list, offset_bytes, length_bytes, true) {
            Ok(segments) => {
                self.at = self.host.message_translated(self.at, self.memory, list, (offset_bytes, length_bytes));
                self.host.write(self.cx, self.at, segments, self.payload.clone());
                Ok(())
            }
            Err(fault) => {
                self.fault = fault.into();
                Err(AccessFault)
            }
        }
    }

    fn place_write(&mut self, remote: Remote, length_bytes: u32) -> Result<(), AccessFault> {
        let segments = self.remote(remote, length_bytes, Rights::REMOTE_WRITE)?;
        if !self.placed {
            self.at = self.host.translated(self.at, self.memory, remote.range(length_bytes));
            self.host.write(self.cx, self.at, segments, self.payload.clone());
        }
        Ok(())
    }

    fn hold(&mut self, position: u64, target: Option<Remote>, length_bytes: u32) {
        let known = self.qp.held.get(&position).is_some_and(|held| held.placed);
        let placed = known || target.is_some_and(|remote| self.place_write(remote, length_bytes).is_ok());
        self.kept = Some((position, placed));
    }

    fn start_atomic(&mut self, psn: Psn, remote: Remote, operation: AtomicOperation) {
        if let Ok(target) = self.remote(remote, 8, Rights::REMOTE_ATOMIC) {
            self.atomics.push(AtomicJob { qpn: self.qp.number, psn, target, operation });
        }
    }

    fn invalidate(&mut self, rkey: u32) -> Result<(), AccessFault> {
        self.memory.invalidate(self.qp.accessor(), rkey, Invalidator::Peer).map_err(|fault| {
            self.fault = fault.into();
            AccessFault
        })
    }

    fn complete_receive(&mut self, completion: ReceiveCompletion) {
        let Some(receive) = self.qp.taken.take() else { return };
        let cqe = receive_cqe(self.qp, receive.index, &completion, self.fault);
        self.host.complete(self.cx, self.at, self.qp.context.receive_cqn, cqe);
    }
}

impl Nic {
    /// What the responder has made of a packet.
    pub(super) fn judge(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32, verdict: Verdict) {
        let counters = &mut self.host.counters;
        match verdict {
            Verdict::Accepted | Verdict::Dropped => {}
            Verdict::Duplicate => counters.duplicate_requests += 1,
            Verdict::OutOfSequence | Verdict::Early => counters.out_of_sequence += 1,
            Verdict::ReceiverNotReady => counters.rnr_naks_sent += 1,
            Verdict::Refused(code) => {
                let event = match code {
                    NakCode::RemoteAccess => {
                        counters.access_naks_sent += 1;
                        EventType::QP_ACCESS
                    }
                    NakCode::InvalidRequest | NakCode::InvalidRdRequest => {
                        counters.invalid_naks_sent += 1;
                        EventType::QP_INVALID_REQUEST
                    }
                    NakCode::RemoteOperational | NakCode::PsnSequence => EventType::QP_FATAL,
                };
                self.fatal(cx, at, qpn, event);
            }
        }
    }
}

fn receive_cqe(qp: &QueuePair, index: u32, completion: &ReceiveCompletion, fault: VendorSyndrome) -> Cqe {
    let syndrome = match completion.status {
        ReceiveStatus::Ok => Syndrome::NONE,
        ReceiveStatus::LocalLength => Syndrome::LOCAL_LENGTH,
        ReceiveStatus::LocalProtection => Syndrome::LOCAL_PROTECTION,
        ReceiveStatus::RemoteInvalidRequest => Syndrome::REMOTE_INVALID_REQUEST,
    };
    let failed = syndrome != Syndrome::NONE;
    let opcode = match (failed, completion.by_write, completion.immediate, completion.invalidated) {
        (true, ..) => CqeOpcode::RECEIVE_ERROR,
        (_, true, ..) => CqeOpcode::RECEIVED_WRITE_IMMEDIATE,
        (_, _, Some(_), _) => CqeOpcode::RECEIVED_SEND_IMMEDIATE,
        (_, _, _, Some(_)) => CqeOpcode::RECEIVED_SEND_INVALIDATE,
        _ => CqeOpcode::RECEIVED_SEND,
    };
    let (srqn, mut flags) = match qp.receives {
        Receives::Shared(srqn) => (srqn, CqeFlags::FROM_SRQ),
        Receives::Own(_) => (0, CqeFlags::empty()),
    };
    flags.set(CqeFlags::SOLICITED, completion.solicited);
    Cqe {
        opcode,
        qpn: Qpn::new(qp.number),
        wqe_index: index,
        srqn,
        byte_count: completion.length_bytes,
        immediate: completion.immediate.or(completion.invalidated).unwrap_or(0),
        syndrome,
        vendor_syndrome: if failed { fault } else { VendorSyndrome::NONE },
        flags,
        ..Cqe::default()
    }
}
