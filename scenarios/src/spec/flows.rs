//! Fabric studies: `[workload.flows]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Most flows of a study: each takes two queue pairs, 3 KB when idle and up to 9 KB at work.
pub(crate) const FLOWS_MAX: usize = 1 << 20;
/// Most steps of a collective, which share connections: as many as a ring of 1,024 nodes has. They take 0.2 KB each.
pub(crate) const STEPS_MAX: usize = 1 << 21;
/// Most bytes of a flow.
pub(crate) const FLOW_BYTES_MAX: u64 = 1 << 40;
/// Latest start of a flow.
pub(crate) const START_NS_MAX: u64 = 60_000_000_000;

/// `[workload.flows]`: RDMA WRITEs from NIC to NIC, posted by a light consumer. Each flow has a queue pair of its own;
/// steps of a collective from one node to another share one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flows {
    /// Bytes of one WRITE; the last of a flow may be shorter.
    #[serde(default = "default_message_bytes")]
    pub message_bytes: u32,
    /// WRITEs of a connection outstanding at a time; steps of a collective have a SEND each, which counts as one.
    #[serde(default = "default_window_messages")]
    pub window_messages: u32,
    /// The priority (IEEE 802.1Q) of flows that have none of their own; a flow file has one for each.
    #[serde(default = "default_priority")]
    pub priority: u8,
    /// Whether message data is moved or only counted.
    #[serde(default)]
    pub payload: PayloadMode,
    /// Who sends what to whom, and when.
    pub pattern: Pattern,
}

const fn default_message_bytes() -> u32 {
    1 << 20
}

const fn default_window_messages() -> u32 {
    4
}

const fn default_priority() -> u8 {
    crate::adapter::PRIORITY
}

/// What becomes of message data. Everything else is the same in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PayloadMode {
    /// Only its length is kept.
    #[default]
    Elided,
    /// Every byte is read, carried and written.
    Real,
}

/// Who sends what to whom: a sub-table of `[workload.flows.pattern]`, named after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Pattern {
    /// Flow by flow: `[[workload.flows.pattern.list]]`.
    List(Vec<Flow>),
    /// A flow file of the HPCC simulator.
    File {
        /// The file, relative to the scenario file.
        path: PathBuf,
        /// When the simulator's clock starts.
        #[serde(default = "default_epoch_ms")]
        epoch_ms: u64,
    },
    /// All nodes but the last send to the last, at once.
    Incast {
        /// Bytes of each flow.
        bytes: u64,
    },
    /// Every node sends to one other node, and receives from one.
    Permutation {
        /// Bytes of each flow.
        bytes: u64,
    },
    /// Every node sends to every other, at once.
    AllToAll {
        /// Bytes of each flow.
        bytes: u64,
    },
    /// All nodes add up what each has, in a ring: as many pieces as nodes go around twice, and a node passes a piece on
    /// when the one before it has come.
    RingAllReduce {
        /// Bytes that each node has, and has the sum of in the end.
        bytes: u64,
    },
    /// The same in a binary tree: sums go up to node 0, and the result comes down.
    TreeAllReduce {
        /// Bytes that each node has, and has the sum of in the end.
        bytes: u64,
    },
    /// Flows between random nodes at exponential distances.
    Poisson {
        /// Where flow sizes come from.
        sizes: Sizes,
        /// Part of all nodes' rate that the flows ask for, in thousandths.
        load_permille: u32,
        /// For how long flows begin.
        duration_us: u64,
    },
}

const fn default_epoch_ms() -> u64 {
    2_000
}

/// A published distribution of flow sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sizes {
    /// Web search (DCTCP, SIGCOMM 2010).
    WebSearch,
    /// Hadoop (Facebook, SIGCOMM 2015).
    Hadoop,
}

/// One flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Sending node.
    pub from: u32,
    /// Receiving node.
    pub to: u32,
    /// Bytes.
    pub bytes: u64,
    /// When it begins.
    #[serde(default)]
    pub start_ns: u64,
    /// Its priority, if another than that of `[workload.flows]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
}
