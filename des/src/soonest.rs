//! Things in order: a short sorted list of those that come first, and a four-way heap of all others.
//!
//! What a node or a device plans next mostly comes soon and in small numbers: it is put into a short list from its end, which
//! touches one or two entries, and taken off that end. Timers that lie far ahead stay out of the way in the heap.

/// Entries of the sorted list: what fits a few cache lines.
const NEAR: usize = 16;

/// Children of a heap node. Four keys fit a cache line and halve the depth of a binary heap.
const ARITY: usize = 4;

/// Values by key, smallest key first. Equal keys come in any order.
///
/// Keep both small: they are moved.
#[derive(Clone, Debug)]
pub struct Soonest<K, V> {
    /// Largest first. All of them are smaller than those in the heap, or equal; empty only if the heap is.
    near: Vec<(K, V)>,
    far: Vec<(K, V)>,
}

impl<K, V> Default for Soonest<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> Soonest<K, V> {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { near: Vec::new(), far: Vec::new() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.near.len() + self.far.len()
    }

    /// Whether there are none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.near.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.near.iter().chain(&self.far)
    }

    /// The first.
    #[must_use]
    #[inline]
    pub fn first(&self) -> Option<&(K, V)> {
        self.near.last()
    }
}

impl<K: Ord + Copy, V> Soonest<K, V> {
    /// Puts a value in.
    pub fn put(&mut self, key: K, value: V) {
        if self.far.first().is_some_and(|(first, _)| *first < key) {
            return self.put_far((key, value));
        }
        let mut at = self.near.len();
        while at > 0 && self.near[at - 1].0 < key {
            at -= 1;
        }
        if self.near.len() < NEAR {
            self.near.insert(at, (key, value));
        } else if at == 0 {
            self.put_far((key, value));
        } else {
            let last = std::mem::replace(&mut self.near[0], (key, value));
            self.near[..at].rotate_left(1);
            self.put_far(last);
        }
    }

    /// Takes the first.
    #[inline]
    pub fn take(&mut self) -> Option<(K, V)> {
        let first = self.near.pop()?;
        if self.near.is_empty() && !self.far.is_empty() {
            self.bring_near();
        }
        Some(first)
    }

    /// The first of the heap goes to the list.
    fn bring_near(&mut self) {
        self.near.push(self.far.swap_remove(0));
        self.sift_down();
    }

    fn put_far(&mut self, entry: (K, V)) {
        let mut at = self.far.len();
        self.far.push(entry);
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if self.far[parent].0 <= self.far[at].0 {
                break;
            }
            self.far.swap(parent, at);
            at = parent;
        }
    }

    fn sift_down(&mut self) {
        let mut at = 0;
        loop {
            let first = at * ARITY + 1;
            let last = (first + ARITY).min(self.far.len());
            let Some(smallest) = (first..last).min_by_key(|&child| self.far[child].0) else { break };
            if self.far[at].0 <= self.far[smallest].0 {
                break;
            }
            self.far.swap(at, smallest);
            at = smallest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    proptest! {
        /// Puts (`Some`) and takes (`None`) in any mixture, as a heap does them.
        #[test]
        fn it_is_a_heap(steps in prop::collection::vec(prop::option::weighted(0.6, 0..100_u32), 0..300)) {
            let (mut soonest, mut heap) = (Soonest::new(), BinaryHeap::new());
            for step in steps {
                match step {
                    Some(key) => {
                        soonest.put(key, !key);
                        heap.push(Reverse(key));
                    }
                    None => {
                        let expected = heap.pop().map(|Reverse(key)| (key, !key));
                        prop_assert_eq!(soonest.first().copied(), expected);
                        prop_assert_eq!(soonest.take(), expected);
                    }
                }
                prop_assert_eq!((soonest.len(), soonest.is_empty()), (heap.len(), heap.is_empty()));
            }
        }
    }
}
