//! What the tests share: a backend that does what it is told, and a consumer that calls and collects.

mod backend;
mod rig;

pub(super) use backend::{MAPPED, Script};
pub(super) use rig::{Rig, adapter_address, done, peer_address};
