//! The bytes of the worked example, from the encoders that drivers use.

use nic_model::regs::block::Gid;
use nic_model::regs::cmd::{
    Command, CommandStatus, CqContext, Encoded, QpContext, REPLY_AT, Reply, Slot, SourceAddress,
};
use nic_model::regs::cqe::{Cqe, CqeOpcode};
use nic_model::regs::doorbell::{CqDoorbell, EqDoorbell, ReceiveRecord, SqDoorbell};
use nic_model::regs::eqe::{Eqe, EventType};
use nic_model::regs::wqe::{Body, Control, Data, DataList, Opcode, RemoteAddress, SendWqe, WqeFlags, encode_receive};
use std::fmt::Write;
use std::net::IpAddr;
use wire::Qpn;

/// Addresses that the example uses.
const INPUT: u64 = 0x1_0000;
const OUTPUT: u64 = 0x1_1000;

fn dump(bytes: &[u8]) -> String {
    let mut out = String::from("```text\n");
    for (index, line) in bytes.chunks(16).enumerate() {
        let words: Vec<String> =
            line.chunks(4).map(|word| word.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
        let _ = writeln!(out, "{:02x}: {}", index * 16, words.join(" "));
    }
    out.push_str("```\n");
    out
}

fn value(value: u64) -> String {
    let bytes: String = value.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("```text\n0x{value:016x}, on the bus {bytes}\n```\n")
}

fn slot(command: &Command, output_bytes: u32) -> Vec<u8> {
    let Encoded { code, operand, operand_2, input } = command.encode();
    let (input_bytes, token) = (input.len() as u32, 0x77);
    let output_address = if output_bytes > 0 { OUTPUT } else { 0 };
    let input_address = if input_bytes > 0 { INPUT } else { 0 };
    let owner = 1;
    let slot = Slot {
        code,
        token,
        input_address,
        output_address,
        input_bytes,
        output_bytes,
        operand,
        operand_2,
        owner,
        ..Slot::default()
    };
    slot.encode().to_vec()
}

fn cq() -> CqContext {
    CqContext { ring_address: 0x2_0000, record_address: 0x2_4000, log_entries: 6, eqn: 1, ..CqContext::default() }
}

fn qp() -> QpContext {
    QpContext {
        sq_address: 0x3_0000,
        rq_address: 0x3_1000,
        record_address: 0x3_2000,
        log_sq_blocks: 6,
        log_rq_wqes: 6,
        log_rq_stride: 6,
        pd: 1,
        send_cqn: 1,
        receive_cqn: 1,
        ..QpContext::default()
    }
}

fn write_wqe() -> Vec<u8> {
    let control = Control { opcode: Opcode::WRITE, qpn: Qpn::new(2), flags: WqeFlags::SIGNALLED, ..Control::default() };
    let data = Data { length_bytes: 1_000, key: 0x311, address: 0x7000_0040 };
    let remote = RemoteAddress { address: 0x7100_0000, key: 0x322 };
    SendWqe { control, body: Body::Remote(remote, DataList::Segments(std::iter::once(data).collect())) }.encode()
}

pub(crate) fn example(name: &str) -> String {
    let receive = Data { length_bytes: 256, key: 0x311, address: 0x7000_1000 };
    let cqe = Cqe {
        byte_count: 1_000,
        qpn: Qpn::new(2),
        time_ns: 12_345,
        operation: Opcode::WRITE,
        opcode: CqeOpcode::REQUEST,
        owner: 1,
        ..Cqe::default()
    };
    let eqe = Eqe { event: EventType::COMPLETION, number: 1, time_ns: 12_400, owner: 1, ..Eqe::default() };
    let reply = Reply { result: 1, status: CommandStatus::OK, ..Reply::default() };
    match name {
        "alloc-pd" => dump(&slot(&Command::AllocPd, 0)),
        "alloc-pd-reply" => {
            let mut bytes = slot(&Command::AllocPd, 0);
            bytes[REPLY_AT..].copy_from_slice(&reply.encode());
            dump(&bytes)
        }
        "set-address" => dump(&SourceAddress::new(0, 0, Gid::from(IpAddr::from([10, 0, 0, 1]))).encode()),
        "create-cq" => dump(&cq().encode()),
        "create-cq-slot" => dump(&slot(&Command::CreateCq(cq()), 0)),
        "create-qp" => dump(&qp().encode()),
        "write-wqe" => dump(&write_wqe()),
        "receive-wqe" => dump(&encode_receive(&[receive], 64)),
        "receive-record" => dump(&ReceiveRecord { producer: 1 }.encode()),
        "sq-doorbell" => value(SqDoorbell { qpn: Qpn::new(2), producer: 1 }.to_value()),
        "cq-doorbell" => value(CqDoorbell { cqn: 1, sequence: 2, solicited_only: true, consumer: 5 }.to_value()),
        "eq-doorbell" => value(EqDoorbell { eqn: 1, arm: true, consumer: 3 }.to_value()),
        "cqe" => dump(&cqe.encode()),
        "eqe" => dump(&eqe.encode()),
        _ => panic!("no example {name}"),
    }
}
