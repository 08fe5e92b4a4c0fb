//! Packets from the middle of a message, of which nothing but the number and the payload's place is news: most packets are.

use super::packet::header;
use super::{Direction, Sender};
use crate::caches::{Kind, wqe_key};
use crate::dma::Cx;
use crate::nic::Nic;
use crate::profile::Turn;
use crate::qp::path::Path;
use crate::qp::send::{SendWork, WorkData};
use crate::regs::cmd::QpAttributes;
use crate::transport::{Middle, Packet};
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
        let Some(Middle { mut packet, id, mut offset_bytes, packets }) = requester.middle(cx.now) else { return true };
        let Some(WorkData::Segments(list)) = qp.sends.find(id).map(SendWork::data) else { return true };
        if path.port != port.number {
            return true;
        }
        let (class, length_bytes) = (path.class(), packet.payload_bytes);
        let source = memory.source(who, list, false);
        let ready = qp.sends_from.max(cx.now);
        let (limited, busy) = (qp.limited_until > cx.now, timing.engines.free(qpn) > cx.now);
        for left in (0..packets).rev() {
            let Ok(segments) = source.segments(offset_bytes, length_bytes) else { return true };
            packet.ack_request = requester.send_middle(cx.now);
            let mut frame = build(&mut qp.middle, path, &qp.attributes, spares, &packet);
            let wire_len = frame.wire_len();
            let place = port.egress.next_place(class, Direction::Request);
            let sender = Sender { qpn, psn: packet.psn, direction: Direction::Request, id, unreliable };
            let known = host.cached(ready, Kind::Wqe, wqe_key(qpn, id));
            let from = host.message_translated(known, memory, list, (offset_bytes, length_bytes));
            let booked = timing.requester.book(cx.now.max(from));
            let whole = port.gather(cx, host, booked.end, place, sender, segments);
            let mut next_send = Time::ZERO;
            if let Some(flow) = &mut qp.flow {
                if flow.asks_switches() {
                    frame.edit(|roce| flow.ask_switches(roce));
                }
                flow.on_sent(cx.now, cable_len(wire_len) as u64);
                next_send = flow.next_send();
            }
            port.egress.append(place.lane, frame, wire_len, sender, (booked.start, Some(whole)));
            if limited || next_send > cx.now || !port.is_alone(cx.now) || busy {
                match left {
                    0 => port.queue_again(cx.now, qp, false),
                    _ => port.queue_ready(cx.now, qp, false),
                }
                return false;
            }
            packet.psn = packet.psn.add(1);
            offset_bytes += length_bytes;
        }
        true
    }
}

/// A packet from the middle of a message: a copy of the last one, but for what says where it belongs.
fn build(
    last: &mut Option<Box<Frame>>,
    path: &Path,
    attributes: &QpAttributes,
    spares: &mut Spares,
    packet: &Packet,
) -> Box<Frame> {
    if let Some(last) = last
        && last.opcode() == Some(packet.opcode)
    {
        let mut frame = spares.copy(last);
        frame.number(packet.psn, packet.ack_request);
        return frame;
    }
    let frame = path.frame(spares, header(attributes, packet), Ext::None, Payload::Elided(packet.payload_bytes));
    *last = Some(frame.clone());
    frame
}
