//! The InfiniBand transport as values: sequence numbers, messages, acknowledgements, retries.
//!
//! Reading order: [`packet`] (what both ends say to each other), [`mtu`] (messages in packets), `sequence` (packet
//! numbers without wrapping), [`state`] (what a queue pair may do), [`requester`] (the sending end), [`responder`] (the
//! receiving end), [`ud`] (datagrams, which need neither).
//!
//! Invariants:
//! * nothing here touches memory, buses or the cable: steps are pulled by the NIC, packets and outcomes are pushed;
//! * time is only what the caller passes in, and only for [`Requester::deadline`];
//! * requests complete in the order they were pushed, each exactly once;
//! * no packet from the other side can cause a panic; the packet path does not allocate once its queues have grown.
//!
//! The rules are those of the IBTA architecture specification, volume 1, chapter 9 (transport layer); sections are named
//! where a rule is implemented.

pub mod mtu;
pub mod packet;
pub mod requester;
pub mod responder;
mod sequence;
pub mod state;
#[cfg(test)]
mod tests;
pub mod ud;

pub use mtu::Pmtu;
pub use packet::{AtomicOperation, Packet, Remote};
pub use requester::{Event, Middle, Requester, RequesterConfig, SendRequest, Status, Step, Suffix, Work};
pub use responder::{Reply, Responder, ResponderConfig, ResponderPort, Verdict};
pub use state::{QpEvent, QpState};
