//! Everything between NICs: cables, switches, topologies, and what goes wrong on the wire.
//!
//! Reading order: [`link`] (one direction of a cable, in arithmetic), [`rule`] (faults on a link, as data), [`capture`]
//! (a tap, and what is lost), [`stats`] (utilisation), [`pause`] (priority flow control), [`switch`] (shared buffer, queues, marks,
//! routes), [`address`] (who has which address), [`topology`] (graphs, their routes, and the parts they are made of).
//!
//! Invariants:
//! * everything is a value that is told the time and answers with what happens when: no event queue, no clock, no
//!   thread;
//! * a frame changes hands as a box and is never copied, except for a duplicate or a capture;
//! * a frame that meets an idle line costs one event per hop, one that queues costs at most one more;
//! * every frame that goes in comes out, waits in a queue, or is counted as dropped with a reason;
//! * nodes reach each other only through a link, no sooner than its latency: that is the look-ahead of a parallel run.

pub mod address;
pub mod capture;
pub mod link;
pub mod pause;
pub mod rule;
pub mod stats;
pub mod switch;
pub mod topology;

pub use link::{CableDelay, Delivery, Link, LinkConfig, LinkCounters, LinkId};
pub use pause::Pause;
pub use rule::{Matcher, Pick, Rule, RuleSpec, Verdict};
pub use switch::{Outbox, Output, PortConfig, Switch, SwitchConfig};
pub use topology::{NodeId, PortRef, Topology, TopologyError};

/// Number of priorities that a port keeps apart (IEEE 802.1Q).
pub const PRIORITIES: usize = wire::pause::PRIORITIES;

#[cfg(test)]
mod testing;
