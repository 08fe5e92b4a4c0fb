//! Completions that the layer holds back, or waits for.

use super::plan::Effect;
use crate::ndk::{CallKind, Completion, Object, Upcall, UpcallBody};
use des::Time;

/// When a held completion goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// At this moment.
    At(Time),
    /// After so many creations, or at this moment.
    Behind(u32, Time),
    /// When its object is closed.
    OnClose,
}

impl Release {
    pub(super) const fn deadline(self) -> Option<Time> {
        match self {
            Self::At(at) | Self::Behind(_, at) => Some(at),
            Self::OnClose => None,
        }
    }

    pub(super) fn is_due(self, now: Time) -> bool {
        match self {
            Self::At(at) => at <= now,
            Self::Behind(left, at) => left == 0 || at <= now,
            Self::OnClose => false,
        }
    }
}

/// A completion that is ready and waits.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) upcall: Upcall,
    /// The layer made it: the provider below knows nothing of it, or thinks that the request is over.
    pub(super) own: bool,
    pub(super) release: Release,
    /// Disconnect events of the same connector, which must not overtake.
    pub(super) followers: Vec<Upcall>,
}

/// A request that pends below and whose completion a row is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaited {
    pub(super) object: Object,
    pub(super) create: bool,
    pub(super) completion: Completion,
    pub(super) effect: Effect,
    /// When the request was made.
    pub(super) since: Time,
}

impl Awaited {
    pub(super) fn is_completed_by(&self, upcall: &Upcall) -> bool {
        let create = match upcall.body {
            UpcallBody::CreateCompletion { .. } => true,
            UpcallBody::RequestCompletion { .. } => false,
            _ => return false,
        };
        create == self.create
            && upcall.object == self.object
            && self.completion == Completion { callback: Some(upcall.callback), context: upcall.context }
    }

    /// When the completion goes on that has come now.
    pub(super) fn release(&self, now: Time) -> Release {
        match self.effect {
            Effect::Pend { after, .. } => Release::At((self.since + after).max(now)),
            Effect::Late(late) => Release::At(now + late),
            Effect::Reorder { behind, at_most } => Release::Behind(behind, now + at_most),
            Effect::Never | Effect::RaceClose => Release::OnClose,
            Effect::Fail(_) | Effect::Inline | Effect::InsideCall(_) | Effect::Processor(_) => Release::At(now),
        }
    }
}

/// A request as the layer needs it to complete it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) object: Object,
    pub(super) kind: CallKind,
    pub(super) completion: Completion,
}
