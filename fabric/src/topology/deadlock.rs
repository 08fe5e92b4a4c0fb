//! Rings of switches that wait for each other.
//!
//! Under flow control a frame stays in its buffer until the next one has room. Switches whose full buffers wait for each
//! other in a ring stop for ever (Dally and Seitz, "Deadlock-free message routing in multiprocessor interconnection
//! networks", IEEE Transactions on Computers, 1987). [`Topology::ring_of_ways`] says whether ways leave that possible,
//! [`Topology::standstill`] whether it has happened.

use crate::PRIORITIES;
use crate::address::Endpoint;
use crate::switch::Switch;
use crate::topology::{CableEnd, NodeId, PortRef, Topology};
use des::Time;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Switches that have stopped for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standstill {
    /// Of the frames that wait.
    pub priority: usize,
    /// Ports of switches: each is paused by the switch it leads to, whose memory is full of frames for the next one.
    pub ports: Vec<PortRef>,
}

impl Topology {
    /// A ring of switch ports that could wait for each other in the order given, each for the next and the last for the
    /// first, if `flows` (from, to) take all their shortest ways; `None` if there is none, as in every tree. It is a
    /// cycle of the channel dependency graph: a channel is a cable's direction between two switches, and depends on the
    /// one by which some flow goes on.
    #[must_use]
    pub fn ring_of_ways(&self, flows: impl IntoIterator<Item = (Endpoint, Endpoint)>) -> Option<Vec<PortRef>> {
        let switch_of: Vec<Option<usize>> = self.attachments().map(last_switch).collect();
        let switch_of = |endpoint: Endpoint| switch_of.get(endpoint.0 as usize).copied().flatten();
        let mut starts: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (from, to) in flows {
            if let (Some(from), Some(to)) = (switch_of(from), switch_of(to)) {
                starts.entry(to).or_default().insert(from);
            }
        }
        let mut channels = Channels::new(self);
        starts.iter().for_each(|(&to, from)| channels.add_ways(from, to));
        let mut ring = ring(channels.before.len(), |channel| channels.before(channel))?;
        ring.reverse();
        Some(ring.into_iter().map(|channel| channels.port(self, channel)).collect())
    }

    /// Ports of this topology's `switches` that wait for each other at `now` and will for ever.
    ///
    /// # Panics
    /// If these are other switches.
    #[must_use]
    pub fn standstill(&self, switches: &[&Switch], now: Time) -> Option<Standstill> {
        let mut waits = self.waits(switches, now);
        // Whoever waits for one that goes on goes on some time.
        loop {
            let known: BTreeSet<Wait> = waits.keys().copied().collect();
            waits.retain(|_, next| next.iter().all(|wait| known.contains(wait)));
            if waits.len() == known.len() {
                break;
            }
        }
        let (waits, next): (Vec<Wait>, Vec<Vec<Wait>>) = waits.into_iter().unzip();
        let number = |wait: &Wait| waits.binary_search(wait).ok();
        let ring = ring(waits.len(), |wait| next[wait].iter().filter_map(number).collect())?;
        let port = |&wait: &usize| PortRef { node: NodeId::Switch(waits[wait].switch as u32), port: waits[wait].port };
        Some(Standstill { priority: waits[ring[0]].priority, ports: ring.iter().map(port).collect() })
    }

    /// What waits because another switch has paused it, and what has to leave that switch first.
    fn waits(&self, switches: &[&Switch], now: Time) -> BTreeMap<Wait, Vec<Wait>> {
        let mut waits = BTreeMap::new();
        for (switch, ends) in self.switches.iter().enumerate() {
            for (port, end) in (0..).zip(ends) {
                let Some(peer) = last_switch(end) else { continue };
                let paused = switches[switch].waiting(port, now) & switches[peer].pausing(end.peer.port);
                for priority in (0..PRIORITIES).filter(|priority| paused >> priority & 1 != 0) {
                    let ports = switches[peer].ports_with_frames_from(end.peer.port, priority).into_iter();
                    let next = ports.map(|port| Wait { switch: peer, port, priority });
                    waits.insert(Wait { switch, port, priority }, next.collect());
                }
            }
        }
        waits
    }
}

/// Frames of a priority before a port that its peer keeps silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wait {
    switch: usize,
    port: u16,
    priority: usize,
}

fn last_switch(end: &CableEnd) -> Option<usize> {
    match end.peer.node {
        NodeId::Switch(switch) => Some(switch as usize),
        NodeId::Host(_) => None,
    }
}

/// The channel dependency graph. Cables between the same switches are one channel: ways take all of them alike.
struct Channels {
    /// By switch: those next to it, in ascending order. Each is a channel.
    neighbours: Vec<Vec<usize>>,
    /// Number of each switch's first channel.
    first: Vec<usize>,
    /// By channel: which neighbours of its switch send what goes on by it, one bit each.
    before: Vec<Vec<u64>>,
}

impl Channels {
    fn new(topology: &Topology) -> Self {
        let around = |switch| topology.neighbours(switch).map(|(_, neighbour)| neighbour).collect::<BTreeSet<_>>();
        let neighbours: Vec<Vec<usize>> =
            (0..topology.switches.len()).map(|switch| around(switch).into_iter().collect()).collect();
        let mut count = 0;
        let mut first = Vec::with_capacity(neighbours.len());
        for neighbours in &neighbours {
            first.push(count);
            count += neighbours.len();
        }
        Self { neighbours, first, before: vec![Vec::new(); count] }
    }

    /// Adds the shortest ways from some switches to another one.
    fn add_ways(&mut self, from: &BTreeSet<usize>, to: usize) {
        let (order, distances) = self.flood(to);
        let mut used = vec![false; self.neighbours.len()];
        from.iter().for_each(|&switch| used[switch] = true);
        // From far to near, so that a switch is reached before it passes on.
        for &switch in order.iter().rev().filter(|&&switch| switch != to) {
            if !used[switch] {
                continue;
            }
            let neighbours = &self.neighbours[switch];
            let mut before = vec![0_u64; neighbours.len().div_ceil(64)];
            let farther = |&(_, &other): &(usize, &usize)| distances[other] == distances[switch] + 1 && used[other];
            for (bit, _) in neighbours.iter().enumerate().filter(farther) {
                before[bit / 64] |= 1 << (bit % 64);
            }
            let is_transit = before.iter().any(|&bits| bits != 0);
            for (number, &other) in neighbours.iter().enumerate() {
                if distances[other] < distances[switch] {
                    used[other] = true;
                    if is_transit {
                        let all = &mut self.before[self.first[switch] + number];
                        all.resize(before.len(), 0);
                        all.iter_mut().zip(&before).for_each(|(all, bits)| *all |= bits);
                    }
                }
            }
        }
    }

    /// The switches from which a way leads to `to`, the near ones first, and how many cables each is away.
    fn flood(&self, to: usize) -> (Vec<usize>, Vec<usize>) {
        let mut distances = vec![usize::MAX; self.neighbours.len()];
        distances[to] = 0;
        let mut order = vec![to];
        let mut done = 0;
        while let Some(&switch) = order.get(done) {
            done += 1;
            for &other in &self.neighbours[switch] {
                if distances[other] == usize::MAX {
                    distances[other] = distances[switch] + 1;
                    order.push(other);
                }
            }
        }
        (order, distances)
    }

    /// The switch of a channel, and which of its neighbours it leads to.
    fn ends(&self, channel: usize) -> (usize, usize) {
        let switch = self.first.partition_point(|&first| first <= channel) - 1;
        (switch, channel - self.first[switch])
    }

    /// The channels that wait for `channel`.
    fn before(&self, channel: usize) -> Vec<usize> {
        let (switch, _) = self.ends(channel);
        let bits = &self.before[channel];
        let set = (0..bits.len() * 64).filter(|bit| bits[bit / 64] >> (bit % 64) & 1 != 0);
        let from = |bit: usize| {
            let other = self.neighbours[switch][bit];
            let back = self.neighbours[other].binary_search(&switch).expect("cables have two directions");
            self.first[other] + back
        };
        set.map(from).collect()
    }

    /// The first port that sends on a channel.
    fn port(&self, topology: &Topology, channel: usize) -> PortRef {
        let (switch, number) = self.ends(channel);
        let peer = NodeId::Switch(self.neighbours[switch][number] as u32);
        let port = topology.switches[switch].iter().position(|end| end.peer.node == peer);
        PortRef { node: NodeId::Switch(switch as u32), port: port.expect("a neighbour has a port") as u16 }
    }
}

/// A ring in a graph, a shortest of those through one of its nodes; `next` says where edges lead from a node.
fn ring(nodes: usize, next: impl Fn(usize) -> Vec<usize>) -> Option<Vec<usize>> {
    let start = on_a_ring(nodes, &next)?;
    let mut from = vec![usize::MAX; nodes];
    let mut open = VecDeque::from([start]);
    while let Some(node) = open.pop_front().filter(|_| from[start] == usize::MAX) {
        for other in next(node) {
            if from[other] == usize::MAX {
                from[other] = node;
                open.push_back(other);
            }
        }
    }
    let mut ring = vec![start];
    let mut node = from[start];
    while node != start {
        ring.push(node);
        node = from[node];
    }
    ring[1..].reverse();
    Some(ring)
}

/// A node on a ring: one that a walk in depth comes back to.
fn on_a_ring(nodes: usize, next: &impl Fn(usize) -> Vec<usize>) -> Option<usize> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Never,
        OnTheWay,
        Done,
    }
    let mut seen = vec![Seen::Never; nodes];
    for start in 0..nodes {
        let mut way = vec![(start, vec![start])];
        while let Some((node, left)) = way.last_mut() {
            match left.pop() {
                Some(other) if seen[other] == Seen::OnTheWay => return Some(other),
                Some(other) if seen[other] == Seen::Never => {
                    seen[other] = Seen::OnTheWay;
                    way.push((other, next(other)));
                }
                Some(_) => {}
                None => {
                    seen[*node] = Seen::Done;
                    way.pop();
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
