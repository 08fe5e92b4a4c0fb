//! A tap on a link: keeps what was sent, for whoever writes a capture file, and what was lost, for whoever writes down why.

use crate::link::LinkId;
use crate::rule::Fate;
use crate::switch::DropReason;
use des::Time;
use wire::Frame;

/// A frame seen on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When its first bit left.
    pub at: Time,
    /// Where.
    pub link: LinkId,
    /// What became of it on the link. A lost frame is captured too.
    pub fate: Fate,
    /// The frame as the fault rules left it. Payload bytes are shared with the frame in flight.
    pub frame: Frame,
}

/// A frame that was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// When its first bit left, or when a switch dropped it.
    pub at: Time,
    /// Why.
    pub cause: Cause,
    /// The frame as the fault rules left it.
    pub frame: Frame,
}

/// Why a frame was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The link's rule with this index dropped it.
    Rule(usize),
    /// A switch had no way or no room for it.
    Switch(DropReason),
}

/// Keeps frames in the order of sending, up to a limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tap {
    frames: Vec<Captured>,
    /// How many more frames may be kept.
    room: usize,
    /// Those that were lost, if they are to be kept.
    lost: Option<Vec<Lost>>,
}

impl Tap {
    /// Captures at most so many frames from now on.
    pub(crate) fn capture(&mut self, limit: usize) {
        (self.frames, self.room) = (Vec::new(), limit);
    }

    /// Keeps frames that are lost from now on.
    pub(crate) fn keep_lost(&mut self) {
        self.lost.get_or_insert_default();
    }

    pub(crate) fn record(&mut self, at: Time, link: LinkId, frame: &Frame, fate: Fate) {
        if let Some(room) = self.room.checked_sub(1) {
            self.room = room;
            self.frames.push(Captured { at, link, fate, frame: frame.clone() });
        }
        if let (Some(lost), Fate::Lost { rule, .. }) = (&mut self.lost, fate) {
            lost.push(Lost { at, cause: Cause::Rule(rule), frame: frame.clone() });
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Captured> {
        std::mem::take(&mut self.frames)
    }

    pub(crate) fn take_lost(&mut self) -> Vec<Lost> {
        self.lost.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// Merges captures of several links into the order of time; frames of one moment in the order of their links.
#[must_use]
pub fn merge(captures: impl IntoIterator<Item = Vec<Captured>>) -> Vec<Captured> {
    let mut all: Vec<Captured> = captures.into_iter().flatten().collect();
    all.sort_by_key(|captured| (captured.at, captured.link));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Link, LinkConfig};
    use crate::testing::frame_of_cable_len;
    use des::{Dur, Rate};

    fn link(id: u32) -> Link {
        let mut link = Link::new(LinkId(id), LinkConfig { rate: Rate::from_gbps(8), latency: Dur::from_ns(1) });
        link.start_capture(3);
        link
    }

    #[test]
    fn a_tap_keeps_the_order_and_its_limit() {
        let mut link = link(7);
        for _ in 0..2 {
            link.send(Time::ZERO, frame_of_cable_len(100), &mut Vec::new());
        }
        let first = link.take_captured();
        assert_eq!(first.iter().map(|seen| seen.at.as_ps()).collect::<Vec<_>>(), [0, 100_000]);
        assert_eq!(first[0].frame, *frame_of_cable_len(100));
        for _ in 0..2 {
            link.send(Time::ZERO, frame_of_cable_len(100), &mut Vec::new());
        }
        assert_eq!(link.take_captured().len(), 1, "the limit holds for the whole capture");
        assert_eq!(link.take_captured(), []);
    }

    #[test]
    fn captures_merge_by_time_then_link() {
        let (mut first, mut second) = (link(1), link(2));
        second.send(Time::ZERO, frame_of_cable_len(100), &mut Vec::new());
        for at in [0, 500_000] {
            first.send(Time::from_ps(at), frame_of_cable_len(100), &mut Vec::new());
        }
        let merged = merge([second.take_captured(), first.take_captured()]);
        let order: Vec<_> = merged.iter().map(|seen| (seen.at.as_ps(), seen.link.0)).collect();
        assert_eq!(order, [(0, 1), (0, 2), (500_000, 1)]);
    }
}
