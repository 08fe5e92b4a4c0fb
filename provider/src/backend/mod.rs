//! The seam below the semantics: what a device with its driver can do, at verbs height.
//!
//! A backend knows nothing of NDK's objects, arms, deferral or close order. It posts, rings, polls, arms, runs commands and
//! reports events; the simulated NIC's driver and real verbs devices both fit.
//!
//! Reading order: [`Capabilities`], [`Command`] and what it yields, [`SendRequest`] and [`WorkCompletion`], [`Event`], [`Backend`].

mod capabilities;
mod command;
mod event;
mod request;

pub use capabilities::Capabilities;
pub use command::{
    Command, CommandOutput, CommandResult, ConnectionLimits, Established, Execution, Resource, Submitted,
};
pub use event::Event;
pub use request::{SendOperation, SendRequest, WorkCompletion};

use crate::ndk::{Sge, Status};
use des::Time;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);)*
    };
}

ids! {
    /// A protection domain.
    PdId;
    /// A completion queue.
    CqId;
    /// A shared receive queue.
    SrqId;
    /// A queue pair.
    QpId;
    /// A memory region, registered or ready for fast registration.
    MrId;
    /// A memory window.
    MwId;
    /// A listening endpoint.
    ListenerId;
    /// A connection, from its request on, on either side.
    ConnectionId;
    /// A command that has been submitted.
    CommandId;
}

/// A device with its driver.
pub trait Backend {
    /// What the driver borrows for one step.
    type Host: ?Sized;

    /// What the device can do.
    fn capabilities(&self) -> &Capabilities;

    /// Runs or queues a command. A result that could not even be queued comes as `Done(Err(..))`.
    fn submit(&mut self, host: &mut Self::Host, how: Execution, command: Command<'_>) -> Submitted;

    /// Gives up on a queued command (connect, accept, disconnect, listen): it ends soon, with CANCELLED unless it was faster.
    fn cancel(&mut self, host: &mut Self::Host, command: CommandId);

    /// Puts a request on a send queue, without telling the device.
    ///
    /// # Errors
    /// NO_MORE_ENTRIES when the ring is full, INVALID_PARAMETER for a QP that does not exist. Nothing is queued then.
    fn post_send(&mut self, host: &mut Self::Host, qp: QpId, request: &SendRequest<'_>) -> Result<(), Status>;

    /// Tells the device of all that was posted on a send queue.
    fn ring(&mut self, host: &mut Self::Host, qp: QpId);

    /// Posts a receive and tells the device.
    ///
    /// # Errors
    /// As [`post_send`](Self::post_send).
    fn post_receive(&mut self, host: &mut Self::Host, qp: QpId, id: u64, sgl: &[Sge]) -> Result<(), Status>;

    /// Posts a receive on a shared queue and tells the device.
    ///
    /// # Errors
    /// As [`post_send`](Self::post_send).
    fn post_srq_receive(&mut self, host: &mut Self::Host, srq: SrqId, id: u64, sgl: &[Sge]) -> Result<(), Status>;

    /// Copies bytes of the consumer's memory: the processor's share of an inline request. No key guards the `address`.
    ///
    /// # Errors
    /// ACCESS_VIOLATION where the consumer has no memory; NOT_SUPPORTED by a backend that cannot tell.
    fn read_local(&mut self, _host: &mut Self::Host, _address: u64, _into: &mut [u8]) -> Result<(), Status> {
        Err(Status::NOT_SUPPORTED)
    }

    /// Makes pages of the consumer reachable for the device; gives the addresses by which the device reaches them.
    fn map(&mut self, _host: &mut Self::Host, pages: &[u64]) -> Vec<u64> {
        pages.to_vec()
    }

    /// Takes back what [`map`](Self::map) gave.
    fn unmap(&mut self, _host: &mut Self::Host, _addresses: &[u64]) {}

    /// Takes the next completion of a queue.
    fn poll(&mut self, host: &mut Self::Host, cq: CqId) -> Option<WorkCompletion>;

    /// Asks for one [`Event::CqReady`] at the next entry, or at once if entries came since the last poll.
    fn arm(&mut self, host: &mut Self::Host, cq: CqId, solicited_only: bool);

    /// The device raised an interrupt: read its event queues.
    fn interrupt(&mut self, host: &mut Self::Host, now: Time, vector: u16);

    /// The next event.
    fn next_event(&mut self) -> Option<Event>;

    /// When the driver wants to be woken (connection management timers).
    fn next_deadline(&self) -> Option<Time>;

    /// That moment has come.
    fn wake(&mut self, host: &mut Self::Host, now: Time);

    /// Starts a device again that has failed ([`Event::DeviceError`]) and of which nobody uses an object any more.
    ///
    /// # Errors
    /// DEVICE_REMOVED: it does not answer, or cannot be started again.
    fn restart(&mut self, _host: &mut Self::Host) -> Result<(), Status> {
        Err(Status::DEVICE_REMOVED)
    }
}
