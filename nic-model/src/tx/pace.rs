//! Congestion control where packets leave: distances, round trips, echoes, notifications.

use super::{Direction, Sender};
use crate::congestion::Scheme;
use crate::dma::Cx;
use crate::ethernet::EthernetPort;
use crate::nic::Nic;
use crate::qp::{QueuePair, QueuePairs};
use crate::transport::Step;
use des::{Rate, Time};
use wire::{Bth, Ext, Frame, Opcode, Payload, Psn};

/// The code point of notifications, priority 6 in the usual maps (NVIDIA's default).
const CNP_DSCP: u8 = 48;
/// Bytes of a notification behind its base header, all reserved (IBTA annex A17.9.3).
const CNP_BYTES: &[u8] = &[0; 16];

impl EthernetPort {
    /// Gives a queue pair its place among those with something to send, at `at` if that is still to come.
    pub(crate) fn queue(&mut self, now: Time, at: Time, direction: Direction, class: u8, qpn: u32) {
        if at > now {
            self.paced.put(at, (direction, class, qpn));
            return;
        }
        match direction {
            Direction::Reply => self.replies.push(class, qpn),
            Direction::Request => self.requests.push(class, qpn),
        }
    }

    /// Gives a queue pair that has had a turn its place for the next, if it has something to send. A turn may be `over`, or has
    /// only been interrupted.
    pub(super) fn queue_again(&mut self, now: Time, qp: &mut QueuePair, over: bool) {
        if qp.is_ready_to_send(now) && (!over || qp.has_another_turn()) {
            self.queue_ready(now, qp, over);
        }
    }

    /// As [`queue_again`](Self::queue_again), for one that has something to send.
    #[inline]
    pub(super) fn queue_ready(&mut self, now: Time, qp: &mut QueuePair, over: bool) {
        qp.sends_queued = true;
        let (at, class) = (qp.next_request(), qp.class());
        if at > now {
            self.queue(now, at, Direction::Request, class, qp.number);
        } else if over {
            self.requests.push_again(class, qp.number);
        } else {
            self.requests.push_front(class, qp.number);
        }
    }

    /// Who answers next, of classes that are not `paused`, if there is room for an answer.
    #[inline]
    pub(super) fn next_reply(&mut self, now: Time, paused: u8) -> Option<u32> {
        let can = self.replies.has_work(paused) && self.egress.has_room(Direction::Reply, now);
        if can { self.replies.pick(paused) } else { None }
    }

    /// Likewise who sends a request.
    #[inline]
    pub(super) fn next_request(&mut self, now: Time, paused: u8) -> Option<u32> {
        if self.egress.has_room(Direction::Request, now) { self.requests.pick(paused) } else { None }
    }

    /// Whether nobody wants to send, and nothing holds the port back either.
    pub(super) fn is_idle(&self, now: Time) -> bool {
        let empty = self.paced.is_empty() && self.egress.is_empty();
        empty && !self.requests.has_work(0) && !self.replies.has_work(0) && self.speaks(now)
    }

    /// Whether the queue pair whose turn it is would have the next turn too: no answer waits, and there is room.
    pub(super) fn is_alone(&mut self, now: Time) -> bool {
        !self.replies.has_work(0) && self.egress.has_room(Direction::Request, now)
    }

    /// When the port looks again whether it can go on; [`Time::MAX`] if nothing waits. It looks after every input too.
    pub(super) fn alarm(&self, now: Time, fetched_by: Time) -> Time {
        let (paused, resumes) = if self.speaks(now) { (0, None) } else { self.paused(now) };
        let waits = self.requests.has_work(paused) || self.replies.has_work(paused);
        let line = if waits { self.egress.resumes(now) } else { Time::MAX };
        let others = resumes.unwrap_or(Time::MAX).min(self.paced.next().unwrap_or(Time::MAX));
        line.min(others).min(self.egress.next_whole(fetched_by))
    }

    /// Queue pairs whose distance has been kept go to the others.
    pub(crate) fn release_paced(&mut self, now: Time) {
        while let Some((at, (direction, class, qpn))) = self.paced.take(now) {
            self.queue(now, at, direction, class, qpn);
        }
    }
}

impl QueuePair {
    /// The next step of its requester, if it may take one.
    #[inline]
    pub(super) fn next_step(&mut self, now: Time) -> Option<Step> {
        if !self.state.continues_requests() {
            return None;
        }
        self.requester.as_mut()?.next_step(now)
    }

    /// When its next packet with data may leave.
    pub(crate) fn next_send(&self) -> Time {
        self.flow.as_ref().map_or(Time::ZERO, |flow| flow.next_send())
    }

    /// When its next request may leave.
    pub(crate) fn next_request(&self) -> Time {
        self.next_send().max(self.limited_until)
    }

    /// When its next answer may leave: data keeps its distance, acknowledgements do not wait.
    pub(crate) fn next_reply(&self) -> Time {
        let data = self.responder.as_deref().is_some_and(crate::transport::Responder::next_is_data);
        if data { self.next_send() } else { Time::ZERO }
    }
}

/// A packet of a queue pair whose round trips are measured begins to leave.
pub(super) fn departed(qps: &mut QueuePairs, sender: &Sender, at: Time) {
    let flow = qps.get_mut(sender.qpn).and_then(|qp| qp.flow.as_mut());
    if let Some(flow) = flow.filter(|_| sender.direction == Direction::Request) {
        flow.on_departure(sender.psn, at);
    }
}

impl Nic {
    /// Lets congestion control see a packet of a connected queue pair that is about to leave.
    pub(super) fn regulate(&mut self, now: Time, sender: &Sender, frame: &mut Frame, cable_len: usize) {
        if self.limits_rates && sender.direction == Direction::Request {
            self.limit_rate(now, sender.qpn, frame);
        }
        if self.config.congestion == Scheme::None {
            return;
        }
        let Some(flow) = self.qps.get_mut(sender.qpn).and_then(|qp| qp.flow.as_mut()) else { return };
        frame.edit(|packet| {
            if sender.direction == Direction::Reply {
                let (marked, telemetry) = flow.take_echo();
                packet.bth.becn |= marked;
                packet.telemetry = telemetry;
            } else {
                flow.ask_switches(packet);
            }
        });
        if frame.has_payload() {
            flow.on_sent(now, cable_len as u64);
        }
    }

    /// A request takes its time at the rate that the driver has given its queue pair.
    fn limit_rate(&mut self, now: Time, qpn: u32, frame: &Frame) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        let most_bps = u64::from(qp.attributes.max_rate_mbps) * 1_000_000;
        if most_bps > 0 && frame.has_payload() {
            let rate = Rate::from_bps(most_bps);
            qp.limited_until = qp.limited_until.max(now) + rate.time_for(frame.cable_len() as u64);
        }
    }

    /// Tells the peer of a queue pair that its packets meet congestion.
    pub(crate) fn notify_peer(&mut self, cx: &mut Cx<'_>, qpn: u32) {
        let Some(qp) = self.qps.get(qpn) else { return };
        let Some(path) = &qp.path else { return };
        let path = path.with_dscp(CNP_DSCP);
        let bth = Bth {
            becn: true,
            migration: true,
            pkey: qp.attributes.pkey,
            ..Bth::new(Opcode::CNP, qp.attributes.dest_qpn, Psn::new(0))
        };
        let frame = path.frame(&mut self.spares, bth, Ext::None, Payload::Bytes(CNP_BYTES.into()));
        let booked = self.timing.requester.book(cx.now);
        let Some(port) = self.ports.get_mut(usize::from(path.port)) else { return };
        let place = port.egress.next_place(path.class(), Direction::Reply);
        let sender = Sender { qpn, psn: Psn::new(0), direction: Direction::Reply, id: 0, unreliable: false };
        let wire_len = frame.wire_len();
        port.egress.append(place.lane, frame, wire_len, sender, (booked.start, None));
        self.host.counters.np_cnp_sent += 1;
    }
}
