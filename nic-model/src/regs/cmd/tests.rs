use super::*;
use crate::regs::block::{Gid, Layout};
use crate::regs::{cqe, doorbell, eqe, wqe};
use proptest::prelude::*;
use wire::Qpn;

const LAYOUTS: &[Layout] = &[
    Slot::LAYOUT,
    Reply::LAYOUT,
    EqContext::LAYOUT,
    CqContext::LAYOUT,
    SrqContext::LAYOUT,
    MkeyContext::LAYOUT,
    SourceAddress::LAYOUT,
    QpContext::LAYOUT,
    QpAttributes::LAYOUT,
    QpStatus::LAYOUT,
    wqe::Control::LAYOUT,
    wqe::RemoteAddress::LAYOUT,
    wqe::Data::LAYOUT,
    wqe::Atomic::LAYOUT,
    wqe::AddressVector::LAYOUT,
    wqe::Bind::LAYOUT,
    wqe::FastRegister::LAYOUT,
    cqe::Cqe::LAYOUT,
    eqe::Eqe::LAYOUT,
    doorbell::ReceiveRecord::LAYOUT,
    doorbell::CqRecord::LAYOUT,
];

#[test]
fn fields_are_inside_of_their_blocks_in_order_and_described() {
    for layout in LAYOUTS {
        let mut end = 0;
        for field in layout.fields {
            assert!(field.offset >= end, "{}.{} overlaps", layout.name, field.name);
            assert!(!field.about.trim().is_empty(), "{}.{} is not described", layout.name, field.name);
            end = field.offset + field.bytes;
        }
        assert!(end <= layout.bytes, "{} is too short", layout.name);
    }
}

#[test]
fn the_reply_is_the_end_of_the_slot() {
    let reply = Reply { result: 1, result_2: 2, detail: 3, status: CommandStatus::BAD_STATE, owner: 0 };
    let mut bytes = Slot { owner: 1, token: 7, ..Slot::default() }.encode();
    bytes[REPLY_AT..].copy_from_slice(&reply.encode());
    let slot = Slot::decode(&bytes);
    assert_eq!((slot.token, slot.result, slot.result_2, slot.detail), (7, 1, 2, 3));
    assert_eq!((slot.status, slot.owner), (CommandStatus::BAD_STATE, 0));
}

fn commands() -> Vec<Command> {
    let gid = Gid::from(std::net::IpAddr::from([10, 0, 0, 1]));
    let attributes = QpAttributes {
        state: QpState::RTR,
        mask: QpMask::all(),
        dest_qpn: Qpn::new(77),
        dest_gid: gid,
        dest_mac: [1, 2, 3, 4, 5, 6],
        rnr_retry_count: 7,
        flow_label: 0xf_ffff,
        ..QpAttributes::default()
    };
    let region = MkeyContext { page_count: 3, page_shift: 12, ..MkeyContext::default() };
    let fast = MkeyContext { kind: KeyKind::FAST_REGISTER, ..region };
    vec![
        Command::QueryDevice,
        Command::Init,
        Command::Teardown,
        Command::SetAddress(SourceAddress::new(1, 2, gid)),
        Command::QueryCounters,
        Command::AllocPd,
        Command::DeallocPd(1),
        Command::CreateMkey(region, vec![4096, 8192, 1 << 40]),
        Command::CreateMkey(fast, Vec::new()),
        Command::QueryMkey(2),
        Command::DestroyMkey(3),
        Command::CreateEq(EqContext { classes: EqClasses::all(), vector: 9, ..EqContext::default() }),
        Command::DestroyEq(4),
        Command::QueryEq(5),
        Command::CreateCq(CqContext { record_address: 64, ..CqContext::default() }),
        Command::DestroyCq(6),
        Command::QueryCq(7),
        Command::ResizeCq(8, CqContext { consumer: 5, ..CqContext::default() }),
        Command::ModerateCq { cqn: 9, interval_us: 0xffff, count: 3 },
        Command::CreateSrq(SrqContext { log_stride: 4, ..SrqContext::default() }),
        Command::DestroySrq(10),
        Command::QuerySrq(11),
        Command::SetSrqLimit { srqn: 12, limit: 13 },
        Command::ResizeSrq(12, SrqContext { log_wqes: 9, ..SrqContext::default() }),
        Command::CreateQp(QpContext { qp_type: QpType::GSI, ..QpContext::default() }),
        Command::DestroyQp(14),
        Command::ModifyQp(15, attributes),
        Command::QueryQp(16),
    ]
}

fn slot_of(encoded: &Encoded) -> Slot {
    let Encoded { code, operand, operand_2, ref input } = *encoded;
    Slot { code, operand, operand_2, input_bytes: input.len() as u32, ..Slot::default() }
}

#[test]
fn every_command_survives_its_slot() {
    let commands = commands();
    for command in &commands {
        let encoded = command.encode();
        assert_eq!(Command::decode(&slot_of(&encoded), &encoded.input).as_ref(), Ok(command));
        if !encoded.input.is_empty() {
            let short = &encoded.input[..encoded.input.len() - 1];
            let error = Command::decode(&slot_of(&encoded), short).expect_err("a byte is missing");
            assert_eq!(error.status, CommandStatus::BAD_INPUT_LENGTH, "{command:?}");
        }
    }
    let mut codes: Vec<CommandCode> = commands.iter().map(|command| command.encode().code).collect();
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), CommandCode::NAMED.len(), "every code is tried");
}

#[test]
fn transitions_are_listed_once() {
    for (index, row) in qp::TRANSITIONS.iter().enumerate() {
        let twin = qp::TRANSITIONS[index + 1..].iter().find(|other| (other.from, other.to) == (row.from, row.to));
        assert_eq!(twin, None);
    }
}

proptest! {
    #[test]
    fn arbitrary_slots_are_a_command_or_an_error(slot: [u8; 32], code in 0..0x900_u16, input: Vec<u8>) {
        let mut bytes = [0; Slot::BYTES];
        bytes[..32].copy_from_slice(&slot);
        let slot = Slot { code: CommandCode(code), ..Slot::decode(&bytes) };
        if let Ok(command) = Command::decode(&slot, &input) {
            prop_assert_eq!(command.encode().code, slot.code);
        }
    }

    #[test]
    fn completions_and_events_survive_their_bytes(bytes: [u8; 64]) {
        let cqe = cqe::Cqe::decode(&bytes);
        prop_assert_eq!(cqe::Cqe::decode(&cqe.encode()), cqe);
        let eqe = eqe::Eqe::decode(&bytes);
        prop_assert_eq!(eqe::Eqe::decode(&eqe.encode()), eqe);
    }
}

#[test]
fn every_command_has_its_row_in_order() {
    let codes: Vec<u64> = table::COMMANDS.iter().map(|row| row.code.0.into()).collect();
    assert_eq!(codes, CommandCode::NAMED.iter().map(|named| named.value).collect::<Vec<_>>());
}
