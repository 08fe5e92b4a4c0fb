//! A cluster as a value: what `rnic run` and a Rust test both stand on.

use crate::conformance::Trial;
use crate::node::journal::Journal;
use crate::options::Progress;
use crate::record::Watch;
use crate::report::RunReport;
use crate::report::journal::NodeJournal;
use crate::spec::check::Violation;
use crate::spec::{Problem, Scenario};
use crate::world::World;
use provider::consumer::Session;
use provider::ndk::Status;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr};

/// Why a cluster could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The topology is impossible, or its switches.
    #[error("topology: {0}")]
    Topology(Box<Violation>),
    /// A real device cannot do what the scenario asks for, or there are too few.
    #[error("{0}")]
    Real(String),
    /// A fault names what does not exist.
    #[error("fault: {0}")]
    Fault(String),
    /// The flows of a study are impossible.
    #[error("flows: {0}")]
    Flows(Box<Violation>),
    /// A file that the scenario names is wrong, at a place of its own.
    #[error("{0}")]
    Input(Box<Problem>),
    /// A device could not be started.
    #[error("node{node}: the device did not start: {what}")]
    Device {
        /// Which node.
        node: usize,
        /// What went wrong.
        what: String,
    },
}

impl ClusterError {
    /// A topology is impossible, and the value at `path` is to blame.
    pub(crate) fn topology(path: &str, message: impl fmt::Display, remedy: impl fmt::Display) -> Self {
        let (path, message, remedy) = (path.to_owned(), message.to_string(), remedy.to_string());
        Self::Topology(Box::new(Violation { path, message, remedy }))
    }
}

/// Simulated nodes, their network, and the consumers that run on them.
///
/// ```
/// use provider::consumer::QpParams;
/// use provider::ndk::{MrFlags, NdkVersion, OpFlags};
/// use scenarios::{Cluster, Scenario};
///
/// let mut cluster = Cluster::new(&Scenario::named("hello")).expect("two nodes and a switch");
/// let (server, client) = ((cluster.address(0), 7000).into(), (cluster.address(1), 0).into());
///
/// cluster.spawn(0, async move |node| {
///     let adapter = node.open_adapter(NdkVersion::V2_0).await?;
///     let (pd, cq, listener) = (adapter.create_pd().await?, adapter.create_cq(128).await?, adapter.create_listener().await?);
///     let (mr, inbox) = (pd.create_mr().await?, node.allocate(64));
///     mr.register(&inbox, MrFlags::ALLOW_LOCAL_WRITE).await?;
///     let qp = pd.create_qp(&cq, &cq, 0, QpParams::default()).await?;
///     qp.receive(1, &[inbox.sge(0, 64, mr.local_token().await)])?;
///     listener.listen(server).await?;
///     let mut connector = listener.request().await;
///     connector.accept(&qp, b"welcome").await?;
///     let result = cq.next().await?;
///     assert_eq!(inbox.read(0, 5).expect("the buffer holds 64 bytes"), b"hello");
///     assert_eq!(result.bytes_transferred, 5);
///     connector.disconnected().await;
///     connector.close().await;
///     qp.close().await;
///     cq.close().await;
///     mr.close().await;
///     pd.close().await;
///     listener.close().await;
///     adapter.close().await
/// });
/// cluster.spawn(1, async move |node| {
///     let adapter = node.open_adapter(NdkVersion::V2_0).await?;
///     let (pd, cq) = (adapter.create_pd().await?, adapter.create_cq(128).await?);
///     let (mr, outbox) = (pd.create_mr().await?, node.allocate(64));
///     outbox.write(0, b"hello").expect("the buffer holds 64 bytes");
///     mr.register(&outbox, MrFlags::empty()).await?;
///     let qp = pd.create_qp(&cq, &cq, 0, QpParams::default()).await?;
///     let mut connector = adapter.create_connector().await?;
///     connector.connect(&qp, client, server, b"hi").await?;
///     connector.complete_connect().await?;
///     qp.send(1, &[outbox.sge(0, 5, mr.local_token().await)], OpFlags::empty())?;
///     cq.next().await?.status.ok()?;
///     connector.disconnect().await?;
///     connector.close().await;
///     qp.close().await;
///     cq.close().await;
///     mr.close().await;
///     pd.close().await;
///     adapter.close().await
/// });
///
/// let report = cluster.run();
/// assert!(report.findings.is_empty(), "{:#?}", report.findings);
/// ```
pub struct Cluster {
    world: World,
    scenario: Scenario,
    captured: Vec<String>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("scenario", &self.scenario.about.name).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Builds the cluster of a scenario; its workload is not started.
    ///
    /// # Errors
    /// What is impossible about it.
    pub fn new(scenario: &Scenario) -> Result<Self, ClusterError> {
        let mut scenario = scenario.clone();
        scenario.fault.fill_in();
        Ok(Self { world: World::build(&scenario, None)?, scenario, captured: Vec::new() })
    }

    /// The same with the providers of a conformance case.
    pub(crate) fn on_trial(scenario: &Scenario, trial: &Trial) -> Result<Self, ClusterError> {
        Ok(Self { world: World::build(scenario, Some(trial))?, scenario: scenario.clone(), captured: Vec::new() })
    }

    /// The address of a node's adapter.
    ///
    /// # Panics
    /// If there is no such node.
    #[must_use]
    pub fn address(&self, node: usize) -> IpAddr {
        self.world.address(node)
    }

    /// The IPv6 address of a node's adapter.
    ///
    /// # Panics
    /// If there is no such node.
    #[must_use]
    pub fn ipv6(&self, node: usize) -> Ipv6Addr {
        self.world.ipv6(node)
    }

    /// Access to a node, for raw calls and callbacks.
    ///
    /// # Panics
    /// If there is no such node.
    #[must_use]
    pub fn session(&self, node: usize) -> Session {
        self.world.node(node).session()
    }

    /// Starts a consumer on a node. An error that it ends with is a finding of the report.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn spawn<F>(&mut self, node: usize, consumer: impl FnOnce(Session) -> F)
    where
        F: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let session = self.session(node);
        let task = consumer(session.clone());
        session.clone().spawn(async move {
            if let Err(status) = task.await {
                session.fail(format!("the consumer ended with {status}"));
            }
        });
    }

    /// Nodes in the cluster.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.world.nodes()
    }

    /// Captures both directions of these cables from now on.
    pub fn capture(&mut self, cables: &[String]) {
        self.world.capture(&self.scenario, cables);
        self.captured = cables.to_vec();
    }

    /// What the run is to write down besides its report.
    pub fn watch(&mut self, watch: Watch) {
        self.world.watch(watch);
    }

    /// Keeps what consumers are told, for a comparison with another backend.
    pub(crate) fn keep_journal(&self) {
        (0..self.nodes()).for_each(|node| self.world.node(node).core().meter.journal = Some(Journal::default()));
    }

    /// What was kept, by node.
    pub(crate) fn journals(&self) -> Option<Vec<NodeJournal>> {
        (0..self.nodes()).map(|node| self.world.node(node).core().meter.entries()).collect()
    }

    /// Runs until nothing is left to happen, or the scenario's time limit.
    #[must_use]
    pub fn run(&mut self) -> RunReport {
        self.run_watched(None, &|| 0)
    }

    /// As [`run`](Self::run), telling how far it is from time to time; `done` says how much of the work is, in thousandths.
    #[must_use]
    pub fn run_watched(&mut self, progress: Option<&Progress>, done: &dyn Fn() -> u64) -> RunReport {
        self.world.run(progress, done);
        self.world.report(&self.scenario, &self.captured)
    }
}
