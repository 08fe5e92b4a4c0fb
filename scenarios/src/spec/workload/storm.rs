//! `[workload.creation-storm]` and `[workload.connection-storm]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every node creates and closes objects, thousands of them, several tasks at once. A round makes a PD, a CQ, a connector, QPs
/// and registered regions, and closes them again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CreationStorm {
    /// Tasks of each node.
    pub tasks: u32,
    /// Rounds of each task.
    pub rounds: u32,
    /// QPs of a round.
    pub queue_pairs: u32,
    /// Regions of a round, one page each.
    pub regions: u32,
    /// In which order a round's objects are closed.
    pub teardown: Teardown,
}

impl Default for CreationStorm {
    fn default() -> Self {
        Self { tasks: 8, rounds: 10, queue_pairs: 4, regions: 4, teardown: Teardown::Shuffled }
    }
}

impl CreationStorm {
    /// Objects of a round.
    #[must_use]
    pub fn objects(&self) -> u32 {
        // The PD, the CQ and the connector.
        3 + self.queue_pairs + self.regions
    }
}

/// An order of closes. Every order is legal: a close pends until the object's successors are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Teardown {
    /// One after another, each after the objects made from it.
    SuccessorsFirst,
    /// All at once, the PD before its QPs.
    AntecedentsFirst,
    /// All at once, in an order of the seed.
    Shuffled,
}

/// Every node but node 0 connects to node 0 again and again. On each connection one message goes there and back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectionStorm {
    /// Connections of each client, one after another in each task.
    pub connections: u32,
    /// Tasks of each client.
    pub tasks: u32,
    /// Bytes of the message.
    pub message_bytes: u32,
    /// The server refuses every n-th request; the client tries again. Zero: none.
    pub refuse_every: u32,
}

impl Default for ConnectionStorm {
    fn default() -> Self {
        Self { connections: 50, tasks: 4, message_bytes: 256, refuse_every: 0 }
    }
}
