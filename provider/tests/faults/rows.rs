//! Each effect, one at a time.

use crate::fake::Style;
use crate::stand::{Stand, created, done, mdl};
use des::{Dur, Ratio, Time};
use provider::fault::{Effect, Outcome, Row, Selector};
use provider::ndk::{Answer, Call, CallKind, Irql, Object, ObjectKind, Out, Status, UpcallBody};

const LATER: Style = Style::Later(Dur::from_us(5));
const NO_MEMORY: Status = Status::INSUFFICIENT_RESOURCES;

fn stand(style: Style, selector: Selector, effect: Effect) -> (Stand, Object) {
    let mut stand = Stand::new(style, vec![Row::new(selector, effect)], 1);
    let adapter = stand.open();
    (stand, adapter)
}

fn pds() -> Selector {
    Selector::object(ObjectKind::Pd)
}

/// Closes what a completion brought, and the adapter; then all must be sound.
fn end(mut stand: Stand, adapter: Object, objects: &[Object]) {
    for object in objects {
        stand.call(Call::Close { object: *object, completion: done(9) });
        stand.run();
    }
    stand.call(Call::CloseAdapter { adapter });
    stand.run();
    stand.assert_sound("the end");
}

#[test]
fn an_inline_failure_creates_nothing_below() {
    let (mut stand, adapter) = stand(Style::Inline, pds().nth(2), Effect::Fail(NO_MEMORY));
    let statuses: Vec<Status> = (1..=3).map(|context| stand.status(Stand::pd_call(adapter, context))).collect();
    assert_eq!(statuses, [Status::SUCCESS, NO_MEMORY, Status::SUCCESS]);
    assert_eq!(stand.fake().created, 2);
    let report = &stand.reports()[0];
    assert_eq!((report.fitted, report.fired), (3, 1));
    let hit = report.hits[0];
    assert_eq!((hit.call, hit.kind, hit.object), (3, CallKind::CreatePd, Some(adapter)));
}

#[test]
fn an_inline_success_does_not_pend() {
    let (mut stand, adapter) = stand(LATER, pds().nth(2), Effect::Inline);
    assert_eq!(stand.status(Stand::pd_call(adapter, 1)), Status::PENDING);
    let returned = stand.returned(Stand::pd_call(adapter, 2));
    let Out::Object(inline) = returned.out else { panic!("{returned:?} has no object") };
    assert_eq!(returned.status, Status::SUCCESS);
    assert_eq!((stand.reports()[0].fitted, stand.reports()[0].fired), (2, 1));
    assert!(stand.wake());
    let upcalls = stand.run();
    assert_eq!(upcalls.iter().map(|upcall| upcall.context).collect::<Vec<_>>(), [1], "the other one pended");
    let pended = created(&upcalls[0]).1.expect("an object");
    end(stand, adapter, &[pended, inline]);
}

#[test]
fn a_pended_success_hands_over_what_was_made_at_once() {
    let effect = Effect::Pend { after: Dur::from_us(3), outcome: Outcome::Succeed };
    let (mut stand, adapter) = stand(Style::Inline, pds(), effect);
    let returned = stand.returned(Stand::pd_call(adapter, 7));
    assert_eq!((returned.status, returned.out), (Status::PENDING, Out::Untouched));
    assert_eq!(stand.run(), []);
    assert_eq!(stand.deadline(), Some(Time::ZERO + Dur::from_us(3)));
    assert!(stand.wake());
    let upcalls = stand.run();
    assert_eq!((upcalls.len(), upcalls[0].context, upcalls[0].level), (1, 7, Irql::Dispatch));
    let (status, pd) = created(&upcalls[0]);
    assert_eq!(status, Status::SUCCESS);
    end(stand, adapter, &[pd.expect("an object")]);
}

#[test]
fn a_pended_failure_creates_nothing_below() {
    let effect = Effect::Pend { after: Dur::from_us(3), outcome: Outcome::Fail(NO_MEMORY) };
    for style in [Style::Inline, LATER] {
        let (mut stand, adapter) = stand(style, pds(), effect);
        assert_eq!(stand.status(Stand::pd_call(adapter, 7)), Status::PENDING);
        assert!(stand.wake());
        assert_eq!(created(&stand.run()[0]), (NO_MEMORY, None));
        assert_eq!(stand.fake().created, 0);
        end(stand, adapter, &[]);
    }
}

#[test]
fn a_completion_inside_the_call_comes_before_its_answer() {
    let (mut stand, adapter) = stand(Style::Inline, pds(), Effect::InsideCall(Outcome::Succeed));
    assert_eq!(stand.status(Stand::pd_call(adapter, 7)), Status::PENDING);
    let upcall = stand.take().expect("it is there");
    assert_eq!((upcall.after, upcall.level), (None, Irql::Passive));
    let (_, pd) = created(&upcall);
    let pd = pd.expect("an object");
    // The consumer may close it right there.
    stand.site.inside = Some(upcall.token);
    stand.call(Call::Close { object: pd, completion: done(8) });
    stand.site.inside = None;
    stand.leave(&upcall);
    end(stand, adapter, &[]);
}

#[test]
fn a_late_completion_is_late_after_the_provider_below() {
    let (mut stand, adapter) = stand(LATER, pds(), Effect::Late(Dur::from_us(2)));
    assert_eq!(stand.status(Stand::pd_call(adapter, 7)), Status::PENDING);
    assert!(stand.wake());
    assert_eq!(stand.run(), []);
    assert!(stand.wake());
    assert_eq!(stand.site.now, Time::ZERO + Dur::from_us(7));
    let (_, pd) = created(&stand.run()[0]);
    end(stand, adapter, &[pd.expect("an object")]);
}

#[test]
fn a_reordered_completion_lets_others_pass() {
    let effect = Effect::Reorder { behind: 2, at_most: Dur::from_ms(1) };
    for style in [Style::Inline, LATER] {
        let (mut stand, adapter) = stand(style, pds().with_context(1), effect);
        let mut objects = Vec::new();
        for context in 1..=3 {
            if let Out::Object(pd) = stand.returned(Stand::pd_call(adapter, context)).out {
                objects.push(pd);
            }
        }
        if style == LATER {
            stand.wake();
        }
        let upcalls = stand.run();
        assert_eq!(upcalls.last().map(|upcall| upcall.context), Some(1), "{style:?}");
        assert!(stand.site.now < Time::ZERO + Dur::from_ms(1), "it did not wait for its longest time");
        objects.extend(upcalls.iter().filter_map(|upcall| created(upcall).1));
        assert_eq!(objects.len(), 3);
        end(stand, adapter, &objects);
    }
}

#[test]
fn a_request_that_never_ends_ends_with_its_object() {
    let (mut stand, adapter) = stand(Style::Inline, Selector::calls(&[CallKind::Listen]), Effect::Never);
    let call = Call::CreateListener { adapter, connect_event: done(2), completion: done(1) };
    let Out::Object(listener) = stand.returned(call).out else { panic!("no listener") };
    let listen = Call::Listen { listener, address: ([10, 0, 0, 1], 80).into(), completion: done(5) };
    assert_eq!(stand.status(listen), Status::PENDING);
    assert!(!stand.wake(), "nothing is due, ever");
    assert_eq!(stand.status(Call::Close { object: listener, completion: done(9) }), Status::PENDING);
    let cancelled = stand.take().expect("the completion comes now");
    assert_eq!(cancelled.body, UpcallBody::RequestCompletion { status: Status::CANCELLED, out: Out::Untouched });
    assert_eq!(stand.take(), None, "the close waits for the callback's return");
    stand.leave(&cancelled);
    assert_eq!(stand.run()[0].body, UpcallBody::CloseCompletion);
    end(stand, adapter, &[]);
}

#[test]
fn closing_the_adapter_cancels_what_is_held_and_undoes_it_below() {
    let effect = Effect::Pend { after: Dur::from_ms(9), outcome: Outcome::Succeed };
    let (mut stand, adapter) = stand(Style::Inline, Selector::any(), effect);
    assert_eq!(stand.status(Stand::pd_call(adapter, 7)), Status::PENDING);
    let mdl = mdl();
    let lam = Call::BuildLam { adapter, mdl: &mdl, length_bytes: 8192, lam_bytes: 64, completion: done(8) };
    assert_eq!(stand.status(lam), Status::PENDING);
    assert_eq!(stand.fake().live(), 3);
    assert!(matches!(stand.call(Call::CloseAdapter { adapter }), Answer::Blocks(_)));
    let upcalls: Vec<_> = std::iter::from_fn(|| stand.take()).collect();
    assert_eq!(created(&upcalls[0]), (Status::CANCELLED, None));
    assert_eq!(upcalls[1].body, UpcallBody::RequestCompletion { status: Status::CANCELLED, out: Out::Untouched });
    stand.leave(&upcalls[1]);
    assert_eq!(stand.take(), None, "one callback still runs");
    stand.leave(&upcalls[0]);
    assert!(matches!(stand.run()[..], [ref last] if matches!(last.body, UpcallBody::CallReturns { .. })));
    stand.assert_sound("the end");
}

#[test]
fn a_completion_that_races_a_close_comes_after_the_close_was_called() {
    for style in [Style::Inline, LATER] {
        let (mut stand, adapter) = stand(style, Selector::calls(&[CallKind::Listen]), Effect::RaceClose);
        let create = Call::CreateListener { adapter, connect_event: done(2), completion: done(1) };
        let created = match stand.returned(create).out {
            Out::Object(listener) => Some(listener),
            _ => stand.wake().then(|| created(&stand.run()[0]).1).flatten(),
        };
        let listener = created.expect("a listener");
        let listen = Call::Listen { listener, address: ([10, 0, 0, 1], 80).into(), completion: done(5) };
        assert_eq!(stand.status(listen), Status::PENDING);
        assert_eq!(stand.wake(), style == LATER, "the provider below goes on, the layer has nothing due");
        assert_eq!(stand.run(), [], "it is kept for the close");
        assert_eq!(stand.status(Call::Close { object: listener, completion: done(9) }), Status::PENDING);
        let ended = stand.run();
        let contexts: Vec<u64> = ended.iter().map(|upcall| upcall.context).collect();
        assert_eq!(contexts, [5, 9], "the request ends, then the close");
        assert_eq!(ended[0].body, UpcallBody::RequestCompletion { status: Status::SUCCESS, out: Out::Untouched });
        assert_eq!((stand.reports()[0].fitted, stand.reports()[0].fired), (1, 1));
        end(stand, adapter, &[]);
    }
}

#[test]
fn another_processor_runs_the_completion() {
    for style in [Style::Inline, LATER] {
        let (mut stand, adapter) = stand(style, pds(), Effect::Processor(6));
        assert_eq!(stand.status(Stand::pd_call(adapter, 7)), Status::PENDING);
        if style == LATER {
            stand.wake();
        }
        let upcalls = stand.run();
        assert_eq!(upcalls[0].processor, 6);
        end(stand, adapter, &[created(&upcalls[0]).1.expect("an object")]);
    }
}

/// Six creations, a microsecond apart: contexts 1 to 6, queues and protection domains in turn.
#[test]
fn each_selector_hits_its_calls_and_no_other() {
    let us = |count| Time::ZERO + Dur::from_us(count);
    // Not the opening of the adapter.
    let creations = || Selector::any().within(us(1)..Time::MAX);
    for (selector, hit) in [
        (creations(), &[1, 2, 3, 4, 5, 6][..]),
        (Selector::object(ObjectKind::Pd), &[2, 4, 6]),
        (Selector::calls(&[CallKind::CreateCq]), &[1, 3, 5]),
        (creations().with_context(4), &[4]),
        (creations().nth(3), &[3]),
        (pds().nth(3), &[6]),
        (creations().burst(2, 3), &[2, 3, 4]),
        (creations().every(2), &[2, 4, 6]),
        (pds().every(2), &[4]),
        (Selector::any().within(us(2)..us(5)), &[2, 3, 4]),
        (pds().within(us(2)..us(5)).nth(2), &[4]),
        (Selector::object(ObjectKind::Qp), &[]),
        (creations().nth(7), &[]),
        (creations().with_context(7), &[]),
    ] {
        let (mut stand, adapter) = stand(Style::Inline, selector.clone(), Effect::Fail(NO_MEMORY));
        let mut failed = Vec::new();
        for context in 1..=6 {
            stand.site.now = us(context);
            let (notification, completion) = (done(100), done(context));
            let status = stand.status(match context % 2 {
                0 => Stand::pd_call(adapter, context),
                _ => Call::CreateCq { adapter, depth: 4, notification, affinity: None, completion },
            });
            failed.extend((status == NO_MEMORY).then_some(context));
        }
        assert_eq!(failed, hit, "{selector:?}");
        assert_eq!(stand.reports()[0].fired, hit.len() as u64, "{selector:?}");
    }
}

#[test]
fn rows_count_and_draw_by_themselves() {
    let half = Ratio::new(1, 2).expect("a probability");
    let rows = vec![
        Row::new(pds().every(3), Effect::Fail(NO_MEMORY)),
        Row::new(pds().chance(half), Effect::Fail(Status::NO_MEMORY)),
        Row::new(Selector::object(ObjectKind::Cq), Effect::Fail(NO_MEMORY)),
    ];
    let run = |seed| {
        let mut stand = Stand::new(Style::Inline, rows.clone(), seed);
        let adapter = stand.open();
        let statuses: Vec<Status> = (0..30).map(|context| stand.status(Stand::pd_call(adapter, context))).collect();
        (statuses, stand.reports())
    };
    let (statuses, reports) = run(1);
    assert!(statuses.iter().skip(2).step_by(3).all(|status| *status == NO_MEMORY));
    assert_eq!((reports[0].fitted, reports[0].fired), (30, 10));
    assert!((1..20).contains(&reports[1].fired), "{reports:?}");
    assert_eq!((reports[2].fitted, reports[2].fired), (0, 0));
    assert_eq!(run(1).0, statuses);
    assert_ne!(run(2).0, statuses);
}
