//! Experiment 8: fetch-and-add over a number of counters (Kalia et al., ATC 2016, figure 14).

use super::bench::Operation;
use super::bottlenecks::inbound;
use super::{Experiment, Milli, Runner, mops};
use nic_model::profile::Profile;

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 8,
    title: "Atomics by counters",
    axis: "counters",
    scale: super::Scale::Log2,
    group: super::together,
    profiles: &["connect-ib", "connectx-3"],
    run,
};

const REQUESTS: u64 = 10_000;

fn run(runner: &mut Runner<'_>) {
    let requests = runner.requests(REQUESTS);
    for name in EXPERIMENT.profiles {
        let Some(profile) = runner.profile(name) else { continue };
        for counters in (0..=12).map(|log| 1 << log) {
            runner.point(&profile, "FETCH_ADD", counters, "Mops", || rate(&profile, counters, requests));
        }
    }
}

/// Atomics per second over so many counters.
pub(super) fn rate(profile: &Profile, counters: u64, requests: u64) -> Milli {
    let mut load = inbound(profile, Operation::FetchAdd, requests);
    load.counters = counters;
    mops(load.rate())
}
