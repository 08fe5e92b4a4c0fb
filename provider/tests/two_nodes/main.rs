//! The driver over the device's model: two nodes, each a NIC with its driver, and a cable.

mod bus;
mod failures;
mod memory;
mod queues;
mod transfer;
mod world;
