//! Adapters and hosts.

use super::{BLOCKS, Case, FILES, KEYS, OPERATIONS, Seen, first_us, report, row, try_all};
use scenarios::report::RunReport;
use scenarios::spec::fault::{DeviceEffect, HostEffect};

const REMOVED: &str = "STATUS_DEVICE_REMOVED";

/// All is done, but so many microseconds later.
fn later_by(run: &RunReport, base: &RunReport, us: u64) -> bool {
    run.operations() == OPERATIONS && first_us(run, "probe") >= first_us(base, "probe") + us
}

/// Node 1 lost its adapter, and with it what it had to do.
fn adapter_failed(run: &RunReport, _: &RunReport) -> bool {
    run.operations() < OPERATIONS && run.gave_up(1, REMOVED) == 1 && row(run, "probe").fired == 0
}

const DEVICE: &[Case] = &[
    Case {
        what: "firmware-slow",
        workload: KEYS,
        row: "effect = \"firmware-slow\"\nnode = 1\ncommand = \"CREATE_QP\"\ndelay_us = 700",
        then: |run, base| later_by(run, base, 690) && !later_by(run, base, 710),
    },
    Case {
        what: "firmware-stuck",
        workload: KEYS,
        row: "effect = \"firmware-stuck\"\nnode = 1\ncommand = \"CREATE_QP\"",
        // The driver gives it up after 50 ms.
        then: |run, base| adapter_failed(run, base) && run.simulated_ps >= 50_000_000_000,
    },
    Case {
        what: "command-fail, of resources: it is tried again",
        workload: KEYS,
        row: "effect = \"command-fail\"\nnode = 1\ncommand = \"CREATE_QP\"\nstatus = \"NO_RESOURCES\"",
        then: |run, base| {
            later_by(run, base, 20) && run.nodes[1].retries == 1 && run.nodes[1].objects["qp"].failed == 1
        },
    },
    Case {
        what: "command-fail, for good",
        workload: KEYS,
        row: "effect = \"command-fail\"\nnode = 1\ncommand = \"CREATE_QP\"\nstatus = \"INTERNAL_ERROR\"",
        then: |run, _| run.operations() == 0 && run.gave_up(1, "STATUS_INTERNAL_ERROR") == 1,
    },
    Case {
        what: "context-parity",
        workload: KEYS,
        row: "effect = \"context-parity\"\nnode = 1\nnth = 4",
        then: |run, _| {
            run.counter(1, "context_parity_errors") == 1
                && run.gave_up(1, "STATUS_CANCELLED") == 1
                && run.nodes[1].completions["STATUS_CANCELLED"] > 0
        },
    },
    Case {
        what: "interrupt-lost",
        workload: KEYS,
        row: "effect = \"interrupt-lost\"\nnode = 1\nvector = 0\nnth = 5\ntimes = 3",
        // The driver looks every millisecond.
        then: |run, base| later_by(run, base, 100) && !later_by(run, base, 3_000),
    },
    Case {
        what: "interrupt-late",
        workload: KEYS,
        row: "effect = \"interrupt-late\"\nnode = 1\nvector = 0\nnth = 2\ndelay_us = 300",
        then: |run, base| later_by(run, base, 290) && !later_by(run, base, 310),
    },
    Case {
        what: "reset",
        workload: KEYS,
        row: "effect = \"reset\"\nnode = 1\nwhen = \"node1: NdkConnect 1\"\nafter_us = 100",
        then: adapter_failed,
    },
    Case {
        what: "removal",
        workload: KEYS,
        row: "effect = \"removal\"\nnode = 1\nwhen = \"node1: NdkConnect 1\"\nafter_us = 100",
        then: adapter_failed,
    },
    Case {
        what: "dma-error of command, its mailbox: the command fails",
        workload: KEYS,
        row: "effect = \"dma-error\"\nnode = 1\naccess = \"command\"\nnth = 3",
        then: |run, _| run.gave_up(1, "STATUS_INTERNAL_ERROR") == 1 && run.nodes[1].objects["cq"].failed == 1,
    },
    Case {
        what: "dma-error of command, its slot: the adapter fails",
        workload: KEYS,
        row: "effect = \"dma-error\"\nnode = 1\naccess = \"command\"\nnth = 2",
        then: adapter_failed,
    },
    Case {
        what: "dma-error of send-wqes, the driver's own: the adapter fails",
        workload: KEYS,
        row: "effect = \"dma-error\"\nnode = 1\naccess = \"send-wqes\"",
        then: adapter_failed,
    },
    Case {
        what: "dma-error of write, a result of a command: the adapter fails",
        workload: KEYS,
        row: "effect = \"dma-error\"\nnode = 1\naccess = \"write\"\nnth = 2",
        then: adapter_failed,
    },
    Case {
        what: "dma-error of write, an event: the adapter fails",
        workload: KEYS,
        row: "effect = \"dma-error\"\nnode = 1\naccess = \"write\"\nnth = 3",
        then: adapter_failed,
    },
];

/// What must be seen of a run.
type Then = fn(&RunReport) -> bool;

/// Purpose, workload, which of them, and what follows.
const DMA: &[(&str, &str, &str, Then)] = &[
    // Two are posted at once; those of datagrams come before.
    ("send-wqes", FILES, "nth = 3", |run| {
        // The next request, or the one that waits.
        run.gave_up(1, "STATUS_INVALID_DEVICE_REQUEST") + run.gave_up(1, "STATUS_CANCELLED") == 1
    }),
    ("receive-wqes", KEYS, "nth = 3", |run| {
        run.gave_up(1, "STATUS_CANCELLED") == 1 && run.nodes[1].completions["STATUS_CANCELLED"] > 0
    }),
    ("cq-record", BLOCKS, "nth = 1", |run| run.gave_up(1, "STATUS_INTERNAL_ERROR") == 1),
    ("payload", KEYS, "nth = 3", |run| run.nodes[1].completions["STATUS_ACCESS_VIOLATION"] == 1),
    ("page-list", FILES, "nth = 1", |run| run.nodes[1].completions["STATUS_ACCESS_VIOLATION"] == 1),
    ("command", KEYS, "nth = 2", |run| run.gave_up(1, REMOVED) == 1),
    ("write", KEYS, "nth = 6", |run| run.gave_up(1, REMOVED) == 1),
];

const HOST: &[Case] = &[
    Case {
        what: "slow-callback",
        workload: KEYS,
        row: "effect = \"slow-callback\"\nnode = 1\nnth = 3\ndelay_us = 400",
        then: |run, base| later_by(run, base, 390) && !later_by(run, base, 410),
    },
    Case {
        what: "no-memory, for a CQ",
        workload: KEYS,
        row: "effect = \"no-memory\"\nnode = 1",
        then: |run, base| later_by(run, base, 15) && run.nodes[1].objects["cq"].failed == 1,
    },
    Case {
        what: "no-memory, for a queue pair",
        workload: KEYS,
        row: "effect = \"no-memory\"\nnode = 1\nnth = 2",
        then: |run, base| later_by(run, base, 15) && run.nodes[1].objects["qp"].failed == 1,
    },
    Case {
        what: "no-memory, for a registration",
        workload: KEYS,
        row: "effect = \"no-memory\"\nnode = 1\nnth = 3",
        then: |run, base| later_by(run, base, 15) && run.nodes[1].retries == 1,
    },
];

#[test]
fn adapters_fail_as_the_page_says() {
    try_all(DEVICE, "device");
    let tried = |effect: DeviceEffect| DEVICE.iter().any(|case| case.what.starts_with(effect.name()));
    assert!(DeviceEffect::ALL.into_iter().all(tried));
}

#[test]
fn hosts_fail_as_the_page_says() {
    try_all(HOST, "host");
    let tried = |effect: HostEffect| HOST.iter().any(|case| case.what.starts_with(effect.name()));
    assert!(HostEffect::ALL.into_iter().all(|effect| effect == HostEffect::Iommu || tried(effect)));
}

/// Poisoned by the adapter's link or refused by the IOMMU, what follows is the same.
#[test]
fn dma_fails_by_its_purpose() {
    for (access, workload, which, then) in DMA {
        for (list, effect) in [("device", "dma-error"), ("host", "iommu")] {
            let text = format!("id = \"it\"\neffect = \"{effect}\"\nnode = 1\naccess = \"{access}\"\n{which}\n");
            let run = report(&format!("{workload}[expect]\ngave_up_max = 9\n{}[[fault.{list}]]\n{text}", super::PROBE));
            assert_eq!(row(&run, "it").fired, 1, "{text}");
            assert!(then(&run), "{text}{:#?}", run.nodes);
        }
    }
}

/// A READ whose data the peer's adapter cannot fetch.
#[test]
fn the_peer_hears_of_payload_that_cannot_be_read() {
    let rows = "[[fault.device]]\nid = \"it\"\nnode = 0\neffect = \"dma-error\"\naccess = \"payload\"\nnth = 3\n";
    let run = report(&format!("{KEYS}[expect]\ngave_up_max = 9\n{rows}"));
    assert_eq!(run.gave_up(1, "STATUS_REMOTE_RESOURCES"), 1, "{:#?}", run.nodes);
}
