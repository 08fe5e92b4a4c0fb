//! Consumers that scenarios run: programs over NDK, as a storage or a database team would write them.
//!
//! Reading order: [`replicate`] (in both styles of the consumer API, with everything in the open); [`common`] (what the others
//! share), [`creation_storm`], [`connection_storm`], [`storage`], [`key_value`], [`all_reduce`]; [`Work`] (which of them a
//! scenario runs).

mod all_reduce;
mod common;
mod connection_storm;
mod creation_storm;
mod key_value;
pub(crate) mod replicate;
mod storage;

pub(crate) use common::Crew;

use crate::spec::Workload;
use provider::ndk::Status;
use std::future::Future;
use std::pin::Pin;

/// One node's part of a workload, as a task.
type Task = Pin<Box<dyn Future<Output = Result<(), Status>> + Send>>;

/// A workload whose nodes work as a [`Crew`].
#[derive(Debug)]
pub(crate) struct Work<'a>(&'a Workload);

impl<'a> Work<'a> {
    /// `None` for the workloads that are run otherwise.
    pub(crate) fn of(workload: &'a Workload) -> Option<Self> {
        (!matches!(workload, Workload::Replicate(_) | Workload::Flows(_))).then_some(Self(workload))
    }

    /// Operations that all nodes do together, for the display of progress.
    pub(crate) fn planned(&self, nodes: usize) -> u64 {
        match self.0 {
            Workload::CreationStorm(storm) => creation_storm::planned(storm, nodes),
            Workload::ConnectionStorm(storm) => connection_storm::planned(storm, nodes),
            Workload::FileTransfer(transfer) => storage::planned_files(transfer, nodes),
            Workload::BlockStorage(blocks) => storage::planned_blocks(blocks, nodes),
            Workload::KeyValue(table) => key_value::planned(table, nodes),
            Workload::AllReduce(reduce) => all_reduce::planned(reduce, nodes),
            Workload::Replicate(_) | Workload::Flows(_) => 0,
        }
    }

    /// One node's part.
    fn task(&self, crew: Crew) -> Task {
        match self.0.clone() {
            Workload::CreationStorm(storm) => Box::pin(creation_storm::run(crew, storm)),
            Workload::ConnectionStorm(storm) => Box::pin(connection_storm::run(crew, storm)),
            Workload::FileTransfer(transfer) => Box::pin(storage::run_files(crew, transfer)),
            Workload::BlockStorage(blocks) => Box::pin(storage::run_blocks(crew, blocks)),
            Workload::KeyValue(table) => Box::pin(key_value::run(crew, table)),
            Workload::AllReduce(reduce) => Box::pin(all_reduce::run(crew, reduce)),
            Workload::Replicate(_) | Workload::Flows(_) => Box::pin(std::future::ready(Ok(()))),
        }
    }

    /// Starts one node's part.
    pub(crate) fn start(&self, crew: &Crew) {
        let (own, task) = (crew.clone(), self.task(crew.clone()));
        crew.spawn(async move {
            let outcome = task.await;
            own.leave();
            outcome
        });
    }
}
