//! Graphs in which switches of one kind are connected to each other.

use crate::topology::tree::{check, check_cables, check_size, product};
use crate::topology::{Cabling, NodeId, Topology, TopologyError, Wiring};

impl Topology {
    /// A dragonfly (Kim et al., ISCA 2008) of the greatest size: groups of `routers` switches, each with `hosts` hosts
    /// and `globals` cables to other groups. The switches of a group are all connected, and so are all pairs of the
    /// `routers * globals + 1` groups, by one cable each. Routes are the shortest: at most a cable in the first group,
    /// one between groups, and one in the last.
    ///
    /// Shortest routes close rings, in which flow control can stop all switches for ever; such networks need more than
    /// one lossless priority along a way, which is not modelled.
    ///
    /// # Errors
    /// If a parameter is zero, or the result too large.
    pub fn dragonfly(routers: u32, hosts: u32, globals: u32, cabling: Cabling) -> Result<Self, TopologyError> {
        const NAME: &str = "dragonfly";
        for (name, actual) in [("routers", routers), ("hosts", hosts), ("globals", globals)] {
            check(NAME, name, actual.into(), 1, 1 << 12)?;
        }
        let groups = routers * globals + 1;
        check_size(product([groups, routers, hosts]), product([groups, routers]))?;
        let between = product([groups, routers, routers - 1]) / 2 + product([groups, groups - 1]) / 2;
        check_cables(product([groups, routers, hosts]).saturating_add(between))?;
        let mut wiring = Wiring::new();
        let switches = wiring.switches(groups * routers);
        let groups: Vec<&[NodeId]> = switches.chunks(routers as usize).collect();
        for group in &groups {
            for &router in *group {
                for host in wiring.hosts(hosts) {
                    wiring.cable(host, router, cabling.host);
                }
            }
            for (number, &router) in group.iter().enumerate() {
                group[number + 1..].iter().for_each(|&other| wiring.cable(router, other, cabling.fabric));
            }
        }
        for (number, group) in groups.iter().enumerate() {
            for (other_number, other) in groups.iter().enumerate().skip(number + 1) {
                // A group's cables lead to the other groups in their order, `globals` of them from each router.
                let router = group[(other_number - 1) / globals as usize];
                let other_router = other[number / globals as usize];
                wiring.cable(router, other_router, cabling.fabric);
            }
        }
        wiring.finish()
    }
}
