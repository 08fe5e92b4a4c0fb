//! How a consumer is written: in `async` style, or against the raw callbacks, both on the same calls.
//!
//! Reading order: [`port`] (what a consumer needs of its node), [`runtime`] (tasks, timers, callbacks, on no thread),
//! [`session`] (the handle that both styles start from), then the objects in `async` style: [`adapter`], [`memory`],
//! [`cq`], [`qp`], [`connection`].
//!
//! The raw style is [`Session::register`] for callbacks and [`Session::call`] for calls; nothing is hidden from it.
//!
//! Invariants:
//! * no lock is held while consumer code runs, so every function may be called from inside every callback;
//! * tasks run in the order in which they became ready, one at a time: a run depends on events alone.

pub mod adapter;
pub mod connection;
pub mod cq;
pub mod memory;
pub mod port;
pub mod qp;
pub mod runtime;
pub mod session;
#[cfg(test)]
mod tests;

pub use adapter::{Adapter, Pd, QpParams};
pub use connection::{Connector, Listener, SharedEndpoint};
pub use cq::Cq;
pub use memory::{Buffer, Mr};
pub use port::Port;
pub use qp::Qp;
pub use runtime::Runtime;
pub use session::Session;
