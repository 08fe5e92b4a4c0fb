//! Two nodes with a cable of fixed latency between them.

use crate::bus::{Bus, Later};
use des::{Dur, Time};
use host::{HostBus, Mdl};
use nic_model::Nic;
use nic_model::config::Config as NicConfig;
use nic_model::port::Input;
use provider::backend::{
    Backend, Command, CommandId, CommandOutput, CommandResult, ConnectionId, ConnectionLimits, CqId, Event, Execution,
    ListenerId, MrId, PdId, QpId, Resource, SrqId, Submitted, WorkCompletion,
};
use provider::ndk::{MrFlags, Sge, Status};
use provider::sim::{Config, SimBackend};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use wire::{Frame, Mac, RocePacket};

/// Latency of the cable.
const CABLE: Dur = Dur::from_us(1);
/// Longer than anything in these tests takes.
pub(crate) const PATIENCE: Dur = Dur::from_ms(2_000);

/// A node with its driver.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) bus: Bus,
    pub(crate) driver: SimBackend,
    pub(crate) events: Vec<Event>,
}

impl Node {
    fn new(index: u32) -> Self {
        let mut bus = Bus::new(Nic::new(NicConfig::generic(index)));
        let driver = SimBackend::new(&mut bus, config(index)).expect("the device comes up");
        Self { bus, driver, events: Vec::new() }
    }

    fn drain(&mut self) {
        while let Some(event) = self.driver.next_event() {
            self.events.push(event);
        }
    }
}

pub(crate) fn address(index: u32) -> IpAddr {
    IpAddr::from([10, 0, 0, index as u8])
}

pub(crate) fn address_6(index: u32) -> IpAddr {
    IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, index as u16])
}

/// Node `index` knows both families and both nodes.
pub(crate) fn config(index: u32) -> Config {
    let mac = |index: u32| Mac([2, 0, 0, 0, 0, index as u8]);
    let neighbours = [1, 2].into_iter().flat_map(|peer| [(address(peer), mac(peer)), (address_6(peer), mac(peer))]);
    let mut config = Config {
        addresses: vec![address(index), address_6(index)],
        neighbours: neighbours.collect(),
        vectors: 2,
        ..Config::default()
    };
    config.connections.first_id = index * 1000;
    config.connections.response_timeout = 10;
    config.connections.linger = Dur::from_ms(100);
    config
}

/// Says whether a frame is lost.
pub(crate) type Loss = fn(&Frame, u64) -> bool;

/// The world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) nodes: [Node; 2],
    queue: BTreeMap<(Time, u64), (usize, Due)>,
    sequence: u64,
    frames: u64,
    pub(crate) loss: Loss,
}

#[derive(Debug)]
enum Due {
    Later(Later),
    Arrives(Box<Frame>),
}

/// A queue pair and what it was made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) pd: PdId,
    pub(crate) cq: CqId,
    pub(crate) qp: QpId,
}

/// A registered buffer.
#[derive(Clone, Debug)]
pub(crate) struct Buffer {
    pub(crate) mdl: Mdl,
    pub(crate) mr: MrId,
    pub(crate) key: u32,
}

impl Buffer {
    /// The piece at `offset`.
    pub(crate) fn sge(&self, offset: u64, length_bytes: u32) -> Sge {
        Sge { address: self.mdl.virtual_address + offset, length_bytes, token: self.key }
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let nodes = [Node::new(1), Node::new(2)];
        let mut world =
            Self { now: Time::ZERO, nodes, queue: BTreeMap::new(), sequence: 0, frames: 0, loss: |_, _| false };
        for node in 0..2 {
            world.step(node, |bus, _| bus.tell(Input::LinkState { port: 0, up: true }));
        }
        world
    }

    /// Lets a processor do something now.
    pub(crate) fn step<T>(&mut self, node: usize, action: impl FnOnce(&mut Bus, &mut SimBackend) -> T) -> T {
        let Node { bus, driver, .. } = &mut self.nodes[node];
        bus.begin(self.now);
        let result = action(bus, driver);
        self.collect(node);
        result
    }

    fn collect(&mut self, node: usize) {
        self.nodes[node].drain();
        for (at, later) in std::mem::take(&mut self.nodes[node].bus.later) {
            self.push(at, node, Due::Later(later));
        }
    }

    fn push(&mut self, at: Time, node: usize, due: Due) {
        self.sequence += 1;
        self.queue.insert((at.max(self.now), self.sequence), (node, due));
    }

    /// Runs what is due next, but nothing after `until`. Returns whether there was anything.
    fn run_next(&mut self, until: Time) -> bool {
        let event = self.queue.first_key_value().map(|(&(at, _), _)| at);
        let deadline = |node: &Node| node.driver.next_deadline();
        let timer = self.nodes.iter().filter_map(deadline).min();
        let Some(at) = event.into_iter().chain(timer).min().filter(|&at| at <= until) else { return false };
        self.now = self.now.max(at);
        if event != Some(at) {
            let now = self.now;
            (0..2).for_each(|node| self.step(node, |bus, driver| driver.wake(bus, now)));
            return true;
        }
        if let Some((_, (node, due))) = self.queue.pop_first() {
            self.happen(node, due);
        }
        true
    }

    fn happen(&mut self, node: usize, due: Due) {
        let now = self.now;
        match due {
            Due::Later(Later::Leaves(frame)) => {
                self.frames += 1;
                if !(self.loss)(&frame, self.frames) {
                    self.push(now + CABLE, 1 - node, Due::Arrives(frame));
                }
            }
            Due::Later(Later::Interrupt(vector)) => self.step(node, |bus, driver| driver.interrupt(bus, now, vector)),
            Due::Later(later) => self.step(node, |bus, _| bus.happen(later)),
            Due::Arrives(frame) => self.step(node, |bus, _| bus.tell(Input::Frame { port: 0, frame })),
        }
    }

    pub(crate) fn run(&mut self, length: Dur) {
        let until = self.now + length;
        while self.run_next(until) {}
        self.now = until;
    }

    /// The same, and the interrupts of a node are lost.
    pub(crate) fn run_without_interrupts(&mut self, node: usize, length: Dur) {
        let until = self.now + length;
        loop {
            self.queue.retain(|_, (at, due)| *at != node || !matches!(due, Due::Later(Later::Interrupt(_))));
            if !self.run_next(until) {
                break;
            }
        }
        self.now = until;
    }

    /// Runs until `found` finds something.
    pub(crate) fn until<T>(&mut self, what: &str, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        let until = self.now + PATIENCE;
        loop {
            if let Some(result) = found(self) {
                return result;
            }
            assert!(
                self.run_next(until),
                "{what} never happens; events: {:?} {:?}",
                self.nodes[0].events,
                self.nodes[1].events
            );
        }
    }

    pub(crate) fn start(&mut self, node: usize, how: Execution, command: Command<'_>) -> Submitted {
        self.step(node, |bus, driver| driver.submit(bus, how, command))
    }

    /// What a queued command came to.
    pub(crate) fn ended(&mut self, node: usize, command: CommandId) -> CommandResult {
        self.until("the end of a command", |world| {
            world.take_event(node, |event| match event {
                Event::CommandDone { command: done, result } if *done == command => Some(result.clone()),
                _ => None,
            })
        })
    }

    pub(crate) fn command(&mut self, node: usize, how: Execution, command: Command<'_>) -> CommandResult {
        match self.start(node, how, command) {
            Submitted::Done(result) => result,
            Submitted::Queued(id) => self.ended(node, id),
        }
    }

    /// Takes the first event that fits.
    pub(crate) fn take_event<T>(&mut self, node: usize, fits: impl Fn(&Event) -> Option<T>) -> Option<T> {
        let events = &mut self.nodes[node].events;
        let (index, found) = events.iter().enumerate().find_map(|(index, event)| Some((index, fits(event)?)))?;
        events.remove(index);
        Some(found)
    }

    pub(crate) fn create(&mut self, node: usize, how: Execution, command: Command<'_>) -> Resource {
        match self.command(node, how, command) {
            Ok(CommandOutput::Created(resource) | CommandOutput::Keys { resource, .. }) => resource,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn destroy(&mut self, node: usize, how: Execution, resource: Resource) {
        assert_eq!(self.command(node, how, Command::Destroy(resource)), Ok(CommandOutput::Done), "{resource:?}");
    }

    pub(crate) fn end(&mut self, node: usize, how: Execution, srq: Option<SrqId>) -> End {
        let Resource::Pd(pd) = self.create(node, how, Command::CreatePd) else { panic!("a protection domain") };
        self.end_in(node, how, pd, srq)
    }

    pub(crate) fn end_in(&mut self, node: usize, how: Execution, pd: PdId, srq: Option<SrqId>) -> End {
        let create = Command::CreateCq { depth: 64, vector: 1 };
        let Resource::Cq(cq) = self.create(node, how, create) else { panic!("a completion queue") };
        let create = Command::CreateQp {
            pd,
            send_cq: cq,
            receive_cq: cq,
            srq,
            send_depth: 8,
            receive_depth: if srq.is_some() { 0 } else { 8 },
            max_send_sge: 3,
            max_receive_sge: 2,
            max_inline_bytes: 64,
        };
        let Resource::Qp(qp) = self.create(node, how, create) else { panic!("a queue pair") };
        End { pd, cq, qp }
    }

    pub(crate) fn buffer(&mut self, node: usize, how: Execution, pd: PdId, length: u64, rights: MrFlags) -> Buffer {
        let mdl = self.step(node, |bus, _| bus.memory().allocate(length, 100));
        let output = self.command(node, how, Command::RegisterMr { pd, mdl: &mdl, length_bytes: length, rights });
        let Ok(CommandOutput::Keys { resource: Resource::Mr(mr), local, .. }) = output else { panic!("{output:?}") };
        Buffer { mdl, mr, key: local }
    }

    pub(crate) fn listen(&mut self, address: SocketAddr) -> ListenerId {
        match self.command(1, Execution::Inline, Command::Listen { address }) {
            Ok(CommandOutput::Listening { listener, .. }) => listener,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn ask(&mut self, from: QpId, destination: SocketAddr) -> CommandId {
        let source = SocketAddr::new(if destination.is_ipv4() { address(1) } else { address_6(1) }, 0);
        let limits = ConnectionLimits { inbound_reads: 4, outbound_reads: 4 };
        let (shared_endpoint, private_data) = (false, b"question".as_slice());
        let command = Command::Connect { qp: from, source, shared_endpoint, destination, limits, private_data };
        match self.start(0, Execution::Queued, command) {
            Submitted::Queued(id) => id,
            Submitted::Done(result) => panic!("{result:?}"),
        }
    }

    pub(crate) fn request(&mut self) -> ConnectionId {
        self.until("a connection request", |world| {
            world.take_event(1, |event| match event {
                Event::ConnectionRequest { connection, private_data, .. } => {
                    assert_eq!(&private_data[..8], b"question");
                    Some(*connection)
                }
                _ => None,
            })
        })
    }

    /// Connects the QPs; the connections of both sides.
    pub(crate) fn connect(&mut self, qps: [QpId; 2], destination: SocketAddr) -> [ConnectionId; 2] {
        let asked = self.ask(qps[0], destination);
        let passive = self.request();
        let limits = ConnectionLimits { inbound_reads: 2, outbound_reads: 9 };
        let accept = Command::Accept { connection: passive, qp: qps[1], limits, private_data: b"answer" };
        let Submitted::Queued(accepted) = self.start(1, Execution::Queued, accept) else { panic!("an accept waits") };
        let ended = self.ended(0, asked);
        let Ok(CommandOutput::Connected(active)) = ended else { panic!("{ended:?}") };
        assert_eq!(&active.private_data[..7], b"answer\0");
        assert_eq!((active.inbound_reads, active.outbound_reads), (4, 2));
        let complete = Command::CompleteConnect(active.connection);
        assert_eq!(self.command(0, Execution::Queued, complete), Ok(CommandOutput::Done));
        let ended = self.ended(1, accepted);
        let Ok(CommandOutput::Connected(established)) = ended else { panic!("{ended:?}") };
        assert_eq!((established.local, established.peer), (active.peer, active.local));
        assert_eq!((established.inbound_reads, established.outbound_reads), (2, 4));
        [active.connection, passive]
    }

    pub(crate) fn poll(&mut self, node: usize, cq: CqId) -> Option<WorkCompletion> {
        self.step(node, |bus, driver| driver.poll(bus, cq))
    }

    pub(crate) fn completion(&mut self, node: usize, cq: CqId) -> WorkCompletion {
        self.until("a completion", |world| world.poll(node, cq))
    }

    /// The next completion, which must be a success.
    pub(crate) fn success(&mut self, node: usize, cq: CqId, id: u64) -> WorkCompletion {
        let completion = self.completion(node, cq);
        assert_eq!((completion.status, completion.id), (Status::SUCCESS, id), "{completion:?}");
        completion
    }

    pub(crate) fn fill(&mut self, node: usize, buffer: &Buffer, data: &[u8]) {
        self.step(node, |bus, _| bus.memory().write_buffer(&buffer.mdl, 0, data)).expect("the buffer is memory");
    }

    pub(crate) fn bytes(&mut self, node: usize, buffer: &Buffer, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.step(node, |bus, _| bus.memory().read_buffer(&buffer.mdl, 0, &mut bytes)).expect("the buffer is memory");
        bytes
    }
}

/// Whether a frame carries a datagram of connection management.
pub(crate) fn is_datagram(frame: &Frame) -> bool {
    matches!(frame.body(), wire::Body::Roce(RocePacket { bth, .. }) if bth.dest_qp == wire::Qpn::GSI)
}
