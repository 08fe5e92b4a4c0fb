//! Broken consumers: each breaks one rule of the consumer's side, on a healthy provider, and the checker must name it.
//!
//! Reading order: this module (rows and the polite peer), then a file for each kind of mistake: [`lifetime`], [`limits`],
//! [`memory`], [`posting`], [`concurrency`], [`connecting`]; [`field`] (what went wrong in the field), [`random`] (consumers
//! that make no mistake).
//!
//! A callback of the wrong shape (a close completion with two parameters was one in the field) has no row: it does not
//! compile.
//!
//! ```compile_fail
//! fn close_completion(context: u64, status: provider::ndk::Status) {}
//! fn register(session: &provider::consumer::Session) {
//!     session.register(close_completion);
//! }
//! ```

mod concurrency;
mod connecting;
pub mod field;
mod lifetime;
mod limits;
mod memory;
mod posting;
pub mod random;

use crate::entry::Entry;
use crate::suite::local::Sizes;
use crate::suite::{Pair, Probe, Trouble};
use provider::ndk::Call;
use std::future::Future;

/// A broken consumer.
#[derive(Clone, Copy, Debug)]
pub struct BrokenConsumer {
    /// What it is called, and the rule that it breaks.
    pub entry: Entry,
    /// Starts it, on node 0 or on both.
    pub start: fn(&Pair),
}

/// Every broken consumer, in the order of the files.
pub fn broken() -> impl Iterator<Item = &'static BrokenConsumer> {
    [lifetime::TABLE, limits::TABLE, memory::TABLE, posting::TABLE, concurrency::TABLE, connecting::TABLE]
        .into_iter()
        .flatten()
}

const fn row(name: &'static str, rule: u8, what: &'static str, start: fn(&Pair)) -> BrokenConsumer {
    BrokenConsumer { entry: Entry::consumer(name, rule, what), start }
}

/// What goes wrong on purpose: its outcome is the checker's to report.
type Outcome = Result<(), Trouble>;

/// Receives that the polite server posts.
const RECEIVES: u64 = 8;
/// Bytes of each.
const RECEIVE_BYTES: u32 = 64;

/// Starts a consumer against a server that makes no mistakes.
fn against_server<F>(pair: &Pair, consumer: impl FnOnce(Probe) -> F)
where
    F: Future<Output = Outcome> + Send + 'static,
{
    pair.on(1, serve);
    pair.on(0, consumer);
}

async fn serve(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    for index in 0..RECEIVES {
        let sgl = [local.sge(index * u64::from(RECEIVE_BYTES), RECEIVE_BYTES)];
        probe.ok(Call::Receive { qp: local.qp, context: index, sgl: &sgl })?;
    }
    let link = probe.serve_on(&local).await?;
    probe.leave_after_peer(local, link).await
}
