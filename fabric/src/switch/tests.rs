use super::*;
use crate::address::Endpoint;
use crate::capture::Cause;
use crate::link::{LinkConfig, LinkId};
use crate::rule::{Loss, Matcher, Pick, Rule, RuleSpec, Verdict};
use crate::testing::packet;
use des::{Dur, Rate, Ratio};
use wire::{Ecn, Mac};

/// A kilobyte takes a microsecond.
const CABLE: LinkConfig = LinkConfig { rate: Rate::from_gbps(8), latency: Dur::from_ns(100) };
const FORWARDING: Dur = Dur::from_ns(10);

/// Endpoint 0 at port 0, and so on.
fn switch(ports: u16, config: SwitchConfig) -> Result<Switch, ConfigError> {
    let port_config =
        |number| PortConfig { link: LinkId(number), cable: CABLE, mac: Mac([6, 0, 0, 0, 0, number as u8]) };
    let ports: Vec<_> = (0..ports).map(|number| port_config(number.into())).collect();
    let ways: Vec<[u16; 1]> = (0..ports.len() as u16).map(|port| [port]).collect();
    Switch::new(0, config, &ports, RouteTable::new(ways.iter().map(|way| way.as_slice())), 1)
}

fn default_switch() -> Switch {
    let config = SwitchConfig { forwarding_latency: FORWARDING, ..SwitchConfig::default() };
    switch(3, config).expect("the default settings fit three ports")
}

/// A frame of 1000 bytes on the cable to endpoint 1.
fn frame(dscp: u8) -> Box<Frame> {
    let mut packet = packet(0, 1, 1_000 - 24 - 58);
    packet.ip.dscp = dscp;
    Box::new(packet.into())
}

fn at(us: u64, ns: u64) -> Time {
    Time::ZERO + Dur::from_us(us) + Dur::from_ns(ns)
}

fn sent(us: u64, dscp: u8) -> Output {
    Output::Frame { port: 1, at: at(us + 1, 0) + CABLE.latency + FORWARDING, frame: frame(dscp) }
}

const fn wake(at: Time) -> Output {
    Output::Wake { port: 1, at }
}

/// What a call puts out.
fn outputs(call: impl FnOnce(&mut Outbox)) -> Vec<Output> {
    let mut out = Outbox::new();
    call(&mut out);
    out
}

#[test]
fn a_frame_passes_waits_and_follows() {
    let mut switch = default_switch();
    let mut arrive = |now, dscp| outputs(|out| switch.on_frame(now, 0, frame(dscp), out));
    assert_eq!(arrive(at(0, 0), 26), [sent(0, 26)], "the line is free");
    assert_eq!(arrive(at(0, 1), 26), [wake(at(1, 0))], "it is not");
    assert_eq!(arrive(at(0, 2), 48), [], "the wake-up serves all");
    let mut wake_up = |now| outputs(|out| switch.on_wake(now, 1, out));
    assert_eq!(wake_up(at(0, 500)), [], "too early, and the right one is still to come");
    assert_eq!(wake_up(at(1, 0)), [sent(1, 48), wake(at(2, 0))], "the higher priority first");
    assert_eq!(wake_up(at(2, 0)), [sent(2, 26)]);
    assert_eq!(wake_up(at(3, 0)), []);
    assert_eq!((switch.queued_frames(), switch.buffered_bytes()), (0, 0));
}

#[test]
fn who_may_speak_passes_who_may_not() {
    let mut switch = default_switch();
    let pause = |length| Pause { priorities: 1 << 3, length };
    assert_eq!(outputs(|out| switch.on_pause(at(0, 0), 1, pause(Dur::from_us(9)), out)), []);
    assert_eq!(outputs(|out| switch.on_frame(at(0, 0), 0, frame(26), out)), [wake(at(9, 0))]);
    assert_eq!(outputs(|out| switch.on_frame(at(1, 0), 0, frame(0), out)), [sent(1, 0)], "another priority");
    assert_eq!(outputs(|out| switch.on_frame(at(2, 0), 0, frame(26), out)), []);
    assert_eq!(outputs(|out| switch.on_pause(at(3, 0), 1, pause(Dur::ZERO), out)), [sent(3, 26), wake(at(4, 0))]);
    assert_eq!(outputs(|out| switch.on_wake(at(4, 0), 1, out)), [sent(4, 26)]);
    assert_eq!(outputs(|out| switch.on_wake(at(9, 0), 1, out)), [], "the old wake-up finds nothing to do");
}

#[test]
fn silence_and_marks_are_told_by_priority_and_over_time() {
    let mark_all = EcnCurve { kmin_bytes: 0, kmax_bytes: 0, ..EcnCurve::HPCC };
    let mut config = SwitchConfig { forwarding_latency: FORWARDING, ..SwitchConfig::default() };
    config.ecn[3] = Some(mark_all);
    let mut switch = switch(3, config).expect("the settings agree");
    let mut out = Outbox::new();
    let pause = |priorities, us| Pause { priorities, length: Dur::from_us(us) };
    switch.on_pause(at(1, 0), 1, pause(1 << 3 | 1 << 5, 9), &mut out);
    // The first wait for the peer; those of another priority do not.
    (0..3).for_each(|_| switch.on_frame(at(2, 0), 0, frame(26), &mut out));
    switch.on_frame(at(2, 0), 0, frame(0), &mut out);
    switch.on_pause(at(4, 0), 1, pause(1 << 3, 0), &mut out);
    (4..7).for_each(|us| switch.on_wake(at(us, 0), 1, &mut out));
    let us = |us| Dur::from_us(us);
    let silent = |priority| [at(6, 0), at(20, 0)].map(|now| switch.silent_time(1, priority, now));
    assert_eq!([0, 3, 5].map(silent), [[us(0); 2], [us(3); 2], [us(5), us(9)]]);
    let counters = switch.counters(1);
    assert_eq!([0, 3, 5].map(|priority| counters[priority].ecn_marks), [0, 2, 0], "the last leaves nothing behind");
    assert_eq!([0, 3, 5].map(|priority| counters[priority].queue_bytes_max), [0, 3 * 976, 0]);
    let told = switch.histories(at(20, 0));
    assert_eq!(told.ecn_marks.values().iter().sum::<u64>(), 2);
    assert_eq!(told.paused_ps.values().iter().sum::<u64>(), us(12).as_ps());
    assert_eq!(told.queue_bytes.values().iter().max(), Some(&(3 * 976)));
}

#[test]
fn an_account_that_crosses_its_threshold_pauses_and_resumes() {
    let buffer = BufferConfig {
        total_bytes: 3 * 5_000 + 3_000,
        reserved_bytes: 0,
        headroom_bytes: 5_000,
        ingress_alpha: Alpha::ONE,
        resume_offset_bytes: 500,
        pause_quanta: 100,
        ..BufferConfig::default()
    };
    let config = SwitchConfig { buffer, forwarding_latency: FORWARDING, ..SwitchConfig::default() };
    let mut switch = switch(3, config).expect("something is left to share");
    let mut arrive = |ns| outputs(|out| switch.on_frame(at(0, ns), 0, frame(26), out));
    assert_eq!(arrive(0), [sent(0, 26)]);
    assert_eq!(arrive(1), [wake(at(1, 0))]);
    // With two frames of 976 bytes it holds more than the 1048 that are left.
    let length = Dur::from_ns(100 * 64);
    let reached = at(0, 2) + Dur::from_ns(84) + CABLE.latency;
    let pause = |length| Pause { priorities: 1 << 3, length };
    let repeat = Output::Wake { port: 0, at: at(0, 2) + length / 2 };
    assert_eq!(arrive(2), [Output::Pause { port: 0, at: reached, pause: pause(length) }, repeat]);
    let resumed = at(1, 0) + Dur::from_ns(84) + CABLE.latency;
    let resume = Output::Pause { port: 0, at: resumed, pause: pause(Dur::ZERO) };
    assert_eq!(outputs(|out| switch.on_wake(at(1, 0), 1, out)), [sent(1, 26), resume, wake(at(2, 0))]);
    let counters = switch.counters(0)[3];
    assert_eq!((counters.pauses_sent, counters.resumes_sent, counters.rx_frames), (1, 1, 3));
    assert_eq!(switch.link(0).counters().pauses, 2);
}

#[test]
fn priority_follows_the_code_point() {
    let classifier = Classifier::default();
    let priority = |dscp| classifier.priority(&frame(dscp));
    assert_eq!([0, 7, 8, 26, 46, 48, 63].map(priority), [0, 0, 1, 3, 5, 6, 7]);
    let other = Frame::raw(bytes::Bytes::from_static(&[0; 60]));
    assert_eq!(classifier.priority(&other), 0);
    let wild = Classifier { of_dscp: [200; 64], other: 9 };
    assert_eq!((wild.priority(&frame(0)), wild.priority(&other)), (0, 1), "eight priorities, whatever the table says");
}

#[test]
fn contradictions_are_named() {
    let default = SwitchConfig::default;
    let buffer = BufferConfig::default();
    let mut quanta_bytes = [1_500; PRIORITIES];
    quanta_bytes[2] = 63;
    let curve = EcnCurve { kmin_bytes: 2, kmax_bytes: 1, ..EcnCurve::HPCC };
    let no_probability = EcnCurve { pmax: Ratio { numerator: 1, denominator: 0 }, ..EcnCurve::HPCC };
    let table = [
        (
            SwitchConfig { buffer: BufferConfig { total_bytes: 0, ..buffer }, ..default() },
            "a buffer of 0 bytes has nothing to share: 3 ports keep 548304 bytes",
        ),
        (
            SwitchConfig { scheduling: Scheduling::Dwrr { strict: 0, quanta_bytes }, ..default() },
            "priority 2 has a quantum of 63 bytes, the least is 64",
        ),
        (
            SwitchConfig { buffer: BufferConfig { pause_quanta: 31, ..buffer }, ..default() },
            "lossless priorities 0b00001000 need pauses of at least 32 quanta, not 31",
        ),
        (SwitchConfig { ecn: [Some(curve); 8], ..default() }, "marks cannot begin at 2 bytes and reach 1/5 at 1 bytes"),
        (
            SwitchConfig { ecn: [Some(no_probability); 8], ..default() },
            "marks cannot begin at 100000 bytes and reach 1/0 at 400000 bytes",
        ),
    ];
    for (config, text) in table {
        assert_eq!(switch(3, config).map(|_| ()).map_err(|error| error.to_string()), Err(text.into()));
    }
    assert_eq!(default().check(70_000), Err(ConfigError::TooManyPorts { actual: 70_000, limit: 65_535 }));
    let strict_needs_none = Scheduling::Dwrr { strict: 0xff, quanta_bytes: [0; PRIORITIES] };
    assert!(switch(3, SwitchConfig { scheduling: strict_needs_none, ..default() }).is_ok());
}

#[test]
fn totals_add_up_and_keep_the_maximum() {
    let mut switch = default_switch();
    for us in [0, 0, 0, 5] {
        outputs(|out| switch.on_frame(at(us, 0), 0, frame(26), out));
    }
    outputs(|out| switch.on_frame(at(9, 0), 2, frame(0), out));
    let mut foreign = packet(0, 1, 100);
    foreign.ip.destination = Endpoint(77).ipv4().into();
    outputs(|out| switch.on_frame(at(9, 0), 2, Box::new(foreign.into()), out));
    let totals = switch.totals();
    assert_eq!((totals.rx_frames, totals.drops.total(), totals.queue_bytes_max), (6, 1, 3 * 976));
    assert_eq!(switch.counters(2)[3].drops[DropReason::NoRoute], 1);
    assert_eq!(switch.queue_bytes(1, 3), 3 * 976);
    assert_eq!(switch.port_count(), 3);
}

#[test]
fn parts_can_be_kept_and_moved() {
    fn check<T: Clone + std::fmt::Debug + Send + Sync + 'static>() {}
    check::<Switch>();
    check::<Output>();
    check::<Link>();
    check::<crate::Topology>();
}

#[test]
fn a_capture_shows_when_a_frame_leaves() {
    let mut switch = default_switch();
    switch.link_mut(1).start_capture(9);
    outputs(|out| switch.on_frame(at(5, 0), 0, frame(26), out));
    let captured = switch.link_mut(1).take_captured();
    assert_eq!(captured.iter().map(|seen| seen.at).collect::<Vec<_>>(), [at(5, 0) + FORWARDING]);
}

#[test]
fn lost_frames_are_kept_with_port_and_cause() {
    let mut switch = default_switch();
    let rules = [(1, Verdict::Drop(Loss::LinkDown)), (2, Verdict::MarkEcn), (2, Verdict::Drop(Loss::Rule))];
    for (nth, verdict) in rules {
        let spec = RuleSpec::always(Matcher::Any, Pick::Nth(nth), verdict);
        switch.link_mut(1).add_rule(Rule::new(spec, Rng::stream(1, "rule")));
    }
    let lost_at = |switch: &mut Switch, us, to: u32| {
        let mut packet = packet(0, 1, 918);
        packet.ip.destination = Endpoint(to).ipv4().into();
        outputs(|out| switch.on_frame(at(us, 0), 0, Box::new(packet.into()), out));
        let lost = switch.take_lost().into_iter();
        lost.map(|(port, lost)| (port, lost.at, lost.cause, lost.frame.ecn())).collect::<Vec<_>>()
    };
    assert_eq!(lost_at(&mut switch, 0, 1), [], "the first rule drops it, but nobody has asked");
    switch.keep_lost();
    let no_way = (0, at(2, 0), Cause::Switch(DropReason::NoRoute), Some(Ecn::Capable0));
    assert_eq!(lost_at(&mut switch, 2, 77), [no_way]);
    assert_eq!(lost_at(&mut switch, 4, 1), [], "the first that the other rules see");
    let by_rule = (1, at(6, 0) + FORWARDING, Cause::Rule(2), Some(Ecn::Congested));
    assert_eq!(lost_at(&mut switch, 6, 1), [by_rule]);
    assert_eq!(lost_at(&mut switch, 8, 1), [], "nothing is told twice");
}
