//! Connection management between the two devices: the ways in, the ways not in, the ways out.

use crate::side::{Connected, Side, connect};
use crate::{Case, Devices};
use provider::backend::{Command, CommandOutput, ConnectionLimits, Event, Execution, Resource};
use provider::ndk::Status;
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    ("both_sides_agree_on_a_connection", both_sides_agree_on_a_connection),
    ("a_graceful_end_is_seen_on_both_sides", a_graceful_end_is_seen_on_both_sides),
    ("many_connections_one_after_another", many_connections_one_after_another),
    ("nobody_listens", nobody_listens),
    ("the_listener_refuses", the_listener_refuses),
    ("a_paused_listener_refuses_until_it_goes_on", a_paused_listener_refuses_until_it_goes_on),
    ("the_connecting_side_changes_its_mind", the_connecting_side_changes_its_mind),
    ("the_connecting_side_leaves_before_the_answer", the_connecting_side_leaves_before_the_answer),
    ("waiting_commands_are_given_up", waiting_commands_are_given_up),
    ("an_address_is_taken_or_foreign", an_address_is_taken_or_foreign),
    ("connections_share_an_address", connections_share_an_address),
    ("a_listener_goes_with_a_request_unseen", a_listener_goes_with_a_request_unseen),
];

fn both_sides_agree_on_a_connection(devices: &Devices) {
    let (mut a, mut b) = (Side::open(devices, 0), Side::open(devices, 1));
    let (at_a, at_b) = (a.ends(), b.ends());
    let (active, passive) = connect(&mut a, at_a, &mut b, at_b);
    assert_eq!((active.inbound_reads, active.outbound_reads), (3, 2), "the smaller of what both want");
    assert_eq!((passive.inbound_reads, passive.outbound_reads), (2, 3));
    assert!(active.private_data.starts_with(b"from b") && passive.private_data.is_empty());
    assert_eq!((active.local, active.peer), (passive.peer, passive.local));
    assert_eq!(active.local.ip(), a.address(0).ip());
    assert_ne!(active.local.port(), 0);
    assert_eq!((a.unwaited(), b.unwaited()), (vec![], vec![]));
}

fn a_graceful_end_is_seen_on_both_sides(devices: &Devices) {
    let Connected { mut a, mut b, from_a, from_b, .. } = Connected::new(devices);
    let done = Ok(CommandOutput::Done);
    let ending = a.start(Command::Disconnect(from_a));
    assert_eq!(a.finish(&mut b, ending), done, "the peer's driver answers without its consumer");
    b.wait(|event| (*event == Event::Disconnected { connection: from_b, graceful: true }).then_some(()));
    assert_eq!(b.run(Execution::Queued, Command::Disconnect(from_b)), done, "the peer has gone already");
    a.destroy(Execution::Queued, Resource::Connection(from_a));
    b.destroy(Execution::Inline, Resource::Connection(from_b));
    assert_eq!((a.unwaited(), b.unwaited()), (vec![], vec![]), "a disconnect of one's own is no event");
}

fn many_connections_one_after_another(devices: &Devices) {
    let (mut a, mut b) = (Side::open(devices, 0), Side::open(devices, 1));
    for _ in 0..20 {
        let (at_a, at_b) = (a.ends(), b.ends());
        let (active, passive) = connect(&mut a, at_a, &mut b, at_b);
        let ending = a.start(Command::Disconnect(active.connection));
        let also = b.start(Command::Disconnect(passive.connection));
        assert_eq!(a.finish(&mut b, ending), Ok(CommandOutput::Done));
        assert_eq!(b.finish(&mut a, also), Ok(CommandOutput::Done), "both at once");
        for (side, ends, connection) in [(&mut a, at_a, active.connection), (&mut b, at_b, passive.connection)] {
            side.destroy(Execution::Inline, Resource::Connection(connection));
            for resource in [Resource::Qp(ends.qp), Resource::Cq(ends.cq), Resource::Pd(ends.pd)] {
                side.destroy(Execution::Queued, resource);
            }
        }
    }
}

fn nobody_listens(devices: &Devices) {
    let (mut a, b) = (Side::open(devices, 0), Side::open(devices, 1));
    let ends = a.ends();
    for how in [Execution::Queued, Execution::Inline] {
        let command = a.connect_command(ends.qp, b.address(4711), &[]);
        assert_eq!(a.run(how, command), Err(Status::CONNECTION_REFUSED));
    }
}

fn the_listener_refuses(devices: &Devices) {
    let (mut a, mut b) = (Side::open(devices, 0), Side::open(devices, 1));
    let ends = a.ends();
    let (_, address) = b.listen(0);
    let connecting = a.start(a.connect_command(ends.qp, address, b"please"));
    let (connection, ..) = b.request(&mut a);
    let refused = b.run(Execution::Inline, Command::Reject { connection, private_data: b"no" });
    assert_eq!(refused, Ok(CommandOutput::Done));
    assert_eq!(a.finish(&mut b, connecting), Err(Status::CONNECTION_REFUSED));
    b.destroy(Execution::Queued, Resource::Connection(connection));
    let again = b.run(Execution::Inline, Command::Reject { connection, private_data: &[] });
    assert_eq!(again, Err(Status::CONNECTION_ABORTED), "it is gone");
}

fn a_paused_listener_refuses_until_it_goes_on(devices: &Devices) {
    let (mut a, mut b) = (Side::open(devices, 0), Side::open(devices, 1));
    let ends = a.ends();
    let (listener, address) = b.listen(0);
    b.run(Execution::Queued, Command::PauseListener { listener, pause: true }).expect("listeners can pause");
    let connecting = a.start(a.connect_command(ends.qp, address, &[]));
    assert_eq!(a.finish(&mut b, connecting), Err(Status::CONNECTION_REFUSED));
    assert_eq!(b.unwaited(), [], "the consumer hears nothing");
    b.run(Execution::Queued, Command::PauseListener { listener, pause: false }).expect("and go on");
    let _connecting = a.start(a.connect_command(ends.qp, address, &[]));
    b.request(&mut a);
}

fn the_connecting_side_changes_its_mind(devices: &Devices) {
    let (mut a, mut b) = (Side::open(devices, 0), Side::open(devices, 1));
    let (at_a, at_b) = (a.ends(), b.ends());
    let (_, address) = b.listen(0);
    let connecting = a.start(a.connect_command(at_a.qp, address, &[]));
    let (connection, limits, _) = b.request(&mut a);
    let accepting = b.start(Command::Accept { connection, qp: at_b.qp, limits, private_data: &[] });
    let Ok(CommandOutput::Connected(active)) = a.finish(&mut b, connecting) else { panic!("not connected") };
    let reject = Command::Reject { connection: active.connection, private_data: b"after all, no" };
    assert_eq!(a.run(Execution::Inline, reject), Ok(CommandOutput::Done));
    assert_eq!(b.finish(&mut a, accepting), Err(Status::CONNECTION_ABORTED));
    let late = a.run(Execution::Queued, Command::CompleteConnect(active.connection));
    assert_eq!(late, Err(Status::CONNECTION_ABORTED));
}

fn the_connecting_side_leaves_before_the_answer(devices: &Devices) {
    let (mut a, mut b) = (Side::open(devices, 0), Side::open(devices, 1));
    let (at_a, at_b) = (a.ends(), b.ends());
    let (_, address) = b.listen(0);
    let connecting = a.start(a.connect_command(at_a.qp, address, &[]));
    let (connection, limits, _) = b.request(&mut a);
    a.cancel(connecting);
    assert_eq!(a.finish(&mut b, connecting), Err(Status::CANCELLED));
    // Linux tells nobody of a request that nobody has answered; the answer fails then.
    let late = b.run(Execution::Queued, Command::Accept { connection, qp: at_b.qp, limits, private_data: &[] });
    assert_eq!(late, Err(Status::CONNECTION_ABORTED));
}

fn waiting_commands_are_given_up(devices: &Devices) {
    let (mut a, mut b) = (Side::open(devices, 0), Side::open(devices, 1));
    let (at_a, at_b) = (a.ends(), b.ends());
    let (_, address) = b.listen(0);
    let connecting = a.start(a.connect_command(at_a.qp, address, &[]));
    let (connection, limits, _) = b.request(&mut a);
    let accepting = b.start(Command::Accept { connection, qp: at_b.qp, limits, private_data: &[] });
    let Ok(CommandOutput::Connected(active)) = a.finish(&mut b, connecting) else { panic!("not connected") };
    b.cancel(accepting);
    assert_eq!(b.finish(&mut a, accepting), Err(Status::CANCELLED));
    b.cancel(accepting);
    a.wait(|event| (*event == Event::ConnectionAborted(active.connection)).then_some(()));
    assert_eq!(b.unwaited(), [], "what has ended is not ended again");
}

fn an_address_is_taken_or_foreign(devices: &Devices) {
    let (mut a, mut b) = (Side::open(devices, 0), Side::open(devices, 1));
    let (_, address) = b.listen(0);
    let taken = b.run(Execution::Queued, Command::Listen { address });
    assert_eq!(taken, Err(Status::SHARING_VIOLATION));
    let of_the_other = b.address(0);
    let foreign = a.run(Execution::Inline, Command::Listen { address: of_the_other });
    assert_eq!(foreign, Err(Status::INVALID_ADDRESS), "an address of this machine, but of another device");
    let ends = a.ends();
    let limits = ConnectionLimits { inbound_reads: 1, outbound_reads: 1 };
    let (qp, source, shared_endpoint) = (ends.qp, of_the_other, false);
    let connect = Command::Connect { qp, source, shared_endpoint, destination: address, limits, private_data: &[] };
    assert_eq!(a.run(Execution::Queued, connect), Err(Status::INVALID_ADDRESS));
}

fn connections_share_an_address(devices: &Devices) {
    let (mut a, mut b) = (Side::open(devices, 0), Side::open(devices, 1));
    let limits = ConnectionLimits { inbound_reads: 1, outbound_reads: 1 };
    let source = a.address(50_000);
    let (shared_endpoint, private_data) = (true, [].as_slice());
    for _ in 0..2 {
        let (at_a, at_b) = (a.ends(), b.ends());
        let (_, destination) = b.listen(0);
        let qp = at_a.qp;
        let connect = Command::Connect { qp, source, shared_endpoint, destination, limits, private_data };
        let connecting = a.start(connect);
        let (connection, limits, _) = b.request(&mut a);
        let accepting = b.start(Command::Accept { connection, qp: at_b.qp, limits, private_data: &[] });
        let Ok(CommandOutput::Connected(active)) = a.finish(&mut b, connecting) else { panic!("not connected") };
        assert_eq!(active.local, source);
        a.run(Execution::Inline, Command::CompleteConnect(active.connection)).expect("the peer waits");
        assert!(b.finish(&mut a, accepting).is_ok());
    }
}

fn a_listener_goes_with_a_request_unseen(devices: &Devices) {
    let (mut a, mut b) = (Side::open(devices, 0), Side::open(devices, 1));
    let ends = a.ends();
    let (listener, address) = b.listen(0);
    let connecting = a.start(a.connect_command(ends.qp, address, &[]));
    a.look_until(|| b.backend.signal().wait(Duration::ZERO));
    b.destroy(Execution::Inline, Resource::Listener(listener));
    assert_eq!(b.unwaited(), [], "it is nobody's any more");
    assert_eq!(a.finish(&mut b, connecting), Err(Status::CONNECTION_REFUSED));
}
