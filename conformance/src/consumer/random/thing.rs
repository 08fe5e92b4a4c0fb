//! Objects as a consumer knows them.

use super::post::Queue;
use crate::suite::local::Card;
use provider::consumer::Buffer;
use provider::ndk::{LogicalAddressMapping, Object};
use std::collections::BTreeSet;

/// Slots of a region's buffer, and bytes of each.
pub(super) const SLOTS: u8 = 32;
pub(super) const SLOT_BYTES: u32 = 64;
/// Bytes of a region: the slots, and as much again for the peer to read and write.
pub(super) const REGION_BYTES: u64 = 4_096;

/// Where an object is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Live,
    Closing,
    Closed,
}

/// An object.
#[derive(Debug)]
pub(super) struct Thing {
    pub(super) object: Object,
    pub(super) life: Life,
    /// Requests that pend on it.
    pub(super) pending: usize,
    pub(super) detail: Detail,
}

/// What only one kind of object has.
#[derive(Debug)]
pub(super) enum Detail {
    Plain,
    Cq(Cq),
    Srq {
        pd: u64,
        queue: Queue,
        armed: usize,
    },
    Qp(Qp),
    Mr(Mr),
    Fast(Fast),
    /// With the queue pair and the region of its bind.
    Mw {
        pd: u64,
        bound: Option<Bound>,
    },
    Connector(Connector),
    Listener {
        listening: bool,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Cq {
    pub(super) depth: u32,
    /// Entries of the queues that complete here.
    pub(super) fed: u32,
    /// Arms that no notification has answered: one that was on its way at the next arm does not answer that as well.
    pub(super) armed: u32,
    /// Whether results are taken, and it is armed again, inside the notification.
    pub(super) eager: bool,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Idle,
    Offered,
    Busy,
    Connected,
    Established,
    Over,
}

#[derive(Debug)]
pub(super) struct Qp {
    /// Its context in results.
    pub(super) context: u64,
    pub(super) pd: u64,
    pub(super) cqs: [u64; 2],
    pub(super) srq: Option<u64>,
    pub(super) initiator: Queue,
    pub(super) receive: Queue,
    pub(super) stage: Stage,
    pub(super) peer: Option<Card>,
    /// Messages sent, and received.
    pub(super) sent: u64,
    pub(super) received: u64,
}

impl Qp {
    /// Whether results are due.
    pub(super) fn owes(&self) -> bool {
        self.initiator.owes() || self.receive.owes()
    }
}

#[derive(Debug)]
pub(super) struct Mr {
    pub(super) pd: u64,
    pub(super) registered: bool,
    pub(super) buffer: Buffer,
    pub(super) used: BTreeSet<u8>,
    /// Windows that are, or may be, bound to it.
    pub(super) windows: usize,
}

/// A region for fast registration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fast {
    pub(super) pd: u64,
    pub(super) initialised: bool,
    pub(super) registered: bool,
    /// A registration or invalidation is posted.
    pub(super) busy: bool,
    /// Where it was registered.
    pub(super) qp: Option<u64>,
}

/// Where a window was bound, and to what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) qp: u64,
    pub(super) mr: u64,
    /// Its invalidation is posted.
    pub(super) leaving: bool,
}

/// A mapped buffer.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) lam: LogicalAddressMapping,
    /// Stays as long as the mapping does.
    pub(super) _buffer: Buffer,
    /// A fast registration names its pages.
    pub(super) used: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Connector {
    pub(super) stage: Stage,
    pub(super) qp: Option<u64>,
    pub(super) card: Option<Card>,
    pub(super) told: bool,
}
