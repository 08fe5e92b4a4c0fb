//! Tiers: stations by their distance from the hosts, so that every cable leads from one tier to the next.
//!
//! A *station* is an endpoint or a switch: endpoints come first, then switches. Several ports of a host are endpoints that
//! have nothing to do with each other.

use crate::topology::{NodeId, PortRef, Topology};
use std::collections::VecDeque;
use std::ops::{Range, RangeInclusive};

/// The tiers of a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiers {
    /// By station.
    tiers: Vec<u32>,
    /// By station: what its cables lead to.
    peers: Vec<Vec<u32>>,
}

impl Topology {
    /// The tiers: hosts, their switches, the switches of those, and so on. Where a cable joins two stations of one tier, as between
    /// two hosts, there are only two, of any kind; and none if there is a ring of an odd number of cables, as among the
    /// switches of a dragonfly's group.
    #[must_use]
    pub fn tiers(&self) -> Option<Tiers> {
        let peers = self.peers();
        let mut from_hosts = vec![u32::MAX; peers.len()];
        flood(&peers, &mut from_hosts, 0..self.endpoint_count());
        let sides = || {
            let mut from_one = vec![u32::MAX; peers.len()];
            (0..peers.len() as u32).for_each(|station| flood(&peers, &mut from_one, station..station + 1));
            from_one.into_iter().map(|distance| distance % 2).collect()
        };
        let has_order = |tiers: &Vec<u32>| {
            let mut cables = (0..).zip(&peers).flat_map(|(own, peers)| peers.iter().map(move |&peer| (own, peer)));
            cables.all(|(own, peer): (usize, u32)| tiers[own].abs_diff(tiers[peer as usize]) == 1)
        };
        let tiers = Some(from_hosts).filter(has_order).or_else(|| Some(sides()).filter(has_order))?;
        Some(Tiers { tiers, peers })
    }

    /// By station: what its cables lead to.
    fn peers(&self) -> Vec<Vec<u32>> {
        let endpoints = self.endpoint_count();
        let station = |end: PortRef| match end.node {
            NodeId::Host(host) => self.endpoint(host, end.port).0,
            NodeId::Switch(switch) => endpoints + switch,
        };
        let mut peers = vec![Vec::new(); (endpoints + self.switch_count()) as usize];
        for (a, b) in self.cables.iter().map(|cable| (station(cable.a), station(cable.b))) {
            peers[a as usize].push(b);
            peers[b as usize].push(a);
        }
        peers
    }
}

/// Notes how many cables each station is away from the nearest of `start`, but for stations whose distance is known.
fn flood(peers: &[Vec<u32>], distances: &mut [u32], start: Range<u32>) {
    let mut next: VecDeque<u32> = start.filter(|&station| distances[station as usize] == u32::MAX).collect();
    next.iter().for_each(|&station| distances[station as usize] = 0);
    while let Some(station) = next.pop_front() {
        for &peer in &peers[station as usize] {
            if distances[peer as usize] == u32::MAX {
                distances[peer as usize] = distances[station as usize] + 1;
                next.push_back(peer);
            }
        }
    }
}

impl Tiers {
    /// The tier of a station.
    ///
    /// # Panics
    /// If there is no such station.
    #[must_use]
    pub fn of(&self, station: u32) -> u32 {
        self.tiers[station as usize]
    }

    /// The highest tier.
    #[must_use]
    pub fn highest(&self) -> u32 {
        self.tiers.iter().copied().max().unwrap_or(0)
    }

    /// Two tiers: the even ones and the odd ones.
    #[must_use]
    pub fn folded(mut self) -> Self {
        self.tiers.iter_mut().for_each(|tier| *tier %= 2);
        self
    }

    /// The stations of some tiers, in blocks that no cable of these tiers leads out of. Blocks and their stations are in the order of
    /// numbers.
    #[must_use]
    pub fn blocks(&self, tiers: RangeInclusive<u32>) -> Vec<Vec<u32>> {
        let is_open = |station: u32| tiers.contains(&self.of(station));
        let mut seen = vec![false; self.tiers.len()];
        let mut blocks = Vec::new();
        for start in (0..self.tiers.len() as u32).filter(|&station| is_open(station)) {
            let mut block = Vec::new();
            let mut next = vec![start];
            while let Some(station) = next.pop() {
                if !std::mem::replace(&mut seen[station as usize], true) {
                    block.push(station);
                    next.extend(self.peers[station as usize].iter().filter(|&&peer| is_open(peer)));
                }
            }
            block.sort_unstable();
            blocks.extend(Some(block).filter(|block| !block.is_empty()));
        }
        blocks
    }
}
