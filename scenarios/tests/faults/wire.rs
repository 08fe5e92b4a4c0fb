//! Frames and pauses.

use super::{Case, FILES, KEYS, OPERATIONS, Seen, first_us, report, try_all};
use scenarios::report::RunReport;
use scenarios::spec::WireEffect;

/// Retransmission brings everything over.
fn survived(run: &RunReport) -> bool {
    run.operations() == OPERATIONS
        && run.nodes.iter().all(|node| node.work.as_ref().is_some_and(|w| w.gave_up.is_empty()))
}

const WIRE: &[Case] = &[
    Case {
        what: "drop",
        workload: KEYS,
        row: "effect = \"drop\"\nlink = \"node1->switch\"\npacket = \"read-request\"\nnth = 2",
        then: |run, _| {
            survived(run)
                && run.drops("node1->switch", "fault rule") == 1
                && run.counter(1, "retransmitted_packets") > 0
        },
    },
    Case {
        what: "corrupt",
        workload: KEYS,
        row: "effect = \"corrupt\"\nlink = \"node1->switch\"\npacket = \"read-request\"\ntimes = 3\nnth = 2",
        // The damaged bit is the invariant CRC's business, or another header's.
        then: |run, _| {
            let dropped = ["rx_icrc_errors", "rx_malformed", "rx_wrong_address", "rx_no_qp"];
            survived(run) && dropped.iter().map(|name| run.counter(0, name)).sum::<u64>() > 0
        },
    },
    Case {
        what: "duplicate",
        workload: KEYS,
        row: "effect = \"duplicate\"\nlink = \"node1->switch\"\npacket = \"read-request\"\nnth = 2",
        then: |run, _| survived(run) && run.counter(0, "duplicate_requests") == 1,
    },
    Case {
        what: "delay",
        workload: KEYS,
        row: "effect = \"delay\"\nlink = \"node1->switch\"\npacket = \"read-request\"\nnth = 2\ndelay_ns = 20000",
        then: |run, base| {
            let later = first_us(run, "probe") - first_us(base, "probe");
            survived(run) && (19..=21).contains(&later)
        },
    },
    Case {
        what: "reorder",
        workload: FILES,
        row: "effect = \"reorder\"\nlink = \"switch->node1\"\npacket = \"write\"\nnth = 2",
        then: |run, base| run.operations() == base.operations() && run.counter(1, "out_of_sequence") > 0,
    },
    Case {
        what: "ecn-mark",
        workload: "[congestion]\nscheme = \"dcqcn\"\n[workload.file-transfer]\nfile_bytes = 65536\nrequest_bytes = 16384\n",
        row: "effect = \"ecn-mark\"\nlink = \"switch->node1\"\npacket = \"write\"\nnth = 2",
        then: |run, base| {
            let marks = |run: &RunReport| (run.counter(1, "np_ecn_marked"), run.counter(0, "rp_cnp_handled"));
            marks(run) == (1, 1) && marks(base) == (0, 0)
        },
    },
    Case {
        what: "down",
        workload: KEYS,
        row: "effect = \"down\"\nlink = \"node1->switch\"\nfrom_us = 3850\nuntil_us = 3860",
        then: |run, _| survived(run) && run.drops("node1->switch", "link down") > 0,
    },
    Case {
        what: "pause-storm of a host: the switch keeps silent",
        workload: KEYS,
        row: "effect = \"pause-storm\"\nlink = \"node1->switch\"\nfrom_us = 3800\nuntil_us = 4300",
        then: |run, base| {
            let later = first_us(run, "probe") - first_us(base, "probe");
            let link = run.links.iter().find(|link| link.name == "node1->switch").expect("a link");
            survived(run) && later >= 400 && link.pauses >= 3
        },
    },
    Case {
        what: "pause-storm of a switch: the host keeps silent",
        workload: KEYS,
        row: "effect = \"pause-storm\"\nlink = \"switch->node1\"\nfrom_us = 3800\nuntil_us = 4300",
        then: |run, base| {
            let later = first_us(run, "probe") - first_us(base, "probe");
            survived(run) && later >= 400 && run.counter(1, "pauses_received") >= 3
        },
    },
];

#[test]
fn frames_suffer_what_the_page_says() {
    try_all(WIRE, "wire");
    let tried = |effect: WireEffect| WIRE.iter().any(|case| case.what.starts_with(effect.name()));
    assert!(WireEffect::ALL.into_iter().all(tried));
}

/// A storm for 20 ms, at a switch that looks after its ports: it drops what waits for the host, or sends it all the same.
#[test]
fn the_watchdog_of_the_switch_ends_a_storm() {
    let storm = "[[fault.wire]]\nid = \"it\"\neffect = \"pause-storm\"\nlink = \"node1->switch\"\nfrom_us = 3800\nuntil_us = 23800\n";
    let run = |action: &str| {
        let watchdog = format!("[fabric.pfc_watchdog]\ndetect_us = 100\nrestore_us = 1000\naction = \"{action}\"\n");
        report(&format!("{watchdog}{KEYS}[expect]\ngave_up_max = 9\n{}{storm}", super::PROBE))
    };
    let storms = |run: &RunReport| run.links.iter().find(|link| link.name == "switch->node1").map(|link| link.storms);
    let (dropping, forwarding) = (run("drop"), run("forward"));
    assert!(storms(&dropping) > Some(0) && dropping.drops("node0->switch", "switch") > 0, "{:#?}", dropping.links);
    assert!(
        storms(&forwarding) > Some(0) && forwarding.drops("node0->switch", "switch") == 0,
        "{:#?}",
        forwarding.links
    );
    assert!(forwarding.operations() == OPERATIONS && first_us(&forwarding, "probe") < 23_800);
}

/// A cable that is down for longer than retransmission goes on.
#[test]
fn a_request_times_out_when_nothing_comes_through() {
    let quick = "[nic]\ntimeout = \"irn\"\nrecovery = \"selective-repeat\"\n";
    let down =
        "[[fault.wire]]\nid = \"it\"\neffect = \"down\"\nlink = \"node1->switch\"\nfrom_us = 5660\nuntil_us = 300000\n";
    let run = report(&format!("{quick}{KEYS}[expect]\ngave_up_max = 9\n{down}"));
    let timeouts = run.nodes.iter().filter_map(|node| node.completions.get("STATUS_IO_TIMEOUT")).sum::<u64>();
    assert!(timeouts == 1 && run.gave_up(0, "STATUS_IO_TIMEOUT") == 1, "{:#?}", run.nodes);
}
