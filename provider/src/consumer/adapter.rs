//! Adapter and protection domain: where objects come from.

use super::connection::{Connector, Listener, SharedEndpoint};
use super::cq::Cq;
use super::memory::{Buffer, Mr};
use super::qp::Qp;
use super::session::Session;
use crate::ndk::{AdapterInfo, Call, LogicalAddressMapping, Object, Out, Status};
use std::net::SocketAddr;

/// An open adapter.
#[derive(Clone, Debug)]
pub struct Adapter {
    session: Session,
    object: Object,
}

impl Adapter {
    pub(super) fn new(session: Session, object: Object) -> Self {
        Self { session, object }
    }

    /// The object, for raw calls.
    #[must_use]
    pub fn object(&self) -> Object {
        self.object
    }

    /// The limits.
    ///
    /// # Errors
    /// What `NdkQueryAdapterInfo` returned.
    pub async fn info(&self) -> Result<AdapterInfo, Status> {
        let call = Call::QueryAdapterInfo { adapter: self.object, buffer_bytes: AdapterInfo::SIZE_BYTES };
        let returned = self.session.returned(self.session.call(call)).await;
        returned.status.ok()?;
        match returned.out {
            Out::Info(info) => Ok(*info),
            _ => Err(Status::UNSUCCESSFUL),
        }
    }

    /// `NdkCreateCq`.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn create_cq(&self, depth: u32) -> Result<Cq, Status> {
        let adapter = self.object;
        let (events, notification) = self.session.events();
        let create = |completion| Call::CreateCq { adapter, depth, notification, affinity: None, completion };
        let object = self.session.create(create).await?;
        Ok(Cq::new(self.session.clone(), object, events))
    }

    /// `NdkCreatePd`.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn create_pd(&self) -> Result<Pd, Status> {
        let adapter = self.object;
        let object = self.session.create(|completion| Call::CreatePd { adapter, completion }).await?;
        Ok(Pd { session: self.session.clone(), object })
    }

    /// `NdkCreateConnector`.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn create_connector(&self) -> Result<Connector, Status> {
        let adapter = self.object;
        let object = self.session.create(|completion| Call::CreateConnector { adapter, completion }).await?;
        Ok(Connector::new(self.session.clone(), object))
    }

    /// `NdkCreateListener`.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn create_listener(&self) -> Result<Listener, Status> {
        let adapter = self.object;
        let (events, connect_event) = self.session.events();
        let create = |completion| Call::CreateListener { adapter, connect_event, completion };
        let object = self.session.create(create).await?;
        Ok(Listener::new(self.session.clone(), object, events))
    }

    /// `NdkCreateSharedEndpoint`.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn create_shared_endpoint(&self, address: SocketAddr) -> Result<SharedEndpoint, Status> {
        let adapter = self.object;
        let create = |completion| Call::CreateSharedEndpoint { adapter, address, completion };
        let object = self.session.create(create).await?;
        Ok(SharedEndpoint::new(self.session.clone(), object))
    }

    /// `NdkBuildLAM` over a whole buffer. Give it back with [`release`](Self::release).
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn map(&self, buffer: &Buffer) -> Result<LogicalAddressMapping, Status> {
        let (adapter, mdl, length_bytes) = (self.object, buffer.mdl(), buffer.len());
        let lam_bytes = u32::try_from(LogicalAddressMapping::size_bytes(mdl.pages.len())).unwrap_or(u32::MAX);
        let build = |completion| Call::BuildLam { adapter, mdl, length_bytes, lam_bytes, completion };
        match self.session.request(build).await? {
            Out::Lam(mapping) => Ok(mapping),
            _ => Err(Status::UNSUCCESSFUL),
        }
    }

    /// `NdkReleaseLAM`.
    pub fn release(&self, mapping: &LogicalAddressMapping) {
        self.session.call(Call::ReleaseLam { adapter: self.object, lam: mapping });
    }

    /// Closes the adapter: returns when nothing on it is left. Not from inside a callback.
    ///
    /// # Errors
    /// What the handler returned, if it was not SUCCESS.
    pub async fn close(self) -> Result<(), Status> {
        let answer = self.session.call(Call::CloseAdapter { adapter: self.object });
        self.session.returned(answer).await.status.ok()
    }
}

/// A protection domain.
#[derive(Clone, Debug)]
pub struct Pd {
    session: Session,
    object: Object,
}

/// Sizes of a queue pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QpParams {
    /// Entries of the receive queue.
    pub receive_depth: u32,
    /// Entries of the initiator queue.
    pub initiator_depth: u32,
    /// Entries of a receive's list.
    pub max_receive_sge: u32,
    /// Entries of an initiator request's list.
    pub max_initiator_sge: u32,
    /// Bytes of an inline request.
    pub inline_data_bytes: u32,
}

impl Default for QpParams {
    fn default() -> Self {
        Self { receive_depth: 64, initiator_depth: 64, max_receive_sge: 1, max_initiator_sge: 1, inline_data_bytes: 0 }
    }
}

impl Pd {
    /// The object, for raw calls.
    #[must_use]
    pub fn object(&self) -> Object {
        self.object
    }

    /// `NdkCreateMr`, for `NdkRegisterMr`.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn create_mr(&self) -> Result<Mr, Status> {
        let pd = self.object;
        let create = |completion| Call::CreateMr { pd, fast_register: false, completion };
        let object = self.session.create(create).await?;
        Ok(Mr::new(self.session.clone(), object))
    }

    /// `NdkCreateMr`, for fast registration; [`Mr::prepare`] comes next.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn create_fast_register_mr(&self) -> Result<Mr, Status> {
        let pd = self.object;
        let create = |completion| Call::CreateMr { pd, fast_register: true, completion };
        let object = self.session.create(create).await?;
        Ok(Mr::new(self.session.clone(), object))
    }

    /// `NdkCreateQp`. `context` comes back in every result.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn create_qp(
        &self,
        receive_cq: &Cq,
        initiator_cq: &Cq,
        context: u64,
        sizes: QpParams,
    ) -> Result<Qp, Status> {
        let create = |completion| Call::CreateQp {
            pd: self.object,
            receive_cq: receive_cq.object(),
            initiator_cq: initiator_cq.object(),
            qp_context: context,
            receive_depth: sizes.receive_depth,
            initiator_depth: sizes.initiator_depth,
            max_receive_sge: sizes.max_receive_sge,
            max_initiator_sge: sizes.max_initiator_sge,
            inline_data_bytes: sizes.inline_data_bytes,
            completion,
        };
        let object = self.session.create(create).await?;
        Ok(Qp::new(self.session.clone(), object))
    }

    /// `NdkClosePd`.
    pub async fn close(self) {
        self.session.close(self.object).await;
    }
}
