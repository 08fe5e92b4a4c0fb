//! The total order of events.

use crate::time::Time;
use std::fmt;

/// Who made an event: a node or a switch. Numbered from zero by the composition root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// What kind of event goes first among those of one moment. The variants stand in processing order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// A frame reaches a port: what came from outside is known before anything inside decides.
    Wire = 0,
    /// A device acts: DMA done, register write, wake-up.
    Device = 1,
    /// A software timer runs out.
    Timer = 2,
    /// A host processor runs: interrupts, callbacks, consumers. Sees all that devices did at that moment.
    Host = 3,
    /// Observers look, after everything of the moment.
    Probe = 4,
}

const SOURCE_BITS: u32 = 24;
const SEQUENCE_BITS: u32 = 36;

/// The place of an event in the run: time, then phase, then source, then the source's own count.
///
/// A key depends on what its source did, never on when another thread did something, so the order is the same for
/// every number of threads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u128);

impl Key {
    /// When the event happens.
    #[must_use]
    pub const fn time(self) -> Time {
        Time::from_ps((self.0 >> 64) as u64)
    }

    /// Phase, source and sequence in one word, for hashing and printing.
    #[must_use]
    pub const fn rank(self) -> u64 {
        self.0 as u64
    }

    /// Who made the event.
    #[must_use]
    pub const fn source(self) -> SourceId {
        SourceId((self.rank() >> SEQUENCE_BITS) as u32 & ((1 << SOURCE_BITS) - 1))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.rank() >> (SOURCE_BITS + SEQUENCE_BITS);
        let sequence = self.rank() & ((1 << SEQUENCE_BITS) - 1);
        write!(f, "{} phase {phase} source {} #{sequence}", self.time(), self.source().0)
    }
}

/// Gives a source's events their keys. One per source.
#[derive(Clone, Debug)]
pub struct Sequencer {
    source: SourceId,
    next: u64,
}

impl Sequencer {
    /// The sequencer of `source`.
    ///
    /// # Panics
    /// If the source number does not fit the key (2^24 sources).
    #[must_use]
    pub fn new(source: SourceId) -> Self {
        assert!(source.0 < 1 << SOURCE_BITS, "source {} does not fit an event key", source.0);
        Self { source, next: 0 }
    }

    /// Who this sequencer speaks for.
    #[must_use]
    pub const fn source(&self) -> SourceId {
        self.source
    }

    /// How many keys were given out.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.next
    }

    /// The key of the source's next event.
    ///
    /// # Panics
    /// After 2^36 events of one source.
    pub fn key(&mut self, time: Time, phase: Phase) -> Key {
        let sequence = self.next;
        assert!(sequence < 1 << SEQUENCE_BITS, "source {} has used up its event numbers", self.source.0);
        self.next += 1;
        let rank =
            (phase as u64) << (SOURCE_BITS + SEQUENCE_BITS) | u64::from(self.source.0) << SEQUENCE_BITS | sequence;
        Key(u128::from(time.as_ps()) << 64 | u128::from(rank))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_time_then_phase_then_source_then_sequence() {
        let mut first = Sequencer::new(SourceId(1));
        let mut second = Sequencer::new(SourceId(2));
        let late = first.key(Time::from_ps(9), Phase::Wire);
        let host = first.key(Time::from_ps(5), Phase::Host);
        let device_of_second = second.key(Time::from_ps(5), Phase::Device);
        let device_of_first = first.key(Time::from_ps(5), Phase::Device);
        let device_again = first.key(Time::from_ps(5), Phase::Device);
        let mut keys = [late, host, device_of_second, device_of_first, device_again];
        keys.sort();
        assert_eq!(keys, [device_of_first, device_again, device_of_second, host, late]);
        assert_eq!(device_of_second.source(), SourceId(2));
        assert_eq!(late.time(), Time::from_ps(9));
    }
}
