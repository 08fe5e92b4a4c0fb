//! `[workload.file-transfer]` and `[workload.block-storage]`: node 0 serves, the others ask.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every client writes a file to the server and reads it back, as SMB Direct does: each request carries a token of a buffer that was
/// registered for it alone (fast registration); the server moves the data by READ or WRITE and ends the token with its answer
/// (SEND with invalidate).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FileTransfer {
    /// Bytes of each client's file.
    pub file_bytes: u64,
    /// Bytes of one request, except the last.
    pub request_bytes: u32,
    /// Requests under way on a connection: credits, in the words of SMB Direct.
    pub credits: u32,
    /// Whether all clients begin at the same time, when the last of them is connected.
    pub together: bool,
}

impl Default for FileTransfer {
    fn default() -> Self {
        Self { file_bytes: 1 << 20, request_bytes: 65_536, credits: 8, together: false }
    }
}

/// Every host reads and writes random blocks of its part of the server's namespace, as NVMe over RDMA does: several queues, each a
/// QP with many commands under way, in buffers registered once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BlockStorage {
    /// Queues of each host.
    pub queues: u32,
    /// Commands under way on a queue.
    pub depth: u32,
    /// Bytes of a block.
    pub block_bytes: u32,
    /// Commands of each queue.
    pub commands: u32,
    /// Reads, of a thousand commands.
    pub read_permille: u32,
    /// Entries of a host's CQ, one for each queue. Room for all that may complete there if absent; less is overrun as soon as
    /// the host is slow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cq_depth: Option<u32>,
}

impl Default for BlockStorage {
    fn default() -> Self {
        Self { queues: 4, depth: 16, block_bytes: 4_096, commands: 250, read_permille: 700, cq_depth: None }
    }
}
