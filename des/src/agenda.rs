//! What happens next at one node or switch of a world that runs in windows.
//!
//! Own events go through a heap. Those from outside are never due before the next window: they are thrown into a bag,
//! and each is sorted once, together with all others of its window, while it lies in the nearest cache.

use crate::key::Key;
use crate::queue::EventQueue;
use crate::time::Time;

/// The events to come at one node or switch.
///
/// Keep `E` small (16 bytes): sorting moves it.
#[derive(Clone, Debug)]
pub struct Agenda<E> {
    own: EventQueue<E>,
    /// From outside, delivered since the last window was opened, in no order.
    bag: Vec<(Key, E)>,
    /// The soonest in the bag; [`Time::MAX`] if it is empty.
    bag_begins: Time,
    /// From outside, those of the present window and what else was in the bag then, latest first.
    due: Vec<(Key, E)>,
    /// End of the present window.
    end: Time,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { own: EventQueue::new(), bag: Vec::new(), bag_begins: Time::MAX, due: Vec::new(), end: Time::ZERO }
    }
}

impl<E> Agenda<E> {
    /// An empty agenda at time zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event that the owner makes.
    ///
    /// # Panics
    /// If the event lies in the past.
    pub fn push(&mut self, key: Key, event: E) {
        self.own.push(key, event);
    }

    /// Adds an event from outside, due in a later window than the present one.
    ///
    /// # Panics
    /// If it is due in a window that has been open.
    #[inline]
    pub fn deliver(&mut self, key: Key, event: E) {
        assert!(key.time() >= self.end, "event {key:?} comes too late for the window that ended at {}", self.end);
        self.bag_begins = self.bag_begins.min(key.time());
        self.bag.push((key, event));
    }

    /// Opens a window: all events before `end` can now be taken.
    ///
    /// # Panics
    /// If the last window was left with events in it.
    pub fn open(&mut self, end: Time) {
        let is_done = self.due.last().is_none_or(|(key, _)| key.time() >= self.end);
        assert!(is_done, "the last window has not been worked off");
        self.end = end;
        if self.bag_begins < end {
            // What comes by one cable was thrown in soonest first: reversed, little is left to sort.
            self.bag.reverse();
            self.bag.append(&mut self.due);
            self.bag_begins = Time::MAX;
            std::mem::swap(&mut self.bag, &mut self.due);
            self.due.sort_unstable_by(|(left, _), (right, _)| right.cmp(left));
        }
    }

    /// Takes the next event, if its time is before `limit`, which lies in the open window or at its end.
    #[inline(always)]
    pub fn pop_before(&mut self, limit: Time) -> Option<(Key, E)> {
        match self.due.last() {
            Some(&(due, _)) if due.time() < limit && self.own.next_key().is_none_or(|own| due < own) => self.due.pop(),
            _ => self.own.pop_before(limit),
        }
    }

    /// What came from outside and is left of the open window, latest first.
    #[must_use]
    pub fn due(&self) -> &[(Key, E)] {
        let first = self.due.partition_point(|(key, _)| key.time() >= self.end);
        &self.due[first..]
    }

    /// All events to come, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &(Key, E)> {
        self.own.iter().chain(&self.bag).chain(&self.due)
    }

    /// When the next event is due; [`Time::MAX`] if there is none. Asked between windows.
    #[must_use]
    pub fn next_time(&self) -> Time {
        let soonest = |key: Option<Key>| key.map_or(Time::MAX, Key::time);
        let due = soonest(self.due.last().map(|(key, _)| *key));
        soonest(self.own.next_key()).min(due).min(self.bag_begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Phase, Sequencer, SourceId};
    use crate::time::Dur;
    use proptest::prelude::*;

    const WINDOW: Dur = Dur::from_ps(10);

    proptest! {
        /// In windows, with events that are made on the way, as one heap would give them.
        #[test]
        fn windows_give_the_order_of_the_keys(events in prop::collection::vec((0..100_u64, 0..3_u32, any::<bool>()), 0..200)) {
            let mut sources = [0, 1, 2].map(|source| Sequencer::new(SourceId(source)));
            let (mut agenda, mut all) = (Agenda::new(), EventQueue::new());
            for (ps, source, outside) in events {
                let key = sources[source as usize].key(Time::from_ps(ps), Phase::Wire);
                all.push(key, outside);
                if outside { agenda.deliver(key, true) } else { agenda.push(key, false) }
            }
            let mut late = Vec::new();
            while agenda.next_time() < Time::MAX {
                let end = agenda.next_time() + WINDOW;
                agenda.open(end);
                let due: Vec<Key> = agenda.due().iter().map(|(key, _)| *key).collect();
                prop_assert!(due.is_sorted_by(|later, sooner| later > sooner) && due.iter().all(|key| key.time() < end));
                while let Some((key, outside)) = agenda.pop_before(end) {
                    prop_assert_eq!(Some((key, outside)), all.pop());
                    // Half of the events cause another: own ones at once, others beyond the window.
                    if key.rank() % 2 == 0 && late.len() < 300 {
                        let source = &mut sources[key.source().0 as usize];
                        let new = source.key(key.time() + if outside { WINDOW } else { Dur::ZERO }, Phase::Device);
                        late.push(new);
                        all.push(new, outside);
                        if outside { agenda.deliver(new, true) } else { agenda.push(new, false) }
                    }
                }
            }
            prop_assert!(all.is_empty());
        }
    }

    #[test]
    #[should_panic(expected = "has not been worked off")]
    fn windows_do_not_overlap() {
        let mut agenda = Agenda::new();
        agenda.deliver(Sequencer::new(SourceId(0)).key(Time::from_ps(3), Phase::Wire), ());
        agenda.open(Time::from_ps(5));
        agenda.open(Time::from_ps(10));
    }
}
