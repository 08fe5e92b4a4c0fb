//! A node of a study: NIC, driver, and a consumer that posts the WRITEs of flows and polls.

use super::sending::{Ended, Request, Sendings, Target};
use super::steps::Steps;
use crate::adapter;
use crate::node::{BusConfig, Hardware, Later, MappingCost};
use crate::spec::PayloadMode;
use des::{Dur, Time, TraceHash};
use fabric::address::Endpoint;
use host::{Mdl, PAGE_SIZE};
use nic_model::Nic;
use nic_model::port::Input;
use provider::backend::{
    Backend, Command, CommandOutput, ConnectionLimits, CqId, Event, Execution, PdId, QpId, Resource, SendOperation,
    SendRequest, Submitted,
};
use provider::ndk::{MrFlags, Sge, Status};
use provider::sim::cm::RemoteEnd;
use provider::sim::{self, SimBackend};
use std::net::{IpAddr, SocketAddr};
use wire::cm::PathMtu;
use wire::{Frame, Psn, Qpn};

/// How all consumers of a study work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    pub(super) message_bytes: u32,
    pub(super) window_messages: u32,
    pub(super) payload: PayloadMode,
    pub(super) mtu_bytes: u16,
}

/// What a plan has a node do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Uses {
    /// Flows that begin here.
    pub(super) flows: u32,
    /// Connections that they use.
    pub(super) sends: u32,
    /// Connections that lead here.
    pub(super) receives: u32,
    /// Receives that wait for steps of a collective at a time.
    pub(super) steps: u32,
}

/// Memory that flows are sent from and written to.
#[derive(Clone, Copy, Debug)]
struct Region {
    address: u64,
    local: u32,
    remote: u32,
}

/// A node.
#[derive(Debug)]
pub(super) struct LightNode {
    pub(super) hardware: Hardware,
    backend: SimBackend,
    endpoint: Endpoint,
    pd: PdId,
    cq: CqId,
    region: Region,
    habits: Habits,
    sendings: Sendings,
    steps: Steps,
    pub(super) ended: Vec<Ended>,
    pub(super) hash: TraceHash,
}

/// A store on its way from a processor to the NIC; assumed.
const MMIO_WRITE: Dur = Dur::from_ns(250);
/// Event queues are as short as the driver allows: interrupts are served at once.
const LOG_EVENT_ENTRIES: u8 = 8;
/// Queue pairs are connected by the plan: nobody sends datagrams.
const DATAGRAM_RECEIVES: u32 = 1;
/// First byte of the region in the consumer's address space.
const REGION_ADDRESS: u64 = 1 << 32;

impl LightNode {
    /// A node whose device has been started, with room for what it will be used for.
    pub(super) fn new(
        endpoint: Endpoint,
        mut nic: nic_model::Config,
        habits: Habits,
        uses: Uses,
        timed: bool,
        mapping: Option<MappingCost>,
    ) -> Result<Self, String> {
        let mmio_write = if timed { MMIO_WRITE } else { Dur::ZERO };
        let elide_payload = habits.payload == PayloadMode::Elided;
        // An IOMMU looks at each access, also of what is elided.
        nic.elides_payload = elide_payload && mapping.is_none();
        nic.expected_qps = uses.sends + uses.receives;
        let bus = BusConfig { mmio_write, elide_payload, mapping, asks_wakes: true };
        let mut hardware = Hardware::new(Nic::new(nic), bus);
        hardware.begin(Time::ZERO);
        let config = sim::Config {
            addresses: vec![IpAddr::V4(endpoint.ipv4())],
            log_event_entries: LOG_EVENT_ENTRIES,
            datagram_receives: DATAGRAM_RECEIVES,
            ..sim::Config::default()
        };
        let mut backend = SimBackend::new(&mut hardware, config).map_err(|error| error.to_string())?;
        let mut create = |command| run(&mut backend, &mut hardware, command);
        let CommandOutput::Created(Resource::Pd(pd)) = create(Command::CreatePd)? else { return Err(surprise()) };
        let depth = uses.sends.saturating_mul(habits.window_messages).saturating_add(uses.steps).max(1);
        let CommandOutput::Created(Resource::Cq(cq)) = create(Command::CreateCq { depth, vector: 0 })? else {
            return Err(surprise());
        };
        let mdl = memory(&mut hardware, habits);
        let rights = MrFlags::ALLOW_LOCAL_WRITE | MrFlags::ALLOW_REMOTE_WRITE;
        let register = Command::RegisterMr { pd, mdl: &mdl, length_bytes: mdl.length_bytes, rights };
        let CommandOutput::Keys { local, remote, .. } = run(&mut backend, &mut hardware, register)? else {
            return Err(surprise());
        };
        let region = Region { address: mdl.virtual_address, local, remote };
        backend.arm(&mut hardware, cq, false);
        Ok(Self {
            hardware,
            backend,
            endpoint,
            pd,
            cq,
            region,
            habits,
            sendings: Sendings::with_capacity(uses.flows),
            steps: Steps::default(),
            ended: Vec::new(),
            hash: TraceHash::new(),
        })
    }

    /// A queue pair for one connection, which so many receives are to wait on.
    pub(super) fn create_qp(&mut self, receives: u32) -> Result<QpId, String> {
        let command = Command::CreateQp {
            pd: self.pd,
            send_cq: self.cq,
            receive_cq: self.cq,
            srq: None,
            send_depth: self.habits.window_messages,
            receive_depth: receives.max(1),
            max_send_sge: 1,
            max_receive_sge: 1,
            max_inline_bytes: 0,
        };
        match run(&mut self.backend, &mut self.hardware, command)? {
            CommandOutput::Created(Resource::Qp(qp)) => Ok(qp),
            _ => Err(surprise()),
        }
    }

    /// Connects a queue pair of that priority to one of a peer. Both sides begin with the same sequence number.
    pub(super) fn connect(
        &mut self,
        qp: QpId,
        priority: u8,
        peer: &Self,
        peer_qp: QpId,
        first: Psn,
    ) -> Result<(), String> {
        let settings = sim::cm::Settings::default();
        let address = |endpoint: Endpoint| SocketAddr::new(IpAddr::V4(endpoint.ipv4()), 0);
        let remote = RemoteEnd {
            address: address(peer.endpoint),
            local: address(self.endpoint),
            qpn: Qpn::new(peer_qp.0),
            starting_psn: first,
            path_mtu: PathMtu::from_bytes(self.habits.mtu_bytes.into()).ok_or("the path MTU has no code")?,
            limits: ConnectionLimits { inbound_reads: 1, outbound_reads: 1 },
            ack_timeout: settings.ack_timeout,
            retry_count: settings.retry_count,
            rnr_retry_count: settings.rnr_retry_count,
        };
        let (hardware, mac, dscp) = (&mut self.hardware, peer.endpoint.mac(), adapter::dscp(priority));
        let connected = self.backend.connect_directly(hardware, qp, first, &remote, mac, dscp);
        self.hardware.forget_pushed();
        connected.map_err(|status| status.to_string())
    }

    /// Takes on a flow to `peer`; gives its number here. A step of a collective `tells` its receiver.
    pub(super) fn add(&mut self, flow: u32, qp: QpId, bytes: u64, tells: bool, peer: &Self) -> u32 {
        let target = Target { address: peer.region.address, key: peer.region.remote };
        self.sendings.add(flow, bytes, tells, qp, target)
    }

    /// Takes on a step of a collective behind the last one of its connection; gives its number here.
    pub(super) fn add_behind(&mut self, last: u32, flow: u32, bytes: u64) -> u32 {
        self.sendings.add_behind(last, flow, bytes)
    }

    /// So many steps of a collective will come by a queue pair.
    pub(super) fn expect(&mut self, qp: QpId, steps: u32) -> Result<(), String> {
        let (id, now) = self.steps.expect(qp, steps);
        let mut post = || self.backend.post_receive(&mut self.hardware, qp, id, &[]);
        (0..now).try_for_each(|_| post()).map_err(|status| status.to_string())
    }

    /// A flow is to begin when so many steps have come.
    pub(super) fn wait(&mut self, steps: u32, number: u32) {
        self.steps.wait(steps, number);
    }

    /// Forgets the time that starting took: it lies before the run.
    pub(super) fn started(&mut self) {
        self.hardware.begin(Time::ZERO);
    }

    pub(super) fn frame(&mut self, now: Time, frame: Box<Frame>) {
        self.hash.mix(frame.wire_len() as u64);
        self.hardware.begin(now);
        self.hardware.tell_here(now, Input::Frame { port: 0, frame });
        self.hash.mix(now.as_ps());
    }

    pub(super) fn pause(&mut self, now: Time, classes: u8, length: Dur) {
        self.hash.mix(u64::from(classes));
        self.hardware.begin(now);
        self.hardware.tell(now, Input::Pause { port: 0, classes, length });
    }

    /// What the hardware wanted to happen; false if nothing has come of it.
    pub(super) fn later(&mut self, now: Time, later: Later) -> bool {
        self.hardware.begin(now);
        match later {
            Later::Mmio if !self.hardware.mmio_is_due(now) => return false,
            Later::Mmio => self.hardware.mmio_arrived(now),
            Later::NicWake => unreachable!("the NIC of a study is asked when it wants to be woken"),
            Later::DmaDone(slot) => {
                self.hardware.dma_done(now, slot);
            }
            Later::Interrupt(vector) => self.interrupt(now, vector),
        }
        true
    }

    /// The NIC's own moment has come; false if nothing has come of it.
    pub(super) fn wake(&mut self, now: Time) -> bool {
        self.hardware.begin(now);
        self.hardware.tell_here(now, Input::Wake)
    }

    /// A flow begins.
    pub(super) fn begin(&mut self, now: Time, number: u32) {
        self.hash.mix(number.into());
        self.hardware.begin(now);
        self.start(now, number);
    }

    fn start(&mut self, now: Time, number: u32) {
        let connection = self.sendings.begin(now, number);
        self.post(now, connection);
    }

    /// Posts what the window of a connection allows.
    fn post(&mut self, now: Time, connection: u32) {
        let Self { hardware, backend, region, habits, sendings, ended, .. } = self;
        let mut posted = None;
        while let Some(Request { number, qp, target, length_bytes }) = sendings.next(connection, *habits) {
            let Target { address: remote_address, key } = target;
            let data = [Sge { address: region.address, length_bytes, token: region.local }];
            let (operation, sgl): (_, &[Sge]) = match length_bytes {
                0 => (SendOperation::Send, &[]),
                _ => (SendOperation::Write { remote_address, key }, &data),
            };
            let request = SendRequest {
                id: number.into(),
                operation,
                sgl,
                inline_data: None,
                signalled: true,
                solicited: false,
                fence: false,
            };
            match backend.post_send(hardware, qp, &request) {
                Ok(()) => posted = Some(qp),
                Err(status) => ended.extend(sendings.completed(now, number, status).1),
            }
        }
        if let Some(qp) = posted {
            backend.ring(hardware, qp);
        }
    }

    fn interrupt(&mut self, now: Time, vector: u16) {
        self.backend.interrupt(&mut self.hardware, now, vector);
        while let Some(event) = self.backend.next_event() {
            if matches!(event, Event::CqReady(_)) {
                self.poll(now);
                self.backend.arm(&mut self.hardware, self.cq, false);
            }
        }
    }

    fn poll(&mut self, now: Time) {
        while let Some(completion) = self.backend.poll(&mut self.hardware, self.cq) {
            self.hash.mix(completion.id);
            if completion.receive {
                self.step_arrived(now, completion.id, completion.status);
                continue;
            }
            let (connection, ended) = self.sendings.completed(now, completion.id as u32, completion.status);
            self.ended.extend(ended);
            self.post(now, connection);
        }
    }

    /// A step of a collective is whole: what waited for it begins.
    fn step_arrived(&mut self, now: Time, id: u64, status: Status) {
        if status != Status::SUCCESS {
            return;
        }
        if let Some(qp) = self.steps.arrived(id) {
            // A queue pair that takes no more has failed, which its sender hears.
            let _ = self.backend.post_receive(&mut self.hardware, qp, id, &[]);
        }
        while let Some(number) = self.steps.ready() {
            self.start(now, number);
        }
    }
}

/// The buffer of a node. Without payload one page stands for all.
fn memory(hardware: &mut Hardware, habits: Habits) -> Mdl {
    let length_bytes = u64::from(habits.message_bytes);
    match habits.payload {
        PayloadMode::Real => hardware.memory.allocate(length_bytes, 0),
        PayloadMode::Elided => {
            let page = hardware.memory.allocate_contiguous(1);
            let pages = vec![page; length_bytes.div_ceil(PAGE_SIZE) as usize];
            Mdl { virtual_address: REGION_ADDRESS, length_bytes, pages }
        }
    }
}

/// Runs a command while the processor waits.
fn run(backend: &mut SimBackend, hardware: &mut Hardware, command: Command<'_>) -> Result<CommandOutput, String> {
    let submitted = backend.submit(hardware, Execution::Inline, command);
    hardware.forget_pushed();
    match submitted {
        Submitted::Done(result) => result.map_err(|status| status.to_string()),
        Submitted::Queued(_) => Err(surprise()),
    }
}

fn surprise() -> String {
    "the driver answers with something else than was asked for".to_owned()
}
