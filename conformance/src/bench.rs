//! Two nodes that a case runs on. Whoever wants to judge a provider implements [`Lab`] and [`Bench`].

use crate::entry::Found;
use crate::mutant::Defect;
use provider::consumer::Session;
use provider::engine::Policy;
use provider::fault::Row;
use std::net::{IpAddr, Ipv6Addr};

/// When creations and asynchronous requests are answered, where the provider can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Creation {
    /// They return PENDING, and complete later.
    #[default]
    Pending,
    /// They return the outcome.
    Inline,
    /// They complete before they return PENDING.
    InsideCall,
}

impl Creation {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Inline, Self::InsideCall];
}

/// What a bench is to be like.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// How creations are answered. A provider that answers in one way only may ignore it.
    pub creation: Creation,
    /// What the provider chooses where the contract has no answer. Only labs over our engine can be told.
    pub policy: Policy,
    /// A defect that both nodes' providers have, put between provider and checker with
    /// [`Mutant`](crate::mutant::Mutant). Labs that only judge a provider are never given one.
    pub defect: Option<&'static Defect>,
    /// Creations and requests that go otherwise than well, by node: rows of a
    /// [`FaultLayer`](provider::fault::FaultLayer) below the checker. Only labs that random programs run on are given any.
    pub faults: Vec<(usize, Row)>,
}

/// Why a bench could not be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bench could not be set up: {0}")]
pub struct LabError(pub String);

/// Sets up benches: each case runs on a fresh one.
pub trait Lab {
    /// What it sets up.
    type Bench: Bench;

    /// A fresh bench.
    ///
    /// # Errors
    /// Why there is none.
    fn bench(&self, setup: &Setup) -> Result<Self::Bench, LabError>;
}

/// Two connected nodes, numbered 0 and 1, each with the provider under the checker
/// ([`Checked`](provider::check::Checked)).
pub trait Bench {
    /// Access to a node.
    fn session(&self, node: usize) -> Session;

    /// The address of a node's adapter.
    fn address(&self, node: usize) -> IpAddr;

    /// The IPv6 address of a node's adapter. Where there is none, the suite cannot judge whether IPv6 works.
    fn ipv6(&self, node: usize) -> Option<Ipv6Addr>;

    /// Runs all tasks until nothing is left to happen or the lab's time limit, and ends the checkers.
    fn run(&mut self) -> Ran;
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// What the checkers found, warnings included.
    pub found: Vec<Found>,
    /// Tasks that did not end.
    pub unfinished: usize,
}
