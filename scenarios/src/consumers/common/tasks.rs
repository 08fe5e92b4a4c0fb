//! Waiting for several things, without a thread.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// The end of a task, to be reported by it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done(Arc<Mutex<(bool, Option<Waker>)>>);

impl Done {
    pub(crate) fn finish(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

/// The end of a task, to be waited for.
#[derive(Debug)]
pub(crate) struct Ended(Done);

impl Future for Ended {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 {
            return Poll::Ready(());
        }
        state.1 = Some(context.waker().clone());
        Poll::Pending
    }
}

/// A task's end, seen from both sides.
pub(crate) fn completion() -> (Done, Ended) {
    let done = Done::default();
    (done.clone(), Ended(done))
}

/// What a task leaves for another.
#[derive(Debug)]
pub(crate) struct Slot<T>(Arc<Mutex<Option<T>>>);

impl<T> Slot<T> {
    pub(crate) fn set(&self, value: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }

    pub(crate) fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A slot, for who fills it and who empties it.
pub(crate) fn value<T>() -> (Slot<T>, Slot<T>) {
    let slot = Arc::default();
    (Slot(Arc::clone(&slot)), Slot(slot))
}

/// Waits for all of them.
pub(crate) async fn all(tasks: impl IntoIterator<Item = Ended>) {
    for task in tasks {
        task.await;
    }
}

/// Which of two came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Either<A, B> {
    First(A),
    Second(B),
}

/// Waits for one of two; if both are there, the first wins.
pub(crate) async fn race<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> Either<A, B> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    std::future::poll_fn(move |context| {
        if let Poll::Ready(out) = first.as_mut().poll(context) {
            return Poll::Ready(Either::First(out));
        }
        second.as_mut().poll(context).map(Either::Second)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn an_end_is_seen_once_it_is_reported() {
        let (done, mut ended) = completion();
        assert_eq!(poll(&mut ended), Poll::Pending);
        done.finish();
        assert_eq!(poll(&mut ended), Poll::Ready(()));
    }

    #[test]
    fn the_first_of_a_race_wins_a_tie() {
        let never = || std::future::pending::<u8>();
        assert_eq!(poll(&mut Box::pin(race(async { 1 }, async { 2 }))), Poll::Ready(Either::First(1)));
        assert_eq!(poll(&mut Box::pin(race(never(), async { 2 }))), Poll::Ready(Either::Second(2)));
        assert_eq!(poll(&mut Box::pin(race(never(), never()))), Poll::Pending);
    }
}
