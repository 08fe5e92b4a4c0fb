//! The conformance suite: cases that exercise every rule of the provider's side that two nodes can show.
//!
//! Reading order: [`probe`] (a consumer that takes nothing for granted), [`pair`] (both nodes), [`local`] (what most cases
//! need), [`trouble`] (what an expectation that failed becomes), then the cases by subject.
//!
//! The passive side of every connection is node 0. What only some adapters can do is asked of those; the others must answer
//! with the documented status.

mod arming;
mod atomics;
mod closing;
mod connecting;
mod ending;
mod endpoints;
mod invalidation;
mod limits;
pub mod local;
mod memory;
mod objects;
mod order;
pub mod pair;
mod posting;
pub mod probe;
mod remote;
mod shared;
pub mod trouble;

pub use pair::Pair;
pub use probe::{Ended, Probe};
pub use trouble::Trouble;

/// A case of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Short name, words joined by hyphens.
    pub name: &'static str,
    /// Rules that it exercises.
    pub rules: &'static [u8],
    /// Consumer rules that it breaks on purpose, to see what the provider says.
    pub provokes: &'static [u8],
    /// What it does, in one line.
    pub what: &'static str,
    /// Starts its tasks.
    pub start: fn(&Pair),
}

/// Every case.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [
        objects::CASES,
        limits::CASES,
        closing::CASES,
        memory::CASES,
        remote::CASES,
        invalidation::CASES,
        order::CASES,
        atomics::CASES,
        connecting::CASES,
        endpoints::CASES,
        ending::CASES,
        posting::CASES,
        arming::CASES,
        shared::CASES,
    ]
    .into_iter()
    .flatten()
}

/// The case of this name.
#[must_use]
pub fn case(name: &str) -> Option<&'static Case> {
    cases().find(|case| case.name == name)
}
