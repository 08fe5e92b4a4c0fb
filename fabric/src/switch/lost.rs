//! Frames that a switch loses: counted, and kept for whoever asks what became of them.

use super::port::Held;
use super::{DropReason, Switch};
use crate::capture::{Cause, Lost};
use des::Time;

impl Switch {
    /// Counts a frame that is dropped before it leaves by `port`, and keeps it if somebody asks for it.
    #[cold]
    pub(super) fn lose(&mut self, now: Time, held: Held, port: u16, reason: DropReason) {
        let Held { frame, in_port, priority, .. } = held;
        self.ports[usize::from(in_port)].counters[usize::from(priority)].drops[reason] += 1;
        if let Some(dropped) = &mut self.dropped {
            dropped.push((port, Lost { at: now, cause: Cause::Switch(reason), frame: *frame }));
        }
    }

    /// Keeps frames that are lost from now on, here and on the lines of all ports, until they are taken.
    pub fn keep_lost(&mut self) {
        self.dropped.get_or_insert_default();
        self.ports.iter_mut().for_each(|port| port.link.keep_lost());
    }

    /// Takes the lost frames that were kept, each with the port by which it left or was to leave; one that no way was known
    /// for has the port by which it came in.
    pub fn take_lost(&mut self) -> Vec<(u16, Lost)> {
        let mut lost = self.dropped.as_mut().map(std::mem::take).unwrap_or_default();
        for (number, port) in (0..).zip(&mut self.ports) {
            lost.extend(port.link.take_lost().into_iter().map(|frame| (number, frame)));
        }
        lost
    }
}
