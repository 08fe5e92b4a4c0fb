//! Two ends of a cable in one process, for tests.

use super::Ether;
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

type Queue = Arc<Mutex<VecDeque<Bytes>>>;

/// One end.
#[derive(Debug)]
pub struct End {
    inbox: Queue,
    outbox: Queue,
}

/// A cable: what one end sends, the other receives.
#[must_use]
pub fn cable() -> (End, End) {
    let (one, other) = (Queue::default(), Queue::default());
    (End { inbox: Arc::clone(&one), outbox: Arc::clone(&other) }, End { inbox: other, outbox: one })
}

impl Ether for End {
    fn send(&mut self, frame: &[u8]) -> io::Result<bool> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner).push_back(Bytes::copy_from_slice(frame));
        Ok(true)
    }

    fn receive(&mut self) -> io::Result<Option<Bytes>> {
        Ok(self.inbox.lock().unwrap_or_else(PoisonError::into_inner).pop_front())
    }

    /// Does not wait: in a test, nothing happens while it does.
    fn wait(&mut self, _longest: Duration) -> io::Result<()> {
        Ok(())
    }
}
