//! Listeners and local addresses.

use super::{Side, connector_of, side, side_with};
use crate::backend::{ConnectionId, ConnectionLimits, Event};
use crate::engine::testing::{Rig, adapter_address, done, peer_address};
use crate::engine::{Config, Policy};
use crate::ndk::{Call, ConnectParams, Out, Return, Status};
use bytes::Bytes;
use std::net::SocketAddr;

#[test]
fn a_paused_or_closing_listener_turns_requests_away() {
    let mut side = side();
    let listener = side.listener(adapter_address(5000));
    let first = side.offered(listener, 1);
    side.rig.call(Call::ControlConnectEvents { listener, pause: true });
    side.ask(listener, 2);
    assert_eq!(side.rig.settle(), []);
    side.rig.call(Call::ControlConnectEvents { listener, pause: false });
    let second = side.offered(listener, 3);
    assert_eq!(side.rig.status(Call::Close { object: listener, completion: done(1) }), Status::PENDING);
    assert!(side.rig.engine().backend().was_told("Destroy(Listener"), "at once, not with the last connector");
    let listener_id = crate::backend::ListenerId(u32::MAX);
    side.rig.raise(Event::ConnectionRequest {
        listener: listener_id,
        connection: ConnectionId(4),
        local: adapter_address(5000),
        peer: peer_address(4),
        limits: ConnectionLimits { inbound_reads: 0, outbound_reads: 0 },
        private_data: Bytes::new(),
    });
    assert_eq!(side.rig.settle(), []);
    for connection in [2, 4] {
        assert!(side.rig.engine().backend().was_told(&format!("Reject {{ connection: ConnectionId({connection})")));
    }
    side.rig.close(first);
    assert_eq!(side.rig.engine().local_endpoints(), 1, "a connector is left");
    assert_eq!(side.rig.status(Call::Close { object: second, completion: done(2) }), Status::PENDING);
    let contexts: Vec<u64> = side.rig.settle().iter().map(|upcall| upcall.context).collect();
    assert_eq!(contexts, [2, 1]);
    side.listener(adapter_address(5000));
}

#[test]
fn connect_events_one_after_the_other() {
    for serialise_connect_events in [true, false] {
        let policy = Policy { serialise_connect_events, ..Policy::default() };
        let mut side = side_with(Config { policy, ..Config::default() });
        let listener = side.listener(adapter_address(5000));
        for connection in 1..4 {
            side.ask(listener, connection);
        }
        let due = side.rig.enter();
        assert_eq!(due.len(), if serialise_connect_events { 1 } else { 3 });
        if serialise_connect_events {
            side.rig.leave(&due[0]);
            let second = side.rig.enter_one();
            side.rig.close(connector_of(&due[0]));
            side.ask(listener, 4);
            side.rig.call(Call::ControlConnectEvents { listener, pause: true });
            for connection in [3, 4] {
                let reject = format!("Reject {{ connection: ConnectionId({connection})");
                assert!(side.rig.engine().backend().was_told(&reject), "paused before it was told of");
            }
            side.rig.call(Call::ControlConnectEvents { listener, pause: false });
            side.ask(listener, 5);
            side.rig.close(connector_of(&second));
            side.rig.call(Call::Close { object: listener, completion: done(1) });
            side.rig.leave(&second);
            assert_eq!(side.rig.settle().len(), 1, "the last is turned away, the listener is closed");
            assert!(side.rig.engine().backend().was_told("Reject { connection: ConnectionId(5)"));
            assert_eq!(side.rig.engine().local_endpoints(), 0);
        }
    }
}

#[test]
fn local_addresses_are_checked_counted_and_given_back() {
    let config = Config { ephemeral_ports: 50_000..=50_001, ..Config::default() };
    let mut side = side_with(config);
    let adapter = side.adapter;
    let shared = |address| Call::CreateSharedEndpoint { adapter, address, completion: done(1) };
    assert_eq!(side.rig.status(shared(peer_address(1))), Status::INVALID_ADDRESS);
    let endpoint = side.rig.create(shared(adapter_address(7000)));
    assert_eq!(side.rig.status(shared(adapter_address(7000))), Status::SHARING_VIOLATION);
    let listener = side.rig.create(Call::CreateListener { adapter, connect_event: done(3), completion: done(1) });
    let listen = |address| Call::Listen { listener, address, completion: done(1) };
    assert_eq!(side.rig.status(listen(adapter_address(7000))), Status::SHARING_VIOLATION);
    assert_eq!(side.rig.status(listen(peer_address(7000))), Status::INVALID_ADDRESS);
    side.rig.device().results.push_back(Err(Status::SHARING_VIOLATION));
    assert_eq!(side.rig.run(listen(adapter_address(0))).status, Status::SHARING_VIOLATION, "the device knows more");
    assert_eq!(side.rig.engine().local_endpoints(), 1);
    side.rig.ok(listen(adapter_address(0)));
    assert_eq!(side.rig.status(listen(adapter_address(0))), Status::ADDRESS_ALREADY_ASSOCIATED);
    let local = side.rig.call(Call::GetLocalAddress { object: listener, buffer_bytes: 16 });
    assert_eq!(local, Return::with(Out::Address(adapter_address(50_001))));
    // One ephemeral port is left.
    let first = side.rig.connector(adapter);
    side.rig.ok(Rig::connect_call(first, side.qp));
    let (second, qp) = (side.rig.connector(adapter), side.another_qp());
    assert_eq!(side.rig.status(Rig::connect_call(second, qp)), Status::TOO_MANY_ADDRESSES);
    // Many connections from a shared endpoint, but not twice to one peer.
    let through = |connector, qp, port| Call::ConnectWithSharedEndpoint {
        connector,
        endpoint,
        destination: peer_address(port),
        params: Rig::params(qp),
        completion: done(1),
    };
    side.rig.ok(through(second, qp, 1));
    let (third, qp) = (side.rig.connector(adapter), side.another_qp());
    assert_eq!(side.rig.status(through(third, qp, 1)), Status::ADDRESS_ALREADY_EXISTS);
    side.rig.ok(through(third, qp, 2));
    assert!(side.rig.engine().backend().log.concat().contains("shared_endpoint: true"));
    assert_eq!(side.rig.status(Call::Close { object: endpoint, completion: done(1) }), Status::PENDING);
    side.rig.close(second);
    assert_eq!(side.rig.status(shared(adapter_address(7000))), Status::SHARING_VIOLATION, "a connector is left");
    assert_eq!(side.rig.status(Call::Close { object: third, completion: done(2) }), Status::PENDING);
    assert_eq!(side.rig.settle().len(), 2);
    side.rig.create(shared(adapter_address(7000)));
}

#[test]
fn addresses_that_cannot_be_reached_are_refused() {
    let Side { mut rig, adapter, qp, .. } = side();
    let connector = rig.connector(adapter);
    let v6: SocketAddr = "[fe80::1]:0".parse().expect("an address");
    let connect = |source, destination| Call::Connect {
        connector,
        source,
        destination,
        params: Rig::params(qp),
        completion: done(1),
    };
    for (source, destination, expected) in [
        (peer_address(0), peer_address(1), Status::INVALID_ADDRESS),
        (v6, peer_address(1), Status::INVALID_ADDRESS),
        (adapter_address(0), peer_address(0), Status::INVALID_ADDRESS),
        (adapter_address(0), adapter_address(1), Status::HOST_UNREACHABLE),
    ] {
        assert_eq!(rig.status(connect(source, destination)), expected, "{source} to {destination}");
    }
    rig.device().capabilities.loopback = true;
    rig.ok(connect(adapter_address(0), adapter_address(1)));
    let connector = rig.connector(adapter);
    let params = ConnectParams { private_data: &[0; 57], ..Rig::params(qp) };
    let long = Call::Connect {
        connector,
        source: v6,
        destination: "[fe80::2]:1".parse().expect("an address"),
        params,
        completion: done(1),
    };
    assert_eq!(rig.status(long), Status::CONNECTION_ACTIVE, "the queue pair is checked first");
}

#[test]
fn too_much_private_data_is_refused() {
    let mut side = side();
    let listener = side.listener("[fe80::1]:5000".parse().expect("an address"));
    let connector = side.offered(listener, 1);
    let long = [0; 197];
    assert_eq!(
        side.rig.status(Call::Reject { connector, private_data: &long }),
        Status::INVALID_BUFFER_SIZE,
        "and the connector is as before"
    );
    let params = ConnectParams { private_data: &long, ..Rig::params(side.qp) };
    let accept = |params| Call::Accept { connector, params, disconnect_event: Rig::no_event(), completion: done(4) };
    assert_eq!(side.rig.status(accept(params)), Status::INVALID_BUFFER_SIZE);
    let call = accept(ConnectParams { private_data: &long[1..], ..params });
    side.rig.ok(call);
}
