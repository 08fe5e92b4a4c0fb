//! Sending: turns, packets, payload, the line.
//!
//! Reading order: this module (whose turn it is, and what leaves), [`packet`] (packets of requesters and responders),
//! [`work`] (new WQEs, and work without packets), [`outcome`] (requests that end), [`pace`] (congestion control), [`gather`]
//! (payload), [`egress`] (lanes and line).

mod egress;
mod gather;
mod outcome;
mod pace;
mod packet;
mod work;

pub(crate) use egress::{Direction, Egress, Place, Sender};
pub(crate) use gather::Gathering;
pub(crate) use outcome::{flushed, flushed_send};

use crate::alarm::Alarm;
use crate::dma::{Cx, slice};
use crate::nic::Nic;
use crate::port::Output;
use crate::profile::Turn;
use crate::regs::bar::Features;
use des::Time;
use egress::Leaving;
use packet::Taken;
use wire::Payload;

impl Nic {
    /// Lets queue pairs send and packets leave, as far as there is room and nobody paused the port.
    pub(crate) fn pump(&mut self, cx: &mut Cx<'_>) {
        for port in 0..self.ports.len() {
            if self.ports[port].is_idle(cx.now) {
                self.ports[port].alarm = Time::MAX;
                continue;
            }
            self.ports[port].release_paced(cx.now);
            loop {
                self.drain(cx, port);
                if !self.turns(cx, port) {
                    break;
                }
            }
            self.finish_gathering(cx, port);
            self.set_port_alarm(cx, port);
        }
    }

    /// One turn in each direction; false if nobody could be served.
    fn turns(&mut self, cx: &mut Cx<'_>, port: usize) -> bool {
        let mut served = false;
        let (paused, _) = self.ports[port].paused(cx.now);
        if self.ports[port].egress.has_room(Direction::Reply, cx.now)
            && let Some(qpn) = self.ports[port].replies.pick(paused)
        {
            served = true;
            self.reply_turn(cx, qpn);
        }
        if self.ports[port].egress.has_room(Direction::Request, cx.now)
            && let Some(qpn) = self.ports[port].requests.pick(paused)
        {
            served = true;
            self.request_turn(cx, port, qpn);
        }
        served
    }

    fn request_turn(&mut self, cx: &mut Cx<'_>, port: usize, qpn: u32) {
        let Some(qp) = self.qps.get_mut(qpn) else { return };
        let class = qp.class();
        let free = self.timing.engines.free(qpn);
        if free > cx.now {
            self.ports[port].queue(cx.now, free, Direction::Request, class, qpn);
            return;
        }
        qp.sends_queued = false;
        let continues = qp.state.continues_requests();
        let mut step = qp.requester.as_mut().filter(|_| continues).and_then(|requester| requester.next_step(cx.now));
        if step.is_none() {
            return;
        }
        while let Some(next) = step.take() {
            let taken = self.take_step(cx, qpn, next);
            let over = taken == Taken::Ended || self.config.profile.turn.value != Turn::Message;
            let Some(qp) = self.qps.get_mut(qpn) else { break };
            if !over
                && taken == Taken::Fetching
                && qp.next_request() <= cx.now
                && self.ports[port].is_alone(cx.now)
                && self.timing.engines.free(qpn) <= cx.now
            {
                // It would be picked again at once.
                let continues = qp.state.continues_requests();
                let requester = qp.requester.as_mut().filter(|_| continues);
                step = requester.and_then(|requester| requester.next_step(cx.now));
                continue;
            }
            if !qp.is_ready_to_send(cx.now) {
                break;
            }
            if over && !qp.has_another_turn() {
                break;
            }
            let at = qp.next_request();
            if at > cx.now {
                qp.sends_queued = true;
                self.ports[port].queue(cx.now, at, Direction::Request, class, qpn);
            } else if over {
                qp.sends_queued = true;
                self.ports[port].requests.push_again(class, qpn);
            } else {
                qp.sends_queued = true;
                self.ports[port].requests.push_front(class, qpn);
            }
        }
        self.settle(cx, cx.now, qpn);
    }

    /// Puts whole packets on the line.
    fn drain(&mut self, cx: &mut Cx<'_>, port: usize) {
        let (paused, _) = self.ports[port].paused(cx.now);
        while let Some(leaving) = self.ports[port].egress.leave(cx.now, paused) {
            self.transmit(cx, port, leaving);
        }
    }

    fn transmit(&mut self, cx: &mut Cx<'_>, port: usize, leaving: Leaving) {
        let Leaving { frame, sender, wire_bytes, start, end } = leaving;
        self.host.counters.tx_packets += 1;
        self.host.counters.tx_bytes += u64::from(wire_bytes);
        let latency = self.timing.transmit_latency;
        let to_itself = frame.dest_mac() == Some(self.ports[port].mac);
        if to_itself && self.config.features.contains(Features::LOOPBACK) {
            let arrives = end + latency;
            self.loopback.push_back((arrives, port as u8, frame));
            self.host.alarms.set(arrives, Alarm::Loopback);
        } else if self.ports[port].up {
            cx.say(start + latency, Output::Tx { port: port as u8, frame });
        }
        self.departed(&sender, start);
        if sender.unreliable {
            self.transmitted(cx, sender);
        }
    }

    /// A port that has work asks to be woken when it may go on. It looks again after every input.
    fn set_port_alarm(&mut self, cx: &Cx<'_>, index: usize) {
        let port = &mut self.ports[index];
        let (paused, resumes) = port.paused(cx.now);
        let waits = port.requests.has_work(paused) || port.replies.has_work(paused);
        let line = if waits { port.egress.resumes(cx.now) } else { Time::MAX };
        let others = resumes.unwrap_or(Time::MAX).min(port.paced.next().unwrap_or(Time::MAX));
        port.alarm = line.min(others).min(port.egress.next_whole(cx.now));
    }
}

/// Part of inline data.
fn inline_part(bytes: &bytes::Bytes, offset_bytes: u32, length_bytes: u32) -> Payload {
    slice(&Payload::Bytes(bytes.clone()), offset_bytes as usize, length_bytes as usize)
}
