//! Path MTU: how a message falls into packets.

use wire::Position;

/// Longest message, 2^31 bytes (IBTA volume 1, 9.7.2): at the smallest PMTU it takes 2^23 packets, which is also the most
/// that may be outstanding.
pub const MESSAGE_BYTES_MAX: u32 = 1 << 31;

/// Message bytes in a full packet: a power of two from 256 to 4096.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pmtu {
    shift: u8,
}

impl Pmtu {
    /// 256 bytes, the smallest.
    pub const B256: Self = Self { shift: 8 };
    /// 1024 bytes, what fits an Ethernet of 1500.
    pub const B1024: Self = Self { shift: 10 };
    /// 4096 bytes, the largest.
    pub const B4096: Self = Self { shift: 12 };

    /// The PMTU of `bytes`; `None` unless one of 256, 512, 1024, 2048, 4096.
    #[must_use]
    pub const fn from_bytes(bytes: u32) -> Option<Self> {
        match bytes {
            256 | 512 | 1024 | 2048 | 4096 => Some(Self { shift: bytes.trailing_zeros() as u8 }),
            _ => None,
        }
    }

    /// Message bytes in a full packet.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        1 << self.shift
    }

    /// Packets of a message: at least one, because an empty message is a packet too.
    #[must_use]
    pub const fn packets(self, length_bytes: u32) -> u32 {
        let full = length_bytes >> self.shift;
        let rest = (length_bytes & (self.bytes() - 1) != 0) as u32;
        if length_bytes == 0 { 1 } else { full + rest }
    }

    /// Where packet `index` of a message begins.
    #[must_use]
    pub const fn offset(self, index: u32) -> u32 {
        index << self.shift
    }

    /// How many bytes the packet at `offset` of a message carries.
    #[must_use]
    pub const fn payload(self, length_bytes: u32, offset_bytes: u32) -> u32 {
        let left = length_bytes - offset_bytes;
        if left < self.bytes() { left } else { self.bytes() }
    }
}

/// Position of packet `index` of `count`, without what the last one carries.
#[must_use]
pub(super) const fn position(index: u32, count: u32) -> Position {
    match (index == 0, index + 1 == count) {
        (true, true) => Position::Only,
        (true, false) => Position::First,
        (false, true) => Position::Last,
        (false, false) => Position::Middle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_fall_into_packets() {
        for (length, packets) in [(0, 1), (1, 1), (256, 1), (257, 2), (512, 2), (MESSAGE_BYTES_MAX, 1 << 23)] {
            assert_eq!(Pmtu::B256.packets(length), packets, "{length} bytes");
        }
        assert_eq!(Pmtu::B256.payload(600, 512), 88);
        assert_eq!(Pmtu::B256.payload(600, 256), 256);
        assert_eq!(Pmtu::B256.payload(0, 0), 0);
    }

    #[test]
    fn only_five_sizes_exist() {
        let known: Vec<u32> = (0..=8192).filter(|&bytes| Pmtu::from_bytes(bytes).is_some()).collect();
        assert_eq!(known, [256, 512, 1024, 2048, 4096]);
        assert!(known.iter().all(|&bytes| Pmtu::from_bytes(bytes).map(Pmtu::bytes) == Some(bytes)));
    }

    #[test]
    fn positions() {
        use Position::{First, Last, Middle, Only};
        assert_eq!(position(0, 1), Only);
        assert_eq!([position(0, 3), position(1, 3), position(2, 3)], [First, Middle, Last]);
    }
}
