//! Dialogues of two consumers over a good and a bad network.

use super::pair::{Fate, LIMITS, Pair, RETRIES, Seen, Side, end};
use crate::backend::{ConnectionId, ConnectionLimits};
use crate::ndk::Status;
use crate::sim::cm::table::State;
use crate::sim::cm::{Input, Notice, REJECT_PRIVATE_BYTES};
use bytes::Bytes;
use des::Dur;
use proptest::prelude::*;

const SHORT: Dur = Dur::from_us(100);

fn connected() -> (Pair, ConnectionId, ConnectionId) {
    let mut pair = Pair::new(Vec::new());
    pair.listen();
    let active = pair.connect();
    pair.run(SHORT);
    let passive = pair.b.request().expect("the request has arrived");
    pair.accept(passive);
    pair.run(SHORT);
    pair.input(Side::A, Input::Complete(active));
    pair.run(SHORT);
    (pair, active, passive)
}

#[test]
fn both_sides_agree_on_what_they_have() {
    let (pair, active, passive) = connected();
    assert_eq!(pair.a.told(active), [Notice::Replied, Notice::Done]);
    assert_eq!(pair.b.told(passive), [Notice::Established]);
    let (a, b) = (&pair.a.connections, &pair.b.connections);
    let (seen_by_a, seen_by_b) = (a.established(active).expect("known"), b.established(passive).expect("known"));
    assert_eq!((seen_by_a.local, seen_by_a.peer), (seen_by_b.peer, seen_by_b.local));
    // Asked: 8 in, 4 out against 3 in, 200 out (16 at most).
    assert_eq!((seen_by_a.inbound_reads, seen_by_a.outbound_reads), (8, 3));
    assert_eq!((seen_by_b.inbound_reads, seen_by_b.outbound_reads), (3, 8));
    assert_eq!(&seen_by_a.private_data[..8], b"welcome\0");
    assert!(seen_by_b.private_data.is_empty());
    let (to_b, to_a) = (a.remote_end(active).expect("known"), b.remote_end(passive).expect("known"));
    assert_eq!((to_b.qpn, to_b.starting_psn), (end(34).qpn, end(34).starting_psn));
    assert_eq!((to_a.qpn, to_a.starting_psn), (end(17).qpn, end(17).starting_psn));
    assert_eq!((to_a.path_mtu.bytes(), to_b.path_mtu.bytes()), (Some(4096), Some(4096)));
}

#[test]
fn a_disconnect_is_answered_and_told() {
    for side in [Side::A, Side::B] {
        let (mut pair, active, passive) = connected();
        let ids = |side| if side == Side::A { active } else { passive };
        pair.input(side, Input::Disconnect(ids(side)));
        pair.run(SHORT);
        assert_eq!(pair.node(side).told(ids(side)).last(), Some(&Notice::Done));
        let other = side.other();
        assert_eq!(pair.node(other).told(ids(other)).last(), Some(&Notice::Disconnected { graceful: true }));
        pair.input(other, Input::Disconnect(ids(other)));
        assert_eq!(pair.node(other).told(ids(other)).last(), Some(&Notice::Done), "at once");
    }
}

#[test]
fn both_may_disconnect_at_the_same_time() {
    let (mut pair, active, passive) = connected();
    pair.input(Side::A, Input::Disconnect(active));
    pair.input(Side::B, Input::Disconnect(passive));
    pair.run(SHORT);
    assert_eq!(pair.a.told(active).last(), Some(&Notice::Done));
    assert_eq!(pair.b.told(passive), [Notice::Established, Notice::Done]);
}

#[test]
fn a_broken_connection_is_told_on_both_sides_and_can_still_be_disconnected() {
    let (mut pair, active, passive) = connected();
    pair.input(Side::A, Input::Broken(active));
    assert_eq!(pair.a.told(active).last(), Some(&Notice::Disconnected { graceful: false }));
    pair.input(Side::A, Input::Disconnect(active));
    pair.run(SHORT);
    assert_eq!(pair.a.told(active).last(), Some(&Notice::Done));
    assert_eq!(pair.b.told(passive).last(), Some(&Notice::Disconnected { graceful: true }));
}

#[test]
fn nobody_listening_is_a_refusal_and_so_is_a_pause() {
    let mut pair = Pair::new(Vec::new());
    let unheard = pair.connect();
    pair.run(SHORT);
    let (listener, _) = pair.listen();
    pair.b.connections.ports().pause(listener, true).expect("it listens");
    let paused = pair.connect();
    pair.run(SHORT);
    for id in [unheard, paused] {
        assert_eq!(pair.a.told(id), [Notice::Failed(Status::CONNECTION_REFUSED)]);
        assert_eq!(pair.a.connections.refusal(id), None, "no consumer said no");
    }
    assert_eq!(pair.b.seen, []);
}

#[test]
fn either_side_can_reject() {
    let mut pair = Pair::new(Vec::new());
    pair.listen();
    let active = pair.connect();
    pair.run(SHORT);
    let passive = pair.b.request().expect("the request has arrived");
    pair.input(Side::B, Input::Reject { connection: passive, private_data: Bytes::from_static(b"no") });
    pair.run(SHORT);
    assert_eq!(pair.b.told(passive), [Notice::Done]);
    assert_eq!(pair.a.told(active), [Notice::Failed(Status::CONNECTION_REFUSED)]);
    let said = pair.a.connections.refusal(active).expect("a consumer refused");
    assert_eq!((&said[..3], said.len()), (b"no\0".as_slice(), REJECT_PRIVATE_BYTES));

    let mut pair = Pair::new(Vec::new());
    pair.listen();
    let active = pair.connect();
    pair.run(SHORT);
    let passive = pair.b.request().expect("the request has arrived");
    pair.accept(passive);
    pair.run(SHORT);
    pair.input(Side::A, Input::Reject { connection: active, private_data: Bytes::new() });
    pair.run(SHORT);
    assert_eq!(pair.b.told(passive), [Notice::Failed(Status::CONNECTION_ABORTED)]);
}

#[test]
fn a_silent_peer_is_given_up_after_all_repeats() {
    let mut pair = Pair::new(vec![Fate::Drop; 1000]);
    pair.listen();
    let active = pair.connect();
    let wait = Dur::from_ps(wire::codes::timeout_ps(10));
    pair.run(wait * u64::from(RETRIES) + wait - Dur::from_ps(1));
    assert_eq!(pair.a.told(active), []);
    pair.run(Dur::from_ps(1));
    assert_eq!(pair.a.told(active), [Notice::Failed(Status::IO_TIMEOUT)]);
}

#[test]
fn slow_consumers_are_waited_for_on_both_sides() {
    let mut pair = Pair::new(Vec::new());
    pair.listen();
    let active = pair.connect();
    // Ten repeats alone would last 42 ms; with an MRA for each, fifteen last longer than 200 ms.
    pair.run(Dur::from_ms(200));
    let passive = pair.b.request().expect("the request has arrived");
    assert_eq!(pair.b.seen, [Seen::Request(passive)], "repeats are not new requests");
    pair.accept(passive);
    pair.run(Dur::from_ms(200));
    assert_eq!(pair.a.told(active), [Notice::Replied]);
    pair.input(Side::A, Input::Complete(active));
    pair.run(SHORT);
    assert_eq!(pair.b.told(passive), [Notice::Established]);
}

#[test]
fn a_lost_rtu_is_made_good_by_traffic_or_by_a_repeat() {
    // REQ, REP, RTU.
    let fates = vec![Fate::Deliver, Fate::Deliver, Fate::Drop];
    for traffic in [true, false] {
        let mut pair = Pair::new(fates.clone());
        pair.listen();
        let active = pair.connect();
        pair.run(SHORT);
        let passive = pair.b.request().expect("the request has arrived");
        pair.accept(passive);
        pair.run(SHORT);
        pair.input(Side::A, Input::Complete(active));
        pair.run(SHORT);
        assert_eq!(pair.b.told(passive), []);
        if traffic {
            pair.input(Side::B, Input::Traffic(passive));
        } else {
            pair.run(Dur::from_ms(10));
        }
        assert_eq!(pair.b.told(passive), [Notice::Established]);
    }
}

#[test]
fn too_much_private_data_changes_nothing() {
    let mut pair = Pair::new(Vec::new());
    pair.listen();
    pair.connect();
    pair.run(SHORT);
    let connection = pair.b.request().expect("the request has arrived");
    let too_long = Notice::Failed(Status::INVALID_BUFFER_SIZE);
    pair.input(Side::B, Input::Reject { connection, private_data: vec![0; 149].into() });
    let private_data = vec![0; 197].into();
    pair.input(Side::B, Input::Accept { connection, end: end(1), limits: LIMITS, private_data });
    assert_eq!(pair.b.told(connection), [too_long, too_long]);
    assert_eq!(pair.b.state(Some(connection)), Some(State::RequestReceived));
}

/// What a consumer does at a turn.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Accept,
    Complete,
    Reject,
    Disconnect,
    Abandon,
    Break,
    Traffic,
}

fn take(pair: &mut Pair, side: Side, id: ConnectionId, turn: Turn) {
    let limits = ConnectionLimits { inbound_reads: 1, outbound_reads: 1 };
    let private_data = Bytes::new();
    let input = match turn {
        Turn::Accept => Input::Accept { connection: id, end: end(34), limits, private_data },
        Turn::Complete => Input::Complete(id),
        Turn::Reject => Input::Reject { connection: id, private_data },
        Turn::Disconnect => Input::Disconnect(id),
        Turn::Abandon => Input::Abandon(id),
        Turn::Break => Input::Broken(id),
        Turn::Traffic => Input::Traffic(id),
    };
    // Packets arrive only on a QP whose peer has completed.
    let last = pair.a.seen.last();
    let stood = matches!(last, Some(Seen::Told(id, _)) if pair.a.state(Some(*id)) == Some(State::Established));
    if stood || !matches!(turn, Turn::Traffic) {
        pair.input(side, input);
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![3 => Just(Fate::Deliver), 2 => Just(Fate::Drop), 1 => Just(Fate::Duplicate), 1 => Just(Fate::Delay)]
}

fn turn() -> impl Strategy<Value = (Side, Turn, u64)> {
    let side = prop_oneof![Just(Side::A), Just(Side::B)];
    let turn = prop_oneof![
        4 => Just(Turn::Accept),
        4 => Just(Turn::Complete),
        1 => Just(Turn::Reject),
        2 => Just(Turn::Disconnect),
        1 => Just(Turn::Abandon),
        1 => Just(Turn::Break),
        1 => Just(Turn::Traffic),
    ];
    (side, turn, 0_u64..10_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    /// Whatever the network loses, repeats and delays, and whatever the consumers do: both sides end in the same place.
    #[test]
    fn both_sides_come_to_one_end(
        fates in prop::collection::vec(fate(), 0..usize::from(RETRIES)),
        turns in prop::collection::vec(turn(), 0..12),
    ) {
        let mut pair = Pair::new(fates);
        let (listener, _) = pair.listen();
        let active = pair.connect();
        for (side, turn, wait_us) in turns {
            pair.run(Dur::from_us(wait_us));
            let id = if side == Side::A { Some(active) } else { pair.b.request() };
            if let Some(id) = id {
                take(&mut pair, side, id, turn);
            }
        }
        // Longer than all repeats and promised waits, shorter than the linger of a connection that is over.
        pair.run(Dur::from_ms(900));
        let passive = pair.b.request();
        let (a, b) = (pair.a.state(Some(active)), pair.b.state(passive));
        prop_assert_eq!(a == Some(State::Established), b == Some(State::Established), "{:?} against {:?}", a, b);
        let waiting = |state: Option<State>| state.is_some_and(State::repeats);
        prop_assert!(!waiting(a) && !waiting(b), "{:?} and {:?} still repeat", a, b);
        let losses = |told: &[Notice]| told.iter().filter(|told| matches!(told, Notice::Disconnected { .. })).count();
        prop_assert!(losses(&pair.a.told(active)) <= 1);
        if let Some(passive) = passive {
            prop_assert!(losses(&pair.b.told(passive)) <= 1);
            let replies = pair.b.told(passive).iter().filter(|&&told| told == Notice::Established).count();
            prop_assert!(replies <= 1);
        }
        pair.close(active, passive, listener);
    }

    /// A network that is cut at any moment, for good: every request of the consumers ends.
    #[test]
    fn a_cut_network_ends_everything(kept in 0_usize..6) {
        let fates = (0..1000).map(|index| if index < kept { Fate::Deliver } else { Fate::Drop }).collect();
        let mut pair = Pair::new(fates);
        let (listener, _) = pair.listen();
        let active = pair.connect();
        pair.run(SHORT);
        if let Some(passive) = pair.b.request() {
            pair.accept(passive);
            pair.run(SHORT);
        }
        pair.input(Side::A, Input::Complete(active));
        pair.run(SHORT);
        pair.input(Side::A, Input::Disconnect(active));
        pair.run(Dur::from_ms(900));
        let passive = pair.b.request();
        for state in [pair.a.state(Some(active)), pair.b.state(passive)].into_iter().flatten() {
            prop_assert!(!state.repeats(), "{:?}", state);
        }
        pair.close(active, passive, listener);
    }
}
