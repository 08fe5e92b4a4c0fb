//! A backend without a device: commands end when the test says so, completions are what the test says.

use crate::backend::{
    Backend, Capabilities, Command, CommandId, CommandOutput, CommandResult, ConnectionId, CqId, Established, Event,
    Execution, ListenerId, MrId, MwId, PdId, QpId, Resource, SendRequest, SrqId, Submitted, WorkCompletion,
};
use crate::ndk::{Sge, Status};
use bytes::Bytes;
use des::Time;
use std::collections::{BTreeMap, VecDeque};

/// What the device calls a page, beyond what memory calls it.
pub(in crate::engine) const MAPPED: u64 = 1 << 40;

/// The backend.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Script {
    pub(in crate::engine) capabilities: Capabilities,
    /// Every command, in the words of its `Debug`.
    pub(in crate::engine) log: Vec<String>,
    /// Results of the next commands, before the good ones.
    pub(in crate::engine) results: VecDeque<CommandResult>,
    /// What an inline request would run, if it were not for the wait: commands that were queued.
    pub(in crate::engine) queued: VecDeque<(CommandId, CommandResult)>,
    pub(in crate::engine) events: VecDeque<Event>,
    pub(in crate::engine) completions: BTreeMap<CqId, VecDeque<WorkCompletion>>,
    /// Queues that are armed, and whether for solicited entries only.
    pub(in crate::engine) armed: BTreeMap<CqId, bool>,
    /// Requests on send queues: queue, number, signalled, inline data.
    pub(in crate::engine) sends: Vec<(QpId, u64, bool, Option<Vec<u8>>)>,
    pub(in crate::engine) receives: Vec<(QpId, u64)>,
    pub(in crate::engine) rings: usize,
    /// Lists of pages that are mapped.
    pub(in crate::engine) mapped: usize,
    /// The next post fails so.
    pub(in crate::engine) post_error: Option<Status>,
    next_id: u32,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            capabilities: capabilities(),
            log: Vec::new(),
            results: VecDeque::new(),
            queued: VecDeque::new(),
            events: VecDeque::new(),
            completions: BTreeMap::new(),
            armed: BTreeMap::new(),
            sends: Vec::new(),
            receives: Vec::new(),
            rings: 0,
            mapped: 0,
            post_error: None,
            next_id: 0,
        }
    }
}

fn capabilities() -> Capabilities {
    Capabilities {
        vendor_id: 1,
        device_id: 2,
        max_registration_bytes: 1 << 20,
        max_fast_register_pages: 64,
        max_send_sge: 4,
        max_receive_sge: 4,
        max_read_sge: 2,
        max_message_bytes: 1 << 16,
        max_inline_bytes: 64,
        max_inbound_reads: 16,
        max_outbound_reads: 8,
        max_send_depth: 128,
        max_receive_depth: 128,
        max_srq_depth: 64,
        max_cq_depth: 256,
        max_request_private_bytes: 56,
        max_reply_private_bytes: 196,
        memory_windows: true,
        atomics: true,
        invalidate: true,
        resize_cq: true,
        resize_srq: true,
        moderate_cq: true,
        in_order_dma: true,
        privileged_key: Some(0x77),
        loopback: false,
        addresses: vec!["10.0.0.1".parse().expect("an address"), "fe80::1".parse().expect("an address")],
    }
}

impl Script {
    fn id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    fn good_result(&mut self, command: &Command<'_>) -> CommandOutput {
        let id = self.id();
        let keys = |resource| CommandOutput::Keys { resource, local: id << 8, remote: id << 8 };
        match *command {
            Command::CreatePd => CommandOutput::Created(Resource::Pd(PdId(id))),
            Command::CreateCq { .. } => CommandOutput::Created(Resource::Cq(CqId(id))),
            Command::CreateSrq { .. } => CommandOutput::Created(Resource::Srq(SrqId(id))),
            Command::CreateQp { .. } => CommandOutput::Created(Resource::Qp(QpId(id))),
            Command::RegisterMr { .. } | Command::CreateFastRegisterMr { .. } => keys(Resource::Mr(MrId(id))),
            Command::CreateMw { .. } => keys(Resource::Mw(MwId(id))),
            Command::Listen { address } => CommandOutput::Listening { listener: ListenerId(id), address },
            Command::Connect { source, destination, limits, .. } => CommandOutput::Connected(Established {
                connection: ConnectionId(id),
                local: source,
                peer: destination,
                inbound_reads: limits.inbound_reads,
                outbound_reads: limits.outbound_reads,
                private_data: Bytes::from_static(b"accepted"),
            }),
            Command::Accept { connection, limits, .. } => CommandOutput::Connected(Established {
                connection,
                local: super::adapter_address(5000),
                peer: super::peer_address(60_000),
                inbound_reads: limits.inbound_reads,
                outbound_reads: limits.outbound_reads,
                private_data: Bytes::new(),
            }),
            _ => CommandOutput::Done,
        }
    }

    /// Ends the commands that are queued now, in order.
    pub(in crate::engine) fn finish_queued(&mut self) {
        for (command, result) in std::mem::take(&mut self.queued) {
            self.events.push_back(Event::CommandDone { command, result });
        }
    }

    /// Puts an entry into a completion queue, and reports it where the queue is armed for it.
    pub(in crate::engine) fn complete(&mut self, cq: CqId, completion: WorkCompletion) {
        self.completions.entry(cq).or_default().push_back(completion);
        let counts = completion.solicited || completion.status != Status::SUCCESS;
        if self.armed.get(&cq).is_some_and(|&solicited_only| counts || !solicited_only) {
            self.armed.remove(&cq);
            self.events.push_back(Event::CqReady(cq));
        }
    }

    /// Whether a command was given whose words start so.
    pub(in crate::engine) fn was_told(&self, start: &str) -> bool {
        self.log.iter().any(|line| line.starts_with(start))
    }
}

impl Backend for Script {
    type Host = ();

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn submit(&mut self, (): &mut (), how: Execution, command: Command<'_>) -> Submitted {
        self.log.push(format!("{command:?}"));
        let good = self.good_result(&command);
        let result = self.results.pop_front().unwrap_or(Ok(good));
        match how {
            Execution::Inline => Submitted::Done(result),
            Execution::Queued => {
                let id = CommandId(self.id());
                self.queued.push_back((id, result));
                Submitted::Queued(id)
            }
        }
    }

    fn cancel(&mut self, (): &mut (), command: CommandId) {
        if let Some(place) = self.queued.iter().position(|&(queued, _)| queued == command) {
            self.queued.remove(place);
            self.events.push_back(Event::CommandDone { command, result: Err(Status::CANCELLED) });
        }
    }

    fn post_send(&mut self, (): &mut (), qp: QpId, request: &SendRequest<'_>) -> Result<(), Status> {
        if let Some(status) = self.post_error.take() {
            return Err(status);
        }
        self.sends.push((qp, request.id, request.signalled, request.inline_data.map(<[u8]>::to_vec)));
        Ok(())
    }

    fn ring(&mut self, (): &mut (), _qp: QpId) {
        self.rings += 1;
    }

    fn post_receive(&mut self, (): &mut (), qp: QpId, id: u64, _sgl: &[Sge]) -> Result<(), Status> {
        self.receives.push((qp, id));
        Ok(())
    }

    fn post_srq_receive(&mut self, (): &mut (), _srq: SrqId, _id: u64, _sgl: &[Sge]) -> Result<(), Status> {
        Ok(())
    }

    /// The byte at each address is the address's lowest.
    fn read_local(&mut self, (): &mut (), address: u64, into: &mut [u8]) -> Result<(), Status> {
        if address == 0 {
            return Err(Status::ACCESS_VIOLATION);
        }
        for (byte, at) in into.iter_mut().zip(address..) {
            *byte = at as u8;
        }
        Ok(())
    }

    fn map(&mut self, (): &mut (), pages: &[u64]) -> Vec<u64> {
        self.mapped += 1;
        pages.iter().map(|page| page + MAPPED).collect()
    }

    fn unmap(&mut self, (): &mut (), addresses: &[u64]) {
        assert!(addresses.iter().all(|address| *address >= MAPPED), "what was mapped is unmapped");
        self.mapped -= 1;
    }

    fn poll(&mut self, (): &mut (), cq: CqId) -> Option<WorkCompletion> {
        self.completions.get_mut(&cq)?.pop_front()
    }

    fn arm(&mut self, (): &mut (), cq: CqId, solicited_only: bool) {
        self.armed.insert(cq, solicited_only);
        if self.completions.get(&cq).is_some_and(|entries| !entries.is_empty()) && !solicited_only {
            self.armed.remove(&cq);
            self.events.push_back(Event::CqReady(cq));
        }
    }

    fn interrupt(&mut self, (): &mut (), _now: Time, _vector: u16) {}

    fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }

    fn wake(&mut self, (): &mut (), _now: Time) {}
}
