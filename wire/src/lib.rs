//! What is on the cable.
//!
//! Reading order: [`psn`], [`opcode`], [`headers`] (the InfiniBand transport headers as values), [`packet`] (a RoCEv2
//! packet and a frame as they travel through the simulation).
//!
//! Invariants:
//! * parsing never panics and never loses a byte, whatever the input;
//! * a parsed packet encodes to the bytes it came from;
//! * nothing here knows time, NICs or switches.

pub mod headers;
pub mod opcode;
pub mod packet;
pub mod psn;

pub use headers::{Aeth, AtomicEth, Bth, Deth, Ext, Reth};
pub use opcode::{Opcode, Operation, Position, Transport};
pub use packet::{Body, Ecn, Frame, Ip, Mac, Payload, RocePacket};
pub use psn::{Psn, Qpn};
