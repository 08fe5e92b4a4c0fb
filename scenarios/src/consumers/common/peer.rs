//! A link that is connected, and the listener where such links come from.

use super::tasks::{self, Either};
use super::{Crew, Event, Link, Sizes};
use des::Dur;
use provider::consumer::{Adapter, Connector, Listener, Session};
use provider::ndk::Status;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// How often a server looks whether clients are left.
const LOOK_EVERY: Dur = Dur::from_us(500);

/// A connected link.
#[derive(Debug)]
pub(crate) struct Peer {
    pub link: Link,
    connector: Connector,
    /// The peer has ended the connection, and that has been heard.
    gone: AtomicBool,
    /// See [`Crew::patience`].
    patience: Option<(Session, Dur)>,
}

impl Peer {
    fn new(crew: &Crew, link: Link, connector: Connector) -> Self {
        let patience = crew.patience.map(|patience| (crew.session.clone(), patience));
        Self { link, connector, gone: AtomicBool::new(false), patience }
    }

    /// Waits until the peer has ended the connection and closes everything.
    pub(crate) async fn part(self) {
        if !self.gone.load(Relaxed) {
            self.lost().await;
        }
        self.abandon().await;
    }

    /// Ends the connection from this side and closes everything.
    pub(crate) async fn hang_up(self) {
        // A connection that has already ended is as good.
        let _ = self.link.settled().await;
        let _ = self.connector.disconnect().await;
        self.abandon().await;
    }

    /// The peer's next message or a finished request; `None` once the peer has ended the connection.
    ///
    /// # Errors
    /// The status of whatever has failed on the link.
    pub(crate) async fn event(&self) -> Result<Option<Event>, Status> {
        match self.while_there(self.link.event()).await {
            // Receives that are left when the peer goes come back cancelled.
            Err(Status::CANCELLED | Status::CONNECTION_ABORTED) => Ok(None),
            event => event.map(Some),
        }
    }

    /// The next message; data requests are not under way.
    ///
    /// # Errors
    /// The status of whatever has failed on the link, CONNECTION_ABORTED if the peer has gone.
    pub(crate) async fn hear(&self) -> Result<Vec<u8>, Status> {
        self.while_there(self.link.hear()).await
    }

    /// Waits for a data request.
    ///
    /// # Errors
    /// As [`hear`](Self::hear).
    pub(crate) async fn done(&self, context: u64) -> Result<(), Status> {
        self.while_there(self.link.done(context)).await
    }

    /// Waits, but not longer than the peer is there.
    async fn while_there<T>(&self, waiting: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        match tasks::race(waiting, self.lost()).await {
            Either::First(outcome) => outcome,
            Either::Second(status) => {
                self.gone.store(true, Relaxed);
                Err(status)
            }
        }
    }

    /// The end of the connection, or of the patience with it.
    async fn lost(&self) -> Status {
        match self.patience {
            None => self.connector.disconnected().await,
            Some((ref session, patience)) => {
                let silence = tasks::race(self.connector.disconnected(), session.sleep(patience)).await;
                if matches!(silence, Either::Second(())) {
                    return Status::IO_TIMEOUT;
                }
            }
        }
        Status::CONNECTION_ABORTED
    }

    /// Closes everything, whatever state the connection is in.
    pub(crate) async fn abandon(self) {
        self.connector.close().await;
        self.link.close().await;
    }

    /// Does `work` with the peer; then hangs up, or abandons it if the work failed.
    ///
    /// # Errors
    /// The work's.
    pub(crate) async fn use_for<T>(self, work: impl AsyncFnOnce(&Self) -> Result<T, Status>) -> Result<T, Status> {
        let outcome = work(&self).await;
        match outcome {
            Ok(_) => self.hang_up().await,
            Err(_) => self.abandon().await,
        }
        outcome
    }
}

/// Connects to a listener; tried again while nobody listens there yet.
///
/// # Errors
/// The last status; nothing is left.
pub(crate) async fn dial(
    crew: &Crew,
    adapter: &Adapter,
    sizes: Sizes,
    context: u64,
    to: SocketAddr,
    hello: &[u8],
) -> Result<Peer, Status> {
    // A QP whose connection failed is of no use, so each attempt begins anew.
    crew.retrying(async || {
        let link = Link::open(crew, adapter, sizes, context).await?;
        let connector = match crew.retrying(|| adapter.create_connector()).await {
            Ok(connector) => connector,
            Err(status) => {
                link.close().await;
                return Err(status);
            }
        };
        let mut peer = Peer::new(crew, link, connector);
        let from = crew.address(crew.node, 0);
        let connected = match peer.connector.connect(peer.link.qp(), from, to, hello).await {
            Ok(()) => peer.connector.complete_connect().await,
            refused => refused,
        };
        match connected {
            Ok(()) => Ok(peer),
            Err(status) => {
                peer.abandon().await;
                Err(status)
            }
        }
    })
    .await
}

/// Listens on `port` until no client is left; each connection request becomes a task that `answer` makes. Waits for those
/// tasks, too.
///
/// # Errors
/// If it cannot listen.
pub(crate) async fn serve<F>(
    crew: &Crew,
    adapter: &Adapter,
    port: u16,
    mut answer: impl FnMut(Connector) -> F,
) -> Result<(), Status>
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    let listener = crew.retrying(|| adapter.create_listener()).await?;
    let outcome = match listener.listen(crew.address(crew.node, port)).await {
        Ok(()) => {
            accept_all(crew, &listener, &mut answer).await;
            Ok(())
        }
        refused => refused,
    };
    listener.close().await;
    outcome
}

async fn accept_all<F>(crew: &Crew, listener: &Listener, answer: &mut impl FnMut(Connector) -> F)
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    let mut served = Vec::new();
    while crew.has_clients() {
        match tasks::race(listener.request(), crew.session.sleep(LOOK_EVERY)).await {
            Either::First(connector) => served.push(crew.spawn(answer(connector))),
            Either::Second(()) => {}
        }
    }
    tasks::all(served).await;
}

/// Accepts a connection request; done when the peer has completed it.
///
/// # Errors
/// The status of what failed; nothing is left, the connector included.
pub(crate) async fn accept(
    crew: &Crew,
    adapter: &Adapter,
    mut connector: Connector,
    sizes: Sizes,
    context: u64,
) -> Result<Peer, Status> {
    let link = match Link::open(crew, adapter, sizes, context).await {
        Ok(link) => link,
        Err(status) => {
            // The peer tries again: it hears that it was refused.
            let _ = connector.reject(&[]);
            connector.close().await;
            return Err(status);
        }
    };
    let accepted = connector.accept(link.qp(), &[]).await;
    let peer = Peer::new(crew, link, connector);
    match accepted {
        Ok(()) => Ok(peer),
        Err(status) => {
            peer.abandon().await;
            Err(status)
        }
    }
}
