//! Sweeps as their users meet them: cases over shards, failures with their commands, and files for CI systems.

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A run takes some 400 us of simulated time: every odd limit below is too short.
const SMALL: &str = "[scenario]\nname = \"small\"\n[workload.replicate]\ninput = \"data\"\n";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("small.toml"), SMALL).expect("the folder is writable");
    fs::write(folder.path().join("data"), [0x5a; 3_000]).expect("the folder is writable");
    folder
}

fn rnic(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rnic"));
    command.args(arguments).current_dir(folder.path()).output().expect("the program starts")
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("it was written")).expect("JSON")
}

#[test]
fn shards_joined_are_the_whole_sweep() {
    let folder = folder();
    let sweep =
        ["sweep", "small.toml", "--seeds", "3..6", "--range", "cluster.nodes=2,3", "--out", "out", "--jobs", "2"];
    assert_eq!(rnic(&folder, &sweep).status.code(), Some(0));
    for shard in ["1/2", "2/2"] {
        let output = rnic(&folder, &[&sweep[..], &["--shard", shard]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let merged = ["merge", "out/sweep-2-of-2.json", "out/sweep-1-of-2.json", "--out", "all.json", "--json"];
    assert_eq!(rnic(&folder, &merged).status.code(), Some(0));
    let (whole, joined) = (json(&folder.path().join("out/sweep.json")), json(&folder.path().join("all.json")));
    assert_eq!(whole["outcomes"].as_array().map(Vec::len), Some(6));
    for key in ["outcomes", "fingerprint", "total"] {
        assert_eq!(whole[key], joined[key], "{key}");
    }
    let twice = rnic(&folder, &["merge", "out/sweep-1-of-2.json", "out/sweep-1-of-2.json"]);
    assert_eq!(twice.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&twice.stderr).contains("repeats case 0"));
    assert_eq!(rnic(&folder, &["merge", "small.toml"]).status.code(), Some(2));
}

#[test]
fn failures_are_grouped_and_end_with_the_command_that_repeats_them() {
    let folder = folder();
    let limits = "expect.simulated_us_max=1,60000000";
    let output = rnic(&folder, &["sweep", "small.toml", "--seeds", "1..=2", "--range", limits, "--junit", "j.xml"]);
    assert_eq!(output.status.code(), Some(1));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("done within 1.000 us") && out.contains("4 cases, 2 passed, 2 failed"), "{out}");
    assert!(out.contains("simulated seconds per wall second"), "{out}");
    let last = err.lines().last().unwrap_or_default();
    assert!(last.ends_with(" run small.toml --seed 2 --set expect.simulated_us_max=1"), "{err}");
    let words: Vec<&str> = last.split(' ').skip(1).collect();
    assert_eq!(rnic(&folder, &words).status.code(), Some(1), "the command repeats the failure");
    let document = fs::read_to_string(folder.path().join("j.xml")).expect("it was written");
    assert_eq!((document.matches("<testcase ").count(), document.matches("<failure ").count()), (4, 2));
}

#[test]
fn a_sweep_may_end_with_its_first_failure() {
    let folder = folder();
    let limit = ["--set", "expect.simulated_us_max=1", "--fail-fast", "--jobs", "1", "--json"];
    let output = rnic(&folder, &[&["sweep", "small.toml", "--seeds", "0..9"], &limit[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(report["outcomes"].as_array().map(Vec::len), Some(1));
}

#[test]
fn wrong_values_are_refused_before_anything_runs() {
    let folder = folder();
    for (arguments, part) in [
        (&["--range", "cluster.nodes=2,0"][..], "no nodes"),
        (&["--set", "cluster.colour=red"], "unknown key `colour`"),
        (&["--seeds", "5..5"], "write seeds as"),
        (&["--shard", "3/2"], "the first of four"),
        (&["--jobs", "0"], "--jobs"),
    ] {
        let output = rnic(&folder, &[&["sweep", "small.toml"], arguments].concat());
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(part) && output.stdout.is_empty(), "no {part:?} in\n{message}");
    }
}
