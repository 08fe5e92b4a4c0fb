//! Whether a topology has two sides, so that every cable leads from one to the other.

use crate::topology::{NodeId, PortRef, Topology};

impl Topology {
    /// Of each endpoint, and behind them of each switch, whether it is on the second of two sides. `None` if there is a ring of an
    /// odd number of cables, as among the switches of a dragonfly's group. Several ports of a host are endpoints that have
    /// nothing to do with each other.
    #[must_use]
    pub fn sides(&self) -> Option<Vec<bool>> {
        let endpoints = self.endpoint_count();
        let station = |end: PortRef| match end.node {
            NodeId::Host(host) => self.endpoint(host, end.port).0 as usize,
            NodeId::Switch(switch) => (endpoints + switch) as usize,
        };
        let mut peers = vec![Vec::new(); (endpoints + self.switch_count()) as usize];
        for (a, b) in self.cables.iter().map(|cable| (station(cable.a), station(cable.b))) {
            peers[a].push(b);
            peers[b].push(a);
        }
        let mut sides = vec![None; peers.len()];
        for start in 0..peers.len() {
            let mut next = Vec::new();
            if sides[start].is_none() {
                next.push((start, false));
            }
            while let Some((station, side)) = next.pop() {
                match sides[station] {
                    None => {
                        sides[station] = Some(side);
                        next.extend(peers[station].iter().map(|&peer| (peer, !side)));
                    }
                    Some(known) if known != side => return None,
                    Some(_) => {}
                }
            }
        }
        sides.into_iter().collect()
    }
}
