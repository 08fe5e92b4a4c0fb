//! What happens in a study, and to whom.

use crate::node::Later;
use des::{Dur, Key, Time, TraceHash};
use fabric::Pause;
use wire::Frame;

/// A port of a node or switch, in the part that simulates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which part.
    pub(super) part: u16,
    pub(super) port: u16,
    /// Which of the part's stations.
    pub(super) station: u32,
}

/// What happens at a station. As large as a heap likes it: with its key it takes half a cache line.
#[derive(Debug)]
pub(super) enum Event {
    Frame { port: u16, frame: Box<Frame> },
    Pause { port: u16, priorities: u8, length: Dur },
    SwitchWake { port: u16 },
    Mmio,
    DmaDone { slot: u32 },
    Interrupt { vector: u16 },
    Begin { number: u32 },
}

const _: () = assert!(size_of::<(Key, Event)>() == 32, "an event and its key are half a cache line");

impl Event {
    /// A frame that reaches `port`.
    pub(super) fn arrival(port: u16, frame: Box<Frame>) -> Self {
        Self::Frame { port, frame }
    }

    /// A pause that reaches `port`.
    pub(super) fn silence(port: u16, pause: Pause) -> Self {
        let Pause { priorities, length } = pause;
        Self::Pause { port, priorities, length }
    }
}

impl From<Later> for Event {
    fn from(later: Later) -> Self {
        match later {
            Later::Mmio => Self::Mmio,
            Later::DmaDone(slot) => Self::DmaDone { slot },
            Later::NicWake => unreachable!("the NIC of a study is asked when it wants to be woken"),
            Later::Interrupt(vector) => Self::Interrupt { vector },
        }
    }
}

/// An event for a station of another part.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) station: u32,
    pub(super) key: Key,
    pub(super) event: Event,
}

/// What has happened in a part, or in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) events: u64,
    /// When the last event was.
    pub(super) last: Time,
    /// Packets with message data that nodes sent.
    pub(super) packets: u64,
    /// Links that they crossed.
    pub(super) packet_hops: u64,
}

impl Tally {
    /// An event at `now`.
    pub(super) fn happened(&mut self, now: Time) {
        self.events += 1;
        self.last = self.last.max(now);
    }

    /// A frame has crossed a cable.
    pub(super) fn crossed(&mut self, frame: &Frame) {
        self.packet_hops += u64::from(frame.has_payload());
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            events: self.events + other.events,
            last: self.last.max(other.last),
            packets: self.packets + other.packets,
            packet_hops: self.packet_hops + other.packet_hops,
        }
    }

    /// Mixed into the fingerprint of a run, which is about what happens and not about the work it takes to find out.
    pub(super) fn mix_into(self, hash: &mut TraceHash) {
        hash.mix(self.last.as_ps());
        hash.mix(self.packet_hops);
    }
}
