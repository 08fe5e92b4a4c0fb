//! Two gateways on one cable of UNIX datagrams: a simulated NIC in real time against another one.

use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn start(own: &Path, peer: &Path, options: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rnic"));
    command.args(["gateway", "--json", "--qemu", &format!("{},{}", own.display(), peer.display())]);
    command.args(["--time", "60"]).args(options.split_whitespace());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

/// Runs a listening gateway (10.8.0.1) and a connecting one (10.8.0.2); their reports.
fn run(listening: &str, connecting: &str) -> [Value; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (folder.path().join("1"), folder.path().join("2"));
    let listening = format!("--address 10.8.0.1/24 --address fd00::1/64 {listening}");
    let connecting = format!("--address 10.8.0.2/24 --address fd00::2/64 --mac 02:72:6e:69:63:02 {connecting}");
    let both = [start(&one, &other, &listening), start(&other, &one, &connecting)];
    both.map(|gateway| {
        let output = gateway.wait_with_output().expect("the gateway ends");
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {complaints}"));
        assert_eq!(output.status.code(), Some(0), "{report:#}\n{complaints}");
        report
    })
}

fn fired(report: &Value, kind: &str) -> u64 {
    let rows = report["faults"].as_array().expect("a list");
    rows.iter().filter(|row| row["kind"] == kind).filter_map(|row| row["fired"].as_u64()).sum()
}

#[test]
fn tools_of_both_sides_and_families() {
    let [listening, connecting] = run(
        "--sessions 3 --count 20 --size 3000",
        "--connect rping@10.8.0.1 --connect rping@fd00::1 --connect ucmatose@10.8.0.1 --count 20 --size 3000",
    );
    for report in [&listening, &connecting] {
        assert_eq!(report["sessions"].as_array().map(Vec::len), Some(3), "{report:#}");
        for error in ["retransmitted_packets", "rx_icrc_errors", "rx_malformed", "out_of_sequence"] {
            assert_eq!(report["nic"][error], Value::Null, "{error}: {report:#}");
        }
    }
    assert_eq!(listening["port"]["sent"], connecting["port"]["received"]);
}

#[test]
fn bytes_survive_every_fault() {
    let [listening, connecting] = run(
        "--sessions 1 --drop 0.5% --corrupt 0.5% --seed 3 --listen rping",
        "--connect rping@10.8.0.1 --count 20 --size 60000 --duplicate 0.5% --reorder 0.5% --delay 0.2% --delay-by 3",
    );
    assert_eq!(listening["sessions"][0]["bytes_out"], 20 * 60_000);
    assert!(fired(&listening, "drop") > 0 && fired(&listening, "corrupt") > 0, "{listening:#}");
    assert!(fired(&connecting, "duplicate") > 0 && fired(&connecting, "reorder") > 0, "{connecting:#}");
}

#[test]
fn wrong_words_are_refused() {
    for options in [
        "--address 10.8.0.1/24",
        "--qemu a --address 10.8.0.1/24",
        "--qemu a,b",
        "--qemu a,b --address 10.8.0.1",
        "--qemu a,b --address 10.8.0.1/24 --drop 2",
        "--qemu a,b --address 10.8.0.1/24 --connect ping@10.8.0.2",
        "--qemu /nowhere/a,b --address 10.8.0.1/24",
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rnic"));
        let output = command.arg("gateway").args(options.split(' ')).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2), "{options}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{options}");
    }
}
