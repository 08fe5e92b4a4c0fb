//! The backend for real NICs: libibverbs and librdmacm, opened at run time.
//!
//! Reading order: [`error`] (why there is no device), [`memory`] (buffers that consumers and devices share), [`backend`]
//! (the provider's seam over a device), [`node`] (this machine as a host), `status` (what error codes mean to a consumer), `sys` (the libraries, and all that
//! is unsafe).
//!
//! Invariants:
//! * without libraries or devices everything compiles, and opening says what is missing;
//! * a call of the provider never waits for the peer; threads wait for the device and for it, and are joined;
//! * every event is acknowledged as soon as it is taken, so that nothing waits for its end;
//! * `unsafe` is in `sys` alone.

pub mod backend;
pub mod error;
pub mod memory;
pub mod node;

mod status;
mod sys;

pub use backend::{Moved, Options, Signal, Traffic, VerbsBackend, devices};
pub use error::VerbsError;
pub use memory::PinnedMemory;
pub use node::RealBus;
