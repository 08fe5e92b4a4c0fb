//! `[swarm]`: how many faults of each kind a seed draws.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[swarm]`. Of each kind, from none to as many rows as stand here are drawn; every row says all that it does, so the plan
/// that comes of it is carried out without this section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Swarm {
    /// Creations that fail, pend, are late, or complete elsewhere.
    pub creations_max: u32,
    /// Registrations and other asynchronous calls likewise.
    pub requests_max: u32,
    /// Frames that are lost, damaged, repeated, late or marked.
    pub frames_max: u32,
    /// Cables that are down for a while.
    pub outages_max: u32,
    /// Adapters whose firmware, interrupts, contexts or DMA fail, or that are reset or pulled out.
    pub devices_max: u32,
    /// Slow callbacks, DMA that the IOMMU refuses, hosts short of memory.
    pub hosts_max: u32,
    /// The longest outage.
    pub outage_us_max: u64,
    /// The longest delay of a creation or request.
    pub delay_us_max: u64,
    /// How many creations, calls or frames of a kind a row may wait for.
    pub nth_max: u64,
    /// From this moment on nothing goes wrong any more: what pends has to end, and everything to be closed.
    pub until_us: u64,
}

impl Default for Swarm {
    /// A few of each kind, within what a small workload does.
    fn default() -> Self {
        Self {
            creations_max: 4,
            requests_max: 3,
            frames_max: 6,
            outages_max: 1,
            devices_max: 1,
            hosts_max: 1,
            outage_us_max: 50,
            delay_us_max: 200,
            nth_max: 40,
            until_us: 5_000,
        }
    }
}
