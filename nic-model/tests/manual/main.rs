//! The programmer's reference manual: it is up to date, and it is enough to write a driver from.

#[path = "../../examples/prm/bytes.rs"]
mod bytes;
mod driver;
mod lab;
#[path = "../../examples/prm/tables.rs"]
mod tables;
#[path = "../../examples/prm/text.rs"]
mod text;

use driver::Device;
use lab::Lab;

#[test]
fn the_manual_is_what_the_tables_say() {
    let file = include_str!("../../../docs/PRM.md");
    let fresh = text::manual();
    let line = file.lines().zip(fresh.lines()).position(|(old, new)| old != new);
    let same = file == fresh;
    assert!(same, "docs/PRM.md is stale from line {line:?} on: cargo run -p nic-model --example prm > docs/PRM.md");
}

fn pair(lab: &mut Lab) -> [Device; 2] {
    let [a, b] = [0, 1].map(|who| Device::bring_up(lab, who));
    a.connect(lab, &b);
    b.connect(lab, &a);
    [a, b]
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// Opcodes of chapter 9.2.
const WRITE: u8 = 0x08;
const SEND: u8 = 0x0a;
const READ: u8 = 0x10;

#[test]
fn a_driver_from_the_manual_moves_bytes() {
    let mut lab = Lab::new();
    let [mut a, mut b] = pair(&mut lab);
    lab.store(0, a.region.1, &content(3_000));
    b.post_receive(&mut lab, 0x1000, 4_000);
    b.arm(&mut lab);
    a.post(&mut lab, SEND, None, 0, 3_000);
    lab.run();
    assert_eq!(a.poll(&mut lab), Some((0x00, 0, 3_000, 0)));
    assert_eq!(lab.interrupts(1), 1);
    let cqn = b.cq.0;
    assert!(b.events(&mut lab).contains(&(0x00, cqn, 0)), "the CQ was armed");
    assert_eq!(b.poll(&mut lab), Some((0x02, 0, 3_000, 0)));
    assert_eq!(lab.load(1, b.region.1 + 0x1000, 3_000), content(3_000));

    let (key, address) = b.region;
    a.post(&mut lab, WRITE, Some((key, address + 0x2100)), 100, 2_000);
    a.post(&mut lab, READ, Some((key, address + 0x2100)), 0x3000, 2_000);
    lab.run();
    assert_eq!([a.poll(&mut lab), a.poll(&mut lab)], [Some((0x00, 0, 2_000, 1)), Some((0x00, 0, 2_000, 2))]);
    assert_eq!(lab.load(0, a.region.1 + 0x3000, 2_000), content(3_000)[100..2_100]);
    assert_eq!((a.poll(&mut lab), b.poll(&mut lab)), (None, None));
    [a, b].into_iter().for_each(|device| device.take_down(&mut lab));
}

#[test]
fn rings_are_used_many_times_over() {
    let mut lab = Lab::new();
    let [mut a, mut b] = pair(&mut lab);
    for round in 0..200 {
        b.post_receive(&mut lab, 0, 64);
        a.post(&mut lab, SEND, None, 0, 1 + round % 64);
        lab.run();
        assert_eq!(a.poll(&mut lab), Some((0x00, 0, 1 + round % 64, round)));
        assert_eq!(b.poll(&mut lab), Some((0x02, 0, 1 + round % 64, round)));
    }
}

#[test]
fn errors_are_as_the_manual_says() {
    let mut lab = Lab::new();
    let [mut a, mut b] = pair(&mut lab);
    b.post_receive(&mut lab, 0, 64);
    let (key, address) = b.region;
    a.post(&mut lab, WRITE, Some((key ^ 1, address)), 0, 8);
    a.post(&mut lab, WRITE, Some((key, address)), 0, 8);
    lab.run();
    let ends = [a.poll(&mut lab), a.poll(&mut lab)].map(|end| end.map(|(opcode, syndrome, ..)| (opcode, syndrome)));
    assert_eq!(ends, [Some((0x0d, 0x13)), Some((0x0d, 0x05))], "refused, flushed");
    assert_eq!(b.poll(&mut lab).map(|(opcode, syndrome, ..)| (opcode, syndrome)), Some((0x0e, 0x05)));
    assert_eq!((a.state(&mut lab), b.state(&mut lab)), (6, 6));
    let told: Vec<u8> = [a.events(&mut lab), b.events(&mut lab)].concat().iter().map(|event| event.0).collect();
    assert!(told.contains(&0x05) && told.contains(&0x11), "fatal here, access there: {told:x?}");
}
