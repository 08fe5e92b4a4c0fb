//! The rules of the contract as a table: who must keep each, how well it is founded, and what the checker makes of it.

/// Writes the rows of one side: number, strength, pages; text; state; help.
macro_rules! rules {
    ($side:expr; $($id:literal, $strength:ident, $source:literal; $text:literal; $state:ident $(($why:expr))?; $help:literal;)*) => {
        pub(super) const RULES: &[Rule] = &[$(Rule {
            id: super::RuleId($id),
            side: $side,
            strength: Strength::$strength,
            source: $source,
            text: $text,
            state: State::$state $(($why))?,
            help: $help,
        }),*];
    };
}

mod consumer;
mod provider;

use std::fmt;

/// Number of a rule: 1 to 148.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u8);

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R{}", self.0)
    }
}

impl fmt::Debug for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who must keep a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who calls.
    Consumer,
    /// Who is called.
    Provider,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Consumer => "consumer",
            Self::Provider => "provider",
        })
    }
}

/// How well a rule is founded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// Documentation or header state it.
    Documented,
    /// It follows from what they state.
    Inferred,
    /// Only the user-mode sibling interface (NDSPI) states it.
    Ndspi,
    /// Seen in real consumers or on real hardware.
    Observed,
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Documented => "documented",
            Self::Inferred => "inferred",
            Self::Ndspi => "ndspi",
            Self::Observed => "observed",
        })
    }
}

/// What the checker makes of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Calls and upcalls show whether it is kept.
    Checked,
    /// They show it in part; the text says which part.
    Partly(&'static str),
    /// They do not show it; the text says why.
    NotCheckable(&'static str),
    /// It cannot be broken through this interface; the text says why.
    ByConstruction(&'static str),
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its number.
    pub id: RuleId,
    /// Who must keep it.
    pub side: Side,
    /// How well it is founded.
    pub strength: Strength,
    /// Pages of the documentation, by the short names that docs/rules explains.
    pub source: &'static str,
    /// The rule, in one line.
    pub text: &'static str,
    /// What the checker makes of it.
    pub state: State,
    /// What to do when it is broken; empty for rules that are never reported.
    pub help: &'static str,
}

impl Rule {
    /// The row of `id`.
    ///
    /// # Panics
    /// If there is no such rule.
    #[must_use]
    pub fn of(id: RuleId) -> &'static Self {
        let index = usize::from(id.0).wrapping_sub(1);
        let row = if index < consumer::RULES.len() {
            consumer::RULES.get(index)
        } else {
            provider::RULES.get(index.wrapping_sub(consumer::RULES.len()))
        };
        row.expect("rules are numbered 1 to 148")
    }

    /// Every row, by number.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        consumer::RULES.iter().chain(provider::RULES)
    }

    /// Whether the checker can report it.
    #[must_use]
    pub const fn is_checked(&self) -> bool {
        matches!(self.state, State::Checked | State::Partly(_))
    }
}

#[cfg(test)]
mod tests;
