//! Connectors, listeners and shared endpoints.

use super::qp::Qp;
use super::session::{EventSource, Session};
use crate::ndk::{Answer, Call, ConnectParams, DisconnectEvent, Object, Out, Return, Status, UpcallBody};
use std::net::SocketAddr;

/// A connector: one end of a connection, from its request to its close.
#[derive(Debug)]
pub struct Connector {
    session: Session,
    object: Object,
    disconnect: Option<EventSource>,
}

/// What the peer sent and what both agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionData {
    /// Effective limit of incoming reads.
    pub inbound_read_limit: u32,
    /// Effective limit of outgoing reads.
    pub outbound_read_limit: u32,
    /// The peer's private data, padded as the transport pads it.
    pub private_data: Vec<u8>,
}

/// Reads asked for where a consumer does not care.
const READ_LIMIT: u32 = 16;

fn params<'a>(qp: &Qp, private_data: &'a [u8]) -> ConnectParams<'a> {
    ConnectParams { qp: qp.object(), inbound_read_limit: READ_LIMIT, outbound_read_limit: READ_LIMIT, private_data }
}

impl Connector {
    pub(super) fn new(session: Session, object: Object) -> Self {
        Self { session, object, disconnect: None }
    }

    /// The object, for raw calls.
    #[must_use]
    pub fn object(&self) -> Object {
        self.object
    }

    /// `NdkConnect`: done when the peer has accepted. [`complete_connect`](Self::complete_connect) comes next.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn connect(
        &self,
        qp: &Qp,
        source: SocketAddr,
        destination: SocketAddr,
        private_data: &[u8],
    ) -> Result<(), Status> {
        let (connector, params) = (self.object, params(qp, private_data));
        let connect = |completion| Call::Connect { connector, source, destination, params, completion };
        self.session.request(connect).await.map(drop)
    }

    /// `NdkCompleteConnect`.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn complete_connect(&mut self) -> Result<(), Status> {
        let (connector, disconnect_event) = (self.object, self.disconnect_event());
        let complete = |completion| Call::CompleteConnect { connector, disconnect_event, completion };
        self.session.request(complete).await.map(drop)
    }

    /// `NdkAccept`: done when the peer has completed the connection.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn accept(&mut self, qp: &Qp, private_data: &[u8]) -> Result<(), Status> {
        let (connector, params, disconnect_event) = (self.object, params(qp, private_data), self.disconnect_event());
        let accept = |completion| Call::Accept { connector, params, disconnect_event, completion };
        self.session.request(accept).await.map(drop)
    }

    /// `NdkReject`.
    ///
    /// # Errors
    /// CONNECTION_ABORTED if the peer gave up.
    pub fn reject(&self, private_data: &[u8]) -> Result<(), Status> {
        inline(self.session.call(Call::Reject { connector: self.object, private_data })).status.ok()
    }

    /// `NdkGetConnectionData`, with a buffer that is large enough.
    ///
    /// # Errors
    /// The inline status.
    pub fn connection_data(&self) -> Result<ConnectionData, Status> {
        let ask =
            |buffer_bytes| inline(self.session.call(Call::GetConnectionData { connector: self.object, buffer_bytes }));
        let sized = ask(None);
        sized.status.ok()?;
        let Out::ConnectionData { required_bytes, .. } = sized.out else { return Err(Status::UNSUCCESSFUL) };
        let full = ask(Some(required_bytes));
        full.status.ok()?;
        match full.out {
            Out::ConnectionData { inbound_read_limit, outbound_read_limit, private_data, .. } => {
                Ok(ConnectionData { inbound_read_limit, outbound_read_limit, private_data })
            }
            _ => Err(Status::UNSUCCESSFUL),
        }
    }

    /// `NdkGetPeerAddress`.
    ///
    /// # Errors
    /// The inline status.
    pub fn peer_address(&self) -> Result<SocketAddr, Status> {
        address(self.session.call(Call::GetPeerAddress { connector: self.object, buffer_bytes: SOCKADDR_IN6_BYTES }))
    }

    /// `NdkDisconnect`: done when the peer has answered.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn disconnect(&self) -> Result<(), Status> {
        let connector = self.object;
        self.session.request(|completion| Call::Disconnect { connector, completion }).await.map(drop)
    }

    /// Waits for the peer's disconnect, or the end of the connection by failure. Never returns on a connector that was
    /// neither accepted nor completed.
    pub async fn disconnected(&self) {
        match &self.disconnect {
            Some(events) => drop(events.next().await),
            None => std::future::pending().await,
        }
    }

    /// Whether the peer's disconnect has come.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.disconnect.as_ref().is_some_and(|events| events.try_next().is_some())
    }

    /// `NdkCloseConnector`.
    pub async fn close(self) {
        self.session.close(self.object).await;
    }

    fn disconnect_event(&mut self) -> DisconnectEvent {
        let (events, completion) = self.session.events();
        self.disconnect = Some(events);
        DisconnectEvent { callback: completion.callback, context: completion.context, extended: false }
    }
}

/// A listener.
#[derive(Debug)]
pub struct Listener {
    session: Session,
    object: Object,
    events: EventSource,
}

impl Listener {
    pub(super) fn new(session: Session, object: Object, events: EventSource) -> Self {
        Self { session, object, events }
    }

    /// The object, for raw calls.
    #[must_use]
    pub fn object(&self) -> Object {
        self.object
    }

    /// `NdkListen`.
    ///
    /// # Errors
    /// The status, inline or from the completion.
    pub async fn listen(&self, address: SocketAddr) -> Result<(), Status> {
        let listener = self.object;
        self.session.request(|completion| Call::Listen { listener, address, completion }).await.map(drop)
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// The inline status.
    pub fn local_address(&self) -> Result<SocketAddr, Status> {
        address(self.session.call(Call::GetLocalAddress { object: self.object, buffer_bytes: SOCKADDR_IN6_BYTES }))
    }

    /// The connector of the next connection request. Accept, reject or close it.
    pub async fn request(&self) -> Connector {
        loop {
            if let UpcallBody::ConnectEvent { connector } = self.events.next().await {
                return Connector::new(self.session.clone(), connector);
            }
        }
    }

    /// `NdkCloseListener`.
    pub async fn close(self) {
        self.session.close(self.object).await;
    }
}

/// A local endpoint that many connectors start from.
#[derive(Debug)]
pub struct SharedEndpoint {
    session: Session,
    object: Object,
}

impl SharedEndpoint {
    pub(super) fn new(session: Session, object: Object) -> Self {
        Self { session, object }
    }

    /// The object, for raw calls.
    #[must_use]
    pub fn object(&self) -> Object {
        self.object
    }

    /// `NdkCloseSharedEndpoint`.
    pub async fn close(self) {
        self.session.close(self.object).await;
    }
}

/// `sizeof(SOCKADDR_IN6)`.
const SOCKADDR_IN6_BYTES: u32 = 28;

fn inline(answer: Answer) -> Return {
    match answer {
        Answer::Returned(returned) => returned,
        Answer::Blocks(_) => Return::status(Status::UNSUCCESSFUL),
    }
}

fn address(answer: Answer) -> Result<SocketAddr, Status> {
    let returned = inline(answer);
    returned.status.ok()?;
    match returned.out {
        Out::Address(address) => Ok(address),
        _ => Err(Status::UNSUCCESSFUL),
    }
}
