//! PCIe as arithmetic: what a register access, a DMA read and a DMA write cost, and that they keep their order.
//!
//! Reading order: this module (what is booked), `link` (bytes and rates), `iommu`.
//!
//! Byte counts and the link-layer tax follow the model of Neugebauer et al. (SIGCOMM 2018; pcie-bench/pcie-model): header
//! bytes around a write, read request or completion, cut by maximum payload, read request and completion size;
//! acknowledgements, credits and skip symbols take a share of the raw rate.

mod iommu;
mod link;

pub use link::write_bps;

pub(crate) use link::bytes;
pub use link::{Framing, LinkBytes};

use crate::port::Segments;
use crate::profile::{HostProfile, PcieProfile, Profile};
use crate::units::{Line, Window};
use des::{Dur, Rate, Time};
use iommu::Iommu;
use std::collections::VecDeque;

/// The link of one function, and the host behind it.
#[derive(Clone, Debug)]
pub struct Pcie {
    framing: Framing,
    read_latency: Dur,
    write_latency: Dur,
    write_interval: Dur,
    staging_ps_per_byte: u64,
    register_read: Dur,
    /// Towards the host: writes and read requests.
    up: Line,
    /// From the host: completions.
    down: Line,
    reads: Window,
    posted: Option<Window>,
    next_write: Time,
    /// The last posted write is visible then. Interrupts do not pass it.
    written: Time,
    /// Posted writes that no read has followed: when they were made, and when they are visible. Reads do not pass writes made
    /// before them; those that are made later may be booked already.
    ahead: VecDeque<(Time, Time)>,
    /// Those made before the last read are visible then.
    passed: Time,
    slower: [Share; 2],
    iommu: Option<Box<Iommu>>,
    carried: LinkBytes,
}

/// Writes of which it is known when they were made; a read waits for all earlier ones.
const AHEAD_MAX: usize = 64;

/// A share of reads that take longer, spread evenly.
#[derive(Clone, Copy, Debug)]
struct Share {
    permille: u32,
    sum: u32,
    longer: Dur,
}

impl Share {
    const NONE: Self = Self { permille: 0, sum: 0, longer: Dur::ZERO };

    fn next(&mut self) -> Dur {
        if self.permille == 0 {
            return Dur::ZERO;
        }
        self.sum += self.permille.min(1000);
        if self.sum < 1000 {
            return Dur::ZERO;
        }
        self.sum -= 1000;
        self.longer
    }
}

impl Pcie {
    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        let prices = self.read_latency.as_ps() ^ self.write_latency.as_ps() ^ u64::from(self.slower[0].permille);
        let booked = self.up.touch() ^ self.down.touch() ^ self.next_write.as_ps() ^ self.written.as_ps();
        let ahead = self.ahead.front().map_or(0, |(made, _)| made.as_ps()) ^ self.passed.as_ps();
        let carried = self.carried.up ^ self.carried.down;
        prices ^ booked ^ ahead ^ self.reads.touch() ^ carried ^ u64::from(self.posted.is_some() ^ self.iommu.is_some())
    }

    /// An idle link in the slot and host of a profile.
    #[must_use]
    pub fn new(profile: &Profile) -> Self {
        let Profile { pcie, host, .. } = profile;
        let rate = Rate::from_bps(link::usable_bps(pcie));
        Self {
            read_latency: pcie.read_latency.value,
            write_latency: pcie.write_latency.value,
            write_interval: pcie.write_interval.value,
            staging_ps_per_byte: pcie.staging_ps_per_byte.value,
            register_read: pcie.register_read.value,
            up: Line::new(Some(rate)),
            down: Line::new(Some(rate)),
            reads: Window::new(pcie.reads_outstanding.value.max(1) as usize),
            posted: Some(pcie.posted_writes.value as usize).filter(|slots| *slots > 0).map(Window::new),
            slower: slower(host),
            iommu: Iommu::new(host),
            ..Self::instant(pcie)
        }
    }

    /// A link on which nothing takes time. Bytes are counted all the same.
    pub(crate) fn instant(profile: &PcieProfile) -> Self {
        Self {
            framing: Framing::new(profile),
            read_latency: Dur::ZERO,
            write_latency: Dur::ZERO,
            write_interval: Dur::ZERO,
            staging_ps_per_byte: 0,
            register_read: Dur::ZERO,
            up: Line::new(None),
            down: Line::new(None),
            reads: Window::new(usize::MAX),
            posted: None,
            next_write: Time::ZERO,
            written: Time::ZERO,
            ahead: VecDeque::new(),
            passed: Time::ZERO,
            slower: [Share::NONE; 2],
            iommu: None,
            carried: LinkBytes::default(),
        }
    }

    /// A read that the device makes at `at`: when its last byte is there.
    pub fn read(&mut self, at: Time, segments: &Segments) -> Time {
        let LinkBytes { up, down } = self.framing.read(segments);
        let start = self.reads.open(at);
        let asked = self.up.book(start, up).end;
        let asked = asked.max(self.writes_before(start));
        let translated = self.iommu.as_mut().map_or(asked, |iommu| iommu.translate(asked, segments));
        let [cold, remote] = &mut self.slower;
        let begins = translated + self.read_latency + cold.next() + remote.next();
        let done = self.down.book(begins, down).end + self.staging(segments);
        self.reads.close(done);
        self.carried.up += up;
        self.carried.down += down;
        done
    }

    /// A read of a cache that misses at `at` and may read at `start`, which has slots of its own: when it is done. It takes its
    /// share of the link and waits for nothing that is booked ahead, nor does anything wait until `start`.
    pub(crate) fn fetch(&mut self, at: Time, start: Time, segments: &Segments) -> Time {
        let LinkBytes { up, down } = self.framing.read(segments);
        self.up.occupy(at, up);
        self.down.occupy(at, down);
        self.carried.up += up;
        self.carried.down += down;
        self.quote(start, segments)
    }

    /// When a read would be done on an idle link, without booking it.
    pub(crate) fn quote(&self, at: Time, segments: &Segments) -> Time {
        let LinkBytes { up, down } = self.framing.read(segments);
        at + self.up.time_for(up) + self.read_latency + self.down.time_for(down) + self.staging(segments)
    }

    /// When all writes made until `at` are visible.
    fn writes_before(&mut self, at: Time) -> Time {
        while let Some(&(_, visible)) = self.ahead.front().filter(|(made, _)| *made <= at) {
            self.passed = visible;
            self.ahead.pop_front();
        }
        self.passed
    }

    /// A posted write that the device makes at `at`: when it is visible.
    pub fn write(&mut self, at: Time, segments: &Segments) -> Time {
        let LinkBytes { up, .. } = self.framing.write(segments);
        let credited = self.posted.as_mut().map_or(at, |posted| posted.open(at)).max(self.next_write);
        self.next_write = credited + self.write_interval;
        let sent = self.up.book(credited + self.staging(segments), up).end;
        let translated = self.iommu.as_mut().map_or(sent, |iommu| iommu.translate(sent, segments));
        self.written = self.written.max(translated + self.write_latency);
        self.ahead.push_back((at, self.written));
        if self.ahead.len() > AHEAD_MAX
            && let Some((_, visible)) = self.ahead.pop_front()
        {
            self.passed = visible;
        }
        if let Some(posted) = &mut self.posted {
            posted.close(self.written);
        }
        self.carried.up += up;
        self.written
    }

    /// An interrupt message, which is a write.
    pub(crate) fn interrupt(&mut self, at: Time) -> Time {
        let bytes = self.framing.interrupt();
        let sent = self.up.book(at, bytes).end;
        self.carried.up += bytes;
        self.written.max(sent + self.write_latency)
    }

    /// A register write of the processor has come. It takes its share of the link.
    pub fn register_write(&mut self, at: Time, length_bytes: u64) {
        let LinkBytes { down, .. } = self.framing.register_write(length_bytes);
        self.down.occupy(at, down);
        self.carried.down += down;
    }

    /// All bytes that the link has carried.
    #[must_use]
    pub const fn carried(&self) -> LinkBytes {
        self.carried
    }

    /// Hits and misses of the IOMMU's translation cache.
    #[must_use]
    pub fn iotlb(&self) -> (u64, u64) {
        self.iommu.as_ref().map_or((0, 0), |iommu| (iommu.hits, iommu.misses))
    }

    /// The IOMMU keeps no translation of these pages any more.
    pub(crate) fn invalidate(&mut self, address: u64, pages: u64) {
        if let Some(iommu) = &mut self.iommu {
            iommu.invalidate(address, pages);
        }
    }

    /// For how long a processor waits for a register.
    pub(crate) const fn register_read(&self) -> Dur {
        self.register_read
    }

    /// How long the way to the host takes for posted writes of so many bytes in full packets.
    pub(crate) fn write_time(&self, bytes: u64) -> Dur {
        self.up.time_for(self.framing.full_writes(bytes))
    }

    /// For how long the way to the host is booked beyond `now`.
    pub(crate) fn backlog(&self, now: Time) -> Dur {
        self.up.backlog(now)
    }

    fn staging(&self, segments: &Segments) -> Dur {
        match self.staging_ps_per_byte {
            0 => Dur::ZERO,
            ps => Dur::from_ps(bytes(segments).saturating_mul(ps)),
        }
    }
}

const fn slower(host: &HostProfile) -> [Share; 2] {
    [
        Share { permille: host.cold_permille.value, sum: 0, longer: host.llc_miss.value },
        Share { permille: host.remote_permille.value, sum: 0, longer: host.remote_numa.value },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Segment;
    use smallvec::smallvec;

    fn one(length_bytes: u32) -> Segments {
        smallvec![Segment { address: 0, length_bytes }]
    }

    #[test]
    fn a_small_read_takes_what_was_measured() {
        let mut pcie = Pcie::new(&Profile::generic());
        let done = pcie.read(Time::ZERO, &one(64));
        assert!((500_000..560_000).contains(&done.as_ps()), "{done}");
        assert_eq!(Pcie::new(&Profile::generic()).quote(Time::ZERO, &one(64)), done);
    }

    #[test]
    fn reads_do_not_pass_writes() {
        let mut pcie = Pcie::new(&Profile::generic());
        let visible = pcie.write(Time::ZERO, &one(1 << 20));
        assert!(pcie.read(Time::ZERO, &one(8)) > visible);
        assert!(pcie.interrupt(Time::ZERO) >= visible);
        assert!(pcie.backlog(Time::ZERO) > Dur::ZERO);
    }

    #[test]
    fn far_memory_takes_longer_in_its_share() {
        let mut profile = Profile::generic();
        profile.host.remote_permille.value = 500;
        let mut pcie = Pcie::new(&profile);
        let mut at = Time::ZERO;
        let lengths = [0; 4].map(|_| {
            let done = pcie.read(at, &one(8));
            let length = done.since(at);
            at = done;
            length.as_ns()
        });
        assert_eq!(lengths[1] - lengths[0], 100);
        assert_eq!((lengths[2], lengths[3]), (lengths[0], lengths[1]));
    }

    #[test]
    fn pages_out_of_reach_of_the_iotlb_wait_for_walks() {
        let mut profile = Profile::generic();
        profile.host.iotlb_entries.value = 64;
        let mut pcie = Pcie::new(&profile);
        let page = |page: u64| -> Segments { smallvec![Segment { address: page << 12, length_bytes: 8 }] };
        let at = Time::from_ps(1 << 40);
        let first = pcie.read(at, &page(1)).since(at);
        let later = Time::from_ps(1 << 41);
        let again = pcie.read(later, &page(1)).since(later);
        assert_eq!(first.as_ns() - again.as_ns(), 300);
        assert_eq!(pcie.iotlb(), (1, 1));
        pcie.invalidate(2 << 12, 1 << 60);
        pcie.invalidate(0, 1);
        pcie.read(later, &page(1));
        assert_eq!(pcie.iotlb(), (2, 1), "the page itself was not invalidated");
        pcie.invalidate(1 << 12, 1);
        pcie.read(later, &page(1));
        assert_eq!(pcie.iotlb(), (2, 2));
    }

    #[test]
    fn every_byte_is_counted() {
        let mut pcie = Pcie::instant(&Profile::generic().pcie);
        pcie.register_write(Time::ZERO, 8);
        pcie.read(Time::ZERO, &one(64));
        pcie.write(Time::ZERO, &one(300));
        assert_eq!(pcie.carried(), LinkBytes { up: 24 + 2 * 24 + 300, down: 24 + 8 + 20 + 64 });
    }

    #[test]
    fn without_time_everything_is_now() {
        let mut pcie = Pcie::instant(&Profile::generic().pcie);
        let now = Time::from_ps(5);
        assert_eq!((pcie.write(now, &one(1 << 30)), pcie.read(now, &one(1 << 30))), (now, now));
    }
}
