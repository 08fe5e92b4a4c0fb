//! Datagrams that belong to no connection, and peers that break the rules.

use super::pair::{Pair, Seen, Side, settings};
use crate::backend::ConnectionId;
use crate::sim::cm::table::State;
use crate::sim::cm::{Connections, Input, Notice, Output};
use des::{Dur, Time};
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};
use wire::cm::{CommId, CommIds, Drep, Dreq, IpHeader, Mad, Message, Path, PrivateData, RejReason, Rep, Req, Rtu};
use wire::cm::{PathMtu, ServiceType, ip};
use wire::{Psn, Qpn};

/// Makes a request wrong.
type Spoil = fn(&mut Req);

fn own() -> IpAddr {
    "10.0.0.2".parse().expect("an address")
}

fn stranger() -> IpAddr {
    "10.0.0.7".parse().expect("an address")
}

fn listening() -> Connections {
    let mut connections = Connections::new(settings(own(), 1));
    connections.ports().listen(SocketAddr::new(own(), 445)).expect("free");
    connections
}

fn request(comm_id: u32, qpn: u32) -> Req {
    let header = IpHeader { source_port: 50_000, source: stranger(), destination: own() };
    Req {
        local_comm_id: CommId(comm_id),
        service_id: ip::tcp_service_id(445),
        ca_guid: 7,
        qkey: 0,
        qpn: Qpn::new(qpn),
        responder_resources: 1,
        initiator_depth: 1,
        remote_response_timeout: 20,
        service_type: ServiceType::RELIABLE,
        flow_control: false,
        starting_psn: Psn::new(1),
        local_response_timeout: 20,
        retry_count: 7,
        pkey: 0xffff,
        path_mtu: PathMtu(3),
        rnr_retry_count: 7,
        max_cm_retries: 15,
        shared_receive_queue: false,
        primary: Path::NONE,
        alternate: Path::NONE,
        private_data: header.join(&PrivateData::EMPTY),
    }
}

fn say(connections: &mut Connections, message: Message) -> Vec<Output> {
    let mad = Box::new(Mad { transaction_id: 5, message });
    connections.handle(Time::ZERO, Input::Datagram { from: stranger(), mad })
}

fn reason(outputs: &[Output]) -> Option<RejReason> {
    outputs.iter().find_map(|output| match output {
        Output::Send { mad, .. } => match &mad.message {
            Message::Rej(rej) => Some(rej.reason),
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn every_refusal_of_a_request_has_its_reason() {
    let break_it: [(Spoil, RejReason); 5] = [
        (|req| req.service_id = ip::tcp_service_id(446), RejReason::INVALID_SERVICE_ID),
        (|req| req.service_id = 445, RejReason::INVALID_SERVICE_ID),
        (|req| req.service_type = ServiceType::UNRELIABLE, RejReason::INVALID_TRANSPORT_TYPE),
        (|req| req.private_data = PrivateData::new(&[0xff; 92]).expect("fits"), RejReason::UNSUPPORTED),
        (|req| req.private_data = PrivateData::new(&[0, 0x40]).expect("fits"), RejReason::INVALID_GID),
    ];
    for (break_it, expected) in break_it {
        let mut connections = listening();
        let mut req = request(1, 1);
        break_it(&mut req);
        assert_eq!(reason(&say(&mut connections, Message::Req(req))), Some(expected));
        assert!(connections.is_empty(), "{expected:?}");
    }
}

#[test]
fn the_backlog_is_bounded_per_listener() {
    let mut connections = Connections::new(crate::sim::cm::Settings { backlog: 2, ..settings(own(), 1) });
    connections.ports().listen(SocketAddr::new(own(), 445)).expect("free");
    for index in 1..=2 {
        assert_eq!(reason(&say(&mut connections, Message::Req(request(index, index)))), None);
    }
    assert_eq!(reason(&say(&mut connections, Message::Req(request(3, 3)))), Some(RejReason::NO_RESOURCES));
    connections.handle(Time::ZERO, Input::Abandon(ConnectionId(1)));
    assert_eq!(reason(&say(&mut connections, Message::Req(request(4, 4)))), None);
}

#[test]
fn a_peer_that_begins_anew_on_the_same_qp_ends_the_old_connection() {
    let mut connections = listening();
    say(&mut connections, Message::Req(request(1, 33)));
    let end = super::pair::end(34);
    let limits = super::pair::LIMITS;
    let old = ConnectionId(1);
    connections.handle(Time::ZERO, Input::Accept { connection: old, end, limits, private_data: Default::default() });
    connections.handle(Time::ZERO, Input::Traffic(old));
    assert_eq!(connections.state(old), Some(State::Established));
    let outputs = say(&mut connections, Message::Req(request(2, 33)));
    assert_eq!(reason(&outputs), Some(RejReason::STALE_CONNECTION));
    let lost = Notice::Disconnected { graceful: false };
    assert!(outputs.contains(&Output::Tell { connection: old, notice: lost }));
    let comm_ids = CommIds { local: CommId(1), remote: CommId(1) };
    say(&mut connections, Message::Drep(Drep { comm_ids, private_data: PrivateData::EMPTY }));
    assert_eq!(connections.state(old), Some(State::Over));
    assert_eq!(reason(&say(&mut connections, Message::Req(request(2, 33)))), None, "the QP is free again");
}

#[test]
fn what_belongs_to_no_connection_is_answered_as_the_protocol_asks() {
    let mut connections = listening();
    let comm_ids = CommIds { local: CommId(8), remote: CommId(9) };
    let farewell = say(
        &mut connections,
        Message::Dreq(Dreq { comm_ids, remote_qpn: Qpn::new(1), private_data: PrivateData::EMPTY }),
    );
    let [Output::Send { to, mad, .. }] = farewell.as_slice() else { panic!("one answer: {farewell:?}") };
    assert_eq!(*to, stranger());
    assert!(matches!(&mad.message, Message::Drep(drep) if drep.comm_ids.remote == CommId(8)));
    assert_eq!(say(&mut connections, Message::Rtu(Rtu { comm_ids, private_data: PrivateData::EMPTY })), []);
}

#[test]
fn a_third_party_cannot_speak_for_the_peer() {
    let mut pair = Pair::new(Vec::new());
    pair.listen();
    pair.connect();
    pair.run(Dur::from_us(100));
    let id = pair.b.request().expect("the request has arrived");
    pair.accept(id);
    let comm_ids = CommIds { local: CommId(100), remote: CommId(id.0) };
    let mad =
        Box::new(Mad { transaction_id: 0, message: Message::Rtu(Rtu { comm_ids, private_data: PrivateData::EMPTY }) });
    pair.input(Side::B, Input::Datagram { from: stranger(), mad });
    assert_eq!(pair.b.seen, [Seen::Request(id)]);
}

fn arbitrary_message() -> impl Strategy<Value = Message> {
    (0_u8..7, 0_u32..5, 0_u32..5, 0_u32..3).prop_map(|(kind, local, remote, qpn)| {
        let comm_ids = CommIds { local: CommId(local), remote: CommId(remote) };
        let bytes = |kind: u8| {
            let mut bytes = Mad { transaction_id: 0, message: Message::Req(request(local, qpn)) }.encode().to_vec();
            bytes[17] = 0x10 + kind;
            bytes[24..28].copy_from_slice(&comm_ids.local.0.to_be_bytes());
            bytes[28..32].copy_from_slice(&comm_ids.remote.0.to_be_bytes());
            bytes
        };
        Mad::parse(&bytes(kind)).expect("every attribute is known").message
    })
}

proptest! {
    /// Nonsense neither panics nor leaves a connection that never ends.
    #[test]
    fn nonsense_is_survived(messages in prop::collection::vec(arbitrary_message(), 0..40), accept in any::<bool>()) {
        let mut connections = listening();
        for message in messages {
            let outputs = say(&mut connections, message);
            for output in outputs {
                if let (true, Output::Request { connection, limits, .. }) = (accept, output) {
                    let end = super::pair::end(34);
                    let private_data = Default::default();
                    connections.handle(Time::ZERO, Input::Accept { connection, end, limits, private_data });
                }
            }
        }
        for id in 0..50 {
            connections.handle(Time::ZERO, Input::Release(ConnectionId(id)));
        }
        while let Some(at) = connections.next_deadline() {
            connections.handle(at, Input::Wake);
        }
        prop_assert!(connections.is_empty());
    }
}

#[test]
fn a_reply_that_nobody_asked_for_is_refused() {
    let mut connections = listening();
    let rep = Rep {
        comm_ids: CommIds { local: CommId(8), remote: CommId(9) },
        qkey: 0,
        qpn: Qpn::new(3),
        starting_psn: Psn::new(0),
        responder_resources: 0,
        initiator_depth: 0,
        target_ack_delay: 0,
        failover: 0,
        flow_control: false,
        rnr_retry_count: 0,
        shared_receive_queue: false,
        ca_guid: 0,
        private_data: PrivateData::EMPTY,
    };
    assert_eq!(reason(&say(&mut connections, Message::Rep(rep))), Some(RejReason::INVALID_COMM_ID));
}
