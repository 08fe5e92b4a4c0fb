//! One side: a backend with its bus, and shorthands for what cases do all the time.

use crate::Devices;
use host::{Arena, Mdl};
use provider::backend::{
    Backend, Command, CommandId, CommandOutput, CommandResult, ConnectionId, ConnectionLimits, CqId, Established,
    Event, Execution, ListenerId, MrId, PdId, QpId, Resource, SendOperation, SendRequest, SrqId, Submitted,
    WorkCompletion,
};
use provider::ndk::{MrFlags, Sge, Status};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use verbs::{Options, RealBus, VerbsBackend};

/// Longer than anything should take, retransmissions on an emulated machine included.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Acknowledgements are waited for 67 ms, four times: a dead peer shows in a third of a second.
pub(crate) const OPTIONS: Options =
    Options { retries: 4, not_ready_retries: 4, ack_timeout: Some(14), resolve_timeout_ms: 2000 };

pub(crate) const LIMITS: ConnectionLimits = ConnectionLimits { inbound_reads: 4, outbound_reads: 2 };

/// A device with its driver.
pub(crate) struct Side {
    pub(crate) backend: VerbsBackend,
    bus: RealBus,
    events: VecDeque<Event>,
}

/// A buffer with a region over it.
pub(crate) struct Region {
    pub(crate) mdl: Mdl,
    pub(crate) mr: MrId,
    pub(crate) local: u32,
    pub(crate) remote: u32,
}

impl Region {
    pub(crate) fn sge(&self, offset: u64, length_bytes: u32) -> Sge {
        Sge { address: self.mdl.virtual_address + offset, length_bytes, token: self.local }
    }
}

/// What a connection needs.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) pd: PdId,
    pub(crate) cq: CqId,
    pub(crate) qp: QpId,
}

impl Side {
    pub(crate) fn open(devices: &Devices, index: usize) -> Self {
        let backend = VerbsBackend::open(&devices.names[index], OPTIONS).unwrap_or_else(|error| panic!("{error}"));
        let bus = RealBus::new(backend.memory());
        Self { backend, bus, events: VecDeque::new() }
    }

    pub(crate) fn address(&self, port: u16) -> SocketAddr {
        let addresses = &self.backend.capabilities().addresses;
        let ipv4 = addresses.iter().find(|address| matches!(address, IpAddr::V4(_)));
        SocketAddr::new(*ipv4.unwrap_or_else(|| panic!("an IPv4 address among {addresses:?}")), port)
    }

    /// Has a command run in the way wanted, to its end.
    #[track_caller]
    pub(crate) fn run(&mut self, how: Execution, command: Command<'_>) -> CommandResult {
        match self.backend.submit(&mut self.bus, how, command) {
            Submitted::Done(result) => result,
            Submitted::Queued(command) => {
                assert_eq!(how, Execution::Queued, "an inline command is done when submit returns");
                self.result(command)
            }
        }
    }

    /// Starts a command that waits for the peer.
    pub(crate) fn start(&mut self, command: Command<'_>) -> CommandId {
        match self.backend.submit(&mut self.bus, Execution::Queued, command) {
            Submitted::Queued(command) => command,
            Submitted::Done(result) => panic!("not queued: {result:?}"),
        }
    }

    /// Waits for the end of a started command.
    #[track_caller]
    pub(crate) fn result(&mut self, wanted: CommandId) -> CommandResult {
        self.wait(|event| ended(event, wanted))
    }

    /// Waits for the end of a started command, in which the peer may have a part.
    #[track_caller]
    pub(crate) fn finish(&mut self, peer: &mut Self, wanted: CommandId) -> CommandResult {
        self.wait_beside(Some(peer), |event| ended(event, wanted))
    }

    pub(crate) fn cancel(&mut self, command: CommandId) {
        self.backend.cancel(&mut self.bus, command);
    }

    /// Waits for an event; others are kept.
    #[track_caller]
    pub(crate) fn wait<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        self.wait_beside(None, wanted)
    }

    /// Waits for an event while the peer, whose part it may need, looks at its own.
    #[track_caller]
    pub(crate) fn wait_beside<T>(&mut self, mut peer: Option<&mut Self>, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let turn = if peer.is_some() { Duration::from_millis(5) } else { PATIENCE };
        let mut waited = Duration::ZERO;
        while waited < PATIENCE {
            if let Some(peer) = &mut peer {
                peer.look();
            }
            self.look();
            let found = self.events.iter().enumerate().find_map(|(at, event)| Some((at, wanted(event)?)));
            if let Some((at, found)) = found {
                self.events.remove(at);
                return found;
            }
            if !self.backend.signal().wait(turn) {
                waited += turn;
            }
        }
        panic!("no such event; there were {:?}", self.events);
    }

    /// Takes in what has been reported.
    pub(crate) fn look(&mut self) {
        let now = host::HostBus::now(&self.bus);
        self.backend.interrupt(&mut self.bus, now, 0);
        self.events.extend(std::iter::from_fn(|| self.backend.next_event()));
    }

    /// Looks at what is reported until something is so elsewhere.
    #[track_caller]
    pub(crate) fn look_until(&mut self, so: impl Fn() -> bool) {
        for _ in 0..PATIENCE.as_millis() {
            self.look();
            if so() {
                return;
            }
            // Whether there is something is seen at the next look.
            let _ = self.backend.signal().wait(Duration::from_millis(1));
        }
        panic!("it never was so");
    }

    /// The events so far that nobody waited for.
    pub(crate) fn unwaited(&mut self) -> Vec<Event> {
        self.look();
        self.events.drain(..).collect()
    }

    #[track_caller]
    pub(crate) fn create(&mut self, how: Execution, command: Command<'_>) -> Resource {
        match self.run(how, command) {
            Ok(CommandOutput::Created(resource) | CommandOutput::Keys { resource, .. }) => resource,
            other => panic!("nothing was created: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn pd(&mut self, how: Execution) -> PdId {
        match self.create(how, Command::CreatePd) {
            Resource::Pd(pd) => pd,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn cq(&mut self, how: Execution, depth: u32) -> CqId {
        match self.create(how, Command::CreateCq { depth, vector: 0 }) {
            Resource::Cq(cq) => cq,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn qp(&mut self, how: Execution, pd: PdId, cq: CqId) -> QpId {
        let command = Command::CreateQp {
            pd,
            send_cq: cq,
            receive_cq: cq,
            srq: None,
            send_depth: 16,
            receive_depth: 16,
            max_send_sge: 3,
            max_receive_sge: 3,
            max_inline_bytes: 64,
        };
        match self.create(how, command) {
            Resource::Qp(qp) => qp,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn ends(&mut self) -> Ends {
        let pd = self.pd(Execution::Inline);
        let cq = self.cq(Execution::Queued, 64);
        Ends { pd, cq, qp: self.qp(Execution::Queued, pd, cq) }
    }

    #[track_caller]
    pub(crate) fn region(&mut self, how: Execution, pd: PdId, length_bytes: u64, rights: MrFlags) -> Region {
        let mdl = self.backend.memory().allocate(length_bytes, 40);
        match self.run(how, Command::RegisterMr { pd, mdl: &mdl, length_bytes, rights }) {
            Ok(CommandOutput::Keys { resource: Resource::Mr(mr), local, remote }) => Region { mdl, mr, local, remote },
            other => panic!("not registered: {other:?}"),
        }
    }

    pub(crate) fn fill(&self, region: &Region, data: &[u8]) {
        self.backend.memory().write(region.mdl.virtual_address, data).expect("the buffer is memory");
    }

    pub(crate) fn bytes(&self, region: &Region, offset: u64, length: usize) -> Vec<u8> {
        let mut data = vec![0; length];
        self.backend.memory().read(region.mdl.virtual_address + offset, &mut data).expect("the buffer is memory");
        data
    }

    #[track_caller]
    pub(crate) fn destroy(&mut self, how: Execution, resource: Resource) {
        assert_eq!(self.run(how, Command::Destroy(resource)), Ok(CommandOutput::Done), "{resource:?}");
    }

    #[track_caller]
    pub(crate) fn listen(&mut self, port: u16) -> (ListenerId, SocketAddr) {
        let address = self.address(port);
        match self.run(Execution::Inline, Command::Listen { address }) {
            Ok(CommandOutput::Listening { listener, address }) => (listener, address),
            other => panic!("not listening: {other:?}"),
        }
    }

    /// Waits for a request: its connection, what it asks for, and its private data.
    #[track_caller]
    pub(crate) fn request(&mut self, peer: &mut Self) -> (ConnectionId, ConnectionLimits, Vec<u8>) {
        self.wait_beside(Some(peer), |event| match event {
            Event::ConnectionRequest { connection, limits, private_data, .. } => {
                Some((*connection, *limits, private_data.to_vec()))
            }
            _ => None,
        })
    }

    pub(crate) fn connect_command<'a>(&self, qp: QpId, destination: SocketAddr, private_data: &'a [u8]) -> Command<'a> {
        let (source, shared_endpoint, limits) = (self.address(0), false, LIMITS);
        Command::Connect { qp, source, shared_endpoint, destination, limits, private_data }
    }

    pub(crate) fn send(&mut self, qp: QpId, id: u64, operation: SendOperation<'_>, sgl: &[Sge]) -> Result<(), Status> {
        let request =
            SendRequest { id, operation, sgl, inline_data: None, signalled: true, solicited: false, fence: false };
        self.post(qp, &request)
    }

    pub(crate) fn post(&mut self, qp: QpId, request: &SendRequest<'_>) -> Result<(), Status> {
        self.backend.post_send(&mut self.bus, qp, request)?;
        self.backend.ring(&mut self.bus, qp);
        Ok(())
    }

    pub(crate) fn receive(&mut self, qp: QpId, id: u64, sgl: &[Sge]) -> Result<(), Status> {
        self.backend.post_receive(&mut self.bus, qp, id, sgl)
    }

    pub(crate) fn receive_shared(&mut self, srq: SrqId, id: u64, sgl: &[Sge]) -> Result<(), Status> {
        self.backend.post_srq_receive(&mut self.bus, srq, id, sgl)
    }

    pub(crate) fn read_local(&mut self, address: u64, into: &mut [u8]) -> Result<(), Status> {
        self.backend.read_local(&mut self.bus, address, into)
    }

    pub(crate) fn poll(&mut self, cq: CqId) -> Option<WorkCompletion> {
        self.backend.poll(&mut self.bus, cq)
    }

    pub(crate) fn arm(&mut self, cq: CqId, solicited_only: bool) {
        self.backend.arm(&mut self.bus, cq, solicited_only);
    }

    /// Waits for the next completion, by the event of an armed queue.
    #[track_caller]
    pub(crate) fn completion(&mut self, cq: CqId) -> WorkCompletion {
        loop {
            if let Some(completion) = self.poll(cq) {
                return completion;
            }
            self.arm(cq, false);
            self.wait(|event| (*event == Event::CqReady(cq)).then_some(()));
        }
    }
}

fn ended(event: &Event, wanted: CommandId) -> Option<CommandResult> {
    match event {
        Event::CommandDone { command, result } if *command == wanted => Some(result.clone()),
        _ => None,
    }
}

/// Two sides with connected queue pairs.
pub(crate) struct Connected {
    pub(crate) a: Side,
    pub(crate) b: Side,
    pub(crate) at_a: Ends,
    pub(crate) at_b: Ends,
    pub(crate) from_a: ConnectionId,
    pub(crate) from_b: ConnectionId,
}

/// Connects `a` to `b`; the consumers' data are "from a" and "from b".
#[track_caller]
pub(crate) fn connect(a: &mut Side, at_a: Ends, b: &mut Side, at_b: Ends) -> (Established, Established) {
    let (listener, address) = b.listen(0);
    let connecting = a.start(a.connect_command(at_a.qp, address, b"from a"));
    let (connection, limits, private_data) = b.request(a);
    assert_eq!(limits, ConnectionLimits { inbound_reads: 2, outbound_reads: 4 }, "the other side's, turned round");
    assert!(private_data.starts_with(b"from a"), "{private_data:?}");
    let limits = ConnectionLimits { inbound_reads: 8, outbound_reads: 3 };
    let accepting = b.start(Command::Accept { connection, qp: at_b.qp, limits, private_data: b"from b" });
    let active = match a.finish(b, connecting) {
        Ok(CommandOutput::Connected(established)) => established,
        other => panic!("not connected: {other:?}"),
    };
    assert_eq!(a.run(Execution::Queued, Command::CompleteConnect(active.connection)), Ok(CommandOutput::Done));
    let passive = match b.finish(a, accepting) {
        Ok(CommandOutput::Connected(established)) => established,
        other => panic!("not accepted: {other:?}"),
    };
    b.destroy(Execution::Inline, Resource::Listener(listener));
    (active, passive)
}

impl Connected {
    pub(crate) fn new(devices: &Devices) -> Self {
        let (mut a, mut b) = (Side::open(devices, 0), Side::open(devices, 1));
        let (at_a, at_b) = (a.ends(), b.ends());
        let (active, passive) = connect(&mut a, at_a, &mut b, at_b);
        Self { a, b, at_a, at_b, from_a: active.connection, from_b: passive.connection }
    }
}
