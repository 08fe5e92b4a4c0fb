//! A bench without a NIC or a network: two devices that do at once, and in order, what they are told.
//!
//! It runs the suite in milliseconds, and is the example of a [`Lab`](crate::Lab). Reading order: [`medium`] (both devices
//! and both memories, borrowed by whoever runs), [`work`] (work requests), [`connect`] (connections), [`half`] (one device
//! as a [`Backend`](provider::backend::Backend)), [`world`] (providers and consumers in simulated time).
//!
//! Invariants:
//! * all state of the devices is in `Medium`; whatever takes time is an action in its agenda;
//! * requests of one queue execute one after the other, in posting order.

mod connect;
mod half;
mod medium;
mod work;
mod world;

pub use half::{Half, bare_capabilities, capabilities};
pub use medium::Medium;
pub use world::{BareLab, IdealBench, IdealLab, engine_config};
