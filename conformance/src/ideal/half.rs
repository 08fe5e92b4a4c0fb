//! One device of the two, as a backend.

use super::connect::{Connection, Listener};
use super::medium::{Cq, Medium, Qp, Receives, Region};
use super::work::PRIVILEGED_KEY;
use bytes::Bytes;
use des::Time;
use host::Mdl;
use provider::backend::{
    Backend, Capabilities, Command, CommandId, CommandOutput, CommandResult, CqId, Event, Execution, ListenerId, MrId,
    MwId, PdId, QpId, Resource, SendRequest, SrqId, Submitted, WorkCompletion,
};
use provider::ndk::{MrFlags, Sge, Status};
use std::collections::VecDeque;
use std::net::IpAddr;

/// What the ideal device can do: everything.
#[must_use]
pub fn capabilities(addresses: Vec<IpAddr>) -> Capabilities {
    Capabilities {
        vendor_id: 0,
        device_id: 1,
        max_registration_bytes: 1 << 30,
        max_fast_register_pages: 64,
        max_send_sge: 4,
        max_receive_sge: 4,
        max_read_sge: 2,
        max_message_bytes: 1 << 20,
        max_inline_bytes: 128,
        max_inbound_reads: 16,
        max_outbound_reads: 16,
        max_send_depth: 1024,
        max_receive_depth: 1024,
        max_srq_depth: 1024,
        max_cq_depth: 4096,
        max_request_private_bytes: 56,
        max_reply_private_bytes: 148,
        memory_windows: true,
        atomics: true,
        invalidate: true,
        resize_cq: true,
        resize_srq: true,
        moderate_cq: true,
        in_order_dma: true,
        privileged_key: Some(PRIVILEGED_KEY),
        loopback: false,
        addresses,
    }
}

/// What a device can do that has nothing but what every adapter must: no windows, no shared receive queues, no resizing, no
/// moderation, no atomics, bytes in any order.
#[must_use]
pub fn bare_capabilities(addresses: Vec<IpAddr>) -> Capabilities {
    Capabilities {
        max_srq_depth: 0,
        memory_windows: false,
        resize_cq: false,
        resize_srq: false,
        moderate_cq: false,
        in_order_dma: false,
        atomics: false,
        ..capabilities(addresses)
    }
}

/// The device of one node. What it does is in the [`Medium`].
#[derive(Clone, Debug)]
pub struct Half {
    node: usize,
    capabilities: Capabilities,
    events: VecDeque<Event>,
}

impl Half {
    /// The device of `node`.
    #[must_use]
    pub fn new(node: usize, capabilities: Capabilities) -> Self {
        Self { node, capabilities, events: VecDeque::new() }
    }

    /// A command that needs nobody else.
    fn run(&self, medium: &mut Medium, command: Command<'_>) -> CommandResult {
        let number = medium.number() as u32;
        let device = &mut medium.devices[self.node];
        let created = |resource| Ok(CommandOutput::Created(resource));
        match command {
            Command::CreatePd => created(Resource::Pd(PdId(number))),
            Command::CreateCq { depth, .. } => {
                device.cqs.insert(CqId(number), Cq { depth: depth as usize, ..Cq::default() });
                created(Resource::Cq(CqId(number)))
            }
            Command::ResizeCq { cq, depth } => match device.cqs.get_mut(&cq) {
                Some(cq) if cq.entries.len() <= depth as usize => {
                    cq.depth = depth as usize;
                    Ok(CommandOutput::Done)
                }
                _ => Err(Status::BUFFER_OVERFLOW),
            },
            Command::CreateSrq { .. } => {
                device.srqs.insert(SrqId(number), Receives::default());
                created(Resource::Srq(SrqId(number)))
            }
            Command::SetSrqLimit { srq, limit } => {
                device.srqs.entry(srq).and_modify(|srq| srq.limit = limit as usize);
                medium.look_at_srq(self.node, srq);
                Ok(CommandOutput::Done)
            }
            Command::CreateQp { pd, send_cq, receive_cq, srq, .. } => {
                device.qps.insert(QpId(number), idle(pd, send_cq, receive_cq, srq));
                created(Resource::Qp(QpId(number)))
            }
            Command::FlushQp(qp) => {
                medium.break_qp(self.node, qp);
                Ok(CommandOutput::Done)
            }
            Command::RegisterMr { pd, mdl, length_bytes, rights } => {
                let mdl = Mdl { length_bytes, ..mdl.clone() };
                let (key, base) = (number << 8, mdl.virtual_address);
                let region = Region { key, pd, base, length: length_bytes, mdl, rights, valid: true };
                Ok(keyed(medium, self.node, Resource::Mr(MrId(number)), region))
            }
            Command::CreateFastRegisterMr { pd, .. } => {
                Ok(keyed(medium, self.node, Resource::Mr(MrId(number)), nothing(pd, number << 8)))
            }
            Command::CreateMw { pd } => {
                Ok(keyed(medium, self.node, Resource::Mw(MwId(number)), nothing(pd, number << 8)))
            }
            Command::Destroy(resource) => {
                self.destroy(medium, resource);
                Ok(CommandOutput::Done)
            }
            Command::Listen { address } => {
                device.listeners.insert(ListenerId(number), Listener { address, paused: false });
                Ok(CommandOutput::Listening { listener: ListenerId(number), address })
            }
            Command::PauseListener { listener, pause } => {
                device.listeners.entry(listener).and_modify(|listener| listener.paused = pause);
                Ok(CommandOutput::Done)
            }
            Command::Reject { connection, private_data } => {
                medium.give_up(self.node, connection, private_data);
                Ok(CommandOutput::Done)
            }
            _ => Ok(CommandOutput::Done),
        }
    }

    fn destroy(&self, medium: &mut Medium, resource: Resource) {
        let device = &mut medium.devices[self.node];
        match resource {
            Resource::Pd(_) => {}
            Resource::Cq(id) => drop(device.cqs.remove(&id)),
            Resource::Srq(id) => drop(device.srqs.remove(&id)),
            Resource::Qp(id) => drop(device.qps.remove(&id)),
            Resource::Mr(_) | Resource::Mw(_) => drop(device.regions.remove(&resource)),
            Resource::Listener(id) => medium.stop_listening(self.node, id),
            Resource::Connection(id) => medium.forget(self.node, id),
        }
    }

    /// Commands that wait for the peer.
    fn shake(&self, medium: &mut Medium, command: &Command<'_>) -> Option<CommandId> {
        Some(match *command {
            Command::Connect { qp, source, destination, limits, private_data, .. } => {
                let connection = Connection {
                    local: source,
                    peer: destination,
                    qp: Some(qp),
                    other: None,
                    limits,
                    private_data: Bytes::copy_from_slice(private_data),
                    command: None,
                    established: false,
                };
                medium.connect(self.node, connection)
            }
            Command::CompleteConnect(connection) => medium.complete_connect(self.node, connection),
            Command::Accept { connection, qp, limits, private_data } => {
                medium.accept(self.node, connection, qp, limits, Bytes::copy_from_slice(private_data))
            }
            Command::Disconnect(connection) => medium.disconnect(self.node, connection),
            _ => return None,
        })
    }
}

/// A key that reaches nothing yet.
fn nothing(pd: PdId, key: u32) -> Region {
    let mdl = Mdl { virtual_address: 0, length_bytes: 0, pages: Vec::new() };
    Region { key, pd, base: 0, length: 0, mdl, rights: MrFlags::empty(), valid: false }
}

fn keyed(medium: &mut Medium, node: usize, resource: Resource, region: Region) -> CommandOutput {
    let key = region.key;
    medium.devices[node].regions.insert(resource, region);
    CommandOutput::Keys { resource, local: key, remote: key }
}

impl Backend for Half {
    type Host = Medium;

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn submit(&mut self, medium: &mut Medium, how: Execution, command: Command<'_>) -> Submitted {
        if let Some(waits) = self.shake(medium, &command) {
            return Submitted::Queued(waits);
        }
        let result = self.run(medium, command);
        match how {
            Execution::Inline => Submitted::Done(result),
            Execution::Queued => Submitted::Queued(medium.queue(self.node, result)),
        }
    }

    fn cancel(&mut self, medium: &mut Medium, command: CommandId) {
        if let Some(Some(connection)) = medium.devices[self.node].commands.get(&command).copied() {
            medium.give_up(self.node, connection, &[]);
        }
        medium.done(self.node, command, Err(Status::CANCELLED));
    }

    fn post_send(&mut self, medium: &mut Medium, qp: QpId, request: &SendRequest<'_>) -> Result<(), Status> {
        medium.post(self.node, qp, request)
    }

    fn ring(&mut self, medium: &mut Medium, qp: QpId) {
        medium.rung(self.node, qp);
    }

    fn post_receive(&mut self, medium: &mut Medium, qp: QpId, id: u64, sgl: &[Sge]) -> Result<(), Status> {
        let queue = medium.devices[self.node].qps.get_mut(&qp).ok_or(Status::INVALID_PARAMETER)?;
        queue.own.waiting.push_back((id, sgl.to_vec()));
        if queue.broken {
            medium.break_qp(self.node, qp);
        }
        Ok(())
    }

    fn post_srq_receive(&mut self, medium: &mut Medium, srq: SrqId, id: u64, sgl: &[Sge]) -> Result<(), Status> {
        let queue = medium.devices[self.node].srqs.get_mut(&srq).ok_or(Status::INVALID_PARAMETER)?;
        queue.waiting.push_back((id, sgl.to_vec()));
        Ok(())
    }

    fn read_local(&mut self, medium: &mut Medium, address: u64, into: &mut [u8]) -> Result<(), Status> {
        medium.memories[self.node].read_virtual(address, into).map_err(|_| Status::ACCESS_VIOLATION)
    }

    fn poll(&mut self, medium: &mut Medium, cq: CqId) -> Option<WorkCompletion> {
        medium.devices[self.node].cqs.get_mut(&cq)?.entries.pop_front()
    }

    fn arm(&mut self, medium: &mut Medium, id: CqId, solicited_only: bool) {
        let Some(cq) = medium.devices[self.node].cqs.get_mut(&id) else { return };
        let counts = |entry: &WorkCompletion| !solicited_only || entry.solicited || entry.status != Status::SUCCESS;
        if cq.entries.iter().any(counts) {
            medium.raise(self.node, Event::CqReady(id));
        } else {
            cq.armed = Some(solicited_only);
        }
    }

    fn interrupt(&mut self, medium: &mut Medium, _now: Time, _vector: u16) {
        self.events.append(&mut medium.devices[self.node].inbox);
    }

    fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }

    fn wake(&mut self, _medium: &mut Medium, _now: Time) {}
}

/// A QP with nothing posted and no peer.
fn idle(pd: PdId, send_cq: CqId, receive_cq: CqId, srq: Option<SrqId>) -> Qp {
    Qp {
        pd,
        send_cq,
        receive_cq,
        srq,
        own: Receives::default(),
        sends: VecDeque::new(),
        rung: 0,
        executing: false,
        retries: 0,
        peer: None,
        broken: false,
    }
}
