//! What the checker found: a broken rule with the facts that show it.

use super::history::Line;
use super::rules::{Rule, RuleId, Side, Strength};
use crate::ndk::Object;
use des::Time;
use std::collections::BTreeMap;
use std::fmt;

/// Findings of one rule and object that are kept in full; more are counted.
const KEPT_PER_OBJECT: u32 = 4;
/// Findings of one run that are kept in full.
const KEPT_IN_ALL: usize = 1_000;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Legal by the letter, or founded on the sibling interface alone.
    Warning,
    /// The contract is broken.
    Error,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: RuleId,
    /// How bad.
    pub severity: Severity,
    /// The object that it is about.
    pub object: Option<Object>,
    /// When it showed.
    pub time: Time,
    /// What happened, in one sentence.
    pub what: String,
    /// Earlier facts of the object, the last one being what showed it.
    pub history: Vec<Line>,
}

impl Finding {
    /// Who broke the rule.
    #[must_use]
    pub fn side(&self) -> Side {
        Rule::of(self.rule).side
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = Rule::of(self.rule);
        let word = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "finding",
        };
        writeln!(f, "{word}[{}]: {}", self.rule, self.what)?;
        match self.object {
            Some(object) => writeln!(f, "  --> {object:?}, {}, the {}'s side", self.time, rule.side)?,
            None => writeln!(f, "  --> {}, the {}'s side", self.time, rule.side)?,
        }
        for line in &self.history {
            writeln!(f, "   |  {line}")?;
        }
        writeln!(f, "   = rule: {}", rule.text)?;
        writeln!(f, "   = source: {} ({})", rule.source, rule.strength)?;
        writeln!(f, "help: {}", rule.help)
    }
}

/// The findings of a run, bounded.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    findings: Vec<Finding>,
    seen: BTreeMap<(RuleId, Option<u64>), u32>,
    dropped: u64,
}

impl Ledger {
    pub(super) fn add(&mut self, finding: Finding) {
        let seen = self.seen.entry((finding.rule, finding.object.map(|object| object.id))).or_default();
        *seen = seen.saturating_add(1);
        if *seen > KEPT_PER_OBJECT || self.findings.len() >= KEPT_IN_ALL {
            self.dropped += 1;
        } else {
            self.findings.push(finding);
        }
    }

    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// The severity that a rule's foundation gives.
pub(super) const fn severity_of(strength: Strength) -> Severity {
    match strength {
        Strength::Documented | Strength::Inferred => Severity::Error,
        Strength::Ndspi | Strength::Observed => Severity::Warning,
    }
}
