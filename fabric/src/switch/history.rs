//! What the queues of a switch did over time: how long they were, what was marked, how long they had to be silent.

use des::{Dur, Time};
use std::marker::PhantomData;

/// Most stretches.
const STRETCHES: usize = 256;

/// Picoseconds of the first stretches as a power of two: about a microsecond.
const FIRST_LOG2_PS: u32 = 20;

/// How two numbers of one stretch become one.
pub trait Fold {
    /// Of both; a zero changes nothing.
    fn fold(one: u64, other: u64) -> u64;
}

/// The greatest number of a stretch counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greatest {}

impl Fold for Greatest {
    #[inline]
    fn fold(one: u64, other: u64) -> u64 {
        one.max(other)
    }
}

/// The sum of a stretch counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {}

impl Fold for Sum {
    #[inline]
    fn fold(one: u64, other: u64) -> u64 {
        one + other
    }
}

/// A number for each stretch of time from zero on. When there are too many, two become one, so that they stay few however
/// long a run takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<F> {
    log2_ps: u32,
    values: Vec<u64>,
    fold: PhantomData<F>,
}

/// The greatest of each stretch.
pub type Peaks = History<Greatest>;
/// The sum of each stretch.
pub type Sums = History<Sum>;

impl<F> Default for History<F> {
    fn default() -> Self {
        Self { log2_ps: FIRST_LOG2_PS, values: Vec::new(), fold: PhantomData }
    }
}

impl<F: Fold> History<F> {
    /// Something has this value at `now`.
    #[inline]
    pub fn note(&mut self, now: Time, value: u64) {
        let at = self.place(now);
        match self.values.get_mut(at) {
            Some(noted) => *noted = F::fold(*noted, value),
            None => self.lengthen(now, value),
        }
    }

    fn lengthen(&mut self, now: Time, value: u64) {
        while self.place(now) >= STRETCHES {
            self.join();
        }
        let at = self.place(now);
        if at >= self.values.len() {
            self.values.resize(at + 1, 0);
        }
        self.values[at] = F::fold(self.values[at], value);
    }

    const fn place(&self, now: Time) -> usize {
        (now.as_ps() >> self.log2_ps) as usize
    }

    /// Length of a stretch.
    #[must_use]
    pub const fn stretch(&self) -> Dur {
        Dur::from_ps(1 << self.log2_ps)
    }

    /// Of each stretch its value; what is missing at the end is zero.
    #[must_use]
    pub fn values(&self) -> &[u64] {
        &self.values
    }

    /// Makes stretches as long as those of another history, if they are shorter.
    pub fn keep_step<G>(&mut self, other: &History<G>) {
        while self.log2_ps < other.log2_ps {
            self.join();
        }
    }

    /// Takes in what happened elsewhere.
    pub fn merge(&mut self, mut other: Self) {
        self.keep_step(&other);
        other.keep_step(self);
        self.values.resize(self.values.len().max(other.values.len()), 0);
        self.values.iter_mut().zip(other.values).for_each(|(here, there)| *here = F::fold(*here, there));
    }

    /// Makes one of two stretches.
    fn join(&mut self) {
        self.log2_ps += 1;
        self.values = self.values.chunks(2).map(|pair| pair.iter().copied().fold(0, F::fold)).collect();
    }
}

impl Peaks {
    /// Whether nothing has been noted of the stretch around `now`.
    #[inline]
    pub(crate) fn is_behind(&self, now: Time) -> bool {
        self.place(now) >= self.values.len()
    }

    /// Something has had this value since the last stretch that anything was noted of.
    pub(crate) fn note_standing(&mut self, now: Time, value: u64) {
        let first_ps = (self.values.len() as u64) << self.log2_ps;
        self.note(now, value);
        let (first, last) = (self.place(Time::from_ps(first_ps)), self.place(now));
        self.values[first.min(last)..=last].iter_mut().for_each(|noted| *noted = value.max(*noted));
    }
}

impl Sums {
    /// Something lasted until `to`: adds to each stretch the picoseconds that lie in it.
    pub fn add_span(&mut self, from: Time, to: Time) {
        let (from_ps, to_ps) = (from.as_ps(), to.as_ps());
        if from_ps >= to_ps {
            return;
        }
        self.note(Time::from_ps(to_ps - 1), 0);
        let log2_ps = self.log2_ps;
        for at in from_ps >> log2_ps..=(to_ps - 1) >> log2_ps {
            self.values[at as usize] += to_ps.min((at + 1) << log2_ps) - from_ps.max(at << log2_ps);
        }
    }
}

/// All that a switch remembers of its time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histories {
    /// The longest queue of any port and priority, in bytes.
    pub queue_bytes: Peaks,
    /// Frames marked.
    pub ecn_marks: Sums,
    /// For how long peers kept ports silent, ports and priorities added up, in picoseconds.
    pub paused_ps: Sums,
}

impl Histories {
    /// Takes in those of another switch.
    pub fn merge(&mut self, other: Self) {
        self.queue_bytes.merge(other.queue_bytes);
        self.ecn_marks.merge(other.ecn_marks);
        self.paused_ps.merge(other.paused_ps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(us: u64) -> Time {
        Time::from_ps(us << FIRST_LOG2_PS)
    }

    #[test]
    fn stretches_double_and_keep_their_peaks() {
        let mut history = Peaks::default();
        for (at, bytes) in [(0, 5), (1, 9), (3, 2), (255, 7)] {
            history.note(us(at), bytes);
        }
        assert_eq!((history.values().len(), &history.values()[..4]), (256, &[5, 9, 0, 2][..]));
        history.note(us(600), 1);
        assert_eq!(history.stretch(), Dur::from_ps(4 << FIRST_LOG2_PS));
        assert_eq!((history.values()[0], history.values()[63], history.values()[150]), (9, 7, 1));
        let mut other = Peaks::default();
        other.note(us(2), 11);
        other.merge(history.clone());
        assert_eq!((other.values()[0], other.values()[150], other.stretch()), (11, 1, history.stretch()));
    }

    #[test]
    fn what_stands_is_there_in_every_stretch() {
        let mut history = Peaks::default();
        history.note(us(1), 9);
        assert!(!history.is_behind(us(1)) && history.is_behind(us(2)));
        history.note_standing(us(4), 3);
        assert_eq!(history.values(), [0, 9, 3, 3, 3]);
        history.note_standing(us(511), 7);
        assert_eq!((history.stretch(), &history.values()[..4]), (Dur::from_ps(2 << FIRST_LOG2_PS), &[9, 3, 7, 7][..]));
        assert_eq!(history.values()[255], 7);
    }

    #[test]
    fn sums_stay_the_same_whatever_the_stretches() {
        let mut history = Sums::default();
        history.note(us(1), 10);
        history.note(us(1), 1);
        // From the middle of the first to a quarter of the fourth.
        history.add_span(Time::from_ps(us(1).as_ps() / 2), Time::from_ps(us(13).as_ps() / 4));
        let quarter = us(1).as_ps() / 4;
        assert_eq!(history.values(), [2 * quarter, 4 * quarter + 11, 4 * quarter, quarter]);
        history.add_span(us(5), us(5));
        assert_eq!(history.values().len(), 4, "nothing lasted");
        history.add_span(us(256), us(257));
        assert_eq!((history.values()[0], history.values()[1]), (6 * quarter + 11, 5 * quarter));
        assert_eq!((history.values().len(), history.values()[128]), (129, 4 * quarter));
        let mut other = Sums::default();
        other.note(us(3), 5);
        other.merge(history);
        assert_eq!(other.values().iter().sum::<u64>(), 15 * quarter + 16);
    }
}
