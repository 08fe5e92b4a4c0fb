//! A scenario becomes a world.

use super::schedule::Schedule;
use super::storm::Storm;
use super::trigger::Shut;
use super::wire::WireCheck;
use super::{NodeSlot, Place, SwitchSlot, World};
use crate::cluster::ClusterError;
use crate::conformance::Trial;
use crate::fabrics;
use crate::node::{self, Setup, plan};
use crate::spec::fault::wire::REORDER_NS;
use crate::spec::files::TopologyFile;
use crate::spec::{Cluster, Scenario, WireEffect, WireFault};
use crate::switches;
use des::{Dur, Rng, Sequencer, SourceId, Time, TraceHash};
use fabric::address::Endpoint;
use fabric::rule::Loss;
use fabric::topology::CableEnd;
use fabric::{Link, Matcher, NodeId, Pick, PortRef, Rule, RuleSpec, Topology, Verdict};
use wire::{Psn, Qpn};

/// Frames that a capture keeps of one link.
const CAPTURE_FRAMES: usize = 1 << 20;

impl World {
    /// The world of a scenario, nothing started.
    pub(crate) fn build(scenario: &Scenario, trial: Option<&Trial>) -> Result<Self, ClusterError> {
        let (topology, seed) =
            (fabrics::build(&scenario.cluster, &TopologyFile::default())?.topology, scenario.about.seed);
        let hosts = topology.host_count();
        let place = |end: &CableEnd| Place { entity: entity(end.peer.node, &topology), port: end.peer.port };
        let places = |node| topology.ports(node).iter().map(place).collect::<Vec<_>>();
        let neighbours: Vec<Endpoint> = (0..hosts).map(|host| topology.endpoint(host, 0)).collect();
        let congestion = switches::scheme(scenario, || switches::round_trip(scenario, &topology));
        let mut nodes = Vec::with_capacity(hosts as usize);
        for host in 0..hosts {
            let own = neighbours[host as usize];
            let setup = Setup { host, own, neighbours: &neighbours, scenario, congestion, trial };
            nodes.push(NodeSlot {
                node: node::bring_up(&setup)?,
                own,
                links: topology.build_uplinks(host, seed),
                peers: places(NodeId::Host(host)),
                sequencer: Sequencer::new(SourceId(host)),
            });
        }
        let built = switches::build(scenario, &topology)?;
        let switches = (0..).zip(built).map(|(number, switch)| SwitchSlot {
            switch,
            peers: places(NodeId::Switch(number)),
            sequencer: Sequencer::new(SourceId(hosts + number)),
            hash: TraceHash::new(),
        });
        let switches = switches.collect();
        let mut world = Self {
            nodes,
            switches,
            links: links(&scenario.cluster, &topology),
            schedule: Schedule::default(),
            wire: WireCheck::new(scenario),
            watcher: None,
            limit: Time::ZERO + Dur::from_ms(scenario.about.time_limit_ms),
            events: 0,
            last: Time::ZERO,
            timed_out: false,
            deliveries: Vec::new(),
            outbox: Vec::new(),
            shut: Shut::of(&scenario.fault),
            wire_rows: Vec::new(),
            storms: Vec::new(),
            lossless: switches::mask(&scenario.fabric.pfc),
        };
        world.add_wire_faults(&scenario.fault.wire, seed)?;
        Ok(world)
    }

    fn add_wire_faults(&mut self, faults: &[WireFault], seed: u64) -> Result<(), ClusterError> {
        for fault in faults {
            let place = self
                .place_of(&fault.link)
                .ok_or_else(|| ClusterError::Fault(format!("there is no link {}", fault.link)))?;
            let Some(verdict) = verdict(fault) else {
                self.storms.push(Storm::new(fault, place));
                continue;
            };
            let rng = Rng::stream(seed, &format!("fault.wire.{}", fault.id));
            let rule = Rule::new(self.rule(fault, verdict), rng);
            let link = self.link_at(place);
            let index = link.rules().len();
            link.add_rule(if fault.when.is_some() { rule.shut() } else { rule });
            self.wire_rows.push((fault.id.clone(), place, index));
        }
        Ok(())
    }

    fn rule(&self, fault: &WireFault, verdict: Verdict) -> RuleSpec {
        let pick = match (fault.nth, fault.every, fault.probability) {
            (Some(first), ..) => Pick::Burst { first, count: fault.times.unwrap_or(1) },
            (None, Some(interval), _) => Pick::EveryNth(interval),
            (None, None, Some(probability)) => Pick::Chance(probability),
            (None, None, None) => Pick::Every,
        };
        RuleSpec { matcher: self.matcher(fault), window: plan::window(fault.from_us, fault.until_us), pick, verdict }
    }

    fn matcher(&self, fault: &WireFault) -> Matcher {
        let mut all = Vec::new();
        all.extend(fault.packet.map(|kind| Matcher::OneOf(kind.opcodes().map(Matcher::Opcode).collect())));
        all.extend(fault.psn.map(|psn| Matcher::Psn(Psn::new(psn))));
        all.extend(fault.dest_qp.map(|qp| Matcher::DestQp(Qpn::new(qp))));
        all.extend(fault.from_node.map(|node| Matcher::SourceIp(self.address(usize::from(node)))));
        all.extend(fault.to_node.map(|node| Matcher::DestIp(self.address(usize::from(node)))));
        if all.is_empty() { Matcher::Any } else { Matcher::All(all) }
    }

    /// Captures both directions of the cables with these names.
    pub(crate) fn capture(&mut self, scenario: &Scenario, cables: &[String]) {
        for cable in scenario.cluster.cables().iter().filter(|cable| cables.contains(&cable.name())) {
            for name in cable.links() {
                if let Some(link) = self.link_named(&name) {
                    link.start_capture(CAPTURE_FRAMES);
                }
            }
        }
    }

    pub(super) fn link_named(&mut self, name: &str) -> Option<&mut Link> {
        let place = self.place_of(name)?;
        Some(self.link_at(place))
    }

    fn place_of(&self, name: &str) -> Option<Place> {
        self.links.iter().find(|(known, _)| known == name).map(|(_, place)| *place)
    }

    /// The sending end at a place.
    pub(super) fn link_at(&mut self, place: Place) -> &mut Link {
        let entity = place.entity as usize;
        match entity.checked_sub(self.nodes.len()) {
            None => &mut self.nodes[entity].links[usize::from(place.port)],
            Some(switch) => self.switches[switch].switch.link_mut(place.port),
        }
    }
}

/// What becomes of the frames of a row; nothing, if it is not about frames.
fn verdict(fault: &WireFault) -> Option<Verdict> {
    let later = Dur::from_ns(fault.delay_ns.unwrap_or(REORDER_NS));
    Some(match fault.effect {
        WireEffect::Drop => Verdict::Drop(Loss::Rule),
        WireEffect::Corrupt => Verdict::Corrupt { bit: None },
        WireEffect::Duplicate => Verdict::Duplicate,
        WireEffect::Delay | WireEffect::Reorder => Verdict::Deliver { delay: later },
        WireEffect::EcnMark => Verdict::MarkEcn,
        WireEffect::Down => Verdict::Drop(Loss::LinkDown),
        WireEffect::PauseStorm => return None,
    })
}

/// Links by name, nodes' sending ends first. The cables of cluster and topology stand in the same order.
fn links(cluster: &Cluster, topology: &Topology) -> Vec<(String, Place)> {
    let place = |end: PortRef| Place { entity: entity(end.node, topology), port: end.port };
    let ends = cluster.cables().into_iter().zip(topology.cables()).map(|(cable, line)| {
        let [there, back] = cable.links();
        ((there, place(line.a)), (back, place(line.b)))
    });
    let (up, down): (Vec<_>, Vec<_>) = ends.unzip();
    up.into_iter().chain(down).collect()
}

/// Hosts first, then switches.
fn entity(node: NodeId, topology: &Topology) -> u32 {
    match node {
        NodeId::Host(host) => host,
        NodeId::Switch(switch) => topology.host_count() + switch,
    }
}
