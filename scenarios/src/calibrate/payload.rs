//! Experiment 7: RECV and SEND with and without payload (Kalia et al., ATC 2016, table 5).

use super::bottlenecks::{receive, send};
use super::{Experiment, Runner};

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 7,
    title: "RECV and SEND with and without payload",
    axis: "payload bytes",
    scale: super::Scale::Linear,
    group: super::together,
    profiles: &["connect-ib", "connectx-3", "connectx"],
    run,
};

const REQUESTS: u64 = 30_000;
/// Requests for one doorbell.
const BATCH: u32 = 16;

fn run(runner: &mut Runner<'_>) {
    let requests = runner.requests(REQUESTS);
    for name in EXPERIMENT.profiles {
        let Some(profile) = runner.profile(name) else { continue };
        for bytes in [0, 1] {
            runner.point(&profile, "RECV", bytes.into(), "Mops", || receive(&profile, bytes, requests));
            runner.point(&profile, "SEND", bytes.into(), "Mops", || send(&profile, bytes, BATCH, requests));
        }
    }
}
