//! The consumers of one workload, together.

use super::tasks::{self, Ended};
use crate::report::{LatencyRecorder, WorkReport};
use des::{Dur, Time};
use provider::consumer::Session;
use provider::ndk::{NdkVersion, Status};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often a creation or a connection is tried again. Assumed: enough for a few failures in a row.
const RETRIES: u64 = 20;

/// How long after the first failure; after the second twice as long, and so on. SMB Direct and NVMe-oF wait much longer; a
/// simulation should not.
const RETRY_AFTER: Dur = Dur::from_us(20);

/// How often a client looks whether the others are ready. Assumed.
const GATHER_EVERY: Dur = Dur::from_us(5);

/// The node that serves, in the workloads that have a server.
pub(crate) const SERVER: usize = 0;

/// What one node's consumers have done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// What the node is in this workload, such as `server`.
    pub role: &'static str,
    /// Units of the workload's work that are done.
    pub operations: u64,
    /// Their payload.
    pub bytes: u64,
    /// Comparisons of data that were right.
    pub verified: u64,
    /// And those that were wrong.
    pub wrong: u64,
    /// Creations and connections tried again.
    pub retries: u64,
    /// Tasks given up, by the status that they met.
    pub gave_up: BTreeMap<Status, u64>,
    /// Time of one operation, by its name.
    pub latency: BTreeMap<&'static str, LatencyRecorder>,
}

impl Tally {
    /// The same for the report.
    pub(crate) fn report(&self) -> WorkReport {
        WorkReport {
            role: self.role.to_owned(),
            operations: self.operations,
            bytes: self.bytes,
            verified: self.verified,
            wrong: self.wrong,
            gave_up: self.gave_up.iter().map(|(status, count)| (status.to_string(), *count)).collect(),
            latency: self.latency.iter().map(|(name, latency)| ((*name).to_owned(), latency.report())).collect(),
        }
    }
}

#[derive(Debug, Default)]
struct Board {
    tallies: Vec<Tally>,
    /// Nodes but the server whose part is not over. The server asks; a real cluster's job manager would tell it.
    clients: u64,
    /// Clients that wait for the others before they begin.
    ready: u64,
    planned: u64,
}

/// One node's view of the run.
#[derive(Clone, Debug)]
pub(crate) struct Crew {
    pub session: Session,
    pub node: usize,
    pub version: NdkVersion,
    pub seed: u64,
    /// How long a peer may say nothing; for ever, unless machines may fail: a connection whose other end is gone does not
    /// tell as long as nothing is sent on it.
    pub patience: Option<Dur>,
    addresses: Arc<[IpAddr]>,
    board: Arc<Mutex<Board>>,
}

impl Crew {
    /// The crew of a run, as its first node sees it. `planned` operations are all of its work.
    pub(crate) fn new(
        session: Session,
        version: NdkVersion,
        seed: u64,
        addresses: Arc<[IpAddr]>,
        planned: u64,
        patience: Option<Dur>,
    ) -> Self {
        let clients = addresses.len() as u64 - 1;
        let board = Board { tallies: vec![Tally::default(); addresses.len()], clients, ready: 0, planned };
        Self { session, node: 0, version, seed, patience, addresses, board: Arc::new(Mutex::new(board)) }
    }

    /// The same crew, seen from another node.
    pub(crate) fn at(&self, node: usize, session: Session) -> Self {
        Self { session, node, ..self.clone() }
    }

    pub(crate) fn nodes(&self) -> usize {
        self.addresses.len()
    }

    pub(crate) fn address(&self, node: usize, port: u16) -> SocketAddr {
        SocketAddr::new(self.addresses[node], port)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something about this node's work.
    pub(crate) fn note<T>(&self, note: impl FnOnce(&mut Tally) -> T) -> T {
        note(&mut self.board().tallies[self.node])
    }

    /// One operation is done, begun at `since`.
    pub(crate) fn done(&self, name: &'static str, bytes: u64, since: Time) {
        let took = self.session.now().since(since);
        self.note(|tally| {
            tally.operations += 1;
            tally.bytes += bytes;
            tally.latency.entry(name).or_default().record(took);
        });
    }

    /// Data was compared.
    pub(crate) fn compared(&self, equal: bool) {
        self.note(|tally| if equal { tally.verified += 1 } else { tally.wrong += 1 });
    }

    /// Starts a task; a status that it ends with is noted as given up. The future ends with it.
    pub(crate) fn spawn(&self, task: impl Future<Output = Result<(), Status>> + Send + 'static) -> Ended {
        let (done, ended) = tasks::completion();
        let crew = self.clone();
        self.session.spawn(async move {
            if let Err(status) = task.await {
                crew.note(|tally| *tally.gave_up.entry(status).or_default() += 1);
            }
            done.finish();
        });
        ended
    }

    /// This node's part is over.
    pub(crate) fn leave(&self) {
        if self.node != SERVER {
            self.board().clients -= 1;
        }
    }

    /// Waits until all clients do that are at work, as a job manager would let them.
    pub(crate) async fn gather(&self) {
        self.board().ready += 1;
        while !self.all_ready() {
            self.session.sleep(GATHER_EVERY).await;
        }
    }

    fn all_ready(&self) -> bool {
        let board = self.board();
        board.ready >= board.clients
    }

    /// Whether clients are still at work.
    pub(crate) fn has_clients(&self) -> bool {
        self.board().clients > 0
    }

    /// Tries something again while it fails for want of resources, or because the peer is not there yet.
    pub(crate) async fn retrying<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        for tried in 1..=RETRIES {
            match attempt().await {
                Err(Status::INSUFFICIENT_RESOURCES | Status::CONNECTION_REFUSED) => {
                    self.note(|tally| tally.retries += 1);
                    self.session.sleep(RETRY_AFTER * tried).await;
                }
                outcome => return outcome,
            }
        }
        attempt().await
    }

    /// The part of the work that is done, in thousandths.
    pub(crate) fn permille(&self) -> u64 {
        let board = self.board();
        let done: u64 = board.tallies.iter().map(|tally| tally.operations).sum();
        (done * 1_000 / board.planned.max(1)).min(1_000)
    }

    /// What all nodes have done, in their order.
    pub(crate) fn tallies(&self) -> Vec<Tally> {
        self.board().tallies.clone()
    }
}
