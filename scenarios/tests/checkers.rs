//! Every checker that is always on has something planted that makes it speak; without it the same run is clean.

use scenarios::report::{RunReport, Verdict};
use scenarios::{RunOptions, Scenario, run};

/// Two nodes; what goes wrong is survived, if nobody has a bug.
const RUN: &str = "[scenario]\nname = \"checked\"\ntime_limit_ms = 5000\n\
    [workload.key-value]\nkeys = 2\nvalue_bytes = 500\nconnections = 1\noperations = 4\n[expect]\ngave_up_max = 9\n\
    [[fault.create]]\nkind = \"cq\"\nnode = 1\neffect = \"pend-fail\"\nstatus = \"STATUS_INSUFFICIENT_RESOURCES\"\n\
    [[fault.wire]]\nlink = \"node1->switch\"\neffect = \"drop\"\nnth = 4\n";

/// A checker, a bug that it is there for, and its rule.
const CHECKERS: [(&str, &str, &str); 8] = [
    ("completions: exactly once", "failure-completes-twice", "R68"),
    ("completions: none for a call that failed at once", "failure-says-success", "R71"),
    ("progress: everything ends once faults are over", "failure-never-completes", "progress"),
    ("progress: no result is forgotten", "result-forgotten-after-failure", "progress"),
    ("leaks: every object is closed", "object-forgotten-after-failure", "R12"),
    ("contract: a closed object is not used", "closed-twice-after-failure", "R10"),
    ("wire: every frame is accounted for", "frame-vanishes-after-loss", "wire-conservation"),
    ("wire: no frame is malformed", "frame-garbled-after-loss", "wire-format"),
];

fn report(text: &str) -> RunReport {
    let scenario = Scenario::parse("checked.toml", text).unwrap_or_else(|error| panic!("{error}"));
    run(&scenario, &RunOptions::default()).expect("the cluster")
}

#[test]
fn every_checker_finds_what_it_is_there_for() {
    let clean = report(RUN);
    assert_eq!(clean.findings, [], "{:#?}", clean.expectations);
    assert!(clean.faults.iter().all(|row| row.fired > 0), "{:#?}", clean.faults);
    for (checker, bug, rule) in CHECKERS {
        let text = format!("{RUN}[planted]\nbug = \"{bug}\"\n");
        let found = report(&text);
        let rules: Vec<&str> = found.findings.iter().map(|finding| finding.rule.as_ref()).collect();
        assert!(rules.contains(&rule), "{checker}: {bug} gives {rules:?}, not {rule}");
        let scenario = Scenario::parse("checked.toml", &text).expect("parsed before");
        assert_eq!(found.verdict(&scenario.expect), Verdict::Findings, "{checker}: exit status 3");
    }
}
