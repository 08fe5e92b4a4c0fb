//! Storage: hosts give commands, the server moves the data by READs and WRITEs of its own.
//!
//! Reading order: [`protocol`] (commands and answers), [`server`], then the two kinds of host: [`files`] (as SMB Direct) and
//! [`blocks`] (as NVMe over RDMA).

mod blocks;
mod files;
mod protocol;
mod server;

use super::common::{Crew, SERVER, tasks};
use crate::spec::{BlockStorage, FileTransfer};
use provider::consumer::Adapter;
use provider::ndk::Status;
use std::future::Future;

/// The ND port of the server.
const PORT: u16 = 4_420;

/// Requests that all clients of a file transfer make together: each file goes there and back.
pub(super) fn planned_files(transfer: &FileTransfer, nodes: usize) -> u64 {
    (nodes as u64 - 1) * 2 * transfer.file_bytes.div_ceil(u64::from(transfer.request_bytes))
}

/// Commands that all hosts give together.
pub(super) fn planned_blocks(storage: &BlockStorage, nodes: usize) -> u64 {
    (nodes as u64 - 1) * u64::from(storage.queues) * u64::from(storage.commands)
}

/// One node's part of a file transfer.
pub(super) async fn run_files(crew: Crew, transfer: FileTransfer) -> Result<(), Status> {
    run(&crew, 1, move |crew, adapter, _| {
        let transfer = transfer.clone();
        async move { files::transfer(&crew, &adapter, &transfer).await }
    })
    .await
}

/// One node's part of block storage.
pub(super) async fn run_blocks(crew: Crew, storage: BlockStorage) -> Result<(), Status> {
    run(&crew, storage.queues, move |crew, adapter, queue| {
        let storage = storage.clone();
        async move { blocks::work(&crew, &adapter, &storage, queue).await }
    })
    .await
}

/// Serves, or runs a host's `queues`.
async fn run<F>(crew: &Crew, queues: u32, host: impl Fn(Crew, Adapter, u32) -> F) -> Result<(), Status>
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    let adapter = crew.session.open_adapter(crew.version).await?;
    let outcome = if crew.node == SERVER {
        crew.note(|tally| tally.role = "server");
        server::serve_all(crew, &adapter).await
    } else {
        crew.note(|tally| tally.role = "host");
        let work = (0..queues).map(|queue| crew.spawn(host(crew.clone(), adapter.clone(), queue)));
        tasks::all(work.collect::<Vec<_>>()).await;
        Ok(())
    };
    adapter.close().await.and(outcome)
}
