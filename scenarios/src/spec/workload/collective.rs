//! `[workload.all-reduce]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// All nodes add up a vector, in a ring: each passes parts of it to the next by WRITE and says so by SEND.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AllReduce {
    /// 32-bit numbers of the vector.
    pub elements: u32,
    /// How many vectors, one after another.
    pub rounds: u32,
}

impl Default for AllReduce {
    fn default() -> Self {
        Self { elements: 65_536, rounds: 4 }
    }
}
