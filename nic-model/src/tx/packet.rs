//! Packets of requesters and responders: headers around what the transport says, payload from host memory.

use super::{Direction, Sender, inline_part};
use crate::caches::{Kind, wqe_key};
use crate::dma::Cx;
use crate::mem::Fault;
use crate::nic::Nic;
use crate::port::Segments;
use crate::qp::Receives;
use crate::qp::path::Path;
use crate::qp::send::WorkData;
use crate::regs::cmd::{QpAttributes, Rights};
use crate::regs::eqe::EventType;
use crate::transport::{Packet, Step};
use des::Time;
use wire::{Bth, Deth, Ext, Frame, NakCode, Payload, Psn, Qpn, cable_len};

/// A packet that is ready for its lane.
struct Ready {
    frame: Box<Frame>,
    /// Where its payload is fetched from; its place is kept by elided bytes until it is there.
    fetched: Option<Segments>,
    port: u8,
    class: u8,
    /// Its headers are known then.
    from: Time,
    sender: Sender,
}

/// What a step of a requester has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// A message goes on; the packet waits for its payload, so nothing can leave before the next one is built.
    Fetching,
    /// A message goes on.
    Goes,
    /// A message has been sent to its end, or work without packets was done.
    Ended,
}

/// Set in the queue key of an address vector: the queue pair's own key is sent (IBTA volume 1, 10.2.5).
const OWN_QKEY: u32 = 0x8000_0000;

impl Nic {
    /// Takes a step of a requester.
    pub(super) fn take_step(&mut self, cx: &mut Cx<'_>, qpn: u32, step: &Step) -> Taken {
        let Step::Packet { packet, id, offset_bytes, retransmission } = *step else {
            let Step::Local { id } = *step else { unreachable!("a step is a packet or local work") };
            self.do_local(cx, qpn, id);
            return Taken::Ended;
        };
        self.host.counters.retransmitted_packets += u64::from(retransmission);
        let fetching = match self.request_packet(cx.now, qpn, &packet, id, offset_bytes) {
            Ok(ready) => {
                if packet.opcode.begins_message() {
                    self.timing.engines.book(cx.now, qpn);
                }
                self.post(cx, ready)
            }
            Err(fault) => {
                self.fail_request(cx, qpn, id, Some(fault));
                false
            }
        };
        match (packet.opcode.ends_message(), fetching) {
            (true, _) => Taken::Ended,
            (false, true) => Taken::Fetching,
            (false, false) => Taken::Goes,
        }
    }

    /// Headers and payload of a packet of a request.
    fn request_packet(
        &mut self,
        now: Time,
        qpn: u32,
        packet: &Packet,
        id: u32,
        offset_bytes: u32,
    ) -> Result<Ready, Fault> {
        let qp = self.qps.get(qpn).expect("the step was taken from this queue pair");
        let work = qp.sends.find(id).expect("a requester sends what is under way");
        let data = work.data();
        let (payload, fetched) = match data {
            WorkData::Inline(bytes) => (inline_part(bytes, offset_bytes, packet.payload_bytes), None),
            WorkData::Segments(_) if packet.payload_bytes == 0 => (Payload::EMPTY, None),
            WorkData::Segments(list) => {
                let (who, length) = (qp.accessor(), packet.payload_bytes);
                let segments = self.memory.message(who, list, offset_bytes, length, false)?;
                (Payload::Elided(length), Some(segments))
            }
        };
        let (frame, port, class) = match work.address_vector() {
            None => {
                let path = qp.path.as_ref().ok_or(Fault::Key)?;
                (
                    path.frame(&mut self.spares, header(&qp.attributes, packet), packet.ext, payload),
                    path.port,
                    path.class(),
                )
            }
            Some(vector) => {
                let source = self.source(qp.port(), vector.source_index).ok_or(Fault::Key)?;
                let qkey = if vector.qkey & OWN_QKEY == 0 { vector.qkey } else { qp.qkey() };
                let deth = Deth { qkey, reserved: 0, source_qp: Qpn::new(qpn) };
                let ext = match packet.ext {
                    Ext::Immediate(data) => Ext::DethImmediate(deth, data),
                    _ => Ext::Deth(deth),
                };
                let bth = Bth { dest_qp: vector.dest_qpn, ..header(&qp.attributes, packet) };
                let path = Path::datagram(source, qpn, vector);
                (path.frame(&mut self.spares, bth, ext, payload), path.port, path.class())
            }
        };
        let unreliable = !qp.is_reliable();
        let sender = Sender { qpn, psn: packet.psn, direction: Direction::Request, id, unreliable };
        let known = self.host.cached(qp.sends_from.max(now), Kind::Wqe, wqe_key(qpn, id));
        // Answers are placed by the WQE; without answers it is wanted again only if it must be sent again.
        if packet.opcode.ends_message() && !work.awaits_data() {
            self.host.caches.forget(Kind::Wqe, wqe_key(qpn, id));
        }
        let from = match data {
            WorkData::Segments(list) => {
                self.host.message_translated(known, &self.memory, list, (offset_bytes, packet.payload_bytes))
            }
            WorkData::Inline(_) => known,
        };
        Ok(Ready { frame, fetched, port, class, from, sender })
    }

    /// One answer of a responder.
    #[inline(never)]
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
        let fetched = match reply.source.filter(|_| packet.payload_bytes > 0) {
            None => Ok(None),
            Some(remote) => {
                let range = remote.range(packet.payload_bytes);
                self.memory.remote(qp.accessor(), range, Rights::REMOTE_READ).map(Some)
            }
        };
        let Some(path) = qp.path.as_ref() else { return };
        match fetched {
            Ok(fetched) => {
                let sender = Sender { qpn, psn: packet.psn, direction: Direction::Reply, id: 0, unreliable: false };
                let payload = if fetched.is_some() { Payload::Elided(packet.payload_bytes) } else { Payload::EMPTY };
                let frame = path.frame(&mut self.spares, header(&qp.attributes, &packet), packet.ext, payload);
                let (port, class) = (path.port, path.class());
                let mut from = qp.replies_from;
                if let Some(remote) = reply.source {
                    from = self.host.translated(from, &self.memory, remote.range(packet.payload_bytes));
                }
                self.post(cx, Ready { frame, fetched, port, class, from, sender });
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

    /// Puts a packet into its lane, and fetches its payload; true if it waits for that.
    #[inline]
    fn post(&mut self, cx: &mut Cx<'_>, ready: Ready) -> bool {
        let Ready { mut frame, fetched, port: number, class, from, sender } = ready;
        let booked = self.timing.requester.book(cx.now.max(from));
        let Some(port) = self.ports.get_mut(usize::from(number)) else { return false };
        let place = port.egress.next_place(class, sender.direction);
        let whole = fetched.map(|segments| port.gather(cx, &mut self.host, booked.end, place, sender, segments));
        let wire_len = frame.wire_len();
        self.regulate(cx.now, &sender, &mut frame, cable_len(wire_len));
        if let Some(port) = self.ports.get_mut(usize::from(number)) {
            port.egress.append(place.lane, frame, wire_len, sender, (booked.start, whole));
        }
        whole.is_some()
    }
}

/// The base header of a packet to the peer.
pub(super) fn header(attributes: &QpAttributes, packet: &Packet) -> Bth {
    Bth {
        solicited: packet.solicited,
        migration: true,
        pkey: attributes.pkey,
        ack_request: packet.ack_request,
        ..Bth::new(packet.opcode, attributes.dest_qpn, packet.psn)
    }
}
