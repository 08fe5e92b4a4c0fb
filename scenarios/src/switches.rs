//! The switches and the congestion control that a scenario describes, as the models know them.

use crate::cluster::ClusterError;
use crate::spec::fabric::{EcnMarks, Forwarding, Paths, Scheduling, WatchdogAction};
use crate::spec::{Congestion, Fabric, Scenario};
use crate::{adapter, paths};
use des::{Dur, Rate, Ratio};
use fabric::switch::{self, Alpha, BufferConfig, ConfigError, EcnCurve, PathChoice, Watchdog};
use fabric::{NodeId, PRIORITIES, Switch, SwitchConfig, Topology};
use nic_model::congestion::Scheme;
use nic_model::congestion::parameters::Marks;

/// What a cut-through switch reads before it decides: preamble, Ethernet, VLAN, IPv4, UDP.
const CUT_THROUGH_BYTES: u16 = 8 + 14 + 4 + 20 + 8;

/// The switches of a scenario.
pub(crate) fn config(scenario: &Scenario) -> SwitchConfig {
    let fabric = &scenario.fabric;
    let alpha = |log2| Alpha::from_log2(log2).unwrap_or(Alpha::ONE);
    SwitchConfig {
        forwarding: match fabric.forwarding {
            Forwarding::StoreAndForward => switch::Forwarding::StoreAndForward,
            Forwarding::CutThrough => switch::Forwarding::CutThrough { header_bytes: CUT_THROUGH_BYTES },
        },
        forwarding_latency: Dur::from_ns(fabric.forwarding_latency_ns),
        port_fifo_bytes: fabric.port_fifo_bytes,
        buffer: BufferConfig {
            total_bytes: fabric.buffer_bytes,
            reserved_bytes: fabric.reserved_bytes,
            headroom_bytes: fabric.headroom_bytes,
            ingress_alpha: alpha(fabric.ingress_alpha_log2),
            egress_alpha: alpha(fabric.egress_alpha_log2),
            resume_offset_bytes: fabric.resume_offset_bytes,
            lossless: mask(&fabric.pfc),
            ..BufferConfig::default()
        },
        ecn: curves(fabric, &scenario.congestion),
        scheduling: match &fabric.scheduling {
            Scheduling::Strict => switch::Scheduling::Strict,
            Scheduling::Weighted { strict, quanta_bytes } => {
                switch::Scheduling::Dwrr { strict: mask(strict), quanta_bytes: *quanta_bytes }
            }
        },
        watchdog: fabric.pfc_watchdog.map(|watchdog| Watchdog {
            detect: Dur::from_us(watchdog.detect_us),
            restore: Dur::from_us(watchdog.restore_us),
            action: match watchdog.action {
                WatchdogAction::Drop => switch::WatchdogAction::Drop,
                WatchdogAction::Forward => switch::WatchdogAction::Forward,
            },
        }),
        path_choice: match fabric.paths {
            Paths::Ecmp => PathChoice::Flow,
            Paths::Spray => PathChoice::Spray,
            Paths::Flowlet { gap_ns } => PathChoice::Flowlet { gap: Dur::from_ns(gap_ns) },
        },
        ..SwitchConfig::default()
    }
}

/// The switches of a scenario's topology.
pub(crate) fn build(scenario: &Scenario, topology: &Topology) -> Result<Vec<Switch>, ClusterError> {
    topology.build_switches(&config(scenario), scenario.about.seed).map_err(|error| impossible(&error))
}

/// Looks whether they can be built: what is enough for the largest is enough for all.
pub(crate) fn check(scenario: &Scenario, topology: &Topology) -> Result<(), ClusterError> {
    let ports = |switch| topology.ports(NodeId::Switch(switch)).len();
    match (0..topology.switch_count()).map(ports).max() {
        Some(most) => config(scenario).check(most).map_err(|error| impossible(&error)),
        None => Ok(()),
    }
}

fn impossible(error: &ConfigError) -> ClusterError {
    match error {
        ConfigError::BufferTooSmall { kept_bytes, .. } => {
            let remedy = format!(
                "write buffer_bytes = {} or more, or less `headroom_bytes` or `reserved_bytes`",
                kept_bytes.saturating_mul(2)
            );
            ClusterError::topology("fabric.buffer_bytes", error, remedy)
        }
        _ => ClusterError::topology("fabric", error, "change what [fabric] says"),
    }
}

/// How long an unhindered round trip takes in this topology.
pub(crate) fn round_trip(scenario: &Scenario, topology: &Topology) -> Dur {
    let (forwarding, mtu_bytes) = (config(scenario).forwarding_latency, scenario.cluster.mtu_bytes);
    paths::longest_round_trip(topology, forwarding, adapter::round_trip(&scenario.nic), mtu_bytes)
}

/// What adapters do about congestion where a round trip takes that long, unless the scenario knows better.
pub(crate) fn scheme(scenario: &Scenario, round_trip: impl FnOnce() -> Dur) -> Scheme {
    let Some(set) = scenario.congestion.set() else { return Scheme::None };
    set.parameters.with_base_rtt(scenario.congestion.base_rtt_ns.map_or_else(round_trip, Dur::from_ns))
}

/// One bit for each priority.
pub(crate) fn mask(priorities: &[u8]) -> u8 {
    priorities.iter().fold(0, |mask, priority| mask | 1 << (priority & 7))
}

fn curves(fabric: &Fabric, congestion: &Congestion) -> [Option<EcnCurve>; PRIORITIES] {
    match &fabric.ecn {
        EcnMarks::Off => [None; PRIORITIES],
        EcnMarks::Auto => {
            let marks = congestion.set().and_then(|set| set.marks);
            [Some(marks.map_or(EcnCurve::HPCC, published)); PRIORITIES]
        }
        EcnMarks::Curves(rows) => {
            let mut curves = [None; PRIORITIES];
            for row in rows {
                let of = if row.priorities.is_empty() { u8::MAX } else { mask(&row.priorities) };
                let curve = EcnCurve {
                    kmin_bytes: row.kmin_bytes,
                    kmax_bytes: row.kmax_bytes,
                    pmax: Ratio { numerator: row.pmax_permille, denominator: 1_000 },
                    rate: row.line_gbps.map(|gbps| Rate::from_gbps(gbps.into())),
                };
                let named = curves.iter_mut().enumerate().filter(|(priority, _)| of >> priority & 1 != 0);
                named.for_each(|(_, slot)| *slot = Some(curve));
            }
            curves
        }
    }
}

fn published(marks: Marks) -> EcnCurve {
    let Marks { kmin_bytes, kmax_bytes, pmax, line } = marks;
    EcnCurve { kmin_bytes, kmax_bytes, pmax, rate: line }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::CongestionScheme;

    #[test]
    fn defaults_are_those_of_the_model() {
        let scenario = Scenario::named("plain");
        let expected = SwitchConfig { port_fifo_bytes: 4_096, ..SwitchConfig::default() };
        assert_eq!(config(&scenario), expected);
    }

    #[test]
    fn marks_follow_the_parameters_unless_written() {
        let mut scenario = Scenario::named("marks");
        scenario.congestion.scheme = CongestionScheme::Dcqcn;
        let paper = config(&scenario).ecn[3].expect("marks");
        assert_eq!((paper.kmin_bytes, paper.kmax_bytes, paper.rate), (5_000, 200_000, None));
        scenario.fabric.ecn = EcnMarks::Off;
        assert_eq!(config(&scenario).ecn, [None; PRIORITIES]);
    }
}
