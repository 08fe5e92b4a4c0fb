//! Whether every host reaches every other.

use crate::topology::{NodeId, Topology, TopologyError};
use std::collections::BTreeSet;

/// # Errors
/// The first two hosts that no way connects.
pub(super) fn check(topology: &Topology) -> Result<(), TopologyError> {
    let islands = islands(topology);
    let first = &islands[0];
    // The usual case at once: some island has everybody.
    if first.iter().any(|island| islands.iter().all(|other| other.contains(island))) {
        return Ok(());
    }
    for (from, here) in islands.iter().enumerate() {
        for (to, there) in islands.iter().enumerate().skip(from + 1) {
            if here.is_disjoint(there) {
                let (from, to) = (NodeId::Host(from as u32), NodeId::Host(to as u32));
                return Err(TopologyError::Unreachable { from, to });
            }
        }
    }
    Ok(())
}

impl Topology {
    /// By endpoint: those of one number reach each other. Hosts do not forward, so the ports of one may be apart.
    #[must_use]
    pub fn islands(&self) -> Vec<usize> {
        let switches = flood(self);
        self.attachments().map(|end| island(&switches, end)).collect()
    }
}

/// The island that a cable of a host leads to.
fn island(switches: &[usize], end: &super::CableEnd) -> usize {
    match end.peer.node {
        NodeId::Switch(number) => switches[number as usize],
        NodeId::Host(_) => switches.len() + end.cable,
    }
}

/// The islands that each host has a port in. Switches that are connected form one, a cable between two hosts another:
/// hosts do not forward.
fn islands(topology: &Topology) -> Vec<BTreeSet<usize>> {
    let switches = flood(topology);
    let islands_of = |ports: &Vec<super::CableEnd>| ports.iter().map(|end| island(&switches, end)).collect();
    topology.hosts.iter().map(islands_of).collect()
}

/// The lowest switch that each switch is connected to.
fn flood(topology: &Topology) -> Vec<usize> {
    let mut island = vec![usize::MAX; topology.switches.len()];
    for start in 0..island.len() {
        let mut open = vec![start];
        while let Some(switch) = open.pop() {
            if island[switch] == usize::MAX {
                island[switch] = start;
                open.extend(topology.neighbours(switch).map(|(_, neighbour)| neighbour));
            }
        }
    }
    island
}
