//! The one trait that everything between consumer and provider goes through.

use super::answer::Answer;
use super::call::Call;
use super::upcall::{Upcall, UpcallToken};
use des::Time;

/// Interrupt request level. Only the two that NDK speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Irql {
    /// May wait and page.
    Passive,
    /// May not wait.
    Dispatch,
}

/// Where a call is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// The moment.
    pub now: Time,
    /// The calling processor.
    pub processor: u8,
    /// The level that the caller runs at.
    pub level: Irql,
    /// The upcall that the caller runs in, if it does.
    pub inside: Option<UpcallToken>,
    /// A plan of faults wants the answer from the function itself, as far as the device can be waited for. No consumer asks.
    pub inline: bool,
}

/// An NDK provider, or a layer over one.
///
/// The order of use: after every `call`, `interrupt`, `wake` and `upcall_returned`, take upcalls until there are none.
/// Upcalls with `after: None` run inside the call, before its answer goes to the consumer; a call made from such a
/// callback is made on the same provider, nested.
pub trait NdkProvider {
    /// What the provider borrows for one step: the device and memory of its node. `()` where it needs nothing.
    type Host: ?Sized;

    /// The consumer calls a provider function.
    fn call(&mut self, host: &mut Self::Host, site: &CallSite, call: Call<'_>) -> Answer;

    /// The device raised an interrupt.
    fn interrupt(&mut self, host: &mut Self::Host, now: Time, vector: u16);

    /// The moment of [`next_deadline`](Self::next_deadline) has come.
    fn wake(&mut self, host: &mut Self::Host, now: Time);

    /// When the provider wants to be woken.
    fn next_deadline(&self) -> Option<Time>;

    /// The next callback that the consumer is to run.
    fn next_upcall(&mut self) -> Option<Upcall>;

    /// A callback has returned.
    fn upcall_returned(&mut self, host: &mut Self::Host, now: Time, token: UpcallToken);
}
