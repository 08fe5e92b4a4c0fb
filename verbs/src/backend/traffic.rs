//! Bytes that have passed, by peer, as completions tell: devices need not have counters of their own.

use provider::backend::{SendOperation, SendRequest};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Payload in bytes that requests of this side have moved. What a peer reads or writes here counts there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// By SEND, to the peer.
    pub sent: u64,
    /// By WRITE, to the peer.
    pub written: u64,
    /// By READ and atomics, from the peer.
    pub read: u64,
    /// Received, from the peer.
    pub received: u64,
}

/// What a device's requests have moved, by the peer's address. Clones share it; it outlives the device.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    peers: Arc<Mutex<BTreeMap<IpAddr, Moved>>>,
}

impl Traffic {
    /// What has been moved until now.
    #[must_use]
    pub fn by_peer(&self) -> BTreeMap<IpAddr, Moved> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn count(&self, peer: IpAddr, add: impl FnOnce(&mut Moved)) {
        add(self.peers.lock().unwrap_or_else(PoisonError::into_inner).entry(peer).or_default());
    }
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Sent,
    Written,
    Read,
    /// Nothing goes to the peer.
    Nowhere,
}

/// Requests of a send queue whose end is not known yet, in their order.
#[derive(Debug, Default)]
pub(super) struct Posted {
    requests: VecDeque<(u64, Way, u64)>,
}

impl Posted {
    pub(super) fn push(&mut self, request: &SendRequest<'_>) {
        let way = match request.operation {
            SendOperation::Send | SendOperation::SendInvalidate { .. } => Way::Sent,
            SendOperation::Write { .. } => Way::Written,
            SendOperation::Read { .. } | SendOperation::Atomic { .. } => Way::Read,
            SendOperation::Bind { .. } | SendOperation::FastRegister { .. } | SendOperation::Invalidate { .. } => {
                Way::Nowhere
            }
        };
        let listed = || request.sgl.iter().map(|sge| u64::from(sge.length_bytes)).sum();
        let bytes = request.inline_data.map_or_else(listed, |data| data.len() as u64);
        self.requests.push_back((request.id, way, bytes));
    }

    /// A request has ended. Those before it have succeeded, with or without a completion of their own: queues keep order.
    pub(super) fn ended(&mut self, id: u64, success: bool, moved: &mut Moved) {
        while let Some((posted, way, bytes)) = self.requests.pop_front() {
            let is_it = posted == id;
            if success || !is_it {
                match way {
                    Way::Sent => moved.sent += bytes,
                    Way::Written => moved.written += bytes,
                    Way::Read => moved.read += bytes,
                    Way::Nowhere => {}
                }
            }
            if is_it {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use provider::ndk::Sge;

    #[test]
    fn silent_requests_count_with_the_next_and_failures_do_not() {
        let mut posted = Posted::default();
        let operations = [
            SendOperation::Send,
            SendOperation::Write { remote_address: 0, key: 0 },
            SendOperation::Invalidate { key: 0 },
            SendOperation::Read { remote_address: 0, key: 0 },
            SendOperation::Send,
        ];
        let sgl = [Sge { address: 0, length_bytes: 10, token: 0 }, Sge { address: 0, length_bytes: 1, token: 0 }];
        for (id, operation) in (0..).zip(operations) {
            let (inline_data, signalled, solicited, fence) = (None, id == 3, false, false);
            posted.push(&SendRequest { id, operation, sgl: &sgl, inline_data, signalled, solicited, fence });
        }
        let mut moved = Moved::default();
        posted.ended(3, true, &mut moved);
        assert_eq!(moved, Moved { sent: 11, written: 11, read: 11, received: 0 });
        posted.ended(4, false, &mut moved);
        assert_eq!(moved.sent, 11, "flushed");
        posted.ended(9, true, &mut moved);
        assert_eq!(moved.sent, 11, "unknown");
    }
}
