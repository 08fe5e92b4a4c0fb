//! A node or a switch, and what it says when something happens to it.

use super::event::{Event, Place, Tally};
use super::node::LightNode;
use crate::node::{Later, Outgoing};
use des::{Key, Phase, Sequencer, Time, TraceHash};
use fabric::pause::Silence;
use fabric::switch::history::Sums;
use fabric::{Delivery, Link, Output, Pause, Switch};
use wire::Opcode;

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
    pub(super) congestion: Congestion,
}

/// What a node had to do with congestion over time. Apart from what each packet needs: of all this there is little.
#[derive(Debug, Default)]
pub(super) struct Congestion {
    /// Notifications that it sent.
    pub(super) cnps_sent: Sums,
    silence: Silence,
    /// For how long it was silent, up to the last pause of each priority.
    paused_ps: Sums,
}

impl Congestion {
    fn silence(&mut self, now: Time, pause: Pause) {
        for (_, from, to) in self.silence.so_far(now, pause.priorities) {
            self.paused_ps.add_span(from, to);
        }
        self.silence.apply(now, pause);
    }

    /// For how long it was silent until `now`, priorities added up, in picoseconds.
    pub(super) fn paused_ps(&self, now: Time) -> Sums {
        let mut paused_ps = self.paused_ps.clone();
        self.silence.so_far(now, u8::MAX).for_each(|(_, from, to)| paused_ps.add_span(from, to));
        paused_ps
    }
}

impl NodeSlot {
    /// Something happens.
    pub(super) fn handle(&mut self, now: Time, event: Event, tally: &mut Tally, sink: &mut impl Sink) {
        match event {
            Event::Frame { frame, .. } => {
                tally.happened(now);
                tally.crossed(&frame);
                self.frames_received += 1;
                self.node.frame(now, frame);
            }
            event => {
                if let Event::Pause { priorities, length, .. } = event {
                    self.congestion.silence(now, Pause { priorities, length });
                }
                if self.node.handle(now, event) {
                    tally.happened(now);
                }
            }
        }
        self.collect(tally, sink);
    }

    /// The moment of the adapter's next wake-up has come.
    pub(super) fn wake(&mut self, now: Time, tally: &mut Tally, sink: &mut impl Sink) {
        if self.node.wake(now) {
            tally.happened(now);
            self.collect(tally, sink);
        }
    }

    /// See [`Nic::touch`](nic_model::Nic::touch).
    pub(super) fn touch(&self) -> u64 {
        let link = self.link.busy_until().as_ps() ^ self.link.counters().bytes ^ self.link.config().latency.as_ps();
        let own = self.node.hash.value() ^ self.frames_received ^ u64::from(self.peer.station) ^ link;
        own ^ self.node.hardware.touch()
    }

    /// Takes what the node wants to happen later, at itself and beyond its cable.
    pub(super) fn collect(&mut self, tally: &mut Tally, sink: &mut impl Sink) {
        let Self { node, link, peer, sequencer, congestion, .. } = self;
        if !node.hardware.later.is_empty() {
            for (at, phase, later) in node.hardware.later.drain(..) {
                sink.own(sequencer.key(at, phase), later.into());
            }
        }
        node.hardware.outgoing.reverse();
        while let Some(outgoing) = node.hardware.outgoing.pop() {
            match outgoing {
                Outgoing::Frame { at, frame, .. } => {
                    if frame.has_payload() {
                        tally.packets += 1;
                    } else if frame.opcode() == Some(Opcode::CNP) {
                        congestion.cnps_sent.note(at, 1);
                    }
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
    /// Something happens.
    pub(super) fn handle(&mut self, now: Time, event: Event, tally: &mut Tally, sink: &mut impl Sink) {
        let Self { switch, outbox, .. } = self;
        tally.happened(now);
        match event {
            Event::Frame { port, frame } => {
                tally.crossed(&frame);
                switch.on_frame(now, port, frame, outbox);
            }
            Event::SwitchWake { port } => switch.on_wake(now, port, outbox),
            Event::Pause { port, priorities, length } => {
                switch.on_pause(now, port, Pause { priorities, length }, outbox);
            }
            _ => unreachable!("a switch is no node"),
        }
        // What has come of it shows in the fingerprint.
        self.hash.mix(now.as_ps() ^ (self.outbox.len() as u64) << 56);
        self.collect(now, sink);
    }

    fn collect(&mut self, now: Time, sink: &mut impl Sink) {
        let Self { peers, sequencer, outbox, .. } = self;
        outbox.reverse();
        while let Some(output) = outbox.pop() {
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
