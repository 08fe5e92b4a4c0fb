//! What consumers were told, without times, and how two runs differ in it.

use super::summary::RunReport;
use super::table::{Cell, Table, Tone};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A result, as it was taken from its queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The request's context.
    pub context: u64,
    /// How it ended.
    pub status: String,
    /// Bytes received; zero for requests that send.
    pub bytes: u32,
}

/// The results of a QP, in the order in which they were taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePairJournal {
    /// Of sends, reads, writes and memory requests.
    pub initiator: Vec<Entry>,
    /// Of receives.
    pub receive: Vec<Entry>,
}

/// What one node's consumer was told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeJournal {
    /// How calls ended, by function and status. Polling and arming are left out.
    pub calls: BTreeMap<String, BTreeMap<String, u64>>,
    /// By the QP's context.
    pub queue_pairs: BTreeMap<u64, QueuePairJournal>,
    /// Data in the end, as lines that must be equal.
    pub data: Vec<String>,
}

/// The journal of a run: `journal.json` of its folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// The scenario's name.
    pub scenario: String,
    /// What ran it, such as `simulated`.
    pub backend: String,
    /// By node.
    pub nodes: BTreeMap<String, NodeJournal>,
}

impl Journal {
    /// The journal of a run whose nodes told `nodes`, in their order.
    #[must_use]
    pub fn new(backend: &str, report: &RunReport, nodes: Vec<NodeJournal>) -> Self {
        let nodes = report.nodes.iter().zip(nodes).map(|(node, mut journal)| {
            journal.data.extend(node.replicas.iter().map(|replica| {
                format!(
                    "copy of {}: {} bytes, SHA-256 {}, right: {}",
                    replica.of, replica.bytes, replica.sha256, replica.ok
                )
            }));
            if let Some(work) = &node.work {
                let (operations, right, wrong) = (work.operations, work.verified, work.wrong);
                journal.data.push(format!("{operations} operations, {right} comparisons right, {wrong} wrong"));
            }
            (node.name.clone(), journal)
        });
        Self { scenario: report.scenario.clone(), backend: backend.to_owned(), nodes: nodes.collect() }
    }
}

/// One difference between two journals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// On which node.
    pub node: String,
    /// Of what: a function, a queue, the data.
    pub what: String,
    /// In the first run.
    pub first: String,
    /// In the second.
    pub second: String,
}

/// Where two runs differ in what consumers were told: statuses, bytes, order on each QP, data.
#[must_use]
pub fn differences(first: &Journal, second: &Journal) -> Vec<Difference> {
    let mut found = Vec::new();
    let none = NodeJournal::default();
    for node in union(&first.nodes, &second.nodes) {
        let [one, other] = [first, second].map(|journal| journal.nodes.get(node).unwrap_or(&none));
        let mut note = |what: String, first: String, second: String| {
            if first != second {
                found.push(Difference { node: node.clone(), what, first, second });
            }
        };
        for function in union(&one.calls, &other.calls) {
            let [first, second] = [one, other].map(|journal| counts(journal.calls.get(function)));
            note(function.clone(), first, second);
        }
        for qp in union(&one.queue_pairs, &other.queue_pairs) {
            let [first, second] = [one, other].map(|journal| journal.queue_pairs.get(qp).cloned().unwrap_or_default());
            let (initiator, receive) = (format!("qp {qp:#x}, initiator queue"), format!("qp {qp:#x}, receive queue"));
            let (a, b) = parting(&first.initiator, &second.initiator);
            note(initiator, a, b);
            let (a, b) = parting(&first.receive, &second.receive);
            note(receive, a, b);
        }
        note("data".to_owned(), one.data.join("; "), other.data.join("; "));
    }
    found
}

fn union<'a, K: Ord, V>(first: &'a BTreeMap<K, V>, second: &'a BTreeMap<K, V>) -> impl Iterator<Item = &'a K> {
    let keys: std::collections::BTreeSet<&K> = first.keys().chain(second.keys()).collect();
    keys.into_iter()
}

fn counts(statuses: Option<&BTreeMap<String, u64>>) -> String {
    let counts: Vec<String> =
        statuses.into_iter().flatten().map(|(status, count)| format!("{count} x {status}")).collect();
    if counts.is_empty() { "never called".to_owned() } else { counts.join(", ") }
}

/// The first results in which two queues part, as text; equal texts if they do not.
fn parting(first: &[Entry], second: &[Entry]) -> (String, String) {
    let at = first.iter().zip(second).take_while(|(one, other)| one == other).count();
    let text = |entries: &[Entry]| match entries.get(at) {
        Some(Entry { context, status, bytes }) => {
            format!("result {}: context {context:#x} {status}, {bytes} bytes", at + 1)
        }
        None => format!("{at} results"),
    };
    (text(first), text(second))
}

/// The differences as people read them.
#[must_use]
pub fn table(first: &Journal, second: &Journal, found: &[Difference]) -> Table {
    let headings = ["node", "what", first.backend.as_str(), second.backend.as_str()];
    let mut table = Table::new("Differences", &headings);
    for difference in found {
        table.row(vec![
            difference.node.as_str().into(),
            difference.what.as_str().into(),
            Cell::toned(difference.first.clone(), Tone::Notable),
            Cell::toned(difference.second.clone(), Tone::Notable),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        let entry = |context, bytes| Entry { context, status: "STATUS_SUCCESS".to_owned(), bytes };
        let queues = QueuePairJournal { initiator: vec![entry(1, 0), entry(2, 0)], receive: vec![entry(7, 64)] };
        let node = NodeJournal {
            calls: BTreeMap::from([("NdkCreateQp".to_owned(), BTreeMap::from([("STATUS_SUCCESS".to_owned(), 1)]))]),
            queue_pairs: BTreeMap::from([(0x100, queues)]),
            data: vec!["copy of node1".to_owned()],
        };
        Journal { nodes: BTreeMap::from([("node0".to_owned(), node)]), ..Journal::default() }
    }

    #[test]
    fn every_kind_of_difference_is_found_and_nothing_else() {
        let one = journal();
        assert_eq!(differences(&one, &one.clone()), []);
        type Change = fn(&mut NodeJournal);
        let changes: [(&str, Change); 6] = [
            ("NdkCreateQp", |node| node.calls.clear()),
            ("NdkConnect", |node| {
                drop(node.calls.insert("NdkConnect".to_owned(), BTreeMap::from([("X".to_owned(), 1)])))
            }),
            ("qp 0x100, initiator queue", |node| node.queue_pairs.values_mut().for_each(|qp| qp.initiator.swap(0, 1))),
            ("qp 0x100, receive queue", |node| node.queue_pairs.values_mut().for_each(|qp| qp.receive[0].bytes = 63)),
            ("qp 0x100, receive queue", |node| node.queue_pairs.values_mut().for_each(|qp| qp.receive.clear())),
            ("data", |node| node.data.clear()),
        ];
        for (what, change) in changes {
            let mut other = one.clone();
            other.nodes.values_mut().for_each(change);
            let found = differences(&one, &other);
            assert_eq!(found.iter().map(|found| found.what.as_str()).collect::<Vec<_>>(), [what]);
        }
    }
}
