//! Priority flow control (IEEE 802.1Qbb) as a value: a pause frame is made only when somebody looks.

use crate::PRIORITIES;
use des::{Dur, Rate, Time};
use wire::{Mac, PauseFrame};

/// Asks the other end of a cable to be silent in some priorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Bit n is priority n.
    pub priorities: u8,
    /// For how long from its arrival; zero ends a pause.
    pub length: Dur,
}

impl Pause {
    /// The longest pause that a frame can ask for on a line of this rate: 65535 quanta of 512 bit times.
    #[must_use]
    pub const fn longest(rate: Rate) -> Dur {
        quanta_to_dur(u16::MAX, rate)
    }

    /// The frame that a port with address `source` sends on a line of `rate`; the length is rounded up to whole quanta.
    #[must_use]
    pub fn encode(&self, source: Mac, rate: Rate) -> PauseFrame {
        let quanta = dur_to_quanta(self.length, rate);
        let asked = std::array::from_fn(|priority| (self.priorities >> priority & 1 != 0).then_some(quanta));
        PauseFrame { source_mac: source, pause: wire::Pause::Priorities(asked) }
    }
}

/// Length of `quanta` at `rate`.
pub(crate) const fn quanta_to_dur(quanta: u16, rate: Rate) -> Dur {
    rate.time_for(quanta as u64 * wire::pause::QUANTUM_BITS / 8)
}

fn dur_to_quanta(length: Dur, rate: Rate) -> u16 {
    const PS_PER_S: u128 = 1_000_000_000_000;
    let bits = u128::from(length.as_ps()) * u128::from(rate.as_bps());
    u16::try_from(bits.div_ceil(PS_PER_S * u128::from(wire::pause::QUANTUM_BITS))).unwrap_or(u16::MAX)
}

/// Until when a port has been asked to be silent, priority by priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Silence {
    /// Priorities that may be silent; the others need no look at `until`.
    asked: u8,
    until: [Time; PRIORITIES],
    /// When that was asked last.
    since: [Time; PRIORITIES],
}

impl Silence {
    /// Takes in a pause that arrives at `now`.
    pub fn apply(&mut self, now: Time, pause: Pause) {
        for priority in (0..PRIORITIES).filter(|priority| pause.priorities >> priority & 1 != 0) {
            (self.since[priority], self.until[priority]) = (now, now + pause.length);
        }
        if pause.length == Dur::ZERO {
            self.asked &= !pause.priorities;
        } else {
            self.asked |= pause.priorities;
        }
    }

    /// The priorities that must be silent at `now`, one bit each.
    #[must_use]
    pub fn mask(&self, now: Time) -> u8 {
        self.asked_priorities()
            .filter(|&priority| self.until[priority] > now)
            .fold(0, |mask, priority| mask | 1 << priority)
    }

    /// When the first of `priorities` may speak again, if one of them is silent at `now` and no other pause arrives.
    #[must_use]
    pub fn ends(&self, now: Time, priorities: u8) -> Option<Time> {
        let asked = self.asked_priorities().filter(|priority| priorities >> priority & 1 != 0);
        asked.map(|priority| self.until[priority]).filter(|&until| until > now).min()
    }

    /// The silence until `now` that the last pause of each of `priorities` asked for: the priority, from when and to when. Whoever
    /// adds it up asks before the next pause is applied.
    pub fn so_far(&self, now: Time, priorities: u8) -> impl Iterator<Item = (usize, Time, Time)> + use<'_> {
        let asked = self.asked_priorities().filter(move |priority| priorities >> priority & 1 != 0);
        asked.map(move |priority| (priority, self.since[priority], self.until[priority].min(now)))
    }

    fn asked_priorities(&self) -> impl Iterator<Item = usize> + use<> {
        let asked = self.asked;
        (0..PRIORITIES).skip(asked.trailing_zeros() as usize).filter(move |priority| asked >> priority & 1 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate::from_gbps(100);

    #[test]
    fn a_frame_asks_for_whole_quanta() {
        let source = Mac([2, 0, 0, 0, 0, 1]);
        // A quantum at 100 Gb/s is 5.12 ns.
        for (length, quanta) in [(0, 0), (1, 1), (5_120, 1), (5_121, 2), (u64::MAX, u16::MAX)] {
            let frame = Pause { priorities: 0b1000, length: Dur::from_ps(length) }.encode(source, RATE);
            let mut asked = [None; PRIORITIES];
            asked[3] = Some(quanta);
            assert_eq!(frame.pause, wire::Pause::Priorities(asked), "{length} ps");
        }
        assert_eq!(Pause::longest(RATE), Dur::from_ps(65_535 * 5_120));
    }

    #[test]
    fn silence_ends_by_time_or_by_word() {
        let mut silence = Silence::default();
        let at = Time::from_ps;
        assert_eq!((silence.mask(at(0)), silence.ends(at(0), 0xff)), (0, None));
        silence.apply(at(100), Pause { priorities: 0b1001, length: Dur::from_ps(50) });
        let before: Vec<_> = silence.so_far(at(120), 0b1100).collect();
        assert_eq!(before, [(3, at(100), at(120))]);
        silence.apply(at(120), Pause { priorities: 0b1000, length: Dur::from_ps(50) });
        assert_eq!((silence.mask(at(149)), silence.mask(at(150)), silence.mask(at(170))), (0b1001, 0b1000, 0));
        assert_eq!(silence.ends(at(120), 0xff), Some(at(150)));
        assert_eq!(silence.ends(at(120), 0b1000), Some(at(170)));
        assert_eq!(silence.ends(at(120), 0b0010), None);
        silence.apply(at(130), Pause { priorities: 0b0001, length: Dur::ZERO });
        assert_eq!(silence.mask(at(130)), 0b1000);
        assert_eq!(silence.so_far(at(1_000), 0xff).collect::<Vec<_>>(), [(3, at(120), at(170))], "it ended by itself");
    }
}
