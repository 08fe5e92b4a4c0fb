//! Nothing that a driver, a host or a peer writes makes the device panic, or keeps it busy for ever.

use crate::support::driver::LOG_SQ;
use crate::support::{Connection, World};
use nic_model::port::{DmaError, DmaTag, Input};
use nic_model::regs::bar;
use nic_model::regs::cmd::{Command, CommandCode, QpState, Slot};
use nic_model::regs::wqe::{Control, Opcode, WqeFlags};
use proptest::prelude::*;
use std::net::IpAddr;
use wire::{Bth, Ecn, Ext, Frame, Ip, Mac, Payload, Psn, Qpn, RocePacket};

/// Offsets that hit something, and some that do not.
fn offsets() -> impl Strategy<Value = u64> {
    let registers: Vec<u64> = [bar::REGISTERS, bar::LIMIT_REGISTERS]
        .concat()
        .iter()
        .map(|row| row.offset)
        .chain(bar::UAR_REGISTERS.iter().flat_map(|row| [0, 0, 1].map(|page| bar::uar(page, row.offset))))
        .chain([bar::MSIX_TABLE, bar::MSIX_TABLE + 12, bar::PORT_BASE, bar::uar(0, 0x840), bar::uar(0, 0x880)])
        .filter(|offset| *offset != bar::RESET)
        .collect();
    prop_oneof![prop::sample::select(registers), any::<u64>(), 0..bar::BAR_BYTES]
}

/// Values that look like doorbells of objects that exist.
fn values() -> impl Strategy<Value = Vec<u8>> {
    let doorbell = (0..6_u64, any::<u32>(), any::<bool>())
        .prop_map(|(number, low, high)| u64::from(high) << 63 | number << 32 | u64::from(low % 300))
        .prop_map(|value| value.to_le_bytes().to_vec());
    prop_oneof![doorbell, prop::collection::vec(any::<u8>(), 0..65), prop::collection::vec(any::<u8>(), 64)]
}

fn connected() -> World {
    let mut world = World::new(true);
    world.reliable_pair(Connection { ack_timeout: 1, retry_count: 1, rnr_retry_count: 1, ..Connection::default() });
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn register_accesses(accesses in prop::collection::vec((offsets(), values(), any::<bool>()), 1..30)) {
        let mut world = connected();
        for (offset, data, reads) in accesses {
            if reads {
                world.mmio_read(0, offset);
            } else {
                world.mmio_write(0, offset, &data);
            }
        }
        world.run();
    }

    #[test]
    fn send_rings(
        bytes in prop::collection::vec(any::<u8>(), 64 << LOG_SQ),
        opcodes in prop::collection::vec((0..0x30_u8, 0..12_u8), 1..20),
        honest: bool,
    ) {
        let mut world = connected();
        let [mut a, _] = world.reliable_pair(Connection { rnr_retry_count: 1, ..Connection::default() });
        world.nodes[0].memory.write(a.sq, &bytes).expect("memory");
        for (opcode, units) in opcodes {
            let control = Control {
                index: a.producer as u16,
                opcode: Opcode(opcode),
                qpn: Qpn::new(a.number),
                units,
                flags: WqeFlags::SIGNALLED,
                immediate: 0,
            };
            if honest {
                let slot = u64::from(a.producer % (1 << LOG_SQ));
                world.nodes[0].memory.write(a.sq + slot * 64, &control.encode()).expect("memory");
            }
            a.producer += nic_model::regs::wqe::blocks(units).max(1);
        }
        world.ring(&a);
        world.run();
    }

    #[test]
    fn commands(
        code in prop::sample::select(CommandCode::NAMED),
        operand in 0..8_u32,
        operand_2: u32,
        input in prop::collection::vec(prop_oneof![Just(0_u8), 0..8_u8, any::<u8>()], 0..200),
        output_bytes in prop_oneof![Just(0_u32), Just(4096), any::<u32>()],
        wild: bool,
    ) {
        let mut world = connected();
        let (commands, mailbox) = (world.nodes[0].driver.commands, world.nodes[0].driver.mailbox);
        let slot = Slot {
            code: CommandCode(code.value as u16),
            operand: if wild { operand_2 } else { operand },
            operand_2,
            input_address: if wild { u64::MAX - 7 } else { mailbox },
            input_bytes: input.len() as u32,
            output_address: mailbox + 8192,
            output_bytes,
            ..Slot::default()
        };
        world.nodes[0].memory.write(mailbox, &input).expect("memory");
        world.nodes[0].memory.write(commands, &slot.encode()).expect("memory");
        world.mmio_write(0, bar::COMMAND_DOORBELL, &1_u64.to_le_bytes());
        world.mmio_write(0, bar::COMMAND_POLL, &0_u64.to_le_bytes());
        world.mmio_read(0, bar::COMMAND_POLL_RESULT);
        world.run();
    }

    #[test]
    fn encoded_frames(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut world = connected();
        let frame = Box::new(Frame::raw(bytes.into()));
        world.tell(0, Input::Frame { port: 0, frame });
        world.run();
        prop_assert_eq!(world.nodes[0].nic.counters().rx_malformed, 1);
    }

    #[test]
    fn packets_of_a_hostile_peer(packets in prop::collection::vec(packet(), 1..20)) {
        let mut world = connected();
        for packet in packets {
            world.tell(0, Input::Frame { port: 0, frame: Box::new(packet.into()) });
        }
        world.run();
    }

    #[test]
    fn answers_that_nobody_asked_for(tag: u32, good: bool) {
        let mut world = connected();
        let data = if good { Ok(Payload::Bytes(vec![0; 64].into())) } else { Err(DmaError::Poisoned { address: 0 }) };
        world.tell(0, Input::DmaReadDone { tag: DmaTag(tag), data });
        world.run();
    }
}

/// A packet that the first queue pair of host 0 will look at, with anything inside.
fn packet() -> impl Strategy<Value = RocePacket> {
    let ext = (any::<u64>(), any::<u32>(), any::<u32>()).prop_flat_map(|(address, key, length)| {
        let reth = wire::Reth { virtual_address: address, rkey: key, length_bytes: length };
        let atomic = wire::AtomicEth { virtual_address: address & !7, rkey: key, swap_or_add: 1, compare: 2 };
        let aeth = wire::Aeth { syndrome: key as u8, msn: length & 0xff_ffff };
        prop::sample::select(vec![
            Ext::None,
            Ext::Immediate(key),
            Ext::Invalidate(key),
            Ext::Reth(reth),
            Ext::RethImmediate(reth, key),
            Ext::Aeth(aeth),
            Ext::AtomicAck(aeth, address),
            Ext::Atomic(atomic),
            Ext::Deth(wire::Deth { qkey: key, reserved: 0, source_qp: Qpn::new(length) }),
        ])
    });
    let psn = prop_oneof![0xff_ffee..0x100_0000_u32, 0..5_u32, any::<u32>()];
    let opcode = prop_oneof![0..0x18_u8, any::<u8>()];
    (opcode, psn, ext, prop::collection::vec(any::<u8>(), 0..300), any::<bool>(), 0..4_u32).prop_map(
        |(opcode, psn, ext, payload, ack_request, qpn)| RocePacket {
            dest_mac: Mac([2, 0, 0, 0, 0, 1]),
            source_mac: Mac([2, 0, 0, 0, 0, 2]),
            ip: Ip {
                source: IpAddr::from([10, 0, 0, 2]),
                destination: IpAddr::from([10, 0, 0, 1]),
                dscp: 0,
                ecn: Ecn::Capable0,
                ttl: 64,
                identification: 0,
                flow_label: 0,
            },
            udp_source_port: 0xc000,
            bth: Bth { ack_request, ..Bth::new(wire::Opcode(opcode), Qpn::new(qpn), Psn::new(psn)) },
            ext,
            payload: Payload::Bytes(payload.into()),
            telemetry: None,
        },
    )
}

#[test]
fn a_host_that_refuses_every_access_is_survived() {
    let mut world = connected();
    let [mut a, mut b] = world.reliable_pair(Connection { ack_timeout: 1, retry_count: 1, ..Connection::default() });
    let source = world.buffer(0, 5_000, 1);
    let sink = world.buffer(1, 5_000, 2);
    world.post_receive(&mut b, &[sink.at(0, 5_000)]);
    world.nodes[0].memory.free(&source.mdl);
    let list = nic_model::regs::wqe::DataList::Segments(smallvec::smallvec![source.at(0, 5_000)]);
    world.send(&mut a, Opcode::SEND, nic_model::regs::wqe::Body::Send(list));
    world.run();
    let end = world.completions(&mut a)[0];
    assert_eq!(end.vendor_syndrome, nic_model::regs::cqe::VendorSyndrome::DMA);
    assert!(world.nodes[0].nic.counters().dma_errors > 0);
    world.command(0, &Command::QueryQp(a.number));
    let status = nic_model::regs::cmd::QpStatus::decode(&world.output(0));
    assert_eq!(status.state, QpState::ERROR);
}
