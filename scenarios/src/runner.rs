//! One scenario, run: the cluster, its workload, its captures, its report.

use crate::cluster::{Cluster, ClusterError};
use crate::consumers::replicate::{self, Job};
use crate::consumers::{Crew, Work};
use crate::options::RunOptions;
use crate::report::RunReport;
use crate::spec::{Replicate, Scenario, Workload};
use crate::study;
use crate::world::{complete, judge};
use des::Dur;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};

/// Runs a scenario. The same scenario and input give the same report, on any machine.
///
/// # Errors
/// If the cluster is impossible, or a device of it does not start.
pub fn run(scenario: &Scenario, options: &RunOptions) -> Result<RunReport, ClusterError> {
    match (&scenario.workload, Work::of(&scenario.workload)) {
        (Workload::Replicate(workload), _) => replicate(scenario, workload, options),
        (Workload::Flows(flows), _) => study::run(scenario, flows, options),
        (_, Some(work)) => together(scenario, &work, options),
        (workload, None) => unreachable!("nobody runs {workload:?}"),
    }
}

/// Runs a workload whose nodes are a crew.
fn together(scenario: &Scenario, work: &Work<'_>, options: &RunOptions) -> Result<RunReport, ClusterError> {
    let mut cluster = Cluster::new(scenario)?;
    cluster.capture(&options.capture);
    let nodes = cluster.nodes();
    let addresses = (0..nodes).map(|node| cluster.address(node)).collect();
    let (version, seed, planned) = (scenario.provider.version, scenario.about.seed, work.planned(nodes));
    let crew = Crew::new(cluster.session(0), version, seed, addresses, planned);
    (0..nodes).for_each(|node| work.start(&crew.at(node, cluster.session(node))));
    let mut report = cluster.run_watched(options.progress.as_deref(), &|| crew.permille());
    for (node, tally) in report.nodes.iter_mut().zip(crew.tallies()) {
        node.retries = tally.retries;
        node.work = Some(tally.report());
    }
    judge(&mut report, scenario);
    Ok(report)
}

fn replicate(scenario: &Scenario, workload: &Replicate, options: &RunOptions) -> Result<RunReport, ClusterError> {
    let mut cluster = Cluster::new(scenario)?;
    cluster.capture(&options.capture);
    let job = job(&cluster, scenario, workload, options);
    for node in 0..cluster.nodes() {
        let style = workload.style(node as u16);
        replicate::start(&cluster.session(node), Job { node, style, ..job.clone() });
    }
    let (all, replicas) = (cluster.nodes() * (cluster.nodes() - 1), Arc::clone(&job.replicas));
    let done = move || (replicas.lock().unwrap_or_else(PoisonError::into_inner).len() * 1_000 / all.max(1)) as u64;
    let mut report = cluster.run_watched(options.progress.as_deref(), &done);
    let replicas = std::mem::take(&mut *job.replicas.lock().unwrap_or_else(PoisonError::into_inner));
    let retried = job.retried.lock().unwrap_or_else(PoisonError::into_inner).clone();
    complete(&mut report, scenario, replicas, &retried);
    Ok(report)
}

/// What all nodes' jobs have in common.
fn job(cluster: &Cluster, scenario: &Scenario, workload: &Replicate, options: &RunOptions) -> Job {
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
