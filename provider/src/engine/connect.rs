//! Establishing connections: connect, complete, accept, reject.

use super::Engine;
use super::Then;
use super::connector::{Operation, State};
use super::create::{Creation, Draft};
use super::dispatch::Returned;
use super::endpoint::EndpointUse;
use super::lifetime::ObjectId;
use super::qp::Link;
use super::requests::{Request, Work};
use crate::backend::{Backend, Command, CommandId, CommandOutput, CommandResult, ConnectionLimits};
use crate::ndk::{
    CallKind, CallSite, Completion, ConnectParams, DisconnectEvent, NdkVersion, Object, ObjectKind, Status,
};
use bytes::Bytes;
use std::net::SocketAddr;

/// `NdkConnect` and `NdkConnectWithSharedEndpoint`.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    pub(super) connector: Object,
    pub(super) from: Source,
    pub(super) destination: SocketAddr,
    pub(super) params: ConnectParams<'a>,
}

/// Where a connection starts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    Address(SocketAddr),
    SharedEndpoint(Object),
}

impl<B: Backend> Engine<B> {
    pub(super) fn create_connector(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        adapter: Object,
        completion: Completion,
    ) -> Returned {
        let parent = self.live(adapter, ObjectKind::Adapter)?;
        let kind = CallKind::CreateConnector;
        self.create(host, site, Creation { kind, parent, others: vec![], draft: Draft::Connector, completion }, None)
    }

    pub(super) fn connect(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        attempt: Attempt<'_>,
        completion: Completion,
    ) -> Returned {
        let Attempt { connector, from, destination, params } = attempt;
        let owner = self.live(connector, ObjectKind::Connector)?;
        let state = self.objects.connector(owner).state.after(Operation::Connect, &self.config.policy)?;
        let qp = self.free_qp(params.qp, owner)?;
        self.check_private_data(params.private_data, self.backend.capabilities().max_request_private_bytes)?;
        // A connect that failed has its address until it is tried again.
        if let Some(used) = self.objects.connector_mut(owner).endpoint.take() {
            self.endpoints.leave(used);
        }
        let used = self.source(owner, from, destination)?;
        let shared_endpoint = matches!(from, Source::SharedEndpoint(_));
        let limits = self.capped(ConnectionLimits {
            inbound_reads: params.inbound_read_limit,
            outbound_reads: params.outbound_read_limit,
        });
        let connector = self.objects.connector_mut(owner);
        (connector.state, connector.qp, connector.endpoint) = (state, Some(qp), Some(used));
        (connector.local, connector.peer) = (Some(used.local), Some(destination));
        // A refusal that came before is not about this attempt.
        connector.private_data = Bytes::new();
        self.objects.qp_mut(qp).link = Link::Connecting;
        self.lifetimes.link(owner, qp);
        if let Source::SharedEndpoint(endpoint) = from {
            self.lifetimes.link(owner, endpoint.id);
        }
        let (device_qp, source, private_data) = (self.objects.qp(qp).id(), used.local, params.private_data);
        let command = Command::Connect { qp: device_qp, source, shared_endpoint, destination, limits, private_data };
        let kind = if shared_endpoint { CallKind::ConnectWithSharedEndpoint } else { CallKind::Connect };
        Ok(self.start(host, site, Request { owner, kind, completion, work: Work::Connect }, Some(command)))
    }

    pub(super) fn connect_done(&mut self, id: ObjectId, result: CommandResult) -> Result<(), Status> {
        let established = match result {
            Ok(CommandOutput::Connected(established)) => Ok(established),
            other => Err(other.err().unwrap_or(Status::INTERNAL_ERROR)),
        };
        self.objects.connector_mut(id).ended(established.is_ok());
        match established {
            Ok(established) => {
                self.resources.insert(crate::backend::Resource::Connection(established.connection), id);
                self.objects.connector_mut(id).learn(established);
                Ok(())
            }
            Err(status) => {
                self.counters.connect_failure += 1;
                self.free_from(id);
                Err(status)
            }
        }
    }

    /// What came with the refusal that ends a connect: the consumer may ask for it once the connect has completed.
    pub(super) fn connect_refused(&mut self, command: CommandId, private_data: Bytes) {
        if let Some(Then::Request(request)) = self.commands.get(&command)
            && matches!(request.work, Work::Connect)
        {
            let owner = request.owner;
            self.objects.connector_mut(owner).private_data = private_data;
        }
    }

    pub(super) fn complete_connect(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        connector: Object,
        event: DisconnectEvent,
        completion: Completion,
    ) -> Returned {
        let owner = self.live(connector, ObjectKind::Connector)?;
        self.check_event(owner, event)?;
        let connector = self.objects.connector_mut(owner);
        let state = connector.state.after(Operation::CompleteConnect, &self.config.policy)?;
        let connection = connector.connection().ok_or(Status::CONNECTION_INVALID)?;
        (connector.state, connector.disconnect_event) = (state, Some(event));
        let request = Request { owner, kind: CallKind::CompleteConnect, completion, work: Work::CompleteConnect };
        Ok(self.start(host, site, request, Some(Command::CompleteConnect(connection))))
    }

    /// `wanted`: what both kinds of connecting have, and the disconnect event.
    pub(super) fn accept(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        connector: Object,
        wanted: (ConnectParams<'_>, DisconnectEvent),
        completion: Completion,
    ) -> Returned {
        let owner = self.live(connector, ObjectKind::Connector)?;
        let (params, event) = wanted;
        self.check_event(owner, event)?;
        let connector = self.objects.connector(owner);
        let state = connector.state.after(Operation::Accept, &self.config.policy)?;
        let connection = connector.connection().ok_or(self.config.policy.wrong_state)?;
        let qp = self.free_qp(params.qp, owner)?;
        self.check_private_data(params.private_data, self.backend.capabilities().max_reply_private_bytes)?;
        let limits = self.capped(ConnectionLimits {
            inbound_reads: params.inbound_read_limit,
            outbound_reads: params.outbound_read_limit,
        });
        let connector = self.objects.connector_mut(owner);
        (connector.state, connector.qp, connector.disconnect_event) = (state, Some(qp), Some(event));
        self.objects.qp_mut(qp).link = Link::Connecting;
        self.lifetimes.link(owner, qp);
        let (qp, private_data) = (self.objects.qp(qp).id(), params.private_data);
        let command = Command::Accept { connection, qp, limits, private_data };
        let request = Request { owner, kind: CallKind::Accept, completion, work: Work::Accept };
        Ok(self.start(host, site, request, Some(command)))
    }

    /// An accept or a complete-connect has ended.
    pub(super) fn establish_done(&mut self, id: ObjectId, result: CommandResult) -> Result<(), Status> {
        let connector = self.objects.connector_mut(id);
        let passive = connector.state == State::Accepting;
        connector.ended(result.is_ok());
        match result {
            Ok(output) => {
                *if passive { &mut self.counters.accept } else { &mut self.counters.connect } += 1;
                if let CommandOutput::Connected(established) = output {
                    connector.learn(established);
                }
                let link = if connector.state == State::Established { Link::Ready } else { Link::Broken };
                if let Some(qp) = connector.qp {
                    self.objects.qp_mut(qp).link = link;
                }
                Ok(())
            }
            Err(status) => {
                self.counters.connect_failure += 1;
                self.free_from(id);
                Err(status)
            }
        }
    }

    /// `NdkReject`: inline, whatever the device's time.
    pub(super) fn reject(&mut self, host: &mut B::Host, connector: Object, private_data: &[u8]) -> Result<(), Status> {
        let id = self.live(connector, ObjectKind::Connector)?;
        self.check_private_data(private_data, self.backend.capabilities().max_reply_private_bytes)?;
        let connector = self.objects.connector_mut(id);
        let state = connector.state.after(Operation::Reject, &self.config.policy)?;
        let connection = connector.connection().ok_or(self.config.policy.wrong_state)?;
        connector.state = state;
        self.free_from(id);
        self.run_inline(host, Command::Reject { connection, private_data })
    }

    /// The local endpoint of a connect, with a reference for its connector.
    fn source(&mut self, owner: ObjectId, from: Source, destination: SocketAddr) -> Result<EndpointUse, Status> {
        let own = |address: SocketAddr| self.backend.capabilities().addresses.contains(&address.ip());
        let loopback = own(destination) && !self.backend.capabilities().loopback;
        let local = match from {
            Source::Address(address) => address,
            Source::SharedEndpoint(endpoint) => {
                let id = self.live_beside(endpoint, ObjectKind::SharedEndpoint, owner)?;
                self.objects.shared_endpoint(id).local
            }
        };
        self.check_own_address(local)?;
        if local.is_ipv4() != destination.is_ipv4() || destination.port() == 0 {
            return Err(Status::INVALID_ADDRESS);
        }
        if loopback {
            return Err(self.config.policy.no_loopback);
        }
        match from {
            Source::Address(_) => self.endpoints.reserve(local, &self.config.ephemeral_ports),
            Source::SharedEndpoint(_) => self.endpoints.join(local, destination),
        }
    }

    /// A queue pair that no connector has.
    fn free_qp(&self, qp: Object, relative: ObjectId) -> Result<ObjectId, Status> {
        let id = self.live_beside(qp, ObjectKind::Qp, relative)?;
        match self.objects.qp(id).link {
            Link::None => Ok(id),
            Link::Connecting | Link::Ready => Err(self.config.policy.qp_in_use),
            Link::Broken | Link::Disconnected => Err(self.config.policy.wrong_state),
        }
    }

    /// Frees the queue pair of a connector whose attempt failed. It stays an antecedent until the connector is closed.
    fn free_from(&mut self, id: ObjectId) {
        if let Some(qp) = self.objects.connector_mut(id).qp.take() {
            self.objects.qp_mut(qp).link = Link::None;
        }
    }

    fn check_private_data(&self, data: &[u8], most: u32) -> Result<(), Status> {
        if data.len() <= most as usize { Ok(()) } else { Err(self.config.policy.private_data_too_long) }
    }

    fn check_event(&self, id: ObjectId, event: DisconnectEvent) -> Result<(), Status> {
        let known = !event.extended || self.version(id) >= NdkVersion::V2_1;
        if known { Ok(()) } else { Err(self.config.policy.later_version) }
    }

    /// Asking for more reads than the adapter can do is no mistake.
    pub(super) fn capped(&self, limits: ConnectionLimits) -> ConnectionLimits {
        let device = self.backend.capabilities();
        ConnectionLimits {
            inbound_reads: limits.inbound_reads.min(device.max_inbound_reads),
            outbound_reads: limits.outbound_reads.min(device.max_outbound_reads),
        }
    }
}
