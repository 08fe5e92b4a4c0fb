//! A bounded number of things under way, of which each end is known when it begins.

use des::Time;
use std::collections::VecDeque;

/// Slots that are free again at known moments.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    slots: usize,
    ends: VecDeque<Time>,
}

impl Window {
    pub(crate) const fn new(slots: usize) -> Self {
        Self { slots, ends: VecDeque::new() }
    }

    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        self.ends.front().map_or(0, |end| end.as_ps())
    }

    /// When something that is ready at `at` gets a slot. [`close`](Self::close) must follow.
    #[inline]
    pub(crate) fn open(&mut self, at: Time) -> Time {
        if self.ends.len() < self.slots {
            return at;
        }
        self.ends.pop_front().map_or(at, |end| at.max(end))
    }

    /// The slot is given back at `end`. Ends come in rising order but for a few.
    #[inline]
    pub(crate) fn close(&mut self, end: Time) {
        self.ends.push_back(end);
        let mut place = self.ends.len() - 1;
        while place > 0 && self.ends[place - 1] > end {
            self.ends.swap(place - 1, place);
            place -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_of_two_waits_for_the_first() {
        let mut window = Window::new(2);
        let mut starts = Vec::new();
        for _ in 0..4 {
            let start = window.open(Time::ZERO).as_ps();
            starts.push(start);
            window.close(Time::from_ps(start + 5));
        }
        assert_eq!(starts, [0, 0, 5, 5]);
    }

    #[test]
    fn the_first_that_ends_makes_room() {
        let mut window = Window::new(2);
        for end in [9, 4] {
            window.open(Time::ZERO);
            window.close(Time::from_ps(end));
        }
        assert_eq!(window.open(Time::ZERO), Time::from_ps(4));
    }
}
