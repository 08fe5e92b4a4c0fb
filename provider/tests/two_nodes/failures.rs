//! A device that fails, is gone, or writes nonsense: it is reported, everything ends, and nothing panics.

use crate::bus::Bus;
use crate::world::{World, address, config};
use des::Dur;
use nic_model::Nic;
use nic_model::config::Config as NicConfig;
use nic_model::regs::bar;
use proptest::prelude::*;
use provider::backend::{Backend, Command, CommandOutput, Event, Execution, Resource, Submitted};
use provider::ndk::{MrFlags, Status};
use provider::sim::{BringUpError, Config, SimBackend};
use std::collections::BTreeSet;
use std::net::SocketAddr;

#[test]
fn an_absent_device_is_not_brought_up() {
    let mut bus = Bus::new(Nic::new(NicConfig::generic(1)));
    bus.unplugged = true;
    let refused = SimBackend::new(&mut bus, Config::default()).map(drop);
    assert_eq!(refused, Err(BringUpError::Signature { found: u64::MAX }));
}

#[test]
fn too_many_addresses_are_refused_before_anything_is_allocated() {
    let mut device = NicConfig::generic(1);
    device.limits.max_addresses = 1;
    let mut bus = Bus::new(Nic::new(device));
    let refused = SimBackend::new(&mut bus, config(1)).map(drop);
    assert_eq!(refused, Err(BringUpError::Addresses { wanted: 2, room: 1 }));
    assert_eq!(bus.memory.allocated_pages(), 0);
}

#[test]
fn a_failed_bring_up_leaves_nothing() {
    let mut device = NicConfig::generic(1);
    device.limits.max_pds = 0;
    let mut bus = Bus::new(Nic::new(device));
    let refused = SimBackend::new(&mut bus, config(1)).map(drop);
    let status = Status::INSUFFICIENT_RESOURCES;
    assert_eq!(refused, Err(BringUpError::Command { what: "ALLOC_PD", status }));
    assert_eq!(bus.memory.allocated_pages(), 0);
}

/// Ends all that a node has after its device failed, and frees its memory.
fn bury(world: World, resources: &[Resource]) {
    let mut world = world;
    for &resource in resources {
        assert_eq!(world.command(0, Execution::Queued, Command::Destroy(resource)), Ok(CommandOutput::Done));
    }
    let refused = world.command(0, Execution::Inline, Command::CreatePd);
    assert_eq!(refused, Err(Status::INTERNAL_ERROR));
    let address = SocketAddr::new(address(1), 445);
    let refused = world.command(0, Execution::Queued, Command::Listen { address });
    assert_eq!(refused, Err(Status::INTERNAL_ERROR));
    let [mut node, _] = world.nodes;
    node.driver.remove(&mut node.bus);
    assert_eq!(node.bus.memory.allocated_pages(), 0);
}

fn reported(world: &mut World) {
    world.until("the failure", |world| world.take_event(0, |event| (*event == Event::DeviceError).then_some(())));
    world.run(Dur::from_ms(10));
    assert!(!world.nodes[0].events.contains(&Event::DeviceError), "once");
}

#[test]
fn a_device_that_is_pulled_fails_what_is_polled() {
    let mut world = World::new();
    let end = world.end(0, Execution::Inline, None);
    world.nodes[0].bus.unplugged = true;
    assert_eq!(world.command(0, Execution::Inline, Command::CreatePd), Err(Status::INTERNAL_ERROR));
    reported(&mut world);
    bury(world, &[Resource::Qp(end.qp), Resource::Cq(end.cq), Resource::Pd(end.pd)]);
}

#[test]
fn a_device_that_is_pulled_fails_what_is_queued_after_the_timeout() {
    let mut world = World::new();
    world.nodes[0].bus.unplugged = true;
    let started = (0..40).map(|_| world.start(0, Execution::Queued, Command::CreatePd)).collect::<Vec<_>>();
    world.run(Dur::from_ms(59_000));
    assert_eq!(world.nodes[0].events, []);
    world.run(Dur::from_ms(2_000));
    reported(&mut world);
    for submitted in started {
        let Submitted::Queued(id) = submitted else { panic!("{submitted:?}") };
        assert_eq!(world.ended(0, id), Err(Status::INTERNAL_ERROR));
    }
    bury(world, &[]);
}

#[test]
fn a_lost_interrupt_delays_a_command_and_no_more() {
    let mut world = World::new();
    let Submitted::Queued(id) = world.start(0, Execution::Queued, Command::CreatePd) else { panic!("queued") };
    world.run_without_interrupts(0, Dur::from_ms(59_000));
    world.run(Dur::from_ms(2_000));
    assert!(matches!(world.ended(0, id), Ok(CommandOutput::Created(Resource::Pd(_)))));
}

#[test]
fn a_reset_behind_the_drivers_back_is_found_at_the_next_command() {
    let mut world = World::new();
    let end = world.end(0, Execution::Inline, None);
    world.step(0, |bus, _| host::HostBus::mmio_write(bus, bar::RESET, &1_u64.to_le_bytes()));
    world.run(Dur::from_us(10));
    assert!(world.command(0, Execution::Inline, Command::CreatePd).is_err());
    reported(&mut world);
    bury(world, &[Resource::Qp(end.qp), Resource::Cq(end.cq), Resource::Pd(end.pd)]);
}

#[test]
fn more_commands_than_slots_wait_for_their_turn() {
    let mut world = World::new();
    let started = (0..100).map(|_| world.start(0, Execution::Queued, Command::CreatePd)).collect::<Vec<_>>();
    let mut made = BTreeSet::new();
    for submitted in started {
        let Submitted::Queued(id) = submitted else { panic!("{submitted:?}") };
        let Ok(CommandOutput::Created(Resource::Pd(pd))) = world.ended(0, id) else { panic!("a protection domain") };
        assert!(made.insert(pd), "{pd:?} twice");
    }
}

#[test]
fn a_device_that_is_pulled_ends_what_waits_for_the_network() {
    let mut world = World::new();
    let end = world.end(0, Execution::Inline, None);
    let asked = world.ask(end.qp, SocketAddr::new(address(2), 445));
    world.nodes[0].bus.unplugged = true;
    assert_eq!(world.command(0, Execution::Inline, Command::CreatePd), Err(Status::INTERNAL_ERROR));
    assert_eq!(world.ended(0, asked), Err(Status::INTERNAL_ERROR));
    assert_eq!(world.nodes[0].driver.next_deadline(), None, "nothing is waited for any more");
    reported(&mut world);
    bury(world, &[Resource::Qp(end.qp), Resource::Cq(end.cq), Resource::Pd(end.pd)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Garbage in any page that the device writes.
    #[test]
    fn garbage_in_rings_is_survived(seed in any::<u64>(), fills in prop::collection::vec(any::<u8>(), 64..200)) {
        let mut world = World::new();
        let end = world.end(0, Execution::Inline, None);
        let buffer = world.buffer(0, Execution::Inline, end.pd, 100, MrFlags::empty());
        // Every page of the node but the buffer's, from a place that the seed chooses.
        let bus = &mut world.nodes[0].bus;
        let pages: Vec<u64> = (16..400).map(|page| page * 4096).filter(|&page| bus.memory.read(page, &mut [0]).is_ok()).collect();
        for index in 0..fills.len() {
            let page = pages[(seed as usize).wrapping_add(index * 31) % pages.len()];
            let offset = (seed >> 20).wrapping_mul(index as u64 + 1) % 3_900;
            bus.memory.write(page + offset, &fills).expect("it is memory");
        }
        for _ in 0..70 {
            world.poll(0, end.cq);
        }
        let mut started = Vec::new();
        for vector in 0..3 {
            let now = world.now;
            world.step(0, |bus, driver| driver.interrupt(bus, now, vector));
            started.push(world.start(0, Execution::Queued, Command::CreatePd));
        }
        world.command(0, Execution::Inline, Command::CreatePd).ok();
        world.run(Dur::from_ms(61_000));
        for submitted in started {
            if let Submitted::Queued(id) = submitted {
                let _ended: provider::backend::CommandResult = world.ended(0, id);
            }
        }
        drop(buffer);
    }
}
