//! The sets against what was published, number by number: a table of literals for each scheme.

use super::*;

#[test]
fn names_are_unique_and_fit_their_parameters() {
    for set in SETS {
        assert_eq!(named(set.scheme, set.name), Some(set));
        assert_eq!(set.parameters.name(), set.scheme);
        assert!(!set.source.is_empty());
    }
    assert_eq!(named("dcqcn", "published-results"), None);
}

#[test]
fn steps_follow_the_line() {
    assert_eq!(per_25g(5).on(Rate::from_gbps(100)), 20_000_000);
    assert_eq!(fixed(40).on(Rate::from_gbps(400)), 40_000_000);
}

fn in_mbps(rate: Rate) -> u64 {
    assert_eq!(rate.as_bps() % 1_000_000, 0);
    rate.as_bps() / 1_000_000
}

fn in_us(time: Dur) -> u64 {
    assert_eq!(time.as_ps() % 1_000_000, 0);
    time.as_ps() / 1_000_000
}

/// A step on lines of 25 and 100 Gb/s, in Mb/s.
fn steps(step: Step) -> [u64; 2] {
    [25, 100].map(|gbps| in_mbps(Rate::from_bps(step.on(Rate::from_gbps(gbps)))))
}

/// Marks on lines of 25 and 100 Gb/s: least and greatest queue in kilobytes, and the probability there.
fn marks(set: &ParameterSet) -> Option<([[u64; 2]; 2], Ratio)> {
    let marks = set.marks?;
    let on = |gbps| {
        let line = Rate::from_gbps(gbps);
        let known = marks.line.unwrap_or(line).as_bps();
        [marks.kmin_bytes, marks.kmax_bytes].map(|bytes| u64::from(bytes) * line.as_bps() / known / 1_000)
    };
    Some(([on(25), on(100)], marks.pmax))
}

/// Compares all sets of a scheme, in their order, with a table by name; `row` tells the numbers of a set.
fn compare<Row: PartialEq + std::fmt::Debug>(scheme: &str, table: &[(&str, Row)], row: impl Fn(&ParameterSet) -> Row) {
    let sets = SETS.iter().filter(|set| set.scheme == scheme);
    let actual: Vec<(&str, Row)> = sets.map(|set| (set.name, row(set))).collect();
    assert_eq!(actual, table, "{scheme}");
}

/// The rows are from where their set's `source` says: SIGCOMM 2015; config.txt of ns3-rdma; of HPCC config.txt, run.py and
/// rdma-hw.cc (EwmaGain, RPTimer, RateDecreaseInterval, FastRecoveryTimes, AlphaResumInterval, ClampTargetRate); run.py of
/// conweave-ns3; NVIDIA DOC-2790 (of alpha 1019 parts in 1024 are kept).
#[test]
fn dcqcn_has_the_published_times() {
    // Microseconds between notifications, cuts, decays of alpha, increases; bytes between increases; F; clamps the target.
    let table = [
        ("sigcomm-2015", (ratio(1, 256), [50, 50, 55, 55], Some(10_000_000), 5, true)),
        ("ns3-rdma", (ratio(1, 256), [50, 50, 55, 60], Some(300_000_000), 5, true)),
        ("hpcc-config", (ratio(1, 256), [4, 4, 1, 900], None, 1, false)),
        ("hpcc-run", (ratio(1, 256), [4, 4, 1, 300], None, 1, false)),
        ("hpcc-run-paper", (ratio(1, 256), [50, 50, 50, 55], None, 1, false)),
        ("hpcc-defaults", (ratio(1, 16), [4, 4, 55, 1_500], None, 5, false)),
        ("conweave", (ratio(1, 256), [4, 4, 1, 300], None, 1, false)),
        ("mlx5", (ratio(5, 1_024), [4, 4, 1, 300], Some(32_767), 1, false)),
    ];
    compare("dcqcn", &table, |set| {
        let Scheme::Dcqcn(p) = set.parameters else { unreachable!("names fit") };
        let times = [p.cnp_interval, p.decrease_interval, p.alpha_timer, p.increase_timer].map(in_us);
        (p.g, times, p.byte_counter_bytes, p.fast_recovery, p.clamp_target_rate)
    });
}

/// As above; RateAI, RateHAI and MinRate of rdma-hw.cc; run.py of HPCC has ai 5 * bw / 25 and hai 50 * bw / 25, that of ConWeave
/// 10 and 25. HPCC's KMIN_MAP and KMAX_MAP are in proportion to the line.
#[test]
fn dcqcn_has_the_published_steps_and_marks() {
    let same = |kmin, kmax, pmax| ([[kmin, kmax]; 2], pmax);
    let hpcc = ([[100, 400], [400, 1_600]], ratio(1, 5));
    // R_AI and R_HAI on lines of 25 and 100 Gb/s, and the least rate, in Mb/s.
    let table = [
        ("sigcomm-2015", ([40, 40], [100, 100], 100, Some(same(5, 200, ratio(1, 100))))),
        ("ns3-rdma", ([40, 40], [200, 200], 100, Some(same(40, 1_000, ratio(1, 1))))),
        ("hpcc-config", ([50, 50], [100, 100], 100, Some(hpcc))),
        ("hpcc-run", ([5, 20], [50, 200], 100, Some(hpcc))),
        ("hpcc-run-paper", ([5, 20], [50, 200], 100, Some(hpcc))),
        ("hpcc-defaults", ([5, 5], [50, 50], 100, Some(hpcc))),
        ("conweave", ([10, 40], [25, 100], 100, Some(same(100, 400, ratio(1, 5))))),
        ("mlx5", ([5, 5], [50, 50], 1, Some(same(100, 400, ratio(1, 5))))),
    ];
    compare("dcqcn", &table, |set| {
        let Scheme::Dcqcn(p) = set.parameters else { unreachable!("names fit") };
        (steps(p.rai), steps(p.rhai), in_mbps(p.min_rate), marks(set))
    });
}

/// SIGCOMM 2019 and HPCC's run.py: eta 0.95, maxStage 5, ai 10 * bw / 25; results.md has eta 99 % and maxStage 0.
#[test]
fn hpcc_is_as_published() {
    let table = [
        ("sigcomm-2019", (ratio(95, 100), 5, [10, 40], 13, 100)),
        ("published-results", (ratio(99, 100), 0, [10, 40], 13, 100)),
    ];
    compare("hpcc", &table, |set| {
        let Scheme::Hpcc(p) = set.parameters else { unreachable!("names fit") };
        assert_eq!(set.marks, None, "switches tell their load");
        (p.eta, p.max_stage, steps(p.additive), in_us(p.base_rtt), in_mbps(p.min_rate))
    });
}

/// HPCC's rdma-hw.cc: TimelyAlpha, TimelyBeta, TimelyTLow, TimelyTHigh, TimelyMinRtt; run.py: ai bw, hai 5 * bw.
#[test]
fn timely_is_as_published() {
    let table = [("hpcc-run", (ratio(875, 1_000), ratio(8, 10), [50, 500, 20], [25, 100], [125, 500], 5, 100))];
    compare("timely", &table, |set| {
        let Scheme::Timely(p) = set.parameters else { unreachable!("names fit") };
        assert_eq!(set.marks, None, "round trips tell");
        let times = [p.t_low, p.t_high, p.min_rtt].map(in_us);
        (p.alpha, p.beta, times, steps(p.delta), steps(p.hyper), p.hyper_after, in_mbps(p.min_rate))
    });
}

/// HPCC's rdma-hw.cc: DctcpRateAI; run.py: K is 30 KB * bw / 10, below nothing is marked and above everything; g as in SIGCOMM 2010.
#[test]
fn dctcp_is_as_published() {
    let step = ([[75, 75], [300, 300]], ratio(1, 1));
    let table = [("hpcc-run", (ratio(1, 16), [1_000, 1_000], 13, 1_000, Some(step)))];
    compare("dctcp", &table, |set| {
        let Scheme::Dctcp(p) = set.parameters else { unreachable!("names fit") };
        (p.g, steps(p.additive), in_us(p.base_rtt), p.min_window_bytes, marks(set))
    });
}
