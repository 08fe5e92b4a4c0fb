//! What a switch is made of.

use crate::PRIORITIES;
use crate::link::{LinkConfig, LinkId};
use crate::switch::ecn::EcnCurve;
use crate::switch::watchdog::Watchdog;
use des::{Dur, Ratio};
use wire::{CABLE_OVERHEAD_BYTES, FRAME_LEN_MIN, Frame, Mac};

/// Settings of a switch, the same for all its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchConfig {
    /// When a frame may go on.
    pub forwarding: Forwarding,
    /// From the decision to send a frame to its first bit on an idle line. It delays every frame alike, so it changes
    /// no queue; a pause that arrives meanwhile comes too late for the frame.
    pub forwarding_latency: Dur,
    /// Bytes that the port logic takes out of the queues ahead of the line. 0 decides at the last moment; a little
    /// (real ports have a few KiB) lets one wake-up send several frames, which are then beyond the reach of a pause.
    pub port_fifo_bytes: u32,
    /// The packet buffer.
    pub buffer: BufferConfig,
    /// When frames of each priority are marked as they leave.
    pub ecn: [Option<EcnCurve>; PRIORITIES],
    /// Which queue of a port goes next.
    pub scheduling: Scheduling,
    /// What ends a pause that does not end.
    pub watchdog: Option<Watchdog>,
    /// Which of several equally short paths.
    pub path_choice: PathChoice,
    /// Which priority.
    pub classifier: Classifier,
}

/// When a frame may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// When it has arrived whole.
    StoreAndForward,
    /// When its first bytes have arrived, if the line is idle then.
    CutThrough {
        /// How many bytes the decision needs, preamble included.
        header_bytes: u16,
    },
}

/// How memory is divided and when senders are stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferConfig {
    /// All memory.
    pub total_bytes: u64,
    /// Kept for each port and priority, taken before the shared part.
    pub reserved_bytes: u64,
    /// Kept for each port and lossless priority: what still arrives after a pause is due, see
    /// [`headroom_for`](Self::headroom_for).
    pub headroom_bytes: u64,
    /// Part of the free shared memory that the frames of one ingress port and lossless priority may take before their
    /// sender is paused.
    pub ingress_alpha: Alpha,
    /// Part of the free shared memory that one egress queue of a lossy priority may take before frames are dropped.
    pub egress_alpha: Alpha,
    /// How far below its threshold an ingress account must fall before its sender may go on.
    pub resume_offset_bytes: u64,
    /// Priorities with flow control, one bit each.
    pub lossless: u8,
    /// Length of the pauses that are sent, in quanta of 512 bit times. They are repeated at half time.
    pub pause_quanta: u16,
}

/// A power of two as a factor, from 1/128 to 8 as in switch chips: the dynamic threshold's share of free memory
/// (Choudhury and Hahne, "Dynamic queue length thresholds", 1998).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alpha(i8);

impl Alpha {
    /// Equal to what is free.
    pub const ONE: Self = Self(0);

    /// Two to the power `exponent`; `None` outside -7 to 3.
    #[must_use]
    pub const fn from_log2(exponent: i8) -> Option<Self> {
        if -7 <= exponent && exponent <= 3 { Some(Self(exponent)) } else { None }
    }

    /// This factor times `bytes`.
    #[must_use]
    pub const fn of(self, bytes: u64) -> u64 {
        if self.0 >= 0 { bytes.saturating_mul(1 << self.0) } else { bytes >> -self.0 }
    }
}

/// Which queue of a port goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduling {
    /// The highest priority that has something.
    Strict,
    /// Priorities of the mask first, highest first; the others share the rest by deficit weighted round robin
    /// (Shreedhar and Varghese, 1995).
    Dwrr {
        /// Priorities that go before all others, one bit each.
        strict: u8,
        /// Bytes a round for each of the others, from [`Scheduling::QUANTUM_MIN`] up.
        quanta_bytes: [u32; PRIORITIES],
    },
}

impl Scheduling {
    /// The smallest quantum: that of the shortest frame.
    pub const QUANTUM_MIN: u32 = 64;
}

/// Which of several equally short paths a frame takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathChoice {
    /// One path for a flow (addresses and UDP source port): no reordering (ECMP, RFC 2992).
    Flow,
    /// A random path for each frame: even load, frames overtake each other.
    Spray,
    /// A new random path when a flow was silent for longer than `gap`.
    Flowlet {
        /// Longer than the paths differ in delay.
        gap: Dur,
    },
}

/// Differentiated services code point to priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classifier {
    /// Priority of each code point, 0 to 7.
    pub of_dscp: [u8; 64],
    /// Priority of what is not IP.
    pub other: u8,
}

impl Default for Classifier {
    /// The upper three bits, the class selector (RFC 2474): 26, usual for RoCE, is priority 3; 48, usual for CNPs, is
    /// 6.
    fn default() -> Self {
        Self { of_dscp: std::array::from_fn(|dscp| dscp as u8 >> 3), other: 0 }
    }
}

impl Classifier {
    /// The priority of `frame`.
    #[must_use]
    pub fn priority(&self, frame: &Frame) -> usize {
        let priority = frame.dscp().map_or(self.other, |dscp| self.of_dscp[usize::from(dscp & 63)]);
        usize::from(priority) % PRIORITIES
    }
}

/// A port of a switch and the cable in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// Name of the sending direction.
    pub link: LinkId,
    /// The cable.
    pub cable: LinkConfig,
    /// The port's own address.
    pub mac: Mac,
}

impl Default for SwitchConfig {
    /// A lossless switch for RoCE: store and forward, 32 MB of memory, PFC in priority 3, marks, strict priorities,
    /// ECMP. Memory, headroom (for 400 Gb/s and 1 us) and marks as in the HPCC paper's simulations; latency assumed.
    fn default() -> Self {
        Self {
            forwarding: Forwarding::StoreAndForward,
            forwarding_latency: Dur::from_ns(300),
            port_fifo_bytes: 0,
            buffer: BufferConfig::default(),
            ecn: [Some(EcnCurve::HPCC); PRIORITIES],
            scheduling: Scheduling::Strict,
            watchdog: None,
            path_choice: PathChoice::Flow,
            classifier: Classifier::default(),
        }
    }
}

impl Default for BufferConfig {
    fn default() -> Self {
        Self {
            total_bytes: 32_000_000,
            reserved_bytes: 4_096,
            headroom_bytes: 150_000,
            ingress_alpha: Alpha(-3),
            egress_alpha: Alpha::ONE,
            resume_offset_bytes: 3_072,
            lossless: 1 << 3,
            pause_quanta: u16::MAX,
        }
    }
}

/// Settings that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nothing is left to share.
    #[error("a buffer of {total_bytes} bytes has nothing to share: {ports} ports keep {kept_bytes} bytes")]
    BufferTooSmall {
        /// All memory.
        total_bytes: u64,
        /// Number of ports.
        ports: usize,
        /// Reserved memory and headroom of all ports.
        kept_bytes: u64,
    },
    /// A round robin quantum is too small.
    #[error("priority {priority} has a quantum of {actual} bytes, the least is {limit}")]
    QuantumTooSmall {
        /// The priority.
        priority: usize,
        /// Its quantum.
        actual: u32,
        /// The smallest quantum.
        limit: u32,
    },
    /// Pauses are so short that repeating them would fill the line.
    #[error("lossless priorities {lossless:#010b} need pauses of at least {limit} quanta, not {actual}")]
    PauseTooShort {
        /// Priorities with flow control.
        lossless: u8,
        /// Length of the pauses.
        actual: u16,
        /// The shortest length.
        limit: u16,
    },
    /// The curve of congestion marks is none.
    #[error(
        "marks cannot begin at {} bytes and reach {}/{} at {} bytes",
        .0.kmin_bytes, .0.pmax.numerator, .0.pmax.denominator, .0.kmax_bytes
    )]
    Marks(EcnCurve),
    /// Ports are numbered with 16 bits.
    #[error("a switch has at most {limit} ports, not {actual}")]
    TooManyPorts {
        /// Ports wanted.
        actual: usize,
        /// Ports possible.
        limit: usize,
    },
}

impl SwitchConfig {
    /// Looks for contradictions on a switch with `ports` ports.
    ///
    /// # Errors
    /// The first one found.
    pub fn check(&self, ports: usize) -> Result<(), ConfigError> {
        let limit = usize::from(u16::MAX);
        if ports > limit {
            return Err(ConfigError::TooManyPorts { actual: ports, limit });
        }
        let BufferConfig { lossless, pause_quanta: actual, .. } = self.buffer;
        let limit = BufferConfig::PAUSE_QUANTA_MIN;
        if lossless != 0 && actual < limit {
            return Err(ConfigError::PauseTooShort { lossless, actual, limit });
        }
        if let Scheduling::Dwrr { strict, quanta_bytes } = self.scheduling {
            let limit = Scheduling::QUANTUM_MIN;
            for (priority, &actual) in quanta_bytes.iter().enumerate() {
                if strict >> priority & 1 == 0 && actual < limit {
                    return Err(ConfigError::QuantumTooSmall { priority, actual, limit });
                }
            }
        }
        for curve in self.ecn.into_iter().flatten() {
            let EcnCurve { kmin_bytes, kmax_bytes, pmax, .. } = curve;
            if kmin_bytes > kmax_bytes || Ratio::new(pmax.numerator, pmax.denominator).is_none() {
                return Err(ConfigError::Marks(curve));
            }
        }
        self.buffer.shared_bytes(ports).map(|_| ())
    }
}

impl BufferConfig {
    /// The shortest pause. Its frame takes 1.3 quanta of the line, and two of them are sent for every length.
    pub const PAUSE_QUANTA_MIN: u16 = 32;

    /// Headroom with which nothing is lost on a cable between ports with these settings (those of a host's port are at
    /// most the same), and frames of at most `frame_bytes`.
    ///
    /// The pause waits for what its own port has put on the line, and travels; the peer sends what it has already taken
    /// out of its queues, and that travels back. The frame that makes the pause due counts too.
    #[must_use]
    pub fn headroom_for(line: LinkConfig, forwarding_latency: Dur, port_fifo_bytes: u32, frame_bytes: u32) -> u64 {
        const PS_BITS_PER_BYTE: u128 = 8_000_000_000_000;
        const PAUSE_CABLE_LEN: u64 = (FRAME_LEN_MIN + CABLE_OVERHEAD_BYTES) as u64;
        let delay = line.latency * 2 + forwarding_latency;
        let in_flight = u128::from(line.rate.as_bps()) * u128::from(delay.as_ps());
        let in_flight = u64::try_from(in_flight.div_ceil(PS_BITS_PER_BYTE)).unwrap_or(u64::MAX);
        let frame_cable_len = u64::from(frame_bytes) + CABLE_OVERHEAD_BYTES as u64;
        in_flight.saturating_add(3 * frame_cable_len + 2 * u64::from(port_fifo_bytes) + PAUSE_CABLE_LEN)
    }

    /// Memory that a switch with `ports` ports shares.
    ///
    /// # Errors
    /// If nothing is left.
    pub fn shared_bytes(&self, ports: usize) -> Result<u64, ConfigError> {
        let per_port = self.reserved_bytes.saturating_mul(PRIORITIES as u64);
        let per_port = per_port.saturating_add(self.headroom_bytes.saturating_mul(self.lossless.count_ones().into()));
        let kept_bytes = per_port.saturating_mul(ports as u64);
        let total_bytes = self.total_bytes;
        let too_small = ConfigError::BufferTooSmall { total_bytes, ports, kept_bytes };
        total_bytes.checked_sub(kept_bytes).filter(|&shared| shared > 0).ok_or(too_small)
    }
}
