//! Packets of requesters and responders: headers around what the transport says, payload from host memory.

use super::{Direction, Sender, inline_part, message_segments};
use crate::dma::Cx;
use crate::mem::{Fault, Range};
use crate::nic::Nic;
use crate::port::Segments;
use crate::qp::path::Path;
use crate::qp::send::WorkData;
use crate::qp::{QueuePair, Receives};
use crate::regs::cmd::Rights;
use crate::regs::eqe::EventType;
use crate::regs::wqe::Data;
use crate::transport::{Packet, Step};
use des::Time;
use wire::{Bth, Deth, Ext, NakCode, Payload, Psn, Qpn};

/// Where a packet's payload is.
enum Source {
    Here(Payload),
    Memory(Segments),
}

/// Set in the queue key of an address vector: the queue pair's own key is sent (IBTA volume 1, 10.2.5).
const OWN_QKEY: u32 = 0x8000_0000;

impl Nic {
    /// Takes a step of a requester; true if it ends a message.
    pub(crate) fn take_step(&mut self, cx: &mut Cx<'_>, qpn: u32, step: Step) -> bool {
        match step {
            Step::Local { id } => {
                self.do_local(cx, qpn, id);
                true
            }
            Step::Packet { packet, id, offset_bytes, retransmission } => {
                self.host.counters.retransmitted_packets += u64::from(retransmission);
                if let Err(fault) = self.send_request(cx, qpn, &packet, id, offset_bytes) {
                    self.fail_request(cx, qpn, id, Some(fault));
                }
                packet.opcode.decode().is_none_or(|(_, _, position)| position.is_last())
            }
        }
    }

    fn send_request(
        &mut self,
        cx: &mut Cx<'_>,
        qpn: u32,
        packet: &Packet,
        id: u32,
        offset_bytes: u32,
    ) -> Result<(), Fault> {
        let qp = self.qps.get(qpn).expect("the step was taken from this queue pair");
        let work = qp.sends.find(id).expect("a requester sends what is under way");
        let source = match work.data() {
            WorkData::Inline(bytes) => Source::Here(inline_part(bytes, offset_bytes, packet.payload_bytes)),
            WorkData::Segments(_) if packet.payload_bytes == 0 => Source::Here(Payload::EMPTY),
            WorkData::Segments(list) => {
                let (who, length) = (qp.accessor(), packet.payload_bytes);
                Source::Memory(message_segments(&self.memory, who, list, offset_bytes, length, false)?)
            }
        };
        let (path, bth, ext) = match work.address_vector() {
            None => (qp.path.clone().ok_or(Fault::Key)?, header(qp, packet), packet.ext),
            Some(vector) => {
                let source = self.source(qp.port(), vector.source_index).ok_or(Fault::Key)?;
                let qkey = if vector.qkey & OWN_QKEY == 0 { vector.qkey } else { qp.qkey() };
                let deth = Deth { qkey, reserved: 0, source_qp: Qpn::new(qpn) };
                let ext = match packet.ext {
                    Ext::Immediate(data) => Ext::DethImmediate(deth, data),
                    _ => Ext::Deth(deth),
                };
                let bth = Bth { dest_qp: vector.dest_qpn, ..header(qp, packet) };
                (Path::datagram(source, qpn, vector), bth, ext)
            }
        };
        let unreliable = !qp.is_reliable();
        let sender = Sender { qpn, psn: packet.psn, direction: Direction::Request, id, unreliable };
        let mut from = qp.sends_from;
        if let WorkData::Segments(list) = work.data() {
            from = self.host.translated(from, &self.memory, list);
        }
        if packet.opcode.decode().is_some_and(|(_, _, position)| position.is_first()) {
            self.timing.engines.book(cx.now, qpn);
        }
        self.post(cx, from, &path, (bth, ext), source, sender);
        Ok(())
    }

    /// One answer of a responder.
    pub(crate) fn reply_turn(&mut self, cx: &mut Cx<'_>, qpn: u32) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        qp.replies_queued = false;
        // Receives are known only as far as the record was read: what is promised is there. Shared ones are nobody's own.
        let credits = match &qp.receives {
            Receives::Own(queue) if self.config.profile.recovery.end_to_end_credits.value => Some(queue.posted()),
            _ => None,
        };
        let Some(reply) = qp.responder.as_mut().and_then(|responder| responder.next_reply(credits)) else { return };
        let packet = reply.packet;
        let source = match reply.source.filter(|_| packet.payload_bytes > 0) {
            None => Ok(Source::Here(Payload::EMPTY)),
            Some(remote) => {
                let range = Range { key: remote.rkey, address: remote.address, length_bytes: packet.payload_bytes };
                self.memory.remote(qp.accessor(), range, Rights::REMOTE_READ).map(Source::Memory)
            }
        };
        let Some(path) = qp.path.clone() else { return };
        match source {
            Ok(source) => {
                let sender = Sender { qpn, psn: packet.psn, direction: Direction::Reply, id: 0, unreliable: false };
                let bth = header(qp, &packet);
                let mut from = qp.replies_from;
                if let Some(remote) = reply.source {
                    let range = Data { key: remote.rkey, address: remote.address, length_bytes: packet.payload_bytes };
                    from = self.host.translated(from, &self.memory, &[range]);
                }
                self.post(cx, from, &path, (bth, packet.ext), source, sender);
            }
            Err(_) => self.fail_reply(cx, qpn, packet.psn, NakCode::RemoteAccess),
        }
        self.settle(cx, cx.now, qpn);
    }

    /// A READ that was accepted cannot be answered: the key has been withdrawn, or the host refused.
    pub(crate) fn fail_reply(&mut self, cx: &mut Cx<'_>, qpn: u32, psn: Psn, code: NakCode) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        if let Some(responder) = qp.responder.as_mut() {
            responder.fail(psn, code);
        }
        let event = if code == NakCode::RemoteAccess { EventType::QP_ACCESS } else { EventType::QP_FATAL };
        self.fatal(cx, cx.now, qpn, event);
    }

    /// Puts a packet with these headers, known from `from` on, into its lane, and fetches its payload.
    fn post(&mut self, cx: &mut Cx<'_>, from: Time, path: &Path, head: (Bth, Ext), source: Source, sender: Sender) {
        let booked = self.timing.requester.book(cx.now.max(from));
        let Some(port) = self.ports.get_mut(usize::from(path.port)) else { return };
        let place = port.egress.next_place(path.class(), sender.direction);
        let (payload, whole) = match source {
            Source::Here(payload) => (payload, None),
            Source::Memory(segments) => {
                // Stands for the bytes until they are there.
                let length = segments.iter().map(|segment| segment.length_bytes).sum();
                (Payload::Elided(length), Some(self.gather(cx, booked.end, path.port, place, sender, segments)))
            }
        };
        let mut frame = path.frame(head.0, head.1, payload);
        self.regulate(cx.now, &sender, &mut frame);
        let Some(port) = self.ports.get_mut(usize::from(path.port)) else { return };
        port.egress.append(place.lane, frame, sender, booked.start, whole);
    }
}

/// The base header of a packet to the peer.
fn header(qp: &QueuePair, packet: &Packet) -> Bth {
    Bth {
        solicited: packet.solicited,
        migration: true,
        pkey: qp.attributes.pkey,
        ack_request: packet.ack_request,
        ..Bth::new(packet.opcode, qp.attributes.dest_qpn, packet.psn)
    }
}
