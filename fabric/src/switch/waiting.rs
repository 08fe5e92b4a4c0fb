//! What waits in a switch, and for whom: for its history, and for whoever looks for switches that have stopped for ever.

use super::Switch;
use super::port::Port;
use des::Time;

impl Switch {
    /// The longest queue of all ports and priorities, in bytes.
    pub(super) fn longest_queue(&self) -> u64 {
        if self.buffered_bytes() == 0 {
            return 0;
        }
        let waiting = self.ports.iter().filter(|port| port.backlog != 0);
        waiting.flat_map(|port| &port.queues).map(|queue| queue.bytes).max().unwrap_or(0)
    }

    /// Priorities with frames that wait because the peer of `port` keeps them silent at `now`, one bit each; none if a
    /// watchdog will end that.
    #[must_use]
    pub fn waiting(&self, port: u16, now: Time) -> u8 {
        let port = &self.ports[usize::from(port)];
        if self.config.watchdog.is_some() { 0 } else { port.backlog & port.silence.mask(now) }
    }

    /// Priorities in which this switch keeps the peer of `port` silent, one bit each.
    #[must_use]
    pub fn pausing(&self, port: u16) -> u8 {
        self.buffer.paused(port)
    }

    /// The ports before which frames of a priority wait that came in at `in_port`.
    #[must_use]
    pub fn ports_with_frames_from(&self, in_port: u16, priority: usize) -> Vec<u16> {
        let holds = |port: &&Port| port.queues[priority].has_from(in_port);
        self.ports.iter().filter(holds).map(Port::number).collect()
    }
}
