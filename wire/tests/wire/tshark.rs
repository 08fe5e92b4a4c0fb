//! What Wireshark's dissector makes of our frames and our captures, if `tshark` is installed.

use crate::packets::{packet, real_frames};
use std::io::{ErrorKind, Write};
use std::process::Command;
use wire::pcapng::Writer;
use wire::{Aeth, AtomicEth, Deth, Ext, Frame, Mac, NakCode, Opcode, Pause, PauseFrame, Qpn, Reth, RocePacket};

const FIELDS: [&str; 12] = [
    "frame.time_epoch",
    "frame.interface_name",
    "frame.comment",
    "infiniband.bth.opcode",
    "infiniband.bth.destqp",
    "infiniband.bth.psn",
    "infiniband.bth.padcnt",
    "infiniband.reth.va",
    "infiniband.reth.r_key",
    "infiniband.reth.dmalen",
    "infiniband.aeth.syndrome",
    "infiniband.aeth.msn",
];

/// Protocols that tshark suspects in every payload and whose dissectors trip over short ones, those of real captures too.
const PAYLOAD_GUESSES: [&str; 2] = ["rpcordma", "infiniband.eoib"];

/// Rows of the fields that `arguments` ask for; `None` if there is no tshark.
fn dissect(capture: &[u8], arguments: &[&str]) -> Option<Vec<String>> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(capture).expect("room for a capture");
    let mut command = Command::new("tshark");
    command.args(["-n", "-o", "ip.check_checksum:TRUE"]);
    command.args(PAYLOAD_GUESSES.iter().flat_map(|protocol| ["--disable-protocol", protocol]));
    command.arg("-r").arg(file.path()).args(arguments);
    let output = match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: 1 test, tshark is not installed");
            return None;
        }
        output => output.expect("tshark runs"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// One capture of two ports: frames go to each in turn, a microsecond and a nanosecond apart.
fn capture(frames: &[Frame]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).expect("a vector takes all");
    let ports = ["node0.nic0", "node1.nic0"].map(|name| writer.add_interface(name).expect("a short name"));
    for (number, frame) in frames.iter().enumerate() {
        let comment = if number == 0 { "the first" } else { "" };
        let time_ns = 1_001 * (number as u64 + 1);
        writer.write_frame(ports[number % 2], time_ns, &frame.encode(), comment).expect("a good frame");
    }
    writer.finish().expect("a vector takes all")
}

#[test]
fn fields_are_dissected() {
    let reth = Reth { virtual_address: 0x1234_5678_9abc_def0, rkey: 0xfeed, length_bytes: 5 };
    let nak = Aeth::nak(NakCode::RemoteAccess, 9);
    let frames = [
        packet(Opcode(0x0a), 0xabcdef, Ext::Reth(reth), b"hello"),
        packet(Opcode(0x0c), 1, Ext::Reth(reth), b""),
        packet(Opcode(0x10), 1, Ext::Aeth(Aeth::ack(31, 7)), b"hello"),
        packet(Opcode(0x11), 2, Ext::Aeth(nak), b""),
    ];
    let mut arguments = vec!["-T", "fields", "-E", "separator=|"];
    arguments.extend(FIELDS.iter().flat_map(|field| ["-e", field]));
    let Some(rows) = dissect(&capture(&frames.map(Frame::from)), &arguments) else { return };
    assert_eq!(
        rows,
        [
            "0.000001001|node0.nic0|the first|10|0x000012|11259375|3|0x123456789abcdef0|0x0000feed|5||",
            "0.000002002|node1.nic0||12|0x000012|1|0|0x123456789abcdef0|0x0000feed|5||",
            "0.000003003|node0.nic0||16|0x000012|1|3||||31|7",
            "0.000004004|node1.nic0||17|0x000012|2|0||||98|9",
        ]
    );
}

/// A packet of every defined code.
fn every_code() -> Vec<RocePacket> {
    let aeth = Aeth::ack(Aeth::UNLIMITED_CREDITS, 1);
    let reth = Reth { virtual_address: 64, rkey: 2, length_bytes: 3000 };
    let deth = Deth { qkey: 0x1111_1111, reserved: 0, source_qp: Qpn::new(3) };
    let atomic = AtomicEth { virtual_address: 64, rkey: 2, swap_or_add: 1, compare: 2 };
    let ext = |low: u8| match low {
        0x03 | 0x05 | 0x09 => Ext::Immediate(7),
        0x06 | 0x0a | 0x0c => Ext::Reth(reth),
        0x0b => Ext::RethImmediate(reth, 7),
        0x0d | 0x0f | 0x10 | 0x11 => Ext::Aeth(aeth),
        0x12 => Ext::AtomicAck(aeth, 5),
        0x13 | 0x14 => Ext::Atomic(atomic),
        0x16 | 0x17 => Ext::Invalidate(2),
        _ => Ext::None,
    };
    let payload = |low: u8| if matches!(low, 0x0c | 0x11..=0x14) { &b""[..] } else { b"payload" };
    let connected = (0x00..=0x17).filter(|&low| low != 0x15).chain(0x20..=0x2b);
    let connected = connected.map(|code| packet(Opcode(code), 5, ext(code & 0x1f), payload(code & 0x1f)));
    let datagrams = [
        packet(Opcode::UD_SEND_ONLY, 6, Ext::Deth(deth), b"payload"),
        packet(Opcode::UD_SEND_ONLY_IMMEDIATE, 7, Ext::DethImmediate(deth, 7), b"payload"),
        packet(Opcode::CNP, 0, Ext::None, &[0; 16]),
    ];
    connected.chain(datagrams).collect()
}

#[test]
fn nothing_is_malformed() {
    let mut frames: Vec<Frame> = every_code().into_iter().map(Frame::from).collect();
    frames.extend(real_frames().into_iter().map(|(_, bytes)| Frame::parse(bytes)));
    let pause = Pause::Priorities([None, None, None, Some(0xffff), None, None, None, Some(0)]);
    frames.push(PauseFrame { source_mac: Mac([2, 0, 0, 0, 0, 1]), pause }.into());
    let mut damaged = frames[0].encode().to_vec();
    damaged[24] ^= 1;
    frames.push(Frame::parse(damaged.into()));

    let filter = "_ws.malformed || _ws.expert.severity == error || ip.checksum.status == Bad";
    let capture = capture(&frames);
    let Some(bad) = dissect(&capture, &["-Y", filter, "-T", "fields", "-e", "frame.number"]) else { return };
    assert_eq!(bad, [frames.len().to_string()], "tshark objects to the damaged IPv4 header and to nothing else");

    let arguments = ["-T", "fields", "-E", "separator=|", "-e", "infiniband.bth.opcode", "-e", "macc.opcode"];
    let rows = dissect(&capture, &arguments).expect("tshark was there a moment ago");
    for (number, (frame, row)) in frames.iter().zip(&rows).enumerate() {
        match frame.roce() {
            Ok(packet) => assert_eq!(*row, format!("{}|", packet.bth.opcode.0), "frame {number}"),
            Err(_) => assert!(["|0x0101", "100|", "0|"].contains(&row.as_str()), "frame {number}: {row}"),
        }
    }
    assert_eq!(rows.len(), frames.len());
}
