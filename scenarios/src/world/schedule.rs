//! What happens next, and why: the event queue, which tells a recorder who caused what.

use super::Event;
use crate::record::Recorder;
use des::{EventQueue, Key, Time};

/// The events to come.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    queue: EventQueue<Event>,
    /// Absent in a run that is not recorded.
    pub(super) recorder: Option<Box<Recorder>>,
}

impl Schedule {
    pub(super) fn push(&mut self, key: Key, event: Event) {
        if let Some(recorder) = &mut self.recorder {
            recorder.scheduled(key);
        }
        self.queue.push(key, event);
    }

    pub(super) fn pop_before(&mut self, limit: Time) -> Option<(Key, Event)> {
        self.queue.pop_before(limit)
    }

    /// All that is to come, in no order.
    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.queue.iter().map(|(_, event)| event)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}
