//! The runtime on a port that answers as it is told.

use super::runtime::{RESOLVE, lock};
use super::{Port, Runtime, Session};
use crate::ndk::{
    Answer, BlockedCall, Call, Irql, NdkVersion, Object, ObjectKind, Out, Return, Status, Upcall, UpcallBody,
    UpcallToken,
};
use des::{Dur, Time};
use host::HostMemory;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    /// Contexts of the completions that calls carried.
    contexts: Mutex<Vec<u64>>,
    now: Mutex<Time>,
    wakes: Mutex<Vec<Time>>,
    memory: Mutex<HostMemory>,
}

impl Port for Script {
    fn call(&self, call: Call<'_>) -> Answer {
        lock(&self.contexts).extend(call.completion().map(|completion| completion.context));
        lock(&self.answers).pop_front().expect("a call that the script knows")
    }

    fn now(&self) -> Time {
        *lock(&self.now)
    }

    fn with_memory(&self, access: &mut dyn FnMut(&mut HostMemory)) {
        access(&mut lock(&self.memory));
    }

    fn wake_at(&self, at: Time) {
        lock(&self.wakes).push(at);
    }
}

fn object(kind: ObjectKind) -> Object {
    Object { kind, id: 7, version: NdkVersion::V2_0 }
}

fn upcall(context: u64, body: UpcallBody) -> Upcall {
    Upcall {
        token: UpcallToken(1),
        object: object(ObjectKind::Adapter),
        callback: RESOLVE,
        context,
        body,
        processor: 0,
        level: Irql::Dispatch,
        after: None,
    }
}

/// A runtime whose script answers in this order.
fn bench(answers: Vec<Answer>) -> (Runtime, Arc<Script>, Session) {
    let script = Arc::new(Script { answers: Mutex::new(answers.into()), ..Script::default() });
    let runtime = Runtime::new();
    let session = runtime.session(Arc::clone(&script) as Arc<dyn Port>);
    (runtime, script, session)
}

fn returned(status: Status) -> Answer {
    Answer::Returned(Return::status(status))
}

fn opened() -> Answer {
    Answer::Returned(Return::with(Out::Object(object(ObjectKind::Adapter))))
}

/// Runs `task` until it waits or ends, and returns where its outcome will appear.
fn outcome<T: Send + 'static>(
    runtime: &Runtime,
    task: impl Future<Output = T> + Send + 'static,
) -> Arc<Mutex<Option<T>>> {
    let slot = Arc::new(Mutex::new(None));
    let filled = Arc::clone(&slot);
    runtime.spawn(async move {
        let value = task.await;
        *lock(&filled) = Some(value);
    });
    runtime.run_ready();
    slot
}

#[test]
fn a_create_ends_inline_or_by_its_completion_or_fails() {
    let pd = Return::with(Out::Object(object(ObjectKind::Pd)));
    let (runtime, script, session) =
        bench(vec![opened(), Answer::Returned(pd), returned(Status::PENDING), returned(Status::NO_MEMORY)]);
    let statuses = outcome(&runtime, async move {
        let adapter = session.open_adapter(NdkVersion::V2_0).await.expect("opened");
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(adapter.create_pd().await.map(|pd| pd.object().kind));
        }
        statuses
    });
    assert!(lock(&statuses).is_none(), "the second creation pends");
    let context = lock(&script.contexts)[1];
    let completion = UpcallBody::CreateCompletion { status: Status::INSUFFICIENT_RESOURCES, object: None };
    runtime.deliver(&upcall(context, completion));
    runtime.run_ready();
    let expected = [Ok(ObjectKind::Pd), Err(Status::INSUFFICIENT_RESOURCES), Err(Status::NO_MEMORY)];
    assert_eq!(lock(&statuses).take(), Some(expected.to_vec()));
    assert_eq!(runtime.unfinished(), 0);
    assert!(runtime.failures().is_empty());
}

#[test]
fn a_blocked_call_returns_even_before_it_is_waited_for() {
    let call = BlockedCall(3);
    let (runtime, _script, session) = bench(vec![opened(), Answer::Blocks(call)]);
    let returns = UpcallBody::CallReturns { call, returned: Return::status(Status::SUCCESS) };
    runtime.deliver(&upcall(0, returns));
    let closed =
        outcome(&runtime, async move { session.open_adapter(NdkVersion::V2_0).await.expect("opened").close().await });
    assert_eq!(*lock(&closed), Some(Ok(())));
}

#[test]
fn timers_wake_in_order_of_time_and_not_early() {
    let (runtime, script, session) = bench(Vec::new());
    let order = Arc::new(Mutex::new(Vec::new()));
    for ns in [30, 10, 20] {
        let (session, order) = (session.clone(), Arc::clone(&order));
        runtime.spawn(async move {
            session.sleep(Dur::from_ns(ns)).await;
            lock(&order).push(ns);
        });
    }
    runtime.run_ready();
    assert_eq!(lock(&script.wakes).len(), 3);
    assert_eq!(runtime.next_timer(), Some(Time::ZERO + Dur::from_ns(10)));
    for (ns, done) in [(9, vec![]), (20, vec![10, 20]), (40, vec![10, 20, 30])] {
        let now = Time::ZERO + Dur::from_ns(ns);
        *lock(&script.now) = now;
        runtime.run_timers(now);
        runtime.run_ready();
        assert_eq!(*lock(&order), done, "after {ns} ns");
    }
    assert_eq!(runtime.next_timer(), None);
}

#[test]
fn an_upcall_for_nobody_is_a_failure_of_the_run() {
    let (runtime, _script, _session) = bench(Vec::new());
    runtime.deliver(&upcall(99, UpcallBody::CloseCompletion));
    assert_eq!(runtime.failures().len(), 1, "{:?}", runtime.failures());
}

#[test]
fn callbacks_may_call_and_register_from_inside() {
    let (runtime, _script, session) = bench(vec![returned(Status::SUCCESS)]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (inner, log) = (session.clone(), Arc::clone(&seen));
    let callback = session.register(move |upcall| {
        let answer = inner.call(Call::OpenAdapter { version: NdkVersion::V2_0 });
        inner.register(|_| {});
        lock(&log).push((upcall.context, answer));
    });
    runtime.deliver(&Upcall { callback, ..upcall(5, UpcallBody::CloseCompletion) });
    assert_eq!(*lock(&seen), [(5, returned(Status::SUCCESS))]);
}
