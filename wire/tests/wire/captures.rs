//! Every frame of the captures of Linux soft-RoCE, if they are there: parsed, encoded to the same bytes, ICRC checked.

use bytes::Bytes;
use std::path::Path;
use wire::capture::Capture;
use wire::cm::Mad;
use wire::{Body, Frame, ParseError, Payload, Qpn, icrc};

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
    match &frame.body {
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
