//! A captured cluster run, read by Wireshark's dissector: WRITE, READ, SEND and their acknowledgements.

use bytes::Bytes;
use scenarios::spec::{Scenario, Workload};
use scenarios::{RunOptions, run};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Write};
use std::process::Command;
use wire::capture::Capture;
use wire::icrc;

/// Protocols that tshark suspects in every payload and whose dissectors trip over short ones.
const PAYLOAD_GUESSES: [&str; 2] = ["rpcordma", "infiniband.eoib"];

const INPUT_BYTES: usize = 10_000;
const CHUNK_BYTES: u32 = 4_096;
const MTU_BYTES: u16 = 1_024;

/// A capture of both directions of a two-node run.
fn capture() -> Bytes {
    let mut scenario = Scenario::named("dissection");
    scenario.cluster.mtu_bytes = MTU_BYTES;
    let Workload::Replicate(replicate) = &mut scenario.workload else { panic!("the default workload replicates") };
    replicate.chunk_bytes = CHUNK_BYTES;
    let input = (0..INPUT_BYTES).map(|index| (index * 7 % 251) as u8).collect::<Vec<u8>>().into();
    let options = RunOptions { input, capture: vec!["node0-switch".to_owned()], ..RunOptions::default() };
    let report = run(&scenario, &options).expect("two nodes and a switch");
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    Bytes::from(report.captures.into_iter().next().expect("the cable was captured").pcapng)
}

/// A dissected frame, field by field.
type Row = BTreeMap<&'static str, String>;

const FIELDS: [&str; 10] = [
    "frame.interface_name",
    "infiniband.bth.opcode",
    "infiniband.bth.destqp",
    "infiniband.bth.psn",
    "infiniband.bth.a",
    "infiniband.reth.va",
    "infiniband.reth.r_key",
    "infiniband.reth.dmalen",
    "infiniband.aeth.syndrome",
    "_ws.malformed",
];

/// `None` if there is no tshark.
fn dissect(capture: &[u8]) -> Option<Vec<Row>> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(capture).expect("room for a capture");
    let mut command = Command::new("tshark");
    command.args(["-n", "-o", "ip.check_checksum:TRUE", "-T", "fields", "-E", "separator=|"]);
    command.args(PAYLOAD_GUESSES.iter().flat_map(|protocol| ["--disable-protocol", protocol]));
    command.args(FIELDS.iter().flat_map(|field| ["-e", field])).arg("-r").arg(file.path());
    let output = match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: 1 test, tshark is not installed");
            return None;
        }
        output => output.expect("tshark runs"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().map(|line| FIELDS.into_iter().zip(line.split('|').map(str::to_owned)).collect()).collect())
}

fn opcode(row: &Row) -> Option<u8> {
    row["infiniband.bth.opcode"].parse().ok()
}

#[test]
fn every_frame_has_a_right_icrc() {
    let capture = Capture::read(&capture()).expect("our own capture");
    assert!(capture.records.len() > 50, "only {} frames", capture.records.len());
    for record in &capture.records {
        assert_eq!(record.original_len, record.frame.len());
        icrc::check(&record.frame).expect("a RoCEv2 frame with its check sequence");
    }
}

#[test]
fn the_dissector_reads_what_was_meant() {
    let Some(rows) = dissect(&capture()) else { return };
    assert!(rows.iter().all(|row| row["_ws.malformed"].is_empty()), "malformed frames");
    let seen: BTreeSet<u8> = rows.iter().filter_map(opcode).collect();
    // SEND ONLY, WRITE FIRST MIDDLE LAST, READ request and its FIRST MIDDLE LAST, ACK; UD SEND ONLY of connection management.
    for wanted in [0x04, 0x06, 0x07, 0x08, 0x0c, 0x0d, 0x0e, 0x0f, 0x11, 0x64] {
        assert!(seen.contains(&wanted), "no frame with opcode {wanted:#04x} among {seen:02x?}");
    }
    let lengths = |wanted: u8| -> BTreeSet<u32> {
        rows.iter()
            .filter(|row| opcode(row) == Some(wanted))
            .map(|row| row["infiniband.reth.dmalen"].parse().expect("a length"))
            .collect()
    };
    let last = INPUT_BYTES as u32 % CHUNK_BYTES;
    assert_eq!(lengths(0x06), [last, CHUNK_BYTES].into(), "lengths of WRITEs");
    assert_eq!(lengths(0x0c), [last, CHUNK_BYTES].into(), "lengths of READs");
    let positive = |row: &&Row| opcode(row) == Some(0x11) && row["infiniband.aeth.syndrome"] == "31";
    assert!(rows.iter().filter(positive).count() > 0, "no positive acknowledgement");
}

/// Sequence numbers of requests go up by one, or by as many as a READ has response packets.
#[test]
fn sequence_numbers_are_gapless() {
    let Some(rows) = dissect(&capture()) else { return };
    let mut next: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut checked = 0;
    for row in &rows {
        // Requests of RC: SEND, WRITE, READ request.
        let Some(code @ 0x00..=0x0c) = opcode(row) else { continue };
        let number: u32 = row["infiniband.bth.psn"].parse().expect("a sequence number");
        let flow = (row["frame.interface_name"].clone(), row["infiniband.bth.destqp"].clone());
        if let Some(&expected) = next.get(&flow) {
            assert_eq!(number, expected, "of opcode {code:#04x} in {flow:?}");
            checked += 1;
        }
        let length: u32 = row["infiniband.reth.dmalen"].parse().unwrap_or(0);
        let packets = if code == 0x0c { length.div_ceil(u32::from(MTU_BYTES)) } else { 1 };
        next.insert(flow, number.wrapping_add(packets) & 0x00ff_ffff);
    }
    assert!(checked > 20, "only {checked} numbers were compared");
}
