//! The requester alone, fed by hand.

mod retry;

use super::*;
use crate::transport::AtomicOperation;
use crate::transport::tests::pair::{at, request, requester_config};
use proptest::prelude::*;
use wire::{Aeth, Ext, NakCode, Opcode, Position, Reth};

const START: u32 = 0xff_fffe;

fn requester(change: impl FnOnce(&mut RequesterConfig)) -> Requester {
    let mut config = requester_config(Transport::Rc);
    change(&mut config);
    Requester::new(config)
}

const WRITE: Work = Work::Write { remote: at(0), immediate: None };
const READ: Work = Work::Read { remote: at(0) };
const SEND: Work = Work::Send(Suffix::None);

fn push(requester: &mut Requester, id: u32, work: Work, length_bytes: u32) {
    push_request(requester, request(id, work, length_bytes));
}

fn push_request(requester: &mut Requester, request: SendRequest) {
    let mut events = Vec::new();
    requester.push(request, &mut events);
    assert_eq!(events, []);
}

/// Sequence numbers, counted from the start, of all packets that leave now.
fn drain(requester: &mut Requester) -> Vec<i32> {
    let mut sent = Vec::new();
    while let Some(step) = requester.next_step(Time::ZERO) {
        match step {
            Step::Packet { packet, .. } => sent.push(packet.psn.distance(Psn::new(START))),
            Step::Local { id } => panic!("local work {id} was not expected"),
        }
    }
    assert!(!requester.is_ready(Time::ZERO));
    sent
}

/// Which of all packets that leave now ask for an acknowledgement.
fn ack_requests(requester: &mut Requester) -> Vec<bool> {
    let asked = std::iter::from_fn(|| match requester.next_step(Time::ZERO)? {
        Step::Packet { packet, .. } => Some(packet.ack_request),
        Step::Local { .. } => None,
    });
    asked.collect()
}

fn ack(requester: &mut Requester, index: u32, aeth: Aeth) -> Vec<Event> {
    ack_at(requester, Time::ZERO, index, aeth)
}

fn ack_at(requester: &mut Requester, now: Time, index: u32, aeth: Aeth) -> Vec<Event> {
    let mut events = Vec::new();
    requester.on_acknowledge(now, Psn::new(START + index), aeth, &mut events);
    events
}

fn read_response(requester: &mut Requester, index: u32, position: Position, payload_bytes: u32) -> Vec<Event> {
    let mut events = Vec::new();
    requester.on_read_response(Time::ZERO, Psn::new(START + index), position, payload_bytes, None, &mut events);
    events
}

const fn completed(id: u32, status: Status) -> Event {
    Event::Completed { id, status, signalled: true }
}

const UNLIMITED: Aeth = Aeth::ack(Aeth::UNLIMITED_CREDITS, 0);

#[test]
fn the_window_holds_packets_back_and_its_last_one_asks() {
    let mut requester = requester(|config| config.window_packets = 3);
    push(&mut requester, 1, WRITE, 256 * 5);
    assert_eq!(ack_requests(&mut requester), [false, false, true]);
    assert_eq!(ack(&mut requester, 1, UNLIMITED), []);
    assert_eq!(drain(&mut requester), [3, 4]);
    assert_eq!(ack(&mut requester, 2, Aeth::nak(NakCode::PsnSequence, 0)), []);
    assert_eq!(ack_requests(&mut requester), [false, false, true], "also when sent again");
    assert_eq!(ack(&mut requester, 4, UNLIMITED), [completed(1, Status::Ok)]);
}

#[test]
fn every_so_many_packets_ask() {
    let mut requester = requester(|config| config.ack_every_packets = 2);
    push(&mut requester, 1, WRITE, 256 * 5);
    assert_eq!(ack_requests(&mut requester), [false, true, false, true, true]);
}

#[test]
fn reads_are_limited_and_reserve_the_numbers_of_their_answers() {
    let mut requester = requester(|config| {
        config.max_rd_atomic = 2;
        config.window_packets = 1;
    });
    for id in 1..=3 {
        push(&mut requester, id, READ, 256 * 4);
    }
    push(&mut requester, 4, WRITE, 8);
    assert_eq!(drain(&mut requester), [0, 4], "answers do not fill the window, the limit holds the third");
    for (index, position) in [(0, Position::First), (1, Position::Middle), (2, Position::Middle)] {
        assert_eq!(read_response(&mut requester, index, position, 256).len(), 1);
    }
    assert_eq!(drain(&mut requester), []);
    let events = read_response(&mut requester, 3, Position::Last, 256);
    assert_eq!(events, [Event::Place { id: 1, offset_bytes: 768, length_bytes: 256 }, completed(1, Status::Ok)]);
    assert_eq!(drain(&mut requester), [8, 12]);
}

#[test]
fn a_fence_waits_for_reads_and_atomics_only() {
    let mut requester = requester(|_| {});
    push(&mut requester, 1, WRITE, 8);
    push_request(&mut requester, SendRequest { fence: true, ..request(2, SEND, 8) });
    push(&mut requester, 3, READ, 8);
    push_request(&mut requester, SendRequest { fence: true, ..request(4, Work::Local, 0) });
    push(&mut requester, 5, WRITE, 8);
    assert_eq!(drain(&mut requester), [0, 1, 2]);
    let events = read_response(&mut requester, 2, Position::Only, 8);
    assert_eq!(events.len(), 4, "the answer acknowledges what is before it: {events:?}");
    assert_eq!(requester.next_step(Time::ZERO), Some(Step::Local { id: 4 }));
    assert_eq!(requester.next_step(Time::ZERO), None, "nothing passes local work");
    let mut events = Vec::new();
    requester.on_local_done(4, Status::Ok, &mut events);
    assert_eq!(events, [completed(4, Status::Ok)]);
    assert_eq!(drain(&mut requester), [3]);
}

#[test]
fn local_work_completes_in_its_turn_and_is_not_repeated() {
    let mut requester = requester(|_| {});
    push(&mut requester, 1, WRITE, 8);
    push(&mut requester, 2, Work::Local, 0);
    push(&mut requester, 3, WRITE, 8);
    assert!(matches!(requester.next_step(Time::ZERO), Some(Step::Packet { id: 1, .. })));
    assert_eq!(requester.next_step(Time::ZERO), Some(Step::Local { id: 2 }));
    let mut events = Vec::new();
    requester.on_local_done(2, Status::Ok, &mut events);
    assert_eq!(events, [], "the request before it is not acknowledged");
    assert_eq!(drain(&mut requester), [1]);
    assert_eq!(ack(&mut requester, 0, Aeth::nak(NakCode::PsnSequence, 0)), []);
    assert_eq!(drain(&mut requester), [0, 1]);
    let order = [1, 2, 3].map(|id| completed(id, Status::Ok));
    assert_eq!(ack(&mut requester, 1, UNLIMITED), order);
}

#[test]
fn failures_found_here_are_reported_in_turn() {
    let mut requester = requester(|_| {});
    push(&mut requester, 1, WRITE, 8);
    push(&mut requester, 2, SEND, 1 + (1 << 31));
    push(&mut requester, 3, WRITE, 8);
    assert_eq!(drain(&mut requester), [0], "nothing passes a request that cannot be sent");
    let events = ack(&mut requester, 0, UNLIMITED);
    assert_eq!(events, [completed(1, Status::Ok), completed(2, Status::LocalLength)]);
    assert_eq!(requester.flush().collect::<Vec<_>>(), [3]);
}

#[test]
fn a_request_that_no_transport_has_fails_at_once() {
    let refused = |transport, work, length| {
        let mut events = Vec::new();
        let mut requester = requester(|config| config.transport = transport);
        requester.push(request(1, work, length), &mut events);
        events
    };
    let atomic = Work::Atomic { remote: at(0), operation: AtomicOperation::FetchAdd { add: 1 } };
    for work in [READ, atomic, Work::Send(Suffix::Invalidate(1))] {
        assert_eq!(refused(Transport::Uc, work, 8), [completed(1, Status::LocalQpOperation)], "{work:?}");
        assert_eq!(refused(Transport::Rc, work, 8), [], "{work:?}");
    }
    assert_eq!(refused(Transport::Ud, WRITE, 8), [completed(1, Status::LocalQpOperation)]);
    assert_eq!(refused(Transport::Ud, SEND, 257), [completed(1, Status::LocalLength)]);
    assert_eq!(refused(Transport::Ud, SEND, 256), []);
}

#[test]
fn a_message_cut_by_a_local_failure_sends_no_more() {
    let mut requester = requester(|_| {});
    push(&mut requester, 1, WRITE, 8);
    push(&mut requester, 2, WRITE, 256 * 3);
    for _ in 0..2 {
        assert!(requester.next_step(Time::ZERO).is_some());
    }
    let mut events = Vec::new();
    requester.fail(2, Status::LocalProtection, &mut events);
    assert_eq!((events, drain(&mut requester)), (vec![], vec![]));
    let events = ack(&mut requester, 1, UNLIMITED);
    assert_eq!(events, [completed(1, Status::Ok), completed(2, Status::LocalProtection)]);
    assert_eq!(requester.deadline(), None);
}

#[test]
fn credits_limit_what_consumes_receives() {
    let mut requester = requester(|_| {});
    push(&mut requester, 1, SEND, 8);
    drain(&mut requester);
    // One message executed, one receive left: message 2 has a credit, message 3 may probe.
    assert_eq!(ack(&mut requester, 0, Aeth::ack(1, 1)), [completed(1, Status::Ok)]);
    for id in 2..=4 {
        push(&mut requester, id, SEND, 8);
    }
    push(&mut requester, 5, WRITE, 8);
    assert_eq!(drain(&mut requester), [1, 2]);
    assert_eq!(ack(&mut requester, 2, Aeth::ack(0, 3)).len(), 2);
    assert_eq!(drain(&mut requester), [3, 4], "WRITE needs no credit");
    push(&mut requester, 6, SEND, 8);
    push(&mut requester, 7, SEND, 8);
    assert_eq!(drain(&mut requester), []);
    assert_eq!(ack(&mut requester, 2, Aeth::ack(2, 3)), [], "repeated, it brings credits");
    assert_eq!(drain(&mut requester), [5]);
}

#[test]
fn answers_that_do_not_fit_end_the_connection() {
    let cases = [
        (READ, Position::Last, 256, "a READ begins with its first packet"),
        (READ, Position::Only, 256, "and does not end with it"),
        (READ, Position::First, 255, "full packets are full"),
        (WRITE, Position::First, 256, "a WRITE has no such answer"),
    ];
    for (work, position, payload_bytes, why) in cases {
        let mut requester = requester(|_| {});
        push(&mut requester, 1, work, 1000);
        drain(&mut requester);
        let events = read_response(&mut requester, 0, position, payload_bytes);
        assert_eq!(events, [completed(1, Status::BadResponse)], "{why}");
    }
}

#[test]
fn draining_finishes_what_was_begun() {
    let mut requester = requester(|config| config.window_packets = 2);
    push(&mut requester, 1, WRITE, 256 * 3);
    push(&mut requester, 2, WRITE, 8);
    assert_eq!(drain(&mut requester), [0, 1]);
    requester.set_draining(true);
    ack(&mut requester, 1, UNLIMITED);
    assert!(!requester.is_drained(), "a message is half sent");
    assert_eq!(drain(&mut requester), [2]);
    assert!(!requester.is_drained());
    ack(&mut requester, 2, UNLIMITED);
    assert!(requester.is_drained());
    requester.set_draining(false);
    assert_eq!(drain(&mut requester), [3]);
    ack(&mut requester, 3, UNLIMITED);
    push(&mut requester, 3, Work::Local, 0);
    assert_eq!(requester.next_step(Time::ZERO), Some(Step::Local { id: 3 }));
    assert!(!requester.is_drained(), "local work is being done");
}

#[test]
fn the_longest_read_fills_the_circle_and_nothing_passes_it() {
    let mut requester = requester(|_| {});
    push(&mut requester, 1, WRITE, 8);
    push(&mut requester, 2, READ, 1 << 31);
    assert_eq!(drain(&mut requester), [0]);
    ack(&mut requester, 0, UNLIMITED);
    assert_eq!(drain(&mut requester), [1]);
    push(&mut requester, 3, WRITE, 8);
    assert_eq!(drain(&mut requester), []);
    assert_eq!(read_response(&mut requester, 1, Position::First, 256).len(), 1);
    assert_eq!(drain(&mut requester), [1 - (1 << 23)], "2^23 further on");
}

fn any_ext() -> impl Strategy<Value = Ext> {
    let aeth = || any::<(u8, u32)>().prop_map(|(syndrome, msn)| Aeth { syndrome, msn });
    let reth = || {
        let length = prop_oneof![0..2000_u32, any::<u32>()];
        (any::<u64>(), any::<u32>(), length).prop_map(|(virtual_address, rkey, length_bytes)| Reth {
            virtual_address,
            rkey,
            length_bytes,
        })
    };
    prop_oneof![
        Just(Ext::None),
        aeth().prop_map(Ext::Aeth),
        (aeth(), any::<u64>()).prop_map(|(aeth, value)| Ext::AtomicAck(aeth, value)),
        reth().prop_map(Ext::Reth),
    ]
}

proptest! {
    #[test]
    fn no_answer_panics_and_every_request_ends_once(
        answers in prop::collection::vec((0..40_u32, 0..0x20_u8, any_ext(), prop_oneof![Just(256_u32), 0..300_u32]), 0..60),
    ) {
        let mut requester = requester(|_| {});
        let mut events = Vec::new();
        for id in 0..8 {
            let work = [WRITE, READ, SEND, Work::Local][id as usize % 4];
            requester.push(request(id, work, id * 200), &mut events);
        }
        for (index, opcode, ext, payload_bytes) in answers {
            while let Some(step) = requester.next_step(Time::ZERO) {
                if let Step::Local { id } = step {
                    requester.on_local_done(id, Status::Ok, &mut events);
                }
            }
            let psn = Psn::new(START).add(index).add(0xff_fffc);
            let packet =
                Packet { psn, opcode: Opcode(opcode), ack_request: false, solicited: false, ext, payload_bytes };
            requester.on_response(Time::ZERO, &packet, &mut events);
        }
        let completed = events.iter().filter_map(|event| match event {
            Event::Completed { id, .. } => Some(*id),
            _ => None,
        });
        let ended: Vec<u32> = completed.chain(requester.clone().flush()).collect();
        prop_assert_eq!(ended, (0..8).collect::<Vec<_>>());
    }
}

proptest! {
    /// The short way of packets from the middle of a message says and leaves what the usual way does.
    #[test]
    fn packets_from_the_middle_go_both_ways(
        messages in prop::collection::vec((0..3_usize, 0..2_000_u32), 1..6),
        window_packets in 1..12_u32,
        ack_every_packets in 1..6_u32,
    ) {
        let mut usual = requester(|config| {
            (config.window_packets, config.ack_every_packets) = (window_packets, ack_every_packets);
        });
        for (id, (kind, length_bytes)) in (0..).zip(messages) {
            push(&mut usual, id, [WRITE, SEND, READ][kind], length_bytes);
        }
        let mut short = usual.clone();
        for _ in 0..12 {
            loop {
                let Some(mut middle) = short.middle(Time::ZERO) else {
                    let step = short.next_step(Time::ZERO);
                    prop_assert_eq!(step, usual.next_step(Time::ZERO));
                    if step.is_none() {
                        break;
                    }
                    continue;
                };
                for _ in 0..middle.packets {
                    let packet = middle.packet(short.send_middle(Time::ZERO));
                    let Middle { id, offset_bytes, .. } = middle;
                    let step = Step::Packet { packet, id, offset_bytes, retransmission: false };
                    prop_assert_eq!(Some(step), usual.next_step(Time::ZERO));
                    prop_assert_eq!(format!("{short:?}"), format!("{usual:?}"));
                    middle.psn = middle.psn.add(1);
                    middle.offset_bytes += middle.payload_bytes;
                }
                prop_assert_eq!(short.middle(Time::ZERO), None, "all that could follow has followed");
            }
            let sent = usual.next_psn().distance(Psn::new(START)) as u32;
            for requester in [&mut short, &mut usual] {
                ack(requester, sent.saturating_sub(1), UNLIMITED);
            }
        }
    }
}
