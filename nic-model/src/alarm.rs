//! What the device wants to be woken for.

use crate::units::Dues;
use des::Time;

/// Something that has a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// The firmware has finished a command.
    Firmware,
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
pub(crate) struct Alarms(Dues<Alarm>);

impl Default for Alarms {
    fn default() -> Self {
        Self(Dues::new())
    }
}

impl Alarms {
    pub(crate) fn set(&mut self, at: Time, alarm: Alarm) {
        self.0.put(at, alarm);
    }

    #[inline]
    pub(crate) fn next(&self) -> Option<Time> {
        self.0.next()
    }

    /// Takes an alarm whose moment has come.
    #[inline]
    pub(crate) fn take_due(&mut self, now: Time) -> Option<Alarm> {
        self.0.take(now).map(|(_, alarm)| alarm)
    }
}
