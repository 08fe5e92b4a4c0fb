//! BTH operation codes as transport, operation and position in the message.

use std::fmt;

/// The eight bits of BTH. Any value is representable: what comes from the cable is data.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Opcode(pub u8);

/// The transport service in the upper three bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Reliable connection, 0x00.
    Rc,
    /// Unreliable connection, 0x20.
    Uc,
    /// Unreliable datagram, 0x60.
    Ud,
}

/// What a packet is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// SEND.
    Send,
    /// RDMA WRITE.
    Write,
    /// Request of an RDMA READ (always one packet).
    ReadRequest,
    /// Data of an RDMA READ.
    ReadResponse,
    /// Acknowledgement, positive or negative.
    Acknowledge,
    /// Answer of an atomic.
    AtomicAcknowledge,
    /// Compare and swap.
    CompareSwap,
    /// Fetch and add.
    FetchAdd,
}

/// Where in its message a packet stands, and what the last one carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// First of several.
    First,
    /// Neither first nor last.
    Middle,
    /// Last of several.
    Last,
    /// Last of several, with immediate data.
    LastImmediate,
    /// Last of several, with a key to invalidate.
    LastInvalidate,
    /// The only one.
    Only,
    /// The only one, with immediate data.
    OnlyImmediate,
    /// The only one, with a key to invalidate.
    OnlyInvalidate,
}

impl Position {
    /// Whether a message begins here.
    #[must_use]
    pub const fn is_first(self) -> bool {
        matches!(self, Self::First | Self::Only | Self::OnlyImmediate | Self::OnlyInvalidate)
    }

    /// Whether a message ends here.
    #[must_use]
    pub const fn is_last(self) -> bool {
        !matches!(self, Self::First | Self::Middle)
    }
}

/// Operation and position of the five low bits (IBTA volume 1, table of OpCodes; `ib_pack.h` has the same numbers).
const MEANING: [Option<(Operation, Position)>; 0x18] = {
    use Operation::{Acknowledge, AtomicAcknowledge, CompareSwap, FetchAdd, ReadRequest, ReadResponse, Send, Write};
    use Position::{First, Last, LastImmediate, LastInvalidate, Middle, Only, OnlyImmediate, OnlyInvalidate};
    [
        Some((Send, First)),
        Some((Send, Middle)),
        Some((Send, Last)),
        Some((Send, LastImmediate)),
        Some((Send, Only)),
        Some((Send, OnlyImmediate)),
        Some((Write, First)),
        Some((Write, Middle)),
        Some((Write, Last)),
        Some((Write, LastImmediate)),
        Some((Write, Only)),
        Some((Write, OnlyImmediate)),
        Some((ReadRequest, Only)),
        Some((ReadResponse, First)),
        Some((ReadResponse, Middle)),
        Some((ReadResponse, Last)),
        Some((ReadResponse, Only)),
        Some((Acknowledge, Only)),
        Some((AtomicAcknowledge, Only)),
        Some((CompareSwap, Only)),
        Some((FetchAdd, Only)),
        None,
        Some((Send, LastInvalidate)),
        Some((Send, OnlyInvalidate)),
    ]
};

/// What every code means: packets are asked for it at each turn.
const DECODED: [Option<(Transport, Operation, Position)>; 256] = {
    let mut decoded = [None; 256];
    let mut code = 0;
    while code < decoded.len() {
        let (low, transport) = (code & 0x1f, transport_of(code));
        if let (true, Some(transport)) = (low < MEANING.len(), transport)
            && let Some((operation, position)) = MEANING[low]
        {
            let exists = match transport {
                Transport::Rc => true,
                Transport::Uc => low <= 0x0b,
                Transport::Ud => matches!(low, 0x04 | 0x05),
            };
            if exists {
                decoded[code] = Some((transport, operation, position));
            }
        }
        code += 1;
    }
    decoded
};

/// [`DECODED`] the other way around.
const ENCODED: [[[Option<Opcode>; 8]; 8]; 3] = {
    let mut encoded = [[[None; 8]; 8]; 3];
    let mut code = 0;
    while code < DECODED.len() {
        if let Some((transport, operation, position)) = DECODED[code] {
            encoded[transport as usize][operation as usize][position as usize] = Some(Opcode(code as u8));
        }
        code += 1;
    }
    encoded
};

const fn transport_of(code: usize) -> Option<Transport> {
    match code >> 5 {
        0 => Some(Transport::Rc),
        1 => Some(Transport::Uc),
        3 => Some(Transport::Ud),
        _ => None,
    }
}

impl Opcode {
    /// RC acknowledgement.
    pub const RC_ACKNOWLEDGE: Self = Self(0x11);
    /// RC answer of an atomic.
    pub const RC_ATOMIC_ACKNOWLEDGE: Self = Self(0x12);
    /// UD SEND.
    pub const UD_SEND_ONLY: Self = Self(0x64);
    /// UD SEND with immediate.
    pub const UD_SEND_ONLY_IMMEDIATE: Self = Self(0x65);
    /// Congestion notification packet (IBTA annex A17).
    pub const CNP: Self = Self(0x81);

    /// The code of an operation, if the transport has it.
    #[must_use]
    #[inline]
    pub const fn new(transport: Transport, operation: Operation, position: Position) -> Option<Self> {
        ENCODED[transport as usize][operation as usize][position as usize]
    }

    /// What the code means; `None` for a code that no supported transport has.
    #[must_use]
    #[inline]
    pub const fn decode(self) -> Option<(Transport, Operation, Position)> {
        DECODED[self.0 as usize]
    }

    /// Whether a message ends with such a packet; so it does with a code that means nothing.
    #[must_use]
    #[inline]
    pub const fn ends_message(self) -> bool {
        match self.decode() {
            Some((_, _, position)) => position.is_last(),
            None => true,
        }
    }

    /// Whether a message begins with such a packet; so it does with a code that means nothing.
    #[must_use]
    #[inline]
    pub const fn begins_message(self) -> bool {
        match self.decode() {
            Some((_, _, position)) => position.is_first(),
            None => true,
        }
    }
}

impl fmt::Debug for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.decode() {
            Some((transport, operation, position)) => write!(f, "{transport:?} {operation:?} {position:?}"),
            None if *self == Self::CNP => f.write_str("CNP"),
            None => write!(f, "opcode {:#04x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_decoding() {
        let mut known = 0;
        for code in 0..=255 {
            if let Some((transport, operation, position)) = Opcode(code).decode() {
                assert_eq!(Opcode::new(transport, operation, position), Some(Opcode(code)));
                known += 1;
            }
        }
        assert_eq!(known, 23 + 12 + 2, "RC, UC and UD codes");
    }

    #[test]
    fn transports_lack_what_they_lack() {
        assert_eq!(Opcode::new(Transport::Uc, Operation::ReadRequest, Position::Only), None);
        assert_eq!(Opcode::new(Transport::Ud, Operation::Send, Position::First), None);
        assert_eq!(Opcode::new(Transport::Rc, Operation::ReadRequest, Position::Only), Some(Opcode(0x0c)));
    }
}
