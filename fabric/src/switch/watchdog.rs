//! The PFC watchdog: a port that its peer keeps silent for too long stops obeying for a while, so that a pause storm or a
//! deadlock does not stand for ever. Detection, restoration and the two actions are those of SONiC's `pfcwd`.

use crate::PRIORITIES;
use des::{Dur, Time};

/// Settings of the watchdog of every port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watchdog {
    /// A queue that has been silent for so long is in a storm.
    pub detect: Dur,
    /// For how long pauses are then ignored.
    pub restore: Dur,
    /// What becomes of the queue's frames meanwhile.
    pub action: WatchdogAction,
}

/// What becomes of frames for a queue in a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchdogAction {
    /// They are dropped, those that wait and those that come.
    Drop,
    /// They leave as if the peer had not paused.
    Forward,
}

/// What the watchdog of one port has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watch {
    /// Since when each priority is silent, or waits; later pauses do not move it.
    since: [Time; PRIORITIES],
    /// Until when pauses are ignored.
    ignored_until: [Time; PRIORITIES],
}

impl Watch {
    /// A silence of `priorities` begins.
    pub(crate) fn begin(&mut self, now: Time, priorities: u8) {
        for (priority, since) in self.since.iter_mut().enumerate() {
            if priorities >> priority & 1 != 0 {
                *since = now;
            }
        }
    }

    /// Of the silent priorities with frames, those that have been so for too long, one bit each; their pauses are ignored
    /// from now on.
    pub(crate) fn storms(&mut self, now: Time, watchdog: Watchdog, silent: u8) -> u8 {
        let mut storms = 0;
        for priority in (0..PRIORITIES).filter(|priority| silent >> priority & 1 != 0) {
            if now.since(self.since[priority]) >= watchdog.detect {
                storms |= 1 << priority;
                self.ignored_until[priority] = now + watchdog.restore;
            }
        }
        storms
    }

    /// Priorities whose pauses are ignored.
    pub(crate) fn ignored(&self, now: Time) -> u8 {
        let ignored = (0..PRIORITIES).filter(|&priority| self.ignored_until[priority] > now);
        ignored.fold(0, |mask, priority| mask | 1 << priority)
    }

    /// When the first of the silent priorities will be in a storm.
    pub(crate) fn next_storm(&self, watchdog: Watchdog, silent: u8) -> Option<Time> {
        let watched = (0..PRIORITIES).filter(|priority| silent >> priority & 1 != 0);
        watched.map(|priority| self.since[priority] + watchdog.detect).min()
    }
}
