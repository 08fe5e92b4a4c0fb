//! The contract checker: watches calls and upcalls, and names the rule that somebody broke.
//!
//! Reading order: [`rules`] (the table of the contract), [`finding`] (what is reported), [`history`] (the facts behind
//! it), [`checker`] (facts in, findings out). Inside: `fact` (a call, remembered), `model` (objects as the facts show
//! them), and one file for each group of rules.
//!
//! Invariants:
//! * the checker knows facts alone and shares no state with the provider, so it judges any provider;
//! * what the contract leaves open is accepted either way;
//! * memory and work for each fact are bounded by the objects that are open.

mod close;
mod concurrent;
mod connection;
mod cq;
mod create;
mod end;
mod fact;
mod level;
mod limits;
mod list;
mod mapping;
mod memory;
mod model;
mod post;
mod request;
mod result;
mod srq;
mod usage;

pub mod checker;
pub mod finding;
pub mod history;
pub mod rules;

pub use checker::{Checker, Settings, Taken};
pub use finding::{Finding, Severity};
pub use rules::{Rule, RuleId, Side};

use crate::ndk::{Answer, Call, CallSite, Irql, NdkProvider, NdkResult, NdkResultEx, Object, Upcall, UpcallToken};
use des::Time;

/// Results that are drained at a time when the end of a run is judged.
const DRAIN: usize = 64;

/// A provider under the checker: the same calls, answers and upcalls, watched.
#[derive(Clone, Debug)]
pub struct Checked<P> {
    inner: P,
    checker: Checker,
    plain: Vec<NdkResult>,
    extended: Vec<NdkResultEx>,
}

impl<P> Checked<P> {
    /// Puts a provider under the checker.
    #[must_use]
    pub fn new(inner: P, settings: Settings) -> Self {
        Self { inner, checker: Checker::new(settings), plain: Vec::new(), extended: Vec::new() }
    }

    /// The provider.
    #[must_use]
    pub const fn inner(&self) -> &P {
        &self.inner
    }

    /// The provider, to be changed. Calls made on it directly are not seen.
    pub const fn inner_mut(&mut self) -> &mut P {
        &mut self.inner
    }

    /// What was found so far.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        self.checker.findings()
    }

    /// Findings beyond the bound, which were only counted.
    #[must_use]
    pub const fn findings_dropped(&self) -> u64 {
        self.checker.findings_dropped()
    }

    /// Ends the run at `now`: reports what is missing for longer than the watchdog's time, and what leaked.
    pub fn finish(&mut self, now: Time) -> &[Finding] {
        self.checker.finish(now);
        self.checker.findings()
    }
}

impl<P: NdkProvider> Checked<P> {
    /// Ends a run in which nothing more can happen: drains every open CQ through the provider, which tells a lost
    /// notification from a lost completion, and then reports all that is missing, however young.
    pub fn finish_quiescent(&mut self, host: &mut P::Host, now: Time) -> &[Finding] {
        for cq in self.checker.open_cqs() {
            self.drain(host, now, cq);
        }
        self.checker.finish_quiescent(now);
        self.checker.findings()
    }

    fn drain(&mut self, host: &mut P::Host, now: Time, cq: Object) {
        let mut results = [NdkResult::EMPTY; DRAIN];
        let site = CallSite { now, processor: 0, level: Irql::Passive, inside: None, inline: false };
        // A provider that never stops yielding must not hang the report.
        for _ in 0..self.checker.drain_bound(cq, DRAIN) {
            let number = self.checker.drain_called(&site, cq);
            let before = results;
            let answer = self.inner.call(host, &site, Call::GetCqResults { cq, results: &mut results });
            let taken = Taken::Plain { before: &before, after: &results };
            if self.checker.returned(number, &answer, taken) < DRAIN {
                return;
            }
        }
    }
}

impl<P: NdkProvider> NdkProvider for Checked<P> {
    type Host = P::Host;

    fn call(&mut self, host: &mut P::Host, site: &CallSite, call: Call<'_>) -> Answer {
        let number = self.checker.called(site, &call);
        match call {
            Call::GetCqResults { cq, results } => {
                self.plain.clear();
                self.plain.extend_from_slice(results);
                let answer = self.inner.call(host, site, Call::GetCqResults { cq, results: &mut *results });
                self.checker.returned(number, &answer, Taken::Plain { before: &self.plain, after: results });
                answer
            }
            Call::GetCqResultsEx { cq, results } => {
                self.extended.clear();
                self.extended.extend_from_slice(results);
                let answer = self.inner.call(host, site, Call::GetCqResultsEx { cq, results: &mut *results });
                self.checker.returned(number, &answer, Taken::Extended { before: &self.extended, after: results });
                answer
            }
            call => {
                let answer = self.inner.call(host, site, call);
                self.checker.returned(number, &answer, Taken::Nothing);
                answer
            }
        }
    }

    fn interrupt(&mut self, host: &mut P::Host, now: Time, vector: u16) {
        self.checker.stepped(now);
        self.inner.interrupt(host, now, vector);
    }

    fn wake(&mut self, host: &mut P::Host, now: Time) {
        self.checker.stepped(now);
        self.inner.wake(host, now);
    }

    fn next_deadline(&self) -> Option<Time> {
        self.inner.next_deadline()
    }

    fn next_upcall(&mut self) -> Option<Upcall> {
        let upcall = self.inner.next_upcall()?;
        self.checker.entered(&upcall);
        Some(upcall)
    }

    fn upcall_returned(&mut self, host: &mut P::Host, now: Time, token: UpcallToken) {
        self.checker.left(now, token);
        self.inner.upcall_returned(host, now, token);
    }
}
