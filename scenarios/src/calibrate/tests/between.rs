//! Between the published points: a curve rises and falls where its mechanism says so, and jumps nowhere else.

use super::super::bench::{Load, Operation};
use super::super::bottlenecks::{inbound, receive, send};
use super::super::{atomics, contexts, dma, iotlb, rates};
use super::*;
use nic_model::pcie::Pcie;

fn profile(name: &str) -> Profile {
    load(name).expect("the model knows it")
}

/// Neighbours of a curve: the places of both, and what the second has in thousandths of the first.
fn ratios(curve: &[(u64, Milli)]) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
    curve.windows(2).map(|pair| (pair[0].0, pair[1].0, pair[1].1 * 1_000 / pair[0].1.max(1)))
}

#[test]
fn latency_of_dma_grows_by_the_byte_and_steps_where_a_transaction_begins() {
    let profile = profile("nfp6000-haswell");
    let completion = u64::from(profile.pcie.read_completion_bytes.value);
    let curve: Vec<(u64, Milli)> =
        (1..=2048).map(|size| (u64::from(size), dma::latency(&profile, size, false))).collect();
    for pair in curve.windows(2) {
        let (size, grows) = (pair[1].0, pair[1].1.checked_sub(pair[0].1).expect("more bytes take longer"));
        // A byte takes 0.29 ns; the header of one more completion, and of one more request, a few.
        let begins = (size - 1) % completion == 0;
        let expected = if begins { 1_000..8_000 } else { 200..400 };
        assert!(expected.contains(&grows), "the byte {size} takes {grows} ps");
    }
}

#[test]
fn bandwidth_of_dma_falls_only_where_a_transaction_begins() {
    let profile = profile("nfp6000-haswell");
    let payload = u64::from(profile.pcie.max_payload_bytes.value);
    let sizes = (0..32_u32).flat_map(|n| [n * 64 + 1, n * 64 + 33, n * 64 + 63, n * 64 + 64]);
    let sizes: Vec<u32> = sizes.collect();
    for transfer in [Pcie::write, Pcie::read] {
        let curve: Vec<(u64, Milli)> =
            sizes.iter().map(|&size| (u64::from(size), dma::bandwidth(&profile, size, transfer))).collect();
        for (before, size, ratio) in ratios(&curve) {
            let begins = (before..size).any(|bytes| bytes % payload == 0);
            assert!(begins || ratio >= 999, "{before} to {size} bytes: {ratio} per mille");
            assert!(ratio >= 850, "one more header costs not so much: {before} to {size} bytes, {ratio} per mille");
        }
    }
}

#[test]
fn walks_cost_more_the_larger_the_window() {
    let mut profile = profile("nfp6000-broadwell");
    profile.host.iotlb_entries.value = 64;
    let windows = [64, 200, 256, 288, 320, 400, 600, 900, 1300, 3000, 10_000];
    let curve: Vec<(u64, Milli)> = windows.map(|kib| (kib, iotlb::bandwidth(&profile, kib, Pcie::read))).to_vec();
    for (before, kib, ratio) in ratios(&curve) {
        let expected = if kib <= 256 { 990..=1_010 } else { 500..=1_005 };
        assert!(expected.contains(&ratio), "{before} to {kib} KiB: {ratio} per mille");
    }
    let latencies: Vec<(u64, Milli)> = windows.map(|kib| (kib, iotlb::latency(&profile, kib))).to_vec();
    assert!(ratios(&latencies).all(|(.., ratio)| ratio >= 995), "{latencies:?}");
}

#[test]
fn datagrams_cost_a_step_where_their_wqe_takes_one_more_line() {
    let profile = profile("connect-ib");
    // Control segment and address vector fill a line; inline data follows a word, in units of 16.
    let payloads = [0, 1, 40, 60, 61, 90, 124, 125];
    let curve: Vec<(u64, Milli)> = payloads.map(|bytes| (u64::from(bytes), send(&profile, bytes, 1, 14_000))).to_vec();
    for (before, bytes, ratio) in ratios(&curve) {
        let steps = [0, 60, 124].contains(&before);
        let expected = if steps { 500..=900 } else { 960..=1_020 };
        assert!(expected.contains(&ratio), "{before} to {bytes} bytes: {ratio} per mille");
    }
}

#[test]
fn larger_answers_never_come_faster() {
    let profile = profile("connect-ib");
    let curve = [8, 24, 48, 64, 80, 96, 112, 128, 192].map(|bytes| {
        let mut load = inbound(&profile, Operation::Read, 3_000);
        (load.payload_bytes, load.window) = (bytes, 16);
        (u64::from(bytes), mops(load.rate()))
    });
    for (before, bytes, ratio) in ratios(&curve) {
        let expected = if bytes <= 64 { 960..=1_040 } else { 600..=1_010 };
        assert!(expected.contains(&ratio), "{before} to {bytes} bytes: {ratio} per mille");
    }
    let datagrams = [1, 9, 33, 60].map(|bytes| (u64::from(bytes), receive(&profile, bytes, 3_000)));
    assert!(ratios(&datagrams).all(|(.., ratio)| (850..=1_010).contains(&ratio)), "{datagrams:?}");
}

#[test]
fn a_message_takes_longer_by_the_word_and_steps_where_a_packet_begins() {
    let profile = profile("connectx-5");
    let took = |bytes| {
        let mut load = Load::new(&profile, Operation::Write);
        (load.payload_bytes, load.requests) = (bytes, 200);
        1_000_000_000_000 / load.rate()
    };
    for packets in 1..=3 {
        let mtu = 4096 * packets;
        let times = [mtu - 64, mtu - 32, mtu - 1, mtu, mtu + 1].map(took);
        let grows: Vec<u64> = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
        // 32 bytes are 2.6 ns of the line, and a byte more is in their padding; a packet has headers and stages of its own.
        assert!(grows[0] < 9_000 && grows[1] < 9_000 && grows[2] < 1_000, "ps around {mtu} bytes: {grows:?}");
        assert!((3_000..200_000).contains(&grows[3]), "ps around {mtu} bytes: {grows:?}");
    }
}

#[test]
fn counters_share_locks_and_contexts() {
    let profile = profile("connect-ib");
    let counters = [1, 2, 3, 5, 7, 12, 24, 50, 100, 700, 3_000];
    let curve = counters.map(|counters| (counters, atomics::rate(&profile, counters, 3_000)));
    let (_, alone) = curve[0];
    for (before, counters, ratio) in ratios(&curve) {
        assert!(ratio >= 980, "{before} to {counters} counters: {ratio} per mille");
        assert!(ratio <= counters * 1_050 / before, "{before} to {counters} counters: {ratio} per mille");
    }
    assert!(curve.iter().all(|(counters, rate)| *rate <= counters * alone * 1_020 / 1_000), "{curve:?}");
}

#[test]
fn a_deeper_window_and_more_threads_bring_less_than_their_share() {
    let profile = profile("connectx-6");
    for operation in [Operation::Read, Operation::Write] {
        let rate = |threads, depth| mops(rates::load(&profile, operation, threads, depth).rate());
        let depths = [1, 2, 3, 5, 6, 7, 10].map(|depth| (u64::from(depth), rate(10, depth)));
        let threads = [3, 5, 9, 13, 18, 22].map(|threads| (u64::from(threads), rate(threads, 5)));
        for (before, x, ratio) in ratios(&depths).chain(ratios(&threads)) {
            assert!(ratio >= 1_000, "{operation:?}, {before} to {x}: {ratio} per mille");
            assert!(ratio <= x * 1_030 / before, "{operation:?}, {before} to {x}: {ratio} per mille");
        }
    }
}

#[test]
fn contexts_that_are_at_hand_cost_nothing() {
    let profile = profile("connect-ib");
    // Few enough that each has been used before the rate is read, or more than are kept.
    let curve = [2, 3, 4, 8, 9, 11].map(|qps| {
        let load = contexts::load(&profile, qps, 8_000);
        (u64::from(qps) * 140, mops(load.rate()))
    });
    let kept = u64::from(profile.caches.qp.entries.value);
    for (before, contexts, ratio) in ratios(&curve) {
        let expected = if contexts <= kept { 940..=1_030 } else { 550..=950 };
        assert!(expected.contains(&ratio), "{before} to {contexts} contexts: {ratio} per mille");
    }
}
