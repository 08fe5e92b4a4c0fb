//! The failures of section 7.4 that concern consumers, and the whole message that the checker has for each.
//!
//! The messages stand in `field_failures/`, one file each. After a change that is meant, write them anew with
//! `UPDATE_MESSAGES=1 cargo test -p conformance --test field_failures`, and read the difference.

use conformance::consumer::field::{FAILURES, Failure};
use conformance::ideal::IdealLab;
use conformance::{Bench, Lab, Pair};
use std::fmt::Write;
use std::path::PathBuf;

/// What a run shows: every message, and how many tasks hang.
fn shown(failure: &Failure) -> (Vec<u8>, String) {
    let mut bench = IdealLab.bench(&failure.setup()).expect("the ideal lab has a bench");
    let pair = Pair::new(&bench);
    (failure.start)(&pair);
    let ran = bench.run();
    let mut text = format!("7.4, row {}: {}\n\n", failure.row, failure.what);
    for found in &ran.found {
        let _ = writeln!(text, "node {}: {}", found.node, found.text.trim_end());
        text.push('\n');
    }
    let _ = writeln!(text, "{} tasks hang", ran.unfinished);
    (ran.found.iter().filter_map(|found| found.rule).map(|rule| rule.0).collect(), text)
}

fn place(failure: &Failure) -> PathBuf {
    let name = format!("{:02}-{}.txt", failure.row, failure.name);
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/field_failures").join(name)
}

#[test]
fn each_failure_has_the_message_that_is_on_file() {
    let update = std::env::var_os("UPDATE_MESSAGES").is_some();
    let mut wrong = Vec::new();
    for failure in FAILURES {
        let (rules, text) = shown(failure);
        assert!(rules.contains(&failure.rule.0), "{}: {} is not among\n{text}", failure.name, failure.rule);
        if update {
            std::fs::write(place(failure), &text).expect("the folder can be written");
        }
        let filed = std::fs::read_to_string(place(failure)).unwrap_or_default();
        if filed != text {
            wrong.push(format!("{} has changed; on file:\n{filed}\nnow:\n{text}", failure.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_thirteen_rows_are_there_and_nothing_else_is_on_file() {
    assert_eq!(FAILURES.iter().map(|failure| failure.row).collect::<Vec<_>>(), (1..=13).collect::<Vec<_>>());
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/field_failures");
    let files = std::fs::read_dir(folder).expect("the folder is there").count();
    assert_eq!(files, FAILURES.len());
}
