//! One direction of a cable, owned by the node that sends on it.
//!
//! There is no event per bit or per byte: the link remembers when its line is free again and computes when a frame that
//! is sent now has arrived whole. Faults and captures hang on the link and cost one branch while there are none.

use crate::capture::{Captured, Lost, Tap};
use crate::pause::Pause;
use crate::rule::{Fate, Loss, Rule, RuleChain};
use des::{Dur, Rate, Time};
use wire::{Frame, Mac};

/// Names one direction of a cable. Numbered by [`Topology`](crate::Topology): twice the cable's number, plus one for
/// the direction from its end `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// A frame that reaches the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When its last bit is there.
    pub at: Time,
    /// The frame.
    pub frame: Box<Frame>,
}

/// The physics of a cable; the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// Line rate.
    pub rate: Rate,
    /// From a bit's departure to its arrival: propagation, both PHYs, and error correction.
    pub latency: Dur,
}

/// How long light takes for a metre of cable, in picoseconds: group index 1.468 over the speed of light, 299,792,458 m/s,
/// rounded to tenths of nanoseconds. Published: refractive index of G.652 fibre.
pub const PROPAGATION_PS_PER_M: u64 = 4_900;

/// What a cable's latency is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CableDelay {
    /// Length, in metres.
    pub length_m: u32,
    /// Of the PHYs of both ends together: serialisers, PCS, transceivers.
    pub phy: Dur,
    /// Of forward error correction, encoding and decoding together.
    pub fec: Dur,
}

impl CableDelay {
    /// From a bit's departure to its arrival: [`LinkConfig::latency`].
    #[must_use]
    pub fn latency(self) -> Dur {
        Dur::from_ps(PROPAGATION_PS_PER_M) * u64::from(self.length_m) + self.phy + self.fec
    }
}

/// What a link has done. Bytes are those of the cable: preamble, check sequence and gap included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct LinkCounters {
    /// Frames put on the line, pause frames and duplicates included.
    pub frames: u64,
    /// Bytes put on the line.
    pub bytes: u64,
    /// Pause frames among them.
    pub pauses: u64,
    /// Frames that a fault rule dropped.
    pub lost_by_rule: u64,
    /// Frames sent while the link was down.
    pub lost_link_down: u64,
    /// Pause frames among those that were lost.
    pub lost_pauses: u64,
}

/// The sending end of one direction. What each frame needs comes first in memory.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Link {
    busy_until: Time,
    /// Time of bits on the line, booked up to `busy_until`.
    busy: Dur,
    config: LinkConfig,
    /// From the decision to send a frame to its first bit on a free line; pause frames do not go that way.
    pipeline: Dur,
    counters: LinkCounters,
    rules: RuleChain,
    tap: Option<Box<Tap>>,
    id: LinkId,
}

impl Link {
    /// An idle link without faults.
    #[must_use]
    pub const fn new(id: LinkId, config: LinkConfig) -> Self {
        let counters =
            LinkCounters { frames: 0, bytes: 0, pauses: 0, lost_by_rule: 0, lost_link_down: 0, lost_pauses: 0 };
        let (pipeline, busy_until, busy) = (Dur::ZERO, Time::ZERO, Dur::ZERO);
        Self { id, config, pipeline, busy_until, busy, counters, rules: RuleChain::new(), tap: None }
    }

    /// The link behind a pipeline of this length. It shifts all frames alike, so the line is booked as if it was not
    /// there.
    pub(crate) fn behind(self, pipeline: Dur) -> Self {
        Self { pipeline, ..self }
    }

    /// The link's name.
    #[must_use]
    pub const fn id(&self) -> LinkId {
        self.id
    }

    /// Rate and latency.
    #[must_use]
    pub const fn config(&self) -> LinkConfig {
        self.config
    }

    /// See [`Switch::touch`](crate::Switch::touch).
    pub(crate) fn touch(&self) -> u64 {
        self.busy_until.as_ps() ^ u64::from(self.tap.is_some())
    }

    /// When the line is free for the next frame.
    #[must_use]
    pub const fn busy_until(&self) -> Time {
        self.busy_until
    }

    /// What was sent and lost so far.
    #[must_use]
    pub const fn counters(&self) -> LinkCounters {
        self.counters
    }

    /// For how long until `now` the line has carried bits, as it was booked.
    #[must_use]
    pub fn busy_time(&self, now: Time) -> Dur {
        self.busy.saturating_sub(self.busy_until.since(now))
    }

    /// Adds a fault rule behind those that are there.
    pub fn add_rule(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// The fault rules with what they have done.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        self.rules.as_slice()
    }

    /// One of them, in the order in which they were added.
    pub fn rule_mut(&mut self, index: usize) -> Option<&mut Rule> {
        self.rules.get_mut(index)
    }

    /// Captures what is sent from now on, at most `limit` frames.
    pub fn start_capture(&mut self, limit: usize) {
        self.tap.get_or_insert_default().capture(limit);
    }

    /// Takes what was captured so far; the capture goes on. Empty if there is none.
    pub fn take_captured(&mut self) -> Vec<Captured> {
        self.tap.as_mut().map(|tap| tap.take()).unwrap_or_default()
    }

    /// Keeps frames that are lost from now on, until they are taken.
    pub fn keep_lost(&mut self) {
        self.tap.get_or_insert_default().keep_lost();
    }

    /// Takes the lost frames that were kept.
    pub fn take_lost(&mut self) -> Vec<Lost> {
        self.tap.as_mut().map(|tap| tap.take_lost()).unwrap_or_default()
    }

    /// Sends `frame` as soon as the line is free, not before `now`; what reaches the other end goes to `out` (nothing
    /// if it is lost, two if it is duplicated). Returns when the line is free again.
    ///
    /// `now` may lie in the future, as a sender knows when its next frame is ready, but never before an earlier call's.
    pub fn send(&mut self, now: Time, frame: Box<Frame>, out: &mut Vec<Delivery>) -> Time {
        self.send_to(now, frame, |delivery| out.push(delivery))
    }

    /// As [`send`](Self::send), to a function.
    #[inline]
    pub fn send_to(&mut self, now: Time, frame: Box<Frame>, deliver: impl FnMut(Delivery)) -> Time {
        let cable_bytes = frame.cable_len();
        self.send_between(now, now, frame, cable_bytes, deliver)
    }

    /// Sends `frame`, of so many bytes on the cable, with its first bit not before `first_bit` and its last not before
    /// `last_bit`: a cut-through switch begins before it has everything.
    #[inline]
    pub(crate) fn send_between(
        &mut self,
        first_bit: Time,
        last_bit: Time,
        frame: Box<Frame>,
        cable_bytes: usize,
        mut deliver: impl FnMut(Delivery),
    ) -> Time {
        let start = first_bit.max(self.busy_until);
        let at = self.occupy(start, last_bit, cable_bytes) + self.pipeline + self.config.latency;
        if self.rules.is_empty() && self.tap.is_none() {
            deliver(Delivery { at, frame });
        } else {
            self.send_watched(start + self.pipeline, at, frame, deliver);
        }
        self.busy_until
    }

    /// Books the line from `start` for `bytes`; returns when the last bit has left.
    fn occupy(&mut self, start: Time, last_bit: Time, bytes: usize) -> Time {
        let length = self.config.rate.time_for(bytes as u64);
        self.counters.frames += 1;
        self.counters.bytes += bytes as u64;
        self.busy += length;
        self.busy_until = (start + length).max(last_bit);
        self.busy_until
    }

    /// The slow way, past rules and tap.
    #[cold]
    fn send_watched(&mut self, start: Time, at: Time, mut frame: Box<Frame>, mut deliver: impl FnMut(Delivery)) {
        let fate = self.rules.judge(start, &mut frame);
        if let Some(tap) = &mut self.tap {
            tap.record(start, self.id, &frame, fate);
        }
        let Fate::Delivered { delay, duplicated } = fate else {
            return self.count_loss(fate);
        };
        if duplicated {
            let before = self.busy_until;
            let distance = self.occupy(before, before, frame.cable_len()).since(before);
            deliver(Delivery { at: at + delay, frame: frame.clone() });
            deliver(Delivery { at: at + delay + distance, frame });
        } else {
            deliver(Delivery { at: at + delay, frame });
        }
    }

    fn count_loss(&mut self, fate: Fate) {
        match fate {
            Fate::Lost { loss: Loss::Rule, .. } => self.counters.lost_by_rule += 1,
            Fate::Lost { loss: Loss::LinkDown, .. } => self.counters.lost_link_down += 1,
            Fate::Delivered { .. } => {}
        }
    }

    /// Sends a pause frame from the port with address `source` ahead of everything that waits, behind what is on the
    /// line. Returns when it reaches the other end, `None` if it is lost. The frame itself is made only for rules and
    /// taps.
    pub fn send_pause(&mut self, now: Time, pause: Pause, source: Mac) -> Option<Time> {
        const PAUSE_CABLE_LEN: usize = wire::FRAME_LEN_MIN + wire::CABLE_OVERHEAD_BYTES;
        let start = now.max(self.busy_until);
        let at = self.occupy(start, start, PAUSE_CABLE_LEN) + self.config.latency;
        self.counters.pauses += 1;
        if self.rules.is_empty() && self.tap.is_none() {
            return Some(at);
        }
        let frame = Box::new(Frame::from(pause.encode(source, self.config.rate)));
        let mut arrival = None;
        self.send_watched(start, at, frame, |delivery| arrival = arrival.or(Some(delivery.at)));
        self.counters.lost_pauses += u64::from(arrival.is_none());
        arrival
    }
}

#[cfg(test)]
mod tests;
