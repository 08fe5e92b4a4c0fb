//! A request's packets: which opcode, which headers, which bytes.

use super::request::{Entry, RequesterConfig, Suffix, Work};
use crate::transport::mtu;
use crate::transport::packet::AtomicOperation;
use wire::{AtomicEth, Ext, Opcode, Operation, Position, Reth};

/// One packet of a request, without its sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) opcode: Opcode,
    pub(super) ext: Ext,
    pub(super) offset_bytes: u32,
    pub(super) payload_bytes: u32,
    /// Sequence numbers it takes: more than one only for a READ.
    pub(super) span: u32,
    /// The message's last packet.
    pub(super) ends_message: bool,
}

/// The packet of `entry` whose first sequence number is its `index`-th. A READ asked from the middle asks for the rest.
pub(super) fn piece(config: &RequesterConfig, entry: &Entry, index: u32) -> Piece {
    let request = &entry.request;
    let offset_bytes = config.pmtu.offset(index);
    let plain = mtu::position(index, entry.span);
    let single = |operation, ext, span| (operation, Position::Only, ext, 0, span);
    let payload_bytes = || config.pmtu.payload(request.length_bytes, offset_bytes);
    let (operation, position, ext, payload_bytes, span) = match request.work {
        Work::Send(suffix) => {
            let (position, ext) = match suffix {
                Suffix::Immediate(data) if plain.is_last() => (with_immediate(plain), Ext::Immediate(data)),
                Suffix::Invalidate(key) if plain.is_last() => (with_invalidate(plain), Ext::Invalidate(key)),
                _ => (plain, Ext::None),
            };
            (Operation::Send, position, ext, payload_bytes(), 1)
        }
        Work::Write { remote, immediate } => {
            let reth = Reth { virtual_address: remote.address, rkey: remote.rkey, length_bytes: request.length_bytes };
            let (position, ext) = match (immediate, plain) {
                (Some(data), Position::Only) => (Position::OnlyImmediate, Ext::RethImmediate(reth, data)),
                (Some(data), Position::Last) => (Position::LastImmediate, Ext::Immediate(data)),
                (_, Position::Only | Position::First) => (plain, Ext::Reth(reth)),
                _ => (plain, Ext::None),
            };
            (Operation::Write, position, ext, payload_bytes(), 1)
        }
        Work::Read { remote } => {
            let reth = Reth {
                virtual_address: remote.offset(offset_bytes).address,
                rkey: remote.rkey,
                length_bytes: request.length_bytes - offset_bytes,
            };
            single(Operation::ReadRequest, Ext::Reth(reth), entry.span - index)
        }
        Work::Atomic { remote, operation } => {
            let (kind, swap_or_add, compare) = match operation {
                AtomicOperation::CompareSwap { compare, swap } => (Operation::CompareSwap, swap, compare),
                AtomicOperation::FetchAdd { add } => (Operation::FetchAdd, add, 0),
            };
            let header = AtomicEth { virtual_address: remote.address, rkey: remote.rkey, swap_or_add, compare };
            single(kind, Ext::Atomic(header), 1)
        }
        Work::Local => unreachable!("local work has no packets"),
    };
    let opcode = Opcode::new(config.transport, operation, position).expect("refused when it was pushed");
    Piece { opcode, ext, offset_bytes, payload_bytes, span, ends_message: index + span == entry.span }
}

const fn with_immediate(position: Position) -> Position {
    match position {
        Position::Only => Position::OnlyImmediate,
        _ => Position::LastImmediate,
    }
}

const fn with_invalidate(position: Position) -> Position {
    match position {
        Position::Only => Position::OnlyInvalidate,
        _ => Position::LastInvalidate,
    }
}
