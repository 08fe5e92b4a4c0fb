//! A consumer that takes nothing for granted: raw calls, with every upcall kept until somebody asks for it.

use super::trouble::Trouble;
use des::{Dur, Time};
use provider::consumer::{Adapter, Buffer, Session};
use provider::ndk::{Answer, Call, Callback, Completion, NdkVersion, Object, Out, Return, Status, Upcall, UpcallBody};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

type Hook = Box<dyn FnOnce(&Upcall) + Send>;

#[derive(Default)]
struct Inbox {
    arrived: BTreeMap<u64, VecDeque<Upcall>>,
    wakers: BTreeMap<u64, Waker>,
    hooks: BTreeMap<u64, Hook>,
    last_context: u64,
}

/// One node, as a case sees it. Cheap to clone.
#[derive(Clone)]
pub struct Probe {
    session: Session,
    inbox: Arc<Mutex<Inbox>>,
    callback: Callback,
    own: IpAddr,
    peer: IpAddr,
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("own", &self.own).finish_non_exhaustive()
    }
}

/// How a create, a request or a close ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Its last status.
    pub status: Status,
    /// What it wrote or brought.
    pub out: Out,
    /// Whether the call returned PENDING.
    pub pended: bool,
}

fn lock(inbox: &Mutex<Inbox>) -> MutexGuard<'_, Inbox> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner)
}

fn receive(inbox: &Mutex<Inbox>, upcall: &Upcall) {
    let mut state = lock(inbox);
    let hook = state.hooks.remove(&upcall.context);
    state.arrived.entry(upcall.context).or_default().push_back(upcall.clone());
    let waker = state.wakers.remove(&upcall.context);
    drop(state);
    if let Some(hook) = hook {
        hook(upcall);
    }
    waker.into_iter().for_each(Waker::wake);
}

impl Probe {
    pub(super) fn new(session: Session, own: IpAddr, peer: IpAddr) -> Self {
        let inbox: Arc<Mutex<Inbox>> = Arc::default();
        let seen = Arc::clone(&inbox);
        let callback = session.register(move |upcall| receive(&seen, upcall));
        Self { session, inbox, callback, own, peer }
    }

    /// A port of the node's own adapter.
    #[must_use]
    pub fn own(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.own, port)
    }

    /// A port of the other node's adapter.
    #[must_use]
    pub fn peer(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.peer, port)
    }

    /// The moment.
    #[must_use]
    pub fn now(&self) -> Time {
        self.session.now()
    }

    /// Waits.
    pub async fn sleep(&self, length: Dur) {
        self.session.sleep(length).await;
    }

    /// A locked buffer.
    #[must_use]
    pub fn allocate(&self, length_bytes: u64) -> Buffer {
        self.session.allocate(length_bytes)
    }

    /// Opens the adapter.
    ///
    /// # Errors
    /// The status.
    pub async fn open(&self, version: NdkVersion) -> Result<Adapter, Status> {
        self.session.open_adapter(version).await
    }

    /// A callback with a context that no other has.
    #[must_use]
    pub fn completion(&self) -> Completion {
        let mut inbox = lock(&self.inbox);
        inbox.last_context += 1;
        Completion { callback: Some(self.callback), context: inbox.last_context }
    }

    /// Runs `hook` inside the next upcall with this context.
    pub fn inside_next(&self, context: u64, hook: impl FnOnce(&Upcall) + Send + 'static) {
        lock(&self.inbox).hooks.insert(context, Box::new(hook));
    }

    /// A raw call.
    pub fn call(&self, call: Call<'_>) -> Answer {
        self.session.call(call)
    }

    /// A call that returns at once.
    pub fn returned(&self, call: Call<'_>) -> Return {
        match self.call(call) {
            Answer::Returned(returned) => returned,
            Answer::Blocks(_) => Return::status(Status::UNSUCCESSFUL),
        }
    }

    /// The status of a call that returns at once.
    pub fn status(&self, call: Call<'_>) -> Status {
        self.returned(call).status
    }

    /// The next upcall with this context.
    pub async fn upcall(&self, context: u64) -> Upcall {
        let inbox = Arc::clone(&self.inbox);
        std::future::poll_fn(move |task| {
            let mut state = lock(&inbox);
            if let Some(upcall) = state.arrived.get_mut(&context).and_then(VecDeque::pop_front) {
                return Poll::Ready(upcall);
            }
            state.wakers.insert(context, task.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// How many upcalls with this context nobody has taken.
    #[must_use]
    pub fn waiting(&self, context: u64) -> usize {
        lock(&self.inbox).arrived.get(&context).map_or(0, VecDeque::len)
    }

    /// Runs a create, a request or a close to its end, whatever its style.
    pub async fn settle<'a>(&self, call: impl FnOnce(Completion) -> Call<'a>) -> Ended {
        let completion = self.completion();
        let Return { status, out } = self.returned(call(completion));
        if status != Status::PENDING {
            return Ended { status, out, pended: false };
        }
        let (status, out) = match self.upcall(completion.context).await.body {
            UpcallBody::CreateCompletion { status, object } => (status, object.map_or(Out::Untouched, Out::Object)),
            UpcallBody::RequestCompletion { status, out } => (status, out),
            UpcallBody::CloseCompletion => (Status::SUCCESS, Out::Untouched),
            _ => (Status::UNSUCCESSFUL, Out::Untouched),
        };
        Ended { status, out, pended: true }
    }

    /// Creates an object.
    ///
    /// # Errors
    /// The status, or that there was no object.
    pub async fn create<'a>(
        &self,
        what: &'static str,
        call: impl FnOnce(Completion) -> Call<'a>,
    ) -> Result<Object, Trouble> {
        match self.settle(call).await {
            Ended { status: Status::SUCCESS, out: Out::Object(object), .. } => Ok(object),
            Ended { status: Status::SUCCESS, .. } => {
                Err(Trouble::Breach { rule: None, text: format!("{what} succeeded without an object") })
            }
            Ended { status, .. } => Err(Trouble::Status { what, status }),
        }
    }

    /// Runs an asynchronous request that must succeed.
    ///
    /// # Errors
    /// The status.
    pub async fn request<'a>(
        &self,
        what: &'static str,
        call: impl FnOnce(Completion) -> Call<'a>,
    ) -> Result<Out, Trouble> {
        match self.settle(call).await {
            Ended { status: Status::SUCCESS, out, .. } => Ok(out),
            Ended { status, .. } => Err(Trouble::Status { what, status }),
        }
    }

    /// A call that returns at once and must succeed.
    ///
    /// # Errors
    /// The status.
    pub fn ok(&self, call: Call<'_>) -> Result<Out, Trouble> {
        let what = call.kind().name();
        match self.returned(call) {
            Return { status: Status::SUCCESS, out } => Ok(out),
            Return { status, .. } => Err(Trouble::Status { what, status }),
        }
    }

    /// Closes an object and waits for the end of it.
    ///
    /// # Errors
    /// A close cannot fail; this one did.
    pub async fn close(&self, object: Object) -> Result<(), Trouble> {
        self.request("NdkCloseObject", |completion| Call::Close { object, completion }).await.map(drop)
    }

    /// Closes objects one after the other.
    ///
    /// # Errors
    /// As [`close`](Self::close).
    pub async fn close_all(&self, objects: &[Object]) -> Result<(), Trouble> {
        for &object in objects {
            self.close(object).await?;
        }
        Ok(())
    }

    /// Calls close and does not wait: the context of its completion if it pends.
    ///
    /// # Errors
    /// A close cannot fail; this one did.
    pub fn begin_close(&self, object: Object) -> Result<Option<u64>, Trouble> {
        let completion = self.completion();
        match self.status(Call::Close { object, completion }) {
            Status::SUCCESS => Ok(None),
            Status::PENDING => Ok(Some(completion.context)),
            status => Err(Trouble::Status { what: "NdkCloseObject", status }),
        }
    }

    /// Waits for a close that was begun.
    pub async fn finish_close(&self, begun: Option<u64>) {
        if let Some(context) = begun {
            self.upcall(context).await;
        }
    }
}
