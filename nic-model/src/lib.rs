//! The RDMA NIC as a value: what goes in, what comes out, and nothing else.

pub mod port;
pub mod regs;
pub mod transport;

/// Placeholder until the device is assembled.
#[derive(Clone, Debug)]
pub struct Nic;
