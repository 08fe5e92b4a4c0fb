//! What a scenario may do that its author may not have meant: warnings, which change nothing.

use crate::adapter;
use crate::paths::FRAME_HEADER_BYTES;
use crate::spec::check::Violation;
use crate::spec::{NicTime, Scenario};
use crate::standstill::ring_text;
use crate::switches;
use des::Rate;
use fabric::address::Endpoint;
use fabric::switch::{BufferConfig, SwitchConfig};
use fabric::topology::Cable;
use fabric::{NodeId, Topology};
use nic_model::pcie::write_bps;
use std::collections::BTreeMap;

/// Everything to be warned of before a scenario runs, if `flows` (from, to) are all that is sent.
pub(crate) fn warnings(
    scenario: &Scenario,
    topology: &Topology,
    flows: impl Iterator<Item = (Endpoint, Endpoint)>,
) -> Vec<Violation> {
    let config = switches::config(scenario);
    let lossless = config.buffer.lossless != 0;
    let headroom = lossless.then(|| headroom(scenario, &config, topology)).flatten();
    let watched = config.watchdog.is_some();
    let deadlock = (lossless && !watched).then(|| deadlock(scenario, topology, flows)).flatten();
    slow_adapter(scenario, topology).into_iter().chain(headroom).chain(deadlock).collect()
}

/// Warns of links that are faster than what the profile's adapter can write to its host.
fn slow_adapter(scenario: &Scenario, topology: &Topology) -> Option<Violation> {
    let adapter = Rate::from_bps(write_bps(&adapter::profile(&scenario.nic).pcie));
    let hosts = (0..topology.host_count()).flat_map(|host| topology.ports(NodeId::Host(host)));
    let link = hosts.map(|end| topology.cables()[end.cable].line.rate).max_by_key(|rate| rate.as_bps())?;
    let slow = scenario.nic.time == NicTime::Timed && link.as_bps() > adapter.as_bps();
    slow.then(|| Violation {
        path: "nic.profile".to_owned(),
        message: format!("links of {link} are faster than the adapter, whose PCIe link brings {adapter} to its host"),
        remedy: "lower the links' rate, or choose a profile with a faster PCIe link".to_owned(),
    })
}

/// Everybody's flows to everybody: one host port of each switch stands for all.
pub(crate) fn everybody(topology: &Topology) -> impl Iterator<Item = (Endpoint, Endpoint)> {
    let ports = (0..topology.host_count()).flat_map(|host| {
        let numbered = (0..).zip(topology.ports(NodeId::Host(host)));
        numbered.map(move |(port, end)| (end.peer.node, topology.endpoint(host, port)))
    });
    let of_switch: BTreeMap<NodeId, Endpoint> = ports.collect();
    let endpoints: Vec<Endpoint> = of_switch.into_values().collect();
    let others = endpoints.clone();
    endpoints.into_iter().flat_map(move |from| others.clone().into_iter().map(move |to| (from, to)))
}

/// Warns of flow control that can stop switches for ever.
fn deadlock(
    scenario: &Scenario,
    topology: &Topology,
    flows: impl Iterator<Item = (Endpoint, Endpoint)>,
) -> Option<Violation> {
    // Acknowledgements go back in the same priority.
    let ring = topology.ring_of_ways(flows.flat_map(|(from, to)| [(from, to), (to, from)]))?;
    let message = format!(
        "flow control can stop these switches for ever, each with a buffer full of what is for the next: {}",
        ring_text(&ring)
    );
    let remedy = "add [fabric.pfc_watchdog], or write pfc = [] in [fabric], or choose a topology without such rings, \
                  as leaf-spine or fat-tree";
    let path = format!("cluster.topology.{}", scenario.cluster.topology.name());
    Some(Violation { path, message, remedy: remedy.to_owned() })
}

/// Warns of a cable that brings more after a pause than is kept for it.
fn headroom(scenario: &Scenario, config: &SwitchConfig, topology: &Topology) -> Option<Violation> {
    let frame_bytes = u32::from(scenario.cluster.mtu_bytes) + FRAME_HEADER_BYTES;
    let needed = |cable: &Cable| {
        BufferConfig::headroom_for(cable.line, config.forwarding_latency, config.port_fifo_bytes, frame_bytes)
    };
    let is_switch = |node: NodeId| matches!(node, NodeId::Switch(_));
    let cables = topology.cables().iter().filter(|cable| is_switch(cable.a.node) || is_switch(cable.b.node));
    // Of equal ones the first.
    let (bytes, cable) = cables.map(|cable| (needed(cable), cable)).rev().max_by_key(|(bytes, _)| *bytes)?;
    (bytes > config.buffer.headroom_bytes).then(|| Violation {
        path: "fabric.headroom_bytes".to_owned(),
        message: format!(
            "the cable between {} and {} ({}, {}) can bring {bytes} bytes after a pause, and `headroom_bytes` is {}: \
             frames of lossless priorities can be lost",
            cable.a.node, cable.b.node, cable.line.rate, cable.line.latency, config.buffer.headroom_bytes
        ),
        remedy: format!("write headroom_bytes = {bytes} or more in [fabric], or pfc = []"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabrics;
    use crate::spec::fabric::{PfcWatchdog, WatchdogAction};
    use crate::spec::files::TopologyFile;
    use crate::spec::{CableDelay, Topology as Shape};

    fn messages(scenario: &Scenario) -> Vec<String> {
        let topology = fabrics::build(&scenario.cluster, &TopologyFile::default()).expect("it is possible").topology;
        warnings(scenario, &topology, everybody(&topology)).iter().map(ToString::to_string).collect()
    }

    fn of(topology: Shape) -> Scenario {
        let mut scenario = Scenario::named("a");
        scenario.cluster.topology = topology;
        scenario
    }

    #[test]
    fn trees_of_ordinary_cables_are_no_reason_to_warn() {
        for shape in [Shape::Star, Shape::BackToBack, Shape::FatTree { k: 4 }] {
            assert_eq!(messages(&of(shape)), Vec::<String>::new());
        }
    }

    #[test]
    fn links_beyond_the_adapter_are_named() {
        let mut scenario = of(Shape::Star);
        scenario.cluster.rate_gbps = 200;
        let [warning] = &messages(&scenario)[..] else { panic!("one warning") };
        assert!(
            warning.contains("links of 200.00 Gb/s are faster than the adapter, whose PCIe link brings 103.95 Gb/s"),
            "{warning}"
        );
        scenario.nic.time = NicTime::Zero;
        assert_eq!(messages(&scenario), Vec::<String>::new());
    }

    #[test]
    fn rings_are_named_unless_something_ends_them() {
        let mut scenario = of(Shape::Dragonfly { routers: 2, nodes_per_router: 1, globals: 1 });
        let [warning] = &messages(&scenario)[..] else { panic!("one warning") };
        assert!(warning.contains("switch 0 port ") && warning.contains("[fabric.pfc_watchdog]"), "{warning}");
        scenario.fabric.pfc_watchdog =
            Some(PfcWatchdog { detect_us: 200, restore_us: 200, action: WatchdogAction::Drop });
        assert_eq!(messages(&scenario), Vec::<String>::new());
        scenario.fabric.pfc_watchdog = None;
        scenario.fabric.pfc.clear();
        assert_eq!(messages(&scenario), Vec::<String>::new());
    }

    #[test]
    fn a_long_cable_names_the_headroom_that_it_needs() {
        let mut scenario = of(Shape::LeafSpine { leaves: 2, spines: 1, nodes_per_leaf: 2 });
        scenario.cluster.fabric_cable = Some(CableDelay { length_m: 10_000, ..CableDelay::default() });
        let [warning] = &messages(&scenario)[..] else { panic!("one warning") };
        // 2 * 49 us and the switch's 300 ns at 100 Gb/s, three frames, two FIFOs and the pause.
        let needed = (98_000 + 300) * 100 / 8 + 3 * (4_096 + 74 + 24) + 2 * 4_096 + 84;
        assert!(warning.contains(&format!("write headroom_bytes = {needed} or more")), "{warning}");
        assert!(warning.contains("between switch 0 and switch 2 (100.00 Gb/s, 49.000 us)"), "{warning}");
        scenario.fabric.headroom_bytes = needed;
        assert_eq!(messages(&scenario), Vec::<String>::new());
    }
}
