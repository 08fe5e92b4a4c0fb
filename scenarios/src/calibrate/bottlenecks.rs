//! Experiment 6: what limits Connect-IB (Kalia et al., ATC 2016, table 4).

use super::bench::{Load, Measured, Operation, Posting};
use super::{Experiment, Milli, Runner, mops};
use nic_model::profile::Profile;

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 6,
    title: "What limits Connect-IB: SEND, RECV, READ by payload; atomics by counters",
    axis: "payload bytes, or counters",
    scale: super::Scale::Linear,
    group: |series| if series == "atomics" { series } else { "" },
    profiles: &["connect-ib"],
    run,
};

const REQUESTS: u64 = 40_000;

fn run(runner: &mut Runner<'_>) {
    let Some(profile) = runner.profile("connect-ib") else { return };
    let requests = runner.requests(REQUESTS);
    for bytes in [0, 1, 8, 16, 32, 60] {
        let x = u64::from(bytes);
        runner.point(&profile, "UD SEND, non-batched", x, "Mops", || send(&profile, bytes, 1, requests));
        runner.point(&profile, "UD SEND, batch 16", x, "Mops", || send(&profile, bytes, 16, requests));
        runner.point(&profile, "UD RECV", x, "Mops", || receive(&profile, bytes, requests));
    }
    for bytes in [8, 16, 32, 64, 128, 256] {
        runner.point(&profile, "inbound READ", bytes.into(), "Mops", || {
            let mut load = inbound(&profile, Operation::Read, requests);
            (load.payload_bytes, load.window) = (bytes, 16);
            mops(load.rate())
        });
    }
    for counters in [1, 4096] {
        runner.point(&profile, "atomics", counters, "Mops", || super::atomics::rate(&profile, counters, requests));
    }
}

/// Many clients without times of their own that keep the adapter busy.
pub(super) fn inbound(profile: &Profile, operation: Operation, requests: u64) -> Load {
    let mut load = Load::new(profile, operation);
    load.measured = Measured::Responder;
    (load.threads, load.window, load.posting) = (28, 8, Posting::Doorbell);
    load.requests = requests;
    load
}

/// 14 threads of 4 queue pairs that send datagrams as fast as they can.
pub(super) fn send(profile: &Profile, payload_bytes: u32, batch: u32, requests: u64) -> Milli {
    let mut load = Load::new(profile, Operation::Datagram);
    load.measured = Measured::Requester;
    load.payload_bytes = payload_bytes;
    (load.threads, load.qps_per_thread, load.window) = (14, 4, 128);
    load.posting = if batch == 1 { Posting::Push } else { Posting::Batch(batch) };
    load.requests = requests;
    mops(load.rate())
}

/// Datagrams that arrive as fast as they can be taken. Those without payload come over an unreliable connection: on
/// InfiniBand they have no route header to be written, as every RoCE datagram has.
pub(super) fn receive(profile: &Profile, payload_bytes: u32, requests: u64) -> Milli {
    let operation = if payload_bytes == 0 { Operation::Send } else { Operation::DatagramReceived };
    let mut load = inbound(profile, operation, requests);
    (load.payload_bytes, load.window) = (payload_bytes, 16);
    mops(load.rate())
}
