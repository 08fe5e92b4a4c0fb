use super::*;
use crate::link::{Delivery, Link, LinkConfig, LinkId};
use crate::testing::{frame_of_cable_len, packet};
use des::Rate;
use wire::{Body, Ecn};

/// 1000 bytes take 1 us, and half a microsecond to arrive.
const LENGTH: Dur = Dur::from_us(1);
const LATENCY: Dur = Dur::from_ns(500);

fn link(specs: impl IntoIterator<Item = RuleSpec>) -> Link {
    let mut link = Link::new(LinkId(0), LinkConfig { rate: Rate::from_gbps(8), latency: LATENCY });
    for (number, spec) in specs.into_iter().enumerate() {
        link.add_rule(Rule::new(spec, Rng::stream(1, &format!("rule.{number}"))));
    }
    link
}

fn send(link: &mut Link, count: usize) -> Vec<Delivery> {
    let mut out = Vec::new();
    for _ in 0..count {
        link.send(Time::ZERO, frame_of_cable_len(1_000), &mut out);
    }
    out
}

fn every(verdict: Verdict) -> RuleSpec {
    RuleSpec::always(Matcher::Any, Pick::Every, verdict)
}

#[test]
fn every_verdict_on_one_frame() {
    let arrival = Time::ZERO + LENGTH + LATENCY;
    let late = Dur::from_us(7);
    let table = [
        (Verdict::Pass, vec![arrival]),
        (Verdict::Deliver { delay: late }, vec![arrival + late]),
        (Verdict::Drop(Loss::Rule), vec![]),
        (Verdict::Drop(Loss::LinkDown), vec![]),
        (Verdict::Corrupt { bit: Some(900) }, vec![arrival]),
        (Verdict::Corrupt { bit: None }, vec![arrival]),
        (Verdict::Duplicate, vec![arrival, arrival + LENGTH]),
        (Verdict::MarkEcn, vec![arrival]),
    ];
    for (verdict, arrivals) in table {
        let mut link = link([every(verdict)]);
        let delivered = send(&mut link, 1);
        assert_eq!(delivered.iter().map(|delivery| delivery.at).collect::<Vec<_>>(), arrivals, "{verdict:?}");
        let sent = frame_of_cable_len(1_000);
        for Delivery { frame, .. } in delivered {
            match verdict {
                Verdict::Corrupt { .. } => {
                    assert!(matches!(frame.body(), Body::Raw(_)), "{verdict:?}");
                    assert_ne!(frame.encode(), sent.encode(), "{verdict:?}");
                }
                Verdict::MarkEcn => assert_eq!(frame.ecn(), Some(Ecn::Congested)),
                _ => assert_eq!(frame, sent, "{verdict:?}"),
            }
        }
        let report = link.rules()[0].report();
        assert_eq!(report, RuleReport { matched: 1, fired: 1, first_fired: Some(Time::ZERO) }, "{verdict:?}");
        let counters = link.counters();
        assert_eq!(counters.lost_by_rule, u64::from(verdict == Verdict::Drop(Loss::Rule)));
        assert_eq!(counters.lost_link_down, u64::from(verdict == Verdict::Drop(Loss::LinkDown)));
        assert_eq!(counters.frames, 1 + u64::from(verdict == Verdict::Duplicate));
        // Lost or not, the line was taken.
        assert_eq!(link.busy_until(), Time::ZERO + LENGTH * counters.frames, "{verdict:?}");
    }
}

#[test]
fn every_pick_on_six_frames() {
    let half = Ratio::new(1, 2).expect("a probability");
    let certain = Ratio::new(1, 1).expect("a probability");
    let table = [
        (Pick::Every, vec![]),
        (Pick::Nth(1), vec![2, 3, 4, 5, 6]),
        (Pick::Nth(6), vec![1, 2, 3, 4, 5]),
        (Pick::Nth(0), vec![1, 2, 3, 4, 5, 6]),
        (Pick::Nth(7), vec![1, 2, 3, 4, 5, 6]),
        (Pick::Burst { first: 2, count: 3 }, vec![1, 5, 6]),
        (Pick::Burst { first: 5, count: u64::MAX }, vec![1, 2, 3, 4]),
        (Pick::Burst { first: 1, count: 0 }, vec![1, 2, 3, 4, 5, 6]),
        (Pick::EveryNth(3), vec![1, 2, 4, 5]),
        (Pick::EveryNth(0), vec![1, 2, 3, 4, 5, 6]),
        (Pick::Chance(Ratio::ZERO), vec![1, 2, 3, 4, 5, 6]),
        (Pick::Chance(certain), vec![]),
    ];
    for (pick, survivors) in table {
        let mut link = link([RuleSpec::always(Matcher::Any, pick, Verdict::Drop(Loss::Rule))]);
        // The n-th frame arrives half a microsecond after its last bit left at n us.
        let passed = send(&mut link, 6).into_iter().map(|delivery| delivery.at.as_ps() / LENGTH.as_ps());
        assert_eq!(passed.collect::<Vec<_>>(), survivors, "{pick:?}");
        let report = link.rules()[0].report();
        assert_eq!((report.matched, report.fired), (6, 6 - survivors.len() as u64), "{pick:?}");
        assert_eq!(report.first_fired.is_some(), report.fired > 0, "{pick:?}");
    }
    let mut link = link([RuleSpec::always(Matcher::Any, Pick::Chance(half), Verdict::Drop(Loss::Rule))]);
    let passed = send(&mut link, 2_000).len();
    assert!((900..1_100).contains(&passed), "{passed} of 2000 at one in two");
}

#[test]
fn a_window_opens_and_closes() {
    let window = Time::from_ps(1_000_000)..Time::from_ps(3_000_000);
    let mut link = link([RuleSpec::link_down(window)]);
    // Frames leave at 0, 1, 2, 3 and 4 us.
    assert_eq!(send(&mut link, 5).len(), 3);
    assert_eq!(link.counters().lost_link_down, 2);
    let report = link.rules()[0].report();
    assert_eq!(report, RuleReport { matched: 2, fired: 2, first_fired: Some(Time::from_ps(1_000_000)) });
}

#[test]
fn a_chain_adds_up_until_a_drop() {
    let delay = Dur::from_us(2);
    let mut link = link([
        every(Verdict::Deliver { delay }),
        every(Verdict::Duplicate),
        RuleSpec::always(Matcher::Any, Pick::Nth(2), Verdict::Drop(Loss::Rule)),
        every(Verdict::Deliver { delay }),
    ]);
    let arrivals: Vec<_> = send(&mut link, 2).iter().map(|delivery| delivery.at).collect();
    let first = Time::ZERO + LENGTH + LATENCY + delay * 2;
    assert_eq!(arrivals, [first, first + LENGTH]);
    let matched: Vec<_> = link.rules().iter().map(|rule| rule.report().matched).collect();
    assert_eq!(matched, [2, 2, 2, 1], "the last rule did not see the frame that was dropped");
}

#[test]
fn rules_see_what_earlier_rules_left() {
    let to_raw = every(Verdict::Corrupt { bit: Some(8 * 60) });
    let roce_only = RuleSpec::always(Matcher::Roce, Pick::Every, Verdict::Drop(Loss::Rule));
    let mut link = link([to_raw, roce_only]);
    assert_eq!(send(&mut link, 1).len(), 1, "damaged in its payload, it is no packet any more");
}

#[test]
fn a_sender_that_takes_no_marks_gets_none() {
    let mut link = link([every(Verdict::MarkEcn)]);
    let mut plain = packet(0, 1, 10);
    plain.ip.ecn = Ecn::NotCapable;
    let mut out = Vec::new();
    link.send(Time::ZERO, Box::new(plain.into()), &mut out);
    assert_eq!(out[0].frame.ecn(), Some(Ecn::NotCapable));
}

#[test]
fn equal_seeds_give_equal_fates() {
    let spec = RuleSpec::always(
        Matcher::Any,
        Pick::Chance(Ratio::new(1, 3).expect("a probability")),
        Verdict::Corrupt { bit: None },
    );
    let run = || send(&mut link([spec.clone(), spec.clone()]), 50);
    assert_eq!(run(), run());
}
