//! Fabric studies: full NICs in a large fabric, each with a light consumer instead of an NDK provider.
//!
//! Reading order: [`sizes`], [`traffic`] and [`flow_file`] (which flows there are), [`node`] (a NIC, its driver and the
//! consumer that posts the flows' WRITEs), [`sending`] and [`steps`] (what is posted when), [`connect`] (on which queue
//! pairs), [`event`], [`station`] (a node or switch on its cables), [`rounds`] (who has a turn when), [`part`] (the
//! event loop of a thread), [`exchange`] (where threads meet), [`world`] (all parts), [`build`] (all of it from a
//! scenario), [`ideal`] (how long a flow takes alone), [`counted`] and [`report`] (what became of it).
//!
//! Queue pairs are connected by their drivers before time zero, without connection management. Everything after that goes
//! through registers, rings and frames as it does under a provider.

mod build;
mod connect;
mod counted;
mod event;
mod exchange;
mod flow_file;
mod ideal;
mod node;
mod part;
mod report;
mod rounds;
mod sending;
mod sizes;
mod station;
mod steps;
mod traffic;
mod world;

#[cfg(test)]
mod tests;

use crate::advice;
use crate::cluster::ClusterError;
use crate::fabrics;
use crate::options::RunOptions;
use crate::report::RunReport;
use crate::runner::Checked;
use crate::spec::check::Violation;
use crate::spec::{Flows, Scenario};
use crate::switches;
use fabric::Topology;
use fabric::address::Endpoint;
use traffic::Planned;
use world::World;

/// Looks whether the study of a scenario is possible, as far as that shows before it runs.
pub(crate) fn check(scenario: &Scenario, flows: &Flows, options: &RunOptions) -> Result<Checked, ClusterError> {
    let (fabric, planned) = plan(scenario, flows, options)?;
    Ok(Checked { nodes: fabric.topology.endpoint_count(), warnings: warnings(scenario, &fabric.topology, &planned) })
}

fn warnings(scenario: &Scenario, topology: &Topology, planned: &[Planned]) -> Vec<Violation> {
    let flows = planned.iter().map(|flow| (Endpoint(flow.from), Endpoint(flow.to)));
    advice::warnings(scenario, topology, flows)
}

fn plan(
    scenario: &Scenario,
    flows: &Flows,
    options: &RunOptions,
) -> Result<(fabrics::Fabric, Vec<Planned>), ClusterError> {
    let fabric = fabrics::build(&scenario.cluster, &options.topology)?;
    build::look_ahead(&fabric.topology)?;
    switches::check(scenario, &fabric.topology)?;
    let planned = traffic::plan(scenario, flows, &fabric, options)?;
    Ok((fabric, planned))
}

/// Runs the study of a scenario.
pub(crate) fn run(scenario: &Scenario, flows: &Flows, options: &RunOptions) -> Result<RunReport, ClusterError> {
    let (fabric, planned) = plan(scenario, flows, options)?;
    let mut world = World::build(scenario, flows, &fabric.topology, &planned, options.threads)?;
    let warnings = warnings(scenario, &fabric.topology, &planned);
    world.run(&fabric.topology, options.progress.as_deref());
    Ok(RunReport { warnings, ..report::report(scenario, flows, &fabric.topology, &planned, world) })
}
