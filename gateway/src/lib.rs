//! The simulated cable's end in the real world: frames of a simulated NIC on a real Ethernet, with faults on demand.
//!
//! Reading order: [`ether`] (ways to carry Ethernet frames), [`port`] (the NIC's side of it: all of the below together),
//! `sort` (what a frame is), `neighbours` (who has which Ethernet address), `stack` (what a host answers besides RDMA:
//! ARP, neighbour discovery, ping), [`faults`] (which frames are lost, damaged, repeated or late), `record` (the capture).
//!
//! Invariants:
//! * no clock is read here: the caller says what the time is;
//! * faults hit RoCE packets alone, and each kind reports how often it did;
//! * whatever arrives, nothing panics.

pub mod ether;
pub mod faults;
mod neighbours;
pub mod port;
mod record;
mod sort;
mod stack;

pub use ether::Ether;
pub use faults::{FaultReport, Faults};
pub use port::{Identity, Port, PortCounters};
