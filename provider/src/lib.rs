//! An NDK provider: Microsoft's NDKPI create/completion semantics, written once, over any backend at verbs height.
//!
//! Reading order: [`ndk`] (the contract as data: calls, answers, upcalls), [`engine`] (its semantics), [`backend`] (the
//! seam below them), [`sim`] (the backend that drives the simulated NIC), [`check`] (who broke which rule), [`fault`]
//! (creations and requests that go otherwise than well), [`consumer`] (callbacks and tasks for whoever calls).
//!
//! Invariants:
//! * a provider is reached by [`ndk::NdkProvider::call`] alone and reaches its consumer by upcalls alone, so whatever sits
//!   between the two (checker, faults, recorder) is a wrapper with a handful of methods;
//! * a callback into the consumer is data with a token, and its return is an event: what must wait for a running callback
//!   is plain state;
//! * nothing here knows a fabric, and of the NIC model only its registers.

pub mod backend;
pub mod check;
pub mod consumer;
pub mod engine;
pub mod fault;
pub mod ndk;
pub mod sim;
