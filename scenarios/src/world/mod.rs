//! The world: nodes and switches, and the one total order of what happens between them.
//!
//! Reading order: this module (the event loop), [`build`] (a scenario becomes a world), [`report`] (a world becomes a report),
//! [`schedule`] (what happens next), [`wire`](mod@wire) (the checker of all frames), [`watch`] (a run writes down what happens),
//! [`trigger`] (what opens rows of a plan), [`storm`] (ports that never stop to ask for silence).
//!
//! Nodes and switches influence each other only by what travels on links, and every event's key comes from the one who
//! caused it, so the order does not depend on how the events were found.

mod build;
mod report;
mod schedule;
mod storm;
mod trigger;
mod watch;
mod wire;

pub(crate) use report::{complete, contract, judge, metered};

use crate::node::{Hardware, Node, NodeEvent, Outgoing};
use crate::options::{Milestone, Progress};
use ::wire::Frame;
use des::{Dur, Key, Phase, Sequencer, Time, TraceHash};
use fabric::address::Endpoint;
use fabric::{Delivery, Link, Pause, Switch};
use schedule::Schedule;
use std::net::{IpAddr, Ipv6Addr};
use storm::Storm;
use trigger::Shut;
use watch::Watcher;

/// Events between two reports of progress.
const PROGRESS_EVERY: u64 = 1 << 14;

/// A node or a switch, and one of its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Nodes first, then switches.
    entity: u32,
    port: u16,
}

#[derive(Debug)]
struct Event {
    entity: u32,
    what: What,
}

#[derive(Debug)]
enum What {
    Node(NodeEvent),
    SwitchFrame {
        port: u16,
        frame: Box<Frame>,
    },
    SwitchPause {
        port: u16,
        pause: Pause,
    },
    SwitchWake {
        port: u16,
    },
    /// A storm of the plan goes on.
    Storm(usize),
}

/// A node with its cables' sending ends.
#[derive(Debug)]
struct NodeSlot {
    node: Node,
    own: Endpoint,
    links: Vec<Link>,
    peers: Vec<Place>,
    sequencer: Sequencer,
}

#[derive(Debug)]
struct SwitchSlot {
    switch: Switch,
    peers: Vec<Place>,
    sequencer: Sequencer,
    hash: TraceHash,
}

/// Everything that is simulated.
#[derive(Debug)]
pub(crate) struct World {
    nodes: Vec<NodeSlot>,
    switches: Vec<SwitchSlot>,
    /// Sending ends by the names that scenario files and reports use, nodes' first.
    links: Vec<(String, Place)>,
    schedule: Schedule,
    wire: wire::WireCheck,
    /// Who writes down what happens, if anybody does.
    watcher: Option<Box<Watcher>>,
    limit: Time,
    events: u64,
    /// When something happened last; a wake-up for nothing is nothing.
    last: Time,
    timed_out: bool,
    deliveries: Vec<Delivery>,
    outbox: fabric::Outbox,
    /// Rows of the plan that wait for something.
    shut: Vec<Shut>,
    /// Rows of `[[fault.wire]]`: name, link and place among its rules.
    wire_rows: Vec<(String, Place, usize)>,
    /// Those of its rows that are storms.
    storms: Vec<Storm>,
    /// Priorities with flow control, one bit each.
    lossless: u8,
}

impl World {
    pub(crate) fn node(&self, index: usize) -> &Node {
        &self.nodes[index].node
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn address(&self, index: usize) -> IpAddr {
        self.nodes[index].own.ipv4().into()
    }

    pub(crate) fn ipv6(&self, index: usize) -> Ipv6Addr {
        self.nodes[index].own.ipv6()
    }

    /// Runs until nothing is left to happen, or the time limit. `done` says how much of the workload is, in thousandths.
    pub(crate) fn run(&mut self, progress: Option<&Progress>, done: &dyn Fn() -> u64) {
        self.count_calls();
        self.begin_storms();
        for index in 0..self.nodes.len() {
            self.nodes[index].node.start();
            self.collect_node(index);
        }
        let mut told = 0;
        while let Some((key, event)) = self.schedule.pop_before(self.limit) {
            match self.watcher.is_some() {
                false => drop(self.handle(key, event)),
                true => self.handle_watched(key, event),
            }
            if let Some(progress) = progress
                && self.events >= told + PROGRESS_EVERY
            {
                told = self.events;
                let simulated_ps = key.time().as_ps();
                progress.set(Milestone { events: self.events, simulated_ps, permille: done() });
            }
        }
        self.timed_out = !self.schedule.is_empty();
    }

    /// Handles an event; returns whether anything came of it.
    fn handle(&mut self, key: Key, event: Event) -> bool {
        let (now, entity) = (key.time(), event.entity as usize);
        let happened = match event.what {
            What::Node(event) => {
                if let NodeEvent::Frame { frame, .. } = &event {
                    self.wire.arrived(now, entity as u32, frame);
                }
                let happened = self.nodes[entity].node.handle(now, event);
                if happened {
                    self.nodes[entity].node.core().hash.mix(key.time().as_ps());
                }
                self.collect_node(entity);
                happened
            }
            What::Storm(index) => {
                self.storm(now, index);
                true
            }
            what => {
                self.handle_switch(key, entity - self.nodes.len(), what);
                true
            }
        };
        if happened {
            self.events += 1;
            self.last = now;
            if !self.shut.is_empty() {
                self.open_rows(now);
            }
        }
        happened
    }

    fn handle_switch(&mut self, key: Key, index: usize, what: What) {
        let slot = &mut self.switches[index];
        let (now, out) = (key.time(), &mut self.outbox);
        slot.hash.mix(now.as_ps());
        match what {
            What::SwitchFrame { port, frame } => {
                self.wire.arrived(now, (self.nodes.len() + index) as u32, &frame);
                slot.hash.mix(u64::from(port) << 32 | frame.wire_len() as u64);
                slot.switch.on_frame(now, port, frame, out);
            }
            What::SwitchPause { port, pause } => slot.switch.on_pause(now, port, pause, out),
            What::SwitchWake { port } => slot.switch.on_wake(now, port, out),
            What::Node(_) | What::Storm(_) => unreachable!("such events are not a switch's"),
        }
        let entity = (self.nodes.len() + index) as u32;
        for output in self.outbox.drain(..) {
            let slot = &mut self.switches[index];
            match output {
                fabric::Output::Frame { port, at, frame } => {
                    let (place, key) = (slot.peers[usize::from(port)], slot.sequencer.key(at, Phase::Wire));
                    push_frame(&mut self.schedule, self.nodes.len(), key, place, frame);
                }
                fabric::Output::Pause { port, at, pause } => {
                    let (place, key) = (slot.peers[usize::from(port)], slot.sequencer.key(at, Phase::Wire));
                    push_pause(&mut self.schedule, self.nodes.len(), key, place, pause);
                }
                fabric::Output::Wake { port, at } => {
                    let key = slot.sequencer.key(at, Phase::Device);
                    self.schedule.push(key, Event { entity, what: What::SwitchWake { port } });
                }
            }
        }
    }

    /// Takes what a node wants to happen later, at itself and beyond its cables.
    fn collect_node(&mut self, index: usize) {
        let count = self.nodes.len();
        let NodeSlot { node, own, links, peers, sequencer, .. } = &mut self.nodes[index];
        let mut core = node.core();
        for (at, phase, event) in core.later.drain(..) {
            let key = sequencer.key(at, phase);
            self.schedule.push(key, Event { entity: index as u32, what: What::Node(event) });
        }
        let Hardware { outgoing, .. } = &mut core.hardware;
        for outgoing in outgoing.drain(..) {
            match outgoing {
                Outgoing::Frame { at, port, frame } => {
                    let port = usize::from(port);
                    links[port].send(at, frame, &mut self.deliveries);
                    self.wire.spoil(&mut self.deliveries);
                    for Delivery { at, frame } in self.deliveries.drain(..) {
                        push_frame(&mut self.schedule, count, sequencer.key(at, Phase::Wire), peers[port], frame);
                    }
                }
                Outgoing::Pause { at, port, classes, length } => {
                    let (port, pause) = (usize::from(port), Pause { priorities: classes, length });
                    if let Some(at) = links[port].send_pause(at, pause, own.mac()) {
                        push_pause(&mut self.schedule, count, sequencer.key(at, Phase::Wire), peers[port], pause);
                    }
                }
            }
        }
    }

    /// The fingerprint of the run: every node's and switch's own, in their order.
    pub(crate) fn trace_hash(&self) -> TraceHash {
        let mut hash = TraceHash::new();
        self.nodes.iter().for_each(|slot| hash.mix(slot.node.core().hash.value()));
        self.switches.iter().for_each(|slot| hash.mix(slot.hash.value()));
        hash.mix(self.events);
        hash.mix(self.last.as_ps());
        hash
    }

    fn elapsed(&self) -> Dur {
        self.last.since(Time::ZERO)
    }
}

fn push_frame(schedule: &mut Schedule, nodes: usize, key: Key, place: Place, frame: Box<Frame>) {
    let what = if (place.entity as usize) < nodes {
        What::Node(NodeEvent::Frame { port: place.port as u8, frame })
    } else {
        What::SwitchFrame { port: place.port, frame }
    };
    schedule.push(key, Event { entity: place.entity, what });
}

fn push_pause(schedule: &mut Schedule, nodes: usize, key: Key, place: Place, pause: Pause) {
    let what = if (place.entity as usize) < nodes {
        let (port, classes, length) = (place.port as u8, pause.priorities, pause.length);
        What::Node(NodeEvent::Pause { port, classes, length })
    } else {
        What::SwitchPause { port: place.port, pause }
    };
    schedule.push(key, Event { entity: place.entity, what });
}
