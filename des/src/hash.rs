//! The fingerprint of a run.

use std::fmt;

/// An order-sensitive 64-bit hash of words, the same on every machine.
///
/// Each source mixes its own events; the run's hash mixes the sources' values in their order, so the number of threads
/// does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceHash(u64);

impl Default for TraceHash {
    fn default() -> Self {
        Self::new()
    }
}

impl TraceHash {
    /// The hash of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// Takes in one word: xor, a 128-bit multiplication, and both halves folded.
    pub const fn mix(&mut self, word: u64) {
        const FACTOR: u128 = 0xd6e8_feb8_6659_fd93;
        let product = (self.0 ^ word) as u128 * FACTOR;
        self.0 = (product as u64 ^ (product >> 64) as u64).rotate_left(23).wrapping_add(0x2545_f491_4f6c_dd1d);
    }

    /// Takes in bytes and their number.
    pub fn mix_bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
        self.mix(bytes.len() as u64);
    }

    /// The hash so far.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_zeros_count() {
        let of = |words: &[u64]| {
            let mut hash = TraceHash::new();
            words.iter().for_each(|&word| hash.mix(word));
            hash
        };
        assert_ne!(of(&[1, 2]), of(&[2, 1]));
        assert_ne!(of(&[0]), of(&[0, 0]));
        assert_eq!(of(&[5, 6]), of(&[5, 6]));
    }
}
