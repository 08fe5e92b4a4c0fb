//! A node or a switch, and what it says when something happens to it.

use super::event::{Event, Place, Tally};
use super::node::LightNode;
use crate::node::{Hardware, Later, Outgoing};
use des::{Key, Phase, Sequencer, Time, TraceHash};
use fabric::{Delivery, Link, Output, Pause, Switch};
use wire::Frame;

/// Takes what a station makes happen.
pub(super) trait Sink {
    /// At the station itself.
    fn own(&mut self, key: Key, event: Event);
    /// Beyond a cable.
    fn beyond(&mut self, place: Place, key: Key, event: impl FnOnce(u16) -> Event);
}

/// A node or a switch.
#[derive(Debug)]
pub(super) enum Station {
    Node(Box<NodeSlot>),
    Switch(Box<SwitchSlot>),
}

impl Station {
    /// Something happens.
    pub(super) fn handle(&mut self, now: Time, event: Event, tally: &mut Tally, sink: &mut impl Sink) {
        let event = match event {
            Event::Frame { port, frame } => return self.frame(now, port, frame, tally, sink),
            event => event,
        };
        match self {
            Self::Node(slot) => {
                if slot.node.handle(now, event) {
                    tally.happened(now);
                }
                slot.collect(tally, sink);
            }
            Self::Switch(slot) => {
                tally.happened(now);
                slot.handle(now, event);
                slot.collect(now, sink);
            }
        }
    }

    /// A frame arrives.
    fn frame(&mut self, now: Time, port: u16, frame: Box<Frame>, tally: &mut Tally, sink: &mut impl Sink) {
        tally.packet_hops += u64::from(frame.has_payload());
        tally.happened(now);
        match self {
            Self::Node(slot) => {
                slot.frames_received += 1;
                slot.node.frame(now, frame);
                slot.collect(tally, sink);
            }
            Self::Switch(slot) => {
                slot.frame(now, port, frame);
                slot.collect(now, sink);
            }
        }
    }

    /// When something happens here that nobody has planned; [`Time::MAX`] if nothing does.
    #[inline]
    pub(super) fn next_wake(&self) -> Time {
        match self {
            Self::Node(slot) => slot.node.hardware.next_wake(),
            Self::Switch(_) => Time::MAX,
        }
    }

    /// The moment of [`next_wake`](Self::next_wake).
    pub(super) fn wake(&mut self, now: Time, tally: &mut Tally, sink: &mut impl Sink) {
        if let Self::Node(slot) = self
            && slot.node.wake(now)
        {
            tally.happened(now);
            slot.collect(tally, sink);
        }
    }

    /// The fingerprint of what has happened here.
    pub(super) fn hash(&self) -> TraceHash {
        match self {
            Self::Node(slot) => slot.node.hash,
            Self::Switch(slot) => slot.hash,
        }
    }
}

/// A node with its cable's sending end.
#[derive(Debug)]
pub(super) struct NodeSlot {
    pub(super) node: LightNode,
    pub(super) link: Link,
    pub(super) peer: Place,
    pub(super) sequencer: Sequencer,
    pub(super) frames_received: u64,
}

impl NodeSlot {
    /// See [`Nic::touch_roots`](nic_model::Nic::touch_roots).
    pub(super) fn touch(&self) -> u64 {
        let Hardware { nic, later, outgoing, .. } = &self.node.hardware;
        let own = self.node.hash.value() ^ self.frames_received ^ self.link.busy_until().as_ps();
        own ^ nic.touch_roots() ^ later.len() as u64 ^ outgoing.capacity() as u64
    }

    /// Takes what the node wants to happen later, at itself and beyond its cable.
    pub(super) fn collect(&mut self, tally: &mut Tally, sink: &mut impl Sink) {
        let Self { node, link, peer, sequencer, .. } = self;
        if !node.hardware.later.is_empty() {
            for (at, phase, later) in node.hardware.later.drain(..) {
                sink.own(sequencer.key(at, phase), later.into());
            }
        }
        if node.hardware.outgoing.is_empty() {
            return;
        }
        for outgoing in node.hardware.outgoing.drain(..) {
            match outgoing {
                Outgoing::Frame { at, frame, .. } => {
                    tally.packets += u64::from(frame.has_payload());
                    link.send_to(at, frame, |Delivery { at, frame }| {
                        sink.beyond(*peer, sequencer.key(at, Phase::Wire), |port| Event::arrival(port, frame));
                    });
                }
                Outgoing::Pause { at, classes, length, .. } => {
                    let at = at + link.config().latency;
                    let pause = Pause { priorities: classes, length };
                    sink.beyond(*peer, sequencer.key(at, Phase::Wire), |port| Event::silence(port, pause));
                }
            }
        }
    }
}

impl LightNode {
    /// Something happens at a node; false if nothing has come of it. What the adapter does by itself shows in what it sends.
    fn handle(&mut self, now: Time, event: Event) -> bool {
        let inside = matches!(event, Event::DmaDone { .. });
        let happened = match event {
            Event::DmaDone { slot } => self.later(now, Later::DmaDone(slot)),
            Event::Mmio => self.later(now, Later::Mmio),
            Event::Interrupt { vector } => self.later(now, Later::Interrupt(vector)),
            Event::Pause { priorities, length, .. } => {
                self.pause(now, priorities, length);
                true
            }
            Event::Begin { number } => {
                self.begin(now, number);
                true
            }
            Event::Frame { .. } | Event::SwitchWake { .. } => {
                unreachable!("frames go another way, and a node is no switch")
            }
        };
        if happened && !inside {
            self.hash.mix(now.as_ps());
        }
        happened
    }
}

/// A switch and what its ports are connected to.
#[derive(Debug)]
pub(super) struct SwitchSlot {
    pub(super) switch: Switch,
    pub(super) peers: Vec<Place>,
    pub(super) sequencer: Sequencer,
    pub(super) hash: TraceHash,
    pub(super) outbox: fabric::Outbox,
}

impl SwitchSlot {
    fn frame(&mut self, now: Time, port: u16, frame: Box<Frame>) {
        self.switch.on_frame(now, port, frame, &mut self.outbox);
        self.note(now);
    }

    fn handle(&mut self, now: Time, event: Event) {
        let Self { switch, outbox, .. } = self;
        match event {
            Event::SwitchWake { port } => switch.on_wake(now, port, outbox),
            Event::Pause { port, priorities, length } => {
                switch.on_pause(now, port, Pause { priorities, length }, outbox);
            }
            _ => unreachable!("a switch is no node"),
        }
        self.note(now);
    }

    /// Mixes what has come of an event into the fingerprint.
    fn note(&mut self, now: Time) {
        self.hash.mix(now.as_ps() ^ (self.outbox.len() as u64) << 56);
    }

    fn collect(&mut self, now: Time, sink: &mut impl Sink) {
        let Self { peers, sequencer, outbox, .. } = self;
        for output in outbox.drain(..) {
            match output {
                Output::Frame { port, at, frame } => {
                    let key = sequencer.key(at, Phase::Wire);
                    sink.beyond(peers[usize::from(port)], key, |port| Event::arrival(port, frame));
                }
                Output::Pause { port, at, pause } => {
                    let key = sequencer.key(at, Phase::Wire);
                    sink.beyond(peers[usize::from(port)], key, |port| Event::silence(port, pause));
                }
                Output::Wake { port, at } => {
                    sink.own(sequencer.key(at.max(now), Phase::Device), Event::SwitchWake { port });
                }
            }
        }
    }
}
