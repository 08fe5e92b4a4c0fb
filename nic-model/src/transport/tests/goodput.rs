//! Goodput against loss: what go-back-N and selective repeat send, and how long they take, for what arrives.

use super::pair::{LATENCY, Pair, SPACING, at, pattern, request, requester_config, responder_config};
use crate::transport::requester::{Recovery, TimeoutPolicy};
use crate::transport::{Status, Suffix, Work};
use des::{Dur, Ratio, Rng};
use wire::{Operation, Transport};

const MESSAGES: u32 = 1_200;
const MESSAGE_BYTES: u32 = 16 << 10;
/// Packets of all messages: 256 bytes each.
const PACKETS: u64 = (MESSAGES * MESSAGE_BYTES / 256) as u64;
/// Packets that may be unacknowledged: three round trips' worth.
const WINDOW: u64 = 128;
/// A round trip and the packet itself, in slots of 50 ns that a packet has on the line.
const ROUND_TRIP: u64 = 2 * LATENCY.as_ps() / SPACING.as_ps() + 1;
/// The transport timer, in slots.
const TIMER: u64 = 200;

/// What a transfer took.
struct Transfer {
    /// Data packets sent.
    sent: u64,
    /// Data packets lost.
    lost: u64,
    /// Slots from the first data packet to the last.
    slots: u64,
    resent: u64,
    sequence_naks: u64,
    timeouts: u64,
}

/// Writes all messages over a cable that loses data packets with this chance in 10000.
fn transfer(recovery: Recovery, loss: u64) -> Transfer {
    let mut requester = requester_config(Transport::Rc);
    let mut responder = responder_config(Transport::Rc);
    requester.recovery = recovery;
    let timer = SPACING * TIMER;
    requester.timeout_policy = TimeoutPolicy::Short { low: timer, high: timer, few_packets: 0 };
    requester.window_packets = WINDOW as u32;
    responder.reorder_packets = if recovery == Recovery::SelectiveRepeat { 512 } else { 0 };
    let mut rng = Rng::stream(1, "transport.goodput");
    let chance = Ratio::new(loss as u32, 10_000).expect("a probability");
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
    let data: Vec<_> = pair.log.iter().filter(|sent| sent.from == 0).collect();
    let counters = pair.ends[0].requester.counters();
    Transfer {
        sent: data.len() as u64,
        lost: lost.get(),
        slots: data[data.len() - 1].at.as_ps() / SPACING.as_ps() + 1,
        resent: counters.retransmitted,
        sequence_naks: counters.sequence_naks,
        timeouts: counters.timeouts,
    }
}

/// What all packets cost when a loss with this chance in 10000 costs `first`, and each further loss of the same packet `again`;
/// and three standard deviations, as the numbers of both are nearly Poisson's.
fn curve(loss: u64, first: u64, again: u64) -> (u64, u64) {
    let firsts = |cost: u64| PACKETS * loss * cost / 10_000;
    let repeated = |cost: u64| PACKETS * loss * loss * cost / (10_000 - loss) / 10_000;
    let deviation = (firsts(first * first) + repeated(again * again)).isqrt();
    (PACKETS + firsts(first) + repeated(again), 3 * deviation)
}

fn assert_near(what: &str, loss: u64, actual: u64, (expected, tolerance): (u64, u64)) {
    assert!(
        actual.abs_diff(expected) <= tolerance,
        "{what} at {loss} in 10000: {actual}, not {expected} +- {tolerance}"
    );
}

/// A loss throws away what is sent until its report comes, a round trip's worth; so a packet costs 1 + p W sendings (Bertsekas
/// and Gallager, "Data Networks", 2.4.1). If what is sent again is lost too, nobody reports it, since a responder sends one NAK
/// until the missing packet comes (IBTA volume 1, 9.7.5.2): the window goes, then the timer rings. Goodput is
/// 1 / (1 + p W + p^2 T) of the line's.
#[test]
fn go_back_n_collapses_as_the_curve_says() {
    for (loss, permille) in [(50, 826), (100, 699), (200, 525), (500, 279)] {
        let run = transfer(Recovery::GoBackN, loss);
        // What the losses of this very run cost, but that less follows those near its end.
        let again = ROUND_TRIP * run.sequence_naks + WINDOW * run.timeouts;
        assert_near("packets sent again", loss, run.resent, (again, again / 200));
        assert_eq!(run.sent, PACKETS + run.resent);
        // How many they are is drawn: three deviations are less than 5 % of all.
        let (sent, slots) = (curve(loss, ROUND_TRIP, WINDOW), curve(loss, ROUND_TRIP, TIMER));
        assert_near("packets sent", loss, run.sent, sent);
        assert_near("slots", loss, run.slots, slots);
        assert!(sent.1 * 20 < sent.0 && slots.1 * 20 < slots.0);
        assert_eq!(PACKETS * 1_000 / slots.0, permille, "goodput in thousandths of the line's");
    }
}

/// Nothing is sent again but what was lost; the line rests only when what is sent again is lost too, from the end of the window
/// until the timer has rung and a round trip is over.
#[test]
fn selective_repeat_does_not_collapse() {
    for (loss, permille) in [(50, 985), (100, 970), (200, 900), (500, 730)] {
        let run = transfer(Recovery::SelectiveRepeat, loss);
        let lost = PACKETS * loss / (10_000 - loss);
        assert_near("packets lost", loss, run.lost, (lost, 3 * lost.isqrt()));
        assert_eq!((run.resent, run.sent), (run.lost, PACKETS + run.lost), "at {loss} in 10000");
        let slots = run.sent + run.timeouts * (TIMER + 2 * ROUND_TRIP - WINDOW);
        assert_near("slots", loss, run.slots, (slots, slots / 50));
        assert!(PACKETS * 1_000 / run.slots >= permille, "{} slots at {loss} in 10000", run.slots);
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
