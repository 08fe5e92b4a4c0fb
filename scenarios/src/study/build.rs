//! A scenario becomes a study.

use super::node::{Habits, LightNode};
use super::traffic::Planned;
use super::world::{Crossings, Event, NodeSlot, Place, SwitchSlot, World};
use crate::cluster::ClusterError;
use crate::spec::{Flows, NicProfile, NicTime, Scenario};
use des::{Dur, EventQueue, Phase, Sequencer, SourceId, Time, TraceHash};
use fabric::address::Endpoint;
use fabric::topology::CableEnd;
use fabric::{NodeId, PortRef, SwitchConfig, Topology};
use nic_model::config::{Config as NicConfig, PortConfig};
use wire::Psn;

impl World {
    /// The world of a study, nothing started. Every port of a host is a node.
    pub(super) fn build(
        scenario: &Scenario,
        flows: &Flows,
        topology: &Topology,
        planned: &[Planned],
    ) -> Result<Self, ClusterError> {
        let seed = scenario.about.seed;
        let endpoints = topology.endpoint_count();
        let mut nodes = nodes(scenario, flows, topology, planned)?;
        let mut queue = EventQueue::new();
        for (number, flow) in (0..).zip(planned) {
            let started = connect(&mut nodes, number, flow)
                .map_err(|what| ClusterError::Device { node: flow.from as usize, what })?;
            let key = nodes[flow.from as usize].sequencer.key(flow.start, Phase::Host);
            queue.push(key, Event::Begin { entity: flow.from, number: started });
        }
        nodes.iter_mut().for_each(|slot| slot.node.started());
        let built = topology
            .build_switches(&switch_config(), seed)
            .map_err(|error| ClusterError::Topology(error.to_string()))?;
        let switches = (0..).zip(built).map(|(number, switch)| SwitchSlot {
            switch,
            peers: topology.ports(NodeId::Switch(number)).iter().map(|end| place(topology, end)).collect(),
            sequencer: Sequencer::new(SourceId(endpoints + number)),
            hash: TraceHash::new(),
        });
        Ok(Self {
            switches: switches.collect(),
            nodes,
            queue,
            limit: Time::ZERO + Dur::from_ms(scenario.about.time_limit_ms),
            events: 0,
            last: Time::ZERO,
            timed_out: false,
            crossings: Crossings::default(),
            ended: vec![None; planned.len()],
            deliveries: Vec::new(),
            outbox: Vec::new(),
        })
    }
}

fn nodes(
    scenario: &Scenario,
    flows: &Flows,
    topology: &Topology,
    planned: &[Planned],
) -> Result<Vec<NodeSlot>, ClusterError> {
    let mut sends = vec![0; topology.endpoint_count() as usize];
    planned.iter().for_each(|flow| sends[flow.from as usize] += 1);
    let longest = planned.iter().map(|flow| flow.bytes).max().unwrap_or(1);
    let habits = Habits {
        message_bytes: u64::from(flows.message_bytes).min(longest) as u32,
        window_messages: flows.window_messages,
        payload: flows.payload,
        mtu_bytes: scenario.cluster.mtu_bytes,
    };
    let timed = scenario.nic.time == NicTime::Timed;
    let mut nodes = Vec::with_capacity(sends.len());
    for host in 0..topology.host_count() {
        let ends = topology.ports(NodeId::Host(host));
        for ((port, end), link) in (0..).zip(ends).zip(topology.build_uplinks(host, scenario.about.seed)) {
            let endpoint = topology.endpoint(host, port);
            let sends = sends[endpoint.0 as usize];
            let node = LightNode::new(endpoint, nic(scenario, endpoint, timed), habits, sends, timed)
                .map_err(|what| ClusterError::Device { node: endpoint.0 as usize, what })?;
            let sequencer = Sequencer::new(SourceId(endpoint.0));
            nodes.push(NodeSlot { node, link, peer: place(topology, end), sequencer });
        }
    }
    Ok(nodes)
}

fn nic(scenario: &Scenario, endpoint: Endpoint, timed: bool) -> NicConfig {
    let NicProfile::Generic100g = scenario.nic.profile;
    let generic = NicConfig::generic(endpoint.0);
    let ports = vec![PortConfig { mac: endpoint.mac(), guid: generic.ports[0].guid }];
    let config = NicConfig { ports, ..generic };
    if timed { config } else { config.in_zero_time() }
}

/// The default switch with a little memory in its ports, as real ones have: one wake-up sends several frames.
fn switch_config() -> SwitchConfig {
    const PORT_FIFO_BYTES: u32 = 4_096;
    SwitchConfig { port_fifo_bytes: PORT_FIFO_BYTES, ..SwitchConfig::default() }
}

/// Gives a flow its queue pairs; gives its number at the sender.
fn connect(nodes: &mut [NodeSlot], number: u32, flow: &Planned) -> Result<u32, String> {
    let [from, to] = nodes
        .get_disjoint_mut([flow.from as usize, flow.to as usize])
        .map_err(|_| "a flow leads from one node to another".to_owned())?;
    let (qp, peer_qp) = (from.node.create_qp()?, to.node.create_qp()?);
    let first = Psn::new(number);
    from.node.connect(qp, &to.node, peer_qp, first)?;
    to.node.connect(peer_qp, &from.node, qp, first)?;
    Ok(from.node.add(number, qp, flow.bytes, &to.node))
}

/// The other end of a cable.
fn place(topology: &Topology, end: &CableEnd) -> Place {
    let PortRef { node, port } = end.peer;
    match node {
        NodeId::Host(host) => Place { entity: topology.endpoint(host, port).0, port: 0 },
        NodeId::Switch(switch) => Place { entity: topology.endpoint_count() + switch, port },
    }
}
