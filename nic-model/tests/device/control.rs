//! Commands: queued and polled, their errors, their limits; reset and teardown.

use crate::support::World;
use crate::support::driver::{LOG_CQ, Registered};
use des::Dur;
use nic_model::port::Input;
use nic_model::regs::bar::{self, Features, Health, LIMIT_REGISTERS, Limits};
use nic_model::regs::cmd::table::COMMANDS;
use nic_model::regs::cmd::{
    Command, CommandCode, CommandStatus, EqContext, KeyKind, MkeyContext, QpAttributes, QpContext, QpMask, QpState,
    QpType, Rights, SrqContext,
};
use nic_model::regs::counters::Counters;
use nic_model::regs::eqe::EventType;

#[test]
fn queued_commands_end_with_an_event() {
    let mut world = World::new(false);
    for slot in 0..3 {
        world.fill_slot(0, slot, 100 + slot as u32, &Command::AllocPd);
    }
    world.nodes[0].interrupts.clear();
    world.mmio_write(0, bar::COMMAND_DOORBELL, &0b111_u64.to_le_bytes());
    assert_eq!(world.reply(0, 0).result, 0, "nothing has happened yet");
    world.run();
    let events = world.take_events(0);
    let told: Vec<(EventType, u32, u32)> =
        events.iter().map(|event| (event.event, event.number, event.detail)).collect();
    let done = EventType::COMMAND_DONE;
    assert_eq!(told, [(done, 0, 100), (done, 1, 101), (done, 2, 102)]);
    let pds: Vec<u32> = (0..3).map(|slot| world.reply(0, slot).result).collect();
    assert_eq!(pds, [2, 3, 4], "the driver has the first one");
    assert_eq!(world.nodes[0].interrupts.len(), 1, "one arm, one interrupt");
    assert_eq!(world.nodes[0].interrupts[0].1, 3, "the vector of the queue");
    assert!(world.now.as_ps() >= 3 * Dur::from_us(20).as_ps(), "one after the other: {}", world.now);
}

#[test]
fn polled_commands_may_be_mixed_with_queued_ones() {
    let mut world = World::new(false);
    world.fill_slot(0, 0, 1, &Command::AllocPd);
    world.mmio_write(0, bar::COMMAND_DOORBELL, &1_u64.to_le_bytes());
    let before = world.stalled;
    let polled = world.command(0, &Command::AllocPd).result;
    let stalled = world.stalled.saturating_sub(before);
    assert!(stalled >= Dur::from_us(20), "the processor waits for the firmware: {stalled}");
    world.run();
    assert_eq!(world.reply(0, 0).status, CommandStatus::OK);
    assert_ne!(world.reply(0, 0).result, polled);
    assert_eq!(world.take_events(0).len(), 1);
}

#[test]
fn polling_without_a_command_is_told() {
    let mut world = World::new(false);
    assert_eq!(world.mmio_read(0, bar::COMMAND_POLL_RESULT), bar::POLL_NOTHING);
    world.mmio_write(0, bar::COMMAND_POLL, &999_u64.to_le_bytes());
    assert_eq!(world.mmio_read(0, bar::COMMAND_POLL_RESULT), bar::POLL_NOTHING);
}

#[test]
fn limits_are_the_same_in_registers_and_command() {
    let mut world = World::new(true);
    let limits = Limits::from_registers(|offset| world.mmio_read(0, offset));
    assert_eq!(limits, world.nodes[0].nic.config().limits);
    world.command(0, &Command::QueryDevice);
    let output: [u8; 4096] = world.output(0);
    for (row, word) in LIMIT_REGISTERS.iter().zip(output.chunks_exact(8)) {
        let value = u64::from_be_bytes(word.try_into().expect("eight bytes"));
        assert_eq!(Some(value), limits.register(row.offset), "{}", row.name);
    }
}

#[test]
fn counters_are_told() {
    let mut world = World::new(true);
    world.command(0, &Command::QueryCounters);
    let output: [u8; 4096] = world.output(0);
    let words = output.chunks_exact(8).map(|word| u64::from_be_bytes(word.try_into().expect("eight bytes")));
    let told = Counters::from_values(&words.collect::<Vec<_>>());
    assert!(told.commands > 3 && told.dma_reads > 3);
}

fn refused(world: &mut World, command: &Command) -> (CommandStatus, u32) {
    let reply = world.try_command(0, command);
    (reply.status, reply.detail)
}

#[test]
fn every_mistake_names_its_field() {
    let mut world = World::new(true);
    let pd = world.nodes[0].driver.pd;
    let cq = world.create_cq(0, LOG_CQ);
    use CommandStatus as S;
    let qp = QpContext {
        sq_address: 0x1000,
        rq_address: 0x1000,
        log_rq_stride: 4,
        pd,
        send_cqn: cq.number,
        receive_cqn: cq.number,
        ..QpContext::default()
    };
    let region = MkeyContext { page_shift: 12, pd, page_count: 1, length_bytes: 4096, ..MkeyContext::default() };
    let cases = [
        (Command::DestroyQp(77), S::BAD_RESOURCE, 0xffff_ffff),
        (Command::CreateQp(QpContext { pd: 99, ..qp }), S::BAD_RESOURCE, 0x20),
        (Command::CreateQp(QpContext { send_cqn: 99, ..qp }), S::BAD_RESOURCE, 0x24),
        (Command::CreateQp(QpContext { sq_address: 0x1001, ..qp }), S::BAD_PARAMETER, 0),
        (Command::CreateQp(QpContext { log_sq_blocks: 63, ..qp }), S::EXCEEDS_LIMIT, 0x19),
        (Command::CreateQp(QpContext { log_sq_blocks: 255, ..qp }), S::EXCEEDS_LIMIT, 0x19),
        (Command::CreateQp(QpContext { qp_type: QpType(9), ..qp }), S::BAD_PARAMETER, 0x18),
        (Command::CreateQp(QpContext { sq_address: !0xfff, log_sq_blocks: 8, ..qp }), S::BAD_PARAMETER, 0),
        (Command::CreateMkey(region, vec![0x1001]), S::BAD_PARAMETER, 0x18),
        (Command::CreateMkey(MkeyContext { kind: KeyKind(9), ..region }, vec![]), S::BAD_PARAMETER, 0),
        (Command::CreateMkey(MkeyContext { pd: 0, ..region }, vec![0]), S::BAD_RESOURCE, 4),
        (Command::CreateEq(EqContext { vector: 64, ..EqContext::default() }), S::EXCEEDS_LIMIT, 0x0a),
        (Command::DeallocPd(pd), S::RESOURCE_BUSY, 1),
    ];
    world.command(0, &Command::CreateQp(qp));
    for (command, status, detail) in cases {
        assert_eq!(refused(&mut world, &command), (status, detail), "{command:?}");
    }
    assert_eq!(refused(&mut world, &Command::DestroyCq(cq.number)).0, S::RESOURCE_BUSY);
}

#[test]
fn transitions_follow_the_table() {
    let mut world = World::new(true);
    let qp = world.create_qp(0, QpType::RC);
    let try_to = |world: &mut World, state, mask| {
        let attributes = QpAttributes { state, mask, path_mtu: 3, ..QpAttributes::default() };
        world.try_command(0, &Command::ModifyQp(qp.number, attributes)).status
    };
    use CommandStatus as S;
    let init = QpMask::PKEY | QpMask::PORT | QpMask::ACCESS;
    assert_eq!(try_to(&mut world, QpState::RTS, QpMask::empty()), S::BAD_STATE);
    assert_eq!(try_to(&mut world, QpState::INIT, QpMask::PKEY), S::BAD_PARAMETER, "more is needed");
    assert_eq!(try_to(&mut world, QpState::INIT, init | QpMask::SQ_PSN), S::BAD_PARAMETER, "not its time");
    assert_eq!(try_to(&mut world, QpState::INIT, init), S::OK);
    assert_eq!(try_to(&mut world, QpState(77), init), S::BAD_PARAMETER, "no such state");
    let rtr = QpMask::PATH
        | QpMask::PATH_MTU
        | QpMask::DEST_QPN
        | QpMask::RQ_PSN
        | QpMask::MAX_INBOUND_READS
        | QpMask::MIN_RNR_TIMER;
    assert_eq!(try_to(&mut world, QpState::RTR, rtr), S::OK);
    assert_eq!(try_to(&mut world, QpState::ERROR, QpMask::empty()), S::OK);
    assert_eq!(try_to(&mut world, QpState::INIT, init), S::BAD_STATE);
    assert_eq!(try_to(&mut world, QpState::RESET, QpMask::empty()), S::OK);
}

#[test]
fn a_device_without_a_feature_does_not_know_its_commands() {
    let mut world = World::with(|config| config.features = Features::BLUEFLAME);
    assert_eq!(world.mmio_read(0, bar::FEATURES), Features::BLUEFLAME.bits());
    let pd = world.nodes[0].driver.pd;
    let commands = [
        Command::CreateSrq(SrqContext { pd, log_stride: 4, ..SrqContext::default() }),
        Command::CreateMkey(MkeyContext { kind: KeyKind::WINDOW_2, pd, ..MkeyContext::default() }, Vec::new()),
        Command::CreateQp(QpContext { qp_type: QpType::UC, pd, ..QpContext::default() }),
    ];
    for command in commands {
        assert_eq!(refused(&mut world, &command), (CommandStatus::BAD_OPCODE, u32::from(command.code().0)));
    }
}

#[test]
fn nothing_before_init_and_after_teardown() {
    let mut world = World::new(true);
    let Registered { key, .. } = world.register(0, 10, 0, Rights::empty());
    world.command(0, &Command::QueryMkey(key));
    world.command(0, &Command::Teardown);
    assert_eq!(refused(&mut world, &Command::AllocPd).0, CommandStatus::BAD_SYSTEM_STATE);
    world.command(0, &Command::Init);
    assert_eq!(refused(&mut world, &Command::QueryMkey(key)).0, CommandStatus::BAD_RESOURCE);
}

#[test]
fn a_queued_command_outlives_a_polled_teardown() {
    let mut world = World::new(false);
    world.fill_slot(0, 0, 5, &Command::AllocPd);
    world.mmio_write(0, bar::COMMAND_DOORBELL, &1_u64.to_le_bytes());
    world.command(0, &Command::Teardown);
    world.run();
    assert_eq!(world.reply(0, 0).status, CommandStatus::BAD_SYSTEM_STATE);
}

#[test]
fn a_slot_that_is_no_memory_makes_the_device_unhealthy() {
    let mut world = World::new(true);
    world.mmio_write(0, bar::COMMAND_BASE, &0x7fff_f000_u64.to_le_bytes());
    world.mmio_write(0, bar::COMMAND_DOORBELL, &1_u64.to_le_bytes());
    world.run();
    assert_eq!(world.mmio_read(0, bar::HEALTH), Health::DMA_FAILED.0);
    assert_eq!(world.take_events(0)[0].event, EventType::INTERNAL_ERROR);
}

#[test]
fn reset_forgets_everything() {
    let mut world = World::new(false);
    world.fill_slot(0, 0, 5, &Command::AllocPd);
    world.mmio_write(0, bar::COMMAND_DOORBELL, &1_u64.to_le_bytes());
    world.tell(0, Input::Reset);
    assert_eq!(world.mmio_read(0, bar::COMMAND_BASE), 0);
    assert_eq!(world.mmio_read(0, bar::SIGNATURE), bar::SIGNATURE_VALUE);
    world.run();
    assert_eq!(world.nodes[0].nic.counters().commands, 0, "answers to the earlier life are ignored");
}

#[test]
fn what_is_not_decoded_reads_as_ones() {
    let mut world = World::new(true);
    for offset in [0x3f8, 0x700, bar::BAR_BYTES, u64::MAX, 3] {
        assert_eq!(world.mmio_read(0, offset), u64::MAX, "{offset:#x}");
    }
    let before = world.nodes[0].nic.counters().bad_mmio;
    world.mmio_write(0, 0x3f8, &[0; 8]);
    world.mmio_write(0, bar::COMMAND_BASE, &[0; 3]);
    assert_eq!(world.nodes[0].nic.counters().bad_mmio, before + 2);
    world.mmio_write(0, bar::COMMAND_BASE + 4, &1_u32.to_le_bytes());
    let half = world.mmio_read(0, bar::COMMAND_BASE);
    assert_eq!(half >> 32, 1, "halves can be written");
}

#[test]
fn masked_vectors_are_remembered() {
    let mut world = World::new(true);
    let control = bar::MSIX_TABLE + 3 * bar::MSIX_STRIDE + bar::MSIX_CONTROL;
    world.mmio_write(0, control, &1_u32.to_le_bytes());
    world.fill_slot(0, 0, 5, &Command::AllocPd);
    world.mmio_write(0, bar::COMMAND_DOORBELL, &1_u64.to_le_bytes());
    world.run();
    assert_eq!(world.nodes[0].interrupts.len(), 0);
    world.mmio_write(0, control, &0_u32.to_le_bytes());
    world.run();
    assert_eq!(world.nodes[0].interrupts.len(), 1);
}

#[test]
fn mailboxes_are_as_long_as_the_table_says() {
    let mut world = World::new(true);
    for row in COMMANDS.iter().filter(|row| row.code != CommandCode::TEARDOWN) {
        // Garbage at the start is refused later, lengths first.
        let needs = world.raw_command(0, row.code, 0, 4096);
        match row.input.bytes() {
            0 => assert_ne!(needs.0, CommandStatus::BAD_INPUT_LENGTH, "{:?}", row.code),
            bytes => assert_eq!(needs, (CommandStatus::BAD_INPUT_LENGTH, bytes as u32), "{:?}", row.code),
        }
        let needs = world.raw_command(0, row.code, row.input.bytes() as u32, 0);
        match row.output.bytes() {
            0 => assert_ne!(needs.0, CommandStatus::BAD_OUTPUT_LENGTH, "{:?}", row.code),
            bytes => assert_eq!(needs, (CommandStatus::BAD_OUTPUT_LENGTH, bytes as u32), "{:?}", row.code),
        }
    }
}
