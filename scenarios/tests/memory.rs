//! What idle objects cost in memory of the simulator's own process, by the figure that `rnic run --json` reports. Each run is
//! a process, so that none finds memory that another has freed. Where the system does not tell the figure, nothing is tested.

use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::process::Command;

/// Nodes at a leaf.
const NODES_PER_LEAF: u64 = 32;

/// The most memory of a run with `leaves` leaves and `flows` flows that would begin after its end: the queue pairs of each
/// are connected and idle. Flows begin at `senders` nodes in turn and lead to the next node. In bytes; zero if nobody tells.
fn peak_bytes(leaves: u64, flows: u64, senders: u64) -> u64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scenario = format!(
        "[scenario]\nname = \"memory\"\ntime_limit_ms = 2\n\
         [cluster.topology.leaf-spine]\nleaves = {leaves}\nspines = 1\nnodes_per_leaf = {NODES_PER_LEAF}\n\
         [workload.flows]\nmessage_bytes = 4096\nwindow_messages = 4\n\
         [workload.flows.pattern.file]\npath = \"flows.txt\"\nepoch_ms = 2000\n"
    );
    let mut rows = format!("{flows}\n");
    for flow in 0..flows {
        let from = flow % senders;
        writeln!(rows, "{from} {} 3 100 64 2.005", from + 1).expect("text grows");
    }
    fs::write(folder.path().join("memory.toml"), scenario).expect("the folder is writable");
    fs::write(folder.path().join("flows.txt"), rows).expect("the folder is writable");
    let mut rnic = Command::new(env!("CARGO_BIN_EXE_rnic"));
    let output = rnic.args(["run", "memory.toml", "--json"]).current_dir(folder.path()).output().expect("it starts");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = report["flows"].as_array().expect("a study has flows");
    assert!(rows.len() as u64 == flows && rows.iter().all(|row| row["completion_ps"].is_null()), "no flow has begun");
    report["peak_rss_bytes"].as_u64().expect("a number")
}

#[test]
fn idle_adapters_are_small() {
    const SMALL: u64 = 8;
    const LARGE: u64 = 24;
    let growth = peak_bytes(LARGE, 1, 1) - peak_bytes(SMALL, 1, 1);
    let per_node = growth / ((LARGE - SMALL) * NODES_PER_LEAF);
    assert!(per_node < 50 << 10, "{per_node} bytes a node: adapter, driver, host memory, its switch port");
}

#[test]
fn idle_queue_pairs_are_small() {
    const FLOWS: u64 = 8_000;
    let alone = peak_bytes(1, 1, 1);
    for senders in [1, NODES_PER_LEAF - 1] {
        let per_pair = (peak_bytes(1, FLOWS, senders) - alone) / (FLOWS - 1);
        // 1.6 KiB each, with their share of what the study itself keeps of a flow.
        assert!(per_pair < 3_200, "{per_pair} bytes for two queue pairs and their flow, with {senders} senders");
    }
}
