//! What is lost and how it is repaired, packet by packet. Both ends start at PSN 0xfffffe, so that all of it wraps.

use super::pair::{LATENCY, Pair, RKEY, at, pattern, request, requester_config, responder_config};
use crate::transport::{AtomicOperation, Packet, Remote, Status, Suffix, Work};
use des::{Dur, Time};
use wire::{Aeth, Ext, NakCode, Opcode, Operation, Position, Psn, Reth, Transport};

fn write(address: u64) -> Work {
    Work::Write { remote: at(address), immediate: None }
}

fn psns(packets: &[Packet]) -> Vec<u32> {
    packets.iter().map(|packet| packet.psn.value()).collect()
}

#[test]
fn a_write_of_three_packets() {
    let mut pair = Pair::reliable();
    pair.ends[0].push(request(1, write(100), 600), pattern(600, 1));
    pair.run();
    assert_eq!(pair.ends[1].port.memory[100..700], pattern(600, 1));
    assert_eq!(pair.ends[0].completions, [(1, Status::Ok)]);
    let sent = pair.sent_by(0);
    assert_eq!(psns(&sent), [0xff_fffe, 0xff_ffff, 0]);
    assert_eq!(sent[0].ext, Ext::Reth(Reth { virtual_address: 100, rkey: RKEY, length_bytes: 600 }));
    assert_eq!(sent.iter().map(|packet| packet.ack_request).collect::<Vec<_>>(), [false, false, true]);
    let answers = pair.sent_by(1);
    assert_eq!((psns(&answers), answers[0].ext), (vec![0], Ext::Aeth(Aeth::ack(31, 1))));
}

#[test]
fn a_lost_packet_costs_one_nak_and_a_return_to_it() {
    let mut pair = Pair::reliable().losing(&[1]);
    pair.ends[0].push(request(1, write(0), 256 * 5), pattern(256 * 5, 1));
    pair.run();
    assert_eq!(psns(&pair.sent_by(0)), [0xff_fffe, 0xff_ffff, 0, 1, 2, 0xff_ffff, 0, 1, 2]);
    let answers = pair.sent_by(1);
    assert_eq!(answers[0].ext, Ext::Aeth(Aeth::nak(NakCode::PsnSequence, 0)));
    assert_eq!(psns(&answers), [0xff_ffff, 2], "one report for three packets out of sequence");
    let counters = pair.ends[0].requester.counters();
    assert_eq!((counters.sequence_naks, counters.timeouts, counters.retransmitted), (1, 0, 4));
    assert_eq!(pair.ends[1].port.memory[..1280], pattern(1280, 1));
}

#[test]
fn a_lost_acknowledgement_is_repeated_after_the_timeout() {
    let mut pair = Pair::reliable().losing(&[1]);
    pair.ends[1].port.receives.extend([512, 512]);
    pair.ends[0].push(request(1, Work::Send(Suffix::None), 10), pattern(10, 1));
    pair.run();
    assert_eq!(pair.ends[1].port.received.len(), 1, "executed once");
    assert_eq!(pair.ends[1].responder.counters().duplicates, 1);
    assert_eq!(pair.ends[0].completions, [(1, Status::Ok)]);
    // 4.096 us x 2^4 after the first packet.
    assert_eq!(pair.log[2].at, Time::from_ps(65_536_000));
}

#[test]
fn a_lost_acknowledgement_is_covered_by_the_next() {
    let mut pair = Pair::reliable().with_fate(|sent| {
        let first_ack = sent.from == 1 && sent.packet.psn == Psn::new(0xff_fffe);
        if first_ack { vec![] } else { vec![LATENCY] }
    });
    pair.ends[0].push(request(1, write(0), 10), pattern(10, 1));
    pair.ends[0].push(request(2, write(10), 10), pattern(10, 2));
    pair.run();
    assert_eq!(pair.ends[0].completions, [(1, Status::Ok), (2, Status::Ok)]);
    assert_eq!(pair.ends[0].requester.counters().retransmitted, 0);
}

#[test]
fn the_rest_of_a_read_is_asked_for_again() {
    // 0: request, 1 to 4: answer.
    let mut pair = Pair::reliable().losing(&[2]);
    pair.ends[1].port.memory = pattern(16 << 10, 3);
    pair.ends[0].push(request(1, Work::Read { remote: at(1000) }, 1000), vec![]);
    pair.run();
    assert_eq!(pair.ends[0].buffers[&1], pattern(16 << 10, 3)[1000..2000]);
    let sent = pair.sent_by(0);
    assert_eq!(psns(&sent), [0xff_fffe, 0xff_ffff]);
    assert_eq!(sent[1].ext, Ext::Reth(Reth { virtual_address: 1256, rkey: RKEY, length_bytes: 744 }));
    assert_eq!(psns(&pair.sent_by(1)), [0xff_fffe, 0xff_ffff, 0, 1, 0xff_ffff, 0, 1]);
    assert_eq!(pair.ends[0].requester.counters().implied_naks, 1);
}

#[test]
fn an_acknowledgement_beyond_a_read_shows_that_its_answer_is_lost() {
    let mut lose = true;
    let mut pair = Pair::reliable().with_fate(move |sent| {
        let answer = matches!(sent.packet.opcode.decode(), Some((_, Operation::ReadResponse, _)));
        if answer && std::mem::take(&mut lose) { vec![] } else { vec![LATENCY] }
    });
    pair.ends[0].push(request(1, Work::Read { remote: at(0) }, 8), vec![]);
    pair.ends[0].push(request(2, write(100), 8), pattern(8, 1));
    pair.run();
    assert_eq!(pair.ends[0].completions, [(1, Status::Ok), (2, Status::Ok)]);
    let counters = pair.ends[0].requester.counters();
    assert_eq!((counters.implied_naks, counters.timeouts, counters.retransmitted), (1, 0, 2));
}

#[test]
fn an_atomic_whose_answer_is_lost_is_executed_once() {
    let mut pair = Pair::reliable().losing(&[1]);
    let work = Work::Atomic { remote: at(8), operation: AtomicOperation::FetchAdd { add: 5 } };
    pair.ends[0].push(request(1, work, 8), vec![]);
    pair.run();
    assert_eq!(pair.ends[1].port.memory[8], 5);
    assert_eq!(pair.ends[0].atomic_results[&1], 0);
    assert_eq!(pair.ends[1].responder.counters().duplicates, 1);
}

#[test]
fn silence_ends_after_all_retries() {
    let mut pair = Pair::reliable().with_fate(|_| vec![]);
    pair.ends[0].push(request(1, write(0), 8), pattern(8, 1));
    pair.ends[0].push(request(2, write(0), 8), pattern(8, 1));
    pair.run();
    assert_eq!(pair.ends[0].completions, [(1, Status::RetryExceeded)]);
    assert_eq!(pair.ends[0].requester.flush().collect::<Vec<_>>(), [2]);
    // Two requests, sent once and again seven times; eight timeouts, seven of them begun 50 ns late at most.
    assert_eq!(pair.log.len(), 16);
    assert_eq!(pair.now, Time::from_ps(65_536_000 * 8));
}

#[test]
fn a_receiver_that_is_not_ready_is_given_its_time() {
    let mut pair = Pair::reliable();
    pair.ends[1].later_receives = Some((Dur::from_us(25), 0));
    pair.ends[0].push(request(1, Work::Send(Suffix::None), 600), pattern(600, 1));
    pair.run();
    assert_eq!(pair.ends[1].port.received[0].0, pattern(600, 1));
    // Code 1 is 10 us, so the attempts are at 0, 12, 24 and 36 us; packets behind the first are not answered.
    assert_eq!(pair.ends[0].requester.counters().rnr_naks, 3);
    assert_eq!(pair.ends[0].requester.counters().timeouts, 0);
    let firsts = pair.log.iter().filter(|sent| sent.packet.opcode == Opcode(0)).map(|sent| sent.at);
    assert_eq!(firsts.collect::<Vec<_>>(), [0, 12, 24, 36].map(|us| Time::from_ps(us * 1_000_000)));
}

#[test]
fn a_receiver_that_is_never_ready_is_given_up() {
    let mut config = requester_config(Transport::Rc);
    config.rnr_retry = 2;
    let mut pair = Pair::new(config, responder_config(Transport::Rc));
    pair.ends[0].push(request(1, write(0), 8), pattern(8, 1));
    pair.ends[0].push(request(2, Work::Send(Suffix::None), 8), pattern(8, 1));
    pair.run();
    assert_eq!(pair.ends[0].completions, [(1, Status::Ok), (2, Status::RnrRetryExceeded)]);
    assert_eq!(pair.ends[1].responder.counters().receiver_not_ready, 3);
}

#[test]
fn a_refused_access_stops_the_requester_in_order() {
    let mut pair = Pair::reliable();
    let wrong = Work::Write { remote: Remote { address: 0, rkey: 7 }, immediate: None };
    for (id, work) in [(1, write(0)), (2, wrong), (3, write(0))] {
        pair.ends[0].push(request(id, work, 8), pattern(8, id as u8));
    }
    pair.run();
    assert_eq!(pair.ends[0].completions, [(1, Status::Ok), (2, Status::RemoteAccess)]);
    assert_eq!(pair.ends[0].requester.flush().collect::<Vec<_>>(), [3]);
    assert_eq!(pair.ends[1].port.memory[..8], pattern(8, 1), "what follows is not executed");
}

#[test]
fn an_unreliable_message_with_a_gap_is_dropped_and_its_receive_serves_the_next() {
    let mut pair = Pair::new(requester_config(Transport::Uc), responder_config(Transport::Uc)).losing(&[1]);
    pair.ends[1].port.receives.push_back(1024);
    for id in [1, 2] {
        pair.ends[0].push(request(id, Work::Send(Suffix::Immediate(id)), 700), pattern(700, id as u8));
    }
    pair.run();
    assert_eq!(pair.ends[0].completions, [(1, Status::Ok), (2, Status::Ok)], "sent is done");
    let received = &pair.ends[1].port.received;
    assert_eq!(received.len(), 1);
    assert_eq!((&received[0].0, received[0].1.immediate), (&pattern(700, 2), Some(2)));
    assert_eq!(pair.sent_by(1), [], "nobody answers");
    assert_eq!(
        pair.sent_by(0)[2].opcode,
        Opcode::new(Transport::Uc, Operation::Send, Position::LastImmediate).unwrap()
    );
}
