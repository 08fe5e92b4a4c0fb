//! What the sessions have come to, shared between them and the loop.

use super::report::SessionReport;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct Pages {
    sessions: Vec<SessionReport>,
    lines: Vec<String>,
    served: u64,
    called: usize,
}

/// Sessions that are over, and lines to be said.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    pages: Arc<Mutex<Pages>>,
    /// Sessions of others after which all is over.
    sessions: Option<u64>,
    /// Own sessions.
    calls: usize,
}

impl Ledger {
    pub(super) fn new(sessions: Option<u64>, calls: usize) -> Self {
        Self { pages: Arc::default(), sessions, calls }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something to the user.
    pub(super) fn say(&self, line: String) {
        self.pages().lines.push(line);
    }

    /// A session is over.
    pub(super) fn end(&self, session: SessionReport) {
        let mut pages = self.pages();
        pages.lines.push(session.to_string());
        if session.called {
            pages.called += 1;
        } else {
            pages.served += 1;
        }
        pages.sessions.push(session);
    }

    pub(super) fn take_lines(&self) -> Vec<String> {
        std::mem::take(&mut self.pages().lines)
    }

    /// Whether all that was to be done is done.
    pub(super) fn is_finished(&self) -> bool {
        let pages = self.pages();
        let served = self.sessions.map_or(self.calls > 0, |wanted| pages.served >= wanted);
        served && pages.called >= self.calls
    }

    pub(super) fn sessions(&self) -> Vec<SessionReport> {
        self.pages().sessions.clone()
    }
}
