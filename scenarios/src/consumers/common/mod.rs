//! What the workloads' consumers have in common.
//!
//! Reading order: [`crew`] (what a consumer knows of the run, and where it notes what came of it), [`tasks`] (waiting for
//! several things), [`link`](self::link) (a QP with its buffers), [`peer`] (a link that is connected), [`pattern`] (bytes that can be
//! checked).
//!
//! Invariants:
//! * whoever gives up closes what it has made: an error never leaks an object;
//! * what a consumer gives up is noted with its status; it is for the scenario to say whether that may be.

pub(crate) mod crew;
pub(crate) mod link;
pub(crate) mod pattern;
pub(crate) mod peer;
pub(crate) mod tasks;

pub(crate) use crew::{Crew, SERVER};
pub(crate) use link::{Event, Link, Sizes};
pub(crate) use peer::{Peer, dial, serve};
