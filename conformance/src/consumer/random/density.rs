//! What random programs did: which functions they called, how the calls ended, and what was planned for them.

use provider::fault::{Effect, Outcome};
use provider::ndk::{CallKind, Status};
use std::collections::BTreeMap;

/// Calls of one function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// All.
    pub made: u64,
    /// Those that returned PENDING.
    pub pended: u64,
    /// Those that ended with an error, at once or later.
    pub failed: u64,
    /// Those that a row of the fault plan hit.
    pub faulted: u64,
}

/// What programs did, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Density {
    /// Programs that ran.
    pub programs: u64,
    /// Calls by function.
    pub functions: BTreeMap<CallKind, Calls>,
    /// Rows that fired, by what they did.
    pub faults: BTreeMap<&'static str, u64>,
    /// Rows that were planned; those of calls that never came did not fire.
    pub planned: u64,
    /// Objects that came into being, by kind.
    pub objects: BTreeMap<&'static str, u64>,
    /// Results that were taken.
    pub results: u64,
    /// Sides of connections that were established.
    pub established: u64,
    /// Messages that arrived, and were those sent.
    pub messages: u64,
}

/// What a row does, in two words.
#[must_use]
pub const fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Fail(_) => "fail inline",
        Effect::Inline => "inline",
        Effect::Pend { outcome: Outcome::Succeed, .. } => "pend, succeed",
        Effect::Pend { outcome: Outcome::Fail(_), .. } => "pend, fail",
        Effect::InsideCall(Outcome::Succeed) => "inside the call, succeed",
        Effect::InsideCall(Outcome::Fail(_)) => "inside the call, fail",
        Effect::Late(_) => "late",
        Effect::Reorder { .. } => "reordered",
        Effect::Never => "never",
        Effect::RaceClose => "racing a close",
        Effect::Processor(_) => "another processor",
    }
}

impl Density {
    pub(super) fn of(&mut self, kind: CallKind) -> &mut Calls {
        self.functions.entry(kind).or_default()
    }

    pub(super) fn begin(&mut self, kind: CallKind, effect: Option<Effect>) {
        let calls = self.of(kind);
        calls.made += 1;
        calls.faulted += u64::from(effect.is_some());
        if let Some(effect) = effect {
            *self.faults.entry(effect_name(effect)).or_default() += 1;
        }
    }

    pub(super) fn ended(&mut self, kind: CallKind, status: Status) {
        self.of(kind).failed += u64::from(status != Status::SUCCESS);
    }

    /// All calls, but for polls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        let poll = |kind: CallKind| matches!(kind, CallKind::GetCqResults | CallKind::GetCqResultsEx);
        self.functions.iter().filter(|(kind, _)| !poll(**kind)).map(|(_, calls)| calls.made).sum()
    }

    /// Rows that fired.
    #[must_use]
    pub fn fired(&self) -> u64 {
        self.faults.values().sum()
    }

    /// Adds what other programs did.
    pub fn add(&mut self, other: &Self) {
        self.programs += other.programs;
        self.planned += other.planned;
        self.results += other.results;
        self.established += other.established;
        self.messages += other.messages;
        for (kind, calls) in &other.functions {
            let own = self.functions.entry(*kind).or_default();
            own.made += calls.made;
            own.pended += calls.pended;
            own.failed += calls.failed;
            own.faulted += calls.faulted;
        }
        for (own, other) in [(&mut self.faults, &other.faults), (&mut self.objects, &other.objects)] {
            other.iter().for_each(|(name, count)| *own.entry(name).or_default() += count);
        }
    }
}
