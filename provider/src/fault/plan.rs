//! Rows of a fault plan: plain data, to be written by a person, a generator or a shrinker.

use crate::ndk::{Call, CallKind, ObjectKind, Status};
use des::{Dur, Ratio, Time};
use std::ops::Range;

/// One row: the first row that selects a call decides what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which calls.
    pub selector: Selector,
    /// What becomes of them.
    pub effect: Effect,
    /// What its random stream is called; if empty, after its position in the plan.
    pub name: String,
    /// It selects nothing until [`FaultLayer::open`](super::FaultLayer::open).
    pub shut: bool,
}

impl Row {
    /// A row.
    #[must_use]
    pub const fn new(selector: Selector, effect: Effect) -> Self {
        Self { selector, effect, name: String::new(), shut: false }
    }

    /// The same with a name, so that its random stream does not depend on the rows before it.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// The same, to be opened later.
    #[must_use]
    pub fn shut(self) -> Self {
        Self { shut: true, ..self }
    }
}

/// Which calls a row is for. Calls that no row can be for: see [`Effect::applies_to`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// These functions; none named: all.
    pub calls: Vec<CallKind>,
    /// Creations of this kind of object, and requests on this kind.
    pub object: Option<ObjectKind>,
    /// Calls with this context.
    pub context: Option<u64>,
    /// Calls in this time.
    pub window: Range<Time>,
    /// Which of the calls that fit so far.
    pub when: When,
}

/// Which of the fitting calls a row hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All.
    Always,
    /// The n-th, counted from one.
    Nth(u64),
    /// As many as `count`, from the `first` on.
    Burst {
        /// Number of the first one, counted from one.
        first: u64,
        /// How many.
        count: u64,
    },
    /// Every k-th: k, 2k, 3k and so on. Zero: none.
    Every(u64),
    /// Each with this probability, by a random stream of the row's own.
    Chance(Ratio),
}

/// How a request that a row lets pend ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As the provider below says.
    Succeed,
    /// With this status; the provider below does not hear of the request. Not for connects and accepts: below, nothing
    /// would keep the close of their queue pair waiting.
    Fail(Status),
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It fails inline.
    Fail(Status),
    /// Its outcome is returned, without PENDING. Does nothing to what waits for the peer: connects and their like.
    Inline,
    /// It pends, and ends `after` the call or when the provider below is done, whichever is later.
    Pend {
        /// Since the call.
        after: Dur,
        /// How it ends.
        outcome: Outcome,
    },
    /// It pends, and its completion runs inside the call. Does nothing to a request that pends below.
    InsideCall(Outcome),
    /// Its completion comes this much later than the provider below gives it.
    Late(Dur),
    /// Its completion waits until `behind` later creations have completed.
    Reorder {
        /// How many.
        behind: u32,
        /// The longest wait.
        at_most: Dur,
    },
    /// It pends until its object or the adapter is closed, and is CANCELLED then. The provider below does not hear of it;
    /// but a connect or accept goes on below, for the sake of the queue pair that it holds, and only its end is kept back.
    Never,
    /// It pends until its object or the adapter is closed, and its outcome comes while the close is under way. A creation or
    /// a mapping that had succeeded below is undone and CANCELLED.
    RaceClose,
    /// It pends, and its completion runs on this processor.
    Processor(u8),
}

impl Effect {
    /// Whether a row with this effect can be for a call: creations and requests with a completion; for inline failures
    /// also opening an adapter and posting receives. Initiator posts are left out, because the failure of one would have
    /// to start deferred ones below.
    #[must_use]
    pub fn applies_to(self, call: &Call<'_>) -> bool {
        let told = || call.completion().is_some_and(|completion| completion.callback.is_some());
        self.suits(call.kind()) && (matches!(self, Self::Fail(_)) || told())
    }

    /// Whether calls of a function can be struck at all.
    #[must_use]
    pub fn suits(self, kind: CallKind) -> bool {
        let pends = kind.creates().is_some() || kind.is_asynchronous_request();
        match self {
            Self::Pend { outcome: Outcome::Fail(_), .. } | Self::InsideCall(Outcome::Fail(_)) => {
                pends && !holds_qp(kind)
            }
            Self::Fail(_) => pends || matches!(kind, CallKind::OpenAdapter | CallKind::Receive | CallKind::SrqReceive),
            _ => pends,
        }
    }
}

/// Whether a request makes its connector a successor of the queue pair.
pub(super) const fn holds_qp(kind: CallKind) -> bool {
    matches!(kind, CallKind::Connect | CallKind::ConnectWithSharedEndpoint | CallKind::Accept)
}

impl Selector {
    /// All calls.
    #[must_use]
    pub const fn any() -> Self {
        Self { calls: Vec::new(), object: None, context: None, window: Time::ZERO..Time::MAX, when: When::Always }
    }

    /// Calls of these functions.
    #[must_use]
    pub fn calls(calls: &[CallKind]) -> Self {
        Self { calls: calls.to_vec(), ..Self::any() }
    }

    /// Creations of and requests on this kind of object.
    #[must_use]
    pub fn object(kind: ObjectKind) -> Self {
        Self { object: Some(kind), ..Self::any() }
    }

    /// The same, with this context only.
    #[must_use]
    pub fn with_context(self, context: u64) -> Self {
        Self { context: Some(context), ..self }
    }

    /// The same, in this time only.
    #[must_use]
    pub fn within(self, window: Range<Time>) -> Self {
        Self { window, ..self }
    }

    /// The same, as many as `count` from the `first` on.
    #[must_use]
    pub fn burst(self, first: u64, count: u64) -> Self {
        Self { when: When::Burst { first, count }, ..self }
    }

    /// The same, the `n`-th only.
    #[must_use]
    pub fn nth(self, n: u64) -> Self {
        Self { when: When::Nth(n), ..self }
    }

    /// The same, every `k`-th.
    #[must_use]
    pub fn every(self, k: u64) -> Self {
        Self { when: When::Every(k), ..self }
    }

    /// The same, each with a probability.
    #[must_use]
    pub fn chance(self, probability: Ratio) -> Self {
        Self { when: When::Chance(probability), ..self }
    }

    /// Whether a call at `now` fits, all but [`when`](Self::when).
    #[must_use]
    pub fn fits(&self, now: Time, call: &Call<'_>) -> bool {
        if !self.window.contains(&now) {
            return false;
        }
        let kind = call.kind();
        let object = kind.creates().or(call.object().map(|object| object.kind));
        let context = match *call {
            Call::Receive { context, .. } | Call::SrqReceive { context, .. } => Some(context),
            _ => call.completion().map(|completion| completion.context),
        };
        (self.calls.is_empty() || self.calls.contains(&kind))
            && self.object.is_none_or(|wanted| object == Some(wanted))
            && self.context.is_none_or(|wanted| context == Some(wanted))
    }
}
