//! `[workload.replicate]`.

use crate::report::ConsumerStyle;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Every node replicates the input to every other node: WRITE to push, READ to verify, SEND to agree. In the end every
/// copy is compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Replicate {
    /// The file to replicate, relative to the scenario file. `--input` has precedence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<PathBuf>,
    /// Bytes of one WRITE or READ.
    pub chunk_bytes: u32,
    /// WRITEs or READs outstanding on one connection.
    pub window_chunks: u32,
    /// How the consumers are written: node `i` takes entry `i`, beginning again after the last.
    pub styles: Vec<ConsumerStyle>,
    /// How many times a consumer tries a failed creation again.
    pub retries: u32,
    /// How long it waits before that.
    pub retry_delay_us: u64,
}

impl Default for Replicate {
    fn default() -> Self {
        Self {
            input: None,
            chunk_bytes: 65_536,
            window_chunks: 8,
            styles: vec![ConsumerStyle::Async, ConsumerStyle::Callbacks],
            retries: 10,
            retry_delay_us: 20,
        }
    }
}

impl Replicate {
    /// How the consumer of a node is written.
    #[must_use]
    pub fn style(&self, node: u16) -> ConsumerStyle {
        match self.styles.len() {
            0 => ConsumerStyle::default(),
            many => self.styles[usize::from(node) % many],
        }
    }
}
