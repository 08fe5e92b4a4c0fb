//! The handle that consumers start from.

use super::adapter::Adapter;
use super::memory::Buffer;
use super::port::Port;
use super::runtime::{RESOLVE, Runtime, WaitId, created, unexpected};
use crate::ndk::{Answer, Call, Callback, Completion, NdkVersion, Object, Out, Return, Status, Upcall, UpcallBody};
use des::{Dur, Time};
use host::HostMemory;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

/// A consumer's access to its node. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    port: Arc<dyn Port>,
    runtime: Runtime,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(port: Arc<dyn Port>, runtime: Runtime) -> Self {
        Self { port, runtime }
    }

    /// Opens the adapter, whatever minor version the provider answers with.
    ///
    /// # Errors
    /// BAD_VERSION, ADAPTER_NOT_READY, INSUFFICIENT_RESOURCES.
    pub async fn open_adapter(&self, version: NdkVersion) -> Result<Adapter, Status> {
        let returned = self.returned(self.call(Call::OpenAdapter { version })).await;
        Ok(Adapter::new(self.clone(), object(&returned)?))
    }

    /// The raw style: a provider function, called.
    pub fn call(&self, call: Call<'_>) -> Answer {
        self.port.call(call)
    }

    /// The raw style: a callback, to be named in calls. It may call everything, at the level that it runs at.
    pub fn register(&self, callback: impl Fn(&Upcall) + Send + Sync + 'static) -> Callback {
        self.runtime.register(callback)
    }

    /// Starts a task of this node.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    /// The moment at this node.
    #[must_use]
    pub fn now(&self) -> Time {
        self.port.now()
    }

    /// Waits.
    pub async fn sleep(&self, length: Dur) {
        let at = self.now() + length;
        self.runtime.sleep_until(Arc::clone(&self.port), at).await;
    }

    /// A zeroed, locked buffer of this node. Its pages go back when it is dropped.
    #[must_use]
    pub fn allocate(&self, length_bytes: u64) -> Buffer {
        Buffer::new(self.clone(), length_bytes)
    }

    /// Lends the node's memory.
    pub fn with_memory<T>(&self, access: impl FnOnce(&mut HostMemory) -> T) -> T {
        let mut access = Some(access);
        let mut outcome = None;
        self.port.with_memory(&mut |memory| {
            outcome = access.take().map(|access| access(memory));
        });
        outcome.expect("a port lends its memory exactly once")
    }

    /// Notes a failure of the consumer itself; the run then fails with it.
    pub fn fail(&self, what: impl Into<String>) {
        self.runtime.fail(what.into());
    }

    /// Runs a create function to its end.
    pub(super) async fn create<'a>(&self, call: impl FnOnce(Completion) -> Call<'a>) -> Result<Object, Status> {
        match self.complete(call).await? {
            Outcome::Inline(out) => match out {
                Out::Object(object) => Ok(object),
                _ => Err(Status::UNSUCCESSFUL),
            },
            Outcome::Later(body) => created(body),
        }
    }

    /// Runs an asynchronous request to its end.
    pub(super) async fn request<'a>(&self, call: impl FnOnce(Completion) -> Call<'a>) -> Result<Out, Status> {
        match self.complete(call).await? {
            Outcome::Inline(out) => Ok(out),
            Outcome::Later(UpcallBody::RequestCompletion { status, out }) => status.ok().map(|()| out),
            Outcome::Later(other) => unexpected(&other),
        }
    }

    /// Closes an object; done when nothing of it is left.
    pub(super) async fn close(&self, object: Object) {
        let closed = self.complete(|completion| Call::Close { object, completion }).await;
        if let Err(status) = closed {
            self.fail(format!("closing {object:?} returned {status}: a close cannot fail"));
        }
    }

    /// Waits for a call to return, if it blocks.
    pub(super) async fn returned(&self, answer: Answer) -> Return {
        match answer {
            Answer::Returned(returned) => returned,
            Answer::Blocks(blocked) => match self.take(WaitId::Return(blocked)).await {
                UpcallBody::CallReturns { returned, .. } => returned,
                other => Return::status(unexpected::<()>(&other).err().unwrap_or(Status::UNSUCCESSFUL)),
            },
        }
    }

    /// Opens a wait for events; its completion goes into the call that asks for them.
    pub(super) fn events(&self) -> (EventSource, Completion) {
        let wait = self.runtime.open_wait();
        (EventSource { runtime: self.runtime.clone(), wait: WaitId::Context(wait) }, resolve(wait))
    }

    async fn complete<'a>(&self, call: impl FnOnce(Completion) -> Call<'a>) -> Result<Outcome, Status> {
        let wait = self.runtime.open_wait();
        match self.call(call(resolve(wait))) {
            Answer::Returned(Return { status: Status::PENDING, .. }) => {
                Ok(Outcome::Later(self.take(WaitId::Context(wait)).await))
            }
            answer => {
                self.runtime.close_wait(WaitId::Context(wait));
                let returned = self.returned(answer).await;
                returned.status.ok().map(|()| Outcome::Inline(returned.out))
            }
        }
    }

    async fn take(&self, wait: WaitId) -> UpcallBody {
        let body = self.runtime.arrival(wait).await;
        self.runtime.close_wait(wait);
        body
    }
}

enum Outcome {
    Inline(Out),
    Later(UpcallBody),
}

fn resolve(wait: u64) -> Completion {
    Completion { callback: Some(RESOLVE), context: wait }
}

pub(super) fn object(returned: &Return) -> Result<Object, Status> {
    returned.status.ok()?;
    match returned.out {
        Out::Object(object) => Ok(object),
        _ => Err(Status::UNSUCCESSFUL),
    }
}

/// Where the events of one callback arrive. Given back when dropped.
#[derive(Debug)]
pub(super) struct EventSource {
    runtime: Runtime,
    wait: WaitId,
}

impl EventSource {
    /// Waits for the next event.
    pub(super) async fn next(&self) -> UpcallBody {
        self.runtime.arrival(self.wait).await
    }

    /// The next event, if one is there.
    pub(super) fn try_next(&self) -> Option<UpcallBody> {
        self.runtime.try_take(self.wait)
    }
}

impl Drop for EventSource {
    fn drop(&mut self) {
        self.runtime.close_wait(self.wait);
    }
}
