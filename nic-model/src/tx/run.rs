//! Packets from the middle of a message, of which nothing but the number and the payload's place is news: most packets are.

use super::packet::header;
use super::{Direction, Sender};
use crate::caches::{Kind, wqe_key};
use crate::dma::Cx;
use crate::nic::Nic;
use crate::profile::Turn;
use crate::qp::send::{SendWork, WorkData};
use crate::transport::Packet;
use des::Time;
use wire::{Ext, Frame, Payload, Spares, cable_len};

impl Nic {
    /// Builds packets for a queue pair whose turn it is, as long as they are from the middle of a message and it would have the
    /// next turn at once. False if the turn is over. Else it goes on in the usual way, to which all that is unusual is left.
    #[inline(never)]
    pub(super) fn send_middle(&mut self, cx: &mut Cx<'_>, number: usize, qpn: u32) -> bool {
        let Self { qps, memory, host, ports, timing, spares, config, limits_rates, .. } = self;
        let (Some(qp), Some(port)) = (qps.get_mut(qpn), ports.get_mut(number)) else { return true };
        if *limits_rates || config.profile.turn.value != Turn::Message || !qp.state.continues_requests() {
            return true;
        }
        let (who, unreliable) = (qp.accessor(), !qp.is_reliable());
        let (Some(path), Some(requester)) = (&qp.path, &mut qp.requester) else { return true };
        let Some((mut packet, id, mut offset_bytes)) = requester.middle(cx.now) else { return true };
        let Some(WorkData::Segments(list)) = qp.sends.find(id).map(SendWork::data) else { return true };
        if path.port != port.number {
            return true;
        }
        let (class, length_bytes) = (path.class(), packet.payload_bytes);
        let mut wire_len = None;
        loop {
            let Ok(segments) = memory.message(who, list, offset_bytes, length_bytes, false) else { return true };
            packet.ack_request = requester.send_middle(cx.now);
            let place = port.egress.next_place(class, Direction::Request);
            let mut frame = match port.egress.newest(place.lane).filter(|_| wire_len.is_some()) {
                Some(before) => follower(spares, before, &packet),
                None => path.frame(spares, header(&qp.attributes, &packet), Ext::None, Payload::Elided(length_bytes)),
            };
            let wire_len = *wire_len.get_or_insert_with(|| frame.wire_len());
            let sender = Sender { qpn, psn: packet.psn, direction: Direction::Request, id, unreliable };
            let known = host.cached(qp.sends_from.max(cx.now), Kind::Wqe, wqe_key(qpn, id));
            let from = host.message_translated(known, memory, list, (offset_bytes, length_bytes));
            let booked = timing.requester.book(cx.now.max(from));
            let whole = port.gather(cx, host, booked.end, place, sender, segments);
            if let Some(flow) = &mut qp.flow {
                frame.edit(|roce| flow.ask_switches(roce));
                flow.on_sent(cx.now, cable_len(wire_len) as u64);
            }
            port.egress.append(place.lane, frame, wire_len, sender, (booked.start, Some(whole)));
            let next_send = qp.flow.as_ref().map_or(Time::ZERO, |flow| flow.next_send()).max(qp.limited_until);
            if next_send > cx.now || !port.is_alone(cx.now) || timing.engines.free(qpn) > cx.now {
                port.queue_again(cx.now, qp, false);
                return false;
            }
            match requester.middle(cx.now) {
                Some((next, _, offset)) => (packet, offset_bytes) = (next, offset),
                None => return true,
            }
        }
    }
}

/// The packet that follows another one.
fn follower(spares: &mut Spares, before: &Frame, packet: &Packet) -> Box<Frame> {
    let mut frame = spares.copy(before);
    frame.edit(|roce| (roce.bth.psn, roce.bth.ack_request) = (packet.psn, packet.ack_request));
    frame
}
