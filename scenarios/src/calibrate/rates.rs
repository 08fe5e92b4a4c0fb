//! Experiment 3: READs and WRITEs of 8 bytes per second over threads and requests under way of each (SMART, ASPLOS 2024,
//! figure 4a): a window of requests is posted at once, its last one signalled and awaited; WRITEs are not inline.

use super::bench::{Load, Operation, Processor};
use super::{Experiment, Runner, mops};
use des::Dur;
use nic_model::profile::Profile;

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 3,
    title: "READs and WRITEs of 8 bytes by threads and requests under way of each",
    axis: "threads",
    scale: super::Scale::Linear,
    group: |series| series.split_once(' ').map_or(series, |(operation, _)| operation),
    profiles: &["connectx-6"],
    run,
};

const THREADS: [u32; 26] =
    [1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92, 96];
const DEPTHS: [u32; 9] = [1, 2, 4, 8, 12, 16, 20, 24, 32];
/// Xeon 6240R: 24 cores a socket, two threads a core.
const SOCKET_CORES: u32 = 24;
/// Two sockets.
const CORES: u32 = 2 * SOCKET_CORES;

// What the source's machine takes, from its rates at depths at which the adapter is idle most of the time.

/// To write a request: 12 threads, 0.21 us for each more of a window, of which the adapter's engine takes 0.10.
const POST: Dur = Dur::from_ns(110);
/// Added on the other socket, as the ring's line comes back from the adapter's: 48 threads against 12.
const POST_FAR: Dur = Dur::from_ns(60);
/// To see the end of a window and begin another.
const POLL: Dur = Dur::from_ns(150);
/// A doorbell or a completion on its way between the sockets: 48 threads at depth 1 against 12.
const FAR: Dur = Dur::from_ns(200);
/// A thread that shares its core takes so much longer to write a request: little, as both wait for stores mostly.
const POST_SHARED_PERCENT: u64 = 120;
/// And to see the end of a window, with the other thread in its poll loop: 96 threads at depth 1 against 48.
const POLL_SHARED_PERCENT: u64 = 400;
/// Cable, switch and their ports: 12 threads at depth 1, 2.35 us a READ.
const ONE_WAY: Dur = Dur::from_ns(350);

fn run(runner: &mut Runner<'_>) {
    let Some(profile) = runner.profile("connectx-6") else { return };
    for (name, operation) in [("READ", Operation::Read), ("WRITE", Operation::Write)] {
        for depth in DEPTHS {
            for threads in THREADS {
                let load = load(&profile, operation, threads, depth);
                let series = format!("{name} depth {depth}");
                runner.point(&profile, &series, threads.into(), "Mops", || mops(load.rate()));
            }
        }
    }
}

/// So many threads with so many requests under way each.
pub(super) fn load(profile: &Profile, operation: Operation, threads: u32, depth: u32) -> Load {
    let mut load = Load::new(profile, operation);
    (load.threads, load.window) = (threads, depth);
    load.processor = processor;
    load.cable = ONE_WAY;
    // All threads begin at once: it takes some windows until they no longer do.
    load.requests = u64::from(threads * depth) * 16 + 2_000;
    load
}

/// Threads fill the adapter's socket, then the other one, then the second threads of the cores.
fn processor(thread: u32, threads: u32) -> Processor {
    let far = thread / SOCKET_CORES % 2 == 1;
    let shared = thread >= CORES || thread + CORES < threads;
    let takes = |time: Dur, percent: u64| if shared { Dur::from_ps(time.as_ps() * percent / 100) } else { time };
    Processor {
        post: takes(if far { POST + POST_FAR } else { POST }, POST_SHARED_PERCENT),
        poll: takes(POLL, POLL_SHARED_PERCENT),
        far: if far { FAR } else { Dur::ZERO },
    }
}
