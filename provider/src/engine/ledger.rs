//! The slots of a queue: what was posted and has no result taken yet, in posting order.

use std::collections::VecDeque;

/// What is posted on a queue. A slot is free again when the result of its request, or of a later one, was taken: that is
/// how requests that succeed silently give theirs back.
#[derive(Clone, Debug)]
pub(super) struct Ledger<T> {
    entries: VecDeque<T>,
    /// Number of the first entry.
    first: u64,
    depth: u32,
}

impl<T> Ledger<T> {
    pub(super) fn new(depth: u32) -> Self {
        Self { entries: VecDeque::new(), first: 0, depth }
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= self.depth as usize
    }

    /// The number that the next request gets.
    pub(super) fn next_id(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(super) fn push(&mut self, entry: T) {
        self.entries.push_back(entry);
    }

    pub(super) fn get(&self, id: u64) -> Option<&T> {
        self.entries.get(usize::try_from(id.checked_sub(self.first)?).ok()?)
    }

    /// Frees the slots up to and including `id`; those before it in order, `id` last.
    pub(super) fn free_through(&mut self, id: u64) -> Vec<T> {
        let count = id.checked_sub(self.first).map_or(0, |before| before as usize + 1).min(self.entries.len());
        self.first += count as u64;
        self.entries.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_result_frees_the_silent_ones_before_it() {
        let mut ledger = Ledger::new(3);
        for entry in ["a", "b", "c"] {
            assert!(!ledger.is_full());
            ledger.push(entry);
        }
        assert!(ledger.is_full());
        assert_eq!(ledger.get(1), Some(&"b"));
        assert_eq!(ledger.free_through(1), ["a", "b"]);
        assert_eq!(ledger.free_through(1), [""; 0], "a result counts once");
        assert_eq!((ledger.get(1), ledger.get(2), ledger.get(3)), (None, Some(&"c"), None));
        assert_eq!(ledger.next_id(), 3);
        assert_eq!(ledger.free_through(u64::MAX - 1), ["c"], "beyond the end is the end");
    }
}
