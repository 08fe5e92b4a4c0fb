//! Connecting, accepting, rejecting, disconnecting, and the events of it.

mod listening;

use crate::backend::{CommandOutput, ConnectionId, ConnectionLimits, Event, QpId};
use crate::engine::testing::{Rig, adapter_address, done, peer_address};
use crate::engine::{CloseConnected, Config, Counters, DisconnectReason, Policy, Style};
use crate::ndk::{
    Call, CallKind, DisconnectEvent, NdkVersion, Object, OpFlags, Out, Return, Status, Upcall, UpcallBody,
};
use bytes::Bytes;
use std::net::SocketAddr;

const OK: Status = Status::SUCCESS;

struct Side {
    rig: Rig,
    adapter: Object,
    pd: Object,
    cq: Object,
    qp: Object,
}

fn side_with(config: Config) -> Side {
    let mut rig = Rig::new(config);
    let adapter = rig.open(NdkVersion { major: 2, minor: 0 });
    let (pd, cq) = (rig.pd(adapter), rig.cq(adapter));
    let qp = rig.qp(pd, cq);
    Side { rig, adapter, pd, cq, qp }
}

fn side() -> Side {
    side_with(Config::default())
}

impl Side {
    fn another_qp(&mut self) -> Object {
        self.rig.qp(self.pd, self.cq)
    }

    fn listener(&mut self, address: SocketAddr) -> Object {
        let adapter = self.adapter;
        let listener = self.rig.create(Call::CreateListener { adapter, connect_event: done(30), completion: done(1) });
        self.rig.ok(Call::Listen { listener, address, completion: done(1) });
        listener
    }

    fn ask(&mut self, listener: Object, connection: u32) {
        let listener = self.rig.engine().objects.listener(listener.id).id().expect("it listens");
        self.rig.raise(Event::ConnectionRequest {
            listener,
            connection: ConnectionId(connection),
            local: adapter_address(5000),
            peer: peer_address(u16::try_from(50_000 + connection).expect("small")),
            limits: ConnectionLimits { inbound_reads: 4, outbound_reads: 40 },
            private_data: Bytes::from_static(b"hello, listener"),
        });
    }

    /// The connector of a request.
    fn offered(&mut self, listener: Object, connection: u32) -> Object {
        self.ask(listener, connection);
        let upcall = self.rig.enter_one();
        self.rig.leave(&upcall);
        connector_of(&upcall)
    }

    fn accept(connector: Object, qp: Object, disconnect_event: DisconnectEvent) -> Call<'static> {
        Call::Accept { connector, params: Rig::params(qp), disconnect_event, completion: done(4) }
    }

    fn connection(&self, connector: Object) -> ConnectionId {
        self.rig.engine().objects.connector(connector.id).connection().expect("it has a connection")
    }
}

fn connector_of(upcall: &Upcall) -> Object {
    match upcall.body {
        UpcallBody::ConnectEvent { connector } => connector,
        ref other => panic!("no connect event: {other:?}"),
    }
}

fn is_gone(upcall: &Upcall) -> bool {
    matches!(upcall.body, UpcallBody::DisconnectEvent { .. })
}

#[test]
fn the_active_side_from_connect_to_disconnect() {
    let Side { mut rig, adapter, cq, qp, pd } = side();
    let connector = rig.connector(adapter);
    assert_eq!(rig.status(Call::GetLocalAddress { object: connector, buffer_bytes: 28 }), Status::CONNECTION_INVALID);
    rig.ok(Rig::connect_call(connector, qp));
    assert_eq!(rig.send(qp, 1, OpFlags::empty()), Status::CONNECTION_INVALID, "not complete");
    let Out::Address(local) = rig.call(Call::GetLocalAddress { object: connector, buffer_bytes: 16 }).out else {
        panic!("no address");
    };
    assert_eq!(local, adapter_address(49152));
    let peer = rig.call(Call::GetPeerAddress { connector, buffer_bytes: 16 });
    assert_eq!(peer, Return::with(Out::Address(peer_address(5000))));
    let short = rig.call(Call::GetPeerAddress { connector, buffer_bytes: 15 });
    assert_eq!(short, Return { status: Status::BUFFER_TOO_SMALL, out: Out::NeededBytes(16) });
    rig.ok(Call::CompleteConnect { connector, disconnect_event: Rig::event(9), completion: done(3) });
    assert_eq!(rig.send(qp, 1, OpFlags::empty()), OK);
    rig.ok(Call::Disconnect { connector, completion: done(5) });
    let log = &rig.engine().backend().log;
    let place = |start: &str| log.iter().position(|line| line.starts_with(start));
    assert!(place("Disconnect") < place("FlushQp") && place("FlushQp").is_some(), "{log:?}");
    assert_eq!(rig.status(Call::Disconnect { connector, completion: done(5) }), Status::CONNECTION_INVALID);
    for object in [connector, qp, cq, pd] {
        rig.close(object);
    }
    rig.ok(Call::CloseAdapter { adapter });
    rig.assert_empty();
}

#[test]
fn the_table_of_connection_data() {
    let mut side = side();
    let listener = side.listener(adapter_address(5000));
    let connector = side.offered(listener, 1);
    let data = |private_data: &[u8]| Out::ConnectionData {
        inbound_read_limit: 4,
        outbound_read_limit: 8,
        private_data: private_data.to_vec(),
        required_bytes: 15,
    };
    for (buffer_bytes, status, copied) in [
        (None, OK, &b""[..]),
        (Some(14), Status::BUFFER_TOO_SMALL, b"hello, listene"),
        (Some(15), OK, b"hello, listener"),
        (Some(256), OK, b"hello, listener"),
    ] {
        let returned = side.rig.call(Call::GetConnectionData { connector, buffer_bytes });
        assert_eq!(returned, Return { status, out: data(copied) }, "{buffer_bytes:?}");
    }
    let idle = side.rig.connector(side.adapter);
    let call = Call::GetConnectionData { connector: idle, buffer_bytes: None };
    assert_eq!(side.rig.status(call), Status::INVALID_DEVICE_STATE);
}

#[test]
fn asking_for_too_many_reads_is_capped() {
    let Side { mut rig, adapter, qp, .. } = side();
    let connector = rig.connector(adapter);
    rig.ok(Rig::connect_call(connector, qp));
    assert!(rig.engine().backend().log.concat().contains("inbound_reads: 16, outbound_reads: 8"));
    let returned = rig.call(Call::GetConnectionData { connector, buffer_bytes: Some(8) });
    let Out::ConnectionData { inbound_read_limit, outbound_read_limit, private_data, .. } = returned.out else {
        panic!("{returned:?}");
    };
    assert_eq!((inbound_read_limit, outbound_read_limit, &private_data[..]), (16, 8, &b"accepted"[..]));
}

#[test]
fn the_passive_side_accepts_and_hears_of_the_end_once() {
    let mut side = side();
    let listener = side.listener(adapter_address(5000));
    let connector = side.offered(listener, 1);
    let call = Side::accept(connector, side.qp, Rig::event(9));
    side.rig.ok(call);
    assert_eq!(side.rig.send(side.qp, 1, OpFlags::empty()), OK);
    let connection = side.connection(connector);
    side.rig.raise(Event::Disconnected { connection, graceful: true });
    side.rig.raise(Event::Disconnected { connection, graceful: false });
    let qp = side.rig.device_qp(side.qp);
    side.rig.raise(Event::QpError(qp));
    let seen = side.rig.settle();
    assert_eq!((seen.len(), is_gone(&seen[0]), seen[0].context), (1, true, 9));
    assert!(!side.rig.engine().backend().was_told("FlushQp"), "the event flushes nothing");
    side.rig.ok(Call::Disconnect { connector, completion: done(5) });
}

#[test]
fn no_event_after_the_own_disconnect_and_none_of_an_own_flush() {
    for own in 0..2 {
        let Side { mut rig, adapter, qp, .. } = side();
        let connector = rig.connected(adapter, qp, Rig::event(9));
        let (connection, device_qp): (_, QpId) =
            (rig.engine().objects.connector(connector.id).connection().expect("connected"), rig.device_qp(qp));
        if own == 0 {
            assert_eq!(rig.status(Call::Disconnect { connector, completion: done(5) }), Status::PENDING);
            rig.raise(Event::Disconnected { connection, graceful: true });
        } else {
            rig.call(Call::Flush { qp });
        }
        rig.raise(Event::QpError(device_qp));
        assert!(!rig.settle().iter().any(is_gone), "case {own}");
    }
}

#[test]
fn the_event_waits_for_the_report_of_the_connection() {
    let mut side = side();
    let listener = side.listener(adapter_address(5000));
    let connector = side.offered(listener, 1);
    let call = Side::accept(connector, side.qp, Rig::event(9));
    assert_eq!(side.rig.status(call), Status::PENDING);
    side.rig.device().finish_queued();
    let connection = side.connection(connector);
    side.rig.raise(Event::Disconnected { connection, graceful: false });
    let completion = side.rig.enter_one();
    assert!(matches!(completion.body, UpcallBody::RequestCompletion { status: OK, .. }));
    side.rig.leave(&completion);
    let gone = side.rig.enter_one();
    assert!(is_gone(&gone));
    side.rig.leave(&gone);
}

#[test]
fn an_extended_event_came_with_2_1_and_tells_the_reason() {
    let (left, broken) = (DisconnectReason::PeerDisconnected, DisconnectReason::Broken);
    for (minor, graceful, expected, reason) in
        [(0, true, Status::NOT_SUPPORTED, left), (1, true, OK, left), (1, false, OK, broken)]
    {
        let versions = vec![NdkVersion { major: 2, minor }];
        let Side { mut rig, adapter, qp, .. } = side_with(Config { versions, ..Config::default() });
        let connector = rig.connector(adapter);
        rig.ok(Rig::connect_call(connector, qp));
        let disconnect_event = DisconnectEvent { extended: true, ..Rig::event(9) };
        let status = rig.run(Call::CompleteConnect { connector, disconnect_event, completion: done(3) }).status;
        assert_eq!(status, expected);
        if status == OK {
            let connection = rig.engine().objects.connector(connector.id).connection().expect("connected");
            rig.raise(Event::Disconnected { connection, graceful });
            assert_eq!(rig.enter_one().body, UpcallBody::DisconnectEvent { reason: Some(reason as u32) });
        }
    }
}

#[test]
fn the_peer_gives_up() {
    let mut side = side();
    let listener = side.listener(adapter_address(5000));
    let connector = side.offered(listener, 1);
    side.rig.raise(Event::ConnectionAborted(ConnectionId(1)));
    let call = Side::accept(connector, side.qp, Rig::no_event());
    assert_eq!(side.rig.status(call), Status::CONNECTION_ABORTED);
    assert_eq!(side.rig.status(Call::Reject { connector, private_data: &[] }), Status::CONNECTION_ABORTED);
    let active = side.rig.connector(side.adapter);
    side.rig.ok(Rig::connect_call(active, side.qp));
    let connection = side.connection(active);
    side.rig.raise(Event::ConnectionAborted(connection));
    let complete = Call::CompleteConnect { connector: active, disconnect_event: Rig::no_event(), completion: done(3) };
    assert_eq!(side.rig.status(complete), Status::CONNECTION_ABORTED);
}

#[test]
fn failures_of_the_peer_reach_the_completion() {
    for status in [Status::IO_TIMEOUT, Status::CONNECTION_ABORTED] {
        let mut side = side();
        let listener = side.listener(adapter_address(5000));
        let connector = side.offered(listener, 1);
        side.rig.device().results.push_back(Err(status));
        let call = Side::accept(connector, side.qp, Rig::event(9));
        assert_eq!(side.rig.run(call).status, status);
        assert_eq!(side.rig.settle(), [], "no disconnect event of what never stood");
        side.rig.close(connector);
        let next = side.offered(listener, 2);
        let call = Side::accept(next, side.qp, Rig::no_event());
        side.rig.ok(call);
    }
}

#[test]
fn a_refused_connect_can_be_tried_again() {
    for retry_connect in [true, false] {
        let policy = Policy { retry_connect, ..Policy::default() };
        let Side { mut rig, adapter, qp, .. } = side_with(Config { policy, ..Config::default() });
        let connector = rig.connector(adapter);
        rig.device().results.push_back(Err(Status::CONNECTION_REFUSED));
        assert_eq!(rig.run(Rig::connect_call(connector, qp)).status, Status::CONNECTION_REFUSED);
        assert_eq!(rig.status(Call::GetConnectionData { connector, buffer_bytes: None }), OK);
        let again = rig.run(Rig::connect_call(connector, qp)).status;
        assert_eq!(again, if retry_connect { OK } else { Status::ADDRESS_ALREADY_ASSOCIATED });
        let other = rig.connector(adapter);
        let expected = if retry_connect { Status::CONNECTION_ACTIVE } else { OK };
        assert_eq!(rig.run(Rig::connect_call(other, qp)).status, expected, "one connector has the queue pair");
    }
}

#[test]
fn rejecting_and_closing_turn_the_peer_away() {
    let mut side = side();
    let listener = side.listener(adapter_address(5000));
    let rejected = side.offered(listener, 1);
    assert_eq!(side.rig.status(Call::Reject { connector: rejected, private_data: b"no" }), OK);
    let call = Side::accept(rejected, side.qp, Rig::no_event());
    assert_eq!(side.rig.status(call), Status::INVALID_DEVICE_STATE);
    side.rig.close(rejected);
    let closed = side.offered(listener, 2);
    side.rig.close(closed);
    let log = side.rig.engine().backend().log.join("\n");
    for (connection, rejects) in [(1, 1), (2, 1)] {
        let reject = format!("Reject {{ connection: ConnectionId({connection})");
        assert_eq!(log.matches(&reject).count(), rejects);
        assert_eq!(log.matches(&format!("Destroy(Connection(ConnectionId({connection})")).count(), 1);
    }
    let active = side.rig.connector(side.adapter);
    side.rig.ok(Rig::connect_call(active, side.qp));
    assert_eq!(side.rig.status(Call::Reject { connector: active, private_data: b"no" }), OK, "before completing");
}

#[test]
fn a_connected_connector_is_closed_as_the_policy_has_it() {
    for (close_connected, disconnects) in [(CloseConnected::Disconnect, true), (CloseConnected::Abort, false)] {
        let policy = Policy { close_connected, ..Policy::default() };
        let Side { mut rig, adapter, qp, .. } = side_with(Config { policy, ..Config::default() });
        let connector = rig.connected(adapter, qp, Rig::event(9));
        assert_eq!(rig.status(Call::Close { object: connector, completion: done(1) }), Status::PENDING);
        let seen = rig.settle();
        assert_eq!((seen.len(), is_gone(&seen[0])), (1, false), "the own close is no event");
        assert_eq!(rig.engine().backend().was_told("Disconnect("), disconnects);
        assert!(rig.engine().backend().was_told("FlushQp"));
        assert_eq!(rig.send(qp, 1, OpFlags::empty()), Status::CONNECTION_INVALID);
    }
}

#[test]
fn commands_of_the_peer_pend_in_every_style() {
    for style in [Style::Inline, Style::InsideCall, Style::Beside] {
        let Side { mut rig, adapter, qp, .. } = side_with(Config { style, ..Config::default() });
        let connector = rig.connector(adapter);
        assert_eq!(rig.status(Rig::connect_call(connector, qp)), Status::PENDING, "{style:?}");
        rig.settle();
        let complete = Call::CompleteConnect { connector, disconnect_event: Rig::no_event(), completion: done(3) };
        assert_eq!(rig.status(complete), Status::PENDING);
        rig.settle();
        assert_eq!(rig.status(Call::Disconnect { connector, completion: done(5) }), Status::PENDING);
        let seen = rig.settle();
        assert_eq!(seen.len(), 1, "the flush is no completion of its own");
    }
}

#[test]
fn a_disconnect_that_timed_out_says_so_and_has_flushed() {
    let mut config = Config::default();
    config.styles.insert(CallKind::Disconnect, Style::Pending);
    let Side { mut rig, adapter, qp, .. } = side_with(config);
    let connector = rig.connected(adapter, qp, Rig::no_event());
    rig.device().results.push_back(Err(Status::IO_TIMEOUT));
    let returned = rig.run(Call::Disconnect { connector, completion: done(5) });
    assert_eq!(returned.status, Status::IO_TIMEOUT);
    assert!(rig.engine().backend().was_told("FlushQp"));
    rig.device().results.push_back(Ok(CommandOutput::Done));
    assert_eq!(rig.run(Rig::connect_call(connector, qp)).status, Status::ADDRESS_ALREADY_ASSOCIATED, "no second life");
}
#[test]
fn what_happens_is_counted() {
    let mut side = side();
    let listener = side.listener(adapter_address(5000));
    let passive = side.offered(listener, 1);
    let qp = side.another_qp();
    side.rig.ok(Side::accept(passive, qp, Rig::no_event()));
    let connector = side.rig.connector(side.adapter);
    side.rig.device().results.push_back(Err(Status::CONNECTION_REFUSED));
    let call = Rig::connect_call(connector, side.qp);
    assert_eq!(side.rig.run(call).status, Status::CONNECTION_REFUSED);
    let active = side.rig.connected(side.adapter, side.qp, Rig::no_event());
    let stand = Counters { connect: 1, accept: 1, connect_failure: 1, active_connection: 2, ..Counters::default() };
    assert_eq!(side.rig.engine().counters(), stand);
    let connection = side.connection(active);
    side.rig.raise(Event::Disconnected { connection, graceful: false });
    side.rig.ok(Call::Disconnect { connector: passive, completion: done(5) });
    assert_eq!(side.rig.engine().counters(), Counters { connection_error: 1, active_connection: 0, ..stand });
    let cq = side.rig.device_cq(side.cq);
    side.rig.raise(Event::CqError { cq, overrun: true });
    assert_eq!(side.rig.engine().counters().cq_error, 1);
}
