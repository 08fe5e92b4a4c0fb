//! The defects, a row each, by subject: section 7.5 of the NDKPI reference, and what the rules forbid beside it.

mod closing;
mod completions;
mod connecting;
mod memory;
mod posting;
mod queues;

use super::how::{Defect, How};
use crate::bench::Creation;
use crate::entry::Entry;

/// Every defect.
pub fn defects() -> impl Iterator<Item = &'static Defect> {
    [completions::DEFECTS, closing::DEFECTS, memory::DEFECTS, connecting::DEFECTS, posting::DEFECTS, queues::DEFECTS]
        .into_iter()
        .flatten()
}

/// Shown by a case whose creations pend.
const fn row(name: &'static str, rule: u8, case: &'static str, how: How, what: &'static str) -> Defect {
    Defect { entry: Entry::provider(name, rule, what), case, creation: Creation::Pending, how }
}

/// Shown by a case whose creations are answered inline.
const fn inline(name: &'static str, rule: u8, case: &'static str, how: How, what: &'static str) -> Defect {
    Defect { creation: Creation::Inline, ..row(name, rule, case, how, what) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use provider::check::{Rule, Side};
    use std::collections::BTreeSet;

    #[test]
    fn rows_are_of_use() {
        let mut names = BTreeSet::new();
        for Defect { entry, case, .. } in defects() {
            assert!(names.insert(entry.name), "{} is there twice", entry.name);
            assert_eq!(Rule::of(entry.rule).side, Side::Provider, "{}", entry.name);
            assert!(crate::suite::case(case).is_some(), "{} names no case: {case}", entry.name);
        }
        assert!(names.len() >= 60, "{} broken providers", names.len());
    }
}
