//! A calendar queue (Brown, CACM 1988) to compare the kernel's heap with: days of a fixed length in a year of a fixed
//! number of them, events of a day in order.
//!
//! It knows how its events are spread, which a queue of a simulation would have to find out: what it shows is a bound.

use des::{Dur, Key, Time};

/// Events by the day they are due on, latest first in each.
#[derive(Clone, Debug)]
pub struct Calendar<E> {
    days: Vec<Vec<(Key, E)>>,
    day: Dur,
    /// Today's end, and which of `days` it is.
    today_ends: Time,
    today: usize,
    len: usize,
}

impl<E> Calendar<E> {
    /// For about `depth` events that lie up to `horizon` ahead: about two of them a day.
    ///
    /// # Panics
    /// If either is zero.
    #[must_use]
    pub fn new(depth: usize, horizon: Dur) -> Self {
        let days = depth.div_ceil(2).next_power_of_two();
        let day = Dur::from_ps((horizon.as_ps() / days as u64).max(1));
        // A little more than the horizon, so that no day holds events of two years.
        let days = (0..2 * days).map(|_| Vec::new()).collect();
        Self { days, day, today_ends: Time::ZERO + day, today: 0, len: 0 }
    }

    /// Adds an event, less than a year ahead.
    pub fn push(&mut self, key: Key, event: E) {
        let ahead = match key.time() {
            time if time < self.today_ends => 0,
            time => (time.since(self.today_ends).as_ps() / self.day.as_ps() + 1) as usize,
        };
        let count = self.days.len();
        let day = &mut self.days[(self.today + ahead) % count];
        let place = day.partition_point(|(other, _)| *other > key);
        day.insert(place, (key, event));
        self.len += 1;
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(Key, E)> {
        if self.len == 0 {
            return None;
        }
        self.len -= 1;
        loop {
            if let Some(next) = self.days[self.today].pop() {
                return Some(next);
            }
            self.today = (self.today + 1) % self.days.len();
            self.today_ends += self.day;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use des::{EventQueue, Phase, Rng, Sequencer, SourceId};

    #[test]
    fn it_agrees_with_the_heap() {
        let (mut rng, mut sequencer) = (Rng::stream(1, "test"), Sequencer::new(SourceId(0)));
        let (mut calendar, mut heap) = (Calendar::new(64, Dur::from_ns(1)), EventQueue::new());
        let mut now = Time::ZERO;
        for _ in 0..64 {
            let key = sequencer.key(now + Dur::from_ps(rng.below(1_000)), Phase::Wire);
            calendar.push(key, ());
            heap.push(key, ());
        }
        for _ in 0..10_000 {
            let (next, other) = (calendar.pop(), heap.pop());
            assert_eq!(next, other);
            now = next.map_or(now, |(key, ())| key.time());
            let key = sequencer.key(now + Dur::from_ps(rng.below(1_000)), Phase::Wire);
            calendar.push(key, ());
            heap.push(key, ());
        }
    }
}
