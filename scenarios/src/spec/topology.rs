//! How nodes are connected: `topology = "star"`, or a sub-table such as `[cluster.topology.fat-tree]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// How nodes are connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Topology {
    /// Every node to one switch.
    Star,
    /// Two nodes, one cable.
    BackToBack,
    /// Every leaf to every spine.
    LeafSpine {
        /// Switches with nodes.
        leaves: u32,
        /// Switches between them.
        spines: u32,
        /// Nodes of each leaf.
        nodes_per_leaf: u32,
    },
    /// Three layers of switches with `k` ports: `k³/4` nodes.
    FatTree {
        /// Ports of a switch, an even number.
        k: u32,
    },
    /// Three layers of any proportion.
    ThreeLayer {
        /// Groups of edge and aggregation switches.
        pods: u32,
        /// Switches with nodes in a pod.
        edges: u32,
        /// Switches above them in a pod, each with a cable to every edge of it.
        aggregations: u32,
        /// Core switches of each aggregation's number, shared by all pods.
        cores_per_aggregation: u32,
        /// Nodes of each edge.
        nodes_per_edge: u32,
    },
    /// Groups of routers, each router to every other of its group, each group to every other.
    Dragonfly {
        /// Routers of a group.
        routers: u32,
        /// Nodes of a router.
        nodes_per_router: u32,
        /// Cables of a router to other groups; there are `routers * globals + 1` groups.
        globals: u32,
    },
    /// Hosts with a NIC on each rail; every NIC is a node.
    RailOptimised {
        /// Groups of hosts.
        units: u32,
        /// Hosts of a unit.
        hosts_per_unit: u32,
        /// NICs of a host, and leaves of a unit.
        rails: u32,
        /// Switches between the leaves.
        spines: u32,
    },
    /// What a topology file of the HPCC simulator says. Rates and latencies are the file's.
    File {
        /// The file, relative to the scenario file.
        path: PathBuf,
    },
}

/// Most nodes of a star with providers: the ports of a large switch. Studies may have a switch of any size.
const STAR_NODES_MAX: u16 = 64;
/// Most nodes of any cluster.
pub const NODES_MAX: u64 = u16::MAX as u64;

impl Topology {
    /// The name in a scenario file.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Star => "star",
            Self::BackToBack => "back-to-back",
            Self::LeafSpine { .. } => "leaf-spine",
            Self::FatTree { .. } => "fat-tree",
            Self::ThreeLayer { .. } => "three-layer",
            Self::Dragonfly { .. } => "dragonfly",
            Self::RailOptimised { .. } => "rail-optimised",
            Self::File { .. } => "file",
        }
    }

    /// The numbers of nodes that it connects, in a fabric study or else, where they are the scenario's choice.
    #[must_use]
    pub const fn nodes(&self, study: bool) -> Option<RangeInclusive<u16>> {
        match self {
            Self::Star if study => Some(2..=u16::MAX),
            Self::Star => Some(2..=STAR_NODES_MAX),
            Self::BackToBack => Some(2..=2),
            _ => None,
        }
    }

    /// The number of nodes, where it follows from the other numbers.
    #[must_use]
    pub fn derived_nodes(&self) -> Option<u64> {
        let product = |factors: &[u32]| factors.iter().fold(1_u64, |all, &one| all.saturating_mul(one.into()));
        match *self {
            Self::LeafSpine { leaves, nodes_per_leaf, .. } => Some(product(&[leaves, nodes_per_leaf])),
            Self::FatTree { k } => Some(product(&[k, k, k]) / 4),
            Self::ThreeLayer { pods, edges, nodes_per_edge, .. } => Some(product(&[pods, edges, nodes_per_edge])),
            Self::Dragonfly { routers, nodes_per_router, globals } => {
                let groups = product(&[routers, globals]).saturating_add(1);
                Some(groups.saturating_mul(product(&[routers, nodes_per_router])))
            }
            Self::RailOptimised { units, hosts_per_unit, rails, .. } => Some(product(&[units, hosts_per_unit, rails])),
            Self::Star | Self::BackToBack | Self::File { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_follow_from_the_other_numbers() {
        let hpcc =
            Topology::ThreeLayer { pods: 5, edges: 4, aggregations: 4, cores_per_aggregation: 4, nodes_per_edge: 16 };
        assert_eq!(hpcc.derived_nodes(), Some(320));
        assert_eq!(Topology::FatTree { k: 16 }.derived_nodes(), Some(1_024));
        let dragonfly = Topology::Dragonfly { routers: 4, nodes_per_router: 2, globals: 2 };
        assert_eq!(dragonfly.derived_nodes(), Some(72));
        assert_eq!(Topology::FatTree { k: u32::MAX }.derived_nodes(), Some(u64::MAX / 4));
    }
}
