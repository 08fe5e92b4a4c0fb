//! Replication: every node pushes one file to every other node and reads it back.
//!
//! Reading order: [`protocol`] (what the two sides say), [`channel`] (a connected QP with its buffers), [`sender`] and
//! [`receiver`] in `async` style, [`raw`] (the receiver once more, on raw callbacks).
//!
//! The sender connects; the receiver offers a region (SEND); the sender pushes (WRITE), reads back and compares (READ), and
//! says that it is done (SEND); the receiver compares SHA-256 and answers (SEND); the sender disconnects.

mod channel;
mod protocol;
mod raw;
mod receiver;
mod sender;

use crate::report::{ConsumerStyle, Replica};
use des::Dur;
use provider::consumer::{Adapter, Session};
use provider::ndk::{NdkVersion, Status};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

/// The ND port that receivers listen on.
const PORT: u16 = 445;

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One node's share of the work.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub node: usize,
    /// Of all nodes, by index.
    pub addresses: Arc<[IpAddr]>,
    pub version: NdkVersion,
    pub style: ConsumerStyle,
    pub input: Arc<[u8]>,
    /// SHA-256 of the input.
    pub digest: [u8; 32],
    /// Bytes of a WRITE or READ.
    pub chunk_bytes: u32,
    /// WRITEs or READs under way on a connection.
    pub window: u32,
    /// How often a creation is tried again after INSUFFICIENT_RESOURCES, and how long after.
    pub retries: u32,
    pub retry_after: Dur,
    /// What came of it: copies, with the node that holds each.
    pub replicas: Arc<Mutex<Vec<(usize, Replica)>>>,
    /// Creations tried again, by node.
    pub retried: Arc<Mutex<Vec<u64>>>,
}

impl Job {
    fn count_retry(&self) {
        self.retried.lock().unwrap_or_else(PoisonError::into_inner)[self.node] += 1;
    }

    fn peers(&self) -> impl Iterator<Item = usize> + use<> {
        let own = self.node;
        (0..self.addresses.len()).filter(move |&peer| peer != own)
    }

    fn address(&self, node: usize, port: u16) -> SocketAddr {
        SocketAddr::new(self.addresses[node], port)
    }

    /// Notes a copy that this node holds of node `of`'s file.
    fn record(&self, of: usize, bytes: u64, digest: [u8; 32], ok: bool) {
        let sha256 = hex(&digest);
        let replica = Replica { of: format!("node{of}"), bytes, sha256, ok };
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner).push((self.node, replica));
    }
}

/// Starts the consumers of one node.
pub(crate) fn start(session: &Session, job: Job) {
    let main = session.clone();
    session.spawn(async move {
        let node = job.node;
        if let Err(status) = run(&main, job).await {
            main.fail(format!("node {node}: replication ended with {status}"));
        }
    });
}

async fn run(session: &Session, job: Job) -> Result<(), Status> {
    let adapter = session.open_adapter(job.version).await?;
    let senders = spawn_senders(session, &adapter, &job);
    match job.style {
        ConsumerStyle::Async => receiver::serve(session, &adapter, &job).await?,
        ConsumerStyle::Callbacks => raw::serve(session, &adapter, &job).await,
    }
    for sender in senders {
        sender.await;
    }
    adapter.close().await
}

/// Starts one sender for each peer; each future ends with its sender.
fn spawn_senders(session: &Session, adapter: &Adapter, job: &Job) -> Vec<impl Future<Output = ()> + Send + use<>> {
    job.peers()
        .map(|peer| {
            let (done, ended) = completion();
            let (own, adapter, job) = (session.clone(), adapter.clone(), job.clone());
            session.spawn(async move {
                if let Err(status) = sender::push(&own, &adapter, &job, peer).await {
                    own.fail(format!("node {} to node {peer}: {status}", job.node));
                }
                done.finish();
            });
            ended
        })
        .collect()
}

/// Tries a creation again while resources are exhausted, as SMB Direct does.
async fn retrying<T, F>(session: &Session, job: &Job, mut create: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let mut left = job.retries;
    loop {
        match create().await {
            Err(Status::INSUFFICIENT_RESOURCES) if left > 0 => {
                left -= 1;
                job.count_retry();
                session.sleep(job.retry_after).await;
            }
            outcome => return outcome,
        }
    }
}

/// One end of a one-shot signal between tasks of a node.
#[derive(Clone, Debug, Default)]
struct Done(Arc<Mutex<(bool, Option<std::task::Waker>)>>);

impl Done {
    fn finish(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        waker.into_iter().for_each(std::task::Waker::wake);
    }
}

fn completion() -> (Done, impl Future<Output = ()> + Send + use<>) {
    let done = Done::default();
    let watched = done.clone();
    let ended = std::future::poll_fn(move |context| {
        let mut state = watched.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 {
            return std::task::Poll::Ready(());
        }
        state.1 = Some(context.waker().clone());
        std::task::Poll::Pending
    });
    (done, ended)
}
