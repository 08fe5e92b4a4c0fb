//! Experiment 3: READs and WRITEs of 8 bytes per second over threads and requests under way of each (SMART, ASPLOS 2024,
//! figure 4a): a window of requests is posted at once, and all of it awaited.

use super::bench::{Load, Operation};
use super::{Experiment, Runner, mops};
use des::Dur;

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 3,
    title: "READs and WRITEs of 8 bytes by threads and requests under way of each",
    axis: "threads",
    profiles: &["connectx-6"],
    run,
};

const THREADS: [u32; 26] =
    [1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92, 96];
const DEPTHS: [u32; 9] = [1, 2, 4, 8, 12, 16, 20, 24, 32];
/// Xeon 6240R: 24 cores a socket; threads beyond 48 share cores.
const SOCKET_THREADS: u32 = 24;

fn run(runner: &mut Runner<'_>) {
    let Some(profile) = runner.profile("connectx-6") else { return };
    for (name, operation) in [("READ", Operation::Read), ("WRITE", Operation::Write)] {
        for depth in DEPTHS {
            for threads in THREADS {
                let mut load = Load::new(&profile, operation);
                (load.threads, load.window) = (threads, depth);
                (load.post, load.poll) = (Dur::from_ns(120), Dur::from_ns(60));
                load.cable = Dur::from_ns(350);
                (load.far, load.socket_threads) = (Dur::from_ns(275), SOCKET_THREADS);
                // All threads begin at once: it takes some windows until they no longer do.
                load.requests = u64::from(threads * depth) * 12 + 2_000;
                let series = format!("{name} depth {depth}");
                runner.point(&profile, &series, threads.into(), "Mops", || mops(load.rate()));
            }
        }
    }
}
