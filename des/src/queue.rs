//! What happens next: keyed events, smallest key first.

use crate::key::Key;
use crate::soonest::Soonest;
use crate::time::Time;

/// The events to come, smallest key first.
///
/// Keep `E` small (16 bytes): every sift moves it. Larger payloads belong in a box or a slab.
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    events: Soonest<Key, E>,
    now: Time,
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self { events: Soonest::new(), now: Time::ZERO }
    }
}

impl<E> EventQueue<E> {
    /// An empty queue at time zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The time of the last event taken.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// How many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// All events to come, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &(Key, E)> {
        self.events.iter()
    }

    /// The key of the next event.
    #[must_use]
    #[inline]
    pub fn next_key(&self) -> Option<Key> {
        self.events.first().map(|&(key, _)| key)
    }

    /// Adds an event.
    ///
    /// # Panics
    /// If the event lies in the past: cause would follow effect.
    pub fn push(&mut self, key: Key, event: E) {
        assert!(key.time() >= self.now, "event {key:?} lies before now ({})", self.now);
        self.events.put(key, event);
    }

    /// Takes the next event, if its time is before `limit`.
    #[inline]
    pub fn pop_before(&mut self, limit: Time) -> Option<(Key, E)> {
        if self.next_key()?.time() < limit { self.take() } else { None }
    }

    fn take(&mut self) -> Option<(Key, E)> {
        let next = self.events.take()?;
        self.now = next.0.time();
        Some(next)
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(Key, E)> {
        self.pop_before(Time::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Phase, Sequencer, SourceId};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn events_come_in_key_order(times in prop::collection::vec(0..50_u64, 0..200)) {
            let mut sequencer = Sequencer::new(SourceId(0));
            let mut queue = EventQueue::new();
            let mut expected = Vec::new();
            for (index, &ps) in times.iter().enumerate() {
                let key = sequencer.key(Time::from_ps(ps), Phase::Device);
                queue.push(key, index);
                expected.push((key, index));
            }
            expected.sort();
            let mut taken = Vec::new();
            while let Some(event) = queue.pop() {
                taken.push(event);
            }
            prop_assert_eq!(taken, expected);
        }
    }

    #[test]
    fn the_limit_is_exclusive() {
        let mut sequencer = Sequencer::new(SourceId(0));
        let mut queue = EventQueue::new();
        queue.push(sequencer.key(Time::from_ps(10), Phase::Wire), ());
        assert!(queue.pop_before(Time::from_ps(10)).is_none());
        assert!(queue.pop_before(Time::from_ps(11)).is_some());
        assert_eq!(queue.now(), Time::from_ps(10));
    }

    #[test]
    #[should_panic(expected = "lies before now")]
    fn the_past_is_refused() {
        let mut sequencer = Sequencer::new(SourceId(0));
        let mut queue = EventQueue::new();
        queue.push(sequencer.key(Time::from_ps(10), Phase::Wire), ());
        queue.pop();
        queue.push(sequencer.key(Time::from_ps(9), Phase::Wire), ());
    }
}
