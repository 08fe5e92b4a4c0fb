//! What the threads report, in the order in which they saw it.

use super::objects::Made;
use crate::sys::{AsyncEvent, CmEvent};
use provider::backend::CommandId;
use provider::ndk::Status;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// A report.
#[derive(Debug)]
pub(super) enum News {
    /// The worker has run a command.
    Done {
        command: CommandId,
        made: Result<Made, Status>,
    },
    /// A completion queue has something.
    CqEvent(u32),
    Async(AsyncEvent),
    Cm(CmEvent),
}

/// Reports that nobody has taken yet.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    waiting: Mutex<VecDeque<News>>,
    arrived: Condvar,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, VecDeque<News>> {
        // A queue is whole whoever panicked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, news: News) {
        self.lock().push_back(news);
        self.arrived.notify_all();
    }

    pub(super) fn take(&self) -> VecDeque<News> {
        std::mem::take(&mut *self.lock())
    }

    /// Waits until there is something; returns whether there is.
    pub(super) fn wait(&self, most: Option<Duration>) -> bool {
        let (guard, empty) = (self.lock(), |waiting: &mut VecDeque<News>| waiting.is_empty());
        let guard = match most {
            None => self.arrived.wait_while(guard, empty).unwrap_or_else(PoisonError::into_inner),
            Some(most) => self.arrived.wait_timeout_while(guard, most, empty).unwrap_or_else(PoisonError::into_inner).0,
        };
        !guard.is_empty()
    }
}

/// Tells, to another thread too, when a device has something to report.
#[derive(Clone, Debug)]
pub struct Signal(Weak<Inbox>);

impl Signal {
    pub(super) fn new(inbox: &Arc<Inbox>) -> Self {
        Self(Arc::downgrade(inbox))
    }

    /// Waits until the device has something to report, at most so long; returns whether it has. A backend that is gone
    /// never has.
    #[must_use]
    pub fn wait(&self, most: Duration) -> bool {
        self.0.upgrade().is_some_and(|inbox| inbox.wait(Some(most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_tells_of_news_and_outlives_its_backend() {
        let inbox = Arc::new(Inbox::default());
        let signal = Signal::new(&inbox);
        assert!(!signal.wait(Duration::ZERO));
        let sender = Arc::clone(&inbox);
        let thread = std::thread::spawn(move || sender.put(News::CqEvent(7)));
        assert!(signal.wait(Duration::from_secs(60)), "another thread reports");
        thread.join().expect("the thread ends");
        assert!(matches!(inbox.take().pop_front(), Some(News::CqEvent(7))));
        assert!(!signal.wait(Duration::ZERO), "it has been taken");
        drop(inbox);
        assert!(!signal.wait(Duration::ZERO));
    }
}
