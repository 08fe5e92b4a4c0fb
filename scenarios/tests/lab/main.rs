//! `rnic gateway` against Linux (rdma-core's and perftest's tools on soft RoCE), and `rnic` on Linux's devices, in the lab's machine.
//!
//! `cargo xtask lab build` makes the machine; without one, all of it is skipped and says so. Arguments select cases by parts
//! of their names. Reading order: this file (the cases), `machine` (a gateway, and a machine on the other end of its cable),
//! `devices` (the library and the suite on soft RoCE).

mod devices;
mod machine;

use machine::{Outcome, Setup};
use std::io::Write;
use std::panic::catch_unwind;
use std::process::ExitCode;

/// A case, by its name.
type Case = (&'static str, fn());

const CASES: &[Case] = &[
    ("tools_connect_to_the_gateway", tools_connect_to_the_gateway),
    ("the_gateway_connects_to_tools", the_gateway_connects_to_tools),
    ("ten_megabytes_each_way_with_loss", ten_megabytes_each_way_with_loss),
    ("every_fault_is_survived", every_fault_is_survived),
    ("a_scenario_is_the_same_on_both_backends", devices::a_scenario_is_the_same_on_both_backends),
    ("creations_fail_as_planned_on_both_backends", devices::creations_fail_as_planned_on_both_backends),
    ("the_suite_passes_on_real_devices", devices::the_suite_passes_on_real_devices),
];

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let chosen = |case: &&Case| filters.is_empty() || filters.iter().any(|filter| case.0.contains(filter.as_str()));
    let cases: Vec<&Case> = CASES.iter().filter(chosen).collect();
    if let Err(why) = machine::is_there() {
        say(&format!("0 passed, 0 failed, {} skipped: {why}", cases.len()));
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    for (name, case) in &cases {
        let passed = catch_unwind(case).is_ok();
        failed += usize::from(!passed);
        say(&format!("{} {name}", if passed { "ok  " } else { "FAIL" }));
    }
    say(&format!("{} passed, {failed} failed, 0 skipped", cases.len() - failed));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A line of the result. Nobody listens if this fails.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// What Linux counts when something went wrong on the way.
const LINUX_ERRORS: [&str; 6] = [
    "completer_retry_err",
    "duplicate_request",
    "out_of_seq_request",
    "rcvd_seq_err",
    "retry_exceeded_err",
    "send_err",
];
/// The same of the simulated NIC.
const OWN_ERRORS: [&str; 8] = [
    "rx_icrc_errors",
    "rx_malformed",
    "rx_no_qp",
    "duplicate_requests",
    "out_of_sequence",
    "packet_sequence_naks",
    "ack_timeouts",
    "retransmitted_packets",
];

/// Nothing was injected, and nothing went wrong.
fn is_clean(outcome: &Outcome) {
    LINUX_ERRORS.iter().for_each(|name| assert_eq!(outcome.linux(name), 0, "{name}: {outcome:#?}"));
    OWN_ERRORS.iter().for_each(|name| assert_eq!(outcome.own("nic", name), 0, "{name}: {outcome:#?}"));
}

fn tools_connect_to_the_gateway() {
    let steps = [
        ("rping", "rping -c -a 10.8.0.1 -C 10 -S 4000 -V"),
        ("rping over IPv6", "rping -c -a fd00::1 -C 10 -S 4000 -V"),
        ("ucmatose", "ucmatose -s 10.8.0.1 -C 10 -S 3000"),
        ("ib_send_bw", "ib_send_bw -R -n 20 10.8.0.1"),
        ("ib_write_bw", "ib_write_bw -R -n 20 10.8.0.1"),
        ("ib_read_bw", "ib_read_bw -R -n 20 10.8.0.1"),
        ("ib_atomic_bw", "ib_atomic_bw -R -n 20 10.8.0.1"),
        ("udaddy", "udaddy -s 10.8.0.1 -C 20 -S 1000"),
        ("udaddy over IPv6", "udaddy -s fd00::1 -c 3"),
        ("ib_atomic_bw with comparison", "ib_atomic_bw -R -n 20 -A CMP_AND_SWAP 10.8.0.1"),
    ];
    let options = "--count 10 --size 3000";
    let outcome = Setup { options, steps: &steps, servers: &[] }.run();
    outcome.all_went_well(8);
    is_clean(&outcome);
    // Linux drops packets with a wrong ICRC without counting them: all that was sent arrived, both ways.
    assert_eq!(outcome.linux("rcvd_pkts"), outcome.own("port", "sent"));
    assert_eq!(outcome.linux("sent_pkts"), outcome.own("port", "received"));
}

fn the_gateway_connects_to_tools() {
    let servers = [
        ("rping", "rping -s -a 10.8.0.2 -C 10 -S 2000 -V"),
        ("rping over IPv6", "rping -s -a fd00::2 -p 7175 -C 10 -S 2000 -V"),
        ("ucmatose", "ucmatose -b 10.8.0.2 -C 10 -S 2000"),
        ("ib_atomic_bw", "ib_atomic_bw -R"),
    ];
    let options = "--count 10 --size 2000 --connect rping@10.8.0.2 --connect rping@[fd00::2]:7175 --connect ucmatose@10.8.0.2 \
         --connect ib_atomic_bw@10.8.0.2";
    let outcome = Setup { options, steps: &[], servers: &servers }.run();
    outcome.all_went_well(4);
    is_clean(&outcome);
}

/// `rping -V` compares: what it wrote into its memory, the gateway has read and written back.
fn ten_megabytes_each_way_with_loss() {
    let steps = [
        ("rping", "rping -c -a 10.8.0.1 -C 160 -S 65535 -V"),
        ("rping over IPv6", "rping -c -a fd00::1 -C 16 -S 65535 -V"),
        ("ib_write_bw", "ib_write_bw -R -n 50 10.8.0.1"),
    ];
    let outcome = Setup { options: "--drop 0.1%", steps: &steps, servers: &[] }.run();
    outcome.all_went_well(3);
    let moved = outcome.session(0);
    assert!(moved.iter().all(|&bytes| bytes == 160 * 65_535), "{moved:?}");
    let (sent, received) = (outcome.fired("sent", "drop"), outcome.fired("received", "drop"));
    assert!(sent > 0 && received > 0, "{outcome:#?}");
    assert_eq!(outcome.own("nic", "rx_icrc_errors") + outcome.own("nic", "rx_malformed"), 0);
    assert_eq!(outcome.linux("rcvd_pkts"), outcome.own("port", "sent"));
    assert_eq!(outcome.linux("sent_pkts"), outcome.own("port", "received"));
    assert_eq!(outcome.linux("retry_exceeded_err"), 0);
}

fn every_fault_is_survived() {
    let steps = [("rping", "rping -c -a 10.8.0.1 -C 40 -S 65535 -V")];
    let options = "--drop 0.1% --corrupt 0.2% --duplicate 0.2% --reorder 0.2% --delay 0.2% --delay-by 5";
    let outcome = Setup { options, steps: &steps, servers: &[] }.run();
    outcome.all_went_well(1);
    for kind in ["corrupt", "duplicate", "reorder", "delay"] {
        assert!(outcome.fired("sent", kind) + outcome.fired("received", kind) > 0, "{kind}: {outcome:#?}");
    }
    // A flipped bit may be in what no checksum covers, and in addresses.
    let damaged = outcome.fired("received", "corrupt");
    assert!(outcome.own("nic", "rx_icrc_errors") <= damaged, "{outcome:#?}");
}
