//! How long the queues of a switch were over time.

use des::{Dur, Time};

/// Most stretches.
const STRETCHES: usize = 256;

/// Picoseconds of the first stretches as a power of two: about a microsecond.
const FIRST_LOG2_PS: u32 = 20;

/// The longest queue of each stretch of time from zero on. When there are too many, two become one, so that they stay few
/// however long a run takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    log2_ps: u32,
    bytes: Vec<u64>,
}

impl Default for History {
    fn default() -> Self {
        Self { log2_ps: FIRST_LOG2_PS, bytes: Vec::new() }
    }
}

impl History {
    /// A queue has so many bytes at `now`.
    #[inline]
    pub(crate) fn note(&mut self, now: Time, bytes: u64) {
        match self.bytes.get_mut((now.as_ps() >> self.log2_ps) as usize) {
            Some(longest) => *longest = bytes.max(*longest),
            None => self.lengthen(now, bytes),
        }
    }

    fn lengthen(&mut self, now: Time, bytes: u64) {
        let mut at = (now.as_ps() >> self.log2_ps) as usize;
        while at >= STRETCHES {
            self.join();
            at /= 2;
        }
        if at >= self.bytes.len() {
            self.bytes.resize(at + 1, 0);
        }
        self.bytes[at] = self.bytes[at].max(bytes);
    }

    /// Length of a stretch.
    #[must_use]
    pub const fn stretch(&self) -> Dur {
        Dur::from_ps(1 << self.log2_ps)
    }

    /// The longest queue of each stretch in bytes; what is missing at the end is zero.
    #[must_use]
    pub fn bytes(&self) -> &[u64] {
        &self.bytes
    }

    /// Takes in the queues of another switch.
    pub fn merge(&mut self, mut other: Self) {
        while self.log2_ps < other.log2_ps {
            self.join();
        }
        while other.log2_ps < self.log2_ps {
            other.join();
        }
        self.bytes.resize(self.bytes.len().max(other.bytes.len()), 0);
        self.bytes.iter_mut().zip(other.bytes).for_each(|(here, there)| *here = there.max(*here));
    }

    /// Makes one of two stretches.
    fn join(&mut self) {
        self.log2_ps += 1;
        self.bytes = self.bytes.chunks(2).map(|pair| pair.iter().copied().max().unwrap_or(0)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_double_and_keep_their_peaks() {
        let mut history = History::default();
        let us = |us: u64| Time::from_ps(us << FIRST_LOG2_PS);
        for (at, bytes) in [(0, 5), (1, 9), (3, 2), (255, 7)] {
            history.note(us(at), bytes);
        }
        assert_eq!((history.bytes().len(), &history.bytes()[..4]), (256, &[5, 9, 0, 2][..]));
        history.note(us(600), 1);
        assert_eq!(history.stretch(), Dur::from_ps(4 << FIRST_LOG2_PS));
        assert_eq!((history.bytes()[0], history.bytes()[63], history.bytes()[150]), (9, 7, 1));
        let mut other = History::default();
        other.note(us(2), 11);
        other.merge(history.clone());
        assert_eq!((other.bytes()[0], other.bytes()[150], other.stretch()), (11, 1, history.stretch()));
    }
}
