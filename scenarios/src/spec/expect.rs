//! What a scenario expects of its run: `[expect]`.

use super::text;
use provider::ndk::Status;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[expect]`. What is absent is not judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Breaches that the checkers find.
    pub findings: u64,
    /// Whether every object is closed in the end.
    pub all_closed: bool,
    /// Whether every copy equals its original.
    pub replicas_intact: bool,
    /// Whether all data that the workload compares is right.
    pub data_right: bool,
    /// The fewest operations of the workload on all nodes together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations_min: Option<u64>,
    /// The most tasks that may be given up on all nodes together.
    pub gave_up_max: u64,
    /// The statuses that tasks are given up with: each by at least one, and no other. Empty: not judged.
    #[serde(with = "text::list")]
    #[schemars(with = "Vec<text::Spelled<Status>>")]
    pub gave_up_with: Vec<Status>,
    /// Whether every row of the fault plan strikes at least once.
    pub all_faults_fire: bool,
    /// Frames lost on all links together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drops_max: Option<u64>,
    /// The fewest pause frames on all links together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pauses_min: Option<u64>,
    /// The lowest goodput of any node, in 10^9 bit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goodput_gbps_min: Option<u32>,
    /// Simulated time of the whole run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated_us_max: Option<u64>,
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            findings: 0,
            all_closed: true,
            replicas_intact: true,
            data_right: true,
            operations_min: None,
            gave_up_max: 0,
            gave_up_with: Vec::new(),
            all_faults_fire: false,
            drops_max: None,
            pauses_min: None,
            goodput_gbps_min: None,
            simulated_us_max: None,
        }
    }
}
