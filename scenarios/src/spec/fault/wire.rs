//! `[[fault.wire]]`: what becomes of frames.

use super::{Trigger, is_false, row};
use crate::spec::text;
use des::Ratio;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use wire::Opcode;
use wire::opcode::{Operation, Position, Transport};

/// One row of `[[fault.wire]]`: of the frames on a link that match, those whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WireFault {
    /// Its name in the plan; `wire-1` and so on if absent.
    #[serde(default)]
    pub id: String,
    /// The link, such as `node0->switch`.
    pub link: String,
    /// What happens.
    pub effect: WireEffect,
    /// The frame of that link, counted from 1. This, `every` or `probability`; or neither, but a time: all frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How many in a row from the `nth` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Every k-th of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// How likely it is for each frame.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<text::Spelled<Ratio>>")]
    pub probability: Option<Ratio>,
    /// Packets of this kind alone.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<text::Spelled<Packet>>")]
    pub packet: Option<Packet>,
    /// Packets with this sequence number alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psn: Option<u32>,
    /// Packets to this queue pair alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dest_qp: Option<u32>,
    /// Packets that this node sent alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_node: Option<u16>,
    /// Packets to this node alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_node: Option<u16>,
    /// Frames alone that leave from this moment of the run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_us: Option<u64>,
    /// And before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_us: Option<u64>,
    /// How much later a frame of `delay` or `reorder` arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ns: Option<u64>,
    /// Those alone after this has happened.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<text::Spelled<Trigger>>")]
    pub when: Option<Trigger>,
    /// So long after `when`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_us: Option<u64>,
    /// Whether the run fails if the row does not strike.
    #[serde(default, skip_serializing_if = "is_false")]
    pub must_fire: bool,
}

row!(WireFault, "wire");

/// What happens to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WireEffect {
    /// It is lost.
    Drop,
    /// A bit of it flips.
    Corrupt,
    /// It arrives twice.
    Duplicate,
    /// It arrives `delay_ns` later.
    Delay,
    /// It arrives behind what is sent in the next `delay_ns`; 5 us if absent.
    Reorder,
    /// It is marked as by a congested switch.
    EcnMark,
    /// The cable does not work from `from_us` until `until_us`: all frames are lost, pauses included.
    Down,
    /// No frame: the link's sender asks its peer for silence all the time until `until_us`, in all priorities of `fabric.pfc`.
    PauseStorm,
}

/// What `reorder` waits for by default: the time of a dozen full frames of 4096 bytes at 100 Gb/s. Assumed.
pub(crate) const REORDER_NS: u64 = 5_000;

impl WireEffect {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Drop,
        Self::Corrupt,
        Self::Duplicate,
        Self::Delay,
        Self::Reorder,
        Self::EcnMark,
        Self::Down,
        Self::PauseStorm,
    ];

    /// The name in a scenario file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Corrupt => "corrupt",
            Self::Duplicate => "duplicate",
            Self::Delay => "delay",
            Self::Reorder => "reorder",
            Self::EcnMark => "ecn-mark",
            Self::Down => "down",
            Self::PauseStorm => "pause-storm",
        }
    }
}

/// A kind of packet: an operation, at some or any place in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet(usize);

/// Kinds by name: of a message's packets, those at the positions listed.
const PACKETS: [(&str, Transport, Operation, &[Position]); 9] = {
    use Position::{First, Last, LastImmediate, LastInvalidate, Middle, Only, OnlyImmediate, OnlyInvalidate};
    const ANY: &[Position] = &[First, Middle, Last, LastImmediate, LastInvalidate, Only, OnlyImmediate, OnlyInvalidate];
    const END: &[Position] = &[Last, LastImmediate, LastInvalidate, Only, OnlyImmediate, OnlyInvalidate];
    [
        ("send", Transport::Rc, Operation::Send, ANY),
        ("send-last", Transport::Rc, Operation::Send, END),
        ("write", Transport::Rc, Operation::Write, ANY),
        ("write-last", Transport::Rc, Operation::Write, END),
        ("read-request", Transport::Rc, Operation::ReadRequest, ANY),
        ("read-response", Transport::Rc, Operation::ReadResponse, ANY),
        ("read-response-last", Transport::Rc, Operation::ReadResponse, END),
        ("acknowledge", Transport::Rc, Operation::Acknowledge, ANY),
        ("datagram", Transport::Ud, Operation::Send, ANY),
    ]
};

impl Packet {
    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        PACKETS.iter().position(|(known, ..)| *known == name).map(Self)
    }

    /// Its name in a scenario file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        PACKETS[self.0].0
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PACKETS.iter().map(|(name, ..)| *name)
    }

    /// The codes that such packets have.
    pub(crate) fn opcodes(self) -> impl Iterator<Item = Opcode> {
        let (_, transport, operation, positions) = PACKETS[self.0];
        positions.iter().filter_map(move |&position| Opcode::new(transport, operation, position))
    }
}

impl fmt::Display for WireFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.link, self.effect.name())?;
        let kind = self.packet.map_or("frame", Packet::name);
        match (self.nth, self.every, self.probability) {
            (Some(nth), ..) => write!(f, " {kind} {nth}")?,
            (None, Some(every), _) => write!(f, " every {every} {kind}s")?,
            (None, None, Some(Ratio { numerator, denominator })) => write!(f, " {numerator} in {denominator} {kind}s")?,
            (None, None, None) => {}
        }
        if let (Some(nth), Some(times)) = (self.nth, self.times.filter(|&times| times > 1)) {
            write!(f, "-{}", nth.saturating_add(times) - 1)?;
        }
        let of = [("psn", self.psn), ("qp", self.dest_qp)].into_iter().filter_map(|(what, value)| Some((what, value?)));
        of.into_iter().try_for_each(|(what, value)| write!(f, " of {what} {value}"))?;
        let ends = [("from", self.from_node), ("to", self.to_node)];
        let ends = ends.into_iter().filter_map(|(what, node)| Some((what, node?)));
        ends.into_iter().try_for_each(|(what, node)| write!(f, " {what} node{node}"))?;
        super::write_window(f, self.from_us, self.until_us)?;
        self.delay_ns.map_or(Ok(()), |ns| write!(f, " by {ns} ns"))?;
        super::write_trigger(f, self)
    }
}
