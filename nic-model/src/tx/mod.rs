//! Sending: turns, packets, payload, the line.
//!
//! Reading order: this module (whose turn it is, and what leaves), [`packet`] (packets of requesters and responders),
//! [`run`] (packets from the middle of a message), [`work`] (new WQEs, and work without packets), [`outcome`] (requests that
//! end), [`pace`] (congestion control), [`gather`] (payload), [`egress`] (lanes and line).

mod egress;
mod gather;
mod outcome;
mod pace;
mod packet;
mod run;
mod work;

pub(crate) use egress::{Direction, Egress, Place, Sender};
pub(crate) use gather::Gathering;
pub(crate) use outcome::{flushed, flushed_send};

use crate::alarm::Alarm;
use crate::congestion::Scheme;
use crate::dma::{Cx, slice};
use crate::nic::Nic;
use crate::port::Output;
use crate::profile::Turn;
use crate::qp::QueuePair;
use des::Time;
use egress::Leaving;
use pace::departed;
use packet::Taken;
use wire::Payload;

impl Nic {
    /// Lets queue pairs send and packets leave, as far as there is room and nobody paused the port.
    pub(crate) fn pump(&mut self, cx: &mut Cx<'_>) {
        let mut wakes_at = Time::MAX;
        for number in 0..self.ports.len() {
            if !self.ports[number].is_idle(cx.now) {
                wakes_at = wakes_at.min(self.serve(cx, number));
            }
        }
        self.wakes_at = wakes_at.min(self.host.alarms.next().unwrap_or(Time::MAX));
    }

    /// Works a port off as far as it goes now; gives when it may go on.
    #[inline(never)]
    fn serve(&mut self, cx: &mut Cx<'_>, number: usize) -> Time {
        let mut port = &mut self.ports[number];
        port.release_paced(cx.now);
        loop {
            let paused = port.silent(cx.now);
            if port.egress.has_whole(cx.fetched_by, paused) {
                self.drain(cx, number, paused);
                port = &mut self.ports[number];
            }
            // One turn in each direction, until nobody can be served.
            let reply = port.next_reply(cx.now, paused);
            if let Some(qpn) = reply {
                self.reply_turn(cx, qpn);
                port = &mut self.ports[number];
            }
            let request = port.next_request(cx.now, paused);
            if let Some(qpn) = request {
                self.request_turn(cx, number, qpn);
                port = &mut self.ports[number];
            } else if reply.is_none() {
                port.finish_gathering(cx, &mut self.host);
                // In zero time what has been asked for is there.
                if !port.egress.has_whole(cx.fetched_by, paused) {
                    return port.alarm(cx.now, cx.fetched_by);
                }
            }
        }
    }

    #[inline(never)]
    fn request_turn(&mut self, cx: &mut Cx<'_>, number: usize, qpn: u32) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        let class = qp.class();
        let free = self.timing.engines.free(qpn);
        if free > cx.now {
            self.ports[number].queue(cx.now, free, Direction::Request, class, qpn);
            return;
        }
        qp.sends_queued = false;
        while self.send_middle(cx, number, qpn) {
            let Some(step) = self.qps.get_mut(qpn).and_then(|qp| qp.next_step(cx.now)) else { break };
            let taken = self.take_step(cx, qpn, &step);
            let over = taken == Taken::Ended || self.config.profile.turn.value != Turn::Message;
            let (Some(qp), port) = (self.qps.get_mut(qpn), &mut self.ports[number]) else { break };
            let waits = over || taken != Taken::Fetching || qp.next_request() > cx.now;
            // Else it would be picked again at once.
            if waits || !port.is_alone(cx.now) || self.timing.engines.free(qpn) > cx.now {
                port.queue_again(cx.now, qp, over);
                break;
            }
        }
        if !self.qps.get(qpn).is_some_and(QueuePair::is_settled) {
            self.settle(cx, cx.now, qpn);
        }
    }

    /// Puts whole packets on the line.
    #[inline(never)]
    fn drain(&mut self, cx: &mut Cx<'_>, number: usize, paused: u8) {
        let Self { ports, host, qps, loopback, timing, config, .. } = self;
        let port = &mut ports[number];
        let up = port.up;
        let measures = matches!(config.congestion, Scheme::Timely(_));
        let mut untold = Vec::new();
        port.egress.leave(cx.now, cx.fetched_by, paused, |Leaving { frame, sender, loops, wire_bytes, booked }| {
            host.counters.tx_packets += 1;
            host.counters.tx_bytes += u64::from(wire_bytes);
            if loops {
                let arrives = booked.end + timing.transmit_latency;
                loopback.push_back((arrives, number as u8, frame));
                host.alarms.set(arrives, Alarm::Loopback);
            } else if up {
                cx.say(booked.start + timing.transmit_latency, Output::Tx { port: number as u8, frame });
            }
            if measures {
                departed(qps, &sender, booked.start);
            }
            if sender.unreliable {
                untold.push(sender);
            }
        });
        for sender in untold {
            self.transmitted(cx, sender);
        }
    }
}

/// Part of inline data.
fn inline_part(bytes: &bytes::Bytes, offset_bytes: u32, length_bytes: u32) -> Payload {
    slice(&Payload::Bytes(bytes.clone()), offset_bytes as usize, length_bytes as usize)
}
