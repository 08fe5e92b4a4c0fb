//! What types cannot say about what consumers do.

use super::Checker;
use crate::report::ConsumerStyle;
use crate::spec::{
    AllReduce, BlockStorage, ConnectionStorm, CreationStorm, FileTransfer, KeyValue, Replicate, Scenario, Workload,
};
use provider::ndk::NdkVersion;

/// Most objects, connections or requests of one node: each is simulated.
const COUNT_MAX: u64 = 1 << 24;

impl Checker {
    pub(super) fn workload(&mut self, scenario: &Scenario) {
        match &scenario.workload {
            Workload::Replicate(replicate) => self.replicate(scenario, replicate),
            Workload::CreationStorm(storm) => self.creation_storm(storm),
            Workload::ConnectionStorm(storm) => self.connection_storm(storm),
            Workload::FileTransfer(transfer) => self.file_transfer(scenario, transfer),
            Workload::BlockStorage(storage) => self.block_storage(storage),
            Workload::KeyValue(table) => self.key_value(table),
            Workload::AllReduce(reduce) => self.all_reduce(scenario, reduce),
            Workload::Flows(flows) => self.flows(scenario, flows),
        }
    }

    fn replicate(&mut self, scenario: &Scenario, replicate: &Replicate) {
        let path = |key: &str| format!("workload.replicate.{key}");
        self.range(&path("chunk_bytes"), replicate.chunk_bytes, 1..=16 << 20);
        self.range(&path("window_chunks"), replicate.window_chunks, 1..=1_024);
        self.range(&path("retries"), replicate.retries, 0..=1_000);
        self.range(&path("retry_delay_us"), replicate.retry_delay_us, 0..=10_000_000);
        let styles = replicate.styles.len();
        if styles == 0 || styles > usize::from(scenario.cluster.nodes.max(2)) {
            let message = format!("{styles} consumer styles for {} nodes", scenario.cluster.nodes);
            let names = [ConsumerStyle::Async, ConsumerStyle::Callbacks].map(|style| format!("\"{}\"", style.name()));
            let remedy = format!("write one for each node, or fewer to be taken in turn, of {}", names.join(", "));
            self.fail(path("styles"), message, remedy);
        }
    }

    fn creation_storm(&mut self, storm: &CreationStorm) {
        let path = |key: &str| format!("workload.creation-storm.{key}");
        self.range(&path("tasks"), storm.tasks, 1..=1_024);
        self.range(&path("rounds"), storm.rounds, 1..=100_000);
        self.range(&path("queue_pairs"), storm.queue_pairs, 0..=64);
        self.range(&path("regions"), storm.regions, 0..=64);
        self.at_most(&path("rounds"), "objects on a node", &[storm.tasks, storm.rounds, storm.objects()]);
    }

    fn connection_storm(&mut self, storm: &ConnectionStorm) {
        let path = |key: &str| format!("workload.connection-storm.{key}");
        self.range(&path("connections"), storm.connections, 1..=100_000);
        self.range(&path("tasks"), storm.tasks, 1..=256);
        self.range(&path("message_bytes"), storm.message_bytes, 1..=1 << 16);
        if storm.refuse_every == 1 {
            let remedy = "allowed: 0 for none, or 2 and more";
            self.fail(path("refuse_every"), "every request would be refused", remedy);
        }
    }

    fn file_transfer(&mut self, scenario: &Scenario, transfer: &FileTransfer) {
        let path = |key: &str| format!("workload.file-transfer.{key}");
        self.range(&path("file_bytes"), transfer.file_bytes, 1..=1 << 30);
        self.range(&path("request_bytes"), transfer.request_bytes, 1..=1 << 20);
        self.range(&path("credits"), transfer.credits, 1..=255);
        if scenario.provider.version < NdkVersion::V1_2 {
            let message = format!("NDK {} has no SEND with invalidate", scenario.provider.version);
            self.fail("provider.version", message, "write version = \"1.2\" or higher");
        }
    }

    fn block_storage(&mut self, storage: &BlockStorage) {
        let path = |key: &str| format!("workload.block-storage.{key}");
        self.range(&path("queues"), storage.queues, 1..=256);
        self.range(&path("depth"), storage.depth, 1..=256);
        self.range(&path("block_bytes"), storage.block_bytes, 512..=1 << 20);
        self.range(&path("commands"), storage.commands, 1..=10_000_000);
        self.range(&path("read_permille"), storage.read_permille, 0..=1_000);
        self.range(&path("cq_depth"), storage.cq_depth.unwrap_or(1), 1..=1_024);
        self.at_most(&path("commands"), "commands of a host", &[storage.queues, storage.commands]);
    }

    fn key_value(&mut self, table: &KeyValue) {
        let path = |key: &str| format!("workload.key-value.{key}");
        self.range(&path("keys"), table.keys, 1..=1 << 16);
        self.range(&path("value_bytes"), table.value_bytes, 8..=1 << 16);
        self.range(&path("connections"), table.connections, 1..=256);
        self.range(&path("operations"), table.operations, 1..=10_000_000);
        self.range(&path("put_permille"), table.put_permille, 0..=1_000);
        self.at_most(&path("operations"), "operations of a client", &[table.connections, table.operations]);
    }

    fn all_reduce(&mut self, scenario: &Scenario, reduce: &AllReduce) {
        let nodes = u32::from(scenario.cluster.nodes).max(2);
        self.range("workload.all-reduce.elements", reduce.elements, nodes..=1 << 24);
        self.range("workload.all-reduce.rounds", reduce.rounds, 1..=10_000);
    }

    /// Demands that the product of `factors` is not beyond what can be simulated.
    fn at_most(&mut self, path: &str, what: &str, factors: &[u32]) {
        let product: u64 = factors.iter().fold(1, |product, &factor| product.saturating_mul(u64::from(factor)));
        if product > COUNT_MAX {
            self.fail(path, format!("that is {product} {what}"), format!("allowed: at most {COUNT_MAX}"));
        }
    }
}
