//! Completion and event queues: arms, moderation, overrun, resizing; shared receive queues.

use crate::support::driver::LOG_CQ;
use crate::support::{Connection, Qp, Registered, World};
use des::Dur;
use nic_model::port::Input;
use nic_model::regs::cmd::{Command, CommandStatus, CqContext, QpAttributes, QpState, QpType, SrqContext};
use nic_model::regs::cqe::{CqeFlags, Syndrome};
use nic_model::regs::eqe::{CqErrorCause, EventType};
use nic_model::regs::wqe::{Body, DataList, Opcode, WqeFlags};
use smallvec::smallvec;

struct Stream {
    world: World,
    a: Qp,
    b: Qp,
    source: Registered,
    sink: Registered,
}

fn stream() -> Stream {
    let mut world = World::new(false);
    let [a, b] = world.reliable_pair(Connection::default());
    let (source, sink) = (world.buffer(0, 100, 1), world.buffer(1, 100, 2));
    Stream { world, a, b, source, sink }
}

impl Stream {
    fn message(&mut self, flags: WqeFlags) {
        self.world.post_receive(&mut self.b, &[self.sink.at(0, 100)]);
        let list = DataList::Segments(smallvec![self.source.at(0, 10)]);
        self.world.post(&mut self.a, Opcode::SEND, flags, 0, Body::Send(list));
        self.world.ring(&self.a);
        self.world.run();
    }

    /// Completion events at the receiver.
    fn events(&mut self) -> usize {
        let events = self.world.take_events(1);
        events.iter().filter(|event| event.event == EventType::COMPLETION).count()
    }
}

#[test]
fn an_arm_yields_one_event() {
    let mut s = stream();
    s.message(WqeFlags::empty());
    assert_eq!(s.events(), 0, "not armed");
    s.world.arm_cq(&s.b, 0, false);
    s.world.run();
    assert_eq!(s.events(), 1, "there was an entry already");
    s.message(WqeFlags::empty());
    assert_eq!(s.events(), 0, "one arm, one event");
    s.world.arm_cq(&s.b, 0, false);
    s.world.run();
    assert_eq!(s.events(), 0, "an arm made before the event was seen is stale");
    while s.world.poll(&mut s.b).is_some() {}
    s.world.arm_cq(&s.b, 1, false);
    s.world.run();
    assert_eq!(s.events(), 0, "all entries have been taken");
    s.message(WqeFlags::empty());
    assert_eq!(s.events(), 1);
}

#[test]
fn solicited_arms_wait_for_solicited_entries() {
    let mut s = stream();
    s.world.arm_cq(&s.b, 0, true);
    s.message(WqeFlags::empty());
    assert_eq!(s.events(), 0);
    s.message(WqeFlags::SOLICITED);
    assert_eq!(s.events(), 1);
    let flags: Vec<bool> =
        s.world.completions(&mut s.b).iter().map(|cqe| cqe.flags.contains(CqeFlags::SOLICITED)).collect();
    assert_eq!(flags, [false, true]);
}

#[test]
fn moderation_gathers_entries() {
    let mut s = stream();
    s.world.command(1, &Command::ModerateCq { cqn: s.b.cq.number, interval_us: 1_000, count: 3 });
    s.world.arm_cq(&s.b, 0, false);
    s.message(WqeFlags::empty());
    let waited = s.world.now;
    assert_eq!(s.events(), 1, "by time");
    assert!(waited.as_ps() >= Dur::from_us(1_000).as_ps());
    while s.world.poll(&mut s.b).is_some() {}
    s.world.arm_cq(&s.b, 1, false);
    let start = s.world.now;
    for _ in 0..3 {
        s.world.post_receive(&mut s.b, &[s.sink.at(0, 100)]);
        let list = DataList::Segments(smallvec![s.source.at(0, 10)]);
        s.world.post(&mut s.a, Opcode::SEND, WqeFlags::empty(), 0, Body::Send(list));
    }
    s.world.ring(&s.a);
    s.world.nodes[1].interrupts.clear();
    s.world.run_until(|world| !world.nodes[1].interrupts.is_empty());
    assert!(s.world.now.since(start) < Dur::from_us(100), "by count");
    assert_eq!(s.events(), 1);
}

#[test]
fn a_queue_that_is_not_emptied_dies() {
    let mut s = stream();
    for _ in 0..1 << LOG_CQ {
        s.message(WqeFlags::empty());
    }
    assert_eq!(s.world.take_events(1).len(), 0, "it is exactly full");
    s.message(WqeFlags::empty());
    let events = s.world.take_events(1);
    let told: Vec<(EventType, u32, u32)> =
        events.iter().map(|event| (event.event, event.number, event.detail)).collect();
    let expected =
        [(EventType::CQ_ERROR, s.b.cq.number, CqErrorCause::OVERRUN.0), (EventType::QP_FATAL, s.b.number, 0)];
    assert_eq!(told, expected);
}

#[test]
fn a_queue_that_is_emptied_goes_on() {
    let mut s = stream();
    for _ in 0..3 << LOG_CQ {
        s.message(WqeFlags::empty());
        assert!(s.world.poll(&mut s.b).is_some());
    }
    assert_eq!(s.world.nodes[1].nic.counters().cq_overruns, 0);
}

#[test]
fn resizing_keeps_every_entry() {
    let mut s = stream();
    for _ in 0..5 {
        s.message(WqeFlags::empty());
    }
    assert!(s.world.poll(&mut s.b).is_some());
    let ring = s.world.nodes[1].memory.allocate_contiguous(1);
    let mut context =
        CqContext { ring_address: ring, log_entries: 1, consumer: s.b.cq.consumer, ..CqContext::default() };
    let reply = s.world.try_command(1, &Command::ResizeCq(s.b.cq.number, context));
    assert_eq!((reply.status, reply.detail), (CommandStatus::TOO_SMALL, 4));
    context.log_entries = 3;
    s.world.nodes[1].memory.write(ring, &[0xff; 512]).expect("memory");
    let first = s.world.command(1, &Command::ResizeCq(s.b.cq.number, context)).result;
    assert_eq!(first, 5);
    let old: Vec<u32> = s.world.completions(&mut s.b).iter().map(|cqe| cqe.wqe_index).collect();
    assert_eq!(old, [1, 2, 3, 4]);
    (s.b.cq.ring, s.b.cq.log) = (ring, 3);
    for _ in 0..3 {
        s.message(WqeFlags::empty());
    }
    let new: Vec<u32> = s.world.completions(&mut s.b).iter().map(|cqe| cqe.wqe_index).collect();
    assert_eq!(new, [5, 6, 7]);
}

#[test]
fn shared_receives_serve_many_and_tell_their_limit() {
    let mut world = World::new(false);
    let (srqn, ring, record) = world.create_srq(1, 0);
    let mut pairs = Vec::new();
    for _ in 0..2 {
        let (a, b) = (world.create_qp(0, QpType::RC), world.create_qp_with(1, QpType::RC, Some(srqn)));
        world.connect([&a, &b], true, Connection::default());
        pairs.push((a, b));
    }
    let (source, sink) = (world.buffer(0, 100, 1), world.buffer(1, 10_000, 2));
    for index in 0..6 {
        world.post_receive_to(1, (ring, record), index, &[sink.at(u64::from(index) * 100, 100)]);
    }
    world.command(1, &Command::SetSrqLimit { srqn, limit: 3 });
    for round in 0..4 {
        let (a, _) = &mut pairs[round % 2];
        let list = DataList::Segments(smallvec![source.at(0, 10 + round as u32)]);
        world.send(a, Opcode::SEND, Body::Send(list));
        world.run();
        let limits = world.take_events(1).iter().filter(|event| event.event == EventType::SRQ_LIMIT).count();
        assert_eq!(limits, usize::from(round == 3), "two are left after the fourth");
    }
    for (index, (_, b)) in pairs.iter_mut().enumerate() {
        let got = world.completions(b);
        let received: Vec<(u32, u32)> = got.iter().map(|cqe| (cqe.wqe_index, cqe.byte_count)).collect();
        let own = index as u32;
        assert_eq!(received, [(own, 10 + own), (own + 2, 12 + own)]);
        assert!(got.iter().all(|cqe| cqe.srqn == srqn && cqe.flags.contains(CqeFlags::FROM_SRQ)));
    }
    let reply = world.command(1, &Command::QuerySrq(srqn));
    assert_eq!((reply.result, reply.result_2), (4, 0), "used up, and the limit is disarmed");
}

#[test]
fn a_shared_queue_without_receives_makes_the_sender_wait() {
    let mut world = World::new(false);
    let (srqn, ring, record) = world.create_srq(1, 0);
    let (mut a, mut b) = (world.create_qp(0, QpType::RC), world.create_qp_with(1, QpType::RC, Some(srqn)));
    world.connect([&a, &b], true, Connection::default());
    let (source, sink) = (world.buffer(0, 100, 1), world.buffer(1, 100, 2));
    let list = DataList::Segments(smallvec![source.at(0, 100)]);
    world.send(&mut a, Opcode::SEND, Body::Send(list));
    world.run_until(|world| world.nodes[1].nic.counters().rnr_naks_sent > 0);
    world.post_receive_to(1, (ring, record), 0, &[sink.at(0, 100)]);
    world.run();
    assert_eq!(world.completions(&mut a).iter().map(|cqe| cqe.syndrome).collect::<Vec<_>>(), [Syndrome::NONE]);
    assert_eq!(world.completions(&mut b).len(), 1);
}

#[test]
fn a_queue_pair_tells_that_it_takes_no_more_shared_receives() {
    let mut world = World::new(true);
    let (srqn, ring, record) = world.create_srq(1, 0);
    let (a, shared) = (world.create_qp(0, QpType::RC), world.create_qp_with(1, QpType::RC, Some(srqn)));
    world.connect([&a, &shared], true, Connection::default());
    let [_, own] = world.reliable_pair(Connection::default());
    let sink = world.buffer(1, 100, 2);
    world.post_receive_to(1, (ring, record), 0, &[sink.at(0, 100)]);
    let error = QpAttributes { state: QpState::ERROR, ..QpAttributes::default() };
    for qp in [&own, &shared, &shared] {
        world.modify(qp, error);
    }
    world.run();
    let told: Vec<(EventType, u32)> = world.take_events(1).iter().map(|event| (event.event, event.number)).collect();
    assert_eq!(told, [(EventType::LAST_WQE, shared.number)], "once, and of the one with a shared queue");
}

#[test]
fn a_shared_queue_goes_on_in_a_larger_ring() {
    let mut world = World::new(false);
    let (srqn, ring, record) = world.create_srq(1, 0);
    let (mut a, mut b) = (world.create_qp(0, QpType::RC), world.create_qp_with(1, QpType::RC, Some(srqn)));
    world.connect([&a, &b], true, Connection::default());
    let (source, sink) = (world.buffer(0, 100, 1), world.buffer(1, 10_000, 2));
    let asked = |world: &mut World| {
        world.command(1, &Command::QuerySrq(srqn));
        SrqContext::decode(&world.output(1))
    };
    let made = asked(&mut world);
    let memory = &mut world.nodes[1].memory;
    let (ring_address, record_address) = (memory.allocate_contiguous(1), memory.allocate_contiguous(1));
    let larger = SrqContext { ring_address, record_address, log_wqes: made.log_wqes + 1, ..made };
    let refused = [
        (SrqContext { log_wqes: made.log_wqes - 1, ..larger }, CommandStatus::TOO_SMALL),
        (SrqContext { log_wqes: 60, ..larger }, CommandStatus::EXCEEDS_LIMIT),
        (SrqContext { log_stride: made.log_stride + 1, ..larger }, CommandStatus::BAD_PARAMETER),
        (SrqContext { ring_address: ring_address + 8, ..larger }, CommandStatus::BAD_PARAMETER),
    ];
    for (context, status) in refused {
        assert_eq!(world.try_command(1, &Command::ResizeSrq(srqn, context)).status, status, "{context:?}");
    }
    assert_eq!(
        world.try_command(1, &Command::ResizeSrq(srqn + 1, larger)).status,
        CommandStatus::BAD_RESOURCE,
        "no such queue"
    );
    // Nothing was read yet: the new ring has it all.
    world.post_receive_to(1, (ring, record), 0, &[sink.at(0, 100)]);
    world.post_receive_to(1, (ring_address, record_address), 0, &[sink.at(0, 100)]);
    world.command(1, &Command::ResizeSrq(srqn, larger));
    world.nodes[1].memory.write(ring, &[0xff; 64]).expect("memory");
    let list = DataList::Segments(smallvec![source.at(0, 10)]);
    world.send(&mut a, Opcode::SEND, Body::Send(list));
    world.run();
    assert_eq!(world.completions(&mut b).iter().map(|cqe| cqe.byte_count).collect::<Vec<_>>(), [10]);
    assert_eq!(asked(&mut world), larger);
}

#[test]
fn cables_are_reported() {
    let mut world = World::new(true);
    world.tell(0, Input::LinkState { port: 0, up: false });
    world.tell(0, Input::LinkState { port: 0, up: false });
    world.tell(0, Input::LinkState { port: 0, up: true });
    world.run();
    let events: Vec<(EventType, u32)> = world.take_events(0).iter().map(|event| (event.event, event.detail)).collect();
    assert_eq!(events, [(EventType::PORT_CHANGE, 0), (EventType::PORT_CHANGE, 1)]);
}
