//! The checker's own picture of the objects, built from facts alone.
//!
//! Reading order: this file (every object: life, requests, callbacks), [`queue`] (CQs, QPs, SRQs), [`memory`] (regions,
//! windows, mappings), [`connection`] (connectors, listeners).

pub(super) mod connection;
pub(super) mod memory;
pub(super) mod queue;

use super::fact::CallFact;
use super::history::{History, Line, UpcallKind};
use crate::ndk::{AdapterInfo, CallKind, Callback, Completion, Object, ObjectKind, Status, UpcallToken};
use connection::{Connector, Listener};
use des::Time;
use memory::{MemoryRegion, Tokens};
use queue::{CompletionQueue, Lane, QueuePair, SharedReceiveQueue};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

/// Closed objects that are remembered, to name them when they are used again.
const CLOSED_KEPT: usize = 4_096;
/// Settled requests that an object remembers, to name them when they complete again.
const SETTLED_KEPT: usize = 16;

/// Where an object is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Live,
    /// Close was called; `completion` is to be called.
    Closing {
        since: Time,
        completion: Completion,
        inside: Option<UpcallToken>,
    },
    Closed,
}

/// A request that returned PENDING and whose completion has not returned.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) fact: CallFact,
    /// The completion that runs.
    pub(super) running: Option<UpcallToken>,
}

/// A request that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settled {
    pub(super) number: u64,
    pub(super) kind: CallKind,
    pub(super) completion: Completion,
    /// The inline status; PENDING if a completion came.
    pub(super) answer: Status,
}

/// What only one kind of object has.
#[derive(Clone, Debug)]
pub(super) enum Detail {
    Plain,
    Adapter(Box<Adapter>),
    Pd {
        privileged_token: Option<u32>,
    },
    Cq(Box<CompletionQueue>),
    Qp(Box<QueuePair>),
    Srq(Box<SharedReceiveQueue>),
    Mr(MemoryRegion),
    Endpoint(SocketAddr),
    Mw {
        bound_to: Option<u64>,
        token_valid: bool,
        /// The last call that binds or invalidates it.
        changed: Option<u64>,
    },
    Connector(Box<Connector>),
    Listener(Listener),
}

/// What the checker knows of an adapter.
#[derive(Clone, Debug, Default)]
pub(super) struct Adapter {
    /// The limits, once the consumer has asked for them.
    pub(super) info: Option<AdapterInfo>,
    /// Mappings built and not released.
    pub(super) mappings: BTreeMap<u64, crate::ndk::LogicalAddressMapping>,
    /// Mappings built so far.
    pub(super) mappings_built: u64,
}

/// An object that was handed over.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) object: Object,
    /// Its adapter; its own id for an adapter.
    pub(super) adapter: u64,
    pub(super) parent: Option<u64>,
    pub(super) life: Life,
    /// Its adapter was closed before it: that has been reported.
    pub(super) leaked: bool,
    /// What must outlive it: parent, queues, connections.
    pub(super) antecedents: BTreeSet<u64>,
    /// What it must outlive; an entry goes when the successor's close completion has returned.
    pub(super) successors: BTreeSet<u64>,
    pub(super) requests: Vec<Request>,
    pub(super) settled: VecDeque<Settled>,
    /// Event callbacks and close completion that run.
    pub(super) events: Vec<UpcallToken>,
    pub(super) history: History,
    /// What a getter's buffer needs by its own word: function, an argument that changes it, bytes.
    pub(super) needed: Option<(CallKind, u64, u32)>,
    /// Local addresses that it holds.
    pub(super) addresses: Vec<SocketAddr>,
    /// The last call on it, for calls that take time.
    pub(super) lane: Lane,
    pub(super) detail: Detail,
}

impl Entry {
    pub(super) fn is_live(&self) -> bool {
        self.life == Life::Live
    }

    pub(super) fn is_closed(&self) -> bool {
        self.life == Life::Closed
    }

    pub(super) fn settle(&mut self, settled: Settled) {
        if self.settled.len() == SETTLED_KEPT {
            self.settled.pop_front();
        }
        self.settled.push_back(settled);
    }
}

/// An upcall that was taken and has not returned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    pub(super) kind: UpcallKind,
    pub(super) object: u64,
    pub(super) since: Time,
    /// The call that it runs inside of.
    pub(super) during: Option<u64>,
    /// The call that it completes.
    pub(super) completes: Option<u64>,
}

/// A call that has been answered, but runs on while upcalls inside it run.
#[derive(Clone, Debug)]
pub(super) struct Executing {
    pub(super) number: u64,
    pub(super) kind: CallKind,
    pub(super) object: Option<u64>,
    pub(super) inside: Option<UpcallToken>,
    pub(super) upcalls: Vec<UpcallToken>,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) objects: BTreeMap<u64, Entry>,
    pub(super) running: BTreeMap<UpcallToken, Running>,
    pub(super) executing: Vec<Executing>,
    pub(super) tokens: Tokens,
    /// Local addresses and who holds them.
    pub(super) addresses: BTreeMap<SocketAddr, BTreeSet<u64>>,
    /// Windows that hold a region.
    pub(super) bound: BTreeSet<u64>,
    closed: VecDeque<u64>,
    /// Whether closed objects have been forgotten.
    pub(super) forgot: bool,
}

impl Model {
    pub(super) fn entry(&self, id: u64) -> Option<&Entry> {
        self.objects.get(&id)
    }

    pub(super) fn entry_mut(&mut self, id: u64) -> Option<&mut Entry> {
        self.objects.get_mut(&id)
    }

    /// The object, if it is known.
    pub(super) fn object(&self, id: u64) -> Option<Object> {
        self.entry(id).map(|entry| entry.object)
    }

    /// The limits of the adapter that `id` belongs to, once they are known.
    pub(super) fn info(&self, id: u64) -> Option<&AdapterInfo> {
        match &self.entry(self.entry(id)?.adapter)?.detail {
            Detail::Adapter(adapter) => adapter.info.as_ref(),
            _ => None,
        }
    }

    pub(super) fn adapter_mut(&mut self, id: u64) -> Option<&mut Adapter> {
        match &mut self.entry_mut(id)?.detail {
            Detail::Adapter(adapter) => Some(adapter),
            _ => None,
        }
    }

    /// Adds an object with its antecedents.
    pub(super) fn adopt(&mut self, object: Object, parent: Option<u64>, detail: Detail) {
        let adapter = parent.and_then(|id| self.entry(id)).map_or(object.id, |parent| parent.adapter);
        let entry = Entry {
            object,
            adapter,
            parent,
            life: Life::Live,
            leaked: false,
            antecedents: BTreeSet::new(),
            successors: BTreeSet::new(),
            requests: Vec::new(),
            settled: VecDeque::new(),
            events: Vec::new(),
            history: History::default(),
            needed: None,
            addresses: Vec::new(),
            lane: Lane::default(),
            detail,
        };
        self.objects.insert(object.id, entry);
        if let Some(parent) = parent {
            self.relate(parent, object.id);
        }
        if adapter != object.id {
            self.relate(adapter, object.id);
        }
    }

    /// Makes `successor` one that `antecedent` must outlive.
    pub(super) fn relate(&mut self, antecedent: u64, successor: u64) {
        if let Some(entry) = self.entry_mut(antecedent) {
            entry.successors.insert(successor);
        }
        if let Some(entry) = self.entry_mut(successor) {
            entry.antecedents.insert(antecedent);
        }
    }

    /// Ends that relation.
    pub(super) fn unrelate(&mut self, antecedent: u64, successor: u64) {
        if let Some(entry) = self.entry_mut(antecedent) {
            entry.successors.remove(&successor);
        }
        if let Some(entry) = self.entry_mut(successor) {
            entry.antecedents.remove(&antecedent);
        }
    }

    /// The object is gone, callbacks included: its antecedents are free of it.
    pub(super) fn release(&mut self, id: u64) {
        let antecedents = self.entry(id).map(|entry| entry.antecedents.clone()).unwrap_or_default();
        for antecedent in antecedents {
            self.unrelate(antecedent, id);
        }
    }

    /// Marks an object closed, and forgets the oldest closed ones beyond the bound.
    pub(super) fn close(&mut self, id: u64) {
        let Some(entry) = self.entry_mut(id) else { return };
        entry.life = Life::Closed;
        let (kind, held) = (entry.object.kind, std::mem::take(&mut entry.addresses));
        for address in held {
            if let Some(holders) = self.addresses.get_mut(&address) {
                holders.remove(&id);
                if holders.is_empty() {
                    self.addresses.remove(&address);
                }
            }
        }
        match kind {
            ObjectKind::Pd => self.tokens.forget_pd(id),
            // Results of what is still posted may come after the close.
            ObjectKind::Qp if self.qp(id).is_some_and(QueuePair::is_empty) => self.feeds_no_more(id),
            _ => {}
        }
        self.closed.push_back(id);
        if self.closed.len() > CLOSED_KEPT {
            self.forgot = true;
            if let Some(oldest) = self.closed.pop_front() {
                self.release(oldest);
                self.feeds_no_more(oldest);
                self.tokens.forget_region(oldest);
                self.objects.remove(&oldest);
            }
        }
    }

    /// Adds a line to an object's history.
    pub(super) fn note(&mut self, id: u64, line: Line) {
        if let Some(entry) = self.entry_mut(id) {
            entry.history.push(line);
        }
    }

    /// Whether `inside` is, directly or through further calls, inside of one of `upcalls`.
    pub(super) fn nested(&self, mut inside: Option<UpcallToken>, upcalls: &[UpcallToken]) -> bool {
        while let Some(token) = inside {
            if upcalls.contains(&token) {
                return true;
            }
            let during = self.running.get(&token).and_then(|running| running.during);
            inside = during.and_then(|number| {
                self.executing.iter().find(|executing| executing.number == number).and_then(|call| call.inside)
            });
        }
        false
    }

    /// Ids of the objects of a kind that are not closed, oldest first.
    pub(super) fn open_ids(&self, kind: ObjectKind) -> Vec<u64> {
        self.objects.values().filter(|e| e.object.kind == kind && !e.is_closed()).map(|e| e.object.id).collect()
    }
}

/// How well a completion fits the callback and context that were given.
pub(super) fn fits(given: Completion, callback: Callback, context: u64) -> bool {
    given.callback == Some(callback) && given.context == context
}
