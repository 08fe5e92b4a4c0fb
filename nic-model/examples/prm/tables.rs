//! The tables of the manual, from those of the device.

use nic_model::config::default_limits;
use nic_model::regs::bar::{self, Access, Register};
use nic_model::regs::block::{Layout, Named};
use nic_model::regs::cmd::table::{COMMANDS, Mailbox};
use nic_model::regs::cmd::{
    self, CommandStatus, CqContext, EqContext, MkeyContext, QpAttributes, QpContext, QpMask, QpState, QpStatus,
    SourceAddress, SrqContext,
};
use nic_model::regs::counters::Counters;
use nic_model::regs::{cqe, doorbell, eqe, wqe};
use std::fmt::Write;

/// Text of a documentation comment: one line, links of rustdoc reduced to their words.
fn prose(about: &str) -> String {
    let mut out = String::new();
    let mut rest = about.trim();
    while let Some((before, link)) = rest.split_once("[`") {
        let (word, after) = link.split_once("`]").expect("a link is closed");
        let after = match after.strip_prefix('(') {
            Some(target) => target.split_once(')').expect("a target is closed").1,
            None => after,
        };
        let _ = write!(out, "{before}`{word}`");
        rest = after;
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn rows(head: &str, lines: impl Iterator<Item = String>) -> String {
    let columns = head.matches('|').count() - 1;
    let body: Vec<String> = lines.collect();
    format!("{head}\n|{}\n{}\n", "---|".repeat(columns), body.join("\n"))
}

const fn access(access: Access) -> &'static str {
    match access {
        Access::ReadOnly => "RO",
        Access::ReadWrite => "RW",
        Access::WriteOnly => "WO",
    }
}

pub(crate) fn registers(table: &str) -> String {
    let table: &[Register] = match table {
        "REGISTERS" => bar::REGISTERS,
        "PORT_REGISTERS" => bar::PORT_REGISTERS,
        "UAR_REGISTERS" => bar::UAR_REGISTERS,
        _ => panic!("no register table {table}"),
    };
    let line = |row: &Register| {
        format!("| 0x{:03x} | {} | {} | {} |", row.offset, row.name, access(row.access), prose(row.about))
    };
    rows("| offset | register | access | meaning |", table.iter().map(line))
}

pub(crate) fn limits() -> String {
    let usual = default_limits();
    let line = |row: &Register| {
        let value = usual.register(row.offset).unwrap_or_default();
        format!("| 0x{:03x} | {} | {value} | {} |", row.offset, row.name, prose(row.about))
    };
    rows("| offset | register | default device | most |", bar::LIMIT_REGISTERS.iter().map(line))
}

const LAYOUTS: &[Layout] = &[
    cmd::Slot::LAYOUT,
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

pub(crate) fn layout(name: &str) -> String {
    let layout = LAYOUTS.iter().find(|layout| layout.name == name).unwrap_or_else(|| panic!("no layout {name}"));
    let line = |field: &nic_model::regs::block::FieldAt| {
        format!("| 0x{:02x} | {} | `{}` | {} |", field.offset, field.bytes, field.name, prose(field.about))
    };
    let table = rows("| byte | bytes | field | meaning |", layout.fields.iter().map(line));
    format!("**{}**, {} bytes. {}\n\n{table}", layout.name, layout.bytes, prose(layout.about))
}

pub(crate) fn named(name: &str) -> String {
    let list: &[Named] = match name {
        "CommandStatus" => CommandStatus::NAMED,
        "Rights" => cmd::Rights::NAMED,
        "EqClasses" => cmd::EqClasses::NAMED,
        "KeyKind" => cmd::KeyKind::NAMED,
        "QpType" => cmd::QpType::NAMED,
        "QpState" => QpState::NAMED,
        "QpMask" => QpMask::NAMED,
        "Opcode" => wqe::Opcode::NAMED,
        "WqeFlags" => wqe::WqeFlags::NAMED,
        "CqeOpcode" => cqe::CqeOpcode::NAMED,
        "CqeFlags" => cqe::CqeFlags::NAMED,
        "Syndrome" => cqe::Syndrome::NAMED,
        "VendorSyndrome" => cqe::VendorSyndrome::NAMED,
        "EventType" => eqe::EventType::NAMED,
        "CqErrorCause" => eqe::CqErrorCause::NAMED,
        "Features" => bar::Features::NAMED,
        "Health" => bar::Health::NAMED,
        _ => panic!("no named values {name}"),
    };
    let line = |named: &Named| format!("| 0x{:02x} | {} | {} |", named.value, named.name, prose(named.about));
    rows("| value | name | meaning |", list.iter().map(line))
}

fn mailbox(mailbox: &Mailbox) -> String {
    match mailbox {
        Mailbox::None => "-".to_owned(),
        Mailbox::Block(layout) => format!("{}, {} bytes", layout.name, layout.bytes),
        Mailbox::Paged(layout) => format!("{}, {} bytes, and page list", layout.name, layout.bytes),
        Mailbox::Words(count, what) => format!("{count} words of 64 bits: {what}"),
    }
}

pub(crate) fn commands() -> String {
    let mut out = String::new();
    for row in COMMANDS {
        let named = cmd::CommandCode::NAMED.iter().find(|named| named.value == u64::from(row.code.0));
        let named = named.expect("every command is named");
        let _ = writeln!(out, "#### {} (0x{:03x})\n\n{}\n", named.name, named.value, prose(named.about));
        let failures: Vec<String> = row.failures.iter().map(|status| format!("{status:?}")).collect();
        let items = [
            ("operand", row.operand.to_owned()),
            ("second operand", row.operand_2.to_owned()),
            ("input", mailbox(&row.input)),
            ("output", mailbox(&row.output)),
            ("result", row.results[0].to_owned()),
            ("second result", row.results[1].to_owned()),
            ("may fail with", failures.join(", ")),
        ];
        for (name, text) in items.iter().filter(|(_, text)| !text.is_empty() && text != "-") {
            let _ = writeln!(out, "* {name}: {text}");
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn mask(mask: QpMask) -> String {
    let names: Vec<&str> = mask.iter_names().map(|(name, _)| name).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

pub(crate) fn transitions() -> String {
    let line = |row: &cmd::qp::Transition| {
        let [rc, uc, ud] = [row.required_rc, row.required_uc, row.required_ud].map(mask);
        format!("| {:?} | {:?} | {rc} | {uc} | {ud} | {} |", row.from, row.to, mask(row.optional))
    };
    let head = "| from | to | needed, RC | needed, UC | needed, UD and GSI | allowed besides |";
    rows(head, cmd::qp::TRANSITIONS.iter().map(line))
}

pub(crate) fn counters() -> String {
    let line = |(index, row): (usize, &nic_model::regs::counters::CounterAt)| {
        format!("| {index} | `{}` | {} |", row.name, prose(row.about))
    };
    rows("| word | counter | counts |", Counters::TABLE.iter().enumerate().map(line))
}

pub(crate) fn rnr_timers() -> String {
    let line = |row: u8| {
        let cells: Vec<String> = (0..4)
            .map(|column| format!("{} | {}", row + 8 * column, wire::codes::rnr_timer_us(row + 8 * column)))
            .collect();
        format!("| {} |", cells.join(" | "))
    };
    rows("| code | us | code | us | code | us | code | us |", (0..8).map(line))
}
