//! Every word of docs/FAULTS.md does what the page says: small clusters, one row each, and what follows from it.
//!
//! Reading order: this module (how a row is tried), [`machine`] (adapters and hosts), [`life`] (an adapter that fails and starts
//! anew), [`wire`] (frames and pauses), [`calls`] (creations and requests), [`triggers`] (which events a row strikes).

mod calls;
mod life;
mod machine;
mod triggers;
mod wire;

use scenarios::report::{FaultRow, NodeReport, RunReport, Severity};
use scenarios::{RunOptions, Scenario, run};

/// Node 1 reads and puts entries of a table on node 0.
pub(crate) const KEYS: &str = "[workload.key-value]\nkeys = 2\nvalue_bytes = 500\nconnections = 1\noperations = 8\n";

/// Operations of that.
pub(crate) const OPERATIONS: u64 = 8;

/// Node 1 gives block commands to node 0; its CQ has no entry to spare, so that the adapter has to look how far it is read.
pub(crate) const BLOCKS: &str =
    "[workload.block-storage]\nqueues = 1\ndepth = 8\nblock_bytes = 4096\ncommands = 40\ncq_depth = 8\n";

/// Node 1 stores and loads a file, each request with a registration of its own.
pub(crate) const FILES: &str = "[workload.file-transfer]\nfile_bytes = 65536\nrequest_bytes = 16384\ncredits = 4\n";

/// Node 1 connects to node 0, one message there and back, and again.
pub(crate) const CONNECTIONS: &str = "[workload.connection-storm]\nconnections = 6\ntasks = 2\nmessage_bytes = 256\n";

/// Notes when node 1 disconnects, which is when its work is done, and does nothing else.
pub(crate) const PROBE: &str = "[[fault.request]]\nid = \"probe\"\nnode = 1\nfunction = \"NdkDisconnect\"\neffect = \"processor\"\nprocessor = 0\n";

/// A row that strikes nothing: a plan with it has a driver that looks after its device.
pub(crate) const WATCHED: &str = "[[fault.host]]\nid = \"none\"\neffect = \"no-memory\"\nnth = 1000000\n";

/// Runs two nodes. Whatever goes wrong, no rule is broken, and everything is closed and freed.
pub(crate) fn report(rest: &str) -> RunReport {
    let text = format!("[scenario]\nname = \"faults\"\ntime_limit_ms = 5000\n{rest}");
    let scenario = Scenario::parse("faults.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let report = run(&scenario, &RunOptions::default()).expect("the cluster");
    let errors: Vec<_> = report.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{rest}\n{errors:#?}");
    let open: u64 = report.nodes.iter().map(|node| node.objects_total().open()).sum();
    assert_eq!(open, 0, "objects of {rest}");
    report
}

pub(crate) fn row<'a>(report: &'a RunReport, id: &str) -> &'a FaultRow {
    report.faults.iter().find(|row| row.id == id).expect("a row of the plan")
}

/// When a row struck first, in microseconds.
pub(crate) fn first_us(report: &RunReport, id: &str) -> u64 {
    row(report, id).first_ps.expect("it struck") / 1_000_000
}

/// What a row with a consequence looks like from outside.
pub(crate) trait Seen {
    /// Operations done by node 1, all of them right.
    fn operations(&self) -> u64;

    /// Tasks of a node that ended with a status.
    fn gave_up(&self, node: usize, status: &str) -> u64;

    /// A counter of a node's NIC.
    fn counter(&self, node: usize, name: &str) -> u64;

    /// Frames of a link that were lost, by reason.
    fn drops(&self, link: &str, reason: &str) -> u64;
}

impl Seen for RunReport {
    fn operations(&self) -> u64 {
        let work = self.nodes[1].work.as_ref().expect("a workload counted in operations");
        assert_eq!(work.wrong, 0);
        work.operations
    }

    fn gave_up(&self, node: usize, status: &str) -> u64 {
        let work = |node: &NodeReport| node.work.as_ref().and_then(|work| work.gave_up.get(status).copied());
        work(&self.nodes[node]).unwrap_or(0)
    }

    fn counter(&self, node: usize, name: &str) -> u64 {
        self.nodes[node].counters.get(name).copied().unwrap_or(0)
    }

    fn drops(&self, link: &str, reason: &str) -> u64 {
        let link = self.links.iter().find(|known| known.name == link).expect("a link");
        link.drops.get(reason).copied().unwrap_or(0)
    }
}

/// A row, and what must follow from it compared with the same run without it.
pub(crate) struct Case {
    /// The effect, as the page has it, and what else tells the case.
    pub what: &'static str,
    pub workload: &'static str,
    /// The row `it`.
    pub row: &'static str,
    /// First the run, then the one without the row.
    pub then: fn(&RunReport, &RunReport) -> bool,
}

/// Tries all of them.
pub(crate) fn try_all(cases: &[Case], list: &str) {
    for Case { what, workload, row: text, then } in cases {
        let base = report(&format!("{workload}[expect]\ngave_up_max = 9\n{PROBE}{WATCHED}"));
        let struck = report(&format!(
            "{workload}[expect]\ngave_up_max = 9\n{PROBE}{WATCHED}[[fault.{list}]]\nid = \"it\"\n{text}\n"
        ));
        let it = row(&struck, "it");
        assert!(it.fired > 0 && it.hit.is_some(), "{what} does not strike: {it:?}");
        assert!(then(&struck, &base), "{what}: {it:#?}\n{:#?}\n{:#?}", struck.nodes, struck.links);
    }
}
