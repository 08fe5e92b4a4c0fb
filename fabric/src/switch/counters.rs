//! What a switch counts, by port and priority.

use std::ops::{AddAssign, Index, IndexMut};

/// Why a switch dropped a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// It is for nobody that the switch knows a way to, or not IP.
    NoRoute,
    /// A lossy queue has reached its share of the buffer.
    BufferFull,
    /// A lossless sender went on for longer than its headroom lasts.
    HeadroomFull,
    /// The peer behind the queue has kept it silent for so long that the watchdog gave up.
    Storm,
}

impl DropReason {
    /// All reasons, in their order.
    pub const ALL: [Self; 4] = [Self::NoRoute, Self::BufferFull, Self::HeadroomFull, Self::Storm];

    /// As reports call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoRoute => "no route",
            Self::BufferFull => "buffer full",
            Self::HeadroomFull => "headroom full",
            Self::Storm => "pause storm",
        }
    }
}

/// Dropped frames by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops([u64; DropReason::ALL.len()]);

impl Drops {
    /// Frames dropped for any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl Index<DropReason> for Drops {
    type Output = u64;
    fn index(&self, reason: DropReason) -> &u64 {
        &self.0[reason as usize]
    }
}

impl IndexMut<DropReason> for Drops {
    fn index_mut(&mut self, reason: DropReason) -> &mut u64 {
        &mut self.0[reason as usize]
    }
}

/// Counters of one port and priority. Bytes are those of the frame, from the Ethernet header on. In memory those that each
/// frame adds to come first, within a cache line of 64 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct PriorityCounters {
    /// Frames that came in.
    pub rx_frames: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Frames that went out.
    pub tx_frames: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// The longest that the egress queue has been.
    pub queue_bytes_max: u64,
    /// Frames that came in here and were dropped.
    pub drops: Drops,
    /// Frames marked on their way out.
    pub ecn_marks: u64,
    /// Times the peer was paused, repeats included.
    pub pauses_sent: u64,
    /// Times the peer was let go.
    pub resumes_sent: u64,
    /// Pauses, and ends of pauses, that the peer asked for.
    pub pauses_received: u64,
    /// Times the watchdog found a storm.
    pub storms: u64,
}

impl AddAssign for PriorityCounters {
    /// Sums up, and takes the greater maximum.
    fn add_assign(&mut self, other: Self) {
        self.rx_frames += other.rx_frames;
        self.rx_bytes += other.rx_bytes;
        self.tx_frames += other.tx_frames;
        self.tx_bytes += other.tx_bytes;
        for reason in DropReason::ALL {
            self.drops[reason] += other.drops[reason];
        }
        self.ecn_marks += other.ecn_marks;
        self.pauses_sent += other.pauses_sent;
        self.resumes_sent += other.resumes_sent;
        self.pauses_received += other.pauses_received;
        self.storms += other.storms;
        self.queue_bytes_max = self.queue_bytes_max.max(other.queue_bytes_max);
    }
}

/// How long queues were when frames joined them: frames by the power of two that the queue's bytes, theirs included, have
/// reached. Frames that found their line free joined none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depths([u64; 32]);

impl Depths {
    /// A queue has so many bytes now.
    pub(crate) fn note(&mut self, bytes: u64) {
        self.0[bytes.max(1).ilog2().min(31) as usize] += 1;
    }

    /// Upper bound in bytes of the queue that `permille` of `frames` frames found or less; the frames that joined no queue are
    /// the shortest.
    #[must_use]
    pub fn quantile(&self, frames: u64, permille: u64) -> u64 {
        let queued: u64 = self.0.iter().sum();
        let rank = (frames.max(queued) * permille).div_ceil(1_000);
        let mut below = frames.max(queued) - queued;
        if rank <= below {
            return 0;
        }
        for (log2, count) in self.0.iter().enumerate() {
            below += count;
            if rank <= below {
                return (2 << log2) - 1;
            }
        }
        u64::MAX
    }
}

impl AddAssign for Depths {
    fn add_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_count_frames_that_did_not_wait() {
        let mut depths = Depths::default();
        [1_000, 1_023, 1_024, 70_000].into_iter().for_each(|bytes| depths.note(bytes));
        // Six of ten did not wait.
        let of_ten = [500, 600, 601, 800, 801, 900, 1_000].map(|permille| depths.quantile(10, permille));
        assert_eq!(of_ten, [0, 0, 1_023, 1_023, 2_047, 2_047, 131_071]);
        assert_eq!(Depths::default().quantile(0, 1_000), 0);
    }
}
