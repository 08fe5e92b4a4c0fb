//! Frames of every opcode as two devices send them: exact, with a right check sequence, and well-formed to Wireshark's dissector.

use crate::support::driver::{ip, pattern};
use crate::support::{Connection, Qp, Registered, World};
use bytes::Bytes;
use des::Dur;
use nic_model::congestion::usual;
use nic_model::regs::cmd::{Command, KeyKind, MkeyContext, QpType};
use nic_model::regs::wqe::{AddressVector, Atomic, Bind, Body, DataList, Opcode, RemoteAddress, WqeFlags};
use smallvec::smallvec;
use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::process::Command as Program;
use std::sync::{Arc, Mutex};
use wire::cm::{CommIds, Drep, Dreq, GSI_QKEY, Mad, Message, Mra, PrivateData, Rej, RejReason, Rtu, Stage};
use wire::pcapng::Writer;
use wire::{Ecn, Frame, Qpn, RocePacket, icrc};

/// First and last byte counts of messages that have a FIRST, MIDDLE and LAST packet, or one alone.
const LENGTHS: [u32; 3] = [700, 500, 9];

/// Two devices, and what they have put on the cable.
struct Cable {
    world: World,
    taken: Arc<Mutex<Vec<Bytes>>>,
}

impl Cable {
    fn new() -> Self {
        let mut world = World::with(|config| config.congestion = usual("dcqcn").expect("a known scheme").parameters);
        let taken = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&taken);
        world.fate = Box::new(move |_, frame| {
            log.lock().expect("nobody panics with it").push(frame.encode());
            vec![(Dur::ZERO, Box::new(marked(frame)))]
        });
        Self { world, taken }
    }

    fn pair(&mut self, qp_type: QpType) -> ([Qp; 2], [Registered; 2]) {
        let world = &mut self.world;
        let ends = [world.create_qp(0, qp_type), world.create_qp(1, qp_type)];
        let how = Connection { path_mtu: 1, ..Connection::default() };
        world.connect([&ends[0], &ends[1]], qp_type == QpType::RC, how);
        let buffers = [world.buffer(0, 4_000, 8), world.buffer(1, 4_000, 16)];
        (ends, buffers)
    }

    /// Every operation that connected queue pairs have, in one packet and in many.
    fn connected(&mut self, qp_type: QpType) {
        let ([mut a, mut b], [near, far]) = self.pair(qp_type);
        let world = &mut self.world;
        let remote = RemoteAddress { address: far.address(), key: far.key };
        for length in LENGTHS {
            let data = || DataList::Segments(smallvec![near.at(0, length)]);
            for _ in 0..3 {
                world.post_receive(&mut b, &[far.at(0, 1_000)]);
            }
            world.send(&mut a, Opcode::SEND, Body::Send(data()));
            world.send(&mut a, Opcode::SEND_IMMEDIATE, Body::Send(data()));
            world.send(&mut a, Opcode::WRITE, Body::Remote(remote, data()));
            world.send(&mut a, Opcode::WRITE_IMMEDIATE, Body::Remote(remote, data()));
            if qp_type == QpType::RC {
                world.send(&mut a, Opcode::READ, Body::Remote(remote, data()));
            }
            world.run();
        }
        if qp_type == QpType::RC {
            for opcode in [Opcode::COMPARE_SWAP, Opcode::FETCH_ADD] {
                world.send(&mut a, opcode, Body::Atomic(remote, Atomic::default(), near.at(0, 8)));
            }
            LENGTHS.into_iter().for_each(|length| invalidate(world, [&mut a, &mut b], [&near, &far], length));
        }
        world.run();
        assert!(world.completions(&mut a).iter().all(|cqe| !cqe.is_error()));
    }

    /// Datagrams, with and without immediate, and those of connection management.
    fn datagrams(&mut self) {
        let world = &mut self.world;
        let mads: Vec<Bytes> =
            messages().into_iter().map(|message| Mad { transaction_id: 5, message }.encode()).collect();
        for (qp_type, qkey) in [(QpType::UD, 7), (QpType::GSI, GSI_QKEY)] {
            let (mut a, b) = (world.create_qp(0, qp_type), world.create_qp(1, qp_type));
            world.start_datagrams(&a, qkey);
            world.start_datagrams(&b, qkey);
            let vector = AddressVector {
                dest_qpn: Qpn::new(b.number),
                qkey,
                dest_mac: world.nodes[1].nic.config().ports[0].mac.0,
                dest_gid: ip(1).into(),
                ..AddressVector::default()
            };
            let (opcodes, contents) = if qp_type == QpType::UD {
                (vec![Opcode::SEND, Opcode::SEND_IMMEDIATE], vec![Bytes::from(pattern(99, 1))])
            } else {
                (vec![Opcode::SEND], mads.clone())
            };
            for (opcode, content) in
                opcodes.iter().flat_map(|opcode| contents.iter().map(move |content| (*opcode, content)))
            {
                world.post(
                    &mut a,
                    opcode,
                    WqeFlags::SIGNALLED,
                    3,
                    Body::Datagram(vector, DataList::Inline(content.clone())),
                );
            }
            world.ring(&a);
            world.run();
            assert!(world.completions(&mut a).iter().all(|cqe| !cqe.is_error()));
        }
    }
}

/// A SEND with invalidate of a window that the peer has just bound.
fn invalidate(world: &mut World, [a, b]: [&mut Qp; 2], [near, far]: [&Registered; 2], length: u32) {
    let context = MkeyContext { kind: KeyKind::WINDOW_2, pd: world.nodes[1].driver.pd, ..MkeyContext::default() };
    let key = world.command(1, &Command::CreateMkey(context, Vec::new())).result;
    let bind = Bind {
        window_key: key,
        new_key: key | 7,
        region_key: far.key,
        address: far.address(),
        length_bytes: 8,
        ..Bind::default()
    };
    world.send(b, Opcode::BIND_WINDOW, Body::Bind(bind));
    world.post_receive(b, &[far.at(0, 1_000)]);
    world.run();
    let body = Body::Send(DataList::Segments(smallvec![near.at(0, length)]));
    world.post(a, Opcode::SEND_INVALIDATE, WqeFlags::SIGNALLED, key | 7, body);
    world.ring(a);
    world.run();
}

/// The first WRITE of a message meets congestion, which the receiver tells the sender of.
fn marked(frame: &Frame) -> Frame {
    let mut frame = frame.clone();
    frame.edit(|packet| {
        if packet.bth.opcode.0 == 0x06 {
            packet.ip.ecn = Ecn::Congested;
        }
    });
    frame
}

/// What the scenarios' captures do not have: they see REQ, REP and RTU.
fn messages() -> Vec<Message> {
    let comm_ids = CommIds::default();
    let rej = Rej {
        comm_ids,
        stage: Stage::REQ,
        reason: RejReason::CONSUMER_DEFINED,
        info_len: 0,
        info: PrivateData::default(),
        private_data: PrivateData::default(),
    };
    vec![
        Message::Mra(Mra { comm_ids, stage: Stage::REQ, service_timeout: 3, private_data: PrivateData::default() }),
        Message::Rej(rej),
        Message::Rtu(Rtu { comm_ids, private_data: PrivateData::default() }),
        Message::Dreq(Dreq { comm_ids, remote_qpn: Qpn::new(9), private_data: PrivateData::default() }),
        Message::Drep(Drep { comm_ids, private_data: PrivateData::default() }),
    ]
}

/// All frames of one run.
fn frames() -> Vec<Bytes> {
    let mut stage = Cable::new();
    stage.connected(QpType::RC);
    stage.connected(QpType::UC);
    stage.datagrams();
    let taken = stage.taken.lock().expect("nobody panics with it");
    taken.clone()
}

#[test]
fn every_opcode_is_sent_and_exact() {
    let frames = frames();
    let mut seen = BTreeSet::new();
    for frame in &frames {
        icrc::check(frame).expect("a right check sequence");
        let packet = RocePacket::parse(frame).expect("it encodes to the same bytes");
        seen.insert(packet.bth.opcode.0);
    }
    // RC but its resynchronisation (0x15), UC, datagrams, congestion notification.
    let every = (0x00..=0x17).filter(|code| *code != 0x15).chain(0x20..=0x2b).chain([0x64, 0x65, 0x81]);
    assert_eq!(seen.into_iter().collect::<Vec<u8>>(), every.collect::<Vec<u8>>());
}

#[test]
fn the_dissector_finds_nothing_malformed() {
    let frames = frames();
    let mut writer = Writer::new(Vec::new()).expect("a vector takes all");
    let cable = writer.add_interface("cable").expect("a short name");
    for (number, frame) in frames.iter().enumerate() {
        writer.write_frame(cable, 1_000 * number as u64, frame, "").expect("a good frame");
    }
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(&writer.finish().expect("a vector takes all")).expect("room for a capture");
    let mut program = Program::new("tshark");
    // Protocols that it suspects in every payload and whose dissectors trip over short ones.
    program.args(["-n", "--disable-protocol", "rpcordma", "--disable-protocol", "infiniband.eoib"]);
    program.args(["-T", "fields", "-E", "separator=|", "-e", "infiniband.bth.opcode", "-e", "_ws.malformed"]);
    let output = match program.arg("-r").arg(file.path()).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: 1 test, tshark is not installed");
            return;
        }
        output => output.expect("tshark runs"),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), frames.len());
    for (frame, row) in frames.iter().zip(rows) {
        let opcode = RocePacket::parse(frame).expect("seen above").bth.opcode.0;
        assert_eq!(row, format!("{opcode}|"), "opcode, and nothing malformed");
    }
}
