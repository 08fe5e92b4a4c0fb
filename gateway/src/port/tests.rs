//! Two ports on one cable.

use super::*;
use crate::ether::pair::cable;
use crate::sort::tests::roce_frame;
use des::{Dur, Ratio};

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn port(number: u8, ether: Box<dyn Ether>, faults: &Faults) -> Port {
    let addresses = vec![(address(&format!("10.0.0.{number}")), 24), (address(&format!("fd00::{number}")), 64)];
    Port::new(ether, &Identity { mac: Mac([2, 0, 0, 0, 0, number]), addresses }, faults)
}

fn pair(faults: &Faults) -> [Port; 2] {
    let (one, other) = cable();
    [port(1, Box::new(one), faults), port(2, Box::new(other), &Faults::default())]
}

/// Lets both ports hear what is there until nothing is; returns what the second port's NIC hears.
fn exchange(ports: &mut [Port; 2], now: Time) -> Vec<Delivery> {
    let mut heard = Vec::new();
    for _ in 0..8 {
        for (index, port) in ports.iter_mut().enumerate() {
            let (mut back, mut out) = (Vec::new(), Vec::new());
            while port.receive(now, &mut back, &mut out).expect("memory does not fail") {}
            out.iter().for_each(|delivery| port.emit(&delivery.frame).expect("memory does not fail"));
            heard.extend(back.into_iter().filter(|_| index == 1));
        }
    }
    heard
}

fn send(ports: &mut [Port; 2], now: Time, frame: Frame) {
    let mut out = Vec::new();
    ports[0].transmit(now, Box::new(frame), &mut out).expect("memory does not fail");
    out.iter().for_each(|delivery| ports[0].emit(&delivery.frame).expect("memory does not fail"));
}

#[test]
fn frames_wait_until_their_receiver_is_found() {
    for (from, to) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        let mut ports = pair(&Faults::default());
        let frame = roce_frame(address(from), address(to));
        send(&mut ports, Time::ZERO, frame.clone());
        assert_eq!(ports[0].counters().sent, 0, "{to}: not known yet");
        let heard = exchange(&mut ports, Time::ZERO);
        assert_eq!(heard.len(), 1, "{to}");
        assert_eq!(heard[0].frame.dest_mac(), Some(Mac([2, 0, 0, 0, 0, 2])), "{to}");
        assert_eq!(heard[0].frame.roce().map(|packet| packet.payload.len()), Ok(64), "{to}");
        send(&mut ports, Time::ZERO, frame);
        assert_eq!(exchange(&mut ports, Time::ZERO).len(), 1, "{to}: known now");
    }
}

#[test]
fn nobody_is_asked_for_three_times_and_given_up() {
    let mut ports = pair(&Faults::default());
    send(&mut ports, Time::ZERO, roce_frame(address("10.0.0.1"), address("10.0.0.9")));
    for second in 1..=3 {
        let now = Time::ZERO + Dur::from_ms(second * 1_000);
        assert_eq!(ports[0].next_deadline(), Some(now));
        ports[0].wake(now).expect("memory does not fail");
    }
    assert_eq!((ports[0].next_deadline(), ports[0].counters().unreachable), (None, 1));
    assert_eq!(exchange(&mut ports, Time::ZERO).len(), 0);
    assert_eq!(ports[1].counters().other, 3, "three questions");
}

#[test]
fn faults_fire_at_their_rate_and_say_so() {
    let always = Ratio::new(1, 1).expect("a probability");
    let kinds: [(&str, Faults, usize); 4] = [
        ("drop", Faults { drop: always, ..Faults::default() }, 0),
        ("corrupt", Faults { corrupt: always, ..Faults::default() }, 10),
        ("duplicate", Faults { duplicate: always, ..Faults::default() }, 20),
        ("delay", Faults { delay: always, ..Faults::default() }, 10),
    ];
    for (kind, faults, arriving) in kinds {
        let mut ports = pair(&faults);
        let mut out = Vec::new();
        ports[0].neighbours.learn(&roce_frame(address("10.0.0.2"), address("10.0.0.1")).encode());
        for _ in 0..10 {
            let frame = roce_frame(address("10.0.0.1"), address("10.0.0.2"));
            ports[0].transmit(Time::ZERO, Box::new(frame), &mut out).expect("memory does not fail");
        }
        assert_eq!(out.len(), arriving, "{kind}");
        let intact = out.iter().filter(|delivery| delivery.frame.roce().is_ok()).count();
        assert!(kind != "corrupt" || intact < 10, "some damage is in what the checksum covers");
        let late = out.iter().all(|delivery| delivery.at >= Time::ZERO + faults.delay_by);
        assert_eq!(late, kind == "delay" || kind == "drop", "{kind}");
        let reports = ports[0].fault_reports();
        let fired: Vec<_> = reports.iter().filter(|row| row.fired > 0).map(|row| (row.kind, row.fired)).collect();
        assert_eq!(fired, [(kind, 10)]);
    }
}

#[test]
fn a_capture_has_both_directions_and_remarks() {
    let faults = Faults { drop: Ratio::new(1, 1).expect("a probability"), ..Faults::default() };
    let mut ports = pair(&faults);
    let file = tempfile::NamedTempFile::new().expect("a file");
    ports[0].capture(Box::new(file.reopen().expect("the file"))).expect("a file takes it");
    ports[0].neighbours.learn(&roce_frame(address("10.0.0.2"), address("10.0.0.1")).encode());
    send(&mut ports, Time::ZERO, roce_frame(address("10.0.0.1"), address("10.0.0.2")));
    ports[0].finish().expect("a file takes it");
    let bytes = std::fs::read(file.path()).expect("the file");
    let remark = b"lost on purpose";
    assert!(bytes.windows(remark.len()).any(|window| window == remark));
    let capture = wire::capture::Capture::read(&bytes.into()).expect("a capture");
    assert_eq!((capture.interfaces.len(), capture.records.len()), (2, 1));
}

#[test]
fn whatever_arrives_is_survived() {
    let (mut one, other) = cable();
    let mut port = port(2, Box::new(other), &Faults::default());
    let good = roce_frame(address("10.0.0.1"), address("10.0.0.2")).encode();
    let mut draw = des::Rng::stream(1, "garbage");
    for round in 0..2_000 {
        let mut frame = good[..draw.below(good.len() as u64 + 1) as usize].to_vec();
        for _ in 0..round % 4 {
            if let Some(byte) = frame.len().checked_sub(1).map(|last| draw.below(last as u64 + 1) as usize) {
                frame[byte] = draw.next_u64() as u8;
            }
        }
        one.send(&frame).expect("memory does not fail");
        let heard = port.receive(Time::ZERO, &mut Vec::new(), &mut Vec::new());
        assert!(heard.is_ok_and(|heard| heard));
    }
}
