//! The link's arithmetic: bytes of transactions, and the rate that is left for them.

use crate::port::{Segment, Segments};
use crate::profile::PcieProfile;

/// How transactions are cut and what surrounds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    max_payload: Limit,
    max_read_request: Limit,
    read_completion: Limit,
    request_header: u64,
    completion_header: u64,
}

/// Bytes on the link in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkBytes {
    /// Towards the host.
    pub up: u64,
    /// From the host.
    pub down: u64,
}

impl Framing {
    /// That of a profile.
    #[must_use]
    pub fn new(profile: &PcieProfile) -> Self {
        Self {
            max_payload: Limit::new(profile.max_payload_bytes.value),
            max_read_request: Limit::new(profile.max_read_request_bytes.value),
            read_completion: Limit::new(profile.read_completion_bytes.value),
            request_header: profile.request_header_bytes.value.into(),
            completion_header: profile.completion_header_bytes.value.into(),
        }
    }

    /// A DMA read: requests up, completions down.
    #[must_use]
    #[inline(always)]
    pub fn read(&self, segments: &Segments) -> LinkBytes {
        LinkBytes {
            up: packets(segments, self.max_read_request) * self.request_header,
            down: packets(segments, self.read_completion) * self.completion_header + bytes(segments),
        }
    }

    /// A DMA write.
    #[must_use]
    #[inline(always)]
    pub fn write(&self, segments: &Segments) -> LinkBytes {
        LinkBytes { up: packets(segments, self.max_payload) * self.request_header + bytes(segments), down: 0 }
    }

    /// Bytes of writes of so many bytes in full packets.
    pub(super) const fn full_writes(&self, bytes: u64) -> u64 {
        bytes + self.max_payload.pieces(bytes) * self.request_header
    }

    /// A register write of the processor: a doorbell of 8 bytes, or a write-combined line of 64.
    #[must_use]
    pub const fn register_write(&self, length_bytes: u64) -> LinkBytes {
        LinkBytes { up: 0, down: self.request_header + length_bytes }
    }

    /// An interrupt message, which is a write of 4 bytes.
    pub(super) const fn interrupt(&self) -> u64 {
        self.request_header + 4
    }
}

/// All bytes of the pieces. Mostly it is one.
#[inline(always)]
pub(crate) fn bytes(segments: &Segments) -> u64 {
    match segments.as_slice() {
        [only] => only.length_bytes.into(),
        several => sum(several),
    }
}

#[inline(never)]
fn sum(several: &[Segment]) -> u64 {
    several.iter().map(|segment| u64::from(segment.length_bytes)).sum()
}

/// Packets of at most `limit` bytes; every piece begins its own.
#[inline]
fn packets(segments: &Segments, limit: Limit) -> u64 {
    if let [only] = segments.as_slice() {
        return limit.pieces(only.length_bytes.into()).max(1);
    }
    segments.iter().map(|segment| limit.pieces(segment.length_bytes.into())).sum::<u64>().max(1)
}

/// Bytes that a packet may have. All limits of PCIe are powers of two, and a division is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    bytes: u64,
    /// Of a power of two.
    shift: Option<u8>,
}

impl Limit {
    fn new(bytes: u32) -> Self {
        let bytes = u64::from(bytes.max(1));
        Self { bytes, shift: bytes.is_power_of_two().then_some(bytes.trailing_zeros() as u8) }
    }

    /// Packets for so many bytes.
    const fn pieces(self, length_bytes: u64) -> u64 {
        match self.shift {
            Some(shift) => (length_bytes + self.bytes - 1) >> shift,
            None => length_bytes.div_ceil(self.bytes),
        }
    }
}

/// Data of a link in bits per second, without what the link layer takes.
pub(super) const fn usable_bps(profile: &PcieProfile) -> u64 {
    let raw = raw_lane_bps(profile.generation.value) * profile.lanes.value as u64;
    let packets_per_update = updates(profile.lanes.value, profile.max_payload_bytes.value);
    // One acknowledgement and one credit update of 8 bytes in so many bytes each, 4 bytes of skip symbols in 1538.
    raw - raw * 16 / packets_per_update - raw * 4 / 1538
}

/// What writes of many full packets bring across the link, in bits of data per second.
#[must_use]
pub const fn write_bps(profile: &PcieProfile) -> u64 {
    let (payload, header) = (profile.max_payload_bytes.value as u64, profile.request_header_bytes.value as u64);
    usable_bps(profile) / (payload + header) * payload
}

const fn raw_lane_bps(generation: u8) -> u64 {
    match generation {
        0 | 1 => 2_500_000_000 / 10 * 8,
        2 => 5_000_000_000 / 10 * 8,
        3 => 8_000_000_000 / 130 * 128,
        4 => 16_000_000_000 / 130 * 128,
        5 => 32_000_000_000 / 130 * 128,
        _ => 64_000_000_000 / 256 * 242,
    }
}

/// Bytes between two acknowledgements, and between two credit updates.
const fn updates(lanes: u8, max_payload: u32) -> u64 {
    match (lanes, max_payload) {
        (16.., ..=128) => 144,
        (16.., ..=256) => 168,
        (16.., ..=512) => 182,
        (_, ..=128) => 163,
        (_, ..=256) => 203,
        (_, ..=512) => 182,
        _ => 246,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Profile, Sourced};
    use smallvec::smallvec;

    #[test]
    fn the_published_example_of_eight_lanes() {
        let generic = Profile::generic().pcie;
        let lanes = Sourced { value: 8, ..generic.lanes };
        let gbps_100 = usable_bps(&PcieProfile { lanes, ..generic }) / 10_000_000;
        assert_eq!(gbps_100, 5788, "57.88 Gb/s with generation 3 and 256 bytes");
    }

    #[test]
    fn pieces_are_packets_of_their_own() {
        let two: Segments =
            smallvec![Segment { address: 0, length_bytes: 10 }, Segment { address: 4096, length_bytes: 300 }];
        let framing = Framing::new(&Profile::generic().pcie);
        assert_eq!(framing.write(&two), LinkBytes { up: 3 * 24 + 310, down: 0 });
        assert_eq!(framing.read(&two), LinkBytes { up: 2 * 24, down: 3 * 20 + 310 });
        assert_eq!(packets(&smallvec![Segment { address: 0, length_bytes: 0 }], Limit::new(256)), 1);
        assert_eq!((Limit::new(256).pieces(257), Limit::new(100).pieces(257)), (2, 3));
    }
}
