//! The responder alone, fed by hand.

use super::*;
use crate::transport::tests::pair::{MEMORY_BYTES, RKEY, TestPort, responder_config};
use proptest::prelude::*;
use wire::{AtomicEth, Bth, Opcode, Qpn, Reth};

const START: u32 = 0xff_fffe;

fn responder(transport: Transport) -> (Responder, TestPort) {
    let mut port = TestPort::new();
    port.receives.extend([600; 4]);
    (Responder::new(responder_config(transport)), port)
}

fn packet(index: u32, operation: Operation, position: Position, ext: Ext, payload_bytes: u32) -> Packet {
    Packet {
        psn: Psn::new(START + index),
        opcode: Opcode::new(Transport::Rc, operation, position).expect("RC has it"),
        ack_request: position.is_last(),
        solicited: false,
        ext,
        payload_bytes,
    }
}

fn reth(length_bytes: u32) -> Ext {
    Ext::Reth(Reth { virtual_address: 0, rkey: RKEY, length_bytes })
}

/// The headers that belong to an opcode, for a message of `length_bytes`.
fn ext(operation: Operation, position: Position, length_bytes: u32) -> Ext {
    match (operation, position) {
        (Operation::ReadRequest, _) | (Operation::Write, Position::First | Position::Only) => reth(length_bytes),
        (Operation::Write, Position::OnlyImmediate) => {
            Ext::RethImmediate(Reth { virtual_address: 0, rkey: RKEY, length_bytes }, 9)
        }
        (_, Position::LastImmediate | Position::OnlyImmediate) => Ext::Immediate(9),
        (_, Position::LastInvalidate | Position::OnlyInvalidate) => Ext::Invalidate(9),
        (Operation::CompareSwap | Operation::FetchAdd, _) => {
            Ext::Atomic(AtomicEth { virtual_address: 8, rkey: RKEY, swap_or_add: 1, compare: 0 })
        }
        _ => Ext::None,
    }
}

fn give(responder: &mut Responder, port: &mut TestPort, packet: &Packet) -> Verdict {
    port.payload = vec![1; packet.payload_bytes as usize];
    responder.on_request(packet, port)
}

fn replies(responder: &mut Responder) -> Vec<Packet> {
    std::iter::from_fn(|| responder.next_reply(None)).map(|reply| reply.packet).collect()
}

const INVALID: Verdict = Verdict::Refused(NakCode::InvalidRequest);

/// What may follow what (IBTA volume 1, 9.7.4.1.5): every request opcode in each of three situations.
#[test]
fn the_whole_opcode_sequence_table() {
    use Operation::{CompareSwap, FetchAdd, ReadRequest, Send, Write};
    use Position::{First, Last, LastImmediate, LastInvalidate, Middle, Only, OnlyImmediate, OnlyInvalidate};
    let mut accepted = Vec::new();
    for in_progress in [None, Some(Send), Some(Write)] {
        for (_, operation, position) in (0..0x18).filter_map(|code| Opcode(code).decode()) {
            let (mut responder, mut port) = responder(Transport::Rc);
            if let Some(begun) = in_progress {
                let first = packet(0, begun, First, ext(begun, First, 512), 256);
                assert_eq!(give(&mut responder, &mut port, &first), Verdict::Accepted);
            }
            let payload_bytes = if matches!(operation, Send | Write) { 256 } else { 0 };
            let length = if position == First { 512 } else { 256 };
            let index = u32::from(in_progress.is_some());
            let next = packet(index, operation, position, ext(operation, position, length), payload_bytes);
            match give(&mut responder, &mut port, &next) {
                Verdict::Accepted => accepted.push((in_progress, operation, position)),
                verdict => assert!(matches!(verdict, INVALID | Verdict::Dropped), "{verdict:?} for {next:?}"),
            }
        }
    }
    let row = |in_progress, operation, positions: &[Position]| -> Vec<_> {
        positions.iter().map(|&position| (in_progress, operation, position)).collect()
    };
    let expected = [
        row(None, Send, &[First, Only, OnlyImmediate]),
        row(None, Write, &[First, Only, OnlyImmediate]),
        row(None, ReadRequest, &[Only]),
        row(None, CompareSwap, &[Only]),
        row(None, FetchAdd, &[Only]),
        row(None, Send, &[OnlyInvalidate]),
        row(Some(Send), Send, &[Middle, Last, LastImmediate, LastInvalidate]),
        // The message has 512 bytes, so a middle packet of 256 would leave nothing for the last one.
        row(Some(Write), Write, &[Last, LastImmediate]),
    ];
    assert_eq!(accepted, expected.concat());
}

/// Position and payload of each packet of a message.
type Packets<'a> = &'a [(Position, u32)];

#[test]
fn lengths_that_do_not_fit_are_refused() {
    use Position::{First, Last, Middle, Only};
    let cases: [(Packets<'_>, u32, &str); 7] = [
        (&[(First, 255)], 600, "a first packet is full"),
        (&[(First, 256)], 256, "a message of one packet has no first"),
        (&[(Only, 256)], 257, "the only packet has all bytes"),
        (&[(Only, 257)], 257, "no packet exceeds the PMTU"),
        (&[(First, 256), (Last, 255)], 512, "the last brings the rest"),
        (&[(First, 256), (Last, 0)], 600, "and is not empty"),
        (&[(First, 256), (Middle, 256), (Middle, 256)], 600, "never more than announced"),
    ];
    for (packets, length, why) in cases {
        let (mut responder, mut port) = responder(Transport::Rc);
        let mut verdicts = Vec::new();
        for (index, &(position, payload)) in (0..).zip(packets) {
            let ext = ext(Operation::Write, position, length);
            verdicts.push(give(&mut responder, &mut port, &packet(index, Operation::Write, position, ext, payload)));
        }
        assert_eq!(verdicts.pop(), Some(INVALID), "{why}");
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Accepted), "{why}");
        let nak = replies(&mut responder).pop().expect("it says so");
        assert_eq!(nak.ext, Ext::Aeth(Aeth::nak(NakCode::InvalidRequest, 0)));
    }
}

#[test]
fn a_send_longer_than_its_receive_fails_on_both_sides() {
    let (mut responder, mut port) = responder(Transport::Rc);
    let positions = [Position::First, Position::Middle, Position::Middle];
    let verdicts = [0, 1, 2].map(|index| {
        let packet = packet(index, Operation::Send, positions[index as usize], Ext::None, 256);
        give(&mut responder, &mut port, &packet)
    });
    assert_eq!(verdicts, [Verdict::Accepted, Verdict::Accepted, INVALID]);
    assert_eq!(port.received.len(), 1);
    assert_eq!(port.received[0].1.status, ReceiveStatus::LocalLength);
    assert!(!responder.flush(), "no receive is left hanging");
}

#[test]
fn a_receive_that_cannot_be_written_is_an_operational_error() {
    let (mut responder, mut port) = responder(Transport::Rc);
    port.receives_broken = true;
    let verdict = give(&mut responder, &mut port, &packet(0, Operation::Send, Position::Only, Ext::None, 8));
    assert_eq!(verdict, Verdict::Refused(NakCode::RemoteOperational));
    assert_eq!(port.received[0].1.status, ReceiveStatus::LocalProtection);
}

#[test]
fn an_invalidated_key_is_told_and_a_wrong_one_refused() {
    let (mut responder, mut port) = responder(Transport::Rc);
    let send = |index, key| packet(index, Operation::Send, Position::OnlyInvalidate, Ext::Invalidate(key), 8);
    assert_eq!(give(&mut responder, &mut port, &send(0, 7)), Verdict::Accepted);
    assert_eq!((port.invalidated.clone(), port.received[0].1.invalidated), (vec![7], Some(7)));
    let refused = give(&mut responder, &mut port, &send(1, RKEY));
    assert_eq!(refused, Verdict::Refused(NakCode::RemoteAccess));
    assert_eq!(port.received[1].1.status, ReceiveStatus::RemoteInvalidRequest);
}

#[test]
fn a_write_with_immediate_waits_for_a_receive_before_it_writes() {
    let (mut responder, mut port) = responder(Transport::Rc);
    port.receives.clear();
    let ext = ext(Operation::Write, Position::OnlyImmediate, 8);
    let write = packet(0, Operation::Write, Position::OnlyImmediate, ext, 8);
    assert_eq!(give(&mut responder, &mut port, &write), Verdict::ReceiverNotReady);
    assert_eq!(port.memory[..8], [0; 8]);
    port.receives.push_back(0);
    assert_eq!(give(&mut responder, &mut port, &write), Verdict::Accepted);
    let (_, completion) = port.received[0];
    assert_eq!((completion.by_write, completion.length_bytes, completion.immediate), (true, 8, Some(9)));
}

#[test]
fn acknowledgements_wait_for_earlier_reads_and_join_each_other() {
    let (mut responder, mut port) = responder(Transport::Rc);
    give(&mut responder, &mut port, &packet(0, Operation::ReadRequest, Position::Only, reth(600), 0));
    for index in [3, 4] {
        give(&mut responder, &mut port, &packet(index, Operation::Write, Position::Only, reth(8), 8));
    }
    let order: Vec<_> = replies(&mut responder).iter().map(|reply| (reply.opcode.0, reply.psn.value())).collect();
    assert_eq!(order, [(0x0d, 0xff_fffe), (0x0e, 0xff_ffff), (0x0f, 0), (0x11, 2)]);
}

#[test]
fn an_atomic_in_progress_holds_later_answers() {
    let (mut responder, mut port) = responder(Transport::Rc);
    let atomic = ext(Operation::FetchAdd, Position::Only, 8);
    give(&mut responder, &mut port, &packet(0, Operation::FetchAdd, Position::Only, atomic, 0));
    give(&mut responder, &mut port, &packet(1, Operation::Write, Position::Only, reth(8), 8));
    let again = give(&mut responder, &mut port, &packet(0, Operation::FetchAdd, Position::Only, atomic, 0));
    assert_eq!(again, Verdict::Dropped, "its first answer is still to come");
    assert!(!responder.has_reply());
    assert_eq!(replies(&mut responder), []);
    responder.on_atomic_done(Psn::new(START), 77);
    let answers = replies(&mut responder);
    assert_eq!(answers[0].ext, Ext::AtomicAck(Aeth::ack(31, 2), 77));
    assert_eq!(answers.len(), 2);
    assert_eq!(port.memory[8], 1, "executed once");
}

#[test]
fn a_duplicate_is_acknowledged_up_to_what_surely_arrived() {
    let (mut responder, mut port) = responder(Transport::Rc);
    let write = |index| packet(index, Operation::Write, Position::Only, reth(8), 8);
    give(&mut responder, &mut port, &write(0));
    give(&mut responder, &mut port, &write(1));
    replies(&mut responder);
    assert_eq!(give(&mut responder, &mut port, &write(0)), Verdict::Duplicate);
    assert_eq!(replies(&mut responder)[0].psn, Psn::new(START + 1), "the latest");
    give(&mut responder, &mut port, &packet(2, Operation::ReadRequest, Position::Only, reth(8), 0));
    give(&mut responder, &mut port, &write(3));
    replies(&mut responder);
    assert_eq!(give(&mut responder, &mut port, &write(0)), Verdict::Duplicate);
    assert_eq!(replies(&mut responder)[0].psn, Psn::new(START), "the answer of the READ may be lost");
}

#[test]
fn more_reads_than_agreed_are_refused() {
    let (mut responder, mut port) = responder(Transport::Rc);
    let read = |index| packet(index, Operation::ReadRequest, Position::Only, reth(8), 0);
    for index in 0..4 {
        assert_eq!(give(&mut responder, &mut port, &read(index)), Verdict::Accepted);
    }
    assert_eq!(give(&mut responder, &mut port, &read(4)), INVALID);
}

#[test]
fn a_late_failure_replaces_the_answers_from_there_on() {
    let (mut responder, mut port) = responder(Transport::Rc);
    give(&mut responder, &mut port, &packet(0, Operation::Write, Position::Only, reth(8), 8));
    give(&mut responder, &mut port, &packet(1, Operation::ReadRequest, Position::Only, reth(600), 0));
    give(&mut responder, &mut port, &packet(4, Operation::Write, Position::Only, reth(8), 8));
    assert_eq!(responder.next_reply(None).map(|reply| reply.packet.psn), Some(Psn::new(START)));
    assert_eq!(responder.next_reply(None).map(|reply| reply.packet.psn), Some(Psn::new(START + 1)));
    responder.fail(Psn::new(START + 2), NakCode::RemoteOperational);
    let left = replies(&mut responder);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].ext, Ext::Aeth(Aeth::nak(NakCode::RemoteOperational, 3)));
    assert_eq!(left[0].psn, Psn::new(START + 2));
    assert_eq!(
        give(&mut responder, &mut port, &packet(5, Operation::Write, Position::Only, reth(8), 8)),
        Verdict::Dropped
    );
}

#[test]
fn each_gap_is_reported_once() {
    let (mut responder, mut port) = responder(Transport::Rc);
    let mut say = |index| {
        let verdict = give(&mut responder, &mut port, &packet(index, Operation::Write, Position::Only, reth(8), 8));
        (verdict, replies(&mut responder).len())
    };
    assert_eq!([say(1), say(2)], [(Verdict::OutOfSequence, 1), (Verdict::OutOfSequence, 0)]);
    assert_eq!(say(0), (Verdict::Accepted, 1));
    assert_eq!([say(2), say(3)], [(Verdict::OutOfSequence, 1), (Verdict::OutOfSequence, 0)]);
}

#[test]
fn a_repeated_read_never_reaches_beyond_what_was_read() {
    let (mut responder, mut port) = responder(Transport::Rc);
    let read = |index, length| packet(index, Operation::ReadRequest, Position::Only, reth(length), 0);
    assert_eq!(give(&mut responder, &mut port, &read(0, 512)), Verdict::Accepted);
    replies(&mut responder);
    assert_eq!(give(&mut responder, &mut port, &read(1, 257)), Verdict::Dropped);
    assert_eq!(give(&mut responder, &mut port, &read(1, 256)), Verdict::Duplicate);
    assert_eq!(replies(&mut responder).len(), 1);
}

#[test]
fn an_unreliable_message_gives_way_to_the_next() {
    let (mut responder, mut port) = responder(Transport::Uc);
    let send = |index, position, payload| Packet {
        opcode: Opcode::new(Transport::Uc, Operation::Send, position).expect("UC has SEND"),
        ..packet(index, Operation::Send, position, Ext::None, payload)
    };
    assert_eq!(give(&mut responder, &mut port, &send(0, Position::First, 256)), Verdict::Accepted);
    assert_eq!(give(&mut responder, &mut port, &send(1, Position::Only, 8)), Verdict::Accepted);
    assert_eq!(give(&mut responder, &mut port, &send(2, Position::Last, 8)), Verdict::Dropped);
    assert_eq!((port.received.len(), port.receives.len()), (1, 3), "one receive served both");
    assert_eq!(replies(&mut responder), []);
}

#[test]
fn an_atomic_on_a_crooked_address_is_refused() {
    let (mut responder, mut port) = responder(Transport::Rc);
    let header = AtomicEth { virtual_address: 12, rkey: RKEY, swap_or_add: 1, compare: 0 };
    let atomic = packet(0, Operation::FetchAdd, Position::Only, Ext::Atomic(header), 0);
    assert_eq!(give(&mut responder, &mut port, &atomic), INVALID);
}

#[test]
fn an_empty_message_needs_no_key() {
    let (mut responder, mut port) = responder(Transport::Rc);
    let empty = Ext::Reth(Reth { virtual_address: u64::MAX, rkey: !RKEY, length_bytes: 0 });
    for (index, operation) in [(0, Operation::Write), (1, Operation::ReadRequest)] {
        let packet = packet(index, operation, Position::Only, empty, 0);
        assert_eq!(give(&mut responder, &mut port, &packet), Verdict::Accepted);
    }
    assert_eq!(replies(&mut responder).len(), 2);
}

#[test]
fn unasked_acknowledgements_come_every_so_many_packets() {
    let config = ResponderConfig { unasked_ack_packets: 2, ..responder_config(Transport::Rc) };
    let (mut responder, mut port) = (Responder::new(config), TestPort::new());
    let acknowledged = (0..6).filter(|&index| {
        let position = if index == 0 { Position::First } else { Position::Middle };
        give(&mut responder, &mut port, &packet(index, Operation::Write, position, reth(8192), 256));
        !replies(&mut responder).is_empty()
    });
    assert_eq!(acknowledged.collect::<Vec<_>>(), [1, 3, 5]);
}

#[test]
fn waiting_refusals_do_not_pile_up() {
    let (mut responder, mut port) = responder(Transport::Rc);
    port.receives.clear();
    for _ in 0..3 {
        let send = packet(0, Operation::Send, Position::Only, Ext::None, 8);
        assert_eq!(give(&mut responder, &mut port, &send), Verdict::ReceiverNotReady);
    }
    assert_eq!(replies(&mut responder).len(), 1);
}

#[test]
fn credits_are_announced_rounded_down() {
    let (mut responder, mut port) = responder(Transport::Rc);
    give(&mut responder, &mut port, &packet(0, Operation::Write, Position::Only, reth(8), 8));
    let reply = responder.next_reply(Some(5)).expect("it was asked for");
    assert_eq!(reply.packet.ext, Ext::Aeth(Aeth::ack(4, 1)));
}

proptest! {
    /// The short way of packets from the middle of a WRITE leaves what the usual way does, in memory too.
    #[test]
    fn packets_from_the_middle_of_a_write_go_both_ways(
        lengths in prop::collection::vec(1..2_000_u32, 1..5),
        unasked_ack_packets in 0..5_u32,
        asks in any::<u64>(),
    ) {
        let (_, mut port) = responder(Transport::Rc);
        let mut usual = Responder::new(ResponderConfig { unasked_ack_packets, ..responder_config(Transport::Rc) });
        let (mut short, mut other) = (usual.clone(), TestPort::new());
        let mut number = 0;
        for length_bytes in lengths {
            let span = length_bytes.div_ceil(256);
            for index in 0..span {
                let position = crate::transport::mtu::position(index, span);
                let payload_bytes = (length_bytes - index * 256).min(256);
                let asked = asks >> (number % 64) & 1 != 0;
                let header = ext(Operation::Write, position, length_bytes);
                let plain = packet(number, Operation::Write, position, header, payload_bytes);
                let packet = Packet { ack_request: asked || position.is_last(), ..plain };
                prop_assert_eq!(give(&mut usual, &mut port, &packet), Verdict::Accepted);
                let bth = Bth { ack_request: packet.ack_request, ..Bth::new(packet.opcode, Qpn::new(2), packet.psn) };
                match short.target(&bth, payload_bytes).filter(|_| position == Position::Middle) {
                    None => prop_assert_eq!(give(&mut short, &mut other, &packet), Verdict::Accepted),
                    Some(remote) => {
                        other.payload = vec![1; payload_bytes as usize];
                        prop_assert_eq!(other.place_write(remote, payload_bytes), Ok(()));
                        short.write_on(payload_bytes);
                    }
                }
                prop_assert_eq!(format!("{short:?}"), format!("{usual:?}"));
                number += 1;
            }
        }
        prop_assert_eq!(&other.memory, &port.memory);
    }

    #[test]
    fn no_request_panics(
        unreliable in any::<bool>(),
        requests in prop::collection::vec(
            (0..12_u32, any::<u8>(), prop_oneof![Just(256_u32), 0..300_u32], prop_oneof![0..800_u32, any::<u32>()], any::<u64>(), any::<bool>()),
            0..60,
        ),
    ) {
        let transport = if unreliable { Transport::Uc } else { Transport::Rc };
        let (mut responder, mut port) = responder(transport);
        for (index, code, payload_bytes, length, address, known) in requests {
            let base = if unreliable { 0x20 } else { 0 };
            let opcode = Opcode(if known { base | (code % 0x18) } else { code });
            let mut ext = opcode.decode().map_or(Ext::None, |(_, operation, position)| ext(operation, position, length));
            if let Ext::Reth(reth) = &mut ext {
                reth.virtual_address = if known { address % MEMORY_BYTES as u64 } else { address };
            }
            let psn = Psn::new(START).add(index).add(0xff_fffc);
            let packet = Packet { psn, opcode, ack_request: true, solicited: false, ext, payload_bytes };
            give(&mut responder, &mut port, &packet);
            if index % 3 == 0 {
                replies(&mut responder);
            }
        }
        replies(&mut responder);
    }
}
