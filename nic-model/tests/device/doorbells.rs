//! UAR pages: each rings its own queues only; WQEs of several lines are pushed.

use crate::support::driver::{LOG_CQ, pattern};
use crate::support::{Connection, Qp, World};
use nic_model::regs::bar;
use nic_model::regs::cmd::{Command, CommandStatus, CqContext, EqContext, QpType};
use nic_model::regs::doorbell::{CqDoorbell, EqDoorbell, ReceiveDoorbell, SqDoorbell};
use nic_model::regs::eqe::EventType;
use nic_model::regs::wqe::{Body, DataList, Opcode, RemoteAddress, WqeFlags};
use wire::Qpn;

const STRANGE_PAGE: u32 = 5;

/// A pair, and a WRITE of `length` inline bytes that was put into the first one's ring and not rung.
fn prepared(length: usize) -> (World, [Qp; 2], Vec<u8>) {
    let mut world = World::new(false);
    let [mut a, b] = world.reliable_pair(Connection::default());
    let sink = world.buffer(1, 500, 9);
    let remote = RemoteAddress { address: sink.address(), key: sink.key };
    let data = DataList::Inline(pattern(length, 1).into());
    let wqe = world.post(&mut a, Opcode::WRITE, WqeFlags::SIGNALLED, 0, Body::Remote(remote, data));
    (world, [a, b], wqe)
}

#[test]
fn a_page_does_not_ring_the_queues_of_another() {
    let (mut world, [mut a, _], wqe) = prepared(8);
    let (qpn, cqn, eqn) = (Qpn::new(a.number), a.cq.number, world.nodes[0].driver.eqn);
    let doorbells = [
        (bar::UAR_SQ, SqDoorbell { qpn, producer: a.producer }.to_value(), a.number),
        (bar::UAR_RQ, ReceiveDoorbell { qpn }.to_value(), a.number),
        (bar::UAR_CQ, CqDoorbell { cqn, sequence: 0, solicited_only: false, consumer: 0 }.to_value(), cqn),
        (bar::UAR_EQ, EqDoorbell { eqn, arm: false, consumer: 99 }.to_value(), eqn),
    ];
    for (page, (register, value, number)) in (STRANGE_PAGE..).zip(doorbells) {
        for _ in 0..2 {
            world.mmio_write(0, bar::uar(page, register), &value.to_le_bytes());
        }
        world.run();
        let told: Vec<_> = world.take_events(0).iter().map(|event| (event.event, event.number, event.detail)).collect();
        let detail = (register as u32) << 16 | page;
        assert_eq!(told, [(EventType::DOORBELL_REFUSED, number, detail)], "once for page {page}");
    }
    world.mmio_write(0, bar::uar(STRANGE_PAGE, bar::UAR_BLUEFLAME), &wqe);
    world.run();
    assert_eq!(world.take_events(0), [], "the page is known");
    let counters = world.nodes[0].nic.counters();
    assert_eq!((counters.doorbells_refused, counters.sq_doorbells, counters.tx_packets), (9, 0, 0));
    world.ring(&a);
    world.run();
    assert_eq!(world.completions(&mut a).len(), 1);
}

#[test]
fn pages_that_the_device_does_not_have_are_not_decoded() {
    let mut world = World::with(|config| config.limits.uar_pages = 4);
    assert_eq!(world.mmio_read(0, bar::uar(3, bar::UAR_SQ)), 0);
    assert_eq!(world.mmio_read(0, bar::uar(4, bar::UAR_SQ)), u64::MAX);
    let before = world.nodes[0].nic.counters().bad_mmio;
    world.mmio_write(0, bar::uar(4, bar::UAR_SQ), &[0; 8]);
    assert_eq!(world.nodes[0].nic.counters().bad_mmio, before + 1);
    let cq = world.create_cq(0, LOG_CQ);
    let eqn = world.nodes[0].driver.eqn;
    let context =
        CqContext { ring_address: cq.ring, record_address: cq.record, eqn, uar_page: 4, ..Default::default() };
    let commands = [
        (Command::CreateCq(context), 0x1c),
        (Command::CreateEq(EqContext { uar_page: 9, ..Default::default() }), 0x10),
    ];
    for (command, field) in commands {
        let reply = world.try_command(0, &command);
        assert_eq!((reply.status, reply.detail), (CommandStatus::EXCEEDS_LIMIT, field));
    }
}

#[test]
fn a_wqe_of_four_lines_is_pushed() {
    for (length, blocks) in [(28, 1), (92, 2), (156, 3), (220, 4)] {
        let (mut world, [mut a, _], wqe) = prepared(length);
        assert_eq!(wqe.len(), 64 * blocks);
        let reads = world.nodes[0].nic.counters().dma_reads;
        world.push(0, &wqe);
        world.run();
        let counters = world.nodes[0].nic.counters();
        assert_eq!((counters.blueflame_wqes, counters.dma_reads - reads), (1, 0), "nothing is read from the ring");
        assert_eq!(world.completions(&mut a)[0].byte_count as usize, length);
    }
}

#[test]
fn a_push_without_its_last_line_waits_for_a_doorbell() {
    let (mut world, [mut a, _], wqe) = prepared(200);
    world.push(0, &wqe[..192]);
    world.run();
    assert_eq!(world.nodes[0].nic.counters().tx_packets, 0);
    world.ring(&a);
    world.run();
    assert_eq!(world.completions(&mut a).len(), 1);
    // The rest of it says nothing any more.
    world.mmio_write(0, bar::uar(0, bar::UAR_BLUEFLAME + 192), &wqe[192..]);
    world.run();
    assert_eq!((world.completions(&mut a).len(), world.nodes[0].nic.counters().blueflame_wqes), (0, 0));
}

#[test]
fn a_push_that_cannot_be_taken_is_a_doorbell() {
    let (mut world, [mut a, _], _) = prepared(8);
    // The WQE before it was not rung, so the device must read both.
    let wqe = world.post(&mut a, Opcode::NOP, WqeFlags::SIGNALLED, 0, Body::Empty);
    world.push(0, &wqe);
    world.run();
    assert_eq!(world.completions(&mut a).len(), 2);
    assert_eq!(world.nodes[0].nic.counters().blueflame_wqes, 0);
}

#[test]
fn a_datagram_is_pushed_like_any_other() {
    let mut world = World::new(false);
    let (mut a, b) = (world.create_qp(0, QpType::UD), world.create_qp(1, QpType::UD));
    world.start_datagrams(&a, 1);
    world.start_datagrams(&b, 1);
    let vector = nic_model::regs::wqe::AddressVector {
        dest_qpn: Qpn::new(b.number),
        qkey: 1,
        dest_mac: world.nodes[1].nic.config().ports[0].mac.0,
        dest_gid: crate::support::driver::ip(1).into(),
        ..Default::default()
    };
    let body = Body::Datagram(vector, DataList::Inline(pattern(100, 3).into()));
    let wqe = world.post(&mut a, Opcode::SEND, WqeFlags::SIGNALLED, 0, body);
    world.push(0, &wqe);
    world.run();
    assert_eq!(world.completions(&mut a).len(), 1);
    let counters = (world.nodes[0].nic.counters(), world.nodes[1].nic.counters());
    assert_eq!((counters.0.blueflame_wqes, counters.1.rx_no_receive), (1, 1));
}
