//! Requests that were posted, and the results that they must have.

use provider::ndk::{NdkResult, Status};
use std::collections::VecDeque;

/// Bit of a request context that tells receives from the rest.
pub(super) const RECEIVE: u64 = 1 << 62;

/// A posted request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Post {
    /// Its context.
    pub(super) context: u64,
    /// No result is due if it succeeds.
    pub(super) silent: bool,
    /// The region and the slot of its buffer.
    pub(super) slot: Option<Slot>,
    /// What its result changes.
    pub(super) then: Then,
}

/// What the result of a request on memory changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    /// The window holds the region no more.
    Unbound {
        mw: u64,
        mr: u64,
    },
    /// The region is registered.
    Registered(u64),
    /// The region is free again.
    Invalidated(u64),
}

/// A part of a region that one request uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The region.
    pub(super) mr: u64,
    /// Which part.
    pub(super) index: u8,
}

/// A queue of requests: results come in its order.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    pub(super) depth: u32,
    pub(super) posts: VecDeque<Post>,
}

impl Queue {
    pub(super) fn new(depth: u32) -> Self {
        Self { depth, posts: VecDeque::new() }
    }

    /// Requests that can be posted now. A silent one frees its place with a later result.
    pub(super) fn room(&self) -> usize {
        (self.depth as usize).saturating_sub(self.posts.len())
    }

    /// Whether results are due.
    pub(super) fn owes(&self) -> bool {
        self.posts.iter().any(|post| !post.silent)
    }

    /// Takes the request that a result is for, and the slots that are free again.
    pub(super) fn settle(&mut self, result: &NdkResult, freed: &mut Vec<Slot>) -> Result<Post, String> {
        let context = result.request_context;
        let Some(position) = self.posts.iter().position(|post| post.context == context) else {
            return Err(format!("a result has context {context:#x}, which no request has"));
        };
        let earlier = self.posts.drain(..position).collect::<Vec<_>>();
        let post = self.posts.pop_front().ok_or("the request was there")?;
        freed.extend(earlier.iter().chain([&post]).filter_map(|post| post.slot));
        if let Some(skipped) = earlier.iter().find(|post| !post.silent) {
            return Err(format!("the result of {context:#x} came before that of {:#x}", skipped.context));
        }
        if post.silent && result.status == Status::SUCCESS {
            return Err(format!("{context:#x} was to succeed silently and has a result"));
        }
        Ok(post)
    }
}

/// Bytes of the `number`-th message of a queue pair.
pub(super) fn message(number: u64) -> Vec<u8> {
    let length = 8 + 8 * (number % 7) as usize;
    let mut bytes = vec![number as u8; length];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(context: u64, status: Status) -> NdkResult {
        NdkResult { status, request_context: context, ..NdkResult::EMPTY }
    }

    fn queue(posts: &[(u64, bool)]) -> Queue {
        let posts = posts.iter().map(|&(context, silent)| Post { context, silent, slot: None, then: Then::Nothing });
        Queue { depth: 8, posts: posts.collect() }
    }

    #[test]
    fn a_later_result_settles_silent_requests_before_it() {
        let mut queue = queue(&[(1, true), (2, true), (3, false), (4, false)]);
        assert!(queue.settle(&result(3, Status::SUCCESS), &mut Vec::new()).is_ok());
        assert_eq!(queue.posts.len(), 1);
        assert!(queue.owes());
    }

    #[test]
    fn what_the_contract_forbids_is_told() {
        let wrong = |posts: &[(u64, bool)], context, status| {
            queue(posts).settle(&result(context, status), &mut Vec::new()).expect_err("a breach")
        };
        assert!(wrong(&[(1, false), (2, false)], 2, Status::SUCCESS).contains("before"));
        assert!(wrong(&[(1, true)], 1, Status::SUCCESS).contains("silently"));
        assert!(wrong(&[(1, false)], 7, Status::SUCCESS).contains("no request"));
        assert!(queue(&[(1, true)]).settle(&result(1, Status::CANCELLED), &mut Vec::new()).is_ok());
    }
}
