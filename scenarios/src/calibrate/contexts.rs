//! Experiment 14: READs of 32 bytes from many clients, over the contexts that the responder keeps (rdma_bench, notes on DCT).

use super::bench::{Load, Measured, Operation, Posting};
use super::{Experiment, Runner, mops};
use des::Dur;
use nic_model::profile::Profile;

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 14,
    title: "Inbound READs of 32 bytes by contexts of the responder",
    axis: "contexts",
    scale: super::Scale::Linear,
    group: super::together,
    profiles: &["connect-ib"],
    run,
};

/// Threads of all clients; each has as many queue pairs as give the number of contexts.
const THREADS: u32 = 140;
/// Cable, switch and a client's adapter, one way: 140 READs under way are 94.6 M/s as long as all contexts are at hand.
const ONE_WAY: Dur = Dur::from_ns(350);
const QPS_PER_THREAD: [u32; 13] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16];

fn run(runner: &mut Runner<'_>) {
    let Some(profile) = runner.profile("connect-ib") else { return };
    for qps in QPS_PER_THREAD {
        let contexts = u64::from(THREADS * qps);
        let requests = runner.requests(30_000);
        runner.point(&profile, "READ", contexts, "Mops", || mops(load(&profile, qps, requests).rate()));
    }
}

/// Clients that have so many queue pairs each.
pub(super) fn load(profile: &Profile, qps_per_thread: u32, requests: u64) -> Load {
    let mut load = Load::new(profile, Operation::Read);
    load.measured = Measured::Responder;
    load.payload_bytes = 32;
    (load.threads, load.qps_per_thread, load.window) = (THREADS, qps_per_thread, 1);
    load.posting = Posting::Doorbell;
    load.cable = ONE_WAY;
    load.requests = requests;
    load
}
