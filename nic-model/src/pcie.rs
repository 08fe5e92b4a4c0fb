//! PCIe as arithmetic: what a register access, a DMA read and a DMA write cost, and that they keep their order.
//!
//! Byte counts and the link-layer tax follow the model of Neugebauer et al. (SIGCOMM 2018; pcie-bench/pcie-model): 24 bytes
//! around a write or read request with 64-bit addressing, 20 around a completion, cut by maximum payload and read request
//! size; acknowledgements, credits and skip symbols take a share of the raw rate.

use crate::port::Segments;
use crate::profile::PcieProfile;
use crate::units::{Line, Window};
use des::{Dur, Rate, Time};

const REQUEST_BYTES: u64 = 24;
const COMPLETION_BYTES: u64 = 20;
const MSIX_DATA_BYTES: u64 = 4;

/// The link of one function.
#[derive(Clone, Debug)]
pub(crate) struct Pcie {
    max_payload: u32,
    max_read_request: u32,
    read_latency: Dur,
    write_latency: Dur,
    register_read: Dur,
    /// Towards the host: writes and read requests.
    up: Line,
    /// From the host: completions.
    down: Line,
    reads: Window,
    /// The last posted write is visible then. Neither reads nor interrupts pass it.
    written: Time,
}

impl Pcie {
    pub(crate) fn new(profile: &PcieProfile) -> Self {
        let rate = Rate::from_bps(usable_bps(profile));
        Self {
            max_payload: profile.max_payload_bytes.value.max(1),
            max_read_request: profile.max_read_request_bytes.value.max(1),
            read_latency: profile.read_latency.value,
            write_latency: profile.write_latency.value,
            register_read: profile.register_read.value,
            up: Line::new(Some(rate)),
            down: Line::new(Some(rate)),
            reads: Window::new(profile.reads_outstanding.value.max(1) as usize),
            written: Time::ZERO,
        }
    }

    /// A link on which nothing takes time.
    pub(crate) const fn instant() -> Self {
        Self {
            max_payload: 256,
            max_read_request: 512,
            read_latency: Dur::ZERO,
            write_latency: Dur::ZERO,
            register_read: Dur::ZERO,
            up: Line::new(None),
            down: Line::new(None),
            reads: Window::new(usize::MAX),
            written: Time::ZERO,
        }
    }

    /// A read that the device makes at `at`: when its last byte is there.
    pub(crate) fn read(&mut self, at: Time, segments: &Segments) -> Time {
        let requests = packets(segments, self.max_read_request);
        let completions = packets(segments, self.max_payload);
        let start = self.reads.open(at);
        let asked = self.up.book(start, requests * REQUEST_BYTES).end;
        let begins = asked.max(self.written) + self.read_latency;
        let done = self.down.book(begins, completions * COMPLETION_BYTES + bytes(segments)).end;
        self.reads.close(done);
        done
    }

    /// When a read would be done on an idle link, without booking it.
    pub(crate) fn quote(&self, at: Time, segments: &Segments) -> Time {
        let request = self.up.time_for(packets(segments, self.max_read_request) * REQUEST_BYTES);
        let completions = packets(segments, self.max_payload) * COMPLETION_BYTES;
        at + request + self.read_latency + self.down.time_for(completions + bytes(segments))
    }

    /// A posted write that the device makes at `at`: when it is visible.
    pub(crate) fn write(&mut self, at: Time, segments: &Segments) -> Time {
        let sent = self.up.book(at, packets(segments, self.max_payload) * REQUEST_BYTES + bytes(segments)).end;
        self.written = self.written.max(sent + self.write_latency);
        self.written
    }

    /// An interrupt message, which is a write.
    pub(crate) fn interrupt(&mut self, at: Time) -> Time {
        let sent = self.up.book(at, REQUEST_BYTES + MSIX_DATA_BYTES).end;
        self.written.max(sent + self.write_latency)
    }

    /// For how long a processor waits for a register.
    pub(crate) const fn register_read(&self) -> Dur {
        self.register_read
    }

    /// How long the way to the host takes for posted writes of so many bytes in full packets.
    pub(crate) fn write_time(&self, bytes: u64) -> Dur {
        self.up.time_for(bytes + bytes.div_ceil(u64::from(self.max_payload)) * REQUEST_BYTES)
    }

    /// For how long the way to the host is booked beyond `now`.
    pub(crate) fn backlog(&self, now: Time) -> Dur {
        self.up.backlog(now)
    }
}

fn bytes(segments: &Segments) -> u64 {
    segments.iter().map(|segment| u64::from(segment.length_bytes)).sum()
}

/// Packets of at most `limit` bytes; every piece begins its own.
fn packets(segments: &Segments, limit: u32) -> u64 {
    segments.iter().map(|segment| u64::from(segment.length_bytes.div_ceil(limit))).sum::<u64>().max(1)
}

/// Data of a link in bits per second, without what the link layer takes.
const fn usable_bps(profile: &PcieProfile) -> u64 {
    let raw = raw_lane_bps(profile.generation.value) * profile.lanes.value as u64;
    let packets_per_update = updates(profile.lanes.value, profile.max_payload_bytes.value);
    // One acknowledgement and one credit update of 8 bytes in so many bytes each, 4 bytes of skip symbols in 1538.
    raw - raw * 16 / packets_per_update - raw * 4 / 1538
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
    use crate::port::Segment;
    use crate::profile::{GENERIC_100G, Origin, Sourced};
    use smallvec::smallvec;

    fn one(length_bytes: u32) -> Segments {
        smallvec![Segment { address: 0, length_bytes }]
    }

    fn sourced<T>(value: T) -> Sourced<T> {
        Sourced { value, origin: Origin::Assumed("test") }
    }

    #[test]
    fn the_published_example_of_eight_lanes() {
        let profile = PcieProfile { lanes: sourced(8), ..GENERIC_100G.pcie };
        let gbps_100 = usable_bps(&profile) / 10_000_000;
        assert_eq!(gbps_100, 5788, "57.88 Gb/s with generation 3 and 256 bytes");
    }

    #[test]
    fn a_small_read_takes_what_was_measured() {
        let mut pcie = Pcie::new(&GENERIC_100G.pcie);
        let done = pcie.read(Time::ZERO, &one(64));
        assert!((500_000..560_000).contains(&done.as_ps()), "{done}");
        assert_eq!(Pcie::new(&GENERIC_100G.pcie).quote(Time::ZERO, &one(64)), done);
    }

    #[test]
    fn reads_do_not_pass_writes() {
        let mut pcie = Pcie::new(&GENERIC_100G.pcie);
        let visible = pcie.write(Time::ZERO, &one(1 << 20));
        assert!(pcie.read(Time::ZERO, &one(8)) > visible);
        assert!(pcie.interrupt(Time::ZERO) >= visible);
        assert!(pcie.backlog(Time::ZERO) > Dur::ZERO);
    }

    #[test]
    fn pieces_are_packets_of_their_own() {
        let two: Segments =
            smallvec![Segment { address: 0, length_bytes: 10 }, Segment { address: 4096, length_bytes: 300 },];
        assert_eq!(packets(&two, 256), 3);
        assert_eq!(packets(&one(0), 256), 1);
    }

    #[test]
    fn without_time_everything_is_now() {
        let mut pcie = Pcie::instant();
        let now = Time::from_ps(5);
        assert_eq!((pcie.write(now, &one(1 << 30)), pcie.read(now, &one(1 << 30))), (now, now));
    }
}
