//! The manual: chapters of prose with places for tables, filled from the tables that the device works by.
//!
//! A line `{{name}}` or `{{name argument}}` is a table; `{{=NAME}}` within a line is a number.

use crate::{bytes, tables};
use nic_model::regs::{bar, cmd, wqe};

const CHAPTERS: &[&str] = &[
    include_str!("chapters/overview.md"),
    include_str!("chapters/registers.md"),
    include_str!("chapters/bring_up.md"),
    include_str!("chapters/commands.md"),
    include_str!("chapters/events.md"),
    include_str!("chapters/memory.md"),
    include_str!("chapters/completions.md"),
    include_str!("chapters/queue_pairs.md"),
    include_str!("chapters/sends.md"),
    include_str!("chapters/receives.md"),
    include_str!("chapters/errors.md"),
    include_str!("chapters/health.md"),
    include_str!("chapters/example.md"),
];

/// The whole manual.
pub(crate) fn manual() -> String {
    let mut out = String::new();
    for line in CHAPTERS.iter().flat_map(|chapter| chapter.lines().chain([""])) {
        match line.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).filter(|rest| !rest.starts_with('=')) {
            Some(directive) => out.push_str(table(directive).trim_end()),
            None => out.push_str(&with_numbers(line)),
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn table(directive: &str) -> String {
    let (name, argument) = directive.split_once(' ').unwrap_or((directive, ""));
    match name {
        "registers" => tables::registers(argument),
        "limits" => tables::limits(),
        "layout" => tables::layout(argument),
        "named" => tables::named(argument),
        "commands" => tables::commands(),
        "transitions" => tables::transitions(),
        "counters" => tables::counters(),
        "rnr" => tables::rnr_timers(),
        "bytes" => bytes::example(argument),
        _ => panic!("a chapter asks for {name}, which nobody makes"),
    }
}

/// Replaces `{{=NAME}}` by the number.
fn with_numbers(line: &str) -> String {
    let mut parts = line.split("{{=");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").expect("a number's place is closed");
        out.push_str(&number(name));
        out.push_str(rest);
    }
    out
}

fn number(name: &str) -> String {
    let hex = |value: u64| format!("0x{value:x}");
    match name {
        "PORT_BASE" => hex(bar::PORT_BASE),
        "PORT_STRIDE" => hex(bar::PORT_STRIDE),
        "MSIX_TABLE" => hex(bar::MSIX_TABLE),
        "MSIX_VECTORS_MAX" => bar::MSIX_VECTORS_MAX.to_string(),
        "UAR_BASE" => hex(bar::UAR_BASE),
        "UAR_STRIDE" => hex(bar::UAR_STRIDE),
        "BAR_BYTES" => hex(bar::BAR_BYTES),
        "UAR_BLUEFLAME" => hex(bar::UAR_BLUEFLAME),
        "BLUEFLAME_BUFFER_BYTES" => bar::BLUEFLAME_BUFFER_BYTES.to_string(),
        "COMMAND_SLOTS" => bar::COMMAND_SLOTS.to_string(),
        "SIGNATURE_VALUE" => hex(bar::SIGNATURE_VALUE),
        "VERSION_VALUE" => hex(bar::VERSION_VALUE),
        "SLOT_BYTES" => cmd::SLOT_BYTES.to_string(),
        "REPLY_AT" => hex(cmd::REPLY_AT as u64),
        "OPERAND" => hex(cmd::OPERAND.into()),
        "BLOCK_BYTES" => wqe::BLOCK_BYTES.to_string(),
        "UNIT_BYTES" => wqe::UNIT_BYTES.to_string(),
        "UNITS_MAX" => wqe::UNITS_MAX.to_string(),
        "WQE_BYTES_MAX" => (wqe::UNITS_MAX * wqe::UNIT_BYTES).to_string(),
        "INLINE" => hex(wqe::INLINE.into()),
        "END_KEY" => hex(wqe::END_KEY.into()),
        "RESERVED_KEY" => hex(nic_model::config::RESERVED_KEY.into()),
        "HOP_LIMIT" => nic_model::config::DEFAULT_HOP_LIMIT.to_string(),
        _ => panic!("a chapter names {name}, which is no number"),
    }
}
