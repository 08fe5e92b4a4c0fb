//! Faults as data: `[[fault.create]]` and `[[fault.wire]]` rows.

use super::text;
use des::Ratio;
use provider::ndk::{ObjectKind, Status};
use serde::{Deserialize, Serialize};
use std::fmt;

/// `[fault]`: the rows of the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultPlan {
    /// What happens to create calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub create: Vec<CreateFault>,
    /// What happens to frames.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wire: Vec<WireFault>,
}

impl FaultPlan {
    /// Whether nothing goes wrong on purpose.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.create.is_empty() && self.wire.is_empty()
    }
}

/// One row of `[[fault.create]]`: the `nth` creation of a `kind`, and the `times - 1` after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateFault {
    /// The kind of object.
    #[serde(with = "text::one")]
    pub kind: ObjectKind,
    /// On which node; on each if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u16>,
    /// Which creation of that kind on the node, counted from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many in a row.
    #[serde(default = "one")]
    pub times: u32,
    /// What happens.
    pub effect: CreateEffect,
    /// The status of `fail` and `pend-fail`.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// How much longer it pends, for the effects that pend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_us: Option<u64>,
}

/// What happens to a creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CreateEffect {
    /// It fails with `status` before the function returns.
    Fail,
    /// It pends and succeeds.
    Pend,
    /// It pends and fails with `status`.
    PendFail,
    /// Its completion runs before the function returns PENDING.
    InsideCall,
    /// It pends for `delay_us` longer than the firmware takes.
    Late,
    /// It pends and never completes.
    Never,
}

impl CreateEffect {
    /// The name in a scenario file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Pend => "pend",
            Self::PendFail => "pend-fail",
            Self::InsideCall => "inside-call",
            Self::Late => "late",
            Self::Never => "never",
        }
    }

    /// Whether the row names a status.
    #[must_use]
    pub const fn has_status(self) -> bool {
        matches!(self, Self::Fail | Self::PendFail)
    }
}

/// One row of `[[fault.wire]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireFault {
    /// The link, such as `node0->switch`.
    pub link: String,
    /// What happens.
    pub effect: WireEffect,
    /// The frame of that link, counted from 1. This or `probability`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How likely it is for each frame.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    pub probability: Option<Ratio>,
    /// How much later a delayed frame arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ns: Option<u64>,
}

/// What happens to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl WireEffect {
    /// The name in a scenario file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Corrupt => "corrupt",
            Self::Duplicate => "duplicate",
            Self::Delay => "delay",
        }
    }
}

const fn one() -> u32 {
    1
}

impl fmt::Display for CreateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some(node) => write!(f, "node{node}: ")?,
            None => write!(f, "every node: ")?,
        }
        write!(f, "{} create {}", self.kind.name(), self.nth)?;
        if self.times > 1 {
            write!(f, "-{}", u64::from(self.nth) + u64::from(self.times) - 1)?;
        }
        write!(f, " {}", self.effect.name())?;
        if let Some(status) = self.status {
            write!(f, " {}", status.name().unwrap_or("?"))?;
        }
        self.delay_us.map_or(Ok(()), |us| write!(f, " +{us} us"))
    }
}

impl fmt::Display for WireFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.link, self.effect.name())?;
        match (self.nth, self.probability) {
            (Some(nth), _) => write!(f, " frame {nth}")?,
            (None, Some(Ratio { numerator, denominator })) => write!(f, " {numerator} in {denominator} frames")?,
            (None, None) => {}
        }
        self.delay_ns.map_or(Ok(()), |ns| write!(f, " by {ns} ns"))
    }
}
