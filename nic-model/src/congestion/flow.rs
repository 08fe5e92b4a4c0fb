//! A queue pair's part in congestion control: its controller, its pacer, and what it has to tell the other side.

use super::dcqcn::Dcqcn;
use super::dctcp::Dctcp;
use super::hpcc::Hpcc;
use super::timely::Timely;
use super::{Allowance, CongestionControl, Feedback, Scheme};
use des::{Dur, Rate, Time};
use std::collections::VecDeque;
use wire::{Ecn, Psn, RocePacket, Telemetry};

/// The controller of a flow.
#[derive(Clone, Debug)]
enum Controller {
    Dcqcn(Dcqcn),
    Hpcc(Box<Hpcc>),
    Timely(Timely),
    Dctcp(Dctcp),
}

/// Congestion control of one queue pair, sender and receiver.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    controller: Controller,
    /// The pacer: the next packet leaves not before.
    next_send: Time,
    /// The last distance, and of what: rate and length mostly stay, and a division is slow.
    distance: (Rate, u64, Dur),
    /// When packets left whose round trip is measured; empty for schemes that do not ask.
    departures: VecDeque<(Psn, Time)>,
    /// The first number not sent when the last round began.
    round_end: Option<Psn>,
    /// For the other side: what has been received was marked.
    echo_mark: bool,
    /// For the other side: what switches said about the newest packet.
    echo_telemetry: Option<Box<Telemetry>>,
    /// The last notification to the other side.
    notified: Option<Time>,
}

/// Departures that are remembered; beyond, round trips are not measured.
const DEPARTURES_MAX: usize = 1 << 12;

/// What a scheme allows after a packet. Each packet asks, so that each scheme has its own code for it.
#[inline]
fn sent(scheme: &mut impl CongestionControl, now: Time, cable_bytes: u64) -> Allowance {
    scheme.on_sent(now, cable_bytes);
    scheme.allowance(now)
}

impl Flow {
    /// A flow of a scheme over a port of rate `line`; `None` without a scheme.
    pub(crate) fn new(scheme: &Scheme, line: Rate) -> Option<Box<Self>> {
        let controller = match *scheme {
            Scheme::None => return None,
            Scheme::Dcqcn(parameters) => Controller::Dcqcn(Dcqcn::new(parameters, line)),
            Scheme::Hpcc(parameters) => Controller::Hpcc(Box::new(Hpcc::new(parameters, line))),
            Scheme::Timely(parameters) => Controller::Timely(Timely::new(parameters, line)),
            Scheme::Dctcp(parameters) => Controller::Dctcp(Dctcp::new(parameters, line)),
        };
        Some(Box::new(Self {
            controller,
            next_send: Time::ZERO,
            distance: (line, 0, Dur::ZERO),
            departures: VecDeque::new(),
            round_end: None,
            echo_mark: false,
            echo_telemetry: None,
            notified: None,
        }))
    }

    fn scheme(&mut self) -> &mut dyn CongestionControl {
        match &mut self.controller {
            Controller::Dcqcn(dcqcn) => dcqcn,
            Controller::Hpcc(hpcc) => hpcc.as_mut(),
            Controller::Timely(timely) => timely,
            Controller::Dctcp(dctcp) => dctcp,
        }
    }

    /// When the next packet with data may leave.
    pub(crate) const fn next_send(&self) -> Time {
        self.next_send
    }

    /// Message bytes that may be unacknowledged; `None` leaves it to the profile.
    pub(crate) fn window_bytes(&mut self, now: Time) -> Option<u64> {
        self.scheme().allowance(now).window_bytes
    }

    /// A packet with data goes to the line; the next has to keep its distance.
    #[inline]
    pub(crate) fn on_sent(&mut self, now: Time, cable_bytes: u64) {
        let Allowance { rate, .. } = match &mut self.controller {
            Controller::Dcqcn(dcqcn) => sent(dcqcn, now, cable_bytes),
            Controller::Hpcc(hpcc) => sent(&mut **hpcc, now, cable_bytes),
            Controller::Timely(timely) => sent(timely, now, cable_bytes),
            Controller::Dctcp(dctcp) => sent(dctcp, now, cable_bytes),
        };
        // At the rate of the line, the line itself keeps packets apart.
        let Some(rate) = rate else {
            self.next_send = Time::ZERO;
            return;
        };
        if (self.distance.0, self.distance.1) != (rate, cable_bytes) {
            self.distance = (rate, cable_bytes, rate.time_for(cable_bytes));
        }
        self.next_send = self.next_send.max(now) + self.distance.2;
    }

    /// Whether the scheme wants to hear what switches say.
    #[inline]
    pub(crate) const fn asks_switches(&self) -> bool {
        matches!(self.controller, Controller::Hpcc(_))
    }

    /// Has switches say something in a packet, if the scheme wants to hear it.
    #[inline]
    pub(crate) fn ask_switches(&self, packet: &mut RocePacket) {
        if self.asks_switches() && packet.telemetry.is_none() {
            packet.telemetry = Some(Box::default());
        }
    }

    /// A packet that will be acknowledged begins to leave at `at`.
    pub(crate) fn on_departure(&mut self, psn: Psn, at: Time) {
        if self.departures.len() < DEPARTURES_MAX {
            self.departures.push_back((psn, at));
        }
    }

    /// An acknowledgement of `psn` has come, with `acknowledged_bytes` that are new; `next` is the first number not sent.
    pub(crate) fn on_acknowledge(&mut self, now: Time, packet: &RocePacket, acknowledged_bytes: u64, next: Psn) {
        let psn = packet.bth.psn;
        let ends_round = self.round_end.is_none_or(|end| psn.distance(end) >= 0);
        if ends_round {
            self.round_end = Some(next);
        }
        let round_trip = self.round_trip(now, psn);
        let telemetry = packet.telemetry.as_deref();
        let marked = packet.bth.becn;
        let feedback = Feedback { acknowledged_bytes, ends_round, marked, round_trip, telemetry };
        self.scheme().on_feedback(now, &feedback);
    }

    /// The round trip of `psn`, unless it was sent more than once (Karn's rule).
    fn round_trip(&mut self, now: Time, psn: Psn) -> Option<Dur> {
        let mut found = None;
        while let Some(&(number, at)) = self.departures.front().filter(|(number, _)| number.distance(psn) <= 0) {
            self.departures.pop_front();
            if number == psn {
                found = if found.is_none() { Some(now.since(at)) } else { None };
            }
        }
        found
    }

    /// A notification has come.
    pub(crate) fn on_notification(&mut self, now: Time) {
        self.scheme().on_notification(now);
    }

    /// Takes note of a packet with data that has been received; true if the other side is to be notified.
    pub(crate) fn on_received(&mut self, now: Time, packet: &RocePacket) -> bool {
        let marked = packet.ip.ecn == Ecn::Congested;
        self.echo_mark |= marked;
        if let Some(telemetry) = &packet.telemetry {
            let mut echo = telemetry.clone();
            echo.close();
            self.echo_telemetry = Some(echo);
        }
        let Controller::Dcqcn(_) = self.controller else { return false };
        marked && self.notified.is_none_or(|last| now.since(last) >= self.notification_interval()) && {
            self.notified = Some(now);
            true
        }
    }

    fn notification_interval(&self) -> Dur {
        if let Controller::Dcqcn(dcqcn) = &self.controller { dcqcn.parameters().cnp_interval } else { Dur::MAX }
    }

    /// What an answer that leaves now says: whether the newest packets were marked, and what switches said.
    pub(crate) fn take_echo(&mut self) -> (bool, Option<Box<Telemetry>>) {
        let echoes_marks = matches!(self.controller, Controller::Dctcp(_));
        (std::mem::take(&mut self.echo_mark) && echoes_marks, self.echo_telemetry.take())
    }
}
