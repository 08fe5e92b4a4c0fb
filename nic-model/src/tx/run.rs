//! Packets from the middle of a message, of which nothing but the number and the payload's place is news: most packets are.

use super::packet::header;
use super::{Direction, Sender};
use crate::caches::{Kind, wqe_key};
use crate::dma::Cx;
use crate::nic::Nic;
use crate::profile::Turn;
use crate::qp::send::{SendWork, WorkData};
use crate::transport::Middle;
use des::Time;
use wire::{Ext, Frame, Payload, Psn, Spares, cable_len};

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
        let Some(mut middle) = requester.middle(cx.now) else { return true };
        let Middle { id, payload_bytes: length_bytes, packets, .. } = middle;
        let Some(WorkData::Segments(list)) = qp.sends.find(id).map(SendWork::data) else { return true };
        if path.port != port.number {
            return true;
        }
        let class = path.class();
        let source = memory.source(who, list);
        let ready = qp.sends_from.max(cx.now);
        let (limited, busy) = (qp.limited_until > cx.now, timing.engines.free(qpn) > cx.now);
        for left in (0..packets).rev() {
            let Middle { psn, offset_bytes, .. } = middle;
            let Ok(segments) = source.segments(offset_bytes, length_bytes) else { return true };
            let ack_request = requester.send_middle(cx.now);
            let mut frame = match &qp.middle {
                Some(last) if last.opcode() == Some(middle.opcode) => follower(last, spares, psn, ack_request),
                _ => {
                    let bth = header(&qp.attributes, &middle.packet(ack_request));
                    first(&mut qp.middle, path.frame(spares, bth, Ext::None, Payload::Elided(length_bytes)))
                }
            };
            let wire_len = frame.wire_len();
            let place = port.egress.next_place(class, Direction::Request);
            let sender = Sender { qpn, psn, direction: Direction::Request, id, unreliable };
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
            (middle.psn, middle.offset_bytes) = (psn.add(1), offset_bytes + length_bytes);
        }
        true
    }
}

/// A copy of the last packet from the middle of a message, but for what says where it belongs.
#[inline]
fn follower(last: &Frame, spares: &mut Spares, psn: Psn, ack_request: bool) -> Box<Frame> {
    let mut frame = spares.copy(last);
    frame.number(psn, ack_request);
    frame
}

/// Keeps the first such packet for the next ones to be copies of.
#[cold]
fn first(kept: &mut Option<Box<Frame>>, frame: Box<Frame>) -> Box<Frame> {
    *kept = Some(frame.clone());
    frame
}
