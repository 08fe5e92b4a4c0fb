//! Bytes that anybody can make again from a few numbers, so that every byte can be checked where it arrives; and the messages of
//! two words that the simpler protocols consist of.

use des::Rng;
use provider::ndk::Status;

/// `length` bytes that belong to `what` (such as a file or block number) in its `version`.
pub(crate) fn bytes(seed: u64, what: u64, version: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    Rng::stream(seed ^ what.rotate_left(32) ^ version, "pattern").fill(&mut bytes);
    bytes
}

/// Bytes of a message of two words.
pub(crate) const WORDS_BYTES: u32 = 16;

/// Two words as a message.
pub(crate) fn message(first: u64, second: u64) -> [u8; WORDS_BYTES as usize] {
    let mut bytes = [0; WORDS_BYTES as usize];
    bytes[..8].copy_from_slice(&first.to_le_bytes());
    bytes[8..].copy_from_slice(&second.to_le_bytes());
    bytes
}

/// The two words that a message begins with.
///
/// # Errors
/// DATA_ERROR if it is shorter.
pub(crate) fn words(message: &[u8]) -> Result<(u64, u64), Status> {
    let word = |at: usize| message.get(at..at + 8).and_then(|word| word.try_into().ok()).map(u64::from_le_bytes);
    word(0).zip(word(8)).ok_or(Status::DATA_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive() {
        assert_eq!(words(&message(1 << 40, u64::MAX)), Ok((1 << 40, u64::MAX)));
        assert_eq!(words(&[0; 15]), Err(Status::DATA_ERROR));
    }

    #[test]
    fn each_number_changes_the_bytes() {
        let first = bytes(1, 2, 3, 64);
        assert_eq!(first, bytes(1, 2, 3, 64));
        assert_eq!(first[..16], bytes(1, 2, 3, 16));
        for other in [bytes(9, 2, 3, 64), bytes(1, 9, 3, 64), bytes(1, 2, 9, 64)] {
            assert_ne!(first, other);
        }
    }
}
