//! Topology files of the HPCC simulator (alibaba-edu/High-Precision-Congestion-Control, `simulation/mix`).
//!
//! Numbers and words apart by white space: how many nodes, switches and links there are; the numbers of the switches
//! among the nodes; then for each link both nodes, rate, delay, and the probability of losing a packet, as in `0 320
//! 100Gbps 1000ns 0.000000`. Hosts are numbered anew in the order of their numbers in the file, and so are switches.

use crate::link::LinkConfig;
use crate::topology::{CABLES_MAX, NodeId, Topology, TopologyError, Wiring};
use des::{Dur, Rate, Ratio};
use std::ops::Range;

/// The fastest link that is simulated, in Gb/s.
pub const RATE_GBPS_MAX: u32 = 1_600;
/// Most nodes of a file, hosts and switches.
const NODES_MAX: u32 = 1 << 17;
/// The slowest link of a file.
const RATE_BPS_MIN: u64 = 1_000_000;
/// The longest delay of a link.
const DELAY_PS_MAX: u64 = 1_000_000_000_000;

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The graph.
    pub topology: Topology,
    /// The node of each number in the file; the simulator's flow files use those numbers.
    pub nodes: Vec<NodeId>,
}

/// Why a file is none, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct HpccError {
    /// The word that is wrong, in bytes of the text. What is missing is missing after it.
    pub at: Range<usize>,
    /// What is wrong.
    pub fault: HpccFault,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HpccFault {
    /// The file ends early.
    #[error("the file ends where {what} should be")]
    Missing {
        /// What was expected.
        what: &'static str,
    },
    /// A word is none that is possible here.
    #[error("{what} cannot be `{text}`")]
    Wrong {
        /// What was expected.
        what: &'static str,
        /// What is there.
        text: String,
        /// What may be there.
        allowed: String,
    },
    /// A switch is listed twice.
    #[error("node {node} is listed as a switch twice")]
    SwitchTwice {
        /// Its number in the file.
        node: u32,
    },
    /// A link of a node with itself.
    #[error("a link from node {node} to itself")]
    SameNode {
        /// Its number in the file.
        node: u32,
    },
    /// Text behind the last link.
    #[error("the file goes on after the last link")]
    Trailing,
    /// The graph is impossible as a whole. Numbers of hosts and switches are the new ones.
    #[error("{0}")]
    Topology(TopologyError),
}

impl HpccFault {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Wrong { allowed, .. } => format!("allowed: {allowed}"),
            Self::Missing { .. } | Self::Trailing => {
                "write NODES SWITCHES LINKS, then all switches, then for each link NODE NODE RATE DELAY LOSS".to_owned()
            }
            Self::SwitchTwice { .. } => "list each switch once".to_owned(),
            Self::SameNode { .. } => "name another node".to_owned(),
            Self::Topology(_) => {
                "change the links; hosts and switches are counted from 0 in the order of their numbers".to_owned()
            }
        }
    }
}

/// Reads a file.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse(text: &str) -> Result<Imported, HpccError> {
    let mut words = Words { rest: text, text, at: 0..0 };
    let node_count = words.number("the number of nodes", NODES_MAX)?;
    let switch_count = words.number("the number of switches", node_count)?;
    let link_count = words.number("the number of links", CABLES_MAX)?;
    let mut wiring = Wiring::new();
    let nodes = read_nodes(&mut words, &mut wiring, node_count, switch_count)?;
    for _ in 0..link_count {
        read_link(&mut words, &mut wiring, &nodes)?;
    }
    if words.next().is_some() {
        return Err(words.error(HpccFault::Trailing));
    }
    let topology = wiring.finish().map_err(|error| words.error(HpccFault::Topology(error)))?;
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
            return Err(words.error(HpccFault::SwitchTwice { node }));
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
        return Err(words.error(HpccFault::SameNode { node: a }));
    }
    let rates = RATE_BPS_MIN..=u64::from(RATE_GBPS_MAX) * 1_000_000_000;
    let rate = words.read(
        "a link's rate",
        |text| quantity(text, &RATE_UNITS).filter(|rate| rates.contains(rate)),
        || format!("1Mbps to {RATE_GBPS_MAX}Gbps, such as 100Gbps or 2.5Gbps"),
    )?;
    let latency = words.read(
        "a link's delay",
        |text| quantity(text, &TIME_UNITS).filter(|delay| (1..=DELAY_PS_MAX).contains(delay)),
        || "1ps to 1s, such as 1000ns or 1.5us".to_owned(),
    )?;
    let loss = words.read("a link's loss probability", probability, || "0 to 1, such as 0.001".to_owned())?;
    let line = LinkConfig { rate: Rate::from_bps(rate), latency: Dur::from_ps(latency) };
    wiring.lossy_cable(nodes[a as usize], nodes[b as usize], line, loss);
    Ok(())
}

/// The words of a file.
struct Words<'a> {
    text: &'a str,
    rest: &'a str,
    /// Where the last word is.
    at: Range<usize>,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let word = rest.split_whitespace().next()?;
        let start = self.text.len() - rest.len();
        self.at = start..start + word.len();
        self.rest = &rest[word.len()..];
        Some(word)
    }

    fn error(&self, fault: HpccFault) -> HpccError {
        HpccError { at: self.at.clone(), fault }
    }

    /// The next word, as `convert` understands it; `allowed` says what it does.
    fn read<T>(
        &mut self,
        what: &'static str,
        convert: impl FnOnce(&str) -> Option<T>,
        allowed: impl FnOnce() -> String,
    ) -> Result<T, HpccError> {
        let Some(text) = self.next() else { return Err(self.error(HpccFault::Missing { what })) };
        let wrong = || self.error(HpccFault::Wrong { what, text: text.to_owned(), allowed: allowed() });
        convert(text).ok_or_else(wrong)
    }

    fn number(&mut self, what: &'static str, limit: u32) -> Result<u32, HpccError> {
        let convert = |text: &str| text.parse().ok().filter(|number| *number <= limit);
        self.read(what, convert, || format!("0 to {limit}"))
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
