//! One scenario, run: the cluster, its workload, its captures, its report.

use crate::cluster::{Cluster, ClusterError};
use crate::consumers::replicate::{self, Job};
use crate::options::RunOptions;
use crate::report::RunReport;
use crate::spec::{Replicate, Scenario, Workload};
use crate::study;
use crate::world::complete;
use des::Dur;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};

/// Runs a scenario. The same scenario and input give the same report, on any machine.
///
/// # Errors
/// If the cluster is impossible, or a device of it does not start.
pub fn run(scenario: &Scenario, options: &RunOptions) -> Result<RunReport, ClusterError> {
    match &scenario.workload {
        Workload::Replicate(workload) => replicate(scenario, workload, options),
        Workload::Flows(flows) => study::run(scenario, flows, options),
    }
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
