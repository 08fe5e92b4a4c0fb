//! `when`: what must have happened before a row strikes.

use super::call::Target;
use crate::spec::text::{self, Word};
use provider::ndk::{CallKind, ObjectKind};

/// An event of the run that opens rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Another row of the plan has struck: `row lost-write`.
    Row(String),
    /// A node has called a function so many times: `node1: qp create 3`, `node0: NdkConnect 2`.
    Call(Called),
}

/// So many calls at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Called {
    /// The node.
    pub node: u16,
    /// Creations of a kind, or calls of a function.
    pub(crate) target: Target,
    /// The how-many-th, counted from 1.
    pub nth: u64,
}

impl Called {
    /// The functions that count.
    pub(crate) fn counts(&self, call: CallKind) -> bool {
        match self.target {
            Target::Creations(kind) => call.creates() == Some(kind),
            Target::Calls(function) => call == function,
        }
    }
}

impl Word for Trigger {
    const WHAT: &'static str = "an event of a run";
    const PATTERN: &'static str = "^(row .+|node[0-9]+: ([a-z-]+ create|Ndk[A-Za-z]+) [1-9][0-9]*)$";

    fn parse(word: &str) -> Option<Self> {
        if let Some(row) = word.strip_prefix("row ") {
            return Some(Self::Row(row.trim().to_owned())).filter(|_| !row.trim().is_empty());
        }
        let (node, call) = word.split_once(": ")?;
        let node = node.strip_prefix("node")?.parse().ok()?;
        let words: Vec<&str> = call.split(' ').collect();
        let (target, nth) = match words[..] {
            [kind, "create", nth] => (Target::Creations(ObjectKind::parse(kind)?), nth),
            [function, nth] => (Target::Calls(CallKind::parse(function)?), nth),
            _ => return None,
        };
        let nth = nth.parse().ok().filter(|&nth| nth > 0)?;
        Some(Self::Call(Called { node, target, nth }))
    }

    fn spell(&self) -> String {
        match self {
            Self::Row(row) => format!("row {row}"),
            Self::Call(Called { node, target: Target::Creations(kind), nth }) => {
                format!("node{node}: {} create {nth}", kind.name())
            }
            Self::Call(Called { node, target: Target::Calls(function), nth }) => {
                format!("node{node}: {} {nth}", text::function_name(*function))
            }
        }
    }

    fn allowed(_: &str) -> String {
        "write \"row ID\", \"node1: qp create 3\" or \"node0: NdkConnect 2\"".to_owned()
    }

    fn spellings() -> Vec<String> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_are_read_back_and_nonsense_is_not() {
        for word in ["row lost", "node1: qp create 3", "node12: NdkConnect 1", "node0: NdkSrqReceive 7"] {
            assert_eq!(Trigger::parse(word).map(|trigger| trigger.spell()).as_deref(), Some(word));
        }
        for word in
            ["", "row ", "node1 qp create 3", "node1: qp create 0", "node1: adapter create 1", "node: qp create 1"]
        {
            assert_eq!(Trigger::parse(word), None, "{word}");
        }
    }
}
