//! Why a case ended early.

use provider::check::RuleId;
use provider::ndk::Status;

/// What a case met instead of what it expects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// A call that must succeed did not.
    #[error("{what} ended with {status}")]
    Status {
        /// The function, or what it was for.
        what: &'static str,
        /// How it ended.
        status: Status,
    },
    /// Both nodes together show that a rule is broken; none: the suite's own expectation failed.
    #[error("{text}")]
    Breach {
        /// The rule.
        rule: Option<RuleId>,
        /// What happened.
        text: String,
    },
}

impl Trouble {
    pub(crate) const fn rule(&self) -> Option<RuleId> {
        match self {
            Self::Status { .. } => None,
            Self::Breach { rule, .. } => *rule,
        }
    }

    /// The same, held against a rule: in a case that is about nothing else, a call that fails breaks it.
    #[must_use]
    pub(crate) fn under(self, rule: u8) -> Self {
        let named = self.rule().unwrap_or(RuleId(rule));
        Self::Breach { rule: Some(named), text: self.to_string() }
    }
}

impl From<Status> for Trouble {
    fn from(status: Status) -> Self {
        Self::Status { what: "a call", status }
    }
}

/// An expectation that a rule gives.
pub(crate) fn expect(holds: bool, rule: u8, text: impl FnOnce() -> String) -> Result<(), Trouble> {
    if holds { Ok(()) } else { Err(Trouble::Breach { rule: Some(RuleId(rule)), text: text() }) }
}

/// A status that a rule gives.
pub(crate) fn expect_status(what: &str, status: Status, one_of: &[Status], rule: u8) -> Result<(), Trouble> {
    expect(one_of.contains(&status), rule, || format!("{what} ended with {status}, not with one of {one_of:?}"))
}
