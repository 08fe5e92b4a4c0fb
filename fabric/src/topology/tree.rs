//! Trees: every way goes up and then down.

use crate::address::Endpoint;
use crate::topology::{CABLES_MAX, Cabling, SWITCHES_MAX, Topology, TopologyError, Wiring};

/// Looks whether a builder's parameter is in `min..=max`.
pub(super) fn check(
    topology: &'static str,
    name: &'static str,
    actual: u64,
    min: u64,
    max: u64,
) -> Result<(), TopologyError> {
    if (min..=max).contains(&actual) {
        return Ok(());
    }
    Err(TopologyError::Parameter { topology, name, actual, min, max })
}

/// Looks whether there are addresses and switch numbers enough, before anything is built.
pub(super) fn check_size(endpoints: u64, switches: u64) -> Result<(), TopologyError> {
    let limit = Endpoint::LIMIT.into();
    if endpoints > limit {
        return Err(TopologyError::TooManyEndpoints { actual: endpoints, limit });
    }
    let limit = SWITCHES_MAX.into();
    if switches > limit {
        return Err(TopologyError::TooManySwitches { actual: switches, limit });
    }
    Ok(())
}

/// Looks whether there are not too many cables.
pub(super) fn check_cables(actual: u64) -> Result<(), TopologyError> {
    let limit = CABLES_MAX.into();
    if actual > limit { Err(TopologyError::TooManyCables { actual, limit }) } else { Ok(()) }
}

/// Product that stops at the top.
pub(super) fn product<const N: usize>(factors: [u32; N]) -> u64 {
    factors.into_iter().fold(1, |product, factor| product.saturating_mul(factor.into()))
}

impl Topology {
    /// Two hosts and a cable between them.
    ///
    /// # Errors
    /// None; the signature is that of all builders.
    pub fn back_to_back(cabling: Cabling) -> Result<Self, TopologyError> {
        let mut wiring = Wiring::new();
        let (a, b) = (wiring.host(), wiring.host());
        wiring.cable(a, b, cabling.host);
        wiring.finish()
    }

    /// `hosts` hosts around one switch.
    ///
    /// # Errors
    /// If there are no hosts, or more than a switch has ports.
    pub fn star(hosts: u32, cabling: Cabling) -> Result<Self, TopologyError> {
        check("star", "hosts", hosts.into(), 1, u16::MAX.into())?;
        let mut wiring = Wiring::new();
        let hub = wiring.switches(1)[0];
        for host in wiring.hosts(hosts) {
            wiring.cable(host, hub, cabling.host);
        }
        wiring.finish()
    }

    /// Two layers: every leaf has `hosts_per_leaf` hosts and a cable to every spine. Leaves are numbered first.
    ///
    /// # Errors
    /// If a parameter is zero, or a switch would have too many ports.
    pub fn leaf_spine(leaves: u32, spines: u32, hosts_per_leaf: u32, cabling: Cabling) -> Result<Self, TopologyError> {
        const NAME: &str = "leaf-spine";
        let ports_max = u16::MAX.into();
        check(NAME, "leaves", leaves.into(), 1, ports_max)?;
        check(NAME, "spines", spines.into(), 1, ports_max)?;
        check(NAME, "hosts per leaf", hosts_per_leaf.into(), 1, ports_max - u64::from(spines))?;
        check_size(product([leaves, hosts_per_leaf]), u64::from(leaves) + u64::from(spines))?;
        check_cables(product([leaves, hosts_per_leaf]).saturating_add(product([leaves, spines])))?;
        let mut wiring = Wiring::new();
        let leaves = wiring.switches(leaves);
        let spines = wiring.switches(spines);
        for &leaf in &leaves {
            for host in wiring.hosts(hosts_per_leaf) {
                wiring.cable(host, leaf, cabling.host);
            }
            spines.iter().for_each(|&spine| wiring.cable(leaf, spine, cabling.fabric));
        }
        wiring.finish()
    }

    /// Three layers of switches with `k` ports (Al-Fares et al., SIGCOMM 2008): `k` pods of `k/2` edge and `k/2`
    /// aggregation switches, `(k/2)²` cores, `k³/4` hosts. Aggregation switch i of each pod goes to cores `i * k/2` to
    /// `i * k/2 + k/2 - 1`. Edges are numbered first, then aggregations, then cores.
    ///
    /// # Errors
    /// If `k` is odd, below 2, or too large.
    pub fn fat_tree(k: u32, cabling: Cabling) -> Result<Self, TopologyError> {
        // 5/4 k² switches, 3/4 k³ cables.
        check("fat tree", "k", k.into(), 2, 110)?;
        if !k.is_multiple_of(2) {
            return Err(TopologyError::OddRadix { k });
        }
        let half = k / 2;
        Self::three_layer(k, half, half, half, half, cabling)
    }

    /// Three layers of any proportion: `pods` pods of `edges` edge switches with `hosts_per_edge` hosts each, and of
    /// `aggregations` aggregation switches with a cable to every edge of the pod. Aggregation switch i of each pod goes to
    /// cores `i * cores` to `i * cores + cores - 1`. With 5, 4, 4, 4 and 16 it is the tree of the HPCC paper (SIGCOMM 2019).
    ///
    /// # Errors
    /// If a parameter is zero, or a switch would have too many ports.
    pub fn three_layer(
        pods: u32,
        edges: u32,
        aggregations: u32,
        cores: u32,
        hosts_per_edge: u32,
        cabling: Cabling,
    ) -> Result<Self, TopologyError> {
        const NAME: &str = "three-layer";
        let ports_max = u16::MAX.into();
        for (name, actual) in [("pods", pods), ("edges", edges), ("aggregations", aggregations), ("cores", cores)] {
            check(NAME, name, actual.into(), 1, ports_max)?;
        }
        check(NAME, "hosts per edge", hosts_per_edge.into(), 1, ports_max)?;
        let in_pods = product([pods, edges]).saturating_add(product([pods, aggregations]));
        check_size(product([pods, edges, hosts_per_edge]), in_pods.saturating_add(product([aggregations, cores])))?;
        let between = product([pods, edges, aggregations]).saturating_add(product([pods, aggregations, cores]));
        check_cables(product([pods, edges, hosts_per_edge]).saturating_add(between))?;
        let mut wiring = Wiring::new();
        let edge_switches = wiring.switches(pods * edges);
        let aggregation_switches = wiring.switches(pods * aggregations);
        let core_switches = wiring.switches(aggregations * cores);
        let pods = edge_switches.chunks(edges as usize).zip(aggregation_switches.chunks(aggregations as usize));
        for (edges, aggregations) in pods {
            for &edge in edges {
                for host in wiring.hosts(hosts_per_edge) {
                    wiring.cable(host, edge, cabling.host);
                }
                aggregations.iter().for_each(|&aggregation| wiring.cable(edge, aggregation, cabling.fabric));
            }
            for (&aggregation, cores) in aggregations.iter().zip(core_switches.chunks(cores as usize)) {
                cores.iter().for_each(|&core| wiring.cable(aggregation, core, cabling.fabric));
            }
        }
        wiring.finish()
    }

    /// Hosts with one port a rail, in units of `hosts_per_unit`: port r of every host of a unit goes to the unit's leaf
    /// r, every leaf to every spine. Traffic between ports of one rail and unit takes one switch. Leaves are numbered
    /// first, by unit, then rail. Without spines (and with one unit) the rails are apart.
    ///
    /// # Errors
    /// If a parameter is zero, there are several units without spines, or a switch would have too many ports.
    pub fn rail_optimised(
        units: u32,
        hosts_per_unit: u32,
        rails: u32,
        spines: u32,
        cabling: Cabling,
    ) -> Result<Self, TopologyError> {
        const NAME: &str = "rail-optimised";
        let ports_max = u16::MAX.into();
        check(NAME, "units", units.into(), 1, ports_max)?;
        check(NAME, "rails", rails.into(), 1, ports_max)?;
        check(NAME, "spines", spines.into(), u64::from(units > 1), ports_max - 1)?;
        check(NAME, "hosts per unit", hosts_per_unit.into(), 1, ports_max - u64::from(spines))?;
        check_size(product([units, hosts_per_unit, rails]), product([units, rails]) + u64::from(spines))?;
        let between = product([units, rails, spines]);
        check_cables(product([units, hosts_per_unit, rails]).saturating_add(between))?;
        let mut wiring = Wiring::new();
        let leaves = wiring.switches(units * rails);
        let spines = wiring.switches(spines);
        for leaves in leaves.chunks(rails as usize) {
            for host in wiring.hosts(hosts_per_unit) {
                leaves.iter().for_each(|&leaf| wiring.cable(host, leaf, cabling.host));
            }
            for &leaf in leaves {
                spines.iter().for_each(|&spine| wiring.cable(leaf, spine, cabling.fabric));
            }
        }
        wiring.finish()
    }
}
