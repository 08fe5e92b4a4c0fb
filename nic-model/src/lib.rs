//! The RDMA NIC as a value: what goes in, what comes out, and nothing else.
//!
//! Reading order: [`port`] (what the device hears and says), [`regs`] (what a driver knows: registers, rings, commands),
//! [`transport`] (packets, acknowledgements, retries), [`congestion`] (rates and windows), then the device itself: [`nic`]
//! (its parts), `mmio` (register accesses), `uar` (doorbells), `cmd` (the firmware), `mem` (protection and translation), `qp`
//! (queue pairs), `tx` (sending), `rx`
//! (receiving), `receive` (receive queues), `atomic`, `cq` and `eq` (completions, events, interrupts) over `interface` (the
//! face to the host), `ethernet` (ports), `alarm`, `table`, [`fault`] (defects on purpose). Time: [`profile`] (numbers with their origin), [`config`],
//! `timing`, [`pcie`] and `dma` (the bus), `caches`, `units` (stages, lines, windows, arbiters, engines).
//!
//! ```
//! use des::Time;
//! use nic_model::port::{Input, Outbox, Output};
//! use nic_model::regs::bar;
//! use nic_model::{Config, Nic};
//!
//! let mut nic = Nic::new(Config::generic(1));
//! let mut out = Outbox::new();
//! nic.handle(Time::ZERO, Input::MmioRead { offset: bar::SIGNATURE }, &mut out);
//! let Some((stall, Output::MmioReadDone { value })) = out.pop() else { panic!("a read is answered") };
//! assert_eq!(value, bar::SIGNATURE_VALUE);
//! assert!(stall.as_ns() > 0, "a register read takes time");
//! ```
//!
//! Not modelled yet: reordering inside of the bus.
//!
//! Invariants:
//! * [`Nic::handle`] and [`Nic::next_wakeup`] are all there is: no clock, thread, queue of events or socket inside;
//! * what happens never depends on how long it takes;
//! * nothing that a driver, a host or a peer can write makes the device panic;
//! * writes to the host leave in the order in which they take effect, an entry always after the data it is about.

pub mod config;
pub mod congestion;
pub mod fault;
pub mod nic;
pub mod pcie;
pub mod port;
pub mod profile;
pub mod regs;
pub mod transport;

mod alarm;
mod atomic;
mod caches;
mod cmd;
mod cq;
mod dma;
mod eq;
mod ethernet;
mod interface;
mod mem;
mod mmio;
mod qp;
mod receive;
mod rx;
mod table;
mod timing;
mod tx;
mod uar;
mod units;

pub use config::Config;
pub use nic::Nic;
