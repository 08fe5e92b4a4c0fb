//! Bytes that a driver or a peer gives to a device: registers, commands, rings, records, packets.

use crate::rig::{ADDRESS, LOG, Rig, STRIDE};
use nic_model::regs::bar;
use nic_model::regs::cmd::{CommandCode, Slot};
use nic_model::regs::doorbell::{ReceiveDoorbell, SqDoorbell};
use nic_model::regs::wqe::{Control, Data, DataList, Opcode, SendWqe, WqeFlags};
use std::net::IpAddr;
use wire::{Aeth, AtomicEth, Bth, Deth, Ecn, Ext, Frame, Ip, Payload, Psn, Qpn, Reth, RocePacket};

/// Bytes of a ring.
const RING_BYTES: usize = 64 << LOG;

/// A fuzzer's bytes, taken from the front; zeros when they are used up.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let here = N.min(self.0.len());
        out[..here].copy_from_slice(&self.0[..here]);
        self.0 = &self.0[here..];
        out
    }

    fn byte(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn long(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

/// Register accesses: a byte that chooses where and how, then the value.
pub fn registers(data: &[u8]) {
    let mut rig = Rig::new();
    let mut bytes = Bytes(data);
    let tables = [bar::REGISTERS, bar::LIMIT_REGISTERS];
    let mut offsets: Vec<u64> = tables.concat().iter().map(|row| row.offset).filter(|at| *at != bar::RESET).collect();
    offsets.extend(bar::UAR_REGISTERS.iter().map(|row| bar::uar(0, row.offset)));
    offsets.extend([bar::MSIX_TABLE, bar::MSIX_TABLE + bar::MSIX_CONTROL, bar::PORT_BASE, bar::uar(0, 0x840)]);
    while !bytes.0.is_empty() {
        let choice = bytes.byte();
        let known = offsets[usize::from(choice) % offsets.len()];
        let offset = if choice > 250 { bytes.long() } else { known };
        match bytes.byte() % 5 {
            0 => drop(rig.read(offset)),
            1 => rig.write(offset, &bytes.take::<4>()),
            2 => rig.write(offset, &bytes.take::<64>()),
            3 => {
                // What looks like a doorbell of something that exists.
                let value = u64::from(bytes.byte() % 16) << 32 | u64::from(bytes.byte());
                rig.write(offset, &value.to_le_bytes());
            }
            _ => rig.write(offset, &bytes.take::<8>()),
        }
    }
    rig.run();
}

/// A command: code, operands and lengths, then the mailbox; polled and queued.
pub fn commands(data: &[u8]) {
    let mut rig = Rig::new();
    let mut bytes = Bytes(data);
    while !bytes.0.is_empty() {
        let choice = usize::from(bytes.byte());
        let code = CommandCode::NAMED.get(choice).map_or(choice as u16, |named| named.value as u16);
        // Objects have small numbers, keys the same in their index.
        let operand = if bytes.byte().is_multiple_of(2) {
            u32::from(bytes.byte() % 16)
        } else {
            u32::from(bytes.byte() % 16) << 8
        };
        let length = usize::from(bytes.byte());
        let input: Vec<u8> = bytes.0.iter().copied().take(length).collect();
        bytes.0 = &bytes.0[input.len()..];
        let slot = Slot {
            code: CommandCode(code),
            token: 1,
            input_address: rig.mailbox,
            input_bytes: input.len() as u32,
            output_address: rig.mailbox + 0x8000,
            output_bytes: 4096 * u32::from(bytes.byte() % 2),
            operand,
            operand_2: bytes.word(),
            ..Slot::default()
        };
        let (mailbox, slots) = (rig.mailbox, rig.slots);
        rig.store(mailbox, &input);
        rig.store(slots + 64, &slot.encode());
        if choice.is_multiple_of(2) {
            rig.write(bar::COMMAND_POLL, &1_u64.to_le_bytes());
            rig.read(bar::COMMAND_POLL_RESULT);
        } else {
            rig.write(bar::COMMAND_DOORBELL, &2_u64.to_le_bytes());
            rig.run();
        }
    }
    rig.run();
}

/// A send ring: a byte that chooses the queue pair, then the ring. Every other input gets right indices and numbers.
pub fn wqes(data: &[u8]) {
    let mut rig = Rig::new();
    let mut bytes = Bytes(data);
    let (choice, honest, producer) = (bytes.byte(), bytes.byte().is_multiple_of(2), u32::from(bytes.byte()) % 65);
    let ends = rig.qps[usize::from(choice) % rig.qps.len()];
    let mut ring: Vec<u8> = bytes.0.iter().copied().chain(std::iter::repeat(0)).take(RING_BYTES).collect();
    if honest {
        let mut block = 0;
        while block < ring.len() / 64 {
            let head = &mut ring[block * 64..][..Control::BYTES];
            let opcodes = Opcode::NAMED;
            let opcode = opcodes[usize::from(head[3]) % opcodes.len()].value as u8;
            let units = 1 + head[8] % 8;
            head[0..2].copy_from_slice(&(block as u16).to_be_bytes());
            (head[3], head[8]) = (opcode, units);
            head[4..8].copy_from_slice(&ends.qpn.to_be_bytes());
            block += usize::from(units).div_ceil(4);
        }
    }
    rig.store(ends.send_ring, &ring);
    rig.write(bar::uar(0, bar::UAR_SQ), &SqDoorbell { qpn: Qpn::new(ends.qpn), producer }.to_value().to_le_bytes());
    rig.run();
}

/// Receive ring and record of a queue pair to which its peer sends.
pub fn receives(data: &[u8]) {
    let mut rig = Rig::new();
    let mut bytes = Bytes(data);
    let (record, length) = (bytes.take::<8>(), u32::from(bytes.byte()) * 8);
    let [from, to] = [rig.qps[0], rig.qps[1]];
    let ring: Vec<u8> = bytes.0.iter().copied().take(1 << (LOG + STRIDE)).collect();
    rig.store(to.receive_ring, &ring);
    rig.store(to.record, &record);
    let segment = Data { length_bytes: length, key: rig.region.0, address: rig.region.1 };
    let control =
        Control { opcode: Opcode::SEND, qpn: Qpn::new(from.qpn), flags: WqeFlags::SIGNALLED, ..Control::default() };
    let list = DataList::Segments(std::iter::once(segment).collect());
    let wqe = SendWqe { control, body: nic_model::regs::wqe::Body::Send(list) };
    rig.store(from.send_ring, &wqe.encode());
    rig.write(bar::uar(0, bar::UAR_SQ), &SqDoorbell { qpn: Qpn::new(from.qpn), producer: 1 }.to_value().to_le_bytes());
    rig.run();
    rig.write(bar::uar(0, bar::UAR_RQ), &ReceiveDoorbell { qpn: Qpn::new(to.qpn) }.to_value().to_le_bytes());
    rig.run();
}

/// The record of the completion queue, while entries are written.
pub fn records(data: &[u8]) {
    let mut rig = Rig::new();
    let ends = rig.qps[0];
    for (round, record) in (0_u32..200).zip(data.chunks(8).cycle().take(200)) {
        let cq_record = rig.cq_record;
        rig.store(cq_record, record);
        let control = Control { index: round as u16, qpn: Qpn::new(ends.qpn), units: 1, ..Control::default() };
        let control = Control { flags: WqeFlags::SIGNALLED, ..control };
        rig.store(ends.send_ring + u64::from(round % 64) * 64, &control.encode());
        let doorbell = SqDoorbell { qpn: Qpn::new(ends.qpn), producer: round + 1 };
        rig.write(bar::uar(0, bar::UAR_SQ), &doorbell.to_value().to_le_bytes());
        rig.run();
    }
}

/// Packets of a hostile peer, each with a right check sequence and right addresses.
pub fn packets(data: &[u8]) {
    let mut rig = Rig::new();
    let mut bytes = Bytes(data);
    while !bytes.0.is_empty() {
        let packet = packet(&rig, &mut bytes);
        rig.frame(Frame::from(packet));
    }
    rig.run();
}

fn packet(rig: &Rig, bytes: &mut Bytes<'_>) -> RocePacket {
    let ends = rig.qps[usize::from(bytes.byte()) % rig.qps.len()];
    let own_key = bytes.byte().is_multiple_of(2);
    let key = if own_key { rig.region.0 } else { bytes.word() };
    let address = if own_key { rig.region.1 + u64::from(bytes.byte()) * 8 } else { bytes.long() };
    let number = bytes.word();
    let reth = Reth { virtual_address: address, rkey: key, length_bytes: number % 3_000 };
    let aeth = Aeth { syndrome: key as u8, msn: number & 0xff_ffff };
    let deth = Deth { qkey: if own_key { 0 } else { key }, reserved: 0, source_qp: Qpn::new(number) };
    let ext = match bytes.byte() % 11 {
        0 => Ext::None,
        1 => Ext::Immediate(number),
        2 => Ext::Invalidate(key),
        3 => Ext::Reth(reth),
        4 => Ext::RethImmediate(reth, number),
        5 => Ext::Aeth(aeth),
        6 => Ext::AtomicAck(aeth, address),
        7 => Ext::Atomic(AtomicEth { virtual_address: address, rkey: key, swap_or_add: 1, compare: 2 }),
        8 => Ext::Deth(deth),
        9 => Ext::DethImmediate(deth, number),
        _ => Ext::Reth(Reth { length_bytes: number, ..reth }),
    };
    let psn = Psn::new(u32::from(bytes.byte()) % 8);
    let opcode = wire::Opcode(bytes.byte());
    let length = usize::from(bytes.byte()) % 300;
    let mac = rig.nic.config().ports[0].mac;
    RocePacket {
        dest_mac: mac,
        source_mac: mac,
        ip: Ip {
            source: IpAddr::from(ADDRESS),
            destination: IpAddr::from(ADDRESS),
            dscp: 0,
            ecn: Ecn::from_bits(number as u8),
            ttl: 64,
            identification: 0,
            flow_label: 0,
        },
        udp_source_port: 0xc000,
        bth: Bth { ack_request: own_key, ..Bth::new(opcode, Qpn::new(ends.qpn), psn) },
        ext,
        payload: Payload::Bytes(vec![7; length].into()),
        telemetry: None,
    }
}
