//! `rnic` inside the machine, on two soft-RoCE devices.

use crate::machine::xtask;

/// What soft RoCE of Linux 6.1 does not survive: invalidating a window by a peer's send more than once (`__rxe_put`).
const LEFT_OUT: &str = "invalidation-untold";

/// Runs `rnic` with these words in the machine, the library's pair at hand; returns its exit code and what was printed.
fn rnic(words: &str) -> (Option<i32>, String) {
    let mut machine = xtask();
    machine.args([
        "lab",
        "run",
        "--add",
        "scenarios/library/pair.toml",
        "--add",
        "LICENSE-APACHE",
        "--",
        env!("CARGO_BIN_EXE_rnic"),
    ]);
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

pub(crate) fn the_suite_passes_on_real_devices() {
    let (code, printed) = rnic(&format!("conformance --except {LEFT_OUT}"));
    assert_eq!(code, Some(0), "{printed}");
}
