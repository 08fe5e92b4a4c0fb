//! Named random streams: one seed, one stream per purpose, the same numbers on every machine.

use crate::hash::TraceHash;
use rand_core::{Rng as _, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A random stream (xoshiro256++). A draw in one stream never shifts another.
#[derive(Clone, Debug)]
pub struct Rng(Xoshiro256PlusPlus);

impl Rng {
    /// The stream called `label` of the run with `seed`, for example `"fabric.link.3.loss"`.
    #[must_use]
    pub fn stream(seed: u64, label: &str) -> Self {
        let mut hash = TraceHash::new();
        hash.mix(seed);
        for chunk in label.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            hash.mix(u64::from_le_bytes(word));
        }
        hash.mix(label.len() as u64);
        Self(Xoshiro256PlusPlus::seed_from_u64(hash.value()))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, every one equally likely (Lemire's rejection).
    ///
    /// # Panics
    /// If `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no number lies below zero");
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// Whether an event of this probability happens.
    pub fn chance(&mut self, probability: Ratio) -> bool {
        probability.numerator > 0 && self.below(u64::from(probability.denominator)) < u64::from(probability.numerator)
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

/// A probability as a fraction, so that no float decides anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// Favourable cases.
    pub numerator: u32,
    /// All cases, above zero.
    pub denominator: u32,
}

impl Ratio {
    /// Never.
    pub const ZERO: Self = Self { numerator: 0, denominator: 1 };

    /// `numerator` cases of `denominator`; `None` if that is no probability.
    #[must_use]
    pub const fn new(numerator: u32, denominator: u32) -> Option<Self> {
        if denominator == 0 || numerator > denominator { None } else { Some(Self { numerator, denominator }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_frozen() {
        // A change of these numbers changes every recorded run: it needs a new recording format.
        let mut stream = Rng::stream(42, "test");
        assert_eq!([stream.next_u64(), stream.next_u64()], [0xc343_e8ae_49a0_4a33, 0x7786_c220_fee3_965c]);
    }

    #[test]
    fn streams_differ_by_label_and_seed() {
        let first = Rng::stream(1, "a").next_u64();
        assert_ne!(first, Rng::stream(1, "b").next_u64());
        assert_ne!(first, Rng::stream(2, "a").next_u64());
        assert_eq!(first, Rng::stream(1, "a").next_u64());
    }

    #[test]
    fn chance_follows_the_ratio() {
        let mut stream = Rng::stream(7, "chance");
        let quarter = Ratio::new(1, 4).expect("a probability");
        let hits = (0..10_000).filter(|_| stream.chance(quarter)).count();
        assert!((2_300..2_700).contains(&hits), "{hits} of 10000 at one in four");
        assert!(!stream.chance(Ratio::ZERO));
        assert_eq!(Ratio::new(2, 1), None);
    }
}
