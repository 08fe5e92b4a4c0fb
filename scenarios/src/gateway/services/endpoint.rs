//! A queue pair with what it needs: protection domain, completion queues, regions.

use super::Host;
use des::Dur;
use provider::consumer::{Buffer, Connector, Cq, Mr, Pd, Qp, QpParams};
use provider::ndk::extension::ATOMIC_BYTES;
use provider::ndk::{AtomicOperation, MrFlags, NdkResult, OpFlags, Status};
use std::net::SocketAddr;

/// A queue pair, not connected yet.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) qp: Qp,
    pd: Pd,
    receives: Cq,
    requests: Cq,
}

/// Registered memory.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) buffer: Buffer,
    pub(super) token: u32,
    mr: Mr,
    local: u32,
}

/// Where the peer's memory is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remote {
    pub(super) address: u64,
    pub(super) token: u32,
}

/// Between two tries to connect, and how many: a peer that is booted next to us needs its time.
const TRY_AGAIN: Dur = Dur::from_ms(500);
const TRIES: u32 = 120;

impl Endpoint {
    pub(super) async fn new(host: &Host, depth: u32) -> Result<Self, Status> {
        let pd = host.adapter.create_pd().await?;
        let (receives, requests) = (host.adapter.create_cq(depth).await?, host.adapter.create_cq(depth).await?);
        let sizes = QpParams { receive_depth: depth, initiator_depth: depth, ..QpParams::default() };
        let qp = pd.create_qp(&receives, &requests, 0, sizes).await?;
        Ok(Self { qp, pd, receives, requests })
    }

    /// Closes all of it, and the regions, which are of its protection domain.
    pub(super) async fn close(self, regions: impl IntoIterator<Item = Region>) {
        self.qp.close().await;
        self.receives.close().await;
        self.requests.close().await;
        for region in regions {
            region.mr.close().await;
        }
        self.pd.close().await;
    }

    /// Memory that the peer may read and write.
    pub(super) async fn region(&self, host: &Host, length_bytes: u64) -> Result<Region, Status> {
        let (mr, buffer) = (self.pd.create_mr().await?, host.node.allocate(length_bytes));
        mr.register(&buffer, MrFlags::ALLOW_REMOTE_READ | MrFlags::ALLOW_REMOTE_WRITE).await?;
        let (local, token) = (mr.local_token().await, mr.remote_token().await);
        Ok(Region { buffer, token, mr, local })
    }

    /// Posts a receive into the first bytes of a region.
    pub(super) fn expect(&self, into: &Region, length_bytes: u32) -> Result<(), Status> {
        self.qp.receive(0, &[into.buffer.sge(0, length_bytes, into.local)])
    }

    /// The bytes of the next message; CANCELLED once the connection has ended.
    pub(super) async fn received(&self) -> Result<u32, Status> {
        let NdkResult { status, bytes_transferred, .. } = self.receives.next().await?;
        status.ok().map(|()| bytes_transferred)
    }

    /// Sends the first bytes of a region.
    pub(super) async fn send(&self, from: &Region, length_bytes: u32) -> Result<(), Status> {
        self.qp.send(0, &[from.buffer.sge(0, length_bytes, from.local)], OpFlags::empty())?;
        self.requests.next().await?.status.ok()
    }

    /// Writes the first bytes of a region into the peer's memory.
    pub(super) async fn write(&self, from: &Region, length_bytes: u32, to: Remote) -> Result<(), Status> {
        let sgl = [from.buffer.sge(0, length_bytes, from.local)];
        self.qp.write(0, &sgl, to.address, to.token, OpFlags::empty())?;
        self.requests.next().await?.status.ok()
    }

    /// Reads the peer's memory into the first bytes of a region.
    pub(super) async fn read(&self, into: &Region, length_bytes: u32, from: Remote) -> Result<(), Status> {
        let sgl = [into.buffer.sge(0, length_bytes, into.local)];
        self.qp.read(0, &sgl, from.address, from.token, OpFlags::empty())?;
        self.requests.next().await?.status.ok()
    }
}

impl Endpoint {
    /// Changes the peer's number; returns what it was, which also comes into the first bytes of a region.
    pub(super) async fn atomic(&self, into: &Region, at: Remote, operation: AtomicOperation) -> Result<u64, Status> {
        let sgl = [into.buffer.sge(0, ATOMIC_BYTES, into.local)];
        self.qp.atomic(0, &sgl, at.address, at.token, operation)?;
        self.requests.next().await?.status.ok()?;
        let bytes = into.bytes(ATOMIC_BYTES as usize);
        bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)).ok_or(Status::INTERNAL_ERROR)
    }
}

impl Region {
    pub(super) fn bytes(&self, length: usize) -> Vec<u8> {
        // No session reads more than it has allocated.
        self.buffer.read(0, length).unwrap_or_default()
    }

    pub(super) fn fill(&self, data: &[u8]) {
        // As above.
        let _ = self.buffer.write(0, data);
    }
}

/// What must be there before a peer can send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inbox {
    /// Receives posted, all into the same bytes.
    pub(super) receives: u32,
    /// Bytes of each.
    pub(super) bytes: u32,
}

/// A connection from its beginner's side.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) endpoint: Endpoint,
    pub(super) inbox: Region,
    pub(super) connector: Connector,
}

impl Endpoint {
    /// Registers the inbox and posts its receives.
    pub(super) async fn open(&self, host: &Host, inbox: Inbox) -> Result<Region, Status> {
        let region = self.region(host, inbox.bytes.into()).await?;
        for _ in 0..inbox.receives {
            self.expect(&region, inbox.bytes)?;
        }
        Ok(region)
    }
}

/// Connects, and tries again while nobody listens.
pub(super) async fn connect(
    host: &Host,
    own: SocketAddr,
    peer: SocketAddr,
    depth: u32,
    inbox: Inbox,
) -> Result<Connected, Status> {
    let mut tries = TRIES;
    loop {
        let endpoint = Endpoint::new(host, depth).await?;
        let region = endpoint.open(host, inbox).await?;
        let mut connector = host.adapter.create_connector().await?;
        let outcome = match connector.connect(&endpoint.qp, own, peer, &[]).await {
            Ok(()) => connector.complete_connect().await,
            refused => refused,
        };
        let Err(status) = outcome else { return Ok(Connected { endpoint, inbox: region, connector }) };
        connector.close().await;
        endpoint.close([region]).await;
        tries -= 1;
        if tries == 0 || status != Status::CONNECTION_REFUSED {
            return Err(status);
        }
        host.node.sleep(TRY_AGAIN).await;
    }
}
