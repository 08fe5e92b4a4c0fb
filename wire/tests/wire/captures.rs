//! Every frame of the captures of Linux soft-RoCE, if they are there: parsed, encoded to the same bytes, ICRC checked.

use bytes::Bytes;
use std::path::Path;
use wire::capture::Capture;
use wire::cm::{Mad, Message};
use wire::{Body, Frame, Operation, ParseError, Payload, Psn, Qpn, RocePacket, icrc};

/// Beside the workspace; not part of it.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/pcaps");
/// The capture that holds one packet whose ICRC is wrong on purpose.
const WITH_ONE_BAD: &str = "host-handmade-vs-rxe.pcap";

#[test]
fn captures_of_soft_roce_survive() {
    let Ok(folder) = Path::new(FOLDER).read_dir() else {
        eprintln!("skipped: 1 test, no captures in {FOLDER}");
        return;
    };
    let mut frames = 0;
    for path in folder.map(|entry| entry.expect("a readable folder").path()) {
        if path.extension().is_none_or(|extension| extension != "pcap") {
            continue;
        }
        let file = Bytes::from(std::fs::read(&path).expect("a readable capture"));
        let capture = Capture::read(&file).expect("a capture");
        let bad = capture.records.iter().filter(|record| !survives(&record.frame)).count();
        let expected = usize::from(path.ends_with(WITH_ONE_BAD));
        assert_eq!(bad, expected, "frames with a wrong ICRC in {}", path.display());
        frames += capture.records.len();
    }
    assert!(frames > 0, "captures with frames in {FOLDER}");
}

/// Whether the ICRC is right. All else is asserted.
fn survives(bytes: &Bytes) -> bool {
    let frame = Frame::parse(bytes.clone());
    assert_eq!(frame.encode(), bytes, "same bytes");
    match frame.body() {
        Body::Roce(packet) => {
            assert_eq!(icrc::check(bytes), Ok(()));
            if let (Qpn::GSI, Payload::Bytes(payload)) = (packet.bth.dest_qp, &packet.payload) {
                let mad = Mad::parse(payload).expect("a connection message");
                assert_eq!(mad.encode(), payload, "same bytes");
            }
            true
        }
        Body::Raw(_) => {
            assert!(matches!(icrc::check(bytes), Err(ParseError::Icrc { .. })), "{bytes:x}");
            false
        }
    }
}

/// The packets of one capture.
fn packets(name: &str) -> Option<Vec<RocePacket>> {
    let file = std::fs::read(Path::new(FOLDER).join(name)).ok()?;
    let capture = Capture::read(&file.into()).expect("a capture");
    let frames = capture.records.iter().map(|record| Frame::parse(record.frame.clone()));
    Some(frames.filter_map(|frame| frame.roce().ok().map(|packet| packet.into_owned())).collect())
}

/// The sequence number in REQ and REP is the one that the other side begins with, not the own one.
#[test]
fn each_side_begins_with_what_the_other_expects() {
    let Some(packets) = packets("rxe-cm-rping.pcap") else {
        eprintln!("skipped: 1 test, no captures in {FOLDER}");
        return;
    };
    let message = |packet: &RocePacket| match &packet.payload {
        Payload::Bytes(bytes) if packet.bth.dest_qp == Qpn::GSI => Mad::parse(bytes).ok().map(|mad| mad.message),
        _ => None,
    };
    let expected = packets.iter().find_map(|packet| match message(packet)? {
        Message::Req(req) => Some((packet.ip.source, req.starting_psn)),
        _ => None,
    });
    let (caller, by_caller) = expected.expect("a request");
    let by_acceptor = packets.iter().find_map(|packet| match message(packet)? {
        Message::Rep(rep) => Some(rep.starting_psn),
        _ => None,
    });
    let first = |from_caller: bool| -> Option<Psn> {
        let asks = |packet: &&RocePacket| {
            let operation = packet.bth.opcode.decode().map(|(_, operation, _)| operation);
            packet.bth.dest_qp != Qpn::GSI
                && (packet.ip.source == caller) == from_caller
                && !matches!(operation, Some(Operation::Acknowledge | Operation::ReadResponse))
        };
        packets.iter().find(asks).map(|packet| packet.bth.psn)
    };
    assert_eq!((first(true), first(false)), (by_acceptor, Some(by_caller)));
}
