//! A composition root for tests: hosts that only send and receive, around the switches of a topology.
//!
//! Every output is held against the crate's promises on its way into the queue: nothing happens in the past, and nodes
//! reach each other no sooner than the look-ahead.

use des::{EventQueue, Key, Phase, Sequencer, SourceId, Time};
use fabric::address::Endpoint;
use fabric::pause::Silence;
use fabric::switch::{ConfigError, PriorityCounters};
use fabric::{Link, NodeId, Outbox, Output, Pause, PortRef, Switch, SwitchConfig, Topology};
use std::collections::VecDeque;
use wire::{Bth, Ecn, Ext, Frame, Ip, Opcode, Payload, Psn, Qpn, RocePacket};

/// Frame bytes of a [`packet`] without payload.
pub(crate) const HEADER_BYTES: u32 = 58;

/// A packet between two endpoints, in the priority that the default classifier gives `dscp`.
pub(crate) fn packet(from: Endpoint, to: Endpoint, flow: u16, dscp: u8, payload_bytes: u32) -> Box<Frame> {
    let ip = Ip {
        source: from.ipv4().into(),
        destination: to.ipv4().into(),
        dscp,
        ecn: Ecn::Capable0,
        ttl: 64,
        identification: 0,
        flow_label: 0,
    };
    let packet = RocePacket {
        dest_mac: to.mac(),
        source_mac: from.mac(),
        ip,
        udp_source_port: flow,
        bth: Bth::new(Opcode(0x07), Qpn::new(7), Psn::new(0)),
        ext: Ext::None,
        payload: Payload::Elided(payload_bytes),
        telemetry: None,
    };
    Box::new(packet.into())
}

/// The port of a host: sends its frames in order, a pause of any priority stops it as far as its next frame is
/// concerned.
#[derive(Clone, Debug)]
pub(crate) struct HostPort {
    pub(crate) link: Link,
    pub(crate) waiting: VecDeque<Box<Frame>>,
    pub(crate) silence: Silence,
    pub(crate) received: Vec<(Time, Box<Frame>)>,
    woken_at: Option<Time>,
}

#[derive(Clone, Debug)]
enum Event {
    Frame { to: PortRef, frame: Box<Frame> },
    Pause { to: PortRef, pause: Pause },
    SwitchWake { switch: u32, port: u16 },
    HostWake(Endpoint),
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) topology: Topology,
    pub(crate) switches: Vec<Switch>,
    /// By endpoint.
    pub(crate) hosts: Vec<HostPort>,
    pub(crate) now: Time,
    /// Events that switches have handled.
    pub(crate) switch_events: u64,
    queue: EventQueue<Event>,
    /// By endpoint, then by switch.
    sequencers: Vec<Sequencer>,
    outbox: Outbox,
}

impl World {
    pub(crate) fn new(topology: Topology, config: &SwitchConfig, seed: u64) -> Result<Self, ConfigError> {
        let switches = topology.build_switches(config, seed)?;
        let uplinks = (0..topology.host_count()).flat_map(|host| topology.build_uplinks(host, seed));
        let host_port = |link| HostPort {
            link,
            waiting: VecDeque::new(),
            silence: Silence::default(),
            received: Vec::new(),
            woken_at: None,
        };
        let hosts: Vec<_> = uplinks.map(host_port).collect();
        let sequencers = (0..(hosts.len() + switches.len()) as u32).map(|source| Sequencer::new(SourceId(source)));
        Ok(Self {
            sequencers: sequencers.collect(),
            topology,
            switches,
            hosts,
            now: Time::ZERO,
            switch_events: 0,
            queue: EventQueue::new(),
            outbox: Vec::new(),
        })
    }

    /// Gives the host port `from` a frame to send.
    pub(crate) fn send(&mut self, from: Endpoint, frame: Box<Frame>) {
        self.hosts[from.0 as usize].waiting.push_back(frame);
        self.pump(from);
    }

    /// Runs until nothing happens any more.
    pub(crate) fn run(&mut self) {
        self.run_until(Time::MAX);
    }

    /// Runs all that happens before `limit`.
    pub(crate) fn run_until(&mut self, limit: Time) {
        while let Some((key, event)) = self.queue.pop_before(limit) {
            self.now = key.time();
            self.handle(event);
        }
        if limit < Time::MAX {
            self.now = limit;
        }
    }

    fn handle(&mut self, event: Event) {
        let now = self.now;
        let mut out = std::mem::take(&mut self.outbox);
        match event {
            Event::Frame { to: PortRef { node: NodeId::Switch(number), port }, frame } => {
                self.switch_events += 1;
                self.switches[number as usize].on_frame(now, port, frame, &mut out);
                self.take(number, &mut out);
            }
            Event::Pause { to: PortRef { node: NodeId::Switch(number), port }, pause } => {
                self.switch_events += 1;
                self.switches[number as usize].on_pause(now, port, pause, &mut out);
                self.take(number, &mut out);
            }
            Event::SwitchWake { switch, port } => {
                self.switch_events += 1;
                self.switches[switch as usize].on_wake(now, port, &mut out);
                self.take(switch, &mut out);
            }
            Event::Frame { to: PortRef { node: NodeId::Host(host), port }, frame } => {
                let endpoint = self.topology.endpoint(host, port);
                self.hosts[endpoint.0 as usize].received.push((now, frame));
            }
            Event::Pause { to: PortRef { node: NodeId::Host(host), port }, pause } => {
                let endpoint = self.topology.endpoint(host, port);
                self.hosts[endpoint.0 as usize].silence.apply(now, pause);
                self.pump(endpoint);
            }
            Event::HostWake(endpoint) => {
                let host = &mut self.hosts[endpoint.0 as usize];
                host.woken_at = host.woken_at.filter(|&at| at > now);
                self.pump(endpoint);
            }
        }
        self.outbox = out;
    }

    /// The peer of a switch's port asks for silence now.
    pub(crate) fn pause_switch(&mut self, switch: u32, port: u16, pause: Pause) {
        self.handle(Event::Pause { to: PortRef { node: NodeId::Switch(switch), port }, pause });
    }

    /// Books what a switch has put out.
    fn take(&mut self, switch: u32, out: &mut Outbox) {
        let source = self.hosts.len() + switch as usize;
        for output in out.drain(..) {
            let peer = |port: u16| self.topology.ports(NodeId::Switch(switch))[usize::from(port)].peer;
            let earliest = self.now + self.topology.look_ahead();
            let (at, event) = match output {
                Output::Frame { port, at, frame } => {
                    assert!(at >= earliest, "a frame within the look-ahead");
                    (at, Event::Frame { to: peer(port), frame })
                }
                Output::Pause { port, at, pause } => {
                    assert!(at >= earliest, "a pause within the look-ahead");
                    (at, Event::Pause { to: peer(port), pause })
                }
                Output::Wake { port, at } => {
                    assert!(at >= self.now, "a wake-up in the past");
                    (at, Event::SwitchWake { switch, port })
                }
            };
            let key = self.sequencers[source].key(at, Phase::Wire);
            self.queue.push(key, event);
        }
    }

    /// Lets a host send if it may.
    fn pump(&mut self, endpoint: Endpoint) {
        let now = self.now;
        let peer =
            self.topology.host_port(endpoint).map(|port| self.topology.ports(port.node)[usize::from(port.port)].peer);
        let peer = peer.expect("the endpoint exists");
        let host = &mut self.hosts[endpoint.0 as usize];
        let sequencer = &mut self.sequencers[endpoint.0 as usize];
        let mut arrivals = Vec::new();
        while let Some(frame) = host.waiting.front() {
            let priorities = 1 << (frame.dscp().unwrap_or(0) >> 3);
            let silent_until = host.silence.ends(now, priorities);
            let at = silent_until.unwrap_or(now).max(host.link.busy_until());
            if at > now {
                if host.woken_at.is_none_or(|asked| at < asked) {
                    host.woken_at = Some(at);
                    self.queue.push(sequencer.key(at, Phase::Device), Event::HostWake(endpoint));
                }
                break;
            }
            let frame = host.waiting.pop_front().expect("it was looked at");
            host.link.send(now, frame, &mut arrivals);
        }
        for arrival in arrivals {
            let key: Key = sequencer.key(arrival.at, Phase::Wire);
            self.queue.push(key, Event::Frame { to: peer, frame: arrival.frame });
        }
    }

    /// Counters of all switches together.
    pub(crate) fn totals(&self) -> PriorityCounters {
        let mut totals = PriorityCounters::default();
        self.switches.iter().for_each(|switch| totals += switch.totals());
        totals
    }

    /// Frames that have arrived at hosts.
    pub(crate) fn received(&self) -> usize {
        self.hosts.iter().map(|host| host.received.len()).sum()
    }
}
