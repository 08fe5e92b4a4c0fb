//! `[workload.key-value]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Node 0 holds a table. Clients get an entry by a READ of their own, and check its sum: an entry that changed meanwhile is read
/// again. They put an entry by a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeyValue {
    /// Entries of the table.
    pub keys: u32,
    /// Bytes of a value.
    pub value_bytes: u32,
    /// Connections of each client, each with one operation at a time.
    pub connections: u32,
    /// Operations of each connection.
    pub operations: u32,
    /// Puts, of a thousand operations.
    pub put_permille: u32,
}

impl Default for KeyValue {
    fn default() -> Self {
        Self { keys: 64, value_bytes: 1_000, connections: 4, operations: 250, put_permille: 100 }
    }
}
