//! One scenario, run: the cluster, its workload, its captures, its report.

use crate::advice;
use crate::cluster::{Cluster, ClusterError};
use crate::consumers::replicate::{self, Job};
use crate::consumers::{Crew, Work};
use crate::fabrics;
use crate::options::{Backend, Progress, RunOptions};
use crate::plan::Plan;
use crate::real::RealCluster;
use crate::report::journal::NodeJournal;
use crate::report::{Journal, RunReport};
use crate::spec::check::Violation;
use crate::spec::{Replicate, Scenario, Workload};
use crate::study;
use crate::switches;
use crate::world::{complete, judge};
use des::Dur;
use provider::consumer::Session;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Runs a scenario. The same scenario and input give the same report, on any machine.
///
/// # Errors
/// If the cluster is impossible, or a device of it does not start.
pub fn run(scenario: &Scenario, options: &RunOptions) -> Result<RunReport, ClusterError> {
    let drawn = scenario.swarm.is_some().then(|| Plan::of(scenario).applied_to(scenario, scenario.about.seed));
    let scenario = drawn.as_ref().unwrap_or(scenario);
    if matches!(scenario.workload, Workload::Flows(_)) && options.backend != Backend::Simulated {
        return Err(ClusterError::Real("[workload.flows] studies simulated fabrics only".to_owned()));
    }
    let mut report = match (&scenario.workload, Work::of(&scenario.workload)) {
        (Workload::Replicate(workload), _) => replicate(scenario, workload, options),
        (Workload::Flows(flows), _) => study::run(scenario, flows, options),
        (_, Some(work)) => together(scenario, &work, options),
        (workload, None) => unreachable!("nobody runs {workload:?}"),
    }?;
    report.backend = options.backend.name();
    if report.study.is_none() && options.backend == Backend::Simulated {
        report.warnings = check(scenario, options)?.warnings;
    }
    Ok(report)
}

/// What shows of a scenario before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// NICs.
    pub nodes: u32,
    /// What it may do that its author may not have meant.
    pub warnings: Vec<Violation>,
}

/// Looks for everything that keeps a scenario from running on simulated NICs and shows before it runs.
///
/// # Errors
/// As [`run`], but for devices.
pub fn check(scenario: &Scenario, options: &RunOptions) -> Result<Checked, ClusterError> {
    if let Workload::Flows(flows) = &scenario.workload {
        return study::check(scenario, flows, options);
    }
    let topology = fabrics::build(&scenario.cluster, &options.topology)?.topology;
    switches::check(scenario, &topology)?;
    let warnings = advice::warnings(scenario, &topology, advice::everybody(&topology));
    Ok(Checked { nodes: topology.endpoint_count(), warnings })
}

/// Simulated or real nodes, ready for consumers.
trait Stage {
    fn nodes(&self) -> usize;
    fn address(&self, node: usize) -> IpAddr;
    fn session(&self, node: usize) -> Session;
    fn run(&mut self, progress: Option<&Progress>, done: &dyn Fn() -> u64) -> RunReport;
    /// What consumers were told, if it was to be kept.
    fn journals(&self) -> Option<Vec<NodeJournal>>;
}

impl Stage for Cluster {
    fn nodes(&self) -> usize {
        self.nodes()
    }

    fn address(&self, node: usize) -> IpAddr {
        self.address(node)
    }

    fn session(&self, node: usize) -> Session {
        self.session(node)
    }

    fn run(&mut self, progress: Option<&Progress>, done: &dyn Fn() -> u64) -> RunReport {
        self.run_watched(progress, done)
    }

    fn journals(&self) -> Option<Vec<NodeJournal>> {
        self.journals()
    }
}

impl Stage for RealCluster {
    fn nodes(&self) -> usize {
        self.nodes()
    }

    fn address(&self, node: usize) -> IpAddr {
        self.address(node)
    }

    fn session(&self, node: usize) -> Session {
        self.session(node)
    }

    fn run(&mut self, progress: Option<&Progress>, done: &dyn Fn() -> u64) -> RunReport {
        self.run(progress, done)
    }

    fn journals(&self) -> Option<Vec<NodeJournal>> {
        self.journals()
    }
}

/// Builds what the scenario runs on.
fn stage(scenario: &Scenario, options: &RunOptions) -> Result<Box<dyn Stage>, ClusterError> {
    match &options.backend {
        Backend::Simulated => {
            let mut cluster = Cluster::new(scenario)?;
            cluster.capture(&options.capture);
            cluster.watch(options.watch);
            if options.journal {
                cluster.keep_journal();
            }
            Ok(Box::new(cluster))
        }
        Backend::Verbs { devices } => {
            let cluster = RealCluster::new(scenario, devices, Dur::from_ms(scenario.about.time_limit_ms))?;
            if options.journal {
                cluster.keep_journal();
            }
            Ok(Box::new(cluster))
        }
    }
}

/// How long consumers wait for a peer that may be gone: as a keep-alive of a protocol over RDMA, but for a simulation; assumed.
const PATIENCE: Dur = Dur::from_ms(200);

fn patience(scenario: &Scenario) -> Option<Dur> {
    scenario.fault.of_machines().next().map(|_| PATIENCE)
}

/// Runs a workload whose nodes are a crew.
fn together(scenario: &Scenario, work: &Work<'_>, options: &RunOptions) -> Result<RunReport, ClusterError> {
    let mut cluster = stage(scenario, options)?;
    let nodes = cluster.nodes();
    let addresses = (0..nodes).map(|node| cluster.address(node)).collect();
    let (version, seed, planned) = (scenario.provider.version, scenario.about.seed, work.planned(nodes));
    let crew = Crew::new(cluster.session(0), version, seed, addresses, planned, patience(scenario));
    (0..nodes).for_each(|node| work.start(&crew.at(node, cluster.session(node))));
    let mut report = cluster.run(options.progress.as_deref(), &|| crew.permille());
    for (node, tally) in report.nodes.iter_mut().zip(crew.tallies()) {
        node.retries = tally.retries;
        node.work = Some(tally.report());
    }
    judge(&mut report, scenario);
    report.journal = cluster.journals().map(|nodes| Journal::new(&options.backend.name(), &report, nodes));
    Ok(report)
}

fn replicate(scenario: &Scenario, workload: &Replicate, options: &RunOptions) -> Result<RunReport, ClusterError> {
    let mut cluster = stage(scenario, options)?;
    let job = job(cluster.as_ref(), scenario, workload, options);
    for node in 0..cluster.nodes() {
        let style = workload.style(node as u16);
        replicate::start(&cluster.session(node), Job { node, style, ..job.clone() });
    }
    let (all, replicas) = (cluster.nodes() * (cluster.nodes() - 1), Arc::clone(&job.replicas));
    let done = move || (replicas.lock().unwrap_or_else(PoisonError::into_inner).len() * 1_000 / all.max(1)) as u64;
    let mut report = cluster.run(options.progress.as_deref(), &done);
    let replicas = std::mem::take(&mut *job.replicas.lock().unwrap_or_else(PoisonError::into_inner));
    let retried = job.retried.lock().unwrap_or_else(PoisonError::into_inner).clone();
    complete(&mut report, scenario, replicas, &retried);
    report.journal = cluster.journals().map(|nodes| Journal::new(&options.backend.name(), &report, nodes));
    Ok(report)
}

/// What all nodes' jobs have in common.
fn job(cluster: &dyn Stage, scenario: &Scenario, workload: &Replicate, options: &RunOptions) -> Job {
    Job {
        node: 0,
        addresses: (0..cluster.nodes()).map(|node| cluster.address(node)).collect(),
        version: scenario.provider.version,
        style: workload.style(0),
        input: options.input.to_vec().into(),
        digest: Sha256::digest(&options.input).into(),
        chunk_bytes: workload.chunk_bytes,
        window: workload.window_chunks,
        retries: workload.retries,
        retry_after: Dur::from_us(workload.retry_delay_us),
        replicas: Arc::default(),
        retried: Arc::new(Mutex::new(vec![0; cluster.nodes()])),
    }
}
