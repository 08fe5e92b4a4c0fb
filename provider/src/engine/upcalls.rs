//! Callbacks on their way, and what their return lets go of.

use super::lifetime::ObjectId;
use crate::ndk::{Upcall, UpcallToken};
use std::collections::{BTreeMap, VecDeque};

/// What ends when a callback returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// Nothing that anybody waits for.
    Nothing,
    /// A request on the object.
    Request(ObjectId),
    /// An event callback of the object.
    Event(ObjectId),
    /// An object, gone: its antecedents.
    Object(Vec<ObjectId>),
}

/// Callbacks to run, and callbacks that run.
#[derive(Clone, Debug, Default)]
pub(super) struct Upcalls {
    queue: VecDeque<Upcall>,
    running: BTreeMap<UpcallToken, Ends>,
    last_token: u64,
}

impl Upcalls {
    /// A token for a new upcall, which counts as running from now on.
    pub(super) fn begin(&mut self, ends: Ends) -> UpcallToken {
        self.last_token += 1;
        let token = UpcallToken(self.last_token);
        self.running.insert(token, ends);
        token
    }

    pub(super) fn push(&mut self, upcall: Upcall) {
        self.queue.push_back(upcall);
    }

    pub(super) fn pop(&mut self) -> Option<Upcall> {
        self.queue.pop_front()
    }

    /// What the return of an upcall ends; nothing for a token that does not run.
    pub(super) fn returned(&mut self, token: UpcallToken) -> Ends {
        self.running.remove(&token).unwrap_or(Ends::Nothing)
    }

    /// How many callbacks are due or running.
    pub(super) fn unfinished(&self) -> usize {
        self.running.len()
    }
}
