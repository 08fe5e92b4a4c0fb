//! Golden bytes: frames of Linux soft-RoCE as values, and handmade frames whose ICRC another program computed.

use crate::packets::{hex, packet, real_frames};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::cm::ip::tcp_port;
use wire::cm::{CommId, IpHeader, Mad, Message, PathMtu, PrivateData, ServiceType};
use wire::headers::AethKind;
use wire::{
    Aeth, AtomicEth, Bth, Deth, Ecn, Ext, Frame, Ip, NakCode, Opcode, ParseError, Payload, Psn, Qpn, Reth, RocePacket,
};

fn real(name: &str) -> RocePacket {
    let (_, bytes) = real_frames().into_iter().find(|(known, _)| *known == name).expect("a known frame");
    RocePacket::parse(&bytes).expect("a good frame")
}

/// Opcode, destination, sequence number and acknowledge request, then the extended headers.
fn transport(packet: &RocePacket) -> (u8, u32, u32, bool, Ext) {
    let Bth { opcode, dest_qp, psn, ack_request, .. } = packet.bth;
    (opcode.0, dest_qp.value(), psn.value(), ack_request, packet.ext)
}

#[test]
fn real_frames_survive() {
    let frames = real_frames();
    let (damaged, good) = frames.split_last().expect("frames in the file");
    assert_eq!(good.len(), 22);
    for (name, bytes) in good {
        let packet = RocePacket::parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(packet.encode(), bytes, "{name}");
        assert_eq!(packet.wire_len(), bytes.len(), "{name}");
    }
    let (_, damaged) = damaged;
    let wrong = ParseError::Icrc { offset: damaged.len() - 4, needed: 0x74f0_2190, actual: 0x74f0_2191 };
    assert_eq!(RocePacket::receive(damaged), Err(wrong));
}

#[test]
fn requests() {
    let write = real("WRITE ONLY, 1 byte");
    let reth = |virtual_address, rkey, length_bytes| Reth { virtual_address, rkey, length_bytes };
    let expected = (0x0a, 0x12, 0x101, true, Ext::Reth(reth(0x396d_4000, 0x3c3, 1)));
    assert_eq!(transport(&write), expected);
    assert_eq!((write.bth.pad_count, write.payload.len(), write.udp_source_port), (3, 1, 0xc144));
    let expected = (0x0b, 0x12, 0x107, true, Ext::RethImmediate(reth(0x396d_4000, 0x3c3, 100), 0xfeca_0000));
    assert_eq!(transport(&real("WRITE ONLY with immediate")), expected);

    let read = real("READ request");
    assert_eq!(transport(&read), (0x0c, 0x13, 0x101, true, Ext::Reth(reth(0x172b_5000, 0x4ea, 1))));
    assert!(read.payload.is_empty());

    let send = real("SEND ONLY, 5 bytes");
    assert_eq!(transport(&send), (0x04, 0x11, 0x102, true, Ext::None));
    assert_eq!(send.payload, Payload::Bytes(vec![0, 1, 2, 3, 4].into()));
    assert_eq!(real("SEND ONLY, empty").payload, Payload::EMPTY);
    assert_eq!(real("SEND ONLY with immediate").ext, Ext::Immediate(0xefbe_adde));

    let atomic = |swap_or_add, compare| {
        Ext::Atomic(AtomicEth { virtual_address: 0x1788_7000, rkey: 0x577, swap_or_add, compare })
    };
    assert_eq!(transport(&real("compare and swap")), (0x13, 0x14, 0x100, true, atomic(9, 5)));
    assert_eq!(transport(&real("fetch and add")), (0x14, 0x14, 0x101, true, atomic(7, 0)));

    let deth = Deth { qkey: 0x1111_1111, reserved: 0, source_qp: Qpn::new(0x16) };
    assert_eq!(transport(&real("UD SEND ONLY")), (0x64, 0x16, 0x4d, false, Ext::Deth(deth)));
    assert_eq!(real("UD SEND ONLY with immediate").ext, Ext::DethImmediate(deth, 0xcdab_0000));
    assert_eq!(real("UC SEND ONLY with immediate").ext, Ext::Immediate(0x0500_0000));
    let expected = (0x2b, 0x15, 0x107, false, Ext::RethImmediate(reth(0x275b_2000, 0x673, 10), 0x0600_0000));
    assert_eq!(transport(&real("UC WRITE ONLY with immediate")), expected);
}

#[test]
fn answers() {
    let unlimited = |msn| Aeth::ack(Aeth::UNLIMITED_CREDITS, msn);
    let ack = real("ACK");
    assert_eq!(transport(&ack), (0x11, 0x11, 0x100, false, Ext::Aeth(unlimited(1))));
    assert_eq!((ack.ip.ttl, ack.ip.identification, ack.ip.ecn), (64, 0x3618, Ecn::NotCapable));

    let nak = real("NAK, PSN sequence");
    assert_eq!(transport(&nak), (0x11, 0x12_3456, 0x102, false, Ext::Aeth(Aeth::nak(NakCode::PsnSequence, 2))));
    let rnr = real("RNR NAK");
    assert_eq!(rnr.ext, Ext::Aeth(Aeth::rnr_nak(12, 0)));
    assert_eq!(Aeth::rnr_nak(12, 0).kind(), AethKind::RnrNak(12));
    assert_eq!(wire::codes::rnr_timer_us(12), 640);

    let response = real("READ response ONLY, 1 byte");
    assert_eq!(transport(&response), (0x10, 0x13, 0x101, false, Ext::Aeth(unlimited(2))));
    assert_eq!((response.bth.pad_count, response.payload.len()), (3, 1));
    assert_eq!(real("atomic acknowledge").ext, Ext::AtomicAck(unlimited(1), 5));
}

#[test]
fn handmade_congestion_notification() {
    let mut cnp = packet(Opcode::CNP, 0, Ext::None, &[0; 16]);
    (cnp.bth.becn, cnp.ip.dscp) = (true, 48);
    let golden = "020000000002020000000001080045c0003c00004000401125ef0a0000010a000002c00012b7002800008100ffff40000012\
                  00000000000000000000000000000000000000007a6fd95d";
    assert_eq!(cnp.encode(), hex(golden));
    assert_eq!(Frame::parse(hex(golden)), cnp.into());
}

#[test]
fn handmade_send_with_invalidate() {
    let mut send = packet(Opcode(0x17), 0xff_ffff, Ext::Invalidate(0xdead_beef), b"abc");
    (send.bth.solicited, send.bth.ack_request) = (true, true);
    (send.ip.dscp, send.ip.ecn, send.ip.identification) = (26, Ecn::Capable0, 7);
    let golden = "0200000000020200000000010800456a003400074000401126460a0000010a000002c00012b7002000001790ffff00000012\
                  80ffffffdeadbeef6162630085c69827";
    assert_eq!(send.encode(), hex(golden));
    assert_eq!(Frame::parse(hex(golden)), send.into());
}

#[test]
fn handmade_write_over_ipv6() {
    let reth = Reth { virtual_address: 0x1000, rkey: 0x77, length_bytes: 4 };
    let mut write = packet(Opcode(0x0a), 5, Ext::Reth(reth), b"data");
    write.bth.ack_request = true;
    let address = |last| IpAddr::from(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last));
    let (source, destination) = (address(1), address(2));
    write.ip = Ip { source, destination, dscp: 26, ecn: Ecn::Congested, flow_label: 0xabcde, ..write.ip };
    let golden = "02000000000202000000000186dd66babcde002c1140fd000000000000000000000000000001fd0000000000000000000000\
                  00000002c00012b7002c00000a00ffff0000001280000005000000000000100000000077000000046461746198\
                  6cc105";
    assert_eq!(write.encode(), hex(golden));
    assert_eq!(Frame::parse(hex(golden)), write.into());
}

fn mad(name: &str) -> Mad {
    let packet = real(name);
    assert_eq!(packet.bth.dest_qp, Qpn::GSI);
    assert!(matches!(packet.ext, Ext::Deth(deth) if deth.qkey == wire::cm::GSI_QKEY));
    let Payload::Bytes(payload) = packet.payload else { panic!("parsed payload is real") };
    let mad = Mad::parse(&payload).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(mad.encode(), payload, "{name}");
    mad
}

#[test]
fn a_real_connection_request() {
    let Mad { transaction_id, message: Message::Req(req) } = mad("CM REQ") else { panic!("a REQ") };
    assert_eq!((transaction_id, req.local_comm_id), (0x0002_414d_e32e, CommId(0x2ee3_4d41)));
    assert_eq!(tcp_port(req.service_id), Some(7174));
    assert_eq!((req.ca_guid, req.qkey, req.qpn), (0x6cc9_e8ff_fe22_279f, 0, Qpn::new(0x1d)));
    assert_eq!((req.responder_resources, req.initiator_depth), (1, 1));
    assert_eq!((req.remote_response_timeout, req.local_response_timeout), (20, 20));
    assert_eq!((req.service_type, req.flow_control), (ServiceType::RELIABLE, false));
    assert_eq!((req.starting_psn, req.pkey), (Psn::new(0x30_4c11), 0xffff));
    assert_eq!((req.retry_count, req.rnr_retry_count, req.max_cm_retries), (7, 7, 15));
    assert_eq!((req.path_mtu, req.path_mtu.bytes()), (PathMtu(3), Some(1024)));
    let [caller, called] = [1, 2].map(|last| Ipv4Addr::new(10, 7, 0, last));
    assert_eq!((req.primary.local_gid, req.primary.remote_gid), (caller.to_ipv6_mapped(), called.to_ipv6_mapped()));
    assert_eq!((req.primary.local_lid, req.primary.flow_label, req.primary.packet_rate), (0xffff, 0x3013c, 0));
    assert_eq!((req.primary.hop_limit, req.primary.ack_timeout), (64, 19));
    assert_eq!(req.alternate, wire::cm::Path::NONE);
    let header = IpHeader { source_port: 0x9c0a, source: caller.into(), destination: called.into() };
    assert_eq!(IpHeader::split(&req.private_data), Ok((header, PrivateData::EMPTY)));
}

#[test]
fn a_real_acceptance_and_end() {
    let Message::Rep(rep) = mad("CM REP").message else { panic!("a REP") };
    assert_eq!((rep.comm_ids.local, rep.comm_ids.remote), (CommId(0x2de3_4d41), CommId(0x2ee3_4d41)));
    assert_eq!((rep.qpn, rep.starting_psn), (Qpn::new(0x1d), Psn::new(0x74_5b61)));
    assert_eq!((rep.target_ack_delay, rep.failover, rep.rnr_retry_count), (15, 0, 7));
    assert_eq!((rep.responder_resources, rep.initiator_depth, rep.shared_receive_queue), (1, 1, false));
    assert_eq!(rep.ca_guid, 0xfc9f_08ff_fe3b_332d);
    let Message::Rtu(rtu) = mad("CM RTU").message else { panic!("an RTU") };
    assert_eq!((rtu.comm_ids.local, rtu.comm_ids.remote), (rep.comm_ids.remote, rep.comm_ids.local));
    let Message::Dreq(dreq) = mad("CM DREQ").message else { panic!("a DREQ") };
    assert_eq!((dreq.comm_ids, dreq.remote_qpn), (rtu.comm_ids, Qpn::new(0x1d)));
    let Message::Drep(drep) = mad("CM DREP").message else { panic!("a DREP") };
    assert_eq!(drep.comm_ids, rep.comm_ids);
}
