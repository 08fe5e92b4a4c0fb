//! A scenario becomes a study.

use super::connect::Connections;
use super::event::{Event, Place};
use super::node::{Habits, LightNode, Uses};
use super::part::{Part, Schedule};
use super::rounds::Round;
use super::station::{Congestion, NodeSlot, Station, SwitchSlot};
use super::traffic::Planned;
use super::world::World;
use crate::cluster::ClusterError;
use crate::node::MappingCost;
use crate::options::Threads;
use crate::spec::{Flows, NicTime, Scenario};
use crate::{adapter, switches};
use des::{Agenda, Dur, Phase, Sequencer, SourceId, Time, TraceHash};
use fabric::topology::CableEnd;
use fabric::{NodeId, PortRef, Switch, Topology};

/// How far parts may run ahead of each other.
pub(super) fn look_ahead(topology: &Topology) -> Result<Dur, ClusterError> {
    match topology.look_ahead() {
        Dur::ZERO => {
            let what = "a study needs cables that take time, and one of them has a latency of zero";
            Err(ClusterError::topology("cluster", what, "give every cable a latency"))
        }
        time => Ok(time),
    }
}

impl World {
    /// The world of a study, nothing started. Every port of a host is a node.
    pub(super) fn build(
        scenario: &Scenario,
        flows: &Flows,
        topology: &Topology,
        planned: &[Planned],
        threads: Threads,
    ) -> Result<Self, ClusterError> {
        let look_ahead = look_ahead(topology)?;
        let homes = Homes::new(topology, threads);
        let mut connections = Connections::new(planned, topology.endpoint_count());
        let habits = habits(scenario, flows, planned);
        let mut nodes = nodes(scenario, habits, topology, &connections.uses, &homes)?;
        let mut agendas: Vec<Agenda<Event>> = nodes.iter().map(|_| Agenda::new()).collect();
        for (number, flow) in (0..).zip(planned) {
            let started = connections
                .take_on(&mut nodes, number, flow)
                .map_err(|what| ClusterError::Device { node: flow.from as usize, what })?;
            let sender = &mut nodes[flow.from as usize];
            if let Some(steps) = flow.step.filter(|steps| *steps > 0) {
                sender.node.wait(steps, started);
                continue;
            }
            let key = sender.sequencer.key(flow.start, Phase::Host);
            agendas[flow.from as usize].push(key, Event::Begin { number: started });
        }
        nodes.iter_mut().for_each(|slot| slot.node.started());
        let switches = switch_slots(scenario, topology, &homes)?;
        let idle = std::iter::repeat_with(Agenda::new).take(switches.len());
        let nodes = nodes.into_iter().map(Station::Node);
        let stations = nodes.chain(switches.into_iter().map(|slot| Station::Switch(Box::new(slot))));
        let mut parts = homes.parts();
        for ((&(part, _), station), agenda) in homes.all.iter().zip(stations).zip(agendas.into_iter().chain(idle)) {
            parts[usize::from(part)].add(station, agenda);
        }
        let limit = Time::ZERO + Dur::from_ms(scenario.about.time_limit_ms);
        Ok(Self {
            parts,
            homes: homes.all,
            schedule: Schedule { look_ahead, limit },
            last_start: planned.iter().map(|flow| flow.start).max().unwrap_or(Time::ZERO),
            timed_out: false,
            standstill: None,
            ended: vec![None; planned.len()],
            packets: planned.iter().map(|flow| flow.bytes.div_ceil(scenario.cluster.mtu_bytes.into())).sum(),
        })
    }
}

/// Who simulates which station.
struct Homes<'a> {
    topology: &'a Topology,
    /// Part, and station there: endpoints first, then switches.
    all: Vec<(u16, u32)>,
}

impl<'a> Homes<'a> {
    fn new(topology: &'a Topology, threads: Threads) -> Self {
        let stations = topology.endpoint_count() + topology.switch_count();
        let parts = threads.0.get().min(u16::try_from(stations).unwrap_or(u16::MAX));
        let partition = topology.partition(parts);
        let ports = |host| topology.ports(NodeId::Host(host)).iter().map(move |_| NodeId::Host(host));
        let switches = (0..topology.switch_count()).map(NodeId::Switch);
        let nodes = (0..topology.host_count()).flat_map(ports).chain(switches);
        let mut counts = vec![0; parts.into()];
        let home = |node| {
            let part = partition.part(node);
            let station = &mut counts[usize::from(part)];
            *station += 1;
            (part, *station - 1)
        };
        Self { topology, all: nodes.map(home).collect() }
    }

    /// The parts, without stations, each with its turns.
    fn parts(&self) -> Vec<Part> {
        let round = Round::new(self.topology, &self.all);
        let parts = self.all.iter().map(|(part, _)| *part).max().map_or(1, |last| last + 1);
        (0..parts).map(|number| Part::new(number, parts.into(), round.of_part(number, &self.all))).collect()
    }

    /// The other end of a cable.
    fn place(&self, end: &CableEnd) -> Place {
        let PortRef { node, port } = end.peer;
        let (number, port) = match node {
            NodeId::Host(host) => (self.topology.endpoint(host, port).0, 0),
            NodeId::Switch(switch) => (self.topology.endpoint_count() + switch, port),
        };
        let (part, station) = self.all[number as usize];
        Place { part, port, station }
    }
}

fn switch_slots(scenario: &Scenario, topology: &Topology, homes: &Homes<'_>) -> Result<Vec<SwitchSlot>, ClusterError> {
    let built = switches::build(scenario, topology)?;
    let slot = |(number, switch): (u32, Switch)| SwitchSlot {
        switch,
        peers: topology.ports(NodeId::Switch(number)).iter().map(|end| homes.place(end)).collect(),
        sequencer: Sequencer::new(SourceId(topology.endpoint_count() + number)),
        hash: TraceHash::new(),
        outbox: Vec::new(),
    };
    Ok((0..).zip(built).map(slot).collect())
}

fn habits(scenario: &Scenario, flows: &Flows, planned: &[Planned]) -> Habits {
    let longest = planned.iter().map(|flow| flow.bytes).max().unwrap_or(1);
    Habits {
        message_bytes: u64::from(flows.message_bytes).min(longest) as u32,
        window_messages: flows.window_messages,
        payload: flows.payload,
        mtu_bytes: scenario.cluster.mtu_bytes,
    }
}

fn nodes(
    scenario: &Scenario,
    habits: Habits,
    topology: &Topology,
    uses: &[Uses],
    homes: &Homes<'_>,
) -> Result<Vec<Box<NodeSlot>>, ClusterError> {
    let timed = scenario.nic.time == NicTime::Timed;
    let mapping = MappingCost::of_scenario(&scenario.nic);
    let round_trip = switches::round_trip(scenario, topology);
    let scheme = switches::scheme(scenario, || round_trip);
    let mut nodes = Vec::with_capacity(uses.len());
    for host in 0..topology.host_count() {
        let ends = topology.ports(NodeId::Host(host));
        for ((port, end), link) in (0..).zip(ends).zip(topology.build_uplinks(host, scenario.about.seed)) {
            let endpoint = topology.endpoint(host, port);
            let uses = uses[endpoint.0 as usize];
            let mut nic = adapter::config(scenario, endpoint, endpoint.0, scheme);
            adapter::widen(&mut nic, scenario, topology.cables()[end.cable].line.rate, round_trip);
            let node = LightNode::new(endpoint, nic, habits, uses, timed, mapping)
                .map_err(|what| ClusterError::Device { node: endpoint.0 as usize, what })?;
            let sequencer = Sequencer::new(SourceId(endpoint.0));
            let (peer, congestion) = (homes.place(end), Congestion::default());
            nodes.push(Box::new(NodeSlot { node, link, peer, sequencer, frames_received: 0, congestion }));
        }
    }
    Ok(nodes)
}
