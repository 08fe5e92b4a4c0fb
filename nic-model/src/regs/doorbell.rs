//! Doorbells, the doorbell records in host memory, and the owner bit.

use super::block::block;
use wire::Qpn;

const MASK_24: u64 = 0x00ff_ffff;

/// There are new WQEs in a send queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqDoorbell {
    /// Whose queue.
    pub qpn: Qpn,
    /// Free-running count of 64-byte blocks that the driver has filled.
    pub producer: u32,
}

impl SqDoorbell {
    /// Queue pair in bits 55:32, producer index in bits 31:0.
    #[must_use]
    pub const fn to_value(self) -> u64 {
        (self.qpn.value() as u64) << 32 | self.producer as u64
    }

    /// Undoes [`to_value`](Self::to_value).
    #[must_use]
    pub const fn from_value(value: u64) -> Self {
        Self { qpn: Qpn::new((value >> 32) as u32), producer: value as u32 }
    }
}

/// Asks the device to look at the record of a receive queue: only needed in ERROR, see `UAR_RQ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveDoorbell {
    /// Whose queue.
    pub qpn: Qpn,
}

impl ReceiveDoorbell {
    /// Queue pair in bits 55:32.
    #[must_use]
    pub const fn to_value(self) -> u64 {
        (self.qpn.value() as u64) << 32
    }

    /// Undoes [`to_value`](Self::to_value).
    #[must_use]
    pub const fn from_value(value: u64) -> Self {
        Self { qpn: Qpn::new((value >> 32) as u32) }
    }
}

/// Asks for one event of a completion queue.
///
/// The sequence number counts the events of this queue that the driver has seen, modulo 4. The device ignores an arm with
/// another number than its own: that event is on its way, and the arm was made before the driver knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CqDoorbell {
    /// Which queue, 24 bits.
    pub cqn: u32,
    /// Events seen, modulo 4.
    pub sequence: u8,
    /// Only for solicited entries and errors.
    pub solicited_only: bool,
    /// Free-running count of entries that the driver has taken: if there are later ones, the event comes at once.
    pub consumer: u32,
}

impl CqDoorbell {
    /// Sequence in bits 63:62, solicited only in bit 61, queue in bits 55:32, consumer index in bits 31:0.
    #[must_use]
    pub const fn to_value(self) -> u64 {
        (self.sequence as u64 & 3) << 62
            | (self.solicited_only as u64) << 61
            | (self.cqn as u64 & MASK_24) << 32
            | self.consumer as u64
    }

    /// Undoes [`to_value`](Self::to_value).
    #[must_use]
    pub const fn from_value(value: u64) -> Self {
        Self {
            cqn: (value >> 32 & MASK_24) as u32,
            sequence: (value >> 62) as u8,
            solicited_only: value >> 61 & 1 != 0,
            consumer: value as u32,
        }
    }
}

/// Says how far the driver has read an event queue, and perhaps asks for an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EqDoorbell {
    /// Which queue, 24 bits.
    pub eqn: u32,
    /// Raise the vector at the next entry, or at once if there is one already.
    pub arm: bool,
    /// Free-running count of entries that the driver has taken.
    pub consumer: u32,
}

impl EqDoorbell {
    /// Arm in bit 63, queue in bits 55:32, consumer index in bits 31:0.
    #[must_use]
    pub const fn to_value(self) -> u64 {
        (self.arm as u64) << 63 | (self.eqn as u64 & MASK_24) << 32 | self.consumer as u64
    }

    /// Undoes [`to_value`](Self::to_value).
    #[must_use]
    pub const fn from_value(value: u64) -> Self {
        Self { eqn: (value >> 32 & MASK_24) as u32, arm: value >> 63 != 0, consumer: value as u32 }
    }
}

block! {
    /// Doorbell record of a receive queue or shared receive queue, in host memory. The device reads it together with the
    /// next WQEs when it runs out of those it knows; a doorbell (`UAR_RQ`) is needed only to flush.
    pub struct ReceiveRecord[8] {
        /// Free-running count of WQEs that the driver has filled.
        0x00 producer: u32,
    }
}

block! {
    /// Doorbell record of a completion queue, in host memory. The device reads it when the queue seems full.
    pub struct CqRecord[8] {
        /// Free-running count of entries that the driver has taken.
        0x00 consumer: u32,
    }
}

/// The owner bit of entry `index` (free-running) in a ring of 2^`log_entries`: 1 in the first pass, then 0, and so on, so
/// that a zeroed ring holds no entry.
#[must_use]
pub const fn owner_bit(index: u32, log_entries: u8) -> u8 {
    match index.checked_shr(log_entries as u32) {
        Some(pass) => 1 ^ (pass as u8 & 1),
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn doorbells_survive_their_registers(number in 0..1_u32 << 24, index: u32, sequence in 0..4_u8, flag: bool) {
            let sq = SqDoorbell { qpn: Qpn::new(number), producer: index };
            prop_assert_eq!(SqDoorbell::from_value(sq.to_value()), sq);
            let receive = ReceiveDoorbell { qpn: Qpn::new(number) };
            prop_assert_eq!(ReceiveDoorbell::from_value(receive.to_value()), receive);
            let cq = CqDoorbell { cqn: number, sequence, solicited_only: flag, consumer: index };
            prop_assert_eq!(CqDoorbell::from_value(cq.to_value()), cq);
            let eq = EqDoorbell { eqn: number, arm: flag, consumer: index };
            prop_assert_eq!(EqDoorbell::from_value(eq.to_value()), eq);
        }
    }

    #[test]
    fn the_owner_bit_turns_with_every_pass() {
        let bits: Vec<u8> = (0..10).map(|index| owner_bit(index, 2)).collect();
        assert_eq!(bits, [1, 1, 1, 1, 0, 0, 0, 0, 1, 1]);
    }
}
