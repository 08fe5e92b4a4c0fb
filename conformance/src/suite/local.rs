//! What most cases need on a node: adapter, queues, a registered buffer, and a connection to the other node.

use super::probe::Probe;
use super::trouble::Trouble;
use des::Dur;
use provider::consumer::{Adapter, Buffer};
use provider::ndk::{
    AdapterInfo, Call, ConnectParams, CqNotify, DisconnectEvent, MrFlags, NdkResult, NdkResultEx, NdkVersion, Object,
    Out, Sge, Status, UpcallBody,
};

/// The port that cases listen on.
pub const PORT: u16 = 7_000;
/// Bytes of each node's buffer.
pub const BUFFER_BYTES: u64 = 16_384;
/// The QP context of [`Local::qp`].
pub const QP_CONTEXT: u64 = 0x5150;
/// The active side waits so long before it connects; by then the passive side listens.
const HEAD_START: Dur = Dur::from_ms(2);
/// Reads that each side asks for.
pub const READS: u32 = 4;

/// Sizes of the queues of a [`Local`].
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Entries of each completion queue.
    pub cq: u32,
    /// Entries of each queue of the queue pair.
    pub queue: u32,
    /// Entries of a request's list.
    pub sge: u32,
    /// Inline bytes, as far as the adapter takes them.
    pub inline_bytes: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { cq: 64, queue: 16, sge: 1, inline_bytes: 64 }
    }
}

/// A completion queue with the context of its notifications.
#[derive(Clone, Copy, Debug)]
pub struct Cq {
    /// The object.
    pub object: Object,
    /// The context.
    pub events: u64,
}

/// A node's objects.
#[derive(Debug)]
pub struct Local {
    /// The adapter.
    pub adapter: Adapter,
    /// Its limits.
    pub info: AdapterInfo,
    /// The protection domain.
    pub pd: Object,
    /// Where receives complete.
    pub receive_cq: Cq,
    /// Where all else completes.
    pub initiator_cq: Cq,
    /// The queue pair.
    pub qp: Object,
    /// The region over the buffer.
    pub mr: Object,
    /// The buffer, registered with all rights.
    pub buffer: Buffer,
    /// The region's token for own lists.
    pub token: u32,
}

/// Where a peer's buffer is: what the cases put into private data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// Address of the first byte.
    pub address: u64,
    /// The token for remote access.
    pub token: u32,
}

impl Card {
    /// As bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        [&self.address.to_be_bytes()[..], &self.token.to_be_bytes()[..]].concat()
    }

    /// From bytes, that may be padded.
    #[must_use]
    pub fn decode(data: &[u8]) -> Option<Self> {
        let (address, rest) = data.split_first_chunk()?;
        let token = rest.first_chunk()?;
        Some(Self { address: u64::from_be_bytes(*address), token: u32::from_be_bytes(*token) })
    }
}

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The connector.
    pub connector: Object,
    /// The listener that it came from.
    pub listener: Option<Object>,
    /// The context of the disconnect event.
    pub disconnected: u64,
    /// The peer's buffer.
    pub peer: Card,
}

/// The token of a getter.
pub(crate) fn token(out: &Out) -> u32 {
    match out {
        Out::Token(token) => *token,
        _ => 0,
    }
}

impl Local {
    /// A list entry of the buffer.
    #[must_use]
    pub fn sge(&self, offset: u64, length_bytes: u32) -> Sge {
        self.buffer.sge(offset, length_bytes, self.token)
    }

    /// The card of the buffer.
    pub(crate) fn card(&self, probe: &Probe) -> Result<Card, Trouble> {
        let out = probe.ok(Call::GetRemoteTokenFromMr { mr: self.mr })?;
        Ok(Card { address: self.buffer.address(), token: token(&out) })
    }
}

impl Probe {
    pub(crate) async fn pd(&self, adapter: Object) -> Result<Object, Trouble> {
        self.create("NdkCreatePd", |completion| Call::CreatePd { adapter, completion }).await
    }

    pub(crate) async fn cq(&self, adapter: Object, depth: u32) -> Result<Cq, Trouble> {
        let notification = self.completion();
        let create = |completion| Call::CreateCq { adapter, depth, notification, affinity: None, completion };
        Ok(Cq { object: self.create("NdkCreateCq", create).await?, events: notification.context })
    }

    pub(crate) async fn qp(&self, pd: Object, cqs: [Object; 2], sizes: Sizes) -> Result<Object, Trouble> {
        let create = |completion| Call::CreateQp {
            pd,
            receive_cq: cqs[0],
            initiator_cq: cqs[1],
            qp_context: QP_CONTEXT,
            receive_depth: sizes.queue,
            initiator_depth: sizes.queue,
            max_receive_sge: sizes.sge,
            max_initiator_sge: sizes.sge,
            inline_data_bytes: sizes.inline_bytes,
            completion,
        };
        self.create("NdkCreateQp", create).await
    }

    pub(crate) async fn mr(&self, pd: Object, buffer: &Buffer, flags: MrFlags) -> Result<Object, Trouble> {
        let create = |completion| Call::CreateMr { pd, fast_register: false, completion };
        let mr = self.create("NdkCreateMr", create).await?;
        let (mdl, length_bytes) = (buffer.mdl(), buffer.len());
        let register = |completion| Call::RegisterMr { mr, mdl, length_bytes, flags, completion };
        self.request("NdkRegisterMr", register).await?;
        Ok(mr)
    }

    pub(crate) async fn connector(&self, adapter: Object) -> Result<Object, Trouble> {
        self.create("NdkCreateConnector", |completion| Call::CreateConnector { adapter, completion }).await
    }

    /// A listener and the context of its connect events; not listening yet.
    pub(crate) async fn listener(&self, adapter: Object) -> Result<(Object, u64), Trouble> {
        let connect_event = self.completion();
        let create = |completion| Call::CreateListener { adapter, connect_event, completion };
        Ok((self.create("NdkCreateListener", create).await?, connect_event.context))
    }

    /// A listener at the cases' port, and the context of its connect events.
    pub(crate) async fn listen(&self, adapter: Object) -> Result<(Object, u64), Trouble> {
        let (listener, events) = self.listener(adapter).await?;
        let address = self.own(PORT);
        self.request("NdkListen", |completion| Call::Listen { listener, address, completion }).await?;
        Ok((listener, events))
    }

    /// The connector of the next connection request.
    pub(crate) async fn offered(&self, events: u64) -> Result<Object, Trouble> {
        match self.upcall(events).await.body {
            UpcallBody::ConnectEvent { connector } => Ok(connector),
            other => Err(Trouble::Breach { rule: None, text: format!("a connect event was {other:?}") }),
        }
    }

    /// Everything for one connection, with queues of these sizes.
    pub(crate) async fn local(&self, sizes: Sizes) -> Result<Local, Trouble> {
        self.local_at(NdkVersion::V2_0, sizes).await
    }

    /// The same on an adapter opened with this version.
    pub(crate) async fn local_at(&self, version: NdkVersion, sizes: Sizes) -> Result<Local, Trouble> {
        let adapter = self.open(version).await?;
        let info = adapter.info().await?;
        let pd = self.pd(adapter.object()).await?;
        let receive_cq = self.cq(adapter.object(), sizes.cq).await?;
        let initiator_cq = self.cq(adapter.object(), sizes.cq).await?;
        let inline_bytes = sizes.inline_bytes.min(info.max_inline_data_bytes);
        let cqs = [receive_cq.object, initiator_cq.object];
        let qp = self.qp(pd, cqs, Sizes { inline_bytes, ..sizes }).await?;
        let buffer = self.allocate(BUFFER_BYTES);
        let rights = MrFlags::ALLOW_LOCAL_WRITE | MrFlags::ALLOW_REMOTE_READ | MrFlags::ALLOW_REMOTE_WRITE;
        let mr = self.mr(pd, &buffer, rights).await?;
        let token = token(&self.ok(Call::GetLocalTokenFromMr { mr })?);
        Ok(Local { adapter, info, pd, receive_cq, initiator_cq, qp, mr, buffer, token })
    }

    /// Closes everything of [`local`](Self::local), the adapter last.
    pub(crate) async fn end_local(&self, local: Local) -> Result<(), Trouble> {
        let cqs = [local.receive_cq.object, local.initiator_cq.object];
        self.close_all(&[local.qp, cqs[0], cqs[1], local.mr, local.pd]).await?;
        Ok(local.adapter.close().await?)
    }

    pub(crate) fn disconnect_event(&self) -> DisconnectEvent {
        let event = self.completion();
        DisconnectEvent { callback: event.callback, context: event.context, extended: false }
    }

    /// Accepts an offered connector, and waits for the peer to complete.
    pub(crate) async fn accept(&self, local: &Local, connector: Object) -> Result<Link, Trouble> {
        let peer = self.peer_card(connector);
        let card = local.card(self)?.encode();
        let params = params(local.qp, &card);
        let disconnect_event = self.disconnect_event();
        let accept = |completion| Call::Accept { connector, params, disconnect_event, completion };
        self.request("NdkAccept", accept).await?;
        Ok(Link { connector, listener: None, disconnected: disconnect_event.context, peer: peer? })
    }

    /// Connects to the cases' port; CompleteConnect is to come.
    pub(crate) async fn reach(&self, local: &Local) -> Result<(Object, Card), Trouble> {
        let connector = self.connector(local.adapter.object()).await?;
        let (source, destination, card) = (self.own(0), self.peer(PORT), local.card(self)?.encode());
        let params = params(local.qp, &card);
        let connect = |completion| Call::Connect { connector, source, destination, params, completion };
        self.request("NdkConnect", connect).await?;
        Ok((connector, self.peer_card(connector)?))
    }

    /// Completes a connection that was [`reach`](Self::reach)ed.
    pub(crate) async fn complete(&self, connector: Object, peer: Card) -> Result<Link, Trouble> {
        let disconnect_event = self.disconnect_event();
        let complete = |completion| Call::CompleteConnect { connector, disconnect_event, completion };
        self.request("NdkCompleteConnect", complete).await?;
        Ok(Link { connector, listener: None, disconnected: disconnect_event.context, peer })
    }

    /// The passive side of a connection, from nothing to established.
    pub(crate) async fn serve(&self, sizes: Sizes) -> Result<(Local, Link), Trouble> {
        let local = self.local(sizes).await?;
        let link = self.serve_on(&local).await?;
        Ok((local, link))
    }

    /// The passive side of a connection over objects that are there.
    pub(crate) async fn serve_on(&self, local: &Local) -> Result<Link, Trouble> {
        let (listener, events) = self.listen(local.adapter.object()).await?;
        let connector = self.offered(events).await?;
        let link = self.accept(local, connector).await?;
        Ok(Link { listener: Some(listener), ..link })
    }

    /// The active side of a connection, from nothing to established.
    pub(crate) async fn join(&self, sizes: Sizes) -> Result<(Local, Link), Trouble> {
        let local = self.local(sizes).await?;
        self.head_start().await;
        let (connector, peer) = self.reach(&local).await?;
        let link = self.complete(connector, peer).await?;
        Ok((local, link))
    }

    /// Lets the passive side come first.
    pub(crate) async fn head_start(&self) {
        self.sleep(HEAD_START).await;
    }

    /// Waits for the peer's disconnect, and closes everything.
    pub(crate) async fn leave_after_peer(&self, local: Local, link: Link) -> Result<(), Trouble> {
        self.upcall(link.disconnected).await;
        self.hang_up(local, link).await
    }

    /// Disconnects, and closes everything.
    pub(crate) async fn leave(&self, local: Local, link: Link) -> Result<(), Trouble> {
        let connector = link.connector;
        self.request("NdkDisconnect", |completion| Call::Disconnect { connector, completion }).await?;
        self.hang_up(local, link).await
    }

    /// Closes everything of a connection.
    pub(crate) async fn hang_up(&self, local: Local, link: Link) -> Result<(), Trouble> {
        self.close(link.connector).await?;
        if let Some(listener) = link.listener {
            self.close(listener).await?;
        }
        self.end_local(local).await
    }

    /// The peer's card of its private data.
    pub(crate) fn peer_card(&self, connector: Object) -> Result<Card, Trouble> {
        let size = self.ok(Call::GetConnectionData { connector, buffer_bytes: None })?;
        let Out::ConnectionData { required_bytes, .. } = size else {
            return Err(Trouble::Breach { rule: None, text: format!("connection data were {size:?}") });
        };
        match self.ok(Call::GetConnectionData { connector, buffer_bytes: Some(required_bytes) })? {
            Out::ConnectionData { private_data, .. } => Card::decode(&private_data)
                .ok_or_else(|| Trouble::Breach { rule: None, text: "the peer's private data are lost".to_owned() }),
            other => Err(Trouble::Breach { rule: None, text: format!("connection data were {other:?}") }),
        }
    }

    pub(crate) fn arm(&self, cq: &Cq, notify: CqNotify) {
        self.call(Call::ArmCq { cq: cq.object, notify });
    }

    /// Takes up to `most` results now.
    pub(crate) fn take(&self, cq: &Cq, most: usize) -> Vec<NdkResultEx> {
        let mut results = vec![NdkResultEx::EMPTY; most];
        let count = match self.returned(Call::GetCqResultsEx { cq: cq.object, results: &mut results }).out {
            Out::Count(count) => count as usize,
            _ => 0,
        };
        results.truncate(count);
        results
    }

    /// The same with the plain getter.
    pub(crate) fn take_plain(&self, cq: &Cq, most: usize) -> Vec<NdkResult> {
        let mut results = vec![NdkResult::EMPTY; most];
        let count = match self.returned(Call::GetCqResults { cq: cq.object, results: &mut results }).out {
            Out::Count(count) => count as usize,
            _ => 0,
        };
        results.truncate(count);
        results
    }

    /// The next result: polls, arms for anything, and waits for the notification.
    pub(crate) async fn next(&self, cq: &Cq) -> NdkResultEx {
        loop {
            if let Some(&result) = self.take(cq, 1).first() {
                return result;
            }
            self.arm(cq, CqNotify::ANY);
            self.upcall(cq.events).await;
        }
    }

    /// The next result, which must be a success.
    pub(crate) async fn next_good(&self, cq: &Cq) -> Result<NdkResultEx, Trouble> {
        let result = self.next(cq).await;
        match result.base.status {
            Status::SUCCESS => Ok(result),
            status => Err(Trouble::Status { what: "a posted request", status }),
        }
    }
}

/// What a side asks of its connection.
pub(crate) fn params(qp: Object, private_data: &[u8]) -> ConnectParams<'_> {
    ConnectParams { qp, inbound_read_limit: READS, outbound_read_limit: READS, private_data }
}
