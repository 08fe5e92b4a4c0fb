//! Unreliable datagrams: every packet is a message, and nothing is remembered (IBTA volume 1, 9.8.3).

use super::mtu::Pmtu;
use super::packet::Packet;
use wire::{Ext, Opcode, Qpn};

/// A datagram that may be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Queue pair of the sender.
    pub source_qp: Qpn,
    /// Immediate data.
    pub immediate: Option<u32>,
    /// Message bytes; the 40 bytes of the global route header come before them in the receive.
    pub length_bytes: u32,
}

/// Why a datagram is dropped. Nobody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DropReason {
    /// Not a datagram.
    #[error("{0:?} is no datagram")]
    Opcode(Opcode),
    /// The sender does not know the queue key.
    #[error("queue key {0:#x} is not that of the queue pair")]
    QueueKey(u32),
    /// Longer than a packet may be.
    #[error("{length_bytes} bytes exceed the limit of {limit_bytes}")]
    Length {
        /// Bytes it carries.
        length_bytes: u32,
        /// Bytes allowed.
        limit_bytes: u32,
    },
}

/// Whether a queue pair with this queue key receives `packet`.
///
/// # Errors
/// [`DropReason`] says why not.
pub fn accept(packet: &Packet, qkey: u32, pmtu: Pmtu) -> Result<Datagram, DropReason> {
    let (deth, immediate) = match (packet.opcode, packet.ext) {
        (Opcode::UD_SEND_ONLY, Ext::Deth(deth)) => (deth, None),
        (Opcode::UD_SEND_ONLY_IMMEDIATE, Ext::DethImmediate(deth, data)) => (deth, Some(data)),
        (opcode, _) => return Err(DropReason::Opcode(opcode)),
    };
    let (length_bytes, limit_bytes) = (packet.payload_bytes, pmtu.bytes());
    if deth.qkey != qkey {
        return Err(DropReason::QueueKey(deth.qkey));
    }
    if length_bytes > limit_bytes {
        return Err(DropReason::Length { length_bytes, limit_bytes });
    }
    Ok(Datagram { source_qp: deth.source_qp, immediate, length_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Deth, Psn};

    #[test]
    fn only_datagrams_with_the_right_key_and_length() {
        let deth = Deth { qkey: 7, reserved: 0, source_qp: Qpn::new(9) };
        let packet = Packet {
            psn: Psn::new(0),
            opcode: Opcode::UD_SEND_ONLY_IMMEDIATE,
            ack_request: false,
            solicited: false,
            ext: Ext::DethImmediate(deth, 5),
            payload_bytes: 256,
        };
        let expected = Datagram { source_qp: Qpn::new(9), immediate: Some(5), length_bytes: 256 };
        assert_eq!(accept(&packet, 7, Pmtu::B256), Ok(expected));
        assert_eq!(accept(&packet, 8, Pmtu::B256), Err(DropReason::QueueKey(7)));
        let long = Packet { payload_bytes: 257, ..packet };
        assert_eq!(accept(&long, 7, Pmtu::B256), Err(DropReason::Length { length_bytes: 257, limit_bytes: 256 }));
        let other = Packet { ext: Ext::None, ..packet };
        assert_eq!(accept(&other, 7, Pmtu::B256), Err(DropReason::Opcode(packet.opcode)));
    }
}
