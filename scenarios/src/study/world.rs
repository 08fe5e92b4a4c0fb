//! The event loop of a study: as that of a cluster, without consumers that could call back.

use super::node::{Ended, LightNode};
use crate::node::{Later, Outgoing};
use crate::options::{Milestone, Progress};
use des::{Dur, EventQueue, Key, Phase, Sequencer, Time, TraceHash};
use fabric::{Delivery, Link, Pause, Switch};
use wire::{Body, Frame};

/// Events between two reports of progress.
const PROGRESS_EVERY: u64 = 1 << 16;

/// A node or a switch, and one of its ports. Nodes first, then switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) entity: u32,
    pub(super) port: u16,
}

/// What happens, and to whom. As large as a heap likes it: with its key it takes half a cache line.
#[derive(Debug)]
pub(super) enum Event {
    Frame { port: u16, entity: u32, frame: Box<Frame> },
    Pause { port: u16, priorities: u8, entity: u32, length: Dur },
    SwitchWake { port: u16, entity: u32 },
    Mmio { entity: u32 },
    DmaDone { entity: u32, slot: u32 },
    NicWake { entity: u32 },
    Interrupt { vector: u16, entity: u32 },
    Begin { entity: u32, number: u32 },
}

const _: () = assert!(size_of::<(Key, Event)>() == 32, "an event and its key are half a cache line");

/// A node with its cable's sending end.
#[derive(Debug)]
pub(super) struct NodeSlot {
    pub(super) node: LightNode,
    pub(super) link: Link,
    pub(super) peer: Place,
    pub(super) sequencer: Sequencer,
}

#[derive(Debug)]
pub(super) struct SwitchSlot {
    pub(super) switch: Switch,
    pub(super) peers: Vec<Place>,
    pub(super) sequencer: Sequencer,
    pub(super) hash: TraceHash,
}

/// What crossed links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Crossings {
    /// Packets with message data that nodes sent.
    pub(super) packets: u64,
    /// Links that they crossed.
    pub(super) packet_hops: u64,
}

/// Everything that is simulated.
#[derive(Debug)]
pub(super) struct World {
    pub(super) nodes: Vec<NodeSlot>,
    pub(super) switches: Vec<SwitchSlot>,
    pub(super) queue: EventQueue<Event>,
    pub(super) limit: Time,
    pub(super) events: u64,
    pub(super) last: Time,
    pub(super) timed_out: bool,
    pub(super) crossings: Crossings,
    /// By flow.
    pub(super) ended: Vec<Option<Ended>>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) outbox: fabric::Outbox,
}

impl World {
    /// Runs until nothing is left to happen, or the time limit.
    pub(super) fn run(&mut self, progress: Option<&Progress>) {
        for index in 0..self.nodes.len() {
            self.collect(index);
        }
        let (mut told, mut done) = (0, 0);
        while let Some((key, event)) = self.queue.pop_before(self.limit) {
            self.handle(key, event, &mut done);
            if let Some(progress) = progress
                && self.events >= told + PROGRESS_EVERY
            {
                told = self.events;
                let permille = done * 1_000 / self.ended.len().max(1) as u64;
                progress.set(Milestone { events: self.events, simulated_ps: key.time().as_ps(), permille });
            }
        }
        self.timed_out = !self.queue.is_empty();
    }

    fn handle(&mut self, key: Key, event: Event, done: &mut u64) {
        let now = key.time();
        let nodes = self.nodes.len();
        let (entity, happened) = match event {
            Event::Frame { port, entity, frame } => {
                self.crossings.packet_hops += u64::from(has_payload(&frame));
                match (entity as usize).checked_sub(nodes) {
                    Some(switch) => {
                        return self.at_switch(now, switch, |switch, out| switch.on_frame(now, port, frame, out));
                    }
                    None => {
                        self.nodes[entity as usize].node.frame(now, frame);
                        (entity, true)
                    }
                }
            }
            Event::Pause { port, priorities, entity, length } => match (entity as usize).checked_sub(nodes) {
                Some(switch) => {
                    let pause = Pause { priorities, length };
                    return self.at_switch(now, switch, |switch, out| switch.on_pause(now, port, pause, out));
                }
                None => {
                    self.nodes[entity as usize].node.pause(now, priorities, length);
                    (entity, true)
                }
            },
            Event::SwitchWake { port, entity } => {
                return self.at_switch(now, entity as usize - nodes, |switch, out| switch.on_wake(now, port, out));
            }
            Event::Mmio { entity } => (entity, self.later(now, entity, Later::Mmio)),
            Event::DmaDone { entity, slot } => (entity, self.later(now, entity, Later::DmaDone(slot))),
            Event::NicWake { entity } => (entity, self.later(now, entity, Later::NicWake)),
            Event::Interrupt { vector, entity } => (entity, self.later(now, entity, Later::Interrupt(vector))),
            Event::Begin { entity, number } => {
                self.nodes[entity as usize].node.begin(now, number);
                (entity, true)
            }
        };
        if happened {
            self.happened(now);
            self.nodes[entity as usize].node.hash.mix(now.as_ps());
        }
        self.collect(entity as usize);
        *done += self.note_ends(entity as usize);
    }

    fn later(&mut self, now: Time, entity: u32, later: Later) -> bool {
        self.nodes[entity as usize].node.later(now, later)
    }

    fn happened(&mut self, now: Time) {
        self.events += 1;
        self.last = now;
    }

    fn at_switch(&mut self, now: Time, index: usize, act: impl FnOnce(&mut Switch, &mut fabric::Outbox)) {
        self.happened(now);
        let entity = (self.nodes.len() + index) as u32;
        let SwitchSlot { switch, peers, sequencer, hash } = &mut self.switches[index];
        act(switch, &mut self.outbox);
        hash.mix(now.as_ps() ^ (self.outbox.len() as u64) << 56);
        for output in self.outbox.drain(..) {
            let (key, event) = match output {
                fabric::Output::Frame { port, at, frame } => {
                    (sequencer.key(at, Phase::Wire), arrival(peers[usize::from(port)], frame))
                }
                fabric::Output::Pause { port, at, pause } => {
                    (sequencer.key(at, Phase::Wire), silence(peers[usize::from(port)], pause))
                }
                fabric::Output::Wake { port, at } => {
                    (sequencer.key(at, Phase::Device), Event::SwitchWake { port, entity })
                }
            };
            self.queue.push(key, event);
        }
    }

    /// Takes what a node wants to happen later, at itself and beyond its cable.
    pub(super) fn collect(&mut self, index: usize) {
        let entity = index as u32;
        let NodeSlot { node, link, peer, sequencer } = &mut self.nodes[index];
        for (at, phase, later) in node.wanted() {
            let event = match later {
                Later::Mmio => Event::Mmio { entity },
                Later::DmaDone(slot) => Event::DmaDone { entity, slot },
                Later::NicWake => Event::NicWake { entity },
                Later::Interrupt(vector) => Event::Interrupt { vector, entity },
            };
            self.queue.push(sequencer.key(at, phase), event);
        }
        for outgoing in node.hardware.outgoing.drain(..) {
            match outgoing {
                Outgoing::Frame { at, frame, .. } => {
                    self.crossings.packets += u64::from(has_payload(&frame));
                    link.send(at, frame, &mut self.deliveries);
                    for Delivery { at, frame } in self.deliveries.drain(..) {
                        self.queue.push(sequencer.key(at, Phase::Wire), arrival(*peer, frame));
                    }
                }
                Outgoing::Pause { at, classes, length, .. } => {
                    let at = at + link.config().latency;
                    let pause = Pause { priorities: classes, length };
                    self.queue.push(sequencer.key(at, Phase::Wire), silence(*peer, pause));
                }
            }
        }
    }

    fn note_ends(&mut self, index: usize) -> u64 {
        let mut count = 0;
        for ended in self.nodes[index].node.ended.drain(..) {
            // The first failure of a flow is its end; what is flushed behind it is nothing new.
            let slot = &mut self.ended[ended.flow as usize];
            count += u64::from(slot.is_none());
            slot.get_or_insert(ended);
        }
        count
    }

    /// The fingerprint of the run: every node's and switch's own, in their order.
    pub(super) fn trace_hash(&self) -> TraceHash {
        let mut hash = TraceHash::new();
        self.nodes.iter().for_each(|slot| hash.mix(slot.node.hash.value()));
        self.switches.iter().for_each(|slot| hash.mix(slot.hash.value()));
        hash.mix(self.events);
        hash.mix(self.last.as_ps());
        hash
    }
}

fn has_payload(frame: &Frame) -> bool {
    matches!(&frame.body, Body::Roce(packet) if !packet.payload.is_empty())
}

fn arrival(place: Place, frame: Box<Frame>) -> Event {
    Event::Frame { port: place.port, entity: place.entity, frame }
}

fn silence(place: Place, pause: Pause) -> Event {
    let Pause { priorities, length } = pause;
    Event::Pause { port: place.port, priorities, entity: place.entity, length }
}
