//! `[[fault.create]]` and `[[fault.request]]`: what becomes of calls.

use super::{Row, Trigger, Turn, is_false, row};
use crate::spec::text;
use des::Ratio;
use provider::ndk::{CallKind, ObjectKind, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One row of `[[fault.create]]`: creations of a kind of object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateFault {
    /// Its name in the plan; `create-1` and so on if absent.
    #[serde(default)]
    pub id: String,
    /// The kind of object.
    #[serde(with = "text::one")]
    #[schemars(with = "text::Spelled<ObjectKind>")]
    pub kind: ObjectKind,
    /// On which node; on each if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u16>,
    /// Which of them on the node, counted from 1; 1 if nothing else says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How many in a row from the `nth` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Every k-th of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Each with this probability.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<text::Spelled<Ratio>>")]
    pub probability: Option<Ratio>,
    /// Those alone that name this completion context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    /// Those alone from this moment of the run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_us: Option<u64>,
    /// And before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_us: Option<u64>,
    /// What happens.
    pub effect: CallEffect,
    /// The status of `fail` and `pend-fail`; one for `inside-call` makes it fail.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<text::Spelled<Status>>")]
    pub status: Option<Status>,
    /// How much longer it pends, for the effects that pend; the longest wait of `reorder`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_us: Option<u64>,
    /// How many later creations `reorder` waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<u32>,
    /// Where the completion of `processor` runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<u8>,
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

/// One row of `[[fault.request]]`: calls of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestFault {
    /// Its name in the plan; `request-1` and so on if absent.
    #[serde(default)]
    pub id: String,
    /// The function, such as `NdkRegisterMr`.
    #[serde(with = "text::one")]
    #[schemars(with = "text::Spelled<CallKind>")]
    pub function: CallKind,
    /// On which node; on each if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u16>,
    /// Which of them on the node, counted from 1; 1 if nothing else says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How many in a row from the `nth` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Every k-th of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Each with this probability.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<text::Spelled<Ratio>>")]
    pub probability: Option<Ratio>,
    /// Those alone that name this completion context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    /// Those alone from this moment of the run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_us: Option<u64>,
    /// And before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_us: Option<u64>,
    /// What happens.
    pub effect: CallEffect,
    /// The status of `fail` and `pend-fail`; one for `inside-call` makes it fail.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<text::Spelled<Status>>")]
    pub status: Option<Status>,
    /// How much longer it pends, for the effects that pend; the longest wait of `reorder`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_us: Option<u64>,
    /// How many later creations `reorder` waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<u32>,
    /// Where the completion of `processor` runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<u8>,
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

row!(CreateFault, "create");
row!(RequestFault, "request");

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallEffect {
    /// It fails with `status` before the function returns.
    Fail,
    /// Its outcome is returned, without PENDING.
    Inline,
    /// It pends and succeeds.
    Pend,
    /// It pends and fails with `status`.
    PendFail,
    /// Its completion runs before the function returns PENDING.
    InsideCall,
    /// It pends for `delay_us` longer than the firmware takes.
    Late,
    /// Its completion waits until `behind` later creations have completed.
    Reorder,
    /// It pends until its object or the adapter is closed.
    Never,
    /// It pends, and its outcome comes while its object or the adapter is being closed.
    RaceClose,
    /// It pends, and its completion runs on `processor`.
    Processor,
}

impl CallEffect {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Fail,
        Self::Inline,
        Self::Pend,
        Self::PendFail,
        Self::InsideCall,
        Self::Late,
        Self::Reorder,
        Self::Never,
        Self::RaceClose,
        Self::Processor,
    ];

    /// The name in a scenario file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Inline => "inline",
            Self::Pend => "pend",
            Self::PendFail => "pend-fail",
            Self::InsideCall => "inside-call",
            Self::Late => "late",
            Self::Reorder => "reorder",
            Self::Never => "never",
            Self::RaceClose => "race-close",
            Self::Processor => "processor",
        }
    }

    /// Whether the row must name a status.
    #[must_use]
    pub const fn needs_status(self) -> bool {
        matches!(self, Self::Fail | Self::PendFail)
    }

    /// Whether the row may name a delay.
    #[must_use]
    pub const fn takes_delay(self) -> bool {
        matches!(self, Self::Pend | Self::PendFail | Self::Late | Self::Reorder)
    }
}

/// A row of either kind without what tells them apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallRow<'a> {
    pub id: &'a str,
    /// The kind created, or the function called.
    pub target: Target,
    pub node: Option<u16>,
    pub turn: Turn,
    pub context: Option<u64>,
    pub from_us: Option<u64>,
    pub until_us: Option<u64>,
    pub effect: CallEffect,
    pub status: Option<Status>,
    pub delay_us: Option<u64>,
    pub behind: Option<u32>,
    pub processor: Option<u8>,
    /// It waits for something.
    pub shut: bool,
}

/// Which calls a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Creations of this kind.
    Creations(ObjectKind),
    /// Calls of this function.
    Calls(CallKind),
}

/// Which calls the keys of a row choose.
pub(super) fn turn(nth: Option<u64>, times: Option<u64>, every: Option<u64>, probability: Option<Ratio>) -> Turn {
    match (every, probability) {
        (Some(every), _) => Turn::Every(every),
        (None, Some(probability)) => Turn::Chance(probability),
        (None, None) => Turn::Nth { nth: nth.unwrap_or(1), times: times.unwrap_or(1) },
    }
}

macro_rules! call_row {
    ($type:ty, $target:expr) => {
        impl $type {
            /// The row as the node's fault layer is built from.
            pub(crate) fn call_row(&self) -> CallRow<'_> {
                CallRow {
                    id: self.id(),
                    target: $target(self),
                    node: self.node,
                    turn: turn(self.nth, self.times, self.every, self.probability),
                    context: self.context,
                    from_us: self.from_us,
                    until_us: self.until_us,
                    effect: self.effect,
                    status: self.status,
                    delay_us: self.delay_us,
                    behind: self.behind,
                    processor: self.processor,
                    shut: self.when.is_some(),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.call_row().fmt(f)?;
                super::write_trigger(f, self)
            }
        }
    };
}

call_row!(CreateFault, |row: &CreateFault| Target::Creations(row.kind));
call_row!(RequestFault, |row: &RequestFault| Target::Calls(row.function));

impl fmt::Display for CallRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some(node) => write!(f, "node{node}: ")?,
            None => write!(f, "every node: ")?,
        }
        match self.target {
            Target::Creations(kind) => write!(f, "{} create", kind.name())?,
            Target::Calls(function) => write!(f, "{}", function.name())?,
        }
        write!(f, "{}", self.turn)?;
        if let Some(context) = self.context {
            write!(f, " of context {context}")?;
        }
        super::write_window(f, self.from_us, self.until_us)?;
        write!(f, " {}", self.effect.name())?;
        if let Some(status) = self.status {
            write!(f, " {}", status.name().unwrap_or("?"))?;
        }
        if let Some(behind) = self.behind {
            write!(f, " behind {behind}")?;
        }
        if let Some(processor) = self.processor {
            write!(f, " {processor}")?;
        }
        self.delay_us.map_or(Ok(()), |us| write!(f, " +{us} us"))
    }
}
