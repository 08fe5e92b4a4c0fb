use super::*;
use crate::rule::{Matcher, Pick, RuleSpec, Verdict};
use crate::testing::frame_of_cable_len;
use des::Rng;

const CONFIG: LinkConfig = LinkConfig { rate: Rate::from_gbps(100), latency: Dur::from_ns(600) };
const SOURCE: Mac = Mac([2, 0, 0, 0, 0, 1]);

fn link() -> Link {
    Link::new(LinkId(3), CONFIG)
}

#[test]
fn serialisation_and_propagation_are_exact() {
    let mut link = link();
    let mut out = Vec::new();
    // 80 ps a byte: 1000 bytes take 80 ns. The second waits for the line, the third comes to an idle one.
    assert_eq!(link.send(Time::ZERO, frame_of_cable_len(1_000), &mut out), Time::from_ps(80_000));
    assert_eq!(link.send(Time::from_ps(10), frame_of_cable_len(500), &mut out), Time::from_ps(120_000));
    assert_eq!(link.send(Time::from_ps(200_000), frame_of_cable_len(100), &mut out), Time::from_ps(208_000));
    let arrivals: Vec<_> = out.iter().map(|delivery| delivery.at.as_ps()).collect();
    assert_eq!(arrivals, [680_000, 720_000, 808_000]);
    assert_eq!(link.counters(), LinkCounters { frames: 3, bytes: 1_600, ..LinkCounters::default() });
}

#[test]
fn a_latency_is_propagation_and_both_ends() {
    let latency = |length_m, phy_ns, fec_ns| {
        CableDelay { length_m, phy: Dur::from_ns(phy_ns), fec: Dur::from_ns(fec_ns) }.latency().as_ps()
    };
    assert_eq!(latency(0, 0, 0), 0);
    assert_eq!(latency(1, 0, 0), 4_900);
    assert_eq!(latency(3, 60, 90), 164_700);
    assert_eq!(latency(100, 60, 180), 730_000);
    assert_eq!(latency(100_000, 0, 0), 490_000_000, "100 km");
    // Picoseconds of a kilometre at 299,792,458 m/s over 1.468: the constant is right to a thousandth.
    assert!(latency(1_000, 0, 0).abs_diff(1_468 * 1_000_000_000_000 / 299_792_458) < 4_900);
}

#[test]
fn short_frames_are_padded() {
    let mut link = link();
    let free = link.send(Time::ZERO, frame_of_cable_len(82), &mut Vec::new());
    assert_eq!(free, Time::from_ps(84 * 80), "64 bytes, preamble and gap");
}

#[test]
fn busy_time_stops_at_now() {
    let mut link = link();
    link.send(Time::ZERO, frame_of_cable_len(1_000), &mut Vec::new());
    link.send(Time::from_ps(100_000), frame_of_cable_len(1_000), &mut Vec::new());
    let busy = |ps| link.busy_time(Time::from_ps(ps)).as_ps();
    assert_eq!([busy(100_000), busy(130_000), busy(180_000), busy(999_000)], [80_000, 110_000, 160_000, 160_000]);
}

#[test]
fn cut_through_never_ends_before_the_last_bit_is_there() {
    let mut link = link();
    let at = Time::from_ps;
    let mut send = |first, last| {
        let mut arrival = None;
        link.send_between(at(first), at(last), frame_of_cable_len(1_000), 1_000, |delivery| {
            arrival = Some(delivery.at)
        });
        arrival.map(|at| at.as_ps() - CONFIG.latency.as_ps())
    };
    assert_eq!(send(0, 80_000), Some(80_000));
    assert_eq!(send(20_000, 100_000), Some(160_000), "the line was taken");
    assert_eq!(send(200_000, 520_000), Some(520_000), "from a slower line");
}

#[test]
fn a_pause_goes_behind_the_frame_on_the_line() {
    let mut link = link();
    link.start_capture(9);
    let pause = Pause { priorities: 0b1000, length: Dur::from_us(5) };
    link.send(Time::ZERO, frame_of_cable_len(1_000), &mut Vec::new());
    assert_eq!(link.send_pause(Time::from_ps(1), pause, SOURCE), Some(Time::from_ps(80_000 + 6_720 + 600_000)));
    assert_eq!(link.busy_until(), Time::from_ps(86_720));
    assert_eq!(link.counters(), LinkCounters { frames: 2, bytes: 1_084, pauses: 1, ..LinkCounters::default() });
    let captured = link.take_captured();
    assert_eq!(captured[1].frame, Frame::from(pause.encode(SOURCE, CONFIG.rate)));
    assert_eq!((captured[1].at, captured[1].link), (Time::from_ps(80_000), LinkId(3)));
}

#[test]
fn pauses_can_be_lost_and_late() {
    let mut link = link();
    let rule = |pick, verdict| Rule::new(RuleSpec::always(Matcher::Pause, pick, verdict), Rng::stream(0, "pause"));
    link.add_rule(rule(Pick::Nth(1), Verdict::Drop(Loss::Rule)));
    link.add_rule(rule(Pick::Nth(1), Verdict::Deliver { delay: Dur::from_ns(1) }));
    let pause = Pause { priorities: 1, length: Dur::ZERO };
    assert_eq!(link.send_pause(Time::ZERO, pause, SOURCE), None);
    assert_eq!(link.send_pause(Time::ZERO, pause, SOURCE), Some(Time::from_ps(2 * 6_720 + 601_000)));
    assert_eq!(link.counters().lost_by_rule, 1);
    assert_eq!(link.counters().pauses, 2);
}
