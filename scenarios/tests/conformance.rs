//! `rnic conformance` as its users meet it: our provider conforms, and nothing broken survives.

use serde_json::Value;
use std::process::{Command, Output};

fn conformance(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rnic"));
    command.arg("conformance").args(arguments).output().expect("the program starts")
}

fn rows<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object[key].as_array().expect("an array")
}

#[test]
fn the_provider_conforms_and_every_broken_one_is_killed() {
    let output = conformance(&["--json", "--mutants"]);
    let object: Value = serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else");
    let survivors: Vec<&Value> = rows(&object, "mutants").iter().filter(|row| row["killed"] != true).collect();
    assert!(survivors.is_empty(), "{survivors:#?}");
    let failed: Vec<&Value> = rows(&object, "cases").iter().filter(|row| row["passed"] != true).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(output.status.code(), Some(0));
    let of = |side: &str| rows(&object, "mutants").iter().filter(|row| row["side"] == side).count();
    assert!(of("provider") >= 60 && of("consumer") >= 30, "{} and {}", of("provider"), of("consumer"));
    assert_eq!(rows(&object, "rules").len(), 148);
    for rule in rows(&object, "rules") {
        assert!(["covered", "checked", "not checkable"].contains(&rule["state"].as_str().expect("a state")));
    }
}

#[test]
fn one_case_is_run_alone() {
    let output = conformance(&["--case", "flush"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("3 runs of cases, 0 failed"), "{text}");
    assert!(!text.contains("broken ones"), "{text}");
}

#[test]
fn an_unknown_case_is_refused_with_the_names_of_all() {
    let output = conformance(&["--case", "flash"]);
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(output.stdout.is_empty());
    assert!(text.contains("flush"), "{text}");
}
