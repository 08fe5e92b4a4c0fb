//! Goodput against loss: what go-back-N and selective repeat send for what arrives.

use super::pair::{LATENCY, Pair, at, pattern, request, requester_config, responder_config};
use crate::transport::requester::{Recovery, TimeoutPolicy};
use crate::transport::{Status, Suffix, Work};
use des::{Dur, Ratio, Rng};
use wire::{Operation, Transport};

const MESSAGES: u32 = 60;
const MESSAGE_BYTES: u32 = 16 << 10;
/// Packets of all messages: 256 bytes each.
const PACKETS: u64 = (MESSAGES * MESSAGE_BYTES / 256) as u64;

/// Request packets sent, and how many of them were lost, with this chance in 10000 for each.
fn sent_and_lost(recovery: Recovery, loss: u32) -> (u64, u64) {
    let mut requester = requester_config(Transport::Rc);
    requester.recovery = recovery;
    requester.window_packets = 64;
    requester.timeout_policy = TimeoutPolicy::IRN;
    let mut responder = responder_config(Transport::Rc);
    responder.reorder_packets = if recovery == Recovery::SelectiveRepeat { 512 } else { 0 };
    let mut rng = Rng::stream(1, "transport.goodput");
    let chance = Ratio::new(loss, 10_000).expect("a probability");
    let lost = std::rc::Rc::new(std::cell::Cell::new(0));
    let count = lost.clone();
    let mut pair = Pair::new(requester, responder).with_fate(move |sent| {
        let write = matches!(sent.packet.opcode.decode(), Some((_, Operation::Write, _)));
        if write && rng.chance(chance) {
            count.set(count.get() + 1);
            return vec![];
        }
        vec![LATENCY]
    });
    for id in 0..MESSAGES {
        let work = Work::Write { remote: at(0), immediate: None };
        pair.ends[0].push(request(id, work, MESSAGE_BYTES), pattern(MESSAGE_BYTES as usize, id as u8));
    }
    pair.run();
    assert!(pair.ends[0].completions.iter().all(|(_, status)| *status == Status::Ok));
    assert_eq!(pair.ends[0].completions.len(), MESSAGES as usize);
    (pair.sent_by(0).len() as u64, lost.get())
}

/// Each loss throws away what was sent until its report came: a round trip's worth, W packets. So a packet costs
/// (1 - p + p W) / (1 - p) sendings (Bertsekas and Gallager, "Data Networks", 2.4.1), where W is 2 us over 50 ns and the
/// packet itself.
#[test]
fn go_back_n_collapses_as_the_curve_says() {
    const W: u64 = 41;
    for loss in [10, 50, 100, 200] {
        let (sent, _) = sent_and_lost(Recovery::GoBackN, loss);
        let p = u64::from(loss);
        let expected = PACKETS * (10_000 - p + p * W) / (10_000 - p);
        assert!(
            sent.abs_diff(expected) < expected / 5,
            "{sent} sent where the curve has {expected} at {loss} in 10000"
        );
    }
}

#[test]
fn selective_repeat_sends_again_what_is_lost() {
    for loss in [10, 100, 300] {
        let (sent, lost) = sent_and_lost(Recovery::SelectiveRepeat, loss);
        let spurious = sent - PACKETS - lost;
        assert!(spurious * 50 <= PACKETS, "{sent} sent for {PACKETS} with {lost} lost at {loss} in 10000");
    }
}

/// With credits the sender waits behind its limit with one message; without, it finds out with everything it has.
#[test]
fn credits_save_what_a_receiver_cannot_take() {
    let sent = |credits| {
        let mut pair = Pair::reliable();
        pair.ends[1].credits = credits;
        pair.ends[1].later_receives = Some((Dur::from_us(25), 0));
        pair.ends[1].port.receives.push_back(4096);
        for id in 0..10 {
            pair.ends[0].push(request(id, Work::Send(Suffix::None), 300), pattern(300, id as u8));
        }
        pair.run();
        assert_eq!(pair.ends[1].port.received.len(), 10);
        pair.sent_by(0).len()
    };
    let (with, without) = (sent(true), sent(false));
    assert!(with * 2 < without, "{with} packets with credits, {without} without");
}
