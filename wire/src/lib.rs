//! What is on the cable.
//!
//! Reading order: [`psn`], [`opcode`], [`headers`] (the InfiniBand transport headers as values), [`packet`] (a RoCEv2
//! packet and a frame as they travel through the simulation), [`codec`] (a packet in bytes and back; below it `layout`,
//! `ip`, `transport`), [`icrc`], [`frame`] (what fabric and NIC look at), [`spares`], [`error`]; then on their own: [`codes`] (numbers
//! that stand for times and credits), [`pause`] (flow control frames), [`cm`] (connection management), [`pcapng`] and
//! [`capture`] (captures written and read), [`telemetry`] (what switches say, beside the bytes).
//!
//! Invariants:
//! * parsing never panics, whatever the input, and a refusal names the field and its place;
//! * a frame encodes to exactly the bytes it was parsed from: what a packet as a value cannot hold stays bytes;
//! * nothing here knows time, NICs or switches.

pub mod capture;
pub mod cm;
pub mod codec;
pub mod codes;
mod cursor;
pub mod error;
pub mod frame;
pub mod headers;
pub mod icrc;
mod ip;
mod layout;
pub mod opcode;
pub mod packet;
pub mod pause;
pub mod pcapng;
pub mod psn;
pub mod spares;
pub mod telemetry;
mod transport;

pub use error::ParseError;
pub use frame::{CABLE_OVERHEAD_BYTES, FRAME_LEN_MIN, FlowFields, cable_len};
pub use headers::{Aeth, AtomicEth, Bth, Deth, Ext, NakCode, Reth};
pub use opcode::{Opcode, Operation, Position, Transport};
pub use packet::{Body, Ecn, Frame, Ip, Mac, Payload, RocePacket};
pub use pause::{Pause, PauseFrame};
pub use psn::{Psn, Qpn};
pub use spares::Spares;
pub use telemetry::Telemetry;
