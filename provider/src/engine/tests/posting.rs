//! Posting: slots, silent success, deferral, inline data, flags, flush, and what comes after the end.

use crate::backend::WorkCompletion;
use crate::engine::testing::{Rig, done};
use crate::engine::{Config, Policy, PostAfterEnd, Style};
use crate::ndk::{Call, CallKind, NdkVersion, Object, OpFlags, Sge, Status};

const OK: Status = Status::SUCCESS;
const NONE: OpFlags = OpFlags::empty();

struct Ready {
    rig: Rig,
    adapter: Object,
    pd: Object,
    cq: Object,
    qp: Object,
    connector: Object,
}

fn ready_with(config: Config) -> Ready {
    let mut rig = Rig::new(config);
    let adapter = rig.open(NdkVersion::V1_2);
    let (pd, cq) = (rig.pd(adapter), rig.cq(adapter));
    let qp = rig.qp(pd, cq);
    let connector = rig.connected(adapter, qp, Rig::no_event());
    Ready { rig, adapter, pd, cq, qp, connector }
}

fn ready() -> Ready {
    ready_with(Config::default())
}

impl Ready {
    fn complete(&mut self, id: u64, status: Status) {
        let completion = self.rig.completion(self.qp, id, status);
        self.rig.complete(self.cq, completion);
    }
}

fn sge(length_bytes: u32) -> Sge {
    Sge { address: 0x1000, length_bytes, token: 1 }
}

#[test]
fn a_slot_is_free_when_its_result_or_a_later_one_is_taken() {
    let Ready { mut rig, cq, qp, .. } = ready();
    for context in 0..4 {
        let flags = if context < 2 { OpFlags::SILENT_SUCCESS } else { NONE };
        assert_eq!(rig.send(qp, context, flags), OK);
    }
    assert_eq!(rig.send(qp, 4, NONE), Status::NO_MORE_ENTRIES);
    let signalled: Vec<bool> = rig.device().sends.iter().map(|send| send.2).collect();
    assert_eq!(signalled, [false, false, true, true]);
    rig.complete(cq, rig.completion(qp, 2, OK));
    assert_eq!(rig.send(qp, 4, NONE), Status::NO_MORE_ENTRIES, "the result is not taken");
    assert_eq!(rig.contexts(cq), [(2, OK)], "silent successes say nothing");
    for context in 4..7 {
        assert_eq!(rig.send(qp, context, NONE), OK, "three slots came back");
    }
    assert_eq!(rig.send(qp, 7, NONE), Status::NO_MORE_ENTRIES);
    rig.complete(cq, rig.completion(qp, 3, Status::CANCELLED));
    rig.complete(cq, rig.completion(qp, 4, Status::CANCELLED));
    assert_eq!(rig.contexts(cq), [(3, Status::CANCELLED), (4, Status::CANCELLED)]);
}

#[test]
fn a_silent_request_that_fails_says_so_and_one_that_succeeds_never() {
    let Ready { mut rig, cq, qp, .. } = ready();
    assert_eq!(rig.send(qp, 1, OpFlags::SILENT_SUCCESS), OK);
    assert_eq!(rig.send(qp, 2, OpFlags::SILENT_SUCCESS), OK);
    // A device that reports the success all the same.
    rig.complete(cq, rig.completion(qp, 0, OK));
    rig.complete(cq, rig.completion(qp, 1, Status::CANCELLED));
    assert_eq!(rig.contexts(cq), [(2, Status::CANCELLED)]);
}

#[test]
fn receives_have_slots_of_their_own_and_need_no_connection() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V1_2);
    let (pd, cq) = (rig.pd(adapter), rig.cq(adapter));
    let qp = rig.qp(pd, cq);
    for context in 0..5 {
        let expected = if context < 4 { OK } else { Status::NO_MORE_ENTRIES };
        assert_eq!(rig.status(Call::Receive { qp, context, sgl: &[sge(8)] }), expected);
    }
    assert_eq!(rig.send(qp, 1, NONE), Status::CONNECTION_INVALID);
    rig.call(Call::Flush { qp });
    assert!(rig.engine().backend().was_told("FlushQp"));
    let cancelled = |rig: &Rig, id| WorkCompletion { receive: true, ..rig.completion(qp, id, Status::CANCELLED) };
    for id in 0..4 {
        rig.complete(cq, cancelled(&rig, id));
    }
    let all: Vec<_> = (0..4).map(|context| (context, Status::CANCELLED)).collect();
    assert_eq!(rig.contexts(cq), all);
}

#[test]
fn deferred_requests_wait_for_the_next_that_is_not() {
    let Ready { mut rig, qp, .. } = ready();
    assert_eq!(rig.send(qp, 1, OpFlags::DEFER), OK);
    assert_eq!(rig.send(qp, 2, OpFlags::DEFER), OK);
    assert_eq!((rig.device().sends.len(), rig.device().rings), (2, 0));
    assert_eq!(rig.send(qp, 3, NONE), OK);
    assert_eq!((rig.device().sends.len(), rig.device().rings), (3, 1), "one doorbell for all");
    assert_eq!(rig.send(qp, 4, NONE), OK);
    assert_eq!(rig.device().rings, 2);
}

#[test]
fn an_inline_failure_hands_over_what_was_deferred() {
    let too_many = [sge(1), sge(1), sge(1), sge(1)];
    for case in 0..4 {
        let Ready { mut rig, qp, .. } = ready();
        assert_eq!(rig.send(qp, 1, OpFlags::DEFER), OK);
        let (status, expected) = match case {
            0 => {
                let call = Call::Send { qp, context: 2, sgl: &too_many, flags: OpFlags::DEFER };
                (rig.status(call), Status::DATA_OVERRUN)
            }
            1 => (rig.send(qp, 2, OpFlags::from_bits_retain(0x8000)), Status::INVALID_PARAMETER),
            2 => {
                rig.device().post_error = Some(Status::NO_MORE_ENTRIES);
                (rig.send(qp, 2, OpFlags::DEFER), Status::NO_MORE_ENTRIES)
            }
            _ => {
                rig.send(qp, 2, OpFlags::DEFER);
                rig.send(qp, 3, OpFlags::DEFER);
                rig.send(qp, 4, OpFlags::DEFER);
                (rig.send(qp, 5, OpFlags::DEFER), Status::NO_MORE_ENTRIES)
            }
        };
        assert_eq!((status, rig.device().rings), (expected, 1), "case {case}");
    }
}

#[test]
fn flush_close_and_disconnect_hand_over_what_was_deferred() {
    for case in 0..3 {
        let Ready { mut rig, qp, connector, .. } = ready();
        assert_eq!(rig.send(qp, 1, OpFlags::DEFER), OK);
        match case {
            0 => drop(rig.call(Call::Flush { qp })),
            1 => rig.close(connector),
            _ => rig.ok(Call::Disconnect { connector, completion: done(1) }),
        }
        assert_eq!(rig.device().rings, 1, "case {case}");
        assert!(rig.engine().backend().was_told("FlushQp"), "case {case}");
    }
}

#[test]
fn inline_data_is_taken_at_the_call() {
    let Ready { mut rig, qp, .. } = ready();
    // More entries than the queue allows, tokens of nothing.
    let pieces: Vec<Sge> = (0..8).map(|index| Sge { address: 16 * index + 1, length_bytes: 2, token: 0 }).collect();
    assert_eq!(rig.status(Call::Send { qp, context: 1, sgl: &pieces, flags: OpFlags::INLINE }), OK);
    let expected: Vec<u8> = (0..8).flat_map(|index| [16 * index + 1, 16 * index + 2]).collect();
    assert_eq!(rig.device().sends[0].3.as_deref(), Some(&expected[..]));
    let long = [sge(33)];
    let call = Call::Send { qp, context: 2, sgl: &long, flags: OpFlags::INLINE };
    assert_eq!(rig.status(call), Status::BUFFER_OVERFLOW);
    let nowhere = [Sge { address: 0, length_bytes: 1, token: 0 }];
    let call = Call::Send { qp, context: 3, sgl: &nowhere, flags: OpFlags::INLINE };
    assert_eq!(rig.status(call), Status::ACCESS_VIOLATION);
    let write = |flags| Call::Write { qp, context: 4, sgl: &pieces[..1], remote_address: 0, remote_token: 0, flags };
    assert_eq!(rig.status(write(OpFlags::INLINE)), OK);
    assert_eq!(rig.device().sends.len(), 2);
}

#[test]
fn lists_and_lengths_have_limits() {
    let Ready { mut rig, qp, .. } = ready();
    let sgl = [sge(1); 4];
    let read = |sgl| Call::Read { qp, context: 0, sgl, remote_address: 0, remote_token: 0, flags: NONE };
    for (call, expected) in [
        (Call::Send { qp, context: 0, sgl: &sgl, flags: NONE }, Status::DATA_OVERRUN),
        (Call::Send { qp, context: 0, sgl: &sgl[..3], flags: NONE }, OK),
        (Call::Send { qp, context: 0, sgl: &[], flags: NONE }, OK),
        (read(&sgl[..3]), Status::DATA_OVERRUN),
        (read(&sgl[..2]), OK),
        (Call::Send { qp, context: 0, sgl: &[sge(1 << 16), sge(1)], flags: NONE }, Status::BUFFER_OVERFLOW),
        (Call::Receive { qp, context: 0, sgl: &sgl[..3] }, Status::DATA_OVERRUN),
        (Call::Receive { qp, context: 0, sgl: &[sge(u32::MAX), sge(u32::MAX)] }, Status::BUFFER_OVERFLOW),
    ] {
        let kind = call.kind();
        assert_eq!(rig.status(call), expected, "{kind:?}");
    }
}

#[test]
fn each_operation_has_its_flags() {
    let refused = Status::INVALID_PARAMETER;
    let flags = |bits| OpFlags::from_bits_retain(bits);
    let Ready { mut rig, qp, cq, .. } = ready();
    let mut id = 0;
    let mut post = |rig: &mut Rig, write: bool, bits| {
        let sgl = [sge(1)];
        let call = if write {
            Call::Write { qp, context: 0, sgl: &sgl, remote_address: 0, remote_token: 0, flags: flags(bits) }
        } else {
            Call::Read { qp, context: 0, sgl: &sgl, remote_address: 0, remote_token: 0, flags: flags(bits) }
        };
        let status = rig.status(call);
        if status == OK {
            rig.complete(cq, rig.completion(qp, id, OK));
            rig.contexts(cq);
            id += 1;
        }
        status
    };
    for (bits, write, read) in [
        (0x001, OK, OK),
        (0x002, OK, OK),
        (0x004, refused, refused),
        (0x008, refused, refused),
        (0x030, refused, refused),
        (0x040, OK, refused),
        (0x080, refused, refused),
        (0x100, refused, OK),
        (0x200, OK, OK),
        (0x400, refused, refused),
    ] {
        assert_eq!(post(&mut rig, true, bits), write, "write with {bits:#x}");
        assert_eq!(post(&mut rig, false, bits), read, "read with {bits:#x}");
    }
}

#[test]
fn what_came_with_1_2_is_not_in_1_1() {
    let mut rig = Rig::new(Config { versions: vec![NdkVersion::V1_1], ..Config::default() });
    let adapter = rig.open(NdkVersion::V1_1);
    let (pd, cq) = (rig.pd(adapter), rig.cq(adapter));
    let qp = rig.qp(pd, cq);
    rig.connected(adapter, qp, Rig::no_event());
    let call = Call::SendAndInvalidate { qp, context: 0, sgl: &[], flags: NONE, remote_token: 1 };
    assert_eq!(rig.status(call), Status::NOT_SUPPORTED);
    assert_eq!(rig.send(qp, 1, OpFlags::DEFER), Status::INVALID_PARAMETER);
    let policy = Policy { unknown_flags: None, ..Policy::default() };
    let mut rig = Rig::new(Config { versions: vec![NdkVersion::V1_1], policy, ..Config::default() });
    let adapter = rig.open(NdkVersion::V1_1);
    let (pd, cq) = (rig.pd(adapter), rig.cq(adapter));
    let qp = rig.qp(pd, cq);
    rig.connected(adapter, qp, Rig::no_event());
    assert_eq!((rig.send(qp, 1, OpFlags::DEFER), rig.device().rings), (OK, 1), "an ignored flag defers nothing");
}

#[test]
fn posting_after_the_end_is_a_policy() {
    for (after_end, after_disconnect) in
        [(PostAfterEnd::Flushed, PostAfterEnd::Refused), (PostAfterEnd::Refused, PostAfterEnd::Flushed)]
    {
        let status = |answer| if answer == PostAfterEnd::Flushed { OK } else { Status::CONNECTION_INVALID };
        let policy = Policy { post_after_end: after_end, post_after_disconnect: after_disconnect, ..Policy::default() };
        let config = Config { policy, ..Config::default() };
        let mut flushed = ready_with(config.clone());
        flushed.rig.call(Call::Flush { qp: flushed.qp });
        assert_eq!(flushed.rig.send(flushed.qp, 1, NONE), status(after_end));
        let mut failed = ready_with(config.clone());
        assert_eq!(failed.rig.send(failed.qp, 1, NONE), OK);
        failed.complete(0, Status::IO_TIMEOUT);
        failed.rig.contexts(failed.cq);
        assert_eq!(failed.rig.send(failed.qp, 1, NONE), status(after_end));
        let mut left = ready_with(config);
        left.rig.ok(Call::Disconnect { connector: left.connector, completion: done(1) });
        assert_eq!(left.rig.send(left.qp, 1, NONE), status(after_disconnect));
    }
}

#[test]
fn results_of_a_closed_queue_pair_are_a_policy() {
    for results_after_qp_close in [true, false] {
        let policy = Policy { results_after_qp_close, ..Policy::default() };
        let mut ready = ready_with(Config { policy, ..Config::default() });
        assert_eq!(ready.rig.send(ready.qp, 1, NONE), OK);
        assert_eq!(ready.rig.send(ready.qp, 2, NONE), OK);
        ready.complete(0, OK);
        let Ready { mut rig, adapter, pd, cq, qp, connector } = ready;
        let late = rig.completion(qp, 1, Status::CANCELLED);
        rig.close(connector);
        rig.close(qp);
        rig.complete(cq, late);
        let expected = if results_after_qp_close { vec![(1, OK)] } else { vec![] };
        assert_eq!(rig.contexts(cq), expected, "nothing that the device reports later");
        rig.close(cq);
        rig.close(pd);
        rig.ok(Call::CloseAdapter { adapter });
        rig.assert_empty();
    }
}

#[test]
fn a_queue_pair_that_goes_leaves_all_its_results_or_none() {
    for results_after_qp_close in [true, false] {
        let policy = Policy { results_after_qp_close, ..Policy::default() };
        let mut config = Config { policy, ..Config::default() };
        config.styles.insert(CallKind::Close, Style::Pending);
        let mut ready = ready_with(config);
        assert_eq!(ready.rig.send(ready.qp, 1, NONE), OK);
        assert_eq!(ready.rig.send(ready.qp, 2, NONE), OK);
        ready.complete(0, OK);
        let Ready { mut rig, cq, qp, connector, .. } = ready;
        rig.close(connector);
        let close = Call::Close { object: qp, completion: done(9) };
        assert_eq!(rig.status(close), Status::PENDING);
        rig.complete(cq, rig.completion(qp, 1, Status::CANCELLED));
        let expected = if results_after_qp_close { vec![(1, OK), (2, Status::CANCELLED)] } else { vec![] };
        assert_eq!(rig.contexts(cq), expected, "no later one without the earlier one");
    }
}
