//! Connection messages survive the wire; private data and the IP header keep their limits.

use super::ip::{CONSUMER_PRIVATE_LEN, tcp_port, tcp_service_id};
use super::*;
use crate::psn::{Psn, Qpn};
use proptest::array::uniform;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn private<const N: usize>() -> impl Strategy<Value = PrivateData<N>> {
    uniform::<_, N>(any::<u8>()).prop_map(|bytes| PrivateData::new(&bytes).expect("exactly as long"))
}

fn comm_ids() -> impl Strategy<Value = CommIds> {
    any::<(u32, u32)>().prop_map(|(local, remote)| CommIds { local: CommId(local), remote: CommId(remote) })
}

fn path() -> impl Strategy<Value = Path> {
    (any::<(u16, u16, Ipv6Addr, Ipv6Addr, u8, u8, bool)>(), 0..1_u32 << 20, 0..64_u8, 0..16_u8, 0..32_u8).prop_map(
        |(any, flow_label, packet_rate, service_level, ack_timeout)| Path {
            local_lid: any.0,
            remote_lid: any.1,
            local_gid: any.2,
            remote_gid: any.3,
            flow_label,
            packet_rate,
            traffic_class: any.4,
            hop_limit: any.5,
            service_level,
            subnet_local: any.6,
            ack_timeout,
        },
    )
}

fn req() -> impl Strategy<Value = Req> {
    let words = any::<(u32, u64, u64, u32, u32, u32, u16)>();
    let bytes = (any::<u8>(), any::<u8>(), 0..32_u8, 0..4_u8, 0..32_u8, 0..8_u8, 0..16_u8, 0..8_u8, 0..16_u8);
    (words, bytes, any::<(bool, bool)>(), path(), path(), private()).prop_map(
        |(words, bytes, flags, primary, alternate, private_data)| Req {
            local_comm_id: CommId(words.0),
            service_id: words.1,
            ca_guid: words.2,
            qkey: words.3,
            qpn: Qpn::new(words.4),
            responder_resources: bytes.0,
            initiator_depth: bytes.1,
            remote_response_timeout: bytes.2,
            service_type: ServiceType(bytes.3),
            flow_control: flags.0,
            starting_psn: Psn::new(words.5),
            local_response_timeout: bytes.4,
            retry_count: bytes.5,
            pkey: words.6,
            path_mtu: PathMtu(bytes.6),
            rnr_retry_count: bytes.7,
            max_cm_retries: bytes.8,
            shared_receive_queue: flags.1,
            primary,
            alternate,
            private_data,
        },
    )
}

fn rep() -> impl Strategy<Value = Rep> {
    let words = any::<(u32, u32, u32, u64, u8, u8, bool, bool)>();
    (comm_ids(), words, 0..32_u8, 0..4_u8, 0..8_u8, private()).prop_map(
        |(comm_ids, words, target_ack_delay, failover, rnr_retry_count, private_data)| Rep {
            comm_ids,
            qkey: words.0,
            qpn: Qpn::new(words.1),
            starting_psn: Psn::new(words.2),
            responder_resources: words.4,
            initiator_depth: words.5,
            target_ack_delay,
            failover,
            flow_control: words.6,
            rnr_retry_count,
            shared_receive_queue: words.7,
            ca_guid: words.3,
            private_data,
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    let stage = || (0..4_u8).prop_map(Stage);
    prop_oneof![
        req().prop_map(Message::Req),
        rep().prop_map(Message::Rep),
        (comm_ids(), private()).prop_map(|(comm_ids, private_data)| Message::Rtu(Rtu { comm_ids, private_data })),
        (comm_ids(), stage(), 0..32_u8, private()).prop_map(|(comm_ids, stage, service_timeout, private_data)| {
            Message::Mra(Mra { comm_ids, stage, service_timeout, private_data })
        }),
        (comm_ids(), stage(), any::<u16>(), 0..128_u8, private(), private()).prop_map(
            |(comm_ids, stage, reason, info_len, info, private_data)| {
                Message::Rej(Rej { comm_ids, stage, reason: RejReason(reason), info_len, info, private_data })
            }
        ),
        (comm_ids(), any::<u32>(), private()).prop_map(|(comm_ids, qpn, private_data)| {
            Message::Dreq(Dreq { comm_ids, remote_qpn: Qpn::new(qpn), private_data })
        }),
        (comm_ids(), private()).prop_map(|(comm_ids, private_data)| Message::Drep(Drep { comm_ids, private_data })),
        (any::<u32>(), any::<u16>(), any::<u64>(), private()).prop_map(
            |(request_id, pkey, service_id, private_data)| {
                Message::SidrReq(SidrReq { request_id, pkey, service_id, private_data })
            }
        ),
        (any::<(u32, u8, u32, u64, u32)>(), private()).prop_map(
            |((request_id, status, qpn, service_id, qkey), private_data)| {
                let (status, qpn) = (SidrStatus(status), Qpn::new(qpn));
                Message::SidrRep(SidrRep { request_id, status, qpn, service_id, qkey, private_data })
            }
        ),
    ]
}

fn addresses() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    prop_oneof![
        any::<(Ipv4Addr, Ipv4Addr)>().prop_map(|(source, destination)| (source.into(), destination.into())),
        any::<(Ipv6Addr, Ipv6Addr)>().prop_map(|(source, destination)| (source.into(), destination.into())),
    ]
}

proptest! {
    #[test]
    fn messages_survive(transaction_id in any::<u64>(), message in message()) {
        let mad = Mad { transaction_id, message };
        prop_assert_eq!(Mad::parse(&mad.encode())?, mad);
    }

    #[test]
    fn any_body_of_a_known_message_is_read(attribute in 0x10..=0x18_u8, body in prop::collection::vec(any::<u8>(), 232)) {
        let mut bytes = vec![1, 7, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, attribute, 0, 0, 0, 0, 0, 0];
        bytes.extend(body);
        let mad = Mad::parse(&bytes)?;
        prop_assert_eq!(Mad::parse(&mad.encode())?, mad, "reserved fields are all that is lost");
    }

    #[test]
    fn ip_headers_survive(port in any::<u16>(), (source, destination) in addresses(), consumer in private()) {
        let header = IpHeader { source_port: port, source, destination };
        prop_assert_eq!(IpHeader::split(&header.join(&consumer))?, (header, consumer));
        prop_assert_eq!(tcp_port(tcp_service_id(port)), Some(port));
    }
}

#[test]
fn what_is_not_ours_is_named() {
    let drep = Drep { comm_ids: CommIds::default(), private_data: PrivateData::EMPTY };
    let good = Mad { transaction_id: 1, message: Message::Drep(drep) }.encode();
    let refusal = |at: usize, value| {
        let mut changed = good.to_vec();
        changed[at] = value;
        Mad::parse(&changed).map_err(|error| error.to_string())
    };
    assert_eq!(refusal(0, 9), Err("MAD base version at byte 0 is 0x9, not 0x1".into()));
    assert_eq!(refusal(1, 1), Err("MAD management class at byte 1 is 0x1, not 0x7".into()));
    assert_eq!(refusal(3, 0x83), Err("MAD method at byte 3 is 0x83, not 0x3".into()));
    assert_eq!(refusal(17, 0x19), Err("MAD attribute identifier at byte 16 is 0x19, not 0x10".into()));
    let cut = "management datagram at byte 0 needs 256 bytes, 255 are there";
    assert_eq!(Mad::parse(&good[..255]).map_err(|error| error.to_string()), Err(cut.into()));
    let long = Mad::parse(&[&good[..], &[0]].concat()).map_err(|error| error.to_string());
    assert_eq!(long, Err("management datagram length at byte 0 is 0x101 where the bytes make 0x100".into()));
}

#[test]
fn private_data_has_limits() {
    assert_eq!(PrivateData::<4>::new(&[1, 2]).map(|data| *data.as_bytes()), Ok([1, 2, 0, 0]));
    let refused = PrivateData::<CONSUMER_PRIVATE_LEN>::new(&[0; 57]);
    assert_eq!(refused, Err(TooLong { len: 57, max: 56 }));
    assert_eq!(format!("{:?}", PrivateData::<4>::new(&[1, 0xab])), "Ok(4 bytes: 01 ab)");
}

#[test]
fn codes_and_names() {
    assert_eq!(PathMtu::from_bytes(4096), Some(PathMtu(5)));
    assert_eq!((PathMtu::from_bytes(1500), PathMtu(6).bytes()), (None, None));
    assert_eq!(format!("{:?} {:?}", RejReason::CONSUMER_DEFINED, RejReason(99)), "CONSUMER_DEFINED reason 99");
    assert_eq!(tcp_port(0x0000_0000_0111_0007), None, "the port space of UDP");
    let unknown = IpHeader::split(&PrivateData::new(&[0x00, 0x50]).expect("short"));
    assert_eq!(unknown, Err(ParseError::Other { field: "IP version", offset: 1, needed: 4, actual: 5 }));
    let newer = IpHeader::split(&PrivateData::new(&[0x10, 0x40]).expect("short"));
    assert_eq!(newer, Err(ParseError::Other { field: "IP CM major version", offset: 0, needed: 0, actual: 1 }));
}
