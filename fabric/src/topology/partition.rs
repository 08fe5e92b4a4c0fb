//! A topology cut into parts of about equal work, with few cables between them: for worlds that run on several threads.
//!
//! Hosts stay with the switch of their first port, if there are switches enough. Switches with hosts are lined up by
//! breadth from one corner, and the line is cut into pieces of equal weight. The others follow, the nearest first: each
//! goes where most of its cables lead, as long as that does not make a part too heavy. Then all are looked at again
//! (a simple form of how Kernighan and Lin, and Fiduccia and Mattheyses, improve a cut).

use crate::topology::{NodeId, Topology};
use std::cmp::Reverse;
use std::collections::VecDeque;

/// Work of a host against that of a switch port: a packet costs a NIC about so many times what it costs a switch.
const HOST_WEIGHT: u64 = 4;
/// Times that all switches are looked at for a better part.
const SWEEPS: usize = 8;
/// How much heavier than the average a part may become, in hundredths.
const IMBALANCE_PERCENT: u64 = 4;

/// Which part a host or switch belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    hosts: Vec<u16>,
    switches: Vec<u16>,
}

impl Partition {
    /// The part of a node.
    ///
    /// # Panics
    /// If the topology has no such node.
    #[must_use]
    pub fn part(&self, node: NodeId) -> u16 {
        match node {
            NodeId::Host(number) => self.hosts[number as usize],
            NodeId::Switch(number) => self.switches[number as usize],
        }
    }
}

impl Topology {
    /// Cuts the topology into `parts`. Some may be empty if there are few nodes.
    ///
    /// # Panics
    /// If `parts` is zero.
    #[must_use]
    pub fn partition(&self, parts: u16) -> Partition {
        assert!(parts > 0, "there is at least one part");
        if self.switches.len() < usize::from(parts) {
            return self.dealt_out(parts);
        }
        let mut cut = Cut::new(self, parts);
        for _ in 0..SWEEPS {
            let moved = (0..cut.part_of.len()).filter(|&switch| cut.place(self, switch)).count();
            if moved == 0 {
                break;
            }
        }
        let homes = self.hosts.iter().map(|ports| match ports[0].peer.node {
            NodeId::Switch(switch) => cut.part_of[switch as usize].unwrap_or(0),
            NodeId::Host(_) => 0,
        });
        let switches = cut.part_of.iter().map(|part| part.unwrap_or(0)).collect();
        Partition { hosts: homes.collect(), switches }
    }

    /// Too few switches to keep their hosts: hosts in blocks, switches in turn.
    fn dealt_out(&self, parts: u16) -> Partition {
        let block = self.host_count().div_ceil(parts.into()).max(1);
        let hosts = (0..self.host_count()).map(|host| (host / block) as u16).collect();
        let switches = (0..self.switch_count()).map(|switch| (switch % u32::from(parts)) as u16).collect();
        Partition { hosts, switches }
    }

    /// Switches by breadth from the first.
    fn switches_by_breadth(&self) -> Vec<usize> {
        let mut seen = vec![false; self.switches.len()];
        let mut order = Vec::with_capacity(seen.len());
        for start in 0..seen.len() {
            let mut next = VecDeque::from([start]);
            while let Some(switch) = next.pop_front() {
                if !std::mem::replace(&mut seen[switch], true) {
                    order.push(switch);
                    next.extend(self.neighbours(switch).map(|(_, peer)| peer));
                }
            }
        }
        order
    }

    /// Work of a switch and the hosts that stay with it.
    fn weight(&self, switch: usize) -> u64 {
        let host = |node| match node {
            NodeId::Host(_) => HOST_WEIGHT,
            NodeId::Switch(_) => 0,
        };
        self.switches[switch].iter().map(|end| 1 + host(end.peer.node)).sum()
    }
}

/// A cut that is being made.
struct Cut {
    /// By switch.
    part_of: Vec<Option<u16>>,
    weights: Vec<u64>,
    /// By part.
    loads: Vec<u64>,
    load_max: u64,
}

impl Cut {
    fn new(topology: &Topology, parts: u16) -> Self {
        let weights: Vec<u64> = (0..topology.switches.len()).map(|switch| topology.weight(switch)).collect();
        let all: u64 = weights.iter().sum();
        let mut cut = Self {
            part_of: vec![None; weights.len()],
            loads: vec![0; parts.into()],
            load_max: (all * (100 + IMBALANCE_PERCENT)).div_ceil(100 * u64::from(parts)),
            weights,
        };
        let mut front = cut.cut_leaves(topology, parts);
        while !front.is_empty() {
            let peers = |switch: &usize| topology.neighbours(*switch).map(|(_, peer)| peer).collect::<Vec<_>>();
            let mut next: Vec<usize> =
                front.iter().flat_map(peers).filter(|&peer| cut.part_of[peer].is_none()).collect();
            next.sort_unstable();
            next.dedup();
            next.iter().for_each(|&switch| _ = cut.place(topology, switch));
            front = next;
        }
        cut
    }

    /// Cuts the line of switches with hosts into pieces of equal weight; gives the line.
    fn cut_leaves(&mut self, topology: &Topology, parts: u16) -> Vec<usize> {
        let has_hosts = |&switch: &usize| self.weights[switch] > topology.switches[switch].len() as u64;
        let leaves: Vec<usize> = topology.switches_by_breadth().into_iter().filter(has_hosts).collect();
        let all: u64 = leaves.iter().map(|&leaf| self.weights[leaf]).sum();
        let mut before = 0;
        for &leaf in &leaves {
            let weight = self.weights[leaf];
            // By its middle, so that pieces are as near to equal as switches are small.
            let part = (before + weight / 2) * u64::from(parts) / all;
            self.part_of[leaf] = Some(part as u16);
            self.loads[part as usize] += weight;
            before += weight;
        }
        leaves
    }

    /// Puts a switch where most of its cables lead, among equals where the least is to do; returns whether it moved.
    fn place(&mut self, topology: &Topology, switch: usize) -> bool {
        let mut cables = vec![0_u32; self.loads.len()];
        let peers = topology.neighbours(switch).filter_map(|(_, peer)| self.part_of[peer]);
        peers.for_each(|part| cables[usize::from(part)] += 1);
        let (home, weight) = (self.part_of[switch].map(usize::from), self.weights[switch]);
        let fits = |&part: &usize| self.loads[part] + weight <= self.load_max && Some(part) != home;
        let worth = |&part: &usize| (cables[part], Reverse(self.loads[part]));
        let least = (0..cables.len()).min_by_key(|&part| self.loads[part]).filter(|_| home.is_none());
        let Some(best) = (0..cables.len()).filter(fits).max_by_key(worth).or(least) else { return false };
        if home.is_some_and(|home| cables[best] <= cables[home]) {
            return false;
        }
        if let Some(home) = home {
            self.loads[home] -= weight;
        }
        self.loads[best] += weight;
        self.part_of[switch] = Some(best as u16);
        true
    }
}

#[cfg(test)]
mod tests;
