//! One thing that happened, at one node or switch.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A name that the program knows, or that was read from a file.
pub type Name = Cow<'static, str>;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its place in the run's order, from 0.
    pub number: u64,
    /// The record of what made this happen; `None` at the start.
    pub cause: Option<u64>,
    /// When.
    pub time_ps: u64,
    /// Where: nodes first, then switches.
    pub place: u32,
    /// What.
    pub kind: Kind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The consumer called the provider, and this is what it returned.
    Call {
        /// The function.
        function: Name,
        /// The object that it was called on; empty for none.
        object: String,
        /// The status.
        status: String,
    },
    /// A send, write or read was posted.
    Post {
        /// `send`, `write` or `read`.
        operation: Name,
        /// Its number on this node, from 1.
        request: u64,
        /// The queue pair.
        object: String,
    },
    /// A posted request's result was taken.
    Result {
        /// `send`, `write` or `read`.
        operation: Name,
        /// Its number on this node.
        request: u64,
        /// The status.
        status: String,
        /// From post to here.
        latency_ps: u64,
    },
    /// The provider called the consumer.
    Upcall {
        /// What for.
        what: Name,
        /// The object concerned.
        object: String,
        /// The status, where there is one.
        status: String,
    },
    /// Consumers' tasks ran.
    Tasks,
    /// The provider woke by itself.
    ProviderWake,
    /// A callback returned.
    Return,
    /// A register write reached the NIC.
    Doorbell,
    /// A DMA read came back to the NIC.
    DmaDone,
    /// The NIC did something by its own clock.
    NicWake,
    /// An interrupt reached the processor.
    Interrupt {
        /// Its vector.
        vector: u16,
    },
    /// A frame arrived.
    Frame {
        /// What it is, such as `Rc Write Middle`.
        what: String,
        /// Endpoints that send and receive it; none if it is no RoCE packet of this cluster.
        ends: Option<[u32; 2]>,
        /// Destination queue pair; zero if it is no RoCE packet.
        queue_pair: u32,
        /// Packet sequence number.
        sequence: u32,
        /// Bytes from the Ethernet header on.
        bytes: u32,
        /// A switch marked it (ECN).
        marked: bool,
    },
    /// A frame was lost on the link by which it left, or in a switch.
    Lost {
        /// The port by which it left or was to leave, and who is behind it, such as `port 1 -> node1`; `port 0 <- node0` where it
        /// came in, if the switch knew no way.
        at: String,
        /// Why: a row of the plan, such as `row wire-1`, or what the switch had too little of.
        why: String,
        /// What it was, such as `Rc Write Middle`.
        what: String,
        /// Endpoints that sent it and were to receive it; none if it is no RoCE packet of this cluster.
        ends: Option<[u32; 2]>,
        /// Destination queue pair; zero if it is no RoCE packet.
        queue_pair: u32,
        /// Packet sequence number.
        sequence: u32,
    },
    /// A pause arrived (PFC).
    Pause {
        /// One bit for each priority.
        priorities: u8,
        /// For how long; zero is resume.
        length_ps: u64,
    },
    /// A switch's port sent or could send again.
    SwitchWake,
    /// A counter of the NIC rose during the event before.
    Counter {
        /// The counter.
        name: Name,
        /// By how much.
        by: u64,
    },
    /// Bytes that wait in a switch, after the event before.
    Buffered {
        /// In all its queues.
        bytes: u64,
    },
    /// The moment of a row of the fault plan came.
    Strike,
}

impl Kind {
    /// The word for its kind, as timeline and lists show it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Call { .. } => "call",
            Self::Post { .. } => "post",
            Self::Result { .. } => "result",
            Self::Upcall { .. } => "callback",
            Self::Tasks => "tasks",
            Self::ProviderWake => "provider timer",
            Self::Return => "callback returns",
            Self::Doorbell => "register write",
            Self::DmaDone => "DMA read done",
            Self::NicWake => "NIC timer",
            Self::Interrupt { .. } => "interrupt",
            Self::Frame { .. } => "frame",
            Self::Lost { .. } => "frame lost",
            Self::Pause { .. } => "pause",
            Self::SwitchWake => "port ready",
            Self::Counter { .. } => "counter",
            Self::Buffered { .. } => "buffer",
            Self::Strike => "fault",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Call { function, object, status } => write!(f, " {function} {object} -> {status}"),
            Self::Post { operation, request, object } => write!(f, " {operation} #{request} on {object}"),
            Self::Result { operation, request, status, latency_ps } => {
                write!(f, " {operation} #{request} {status} after {}", des::Dur::from_ps(*latency_ps))
            }
            Self::Upcall { what, object, status } => write!(f, " {what} {object} {status}"),
            Self::Interrupt { vector } => write!(f, " {vector}"),
            Self::Frame { what, queue_pair, sequence, bytes, marked, .. } => {
                let mark = if *marked { ", ECN marked" } else { "" };
                write!(f, " {what} qp {queue_pair} psn {sequence}, {bytes} bytes{mark}")
            }
            Self::Lost { at, why, what, queue_pair, sequence, .. } => {
                write!(f, " at {at} ({why}): {what} qp {queue_pair} psn {sequence}")
            }
            Self::Pause { length_ps: 0, priorities } => write!(f, " ends, priorities {priorities:#04x}"),
            Self::Pause { length_ps, priorities } => {
                write!(f, " for {}, priorities {priorities:#04x}", des::Dur::from_ps(*length_ps))
            }
            Self::Counter { name, by } => write!(f, " {name} +{by}"),
            Self::Buffered { bytes } => write!(f, " holds {bytes} bytes"),
            Self::Tasks
            | Self::ProviderWake
            | Self::Return
            | Self::Doorbell
            | Self::DmaDone
            | Self::NicWake
            | Self::Strike
            | Self::SwitchWake => Ok(()),
        }
    }
}
