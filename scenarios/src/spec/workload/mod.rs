//! What the consumers do: `[workload.NAME]`, one of the sub-tables that [`Workload`] lists.
//!
//! Reading order: [`replicate`] (files, pushed and read back), [`storm`] (objects and connections, many), [`storage`] (requests
//! that a server answers by reads and writes of its own), [`one_sided`] (a table that clients read themselves),
//! [`collective`] (all nodes compute one sum). Studies of networks have [`Flows`] instead.

pub mod collective;
pub mod one_sided;
pub mod replicate;
pub mod storage;
pub mod storm;

pub use collective::AllReduce;
pub use one_sided::KeyValue;
pub use replicate::Replicate;
pub use storage::{BlockStorage, FileTransfer};
pub use storm::{ConnectionStorm, CreationStorm, Teardown};

use super::flows::{Flows, Pattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[workload]`: one sub-table, named after the workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Workload {
    /// `[workload.replicate]`.
    Replicate(Replicate),
    /// `[workload.creation-storm]`.
    CreationStorm(CreationStorm),
    /// `[workload.connection-storm]`.
    ConnectionStorm(ConnectionStorm),
    /// `[workload.file-transfer]`.
    FileTransfer(FileTransfer),
    /// `[workload.block-storage]`.
    BlockStorage(BlockStorage),
    /// `[workload.key-value]`.
    KeyValue(KeyValue),
    /// `[workload.all-reduce]`.
    AllReduce(AllReduce),
    /// `[workload.flows]`.
    Flows(Flows),
}

impl Default for Workload {
    fn default() -> Self {
        Self::Replicate(Replicate::default())
    }
}

impl Workload {
    /// The key of the file that the workload works on, and the file if one is named; `None` if it takes none.
    #[must_use]
    pub fn input(&self) -> Option<(&'static str, Option<&PathBuf>)> {
        match self {
            Self::Replicate(replicate) => Some(("workload.replicate.input", replicate.input.as_ref())),
            Self::Flows(Flows { pattern: Pattern::File { path, .. }, .. }) => {
                Some(("workload.flows.pattern.file.path", Some(path)))
            }
            _ => None,
        }
    }

    /// Names another file, if the workload takes one.
    pub fn set_input(&mut self, file: PathBuf) {
        match self {
            Self::Replicate(replicate) => replicate.input = Some(file),
            Self::Flows(Flows { pattern: Pattern::File { path, .. }, .. }) => *path = file,
            _ => {}
        }
    }
}
