//! `[fabric]`: the switches.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Priorities of IEEE 802.1Q; the highest is the first of strict scheduling.
pub(crate) const PRIORITIES: RangeInclusive<u8> = 0..=7;

/// `[fabric]`: what every switch does. Defaults are those of [`fabric::SwitchConfig`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fabric {
    /// When a frame may go on.
    pub forwarding: Forwarding,
    /// From the decision to send a frame to its first bit.
    pub forwarding_latency_ns: u64,
    /// All memory of a switch.
    pub buffer_bytes: u64,
    /// Kept for each port and priority.
    pub reserved_bytes: u64,
    /// Kept for each port and lossless priority, for what still comes after a pause.
    pub headroom_bytes: u64,
    /// Two to this power times the free memory: what a lossless ingress may take before its sender is paused.
    pub ingress_alpha_log2: i8,
    /// Two to this power times the free memory: what a lossy egress queue may take before frames are dropped.
    pub egress_alpha_log2: i8,
    /// How far below its threshold an ingress must fall before its sender may go on.
    pub resume_offset_bytes: u64,
    /// Bytes that a port takes out of its queues ahead of the line.
    pub port_fifo_bytes: u32,
    /// Priorities with flow control (PFC): they lose nothing. Adapters obey and send pauses in the same ones.
    pub pfc: Vec<u8>,
    /// What ends a pause that does not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pfc_watchdog: Option<PfcWatchdog>,
    /// Where congestion is marked.
    pub ecn: EcnMarks,
    /// Which queue of a port goes next.
    pub scheduling: Scheduling,
    /// Which of several equally short paths.
    pub paths: Paths,
}

impl Default for Fabric {
    fn default() -> Self {
        Self {
            forwarding: Forwarding::StoreAndForward,
            forwarding_latency_ns: 300,
            buffer_bytes: 32_000_000,
            reserved_bytes: 4_096,
            headroom_bytes: 150_000,
            ingress_alpha_log2: -3,
            egress_alpha_log2: 0,
            resume_offset_bytes: 3_072,
            port_fifo_bytes: 4_096,
            pfc: vec![3],
            pfc_watchdog: None,
            ecn: EcnMarks::Auto,
            scheduling: Scheduling::Strict,
            paths: Paths::Ecmp,
        }
    }
}

/// When a frame may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Forwarding {
    /// When it has arrived whole.
    StoreAndForward,
    /// When its header has arrived, if the line is idle then.
    CutThrough,
}

/// `[fabric.pfc_watchdog]`: a queue that is silent for too long stops obeying for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PfcWatchdog {
    /// Too long.
    pub detect_us: u64,
    /// A while.
    pub restore_us: u64,
    /// What becomes of the frames.
    pub action: WatchdogAction,
}

/// What becomes of frames that wait behind a pause storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WatchdogAction {
    /// They are dropped.
    Drop,
    /// They leave.
    Forward,
}

/// Where congestion is marked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum EcnMarks {
    /// As the parameter set of `[congestion]` says; without one, as the HPCC paper's simulations.
    Auto,
    /// Nowhere.
    Off,
    /// Curve by curve: `[[fabric.ecn.curves]]`.
    Curves(Vec<EcnCurve>),
}

/// Probability of a mark by queue length: none up to `kmin_bytes`, growing to `pmax_permille` at `kmax_bytes`, certain above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EcnCurve {
    /// Its priorities; all if there are none.
    #[serde(default)]
    pub priorities: Vec<u8>,
    /// Up to this length nothing is marked.
    pub kmin_bytes: u32,
    /// Above this length everything is marked.
    pub kmax_bytes: u32,
    /// Thousandths at `kmax_bytes`.
    pub pmax_permille: u32,
    /// The line that the lengths are for, others in proportion; the same on every line if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_gbps: Option<u32>,
}

/// Which queue of a port goes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Scheduling {
    /// The highest priority first.
    Strict,
    /// `[fabric.scheduling.weighted]`: deficit weighted round robin, after the strict ones.
    Weighted {
        /// Priorities that go before all others.
        #[serde(default)]
        strict: Vec<u8>,
        /// Bytes a round for each priority, 0 to 7.
        quanta_bytes: [u32; 8],
    },
}

/// Which of several equally short paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Paths {
    /// One for a flow.
    Ecmp,
    /// A random one for each frame.
    Spray,
    /// `[fabric.paths.flowlet]`: a new one after a silence.
    Flowlet {
        /// How long a silence.
        gap_ns: u64,
    },
}
