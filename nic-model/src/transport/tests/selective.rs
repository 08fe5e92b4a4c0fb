//! Selective repeat, packet by packet. Both ends start at PSN 0xfffffe.

use super::pair::{LATENCY, Pair, RKEY, at, pattern, request, requester_config, responder_config};
use crate::transport::requester::{Recovery, TimeoutPolicy};
use crate::transport::{Packet, Status, Suffix, Work};
use des::Time;
use wire::{Aeth, Ext, Reth, Transport};

fn pair() -> Pair {
    let mut requester = requester_config(Transport::Rc);
    requester.recovery = Recovery::SelectiveRepeat;
    requester.timeout_policy = TimeoutPolicy::IRN;
    let mut responder = responder_config(Transport::Rc);
    responder.reorder_packets = 64;
    Pair::new(requester, responder)
}

fn psns(packets: &[Packet]) -> Vec<u32> {
    packets.iter().map(|packet| packet.psn.value()).collect()
}

#[test]
fn only_the_lost_packet_is_sent_again() {
    let mut pair = pair().losing(&[1]);
    let work = Work::Write { remote: at(0), immediate: None };
    pair.ends[0].push(request(1, work, 256 * 5), pattern(256 * 5, 1));
    pair.run();
    assert_eq!(psns(&pair.sent_by(0)), [0xff_fffe, 0xff_ffff, 0, 1, 2, 0xff_ffff]);
    let answers = pair.sent_by(1);
    let naks = [0, 1, 2].map(|psn| Ext::Aeth(Aeth::selective_nak(wire::Psn::new(psn))));
    assert_eq!(answers[..3].iter().map(|packet| packet.ext).collect::<Vec<_>>(), naks);
    assert_eq!(psns(&answers[..3]), [0xff_ffff; 3], "all name the packet that is due");
    assert_eq!(answers.last().map(|packet| packet.psn.value()), Some(2), "the whole message at once");
    assert_eq!(pair.ends[1].port.placed_early, 3, "the first packet said where all of it goes");
    assert_eq!(pair.ends[1].port.memory[..1280], pattern(1280, 1));
    assert_eq!(pair.ends[0].completions, [(1, Status::Ok)]);
}

#[test]
fn completions_keep_their_order() {
    let mut pair = pair().losing(&[0]);
    pair.ends[1].port.receives.extend([300; 3]);
    for id in 1..=3 {
        pair.ends[0].push(request(id, Work::Send(Suffix::Immediate(id)), 300), pattern(300, id as u8));
    }
    pair.run();
    let received = pair.ends[1].port.received.iter().map(|(data, completion)| (data.clone(), completion.immediate));
    assert_eq!(received.collect::<Vec<_>>(), [1, 2, 3].map(|id| (pattern(300, id as u8), Some(id))));
    assert_eq!(pair.ends[0].completions, [1, 2, 3].map(|id| (id, Status::Ok)));
    assert_eq!(pair.ends[0].requester.counters().retransmitted, 1);
    assert_eq!(pair.ends[1].port.placed_early, 0, "receives are taken in order");
}

#[test]
fn the_missing_part_of_a_read_is_asked_for_again() {
    // 0: request, 1 to 4: answer.
    let mut pair = pair().losing(&[2]);
    pair.ends[1].port.memory = pattern(16 << 10, 3);
    pair.ends[0].push(request(1, Work::Read { remote: at(1000) }, 1000), vec![]);
    pair.run();
    assert_eq!(pair.ends[0].buffers[&1], pattern(16 << 10, 3)[1000..2000]);
    let sent = pair.sent_by(0);
    assert_eq!(sent[1].ext, Ext::Reth(Reth { virtual_address: 1256, rkey: RKEY, length_bytes: 256 }));
    assert_eq!(psns(&pair.sent_by(1)), [0xff_fffe, 0xff_ffff, 0, 1, 0xff_ffff]);
}

#[test]
fn a_loss_that_nothing_shows_costs_a_short_timeout() {
    // The last of two packets: nothing comes after it. Two outstanding are few, so the time is 100 us.
    let mut pair = pair().losing(&[1]);
    pair.ends[0].push(request(1, Work::Write { remote: at(0), immediate: None }, 512), pattern(512, 1));
    pair.run();
    assert_eq!(pair.ends[0].requester.counters().timeouts, 1);
    assert_eq!(pair.log[2].at, Time::from_ps(100_000_000));
    assert_eq!(psns(&pair.sent_by(0)), [0xff_fffe, 0xff_ffff, 0xff_fffe, 0xff_ffff]);
    assert_eq!(pair.ends[1].responder.counters().duplicates, 1);
}

#[test]
fn packets_beyond_the_reorder_buffer_are_dropped_and_reported_once() {
    let mut requester = requester_config(Transport::Rc);
    requester.recovery = Recovery::SelectiveRepeat;
    let mut responder = responder_config(Transport::Rc);
    responder.reorder_packets = 2;
    let mut lose = true;
    let mut pair = Pair::new(requester, responder)
        .with_fate(move |_| if std::mem::take(&mut lose) { vec![] } else { vec![LATENCY] });
    pair.ends[0].push(request(1, Work::Write { remote: at(0), immediate: None }, 256 * 6), pattern(256 * 6, 1));
    pair.run();
    assert_eq!(pair.ends[1].port.memory[..256 * 6], pattern(256 * 6, 1));
    assert_eq!(pair.ends[0].completions, [(1, Status::Ok)]);
}
