//! Arming and notification (section 3.8 of the NDKPI reference), results, moderation, resize.

use crate::backend::{Event, WorkCompletion};
use crate::engine::testing::{Rig, done};
use crate::engine::{Config, Policy};
use crate::ndk::{
    AdapterFlags, Affinity, Call, CqNotify, NdkVersion, Object, OpFlags, OperationType, Sge, Status, Upcall, UpcallBody,
};

struct Pair {
    rig: Rig,
    cq: Object,
    qp: Object,
}

fn pair_of(version: NdkVersion, policy: Policy) -> Pair {
    let mut rig = Rig::new(Config { policy, ..Config::default() });
    let adapter = rig.open(version);
    let (pd, cq) = (rig.pd(adapter), rig.cq(adapter));
    let qp = rig.qp(pd, cq);
    rig.connected(adapter, qp, Rig::no_event());
    Pair { rig, cq, qp }
}

fn pair() -> Pair {
    pair_of(NdkVersion::V1_2, Policy::default())
}

impl Pair {
    /// The device ends the next of four receives that are posted.
    fn receive(&mut self, id: u64) -> WorkCompletion {
        WorkCompletion { receive: true, bytes: 11, ..self.rig.completion(self.qp, id, Status::SUCCESS) }
    }

    fn post_receives(&mut self) {
        for context in 0..4 {
            let sgl = [Sge { address: 1, length_bytes: 64, token: 1 }];
            let call = Call::Receive { qp: self.qp, context: 100 + context, sgl: &sgl };
            assert_eq!(self.rig.status(call), Status::SUCCESS);
        }
    }

    /// Statuses of the notifications that are due, all returned at once.
    fn told(&mut self) -> Vec<Status> {
        let due = self.rig.enter();
        due.iter().for_each(|upcall| self.rig.leave(upcall));
        due.iter().map(notice).collect()
    }

    fn arrives(&mut self, completion: WorkCompletion) -> Vec<Status> {
        self.rig.complete(self.cq, completion);
        self.told()
    }
}

fn notice(upcall: &Upcall) -> Status {
    match upcall.body {
        UpcallBody::CqNotification { status } => status,
        ref other => panic!("no notification: {other:?}"),
    }
}

const OK: Status = Status::SUCCESS;

#[test]
fn one_arm_is_one_notification() {
    let mut pair = pair();
    pair.post_receives();
    let (first, second, third) = (pair.receive(0), pair.receive(1), pair.receive(2));
    assert_eq!(pair.arrives(first), [], "not armed");
    assert_eq!(pair.rig.contexts(pair.cq), [(100, OK)]);
    pair.rig.arm(pair.cq, CqNotify::ANY);
    assert_eq!(pair.told(), [], "nothing new is there");
    assert_eq!(pair.arrives(second), [OK]);
    assert_eq!(pair.arrives(third), [], "not armed again");
    assert_eq!(pair.rig.contexts(pair.cq), [(101, OK), (102, OK)]);
}

#[test]
fn an_entry_that_came_before_the_arm_counts() {
    let mut pair = pair();
    pair.post_receives();
    for (id, notify) in [(0, CqNotify::ANY), (1, CqNotify(77))] {
        let completion = pair.receive(id);
        assert_eq!(pair.arrives(completion), []);
        pair.rig.arm(pair.cq, notify);
        assert_eq!(pair.told(), [OK], "{notify:?}");
    }
    assert_eq!(pair.rig.contexts(pair.cq).len(), 2);
}

#[test]
fn old_entries_count_as_the_policy_has_it() {
    for old_entries_satisfy_arm in [true, false] {
        let mut pair = pair_of(NdkVersion::V1_2, Policy { old_entries_satisfy_arm, ..Policy::default() });
        pair.post_receives();
        let (first, second) = (pair.receive(0), pair.receive(1));
        pair.arrives(first);
        pair.rig.arm(pair.cq, CqNotify::ANY);
        assert_eq!(pair.told(), [OK]);
        pair.rig.arm(pair.cq, CqNotify::ANY);
        assert_eq!(pair.told().len(), usize::from(old_entries_satisfy_arm));
        let expected = usize::from(!old_entries_satisfy_arm);
        assert_eq!(pair.arrives(second).len(), expected, "a new one satisfies the arm that is left");
        assert_eq!(pair.rig.contexts(pair.cq).len(), 2);
    }
}

#[test]
fn notifications_do_not_overlap() {
    let mut pair = pair();
    pair.post_receives();
    let (first, second) = (pair.receive(0), pair.receive(1));
    pair.rig.arm(pair.cq, CqNotify::ANY);
    pair.rig.complete(pair.cq, first);
    let running = pair.rig.enter_one();
    pair.rig.arm(pair.cq, CqNotify::ANY);
    pair.rig.complete(pair.cq, second);
    pair.rig.arm(pair.cq, CqNotify::SOLICITED);
    assert_eq!(pair.rig.enter(), [], "the first runs");
    pair.rig.leave(&running);
    assert_eq!(pair.told(), [OK], "and the next follows, once for both arms");
    assert_eq!(pair.told(), []);
}

#[test]
fn what_satisfies_which_arm() {
    let failed = Status::IO_TIMEOUT;
    // Arm, solicited, status: told?
    for (notify, solicited, status, told) in [
        (CqNotify::ANY, false, OK, true),
        (CqNotify::ANY, false, failed, true),
        (CqNotify::SOLICITED, false, OK, false),
        (CqNotify::SOLICITED, true, OK, true),
        (CqNotify::SOLICITED, false, failed, true),
        (CqNotify::ERRORS, false, OK, false),
        (CqNotify::ERRORS, true, OK, false),
        (CqNotify::ERRORS, false, failed, true),
    ] {
        for arm_first in [true, false] {
            let mut pair = pair();
            pair.post_receives();
            let completion = WorkCompletion { solicited, status, ..pair.receive(0) };
            if arm_first {
                pair.rig.arm(pair.cq, notify);
            }
            let mut seen = pair.arrives(completion);
            if !arm_first {
                pair.rig.arm(pair.cq, notify);
                seen.extend(pair.told());
            }
            assert_eq!(seen.len(), usize::from(told), "{notify:?}, solicited: {solicited}, {status}, {arm_first}");
            assert_eq!(pair.rig.contexts(pair.cq), [(100, status)], "the result is there when it is told");
        }
    }
}

#[test]
fn an_error_taken_before_its_event_still_satisfies_an_arm_for_errors() {
    let mut pair = pair();
    pair.post_receives();
    pair.rig.arm(pair.cq, CqNotify::ERRORS);
    let completion = WorkCompletion { status: Status::CANCELLED, ..pair.receive(0) };
    let device_cq = pair.rig.device_cq(pair.cq);
    pair.rig.device().completions.entry(device_cq).or_default().push_back(completion);
    assert_eq!(pair.rig.contexts(pair.cq), [(100, Status::CANCELLED)]);
    assert_eq!(pair.told(), [OK]);
}

#[test]
fn a_dead_queue_is_told_once_and_gives_nothing_more() {
    for (overrun, status, armed_before) in
        [(true, Status::BUFFER_OVERFLOW, true), (false, Status::INTERNAL_ERROR, false)]
    {
        let mut pair = pair();
        pair.post_receives();
        let (completion, cq) = (pair.receive(0), pair.rig.device_cq(pair.cq));
        pair.arrives(completion);
        pair.rig.contexts(pair.cq);
        if armed_before {
            pair.rig.arm(pair.cq, CqNotify::ERRORS);
        }
        pair.rig.raise(Event::CqError { cq, overrun });
        let mut told = pair.told();
        pair.rig.arm(pair.cq, CqNotify::ANY);
        told.extend(pair.told());
        assert_eq!(told, [status]);
        let completion = pair.receive(1);
        pair.arrives(completion);
        assert_eq!(pair.rig.contexts(pair.cq), []);
    }
}

#[test]
fn notifications_run_on_the_preferred_processor() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V1_2);
    let pd = rig.pd(adapter);
    let affinity = Some(Affinity { group: 0, mask: 0b1100_0000 });
    let create = Call::CreateCq { adapter, depth: 8, notification: done(9), affinity, completion: done(1) };
    let cq = rig.create(create);
    let qp = rig.qp(pd, cq);
    rig.connected(adapter, qp, Rig::no_event());
    assert_eq!(rig.send(qp, 1, OpFlags::empty()), OK);
    rig.arm(cq, CqNotify::ANY);
    rig.complete(cq, rig.completion(qp, 0, OK));
    let upcall = rig.enter_one();
    assert_eq!((upcall.processor, upcall.context, upcall.object), (6, 9, cq));
}

#[test]
fn results_carry_both_contexts_and_their_operation() {
    let mut pair = pair_of(NdkVersion::V2_1, Policy { bytes_of_non_receives: 0xdead, ..Policy::default() });
    pair.post_receives();
    assert_eq!(pair.rig.send(pair.qp, 7, OpFlags::empty()), OK);
    let received = WorkCompletion { invalidated: Some(0x300), ..pair.receive(0) };
    pair.rig.complete(pair.cq, received);
    let failed = WorkCompletion { vendor_error: 0x88, ..pair.rig.completion(pair.qp, 0, Status::IO_TIMEOUT) };
    pair.rig.complete(pair.cq, failed);
    let results = pair.rig.results(pair.cq);
    let [receive, send] = results.as_slice() else { panic!("two results: {results:?}") };
    assert_eq!((receive.operation, receive.type_specific), (OperationType::ReceiveAndInvalidate, 0x300));
    assert_eq!(
        (receive.base.bytes_transferred, receive.base.qp_context, receive.base.request_context),
        (11, 0x51, 100)
    );
    assert_eq!(
        (send.operation, send.base.status, send.base.request_context),
        (OperationType::Send, Status::IO_TIMEOUT, 7)
    );
    assert_eq!((send.base.bytes_transferred, send.provider_error_code), (0xdead, 0x88));
}

#[test]
fn extended_results_came_with_1_2_and_error_codes_with_2_1() {
    for (version, count, code) in [(NdkVersion::V1_1, 0, 0), (NdkVersion::V1_2, 1, 0), (NdkVersion::V2_1, 1, 5)] {
        let mut rig = Rig::new(Config { versions: vec![version], ..Config::default() });
        let adapter = rig.open(version);
        let (pd, cq) = (rig.pd(adapter), rig.cq(adapter));
        let qp = rig.qp(pd, cq);
        rig.connected(adapter, qp, Rig::no_event());
        assert_eq!(rig.send(qp, 7, OpFlags::empty()), OK);
        let failed = WorkCompletion { vendor_error: 5, ..rig.completion(qp, 0, Status::IO_TIMEOUT) };
        rig.complete(cq, failed);
        let results = rig.results(cq);
        assert_eq!(results.len(), count, "{version}");
        assert!(results.iter().all(|result| result.provider_error_code == code));
    }
}

#[test]
fn moderation_answers_as_the_page_says() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V1_2);
    let cq = rig.cq(adapter);
    let none = "interval_us: 0, count: 0";
    // The queue has 64 entries: a count beyond them is no bound.
    for (interval_us, count, status, told) in [
        (0, 5, OK, none),
        (7, 0, OK, none),
        (7, 1, OK, none),
        (7, 5, OK, "interval_us: 7, count: 5"),
        (u32::MAX, 5, OK, "interval_us: 4294967295, count: 5"),
        (7, u32::MAX, OK, "interval_us: 7, count: 0"),
        (7, 65, OK, "interval_us: 7, count: 0"),
        (u32::MAX, u32::MAX, Status::INVALID_PARAMETER_MIX, ""),
        (u32::MAX, 65, Status::INVALID_PARAMETER_MIX, ""),
    ] {
        rig.device().log.clear();
        assert_eq!(rig.status(Call::ControlCqInterruptModeration { cq, interval_us, count }), status);
        let log = rig.device().log.concat();
        assert_eq!((log.is_empty(), log.contains(told)), (told.is_empty(), true), "{interval_us}, {count}: {log}");
    }
    let mut rig = Rig::new(Config { flags: AdapterFlags::empty(), ..Config::default() });
    let adapter = rig.open(NdkVersion::V1_2);
    let cq = rig.cq(adapter);
    let call = Call::ControlCqInterruptModeration { cq, interval_us: 7, count: 5 };
    assert_eq!(rig.status(call), Status::NOT_SUPPORTED);
}

#[test]
fn resizing_obeys_the_limits_and_the_capability() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V1_2);
    let cq = rig.cq(adapter);
    let resize = |depth| Call::ResizeCq { cq, depth, completion: done(5) };
    rig.ok(resize(256));
    assert_eq!(rig.engine().objects.cq(cq.id).depth(), 256);
    assert_eq!(rig.status(resize(257)), Status::INVALID_PARAMETER);
    rig.device().results.push_back(Err(Status::BUFFER_OVERFLOW));
    assert_eq!(rig.run(resize(1)).status, Status::BUFFER_OVERFLOW);
    assert_eq!(rig.engine().objects.cq(cq.id).depth(), 256, "a failure changes nothing");
    rig.device().capabilities.resize_cq = false;
    assert_eq!(rig.status(resize(8)), Status::NOT_SUPPORTED);
}

/// Found by random programs: the notification fetched what came behind the entry in hand, and so put it before that.
#[test]
fn results_keep_their_order_when_a_notification_fetches_the_rest() {
    let mut it = pair_of(NdkVersion::V1_2, Policy { old_entries_satisfy_arm: false, ..Policy::default() });
    it.post_receives();
    it.rig.arm(it.cq, CqNotify::ERRORS);
    let cq = it.rig.device_cq(it.cq);
    for id in 0..4 {
        let completion = WorkCompletion { status: Status::CANCELLED, ..it.receive(id) };
        it.rig.device().complete(cq, completion);
    }
    it.rig.arm(it.cq, CqNotify::ERRORS);
    assert_eq!(it.told(), [Status::SUCCESS]);
    let contexts: Vec<u64> = it.rig.contexts(it.cq).into_iter().map(|(context, _)| context).collect();
    assert_eq!(contexts, [100, 101, 102, 103]);
}

/// Found by random programs: what the second arm found satisfied the first one, and then the second one again.
#[test]
fn two_arms_are_one_although_the_second_finds_what_the_first_waits_for() {
    let mut it = pair();
    it.post_receives();
    it.rig.arm(it.cq, CqNotify::SOLICITED);
    let (cq, completion) = (it.rig.device_cq(it.cq), it.receive(0));
    it.rig.device().complete(cq, WorkCompletion { status: Status::CANCELLED, ..completion });
    it.rig.arm(it.cq, CqNotify::SOLICITED);
    assert_eq!(it.told(), [Status::SUCCESS]);
    assert_eq!(it.told(), []);
}
