//! Tasks, timers and callbacks of one node's consumers: an executor without threads or a clock.

use super::port::Port;
use super::session::Session;
use crate::ndk::{BlockedCall, Callback, Object, Status, Upcall, UpcallBody};
use des::Time;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// The callback that resolves a future: its context names the wait.
pub(super) const RESOLVE: Callback = Callback(1);
/// Consumers' own callbacks are numbered from here.
const FIRST_REGISTERED: u64 = 16;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
type RawCallback = Arc<dyn Fn(&Upcall) + Send + Sync>;

/// Locks a mutex; after a panic elsewhere the data is still taken, so that the first panic is the one reported.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names a place where a future waits and upcalls arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WaitId {
    /// The context of a [`RESOLVE`] callback.
    Context(u64),
    /// The return of a call that blocked.
    Return(BlockedCall),
}

#[derive(Debug, Default)]
struct Wait {
    arrived: VecDeque<UpcallBody>,
    waker: Option<Waker>,
}

#[derive(Default)]
struct State {
    callbacks: BTreeMap<u64, RawCallback>,
    waits: BTreeMap<WaitId, Wait>,
    next_id: u64,
    tasks: BTreeMap<u64, Option<Task>>,
    failures: Vec<String>,
    timers: BTreeMap<(Time, u64), Waker>,
}

/// The consumers of one node: their tasks, what they wait for, and their callbacks.
#[derive(Clone, Default)]
pub struct Runtime {
    state: Arc<Mutex<State>>,
    ready: Arc<Mutex<VecDeque<u64>>>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("tasks", &self.unfinished()).finish_non_exhaustive()
    }
}

struct TaskWaker {
    task: u64,
    ready: Arc<Mutex<VecDeque<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut ready = lock(&self.ready);
        if !ready.contains(&self.task) {
            ready.push_back(self.task);
        }
    }
}

impl Runtime {
    /// A runtime without tasks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The handle that consumers on `port` start from.
    #[must_use]
    pub fn session(&self, port: Arc<dyn Port>) -> Session {
        Session::new(port, self.clone())
    }

    /// Starts a task; it runs at the next [`run_ready`](Self::run_ready).
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut state = lock(&self.state);
        let id = state.new_id();
        state.tasks.insert(id, Some(Box::pin(task)));
        lock(&self.ready).push_back(id);
    }

    /// How many tasks have not ended.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        lock(&self.state).tasks.len()
    }

    /// Ends every task where it stands and forgets every callback. Tasks keep their node alive, and the node keeps them: who is
    /// done with a node whose tasks have not ended must say so.
    pub fn abandon(&self) {
        let mut state = lock(&self.state);
        let State { tasks, callbacks, timers, .. } = &mut *state;
        let gone = (std::mem::take(tasks), std::mem::take(callbacks), std::mem::take(timers));
        // Tasks give things back when they are dropped.
        drop(state);
        drop(gone);
    }

    /// Whether a task could run now.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !lock(&self.ready).is_empty()
    }

    /// Runs ready tasks, in the order in which they became ready, until all wait.
    pub fn run_ready(&self) {
        loop {
            let Some(id) = lock(&self.ready).pop_front() else { return };
            let Some(mut task) = lock(&self.state).tasks.get_mut(&id).and_then(Option::take) else { continue };
            let waker = Waker::from(Arc::new(TaskWaker { task: id, ready: Arc::clone(&self.ready) }));
            let ended = task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
            if ended {
                lock(&self.state).tasks.remove(&id);
            } else if let Some(slot) = lock(&self.state).tasks.get_mut(&id) {
                *slot = Some(task);
            }
        }
    }

    /// Wakes tasks whose timers have run out.
    pub fn run_timers(&self, now: Time) {
        loop {
            let mut state = lock(&self.state);
            match state.timers.first_key_value() {
                Some((&(at, _), _)) if at <= now => {
                    let waker = state.timers.pop_first().map(|(_, waker)| waker);
                    drop(state);
                    waker.into_iter().for_each(Waker::wake);
                }
                _ => return,
            }
        }
    }

    /// When the next sleeping task is to be woken.
    #[must_use]
    pub fn next_timer(&self) -> Option<Time> {
        lock(&self.state).timers.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Runs the consumer's callback of an upcall. Call with no lock held; tasks that it wakes are ready afterwards.
    pub fn deliver(&self, upcall: &Upcall) {
        if let UpcallBody::CallReturns { call, .. } = upcall.body {
            let mut state = lock(&self.state);
            // The caller may not have come to wait yet.
            state.waits.entry(WaitId::Return(call)).or_default();
            drop(state);
            self.arrive(WaitId::Return(call), upcall.body.clone());
        } else if upcall.callback == RESOLVE {
            self.arrive(WaitId::Context(upcall.context), upcall.body.clone());
        } else {
            let callback = lock(&self.state).callbacks.get(&upcall.callback.0).cloned();
            match callback {
                Some(callback) => callback(upcall),
                None => lock(&self.state)
                    .failures
                    .push(format!("the provider called {:?}, which no consumer registered", upcall.callback)),
            }
        }
    }

    /// What went wrong in the runtime itself, for the report.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        lock(&self.state).failures.clone()
    }

    pub(super) fn register(&self, callback: impl Fn(&Upcall) + Send + Sync + 'static) -> Callback {
        let mut state = lock(&self.state);
        let id = FIRST_REGISTERED + state.new_id();
        state.callbacks.insert(id, Arc::new(callback));
        Callback(id)
    }

    pub(super) fn fail(&self, what: String) {
        lock(&self.state).failures.push(what);
    }

    /// Opens a wait and returns the context that leads to it.
    pub(super) fn open_wait(&self) -> u64 {
        let mut state = lock(&self.state);
        let context = state.new_id();
        state.waits.insert(WaitId::Context(context), Wait::default());
        context
    }

    pub(super) fn close_wait(&self, id: WaitId) {
        lock(&self.state).waits.remove(&id);
    }

    /// Takes what arrived first, without waiting.
    pub(super) fn try_take(&self, id: WaitId) -> Option<UpcallBody> {
        lock(&self.state).waits.get_mut(&id)?.arrived.pop_front()
    }

    /// Waits for the next arrival.
    pub(super) fn arrival(&self, id: WaitId) -> impl Future<Output = UpcallBody> + Send + use<> {
        let runtime = self.clone();
        std::future::poll_fn(move |context| {
            let mut state = lock(&runtime.state);
            let wait = state.waits.entry(id).or_default();
            match wait.arrived.pop_front() {
                Some(body) => Poll::Ready(body),
                None => {
                    wait.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
    }

    /// Waits until `at`.
    pub(super) fn sleep_until(&self, port: Arc<dyn Port>, at: Time) -> impl Future<Output = ()> + Send + use<> {
        let runtime = self.clone();
        std::future::poll_fn(move |context| {
            if port.now() >= at {
                return Poll::Ready(());
            }
            let mut state = lock(&runtime.state);
            let id = state.new_id();
            state.timers.insert((at, id), context.waker().clone());
            drop(state);
            port.wake_at(at);
            Poll::Pending
        })
    }

    fn arrive(&self, id: WaitId, body: UpcallBody) {
        let mut state = lock(&self.state);
        let Some(wait) = state.waits.get_mut(&id) else {
            state.failures.push(format!("an upcall came for {id:?}, where nobody waits: {body:?}"));
            return;
        };
        wait.arrived.push_back(body);
        let waker = wait.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl State {
    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

/// The object and status of a create completion.
pub(super) fn created(body: UpcallBody) -> Result<Object, Status> {
    match body {
        UpcallBody::CreateCompletion { status, object } => {
            status.ok().and_then(|()| object.ok_or(Status::UNSUCCESSFUL))
        }
        other => unexpected(&other),
    }
}

/// The error for a completion of the wrong kind: the provider's fault, for the checker to name.
pub(super) fn unexpected<T>(_body: &UpcallBody) -> Result<T, Status> {
    Err(Status::UNSUCCESSFUL)
}
