//! Schemes on their own: published behaviour in numbers.

use super::dcqcn::{Dcqcn, Stage};
use super::{CongestionControl, Feedback, ONE, Scheme, named};
use crate::congestion::hpcc::Hpcc;
use crate::congestion::timely::Timely;
use des::{Dur, Rate, Time};
use wire::Telemetry;
use wire::telemetry::Hop;

const LINE: Rate = Rate::from_gbps(40);

fn at_us(us: u64) -> Time {
    Time::ZERO + Dur::from_us(us)
}

fn paper() -> Dcqcn {
    let Some(Scheme::Dcqcn(parameters)) = named("dcqcn", "sigcomm-2015").map(|set| set.parameters) else {
        panic!("the paper's set is known");
    };
    Dcqcn::new(parameters, LINE)
}

#[test]
fn the_first_notification_halves_the_rate() {
    let mut flow = paper();
    assert_eq!(flow.allowance(at_us(0)).rate, None, "line rate");
    flow.on_notification(at_us(10));
    assert_eq!((flow.current_bps(), flow.alpha()), (20_000_000_000, ONE), "alpha is one");
    flow.on_notification(at_us(30));
    assert_eq!(flow.current_bps(), 20_000_000_000, "too early for the next cut");
    assert!(flow.allowance(at_us(59)).rate == Some(Rate::from_gbps(20)));
    flow.allowance(at_us(60));
    assert_eq!(flow.current_bps(), 10_000_000_000, "50 us after the first");
}

/// The recovery of the paper's figure 7: five halvings of the distance, then 40 Mb/s a step. Without bytes sent the
/// counter stands still, so hyper increase needs traffic.
#[test]
fn recovery_passes_through_its_stages() {
    let mut flow = paper();
    flow.on_notification(at_us(0));
    let mut rates = Vec::new();
    for step in 1..=8 {
        flow.allowance(at_us(55 * step));
        rates.push((flow.current_bps() / 1_000_000, flow.stage()));
    }
    use Stage::{Additive, FastRecovery};
    let expected = [
        (30_000, FastRecovery),
        (35_000, FastRecovery),
        (37_500, FastRecovery),
        (38_750, FastRecovery),
        (39_375, Additive),
        (39_687, Additive),
        (39_843, Additive),
        (39_921, Additive),
    ];
    assert_eq!(rates, expected, "the target is the line, which additive increase cannot pass");
}

#[test]
fn two_cuts_lower_the_target_and_hyper_increase_follows_traffic() {
    let mut flow = paper();
    flow.on_notification(at_us(0));
    flow.on_notification(at_us(50));
    assert_eq!(flow.current_bps(), 10_000_000_000);
    // 10 MB every 55 us is more than the line carries, but makes both counters grow alike.
    let mut stages = Vec::new();
    let mut targets = Vec::new();
    for step in 1..=8 {
        let now = at_us(50 + 55 * step);
        flow.on_sent(now, 10_000_000);
        stages.push(flow.stage());
        targets.push(flow.current_bps());
    }
    use Stage::{Additive, FastRecovery, Hyper};
    assert_eq!(stages[..2], [FastRecovery, FastRecovery]);
    assert_eq!(stages[4..6], [Additive, Hyper], "F is 5: {stages:?}");
    assert!(targets.windows(2).all(|pair| pair[0] <= pair[1]) && targets[7] > 20_000_000_000, "{targets:?}");
}

/// The paper's steps: 40 Mb/s for each increase of one counter beyond five, 100 Mb/s for each that both have had.
#[test]
fn the_target_rises_by_the_steps_of_the_paper() {
    const LEAST: [u64; 7] = [0, 0, 0, 0, 40, 40, 40];
    let rates = |sends: bool, rises_mbps: &[u64]| {
        let (mut flow, per_round) = (paper(), if sends { 2 } else { 1 });
        flow.on_notification(at_us(0));
        flow.on_notification(at_us(50));
        let (mut target, mut current) = (20_000_000_000_u64, 10_000_000_000_u64);
        for (round, rises) in (1..).zip(rises_mbps.chunks(per_round)) {
            let now = at_us(50 + 55 * round);
            if sends {
                flow.on_sent(now, 10_000_000);
            }
            flow.allowance(now);
            for rise in rises {
                target += rise * 1_000_000;
                current = (current + target).div_ceil(2);
            }
            assert_eq!(flow.current_bps(), current, "round {round}");
        }
    };
    rates(false, &LEAST);
    rates(true, &[0, 0, 0, 0, 0, 0, 0, 0, 40, 40, 40, 100, 100, 200, 200, 300]);
}

#[test]
fn alpha_decays_without_notifications() {
    let mut flow = paper();
    flow.on_notification(at_us(0));
    flow.allowance(at_us(55 * 256));
    // (1 - 1/256)^256 is about 1/e.
    let part = flow.alpha() * 1_000 / ONE;
    assert!((366..=369).contains(&part), "{part} thousandths");
    flow.allowance(Time::ZERO + Dur::from_ms(10_000));
    assert_eq!((flow.alpha(), flow.allowance(Time::MAX).rate), (0, None));
}

/// One feedback a round trip of 13 us over one hop of 40 Gb/s with this queue, sent at this part of the line.
fn hpcc_after(rounds: u64, queue_bytes: u64, load_percent: u64) -> Hpcc {
    let Some(Scheme::Hpcc(parameters)) = named("hpcc", "sigcomm-2019").map(|set| set.parameters) else {
        panic!("the paper's set is known");
    };
    let mut flow = Hpcc::new(parameters, LINE);
    for round in 1..=rounds {
        let mut telemetry = Telemetry::default();
        let per_round = 65_000 * load_percent / 100;
        let (time_ps, sent_bytes, rate_bps) = (round * 13_000_000, round * per_round, LINE.as_bps());
        telemetry.push(1, Hop { time_ps, sent_bytes, queue_bytes, rate_bps });
        let feedback = Feedback {
            acknowledged_bytes: 1_000,
            ends_round: true,
            marked: false,
            round_trip: None,
            telemetry: Some(&telemetry),
        };
        flow.on_feedback(at_us(13 * round), &feedback);
    }
    flow
}

#[test]
fn hpcc_aims_at_its_utilisation() {
    // One round is needed to have two packets to compare; the line is full and one product of rate and time waits: U = 2.
    let after_one = hpcc_after(2, 65_000, 100).window_bytes();
    // 65000 * 0.95 / 2 and an additive step of 16 Mb/s times 13 us.
    assert!((30_875..=30_875 + 30).contains(&after_one), "{after_one}");
    // A line at half load lets the window grow to all that the line holds.
    assert_eq!(hpcc_after(200, 0, 50).window_bytes(), 65_000);
    assert!(hpcc_after(40, 0, 100).window_bytes() < 20_000, "a full line makes every sender give way");
}

#[test]
fn timely_follows_the_gradient() {
    let Some(Scheme::Timely(parameters)) = named("timely", "hpcc-run").map(|set| set.parameters) else {
        panic!("the set is known");
    };
    let mut flow = Timely::new(parameters, Rate::from_gbps(100));
    let mut round = |us: u64| {
        let round_trip = Some(Dur::from_us(us));
        let feedback = Feedback { acknowledged_bytes: 1, ends_round: true, marked: false, round_trip, telemetry: None };
        flow.on_feedback(Time::ZERO, &feedback);
        flow.rate_bps() / 1_000_000
    };
    assert_eq!(round(40), 100_000, "below T_low nothing is cut");
    // Above T_low with a gradient of 0.875 * 20 us / 20 us: beta times that is cut.
    assert_eq!(round(60), 30_000);
    assert_eq!(round(60), 27_375, "an eighth of the gradient is left and still cuts");
    // Twice T_high: half of beta.
    assert_eq!(round(1_000), 27_375 * 6 / 10);
    let growth: Vec<u64> = (0..3).map(|_| round(30)).collect();
    assert_eq!(growth, [16_525, 16_625, 16_725], "100 Mb/s a round");
}

#[test]
fn dctcp_cuts_by_the_part_that_is_marked() {
    let Some(Scheme::Dctcp(parameters)) = named("dctcp", "hpcc-run").map(|set| set.parameters) else {
        panic!("the set is known");
    };
    let mut flow = super::dctcp::Dctcp::new(parameters, Rate::from_gbps(100));
    let mut round = |marked| {
        let feedback =
            Feedback { acknowledged_bytes: 1_000, ends_round: true, marked, round_trip: None, telemetry: None };
        flow.on_feedback(Time::ZERO, &feedback);
        flow.window_bytes()
    };
    assert_eq!(round(false), 162_500, "no more than a product of rate and time");
    // Alpha was one, decayed once to 15/16, and moves back: 15/16 * 15/16 + 1/16.
    let alpha = (ONE * 15 / 16) * 15 / 16 + ONE / 16;
    assert!(round(true).abs_diff(162_500 - (162_500 * alpha / ONE) / 2) <= 1);
    let before = 162_500 - (162_500 * alpha / ONE) / 2;
    assert!(round(false).abs_diff(before + 1_625) <= 1, "one Gb/s times 13 us");
}
