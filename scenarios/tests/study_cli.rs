//! A fabric study from the command line: what it draws, and what it refuses.

use std::fs;
use std::process::{Command, Output};
use tempfile::TempDir;

const RING: &str = r#"
[scenario]
name = "ring"

[cluster.topology.leaf-spine]
leaves = 2
spines = 2
nodes_per_leaf = 2

[workload.flows.pattern.ring-all-reduce]
bytes = 40_000
"#;

fn rnic(folder: &TempDir, arguments: &[&str]) -> Output {
    fs::write(folder.path().join("ring.toml"), RING).expect("the folder is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rnic"));
    command.args(arguments).current_dir(folder.path()).output().expect("it starts")
}

#[test]
fn the_page_of_a_study_has_its_pictures_and_tables() {
    let folder = TempDir::new().expect("a folder");
    let output = rnic(&folder, &["run", "ring.toml", "--out", "kept"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("4 nodes") && told.contains("makespan") && told.contains("24 of 24 completed"), "{told}");
    let page = fs::read_to_string(folder.path().join("kept/report.html")).expect("a page");
    assert_eq!(page.matches("<svg").count(), 3, "slowdowns, completions and queues");
    assert!(page.contains("<h2>Slowdown</h2>") && !page.contains("was not recorded"));
}

#[test]
fn a_study_refuses_what_it_does_not_write_down() {
    let folder = TempDir::new().expect("a folder");
    for (arguments, what) in [
        (&["run", "ring.toml", "--record"][..], "--record: [workload.flows] is not recorded"),
        (&["run", "ring.toml", "--capture", "all"], "--capture: [workload.flows] captures nothing"),
        (&["explain", "ring.toml", "--at", "1ms"], "[workload.flows] is not recorded"),
    ] {
        let output = rnic(&folder, arguments);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(err.contains(what) && err.contains("\n  = "), "{err}");
        assert!(!folder.path().join("runs").exists(), "nothing is written");
    }
}

#[test]
fn a_sweep_of_studies_compares_them_by_parameters() {
    let folder = TempDir::new().expect("a folder");
    let range = ["--range", "workload.flows.pattern.ring-all-reduce.bytes=40_000,80_000"];
    let output = rnic(&folder, &["sweep", "ring.toml", "--seeds", "1..3", "--out", ".", range[0], range[1]]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("Fabric studies by parameters") && told.contains("bytes=80_000      2  "), "{told}");
    let text = fs::read_to_string(folder.path().join("sweep.json")).expect("the results");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let figure = |case: usize, name: &str| json["outcomes"][case]["study"][name].as_u64().expect("a number");
    assert_eq!((figure(0, "flows"), figure(0, "completed")), (24, 24));
    assert!(figure(0, "makespan_ps") < figure(2, "makespan_ps") && figure(0, "slowdown_p99_percent") >= 100);
    assert!(figure(0, "completion_p50_ps") <= figure(0, "completion_p99_ps"));
}
