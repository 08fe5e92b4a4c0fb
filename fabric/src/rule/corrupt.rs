//! Damage to a frame.

use bytes::BytesMut;
use wire::Frame;

/// Longer frames than any cable carries (elided payload may pretend) have no encoding to damage.
const ENCODED_LEN_MAX: usize = 64_000;

/// Flips bit `bit` of the encoded frame, counted from the Ethernet header and modulo its length; bit 0 is the highest
/// of the first byte. The frame becomes bytes.
pub(super) fn flip_bit(frame: &mut Frame, bit: u64) {
    let length_bits = frame.wire_len() as u64 * 8;
    if length_bits == 0 || frame.wire_len() > ENCODED_LEN_MAX {
        return;
    }
    let bit = bit % length_bits;
    let mut bytes = BytesMut::from(frame.encode());
    bytes[(bit / 8) as usize] ^= 0x80 >> (bit % 8);
    *frame = Frame::raw(bytes.freeze());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::frame_of_cable_len;
    use wire::{Body, ParseError};

    #[test]
    fn one_bit_differs_and_the_receiver_notices() {
        let original = *frame_of_cable_len(200);
        let bits = original.wire_len() as u64 * 8;
        for bit in [0, 7, bits - 1, bits + 13, u64::MAX] {
            let mut damaged = original.clone();
            flip_bit(&mut damaged, bit);
            let (before, after) = (original.encode(), damaged.encode());
            let at = (bit % bits / 8) as usize;
            assert_eq!(before[at] ^ after[at], 0x80 >> (bit % 8), "bit {bit}");
            let differing: u32 = before.iter().zip(&after).map(|(a, b)| (a ^ b).count_ones()).sum();
            assert_eq!(differing, 1, "bit {bit}");
        }
        let mut in_payload = original;
        flip_bit(&mut in_payload, 100 * 8);
        assert!(matches!(in_payload.roce(), Err(ParseError::Icrc { .. })));
    }

    #[test]
    fn what_has_no_bytes_stays() {
        let mut empty = Frame::raw(bytes::Bytes::new());
        flip_bit(&mut empty, 5);
        assert_eq!(empty.wire_len(), 0);
        let mut giant = *frame_of_cable_len(100_000);
        flip_bit(&mut giant, 5);
        assert!(matches!(giant.body(), Body::Roce(_)));
    }
}
