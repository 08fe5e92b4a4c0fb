//! Timers, counts, and answers that come twice or never.

use super::*;
use des::Dur;

const TIMEOUT: Dur = Dur::from_ns(4_096 * 16);
const SEQUENCE_NAK: Aeth = Aeth::nak(NakCode::PsnSequence, 0);

fn after(us: u64) -> Time {
    Time::ZERO + Dur::from_us(us)
}

/// Lets the timer expire again and again; gives the moments until the requester gives up, the last included.
fn expire_all(requester: &mut Requester) -> Vec<Time> {
    let mut moments = Vec::new();
    let mut events = Vec::new();
    let mut now = Time::ZERO;
    while events.is_empty() {
        while requester.next_step(now).is_some() {}
        now = requester.deadline().expect("something is unacknowledged");
        requester.on_timeout(now, &mut events);
        moments.push(now);
    }
    assert_eq!(events, [completed(1, Status::RetryExceeded)]);
    moments
}

#[test]
fn old_and_ghost_answers_are_ignored() {
    let mut requester = requester(|_| {});
    push(&mut requester, 1, WRITE, 256 * 2);
    drain(&mut requester);
    ack(&mut requester, 0, UNLIMITED);
    let before = requester.deadline();
    for aeth in
        [UNLIMITED, Aeth::nak(NakCode::PsnSequence, 0), Aeth::nak(NakCode::RemoteAccess, 0), Aeth::rnr_nak(1, 0)]
    {
        for index in [0, 2, 1000, 1 << 23] {
            assert_eq!(ack(&mut requester, index, aeth), [], "{aeth:?} for packet {index}");
        }
    }
    assert_eq!((drain(&mut requester), requester.deadline()), (vec![], before));
}

#[test]
fn the_same_loss_reported_twice_is_repaired_once() {
    let mut requester = requester(|_| {});
    push(&mut requester, 1, WRITE, 256 * 3);
    drain(&mut requester);
    ack(&mut requester, 1, Aeth::nak(NakCode::PsnSequence, 0));
    assert_eq!(drain(&mut requester), [1, 2]);
    ack(&mut requester, 1, Aeth::nak(NakCode::PsnSequence, 0));
    assert_eq!(drain(&mut requester), []);
    assert_eq!(requester.deadline(), Some(Time::ZERO + Dur::from_ns(4_096 * 16)));
}

#[test]
fn the_timer_runs_from_the_first_packet_and_anew_from_each_progress() {
    let mut requester = requester(|_| {});
    push(&mut requester, 1, WRITE, 256 * 3);
    assert_eq!(requester.deadline(), None);
    for us in [10, 20, 30] {
        assert!(requester.next_step(after(us)).is_some());
    }
    assert_eq!(requester.deadline(), Some(after(10) + TIMEOUT));
    ack_at(&mut requester, after(50), 1, UNLIMITED);
    assert_eq!(requester.deadline(), Some(after(50) + TIMEOUT));
    ack_at(&mut requester, after(60), 2, UNLIMITED);
    assert_eq!(requester.deadline(), None);
}

#[test]
fn an_early_call_does_nothing_and_code_zero_never_expires() {
    let mut requester = requester(|_| {});
    push(&mut requester, 1, WRITE, 8);
    drain(&mut requester);
    let mut events = Vec::new();
    requester.on_timeout(after(65), &mut events);
    assert_eq!((events, drain(&mut requester)), (vec![], vec![]));

    let mut patient = super::requester(|config| config.timeout_code = 0);
    push(&mut patient, 1, WRITE, 8);
    drain(&mut patient);
    assert_eq!(patient.deadline(), None);
}

#[test]
fn progress_refills_the_retries() {
    let mut requester = requester(|config| config.retry_count = 1);
    push(&mut requester, 1, WRITE, 256 * 4);
    for index in 1..4 {
        drain(&mut requester);
        assert_eq!(ack(&mut requester, index, SEQUENCE_NAK), [], "loss {index} is the first since progress");
    }
    drain(&mut requester);
    let mut events = Vec::new();
    requester.on_timeout(Time::ZERO + TIMEOUT, &mut events);
    assert_eq!(events, [completed(1, Status::RetryExceeded)], "the retry was spent on the loss of the same packet");
}

#[test]
fn progress_refills_the_retries_of_a_receiver_not_ready() {
    let mut requester = requester(|config| config.rnr_retry = 1);
    push(&mut requester, 1, SEND, 8);
    push(&mut requester, 2, SEND, 8);
    for (index, us) in [(0, 0), (1, 100)] {
        let now = after(us);
        while requester.next_step(now).is_some() {}
        assert!(ack_at(&mut requester, now, index, Aeth::rnr_nak(1, 0)).len() <= 1);
        assert_eq!(requester.deadline(), Some(now + Dur::from_us(10)));
    }
    while requester.next_step(after(200)).is_some() {}
    let events = ack_at(&mut requester, after(200), 1, Aeth::rnr_nak(1, 0));
    assert_eq!(events, [completed(2, Status::RnrRetryExceeded)]);
}

#[test]
fn a_silence_is_not_prolonged_by_copies_and_ends_with_an_acknowledgement() {
    let mut requester = requester(|_| {});
    push(&mut requester, 1, SEND, 8);
    push(&mut requester, 2, SEND, 8);
    drain(&mut requester);
    ack(&mut requester, 0, Aeth::rnr_nak(1, 0));
    ack_at(&mut requester, after(5), 0, Aeth::rnr_nak(1, 0));
    assert_eq!(requester.deadline(), Some(after(10)));
    assert_eq!(requester.counters().rnr_naks, 1);
    assert!(!requester.is_ready(after(9)));
    requester.on_timeout(after(10), &mut Vec::new());
    assert_eq!(requester.deadline(), None);
    assert!(requester.is_ready(after(10)));
    assert_eq!(ack_at(&mut requester, after(5), 0, UNLIMITED), [completed(1, Status::Ok)]);
    ack_at(&mut requester, after(5), 1, Aeth::rnr_nak(1, 0));
    assert_eq!(ack_at(&mut requester, after(6), 1, UNLIMITED), [completed(2, Status::Ok)]);
    assert_eq!(requester.deadline(), None, "the silence is over");
}

#[test]
fn nominal_timeouts_are_all_alike() {
    let mut requester = requester(|config| config.retry_count = 2);
    push(&mut requester, 1, WRITE, 8);
    assert_eq!(expire_all(&mut requester), [1, 2, 3].map(|count| Time::ZERO + TIMEOUT * count));
}

/// Milliseconds after the post at which ConnectX-6 sent again, and gave up, with code 14 and 7 retries.
#[test]
fn adaptive_timeouts_are_those_measured() {
    let mut requester = requester(|config| {
        config.timeout_policy = TimeoutPolicy::Adaptive;
        config.timeout_code = 14;
    });
    push(&mut requester, 1, WRITE, 8);
    let ms: Vec<u64> = expire_all(&mut requester).iter().map(|at| at.as_ps() / 1_000_000_000).collect();
    assert_eq!(ms, [12, 20, 37, 71, 138, 239, 440, 977, 1514, 2051, 2587, 3124, 3661]);
}

#[test]
fn adaptive_steps_begin_anew_after_progress() {
    let mut requester = requester(|config| config.timeout_policy = TimeoutPolicy::Adaptive);
    push(&mut requester, 1, WRITE, 256 * 2);
    drain(&mut requester);
    let first = requester.deadline().expect("something is unacknowledged");
    requester.on_timeout(first, &mut Vec::new());
    assert!(requester.next_step(first).is_some());
    let second = requester.deadline().expect("something is unacknowledged");
    assert!(second.since(first) < first.since(Time::ZERO));
    ack_at(&mut requester, second, 0, UNLIMITED);
    assert_eq!(requester.deadline(), Some(second + first.since(Time::ZERO)));
}
