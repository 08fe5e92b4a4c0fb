//! One seed, one run: twice in a process, in another process, with another seed.

use scenarios::report::RunReport;
use scenarios::spec::ScenarioFile;
use scenarios::{RunOptions, Scenario, run};
use std::path::Path;
use std::process::Command;

const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/library/");
const FIRST_CLUSTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/library/first-cluster.toml");

fn first_cluster() -> (Scenario, RunOptions) {
    load("first-cluster")
}

fn load(name: &str) -> (Scenario, RunOptions) {
    let file = ScenarioFile::load(Path::new(&format!("{LIBRARY}{name}.toml"))).expect("the library's scenario");
    let input = file.read_input(None).expect("its input").bytes.into();
    (file.scenario, RunOptions { input, ..RunOptions::default() })
}

/// The report without what differs between machines.
fn simulated(mut report: RunReport) -> String {
    report.wall_s = 0.0;
    serde_json::to_string(&report).expect("a report is JSON")
}

#[test]
fn the_same_twice_in_a_process() {
    for name in ["first-cluster", "adapter-removal", "cq-overrun"] {
        let (scenario, options) = load(name);
        let first = run(&scenario, &options).expect("the cluster");
        let second = run(&scenario, &options).expect("the cluster");
        assert_eq!(simulated(first), simulated(second), "{name}");
    }
}

#[test]
fn a_capture_changes_nothing() {
    let (scenario, options) = first_cluster();
    let plain = run(&scenario, &options).expect("the cluster");
    let cables = scenario.cluster.cables().iter().map(|cable| cable.name()).collect();
    let watched = run(&scenario, &RunOptions { capture: cables, ..options }).expect("the cluster");
    assert!(watched.captures.iter().all(|capture| capture.frames > 0));
    assert_eq!(plain.trace_hash, watched.trace_hash);
}

#[test]
fn the_same_in_another_process() {
    let (scenario, options) = first_cluster();
    let here = run(&scenario, &options).expect("the cluster");
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_rnic"))
        .args(["run", FIRST_CLUSTER, "--json", "--out"])
        .arg(folder.path())
        .output()
        .expect("the program runs");
    let there: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(there["trace_hash"], here.trace_hash.as_str());
    assert_eq!(there["events"], here.events);
}

#[test]
fn another_input_is_another_run() {
    let (scenario, options) = first_cluster();
    let one = run(&scenario, &options).expect("the cluster");
    let other = run(&scenario, &RunOptions { input: options.input.slice(1..), ..options }).expect("the cluster");
    assert_ne!(one.trace_hash, other.trace_hash);
    assert!(other.nodes.iter().all(|node| node.replicas.iter().all(|replica| replica.ok)));
}
