//! What the device wants to be woken for.

use des::Time;
use std::collections::BTreeSet;

/// Something that has a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// The firmware has finished a command.
    Firmware,
    /// A port may send again.
    Port(u8),
    /// A queue pair's transport timer.
    Qp(u32),
    /// Interrupt moderation of a CQ has waited long enough.
    Cq(u32),
    /// A frame that the device sends to itself has arrived.
    Loopback,
    /// The receive buffer may have drained.
    Buffer,
}

/// All alarms, by time. An owner that changes its mind lets the old one ring and ignores it.
#[derive(Clone, Debug)]
pub(crate) struct Alarms {
    all: BTreeSet<(Time, Alarm)>,
    /// When the first one rings, [`Time::MAX`] if there is none: every input asks, and few alarms ring.
    first: Time,
}

impl Default for Alarms {
    fn default() -> Self {
        Self { all: BTreeSet::new(), first: Time::MAX }
    }
}

impl Alarms {
    pub(crate) fn set(&mut self, at: Time, alarm: Alarm) {
        self.all.insert((at, alarm));
        self.first = self.first.min(at);
    }

    pub(crate) fn next(&self) -> Option<Time> {
        (self.first < Time::MAX).then_some(self.first)
    }

    /// Takes an alarm whose moment has come.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<Alarm> {
        if self.first > now {
            return None;
        }
        let (_, alarm) = self.all.pop_first()?;
        self.first = self.all.first().map_or(Time::MAX, |(at, _)| *at);
        Some(alarm)
    }
}
