//! `rnic` inside the machine, on two soft-RoCE devices.

use crate::machine::xtask;
use serde_json::Value;

/// What soft RoCE of Linux 6.1 does not survive: invalidating a window by a peer's send more than once (`__rxe_put`).
const LEFT_OUT: &str = "invalidation-untold";

/// Runs `rnic` with these words in the machine, the library's pair at hand; returns its exit code and what was printed.
fn rnic(words: &str) -> (Option<i32>, String) {
    let mut machine = xtask();
    machine.args(["lab", "run"]);
    for file in ["scenarios/library/pair.toml", "scenarios/tests/lab/creation.toml", "LICENSE-APACHE"] {
        machine.args(["--add", file]);
    }
    machine.args(["--", env!("CARGO_BIN_EXE_rnic")]);
    machine.args(words.split(' ')).args(["--backend", "verbs", "--device", "rxe0,rxe1"]);
    let output = machine.output().expect("xtask starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// The same statuses, bytes and order on each QP as on simulated NICs; every byte of both copies right.
pub(crate) fn a_scenario_is_the_same_on_both_backends() {
    let (code, printed) = rnic("compare pair.toml --input LICENSE-APACHE");
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("0 differences between simulated and verbs rxe0,rxe1"), "{printed}");
}

/// The same plan of creation faults: every row fires on real devices as on simulated ones, and bytes are counted.
pub(crate) fn creations_fail_as_planned_on_both_backends() {
    let (code, printed) = rnic("run creation.toml --input LICENSE-APACHE --json");
    assert_eq!(code, Some(0), "{printed}");
    // The machine's console is one terminal: on a slow one, a line of progress stands in front.
    let objects = printed.lines().filter_map(|line| line.find('{').map(|start| line[start..].trim()));
    let report = objects.filter_map(|text| serde_json::from_str::<Value>(text).ok()).find(Value::is_object);
    let report = report.unwrap_or_else(|| panic!("no report: {printed}"));
    let fired = |row: &Value| row["fired"].as_u64().is_some_and(|times| times > 0);
    let faults = report["faults"].as_array().expect("a list");
    assert!(faults.len() == 6 && faults.iter().all(fired), "{printed}");
    let file = u64::from(include_bytes!("../../../LICENSE-APACHE").len() as u32);
    for node in report["nodes"].as_array().expect("a list") {
        let moved = ["bytes_sent", "bytes_received"].map(|name| node[name].as_u64().unwrap_or(0));
        // The file there and back, and what both sides tell each other about it.
        assert!(moved.iter().all(|&bytes| (2 * file..3 * file).contains(&bytes)), "{moved:?}: {printed}");
    }
    let (code, printed) = rnic("compare creation.toml --input LICENSE-APACHE");
    assert_eq!(code, Some(0), "{printed}");
}

pub(crate) fn the_suite_passes_on_real_devices() {
    let (code, printed) = rnic(&format!("conformance --except {LEFT_OUT}"));
    assert_eq!(code, Some(0), "{printed}");
}
