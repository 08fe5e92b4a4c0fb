//! Flow files of the HPCC simulator: a count, then for each flow source, destination, priority, port, bytes, and seconds of
//! the simulator's clock. Words are apart by white space.
//!
//! Ports must be some, and are not used: each flow has queue pairs of its own.

use super::traffic::{Planned, SETTLING, Ways};
use crate::fabrics::Fabric;
use crate::spec::fabric::PRIORITIES;
use crate::spec::flows::{FLOW_BYTES_MAX, FLOWS_MAX, START_NS_MAX};
use crate::spec::{Place, Problem};
use des::{Dur, Time};
use fabric::NodeId;
use std::ops::{Range, RangeInclusive};

/// Words of a flow.
const COLUMNS: usize = 6;
const ROW: &str = "a flow is FROM TO PRIORITY PORT BYTES SECONDS, and the file begins with their number";

/// Where a word stands, in bytes.
type Word = Range<usize>;

/// A file and what its numbers mean.
struct File<'a> {
    name: &'a str,
    text: &'a str,
    fabric: &'a Fabric,
    ways: Ways,
    epoch_ms: u64,
}

/// Reads the file called `name`; its clock shows `epoch_ms` when the study begins.
pub(super) fn read(name: &str, bytes: &[u8], fabric: &Fabric, epoch_ms: u64) -> Result<Vec<Planned>, Problem> {
    let text = crate::spec::files::utf8(name, bytes, "flow file")?;
    let file = File { name, text, fabric, ways: Ways::new(&fabric.topology), epoch_ms };
    let words: Vec<Word> = words(text).collect();
    let Some((first, rows)) = words.split_first() else {
        return Err(file.problem(0..0, "the flow file is empty".to_owned(), ROW));
    };
    let count = file.number(first, "the number of flows", 1..=FLOWS_MAX as u64)? as usize;
    let whole = rows.chunks_exact(COLUMNS).take(count);
    let flows: Vec<Planned> = whole.zip(1..).map(|(row, number)| file.flow(row, number)).collect::<Result<_, _>>()?;
    if flows.len() < count {
        let message = format!("the file announces {count} flows and ends before flow {} is whole", flows.len() + 1);
        return Err(file.problem(words[words.len() - 1].clone(), message, ROW));
    }
    match rows.get(count * COLUMNS) {
        Some(word) => Err(file.problem(word.clone(), format!("the file announces {count} flows and goes on"), ROW)),
        None => Ok(flows),
    }
}

fn words(text: &str) -> impl Iterator<Item = Word> {
    text.split_whitespace().map(|word| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        start..start + word.len()
    })
}

impl File<'_> {
    fn problem(&self, word: Word, message: String, remedy: impl Into<String>) -> Problem {
        let place = Some(Place::of(self.text, word));
        Problem { file: self.name.to_owned(), place, message, remedy: remedy.into() }
    }

    /// The number at `word`, which must be in `allowed`.
    fn number(&self, word: &Word, what: &str, allowed: RangeInclusive<u64>) -> Result<u64, Problem> {
        let text = &self.text[word.clone()];
        text.parse().ok().filter(|number| allowed.contains(number)).ok_or_else(|| {
            let remedy = format!("allowed: {} to {}", allowed.start(), allowed.end());
            self.problem(word.clone(), format!("{what} cannot be `{text}`"), remedy)
        })
    }

    /// The flow of that number, counted from 1. `row` has all columns.
    fn flow(&self, row: &[Word], number: usize) -> Result<Planned, Problem> {
        let what = |what: &str| format!("flow {number}: {what}");
        let (from, to) = (self.endpoint(&row[0], number)?, self.endpoint(&row[1], number)?);
        if let Some((message, remedy)) = self.ways.problem(from, to) {
            return Err(self.problem(row[1].clone(), what(&message), remedy));
        }
        let (first, last) = PRIORITIES.into_inner();
        let priority = self.number(&row[2], &what("the priority"), first.into()..=last.into())? as u8;
        self.number(&row[3], &what("the port"), 0..=u16::MAX.into())?;
        let bytes = self.number(&row[4], &what("the size in bytes"), 1..=FLOW_BYTES_MAX)?;
        let start = Time::ZERO + SETTLING + self.start(&row[5], number)?;
        Ok(Planned { from, to, bytes, priority, start, step: None })
    }

    /// The first port of a host.
    fn endpoint(&self, word: &Word, number: usize) -> Result<u32, Problem> {
        let last = self.fabric.nodes.len().saturating_sub(1) as u64;
        let node = self.number(word, &format!("flow {number}: a node"), 0..=last)?;
        match self.fabric.nodes[node as usize] {
            NodeId::Host(host) => Ok(self.fabric.topology.endpoint(host, 0).0),
            NodeId::Switch(_) => {
                let message = format!("flow {number}: node {node} is a switch of the topology file");
                Err(self.problem(word.clone(), message, "name a host"))
            }
        }
    }

    /// From the epoch to the moment at `word`.
    fn start(&self, word: &Word, number: usize) -> Result<Dur, Problem> {
        let text = &self.text[word.clone()];
        let clock = seconds(text).ok_or_else(|| {
            let remedy = "write seconds as 2.000001, with up to 12 decimals";
            self.problem(word.clone(), format!("flow {number}: the start cannot be `{text}`"), remedy)
        })?;
        let (epoch, longest) = (Dur::from_ms(self.epoch_ms), Dur::from_ns(START_NS_MAX));
        let start = clock.saturating_sub(epoch);
        if clock < epoch {
            let message = format!("flow {number} begins at {text} s, before the epoch of {} ms", self.epoch_ms);
            let latest = clock.as_ns() / 1_000_000;
            let remedy = format!("in [workload.flows.pattern.file], write epoch_ms = {latest} or less");
            return Err(self.problem(word.clone(), message, remedy));
        }
        if start > longest {
            let message = format!("flow {number} begins at {text} s, long after the epoch of {} ms", self.epoch_ms);
            let remedy = format!("allowed: up to {} s after `epoch_ms`", START_NS_MAX / 1_000_000_000);
            return Err(self.problem(word.clone(), message, remedy));
        }
        Ok(start)
    }
}

/// A decimal number of seconds, exact to a picosecond.
fn seconds(text: &str) -> Option<Dur> {
    const DIGITS: usize = 12;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > DIGITS || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let fraction: u64 = format!("{fraction:0<DIGITS$}").parse().ok()?;
    Some(Dur::from_ps(whole.checked_mul(1_000_000_000_000)?.checked_add(fraction)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabrics;
    use crate::spec::files::TopologyFile;
    use crate::spec::{Cluster, Topology};

    fn star(nodes: u16) -> Fabric {
        let cluster = Cluster { nodes, topology: Topology::Star, ..Cluster::default() };
        fabrics::build(&cluster, &TopologyFile::default()).expect("a star")
    }

    #[test]
    fn a_flow_file_is_read_as_it_is() {
        let text = "2\n0 1 3 100 1000 2.000000000\n1 2 0 100 5 2.000002194\n";
        let flows = read("flows", text.as_bytes(), &star(3), 2_000).expect("a flow file");
        let start = Time::ZERO + SETTLING;
        let expected = [
            Planned { from: 0, to: 1, bytes: 1_000, priority: 3, start, step: None },
            Planned { from: 1, to: 2, bytes: 5, priority: 0, start: start + Dur::from_ps(2_194_000), step: None },
        ];
        assert_eq!(flows, expected);
    }

    #[test]
    fn errors_have_a_place_and_a_remedy() {
        let table: &[(&str, usize, usize, &str, &str)] = &[
            ("", 1, 1, "the flow file is empty", "FROM TO PRIORITY"),
            ("x", 1, 1, "the number of flows cannot be `x`", "allowed: 1 to 1048576"),
            ("99999999", 1, 1, "the number of flows cannot be `99999999`", "allowed: 1 to 1048576"),
            ("2\n0 1 3 100 9 2.0", 2, 13, "announces 2 flows and ends before flow 2 is whole", "FROM TO"),
            ("1\n0 1 3 100 9 2.0\n7", 3, 1, "announces 1 flows and goes on", "FROM TO"),
            ("1\n0 7 3 100 9 2.0", 2, 3, "flow 1: a node cannot be `7`", "allowed: 0 to 2"),
            ("1\n1 1 3 100 9 2.0", 2, 3, "flow 1: node 1 sends to itself", "another node"),
            ("1\n0 1 8 100 9 2.0", 2, 5, "flow 1: the priority cannot be `8`", "allowed: 0 to 7"),
            ("1\n0 1 3 65536 9 2.0", 2, 7, "flow 1: the port cannot be `65536`", "allowed: 0 to 65535"),
            ("1\n0 1 3 100 -5 2.0", 2, 11, "flow 1: the size in bytes cannot be `-5`", "1 to 1099511627776"),
            ("1\n0 1 3 100 0 2.0", 2, 11, "flow 1: the size in bytes cannot be `0`", "1 to 1099511627776"),
            ("1\n0 1 3 1 1099511627777 2.0", 2, 9, "cannot be `1099511627777`", "1 to 1099511627776"),
            ("1\n0 1 3 100 9 2.x", 2, 13, "flow 1: the start cannot be `2.x`", "write seconds"),
            ("1\n0 1 3 100 9 1.9995", 2, 13, "begins at 1.9995 s, before the epoch of 2000 ms", "epoch_ms = 1999 or"),
            ("1\n0 1 3 100 9 18446744", 2, 13, "long after the epoch", "up to 60 s"),
        ];
        for &(text, line, column, message, remedy) in table {
            let problem = read("flows", text.as_bytes(), &star(3), 2_000).expect_err(text);
            let place = problem.place.expect("a place");
            assert_eq!((&*problem.file, place.line, place.column), ("flows", line, column), "{text:?}");
            assert!(problem.message.contains(message), "{text:?}: {}", problem.message);
            assert!(problem.remedy.contains(remedy), "{text:?}: {}", problem.remedy);
        }
    }

    #[test]
    fn switches_send_nothing() {
        let cluster = Cluster { topology: Topology::File { path: "topology".into() }, ..Cluster::default() };
        let text = "3 1 2\n2\n0 2 1Gbps 1ns 0\n1 2 1Gbps 1ns 0".to_owned();
        let fabric = fabrics::build(&cluster, &TopologyFile { path: "topology".into(), text }).expect("a star");
        let problem = read("flows", b"1\n0 2 3 100 9 2.0", &fabric, 0).expect_err("node 2 is a switch");
        assert_eq!(problem.message, "flow 1: node 2 is a switch of the topology file");
    }
}
