//! Things with a moment, soonest first.

use des::{Soonest, Time};

/// A set of things and the moments at which they are due. Mostly it holds one or two, and each packet may put one in.
#[derive(Clone, Debug)]
pub(crate) struct Dues<T>(Soonest<(Time, T), ()>);

impl<T: Ord + Copy> Dues<T> {
    pub(crate) const fn new() -> Self {
        Self(Soonest::new())
    }

    /// Puts something in. What is there already with the same moment is there once.
    pub(crate) fn put(&mut self, at: Time, thing: T) {
        self.0.put((at, thing), ());
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the first is due.
    #[inline]
    pub(crate) fn next(&self) -> Option<Time> {
        self.0.first().map(|((at, _), ())| *at)
    }

    /// Takes the first if it is due. Among those of one moment the smallest is the first.
    #[inline]
    pub(crate) fn take(&mut self, now: Time) -> Option<(Time, T)> {
        if self.next()? > now {
            return None;
        }
        self.take_first()
    }

    fn take_first(&mut self) -> Option<(Time, T)> {
        let (first, ()) = self.0.take()?;
        while self.0.first().is_some_and(|(next, ())| *next == first) {
            self.0.take();
        }
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_order_and_once() {
        let mut dues = Dues::new();
        for (at, thing) in [(5, 'b'), (3, 'x'), (5, 'a'), (5, 'b'), (9, 'z')] {
            dues.put(Time::from_ps(at), thing);
        }
        assert_eq!(dues.next(), Some(Time::from_ps(3)));
        let due: String = std::iter::from_fn(|| dues.take(Time::from_ps(5))).map(|(_, thing)| thing).collect();
        assert_eq!(due, "xab");
        assert_eq!(dues.next(), Some(Time::from_ps(9)));
        assert!(!dues.is_empty());
    }
}
