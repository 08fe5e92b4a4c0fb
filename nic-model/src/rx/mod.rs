//! Receiving: frames, checks, and which part of a queue pair a packet is for.
//!
//! Reading order: this module, [`inbox`] (packets that need a receive WQE), [`request`] (the responder and its memory),
//! [`run`] (packets from the middle of a WRITE), [`datagram`], [`pause`] (the receive buffer).

mod datagram;
mod inbox;
mod pause;
mod request;
mod run;

pub(crate) use pause::ReceiveBuffer;

use crate::caches::Kind;
use crate::congestion::Scheme;
use crate::dma::Cx;
use crate::nic::Nic;
use crate::qp::QueuePair;
use crate::regs::block::Gid;
use crate::regs::cmd::QpType;
use crate::regs::eqe::EventType;
use crate::transport::{Packet, QpState};
use des::Time;
use wire::{Body, Ecn, Frame, Opcode, Operation, ParseError, Position, RocePacket, Transport};

/// What a packet is part of, and where it stands there.
type Meaning = (Operation, Position);

/// Why a packet is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drop {
    /// No queue pair of this number takes it now.
    NoQp,
    /// Not to or from the right address.
    Address,
    /// Another partition.
    Partition,
    /// No packet of a transport that exists here.
    Malformed,
}

/// Set in a partition key of a full member.
const FULL_MEMBER: u16 = 0x8000;

impl Nic {
    /// A frame has arrived whole.
    pub(crate) fn frame(&mut self, cx: &mut Cx<'_>, port: u8, frame: &Frame) {
        match frame.body() {
            Body::Roce(packet) => self.packet(cx, port, packet, frame.wire_len()),
            Body::Raw(bytes) => match RocePacket::receive(bytes) {
                Ok(packet) => self.packet(cx, port, &packet, bytes.len()),
                Err(ParseError::Icrc { .. }) => self.host.counters.rx_icrc_errors += 1,
                Err(_) => self.host.counters.rx_malformed += 1,
            },
        }
    }

    fn packet(&mut self, cx: &mut Cx<'_>, port: u8, packet: &RocePacket, wire_bytes: usize) {
        if packet.bth.opcode == Opcode::CNP {
            return self.notified(cx, packet);
        }
        if self.buffer_is_full(cx.now) {
            self.host.counters.rx_overflows += 1;
            return;
        }
        match self.classify(port, packet) {
            Ok((qpn, meaning)) => {
                self.host.counters.rx_packets += 1;
                self.host.counters.rx_bytes += wire_bytes as u64;
                let at = self.timing.responder.book(cx.now).end;
                let at = self.host.cached(at, Kind::Qp, qpn.into());
                self.accept(cx, at, qpn, meaning, packet);
                self.watch_buffer(cx);
            }
            Err(reason) => self.count_drop(reason),
        }
    }

    #[cold]
    fn count_drop(&mut self, reason: Drop) {
        let counters = &mut self.host.counters;
        *match reason {
            Drop::NoQp => &mut counters.rx_no_qp,
            Drop::Address => &mut counters.rx_wrong_address,
            Drop::Partition => &mut counters.rx_key_violations,
            Drop::Malformed => &mut counters.rx_malformed,
        } += 1;
    }

    /// The queue pair that a packet is for, after the checks that all packets undergo (IBTA volume 1, 9.6.1).
    fn classify(&self, port: u8, packet: &RocePacket) -> Result<(u32, Meaning), Drop> {
        let (transport, operation, position) = packet.bth.opcode.decode().ok_or(Drop::Malformed)?;
        if packet.bth.version != 0 {
            return Err(Drop::Malformed);
        }
        let here = self.ports.get(usize::from(port)).ok_or(Drop::Address)?;
        let dest = Gid::from(packet.ip.destination);
        if packet.dest_mac != here.mac || !here.has_address(dest) {
            return Err(Drop::Address);
        }
        let qp = self.qps.get(packet.bth.dest_qp.value()).ok_or(Drop::NoQp)?;
        let fits = matches!(
            (qp.context.qp_type, transport),
            (QpType::RC, Transport::Rc) | (QpType::UC, Transport::Uc) | (QpType::UD | QpType::GSI, Transport::Ud)
        );
        if !fits || !qp.state.responds() || qp.port() != port {
            return Err(Drop::NoQp);
        }
        let from_peer = qp.path.as_ref().is_none_or(|path| path.ip.destination == packet.ip.source);
        if !from_peer {
            return Err(Drop::Address);
        }
        if !same_partition(qp.attributes.pkey, packet.bth.pkey) {
            return Err(Drop::Partition);
        }
        Ok((qp.number, (operation, position)))
    }

    /// The other side of a queue pair says that its packets meet congestion.
    #[inline(never)]
    fn notified(&mut self, cx: &Cx<'_>, packet: &RocePacket) {
        let flow = self.qps.get_mut(packet.bth.dest_qp.value()).and_then(|qp| qp.flow.as_mut());
        let reacts = matches!(self.config.congestion, Scheme::Dcqcn(_));
        match flow.filter(|_| reacts) {
            Some(flow) => {
                flow.on_notification(cx.now);
                self.host.counters.rp_cnp_handled += 1;
            }
            None => self.host.counters.rp_cnp_ignored += 1,
        }
    }

    fn accept(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32, meaning: Meaning, packet: &RocePacket) {
        use Operation::{Acknowledge, AtomicAcknowledge, ReadResponse};
        let Self { qps, host, memory, .. } = self;
        let Some(qp) = qps.get_mut(qpn) else { return };
        qp.replies_from = qp.replies_from.max(at);
        let is_first = qp.state == QpState::ReadyToReceive && !qp.established;
        let mut notifies = false;
        if !packet.payload.is_empty() {
            host.counters.np_ecn_marked += u64::from(packet.ip.ecn == Ecn::Congested);
            notifies = qp.flow.as_mut().is_some_and(|flow| flow.on_received(cx.now, packet));
        }
        let in_the_middle = meaning == (Operation::Write, Position::Middle) && !is_first && !notifies;
        if in_the_middle && run::write_on(host, memory, qp, cx, at, packet) {
            return;
        }
        if is_first {
            self.establish(cx, at, qpn);
        }
        if notifies {
            self.notify_peer(cx, qpn);
        }
        if matches!(meaning.0, Acknowledge | AtomicAcknowledge | ReadResponse) {
            self.response(cx, at, qpn, packet);
            self.settle(cx, at, qpn);
        } else {
            self.count_request(meaning);
            self.put_into_inbox(cx, at, qpn, meaning, packet);
            self.settle_replies(cx, qpn);
        }
    }

    /// The peer has been heard of for the first time.
    #[cold]
    fn establish(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        qp.established = true;
        self.host.event(cx, at, EventType::COMMUNICATION_ESTABLISHED, qpn, 0);
    }

    fn count_request(&mut self, (operation, position): Meaning) {
        let counters = &mut self.host.counters;
        match operation {
            Operation::ReadRequest => counters.rx_read_requests += 1,
            Operation::CompareSwap | Operation::FetchAdd => counters.rx_atomic_requests += 1,
            Operation::Send | Operation::Write => counters.rx_write_requests += u64::from(position.is_first()),
            _ => {}
        }
    }

    /// An answer to this side's requester.
    #[inline(never)]
    fn response(&mut self, cx: &mut Cx<'_>, at: Time, qpn: u32, packet: &RocePacket) {
        let Some(qp) = self.qps.get_mut(qpn).filter(|qp| qp.state.continues_requests()) else { return };
        let Some(requester) = qp.requester.as_mut() else { return };
        let before = *requester.counters();
        let oldest = requester.oldest_psn();
        requester.on_response(cx.now, &Packet::from(packet), &mut self.events);
        let after = requester.counters();
        self.host.counters.packet_sequence_naks += after.sequence_naks - before.sequence_naks;
        self.host.counters.rnr_naks_received += after.rnr_naks - before.rnr_naks;
        self.host.counters.implied_naks += after.implied_naks - before.implied_naks;
        if let Some(flow) = qp.flow.as_mut() {
            let packets = requester.oldest_psn().distance(oldest).unsigned_abs();
            let bytes = u64::from(packets) * u64::from(requester.pmtu_bytes());
            flow.on_acknowledge(cx.now, packet, bytes, requester.next_psn());
            if let Some(window_bytes) = flow.window_bytes(cx.now) {
                requester.set_window(window_bytes);
            }
        }
        self.outcomes(cx, at, qpn, Some(&packet.payload));
    }
}

impl QueuePair {
    /// Puts the packet that is due now, if it came early, in front of what waits.
    fn release(&mut self, due: u64) {
        while let Some(first) = self.held.first_entry().filter(|first| *first.key() <= due) {
            let (position, arrived) = first.remove_entry();
            // Earlier ones came again meanwhile.
            if position == due {
                self.inbox.push_front(arrived);
            }
        }
    }
}

/// Whether a packet uses up a receive WQE, or begins to.
const fn needs_receive((operation, position): Meaning) -> bool {
    match operation {
        Operation::Send => position.is_first(),
        Operation::Write => matches!(position, Position::LastImmediate | Position::OnlyImmediate),
        _ => false,
    }
}

/// Keys of one partition, of which at least one is a full member's (IBTA volume 1, 10.9.3).
const fn same_partition(own: u16, other: u16) -> bool {
    (own ^ other) & !FULL_MEMBER == 0 && (own | other) & FULL_MEMBER != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limited_members_do_not_speak_with_each_other() {
        assert!(same_partition(0xffff, 0xffff) && same_partition(0xffff, 0x7fff));
        assert!(!same_partition(0x7fff, 0x7fff) && !same_partition(0xffff, 0xfffe));
    }
}
