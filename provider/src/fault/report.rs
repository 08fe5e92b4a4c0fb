//! Which rows of a plan fired, and what they hit.

use super::plan::{Effect, Row, When};
use crate::ndk::{Call, CallKind, Object};
use des::{Rng, Time};

/// Hits of one row that are kept; more are counted.
const KEPT: usize = 64;

/// A call that a row hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// When.
    pub time: Time,
    /// The how-many-th call of the node it was, counted from one.
    pub call: u64,
    /// The function.
    pub kind: CallKind,
    /// The object that it was called on; none when an adapter is opened.
    pub object: Option<Object>,
}

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowReport {
    /// Calls that fitted the selector, whether or not it was their turn.
    pub fitted: u64,
    /// Calls that were hit.
    pub fired: u64,
    /// The first of them.
    pub hits: Vec<Hit>,
}

/// A row at work.
#[derive(Clone, Debug)]
pub(super) struct ActiveRow {
    pub(super) row: Row,
    rng: Rng,
    report: RowReport,
}

impl ActiveRow {
    pub(super) fn new(row: Row, rng: Rng) -> Self {
        Self { row, rng, report: RowReport { fitted: 0, fired: 0, hits: Vec::new() } }
    }

    /// Whether the row is for this call; counts it.
    pub(super) fn is_due(&mut self, now: Time, call: &Call<'_>) -> bool {
        if self.row.shut || !self.row.effect.applies_to(call) || !self.row.selector.fits(now, call) {
            return false;
        }
        self.report.fitted += 1;
        match self.row.selector.when {
            When::Always => true,
            When::Nth(n) => self.report.fitted == n,
            When::Burst { first, count } => self.report.fitted.checked_sub(first).is_some_and(|later| later < count),
            When::Every(k) => k > 0 && self.report.fitted.is_multiple_of(k),
            When::Chance(probability) => self.rng.chance(probability),
        }
    }

    pub(super) const fn fired_at_all(&self) -> bool {
        self.report.fired > 0
    }

    pub(super) const fn effect(&self) -> Effect {
        self.row.effect
    }

    /// The row did its work on a call.
    pub(super) fn fired(&mut self, hit: Hit) {
        self.report.fired += 1;
        if self.report.hits.len() < KEPT {
            self.report.hits.push(hit);
        }
    }

    pub(super) fn report(&self) -> RowReport {
        self.report.clone()
    }
}
