//! Which flows a study has: patterns become a list, sorted by nothing but the order in which they were made.

use super::flow_file;
use super::sizes::{draw_bytes, draw_exponential, mean_bytes};
use crate::cluster::ClusterError;
use crate::fabrics::Fabric;
use crate::options::RunOptions;
use crate::spec::check::Violation;
use crate::spec::flows::{FLOWS_MAX, STEPS_MAX};
use crate::spec::{Flows, Pattern, Scenario, Sizes};
use des::{Dur, Rate, Rng, Time};
use fabric::{NodeId, Topology};

/// Flows begin this long after the devices have been started and connected.
pub(super) const SETTLING: Dur = Dur::from_ms(1);

/// A flow of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    /// Endpoints.
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) bytes: u64,
    pub(super) priority: u8,
    /// It begins then, unless it waits for others.
    pub(super) start: Time,
    /// A step of a collective: it begins when so many steps have come to its sender, and its receiver hears when it is whole.
    pub(super) step: Option<u32>,
}

/// The flows of a scenario; `options` have the content of its flow file.
pub(super) fn plan(
    scenario: &Scenario,
    flows: &Flows,
    fabric: &Fabric,
    options: &RunOptions,
) -> Result<Vec<Planned>, ClusterError> {
    let nodes = fabric.topology.endpoint_count();
    let mut rng = Rng::stream(scenario.about.seed, "flows");
    let start = Time::ZERO + SETTLING;
    let any = Planned { from: 0, to: 0, bytes: 0, priority: flows.priority, start, step: None };
    let rate = mean_rate(&fabric.topology);
    few_enough(&flows.pattern, nodes, rate)?;
    let planned: Vec<Planned> = match &flows.pattern {
        Pattern::List(list) => list
            .iter()
            .map(|flow| Planned {
                from: flow.from,
                to: flow.to,
                bytes: flow.bytes,
                priority: flow.priority.unwrap_or(any.priority),
                start: any.start + Dur::from_ns(flow.start_ns),
                ..any
            })
            .collect(),
        Pattern::File { epoch_ms, .. } => {
            let name = options.input_path.display().to_string();
            flow_file::read(&name, &options.input, fabric, *epoch_ms)
                .map_err(|problem| ClusterError::Input(Box::new(problem)))?
        }
        Pattern::Incast { bytes } => {
            let to = nodes - 1;
            (0..to).map(|from| Planned { from, to, bytes: *bytes, ..any }).collect()
        }
        Pattern::Permutation { bytes } => {
            let pairs = (0..nodes).zip(derangement(nodes, &mut rng));
            pairs.map(|(from, to)| Planned { from, to, bytes: *bytes, ..any }).collect()
        }
        Pattern::AllToAll { bytes } => {
            // In turn, so that no receiver is the first of all.
            let pairs = (1..nodes).flat_map(|step| (0..nodes).map(move |from| (from, (from + step) % nodes)));
            pairs.map(|(from, to)| Planned { from, to, bytes: *bytes, ..any }).collect()
        }
        Pattern::RingAllReduce { bytes } => ring(nodes, *bytes, any),
        Pattern::TreeAllReduce { bytes } => tree(nodes, *bytes, any),
        Pattern::Poisson { sizes, load_permille, duration_us } => {
            let distance = mean_distance(*sizes, *load_permille, nodes, rate);
            poisson(*sizes, distance, start + Dur::from_us(*duration_us), nodes, any, &mut rng)
        }
    };
    possible(planned, &flows.pattern, &fabric.topology)
}

/// The flows of a pattern, if there are any and each has a way.
fn possible(planned: Vec<Planned>, pattern: &Pattern, topology: &Topology) -> Result<Vec<Planned>, ClusterError> {
    let ways = Ways::new(topology);
    let problem = (0..).zip(&planned).find_map(|(row, flow)| Some((row, ways.problem(flow.from, flow.to)?)));
    match (problem, pattern) {
        (None, _) if planned.is_empty() => {
            Err(impossible("", "there are no flows".to_owned(), "choose a longer `duration_us`, or another pattern"))
        }
        (None, _) => Ok(planned),
        (Some((row, (message, remedy))), Pattern::List(_)) => {
            Err(impossible(&format!(".list[{row}]"), message, &remedy))
        }
        (Some((_, (message, remedy))), _) => Err(impossible("", message, &remedy)),
    }
}

/// The value at this place of the pattern keeps it from becoming flows.
fn impossible(place: &str, message: String, remedy: &str) -> ClusterError {
    let path = format!("workload.flows.pattern{place}");
    ClusterError::Flows(Box::new(Violation { path, message, remedy: remedy.to_owned() }))
}

/// What a node can send, on average.
fn mean_rate(topology: &Topology) -> Rate {
    let cables = (0..topology.host_count()).flat_map(|host| topology.ports(NodeId::Host(host)));
    let sum: u128 = cables.map(|end| u128::from(topology.cables()[end.cable].line.rate.as_bps())).sum();
    Rate::from_bps((sum / u128::from(topology.endpoint_count().max(1))) as u64)
}

/// How many flows a pattern has; an estimate where they are drawn, none where a file says it.
fn count(pattern: &Pattern, nodes: u32, rate: Rate) -> u64 {
    let nodes_long = u64::from(nodes);
    let others = nodes_long.saturating_sub(1);
    match pattern {
        Pattern::List(list) => list.len() as u64,
        Pattern::File { .. } => 0,
        Pattern::Incast { .. } => others,
        Pattern::Permutation { .. } => nodes_long,
        Pattern::AllToAll { .. } => nodes_long.saturating_mul(others),
        Pattern::RingAllReduce { .. } => nodes_long.saturating_mul(others).saturating_mul(2),
        Pattern::TreeAllReduce { .. } => others.saturating_mul(2),
        Pattern::Poisson { sizes, load_permille, duration_us } => {
            let distance = mean_distance(*sizes, *load_permille, nodes, rate).as_ps().max(1);
            Dur::from_us(*duration_us).as_ps() / distance
        }
    }
}

/// Refuses too many flows before there is one.
fn few_enough(pattern: &Pattern, nodes: u32, rate: Rate) -> Result<(), ClusterError> {
    if nodes < 2 {
        return Err(impossible("", format!("there are {nodes} nodes"), "flows need 2 nodes or more"));
    }
    let flows = count(pattern, nodes, rate);
    let limit = match pattern {
        Pattern::RingAllReduce { .. } | Pattern::TreeAllReduce { .. } => STEPS_MAX,
        _ => FLOWS_MAX,
    };
    if flows <= limit as u64 {
        return Ok(());
    }
    let less = match pattern {
        Pattern::Poisson { .. } => "a shorter `duration_us`, a lower `load_permille`, or fewer nodes",
        _ => "fewer nodes, or another pattern",
    };
    let message = format!("the pattern would make {flows} flows between {nodes} nodes, the limit is {limit}");
    Err(impossible("", message, &format!("choose {less}")))
}

/// Who can send to whom.
pub(super) struct Ways {
    /// By endpoint: those of one number reach each other.
    islands: Vec<usize>,
}

impl Ways {
    pub(super) fn new(topology: &Topology) -> Self {
        Self { islands: topology.islands() }
    }

    /// Why no flow leads from one endpoint to another, and what to do about it.
    pub(super) fn problem(&self, from: u32, to: u32) -> Option<(String, String)> {
        let nodes = self.islands.len();
        let island = |node: u32| self.islands.get(node as usize);
        if let Some(node) = [from, to].into_iter().find(|&node| island(node).is_none()) {
            let remedy = format!("nodes are counted from 0: allowed 0 to {}", nodes.saturating_sub(1));
            return Some((format!("there is no node {node}"), remedy));
        }
        if from == to {
            return Some((format!("node {from} sends to itself"), "name another node".to_owned()));
        }
        (island(from) != island(to)).then(|| {
            let remedy = "connect their switches, as with spines = 1, or list flows between nodes that are connected";
            (format!("no way leads from node {from} to node {to}"), remedy.to_owned())
        })
    }
}

/// A permutation without fixed points: a random cycle (Sattolo's shuffle).
fn derangement(nodes: u32, rng: &mut Rng) -> Vec<u32> {
    let mut order: Vec<u32> = (0..nodes).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, rng.below(last as u64) as usize);
    }
    order
}

/// A ring all-reduce (Patarasuk and Yuan, JPDC 2009): every node sends a piece to the next in each step, first sums, then
/// results.
fn ring(nodes: u32, bytes: u64, any: Planned) -> Vec<Planned> {
    let bytes = bytes.div_ceil(nodes.into());
    let steps = (0..2 * (nodes - 1)).flat_map(|step| (0..nodes).map(move |from| (step, from)));
    steps.map(|(step, from)| Planned { from, to: (from + 1) % nodes, bytes, step: Some(step), ..any }).collect()
}

/// An all-reduce in a binary tree whose root is node 0: a node has heard of its children before it speaks to its parent, and
/// of its parent before it answers its children.
fn tree(nodes: u32, bytes: u64, any: Planned) -> Vec<Planned> {
    let children = |node: u32| (2 * node + 1..2 * node + 3).filter(move |child| *child < nodes);
    let heard = |node| children(node).count() as u32;
    let up = (1..nodes).map(|from| Planned { from, to: (from - 1) / 2, bytes, step: Some(heard(from)), ..any });
    let down = (0..nodes).flat_map(|from| {
        let step = Some(heard(from) + u32::from(from > 0));
        children(from).map(move |to| Planned { from, to, bytes, step, ..any })
    });
    up.chain(down).collect()
}

/// Between two flows of the whole cluster.
fn mean_distance(sizes: Sizes, load_permille: u32, nodes: u32, rate: Rate) -> Dur {
    let alone = u128::from(rate.time_for(mean_bytes(sizes)).as_ps());
    Dur::from_ps((alone * 1_000 / (u128::from(load_permille) * u128::from(nodes))) as u64)
}

fn poisson(sizes: Sizes, distance: Dur, end: Time, nodes: u32, any: Planned, rng: &mut Rng) -> Vec<Planned> {
    let mut flows = Vec::new();
    let mut start = Time::ZERO + SETTLING + draw_exponential(distance, rng);
    while start < end {
        let from = rng.below(nodes.into()) as u32;
        let other = rng.below(u64::from(nodes) - 1) as u32;
        let to = if other < from { other } else { other + 1 };
        flows.push(Planned { from, to, bytes: draw_bytes(sizes, rng), start, ..any });
        start += draw_exponential(distance, rng).max(Dur::from_ps(1));
    }
    flows
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Planned = Planned { from: 0, to: 0, bytes: 0, priority: 3, start: Time::ZERO, step: None };
    const RATE: Rate = Rate::from_gbps(100);

    #[test]
    fn everybody_sends_and_receives_once_in_a_permutation() {
        for nodes in 2..40 {
            let mut targets = derangement(nodes, &mut Rng::stream(nodes.into(), "test"));
            assert!((0..nodes).zip(&targets).all(|(from, &to)| from != to));
            targets.sort_unstable();
            assert_eq!(targets, (0..nodes).collect::<Vec<_>>());
        }
    }

    /// Plays steps without time: all begin in the end, so nobody waits for what never comes.
    fn play(nodes: u32, plan: &[Planned]) -> Vec<u32> {
        let (mut arrived, mut left) = (vec![0; nodes as usize], plan.to_vec());
        while !left.is_empty() {
            let before = arrived.clone();
            let (begin, wait) = left.into_iter().partition(|flow| flow.step <= Some(before[flow.from as usize]));
            let begin: Vec<Planned> = begin;
            assert!(!begin.is_empty(), "{wait:?} wait for ever");
            begin.iter().for_each(|flow| arrived[flow.to as usize] += 1);
            left = wait;
        }
        arrived
    }

    #[test]
    fn no_step_of_a_collective_waits_for_ever() {
        for nodes in 2..20 {
            let ring = ring(nodes, 1_000, ANY);
            assert_eq!(play(nodes, &ring), vec![2 * (nodes - 1); nodes as usize]);
            let tree = tree(nodes, 1_000, ANY);
            assert_eq!(tree.len() as u32, 2 * (nodes - 1));
            assert_eq!(play(nodes, &tree).iter().sum::<u32>(), 2 * (nodes - 1));
        }
    }

    /// None of these is planned: it would take gigabytes.
    #[test]
    fn too_many_flows_are_refused_before_they_are_made() {
        let poisson = Pattern::Poisson { sizes: Sizes::WebSearch, load_permille: 1_000, duration_us: 60_000_000 };
        for (pattern, nodes, flows, limit) in [
            (Pattern::AllToAll { bytes: 1 }, 20_000, "399980000", "1048576"),
            (Pattern::AllToAll { bytes: 1 }, u32::MAX, "18446744060824649730", "1048576"),
            (Pattern::RingAllReduce { bytes: 1 }, 1_025, "2099200", "2097152"),
            (poisson, 1_000, "flows between 1000 nodes", "1048576"),
        ] {
            let error = few_enough(&pattern, nodes, RATE).expect_err("too many").to_string();
            assert!(error.contains(flows) && error.contains(&format!("limit is {limit}\n  = choose ")), "{error}");
        }
        assert_eq!(few_enough(&Pattern::AllToAll { bytes: 1 }, 1_024, RATE), Ok(()));
        assert_eq!(few_enough(&Pattern::RingAllReduce { bytes: 1 }, 1_024, RATE), Ok(()));
        assert_eq!(few_enough(&Pattern::TreeAllReduce { bytes: 1 }, 65_535, RATE), Ok(()));
        assert!(few_enough(&Pattern::Incast { bytes: 1 }, 1, RATE).is_err());
    }

    #[test]
    fn poisson_flows_ask_for_the_load() {
        let distance = mean_distance(Sizes::WebSearch, 300, 320, Rate::from_gbps(100));
        let end = Time::ZERO + SETTLING + Dur::from_ms(20);
        let flows = poisson(Sizes::WebSearch, distance, end, 320, ANY, &mut Rng::stream(3, "test"));
        let offered: u64 = flows.iter().map(|flow| flow.bytes).sum();
        // 320 * 12.5 GB/s * 0.3 for 20 ms.
        assert!(offered.abs_diff(24_000_000_000) < 1_500_000_000, "{offered} bytes");
        assert!(flows.iter().all(|flow| flow.from != flow.to && flow.from < 320 && flow.to < 320));
    }
}
