//! Faults as data: the rows of a plan.
//!
//! Reading order: this module (the plan, and what all rows have in common), [`call`] (`[[fault.create]]` and
//! `[[fault.request]]`: what becomes of calls), [`wire`] (`[[fault.wire]]`: what becomes of frames), [`machine`]
//! (`[[fault.device]]` and `[[fault.host]]`: adapters and the machines around them), [`trigger`] (what opens a row).
//!
//! Invariants:
//! * every row of a parsed plan has an id, unique in the plan; the row keeps it, and its random stream with it, whatever
//!   other rows are taken out;
//! * a row is plain data: written out and read back, it does the same.

pub mod call;
pub mod machine;
pub mod trigger;
pub mod wire;

#[cfg(test)]
mod tests;

pub use call::{CallEffect, CreateFault, RequestFault};
pub use machine::{DeviceEffect, DeviceFault, HostEffect, HostFault};
pub use trigger::Trigger;
pub use wire::{WireEffect, WireFault};

use crate::spec::text::Word;
use des::Ratio;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `[fault]`: the rows of the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FaultPlan {
    /// What happens to creations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub create: Vec<CreateFault>,
    /// What happens to other asynchronous calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request: Vec<RequestFault>,
    /// What happens to frames.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wire: Vec<WireFault>,
    /// What happens to adapters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub device: Vec<DeviceFault>,
    /// What happens to the machines around them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host: Vec<HostFault>,
}

/// Which of the events that fit a row it strikes, as far as its kind of event goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// As many as `times`, from the `nth` on, counted from 1.
    Nth {
        /// The first.
        nth: u64,
        /// How many in a row.
        times: u64,
    },
    /// Every k-th.
    Every(u64),
    /// Each with this probability.
    Chance(Ratio),
}

/// What all rows have in common.
pub trait Row: fmt::Display {
    /// The list of the plan that it stands in, such as `create`.
    const LIST: &'static str;

    /// Its name in the plan.
    fn id(&self) -> &str;

    /// Names it.
    fn set_id(&mut self, id: String);

    /// Whether the run fails if it does not strike.
    fn must_fire(&self) -> bool;

    /// What must happen before it strikes, and how many microseconds it still waits then.
    fn trigger(&self) -> Option<(&Trigger, u64)>;
}

/// A row, whatever its kind, as reports and shrinkers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSummary {
    /// Its name in the plan.
    pub id: String,
    /// What it does, in a line.
    pub text: String,
    /// Whether the run fails if it does not strike.
    pub must_fire: bool,
}

impl RowSummary {
    fn of(row: &impl Row) -> Self {
        Self { id: row.id().to_owned(), text: row.to_string(), must_fire: row.must_fire() }
    }
}

impl FaultPlan {
    /// Whether nothing goes wrong on purpose.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    /// All rows, in the order of the report.
    #[must_use]
    pub fn rows(&self) -> Vec<RowSummary> {
        let mut rows = self.of_calls();
        rows.extend(self.wire.iter().map(RowSummary::of));
        rows.extend(self.device.iter().map(RowSummary::of));
        rows.extend(self.host.iter().map(RowSummary::of));
        rows
    }

    /// The rows about calls alone.
    #[must_use]
    pub fn of_calls(&self) -> Vec<RowSummary> {
        let create = self.create.iter().map(RowSummary::of);
        create.chain(self.request.iter().map(RowSummary::of)).collect()
    }

    /// The plan with those rows alone whose id `keep` accepts.
    #[must_use]
    pub fn retain(&self, keep: impl Fn(&str) -> bool) -> Self {
        fn kept<R: Row + Clone>(rows: &[R], keep: &impl Fn(&str) -> bool) -> Vec<R> {
            rows.iter().filter(|row| keep(row.id())).cloned().collect()
        }
        Self {
            create: kept(&self.create, &keep),
            request: kept(&self.request, &keep),
            wire: kept(&self.wire, &keep),
            device: kept(&self.device, &keep),
            host: kept(&self.host, &keep),
        }
    }

    /// Appends the rows of another plan.
    pub fn extend(&mut self, other: Self) {
        self.create.extend(other.create);
        self.request.extend(other.request);
        self.wire.extend(other.wire);
        self.device.extend(other.device);
        self.host.extend(other.host);
    }

    /// Names the rows that have no name after their list and their place in it.
    pub fn fill_in(&mut self) {
        fn named<R: Row>(rows: &mut [R]) {
            for (index, row) in rows.iter_mut().enumerate().filter(|(_, row)| row.id().is_empty()) {
                row.set_id(format!("{}-{}", R::LIST, index + 1));
            }
        }
        named(&mut self.create);
        named(&mut self.request);
        named(&mut self.wire);
        named(&mut self.device);
        named(&mut self.host);
    }

    /// Rows that wait for something: their names, what for, and how many microseconds more.
    pub(crate) fn triggers(&self) -> Vec<(&str, &Trigger, u64)> {
        fn of<R: Row>(rows: &[R]) -> impl Iterator<Item = (&str, &Trigger, u64)> {
            rows.iter().filter_map(|row| row.trigger().map(|(when, after_us)| (row.id(), when, after_us)))
        }
        let calls = of(&self.create).chain(of(&self.request));
        calls.chain(of(&self.wire)).chain(of(&self.device)).chain(of(&self.host)).collect()
    }

    /// Rows about machines.
    pub(crate) fn of_machines(&self) -> impl Iterator<Item = machine::MachineRow> {
        let device = self.device.iter().map(|row| row.machine_row());
        device.chain(self.host.iter().map(|row| row.machine_row()))
    }
}

/// Implements [`Row`] for a struct with the common keys.
macro_rules! row {
    ($type:ty, $list:literal) => {
        impl super::Row for $type {
            const LIST: &'static str = $list;

            fn id(&self) -> &str {
                &self.id
            }

            fn set_id(&mut self, id: String) {
                self.id = id;
            }

            fn must_fire(&self) -> bool {
                self.must_fire
            }

            fn trigger(&self) -> Option<(&Trigger, u64)> {
                Some((self.when.as_ref()?, self.after_us.unwrap_or(0)))
            }
        }
    };
}
use row;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes references")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Nth { nth, times: 1 } => write!(f, " {nth}"),
            Self::Nth { nth, times } => write!(f, " {nth}-{}", nth.saturating_add(times) - 1),
            Self::Every(every) => write!(f, " every {every}"),
            Self::Chance(Ratio { numerator, denominator }) => write!(f, " {numerator} in {denominator}"),
        }
    }
}

/// What opens a row, for its text.
fn write_trigger(f: &mut fmt::Formatter<'_>, row: &impl Row) -> fmt::Result {
    match row.trigger() {
        None => Ok(()),
        Some((when, 0)) => write!(f, " after \"{}\"", when.spell()),
        Some((when, us)) => write!(f, " {us} us after \"{}\"", when.spell()),
    }
}

/// The moments between which a row holds, for its text.
fn write_window(f: &mut fmt::Formatter<'_>, from_us: Option<u64>, until_us: Option<u64>) -> fmt::Result {
    if let Some(from) = from_us {
        write!(f, " from {from} us")?;
    }
    until_us.map_or(Ok(()), |until| write!(f, " until {until} us"))
}
