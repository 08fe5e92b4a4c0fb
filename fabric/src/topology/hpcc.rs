//! Topology files of the HPCC simulator (alibaba-edu/High-Precision-Congestion-Control, `simulation/mix`).
//!
//! Numbers and words apart by white space: how many nodes, switches and links there are; the numbers of the switches
//! among the nodes; then for each link both nodes, rate, delay, and the probability of losing a packet, as in `0 320
//! 100Gbps 1000ns 0.000000`. Hosts are numbered anew in the order of their numbers in the file, and so are switches.

use crate::address::Endpoint;
use crate::link::LinkConfig;
use crate::topology::{CABLES_MAX, NodeId, Topology, TopologyError, Wiring};
use des::{Dur, Rate, Ratio};

/// The fastest link that is simulated, in Gb/s.
pub const RATE_GBPS_MAX: u32 = 1_600;

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The graph.
    pub topology: Topology,
    /// The node of each number in the file; the simulator's flow files use those numbers.
    pub nodes: Vec<NodeId>,
}

/// Why a file is none. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HpccError {
    /// The file ends early.
    #[error("line {line}: the file ends where {what} should be")]
    Missing {
        /// Last line.
        line: usize,
        /// What was expected.
        what: &'static str,
    },
    /// A word has another form.
    #[error("line {line}: {what} cannot be {text:?}")]
    Malformed {
        /// Where.
        line: usize,
        /// What was expected.
        what: &'static str,
        /// What is there.
        text: String,
    },
    /// A number is out of its range.
    #[error("line {line}: {what} is {actual}, the limit is {limit}")]
    TooLarge {
        /// Where.
        line: usize,
        /// What it counts.
        what: &'static str,
        /// The number.
        actual: u32,
        /// The greatest number that is possible here.
        limit: u32,
    },
    /// A link is faster than any that is simulated.
    #[error("line {line}: a link's rate is {text}, the limit is {RATE_GBPS_MAX}Gbps")]
    TooFast {
        /// Where.
        line: usize,
        /// The rate.
        text: String,
    },
    /// A switch is listed twice.
    #[error("line {line}: node {node} is listed as a switch twice")]
    SwitchTwice {
        /// Where.
        line: usize,
        /// Its number in the file.
        node: u32,
    },
    /// A link of a node with itself.
    #[error("line {line}: a link from node {node} to itself")]
    SameNode {
        /// Where.
        line: usize,
        /// Its number in the file.
        node: u32,
    },
    /// Text behind the last link.
    #[error("line {line}: {text:?} after the last link")]
    Trailing {
        /// Where.
        line: usize,
        /// The first word.
        text: String,
    },
    /// The graph is impossible as a whole. Numbers of hosts and switches are the new ones.
    #[error("up to line {line}: {source}")]
    Topology {
        /// Last line.
        line: usize,
        /// What is wrong.
        source: TopologyError,
    },
}

impl HpccError {
    /// The line, counted from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        match self {
            Self::Missing { line, .. }
            | Self::Malformed { line, .. }
            | Self::TooLarge { line, .. }
            | Self::TooFast { line, .. }
            | Self::SwitchTwice { line, .. }
            | Self::SameNode { line, .. }
            | Self::Trailing { line, .. }
            | Self::Topology { line, .. } => *line,
        }
    }
}

/// Reads a file.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn parse(text: &str) -> Result<Imported, HpccError> {
    let mut words = Words::new(text);
    let node_count = words.number("the number of nodes", Endpoint::LIMIT)?;
    let switch_count = words.number("the number of switches", node_count)?;
    let link_count = words.number("the number of links", CABLES_MAX)?;
    let mut wiring = Wiring::new();
    let nodes = read_nodes(&mut words, &mut wiring, node_count, switch_count)?;
    for _ in 0..link_count {
        read_link(&mut words, &mut wiring, &nodes)?;
    }
    if let Some((line, text)) = words.rest.next() {
        return Err(HpccError::Trailing { line, text: text.into() });
    }
    let line = words.line;
    let topology = wiring.finish().map_err(|source| HpccError::Topology { line, source })?;
    Ok(Imported { topology, nodes })
}

/// Reads which nodes are switches, and numbers all.
fn read_nodes(
    words: &mut Words<'_>,
    wiring: &mut Wiring,
    node_count: u32,
    switch_count: u32,
) -> Result<Vec<NodeId>, HpccError> {
    let mut is_switch = vec![false; node_count as usize];
    for _ in 0..switch_count {
        let node = words.number("a switch", node_count.saturating_sub(1))?;
        if std::mem::replace(&mut is_switch[node as usize], true) {
            return Err(HpccError::SwitchTwice { line: words.line, node });
        }
    }
    let mut switches = wiring.switches(switch_count).into_iter();
    let number = |is_switch| match is_switch {
        true => switches.next().expect("as many switches as were listed"),
        false => wiring.host(),
    };
    Ok(is_switch.into_iter().map(number).collect())
}

fn read_link(words: &mut Words<'_>, wiring: &mut Wiring, nodes: &[NodeId]) -> Result<(), HpccError> {
    let last_node = (nodes.len() as u32).saturating_sub(1);
    let a = words.number("a link's first node", last_node)?;
    let b = words.number("a link's second node", last_node)?;
    if a == b {
        return Err(HpccError::SameNode { line: words.line, node: a });
    }
    let (rate, text) = words.read("a link's rate", |text| {
        let rate = quantity(text, &RATE_UNITS).filter(|&bps| bps > 0)?;
        Some((rate, text.to_owned()))
    })?;
    if rate > u64::from(RATE_GBPS_MAX) * 1_000_000_000 {
        return Err(HpccError::TooFast { line: words.line, text });
    }
    let latency = words.read("a link's delay", |text| quantity(text, &TIME_UNITS))?;
    let loss = words.read("a link's loss probability", probability)?;
    let line = LinkConfig { rate: Rate::from_bps(rate), latency: Dur::from_ps(latency) };
    wiring.lossy_cable(nodes[a as usize], nodes[b as usize], line, loss);
    Ok(())
}

/// The words of a file with their lines.
struct Words<'a> {
    rest: Box<dyn Iterator<Item = (usize, &'a str)> + 'a>,
    /// Of the last word.
    line: usize,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        let lines = (1..).zip(text.lines());
        Self {
            rest: Box::new(lines.flat_map(|(line, text)| text.split_whitespace().map(move |word| (line, word)))),
            line: 1,
        }
    }

    /// The next word, as `convert` understands it.
    fn read<T>(&mut self, what: &'static str, convert: impl FnOnce(&str) -> Option<T>) -> Result<T, HpccError> {
        let (line, text) = self.rest.next().ok_or(HpccError::Missing { line: self.line, what })?;
        self.line = line;
        convert(text).ok_or_else(|| HpccError::Malformed { line, what, text: text.into() })
    }

    fn number(&mut self, what: &'static str, limit: u32) -> Result<u32, HpccError> {
        let actual = self.read(what, |text| text.parse().ok())?;
        if actual > limit {
            return Err(HpccError::TooLarge { line: self.line, what, actual, limit });
        }
        Ok(actual)
    }
}

/// Bits per second.
const RATE_UNITS: [(&str, u64); 4] = [("Gbps", 1_000_000_000), ("Mbps", 1_000_000), ("Kbps", 1_000), ("bps", 1)];
/// Picoseconds.
const TIME_UNITS: [(&str, u64); 5] =
    [("ns", 1_000), ("us", 1_000_000), ("ms", 1_000_000_000), ("ps", 1), ("s", 1_000_000_000_000)];

/// A decimal number with a unit, in the smallest unit, rounded down.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, scale) = units.iter().find_map(|&(unit, scale)| Some((text.strip_suffix(unit)?, scale)))?;
    let (numerator, denominator) = decimal(number)?;
    u64::try_from(numerator.checked_mul(scale.into())? / denominator).ok()
}

fn probability(text: &str) -> Option<Ratio> {
    let (numerator, denominator) = decimal(text)?;
    Ratio::new(numerator.try_into().ok()?, denominator.try_into().ok()?)
}

/// A decimal number as a fraction.
fn decimal(text: &str) -> Option<(u128, u128)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = [whole, fraction].concat();
    if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((digits.parse().ok()?, 10_u128.checked_pow(fraction.len().try_into().ok()?)?))
}

#[cfg(test)]
mod tests;
