//! A cluster of real devices: one node for each.

use super::node::Node;
use crate::cluster::ClusterError;
use crate::conformance::Trial;
use crate::node::journal::Journal;
use crate::node::{NodePlan, Stack, stack};
use crate::options::Progress;
use crate::report::journal::NodeJournal;
use crate::report::{FaultRow, Finding, NodeReport, RunReport, Severity, Versions};
use crate::spec::{Cluster, Scenario};
use crate::world::{contract, metered};
use des::{Dur, Time};
use host::HostBus;
use provider::backend::Backend;
use provider::consumer::Session;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZero;
use verbs::{Options, RealBus, Traffic, VerbsBackend};

/// How devices are run.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    pub options: Options,
    /// How many times slower than the wall's the nodes' clocks go.
    pub pace: NonZero<u32>,
    /// Time that a run may take, by those clocks.
    pub limit: Dur,
}

/// Real nodes and the consumers that run on them.
pub struct RealCluster {
    nodes: Vec<Node>,
    addresses: Vec<IpAddr>,
    traffic: Vec<Traffic>,
    scenario: Scenario,
    /// Time that a run may take.
    limit: Dur,
}

impl fmt::Debug for RealCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealCluster").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl RealCluster {
    /// Opens a device for each node of the scenario, the first ones of `devices`. A run may take `limit`.
    ///
    /// # Errors
    /// There are too few devices, one cannot be opened, or the scenario needs a simulated wire.
    pub fn new(scenario: &Scenario, devices: &[String], limit: Dur) -> Result<Self, ClusterError> {
        let nodes = usize::from(scenario.cluster.nodes);
        if devices.len() < nodes {
            let found = devices.len();
            return Err(ClusterError::Real(format!("the scenario has {nodes} nodes and there are {found} devices")));
        }
        let fault = &scenario.fault;
        if !(fault.wire.is_empty() && fault.device.is_empty() && fault.host.is_empty()) {
            let why = "[[fault.wire]], [[fault.device]] and [[fault.host]] rows strike simulated machines only";
            return Err(ClusterError::Real(why.to_owned()));
        }
        let how = How { options: Options::default(), pace: NonZero::<u32>::MIN, limit };
        Self::open(scenario, &devices[..nodes], how, |node, backend| {
            let plan = NodePlan::new(&scenario.fault, node as u16);
            let label = format!("fault.{}", Cluster::node_name(node as u16));
            stack::healthy(
                backend,
                (&scenario.provider, node as u16),
                &plan,
                scenario.planted.map(|planted| planted.bug),
                scenario.about.seed,
                &label,
            )
        })
    }

    /// Two devices with the providers of a conformance case.
    pub(super) fn on_trial(
        scenario: &Scenario,
        devices: &[String],
        how: How,
        trial: &Trial,
    ) -> Result<Self, ClusterError> {
        Self::open(scenario, devices, how, |node, backend| {
            stack::on_trial(backend, trial, node, &Cluster::node_name(node as u16))
        })
    }

    fn open(
        scenario: &Scenario,
        devices: &[String],
        how: How,
        layers: impl Fn(usize, VerbsBackend) -> Box<dyn Stack>,
    ) -> Result<Self, ClusterError> {
        let (mut nodes, mut addresses, mut traffic) = (Vec::new(), Vec::new(), Vec::new());
        for (node, device) in devices.iter().enumerate() {
            let failed = |what: String| ClusterError::Device { node, what };
            let backend = VerbsBackend::open(device, how.options).map_err(|error| failed(error.to_string()))?;
            let all = &backend.capabilities().addresses;
            let address = all.iter().find(|address| address.is_ipv4()).or(all.first());
            addresses.push(*address.ok_or_else(|| failed(format!("{device} has no IP address")))?);
            let bus = RealBus::new(backend.memory()).with_pace(how.pace);
            let signal = backend.signal();
            traffic.push(backend.traffic().clone());
            nodes.push(Node::new(layers(node, backend), bus, signal));
        }
        Ok(Self { nodes, addresses, traffic, scenario: scenario.clone(), limit: how.limit })
    }

    /// Nodes in the cluster.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The address of a node's device.
    ///
    /// # Panics
    /// If there is no such node.
    #[must_use]
    pub fn address(&self, node: usize) -> IpAddr {
        self.addresses[node]
    }

    /// Access to a node, for raw calls and callbacks.
    ///
    /// # Panics
    /// If there is no such node.
    #[must_use]
    pub fn session(&self, node: usize) -> Session {
        self.nodes[node].session()
    }

    /// Keeps what consumers are told, for a comparison with another backend.
    pub(crate) fn keep_journal(&self) {
        self.nodes.iter().for_each(|node| node.core().meter.journal = Some(Journal::default()));
    }

    /// What was kept, by node.
    pub(crate) fn journals(&self) -> Option<Vec<NodeJournal>> {
        self.nodes.iter().map(|node| node.core().meter.entries()).collect()
    }

    /// Runs every node on a thread of its own until all tasks have ended, or the limit.
    #[must_use]
    pub fn run(&mut self, progress: Option<&Progress>, done: &dyn Fn() -> u64) -> RunReport {
        let limit = Time::ZERO + self.limit;
        let ended: Vec<bool> = std::thread::scope(|scope| {
            let threads: Vec<_> = self.nodes.iter().map(|node| scope.spawn(move || node.run(limit))).collect();
            while let Some(progress) = progress
                && threads.iter().any(|thread| !thread.is_finished())
            {
                progress.tell(done());
                std::thread::park_timeout(std::time::Duration::from_millis(50));
            }
            threads.into_iter().map(|thread| thread.join().unwrap_or(false)).collect()
        });
        self.report(&ended)
    }

    /// Payload that left a node, and that came to its memory: by its own requests, and by what others read and write there.
    fn bytes(&self, node: usize) -> (u64, u64) {
        let own = self.traffic[node].by_peer().into_values();
        let (sent, received) = own.fold((0, 0), |(sent, received), moved| {
            (sent + moved.sent + moved.written, received + moved.received + moved.read)
        });
        let of_others = self.traffic.iter().filter_map(|peer| peer.by_peer().get(&self.addresses[node]).copied());
        of_others.fold((sent, received), |(sent, received), moved| (sent + moved.read, received + moved.written))
    }

    fn report(&self, ended: &[bool]) -> RunReport {
        let scenario = &self.scenario;
        let mut report = RunReport {
            scenario: scenario.about.name.clone(),
            versions: Versions::default(),
            seed: scenario.about.seed,
            faults: scenario.fault.of_calls().into_iter().map(FaultRow::new).collect(),
            ..RunReport::default()
        };
        for (index, (node, &ended)) in self.nodes.iter().zip(ended).enumerate() {
            let name = Cluster::node_name(index as u16);
            let mut core = node.core();
            report.simulated_ps = report.simulated_ps.max(core.bus.now().as_ps());
            let (bytes_sent, bytes_received) = self.bytes(index);
            report.nodes.push(NodeReport { bytes_sent, bytes_received, ..metered(index as u16, &core.meter) });
            let core = &mut *core;
            let now = core.bus.now();
            let found = core.provider.finish(&mut core.bus, now, ended);
            report.findings.extend(found.iter().map(|finding| contract(&name, finding)));
            let plan = NodePlan::new(&scenario.fault, index as u16);
            plan.add_to(&core.provider.fault_reports(), &name, &mut report.faults);
            report.findings.extend(of_consumers(node, &name, now));
        }
        report
    }
}

/// What went wrong with a node's consumers themselves.
fn of_consumers(node: &Node, name: &str, now: Time) -> Vec<Finding> {
    let finding = |rule: &'static str, text: String| Finding {
        rule: rule.into(),
        severity: Severity::Error,
        side: "consumer".into(),
        node: name.to_owned(),
        object: String::new(),
        time_ps: now.as_ps(),
        text,
    };
    let failures = node.runtime().failures().into_iter().map(|text| finding("consumer", text));
    let unfinished = node.runtime().unfinished();
    let stuck = (unfinished > 0)
        .then(|| finding("progress", format!("{unfinished} tasks have not ended, and the time limit was reached")));
    failures.chain(stuck).collect()
}
