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
    /// From outside, in no order.
    bag: Vec<(Key, E)>,
    /// The soonest in the bag; [`Time::MAX`] if it is empty.
    bag_begins: Time,
    /// Nothing in the bag is later.
    bag_ends: Time,
    /// Those of the present window, latest first.
    due: Vec<(Key, E)>,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { own: EventQueue::new(), bag: Vec::new(), bag_begins: Time::MAX, bag_ends: Time::ZERO, due: Vec::new() }
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

    /// Adds an event from outside, due in a window that is not open yet.
    pub fn deliver(&mut self, key: Key, event: E) {
        self.bag_begins = self.bag_begins.min(key.time());
        self.bag_ends = self.bag_ends.max(key.time());
        self.bag.push((key, event));
    }

    /// Begins a window: all events before `end` can now be taken, and none of them will be delivered any more.
    ///
    /// # Panics
    /// If the last window was left with events in it.
    pub fn open(&mut self, end: Time) {
        assert!(self.due.is_empty(), "the last window has not been worked off");
        if self.bag_begins >= end {
            return;
        }
        let mut stays_from = Time::MAX;
        if self.bag_ends < end {
            std::mem::swap(&mut self.due, &mut self.bag);
            self.bag_ends = Time::ZERO;
        } else {
            // By one cable they come soonest first, so that those of this window lie in front of all others.
            let first = self.bag.iter().take_while(|(key, _)| key.time() < end).count();
            let mut is_due = |(key, _): &mut (Key, E)| {
                let is_due = key.time() < end;
                if !is_due {
                    stays_from = stays_from.min(key.time());
                }
                is_due
            };
            if self.bag[first..].iter_mut().any(&mut is_due) {
                self.due.extend(self.bag.extract_if(.., is_due));
            } else {
                self.due.extend(self.bag.drain(..first));
            }
        }
        self.bag_begins = stays_from;
        // What comes by one cable was thrown in soonest first: reversed, little is left to sort.
        self.due.reverse();
        self.due.sort_unstable_by(|(left, _), (right, _)| right.cmp(left));
    }

    /// Takes the next event, if its time is before `limit`, which lies in the open window or at its end.
    #[inline]
    pub fn pop_before(&mut self, limit: Time) -> Option<(Key, E)> {
        match self.due.last() {
            Some(&(due, _)) if due.time() < limit && self.own.next_key().is_none_or(|own| due < own) => self.due.pop(),
            _ => self.own.pop_before(limit),
        }
    }

    /// All events to come, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &(Key, E)> {
        self.own.iter().chain(&self.bag).chain(&self.due)
    }

    /// When the next event is due; [`Time::MAX`] if there is none. Asked between windows.
    #[must_use]
    pub fn next_time(&self) -> Time {
        self.own.next_key().map_or(Time::MAX, Key::time).min(self.bag_begins)
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
