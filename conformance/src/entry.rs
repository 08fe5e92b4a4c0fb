//! Rows of the table of broken providers and consumers, and what a run shows.

use provider::check::{RuleId, Side};

/// A broken provider or consumer: what it is called, and which rule must fire on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Short name, words joined by hyphens; unique among all entries.
    pub name: &'static str,
    /// Who is broken.
    pub side: Side,
    /// The rule that must fire. The constructor takes its number.
    pub rule: RuleId,
    /// What it does wrong, in one line.
    pub what: &'static str,
}

impl Entry {
    /// A broken provider.
    #[must_use]
    pub const fn provider(name: &'static str, rule: u8, what: &'static str) -> Self {
        Self { name, side: Side::Provider, rule: RuleId(rule), what }
    }

    /// A broken consumer.
    #[must_use]
    pub const fn consumer(name: &'static str, rule: u8, what: &'static str) -> Self {
        Self { name, side: Side::Consumer, rule: RuleId(rule), what }
    }
}

/// A breach that a run showed: found by the checker, or by the case itself where only both nodes together show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The node that it showed at.
    pub node: usize,
    /// The rule, where the breach is of one.
    pub rule: Option<RuleId>,
    /// Who broke it.
    pub side: Side,
    /// What happened, as people read it.
    pub text: String,
}

impl Found {
    /// What it is filed under: the rule, or the suite's own expectations.
    #[must_use]
    pub fn label(&self) -> String {
        self.rule.map_or_else(|| "expectation".to_owned(), |rule| rule.to_string())
    }
}
