//! Flows at their sender: which request goes next to which queue pair.
//!
//! A flow has a connection of its own. Steps of a collective from one node to another share one, as in a library for
//! collectives: they are posted in the order of the plan, each as soon as it has begun and those before it are posted.

use super::node::Habits;
use des::Time;
use provider::backend::QpId;
use provider::ndk::Status;

/// A flow.
#[derive(Clone, Debug)]
struct Sending {
    /// In the plan.
    flow: u32,
    qp: QpId,
    /// Where at the receiver.
    target: Target,
    /// Not posted yet.
    bytes_left: u64,
    /// Of its own requests.
    outstanding: u32,
    /// The first flow of its connection.
    first: u32,
    /// The one behind it there.
    behind: Option<u32>,
    /// In the first flow of a connection: whose requests go next, and how many of all its flows are outstanding.
    current: u32,
    all_outstanding: u32,
    /// The receiver is to hear when all of it is there: a SEND without data follows.
    tells: bool,
    began: Option<Time>,
    ended: bool,
}

/// Memory of a receiver: address and key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) address: u64,
    pub(super) key: u32,
}

/// A request that is to be posted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Whose.
    pub(super) number: u32,
    pub(super) qp: QpId,
    pub(super) target: Target,
    /// Of a WRITE; a SEND has none.
    pub(super) length_bytes: u32,
}

/// A flow that has ended at its sender.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) flow: u32,
    pub(super) began: Time,
    pub(super) at: Time,
    pub(super) status: Status,
}

impl Sending {
    const fn is_posted(&self) -> bool {
        self.bytes_left == 0 && !self.tells
    }

    /// The first failure of a flow is its end; what is flushed behind it is nothing new.
    fn end(&mut self, at: Time, status: Status) -> Option<Ended> {
        self.bytes_left = 0;
        self.tells = false;
        let first = !std::mem::replace(&mut self.ended, true);
        first.then_some(Ended { flow: self.flow, began: self.began.unwrap_or(at), at, status })
    }
}

/// All flows of a sender, by numbers of its own.
#[derive(Debug)]
pub(super) struct Sendings(Vec<Sending>);

impl Sendings {
    pub(super) fn with_capacity(flows: u32) -> Self {
        Self(Vec::with_capacity(flows as usize))
    }

    /// Takes on a flow with a connection of its own; gives its number.
    pub(super) fn add(&mut self, flow: u32, bytes: u64, tells: bool, qp: QpId, target: Target) -> u32 {
        let number = self.0.len() as u32;
        self.0.push(Sending {
            flow,
            qp,
            target,
            bytes_left: bytes,
            outstanding: 0,
            first: number,
            behind: None,
            current: number,
            all_outstanding: 0,
            tells,
            began: None,
            ended: false,
        });
        number
    }

    /// Takes on a step behind the last flow of its connection; gives its number.
    pub(super) fn add_behind(&mut self, last: u32, flow: u32, bytes: u64) -> u32 {
        let Sending { qp, target, first, .. } = self.0[last as usize];
        let number = self.add(flow, bytes, true, qp, target);
        self.0[number as usize].first = first;
        self.0[last as usize].behind = Some(number);
        number
    }

    /// A flow begins; gives its connection.
    pub(super) fn begin(&mut self, now: Time, number: u32) -> u32 {
        let sending = &mut self.0[number as usize];
        sending.began = Some(now);
        sending.first
    }

    /// The next request of a connection, as far as its window allows: all WRITEs of a flow, then the SEND.
    pub(super) fn next(&mut self, connection: u32, habits: Habits) -> Option<Request> {
        loop {
            let first = &mut self.0[connection as usize];
            if first.all_outstanding >= habits.window_messages {
                return None;
            }
            let number = first.current;
            let sending = &mut self.0[number as usize];
            sending.began?;
            if sending.is_posted() {
                self.0[connection as usize].current = sending.behind?;
                continue;
            }
            let length_bytes = sending.bytes_left.min(habits.message_bytes.into()) as u32;
            sending.tells &= length_bytes > 0;
            sending.bytes_left -= u64::from(length_bytes);
            sending.outstanding += 1;
            let request = Request { number, qp: sending.qp, target: sending.target, length_bytes };
            self.0[connection as usize].all_outstanding += 1;
            return Some(request);
        }
    }

    /// A request has completed, or could not be posted; gives its connection, and its flow if that has ended.
    pub(super) fn completed(&mut self, now: Time, number: u32, status: Status) -> (u32, Option<Ended>) {
        let sending = &mut self.0[number as usize];
        sending.outstanding -= 1;
        let failed = status != Status::SUCCESS;
        let over = failed || sending.is_posted() && sending.outstanding == 0;
        let ended = if over { sending.end(now, status) } else { None };
        let first = sending.first;
        self.0[first as usize].all_outstanding -= 1;
        (first, ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::PayloadMode;

    const HABITS: Habits =
        Habits { message_bytes: 100, window_messages: 3, payload: PayloadMode::Elided, mtu_bytes: 1_024 };
    const TARGET: Target = Target { address: 0, key: 0 };

    fn next(sendings: &mut Sendings, connection: u32) -> Option<(u32, u32)> {
        sendings.next(connection, HABITS).map(|request| (request.number, request.length_bytes))
    }

    #[test]
    fn a_flow_is_posted_as_far_as_its_window_allows() {
        let mut sendings = Sendings::with_capacity(1);
        let number = sendings.add(7, 350, false, QpId(1), TARGET);
        assert_eq!(next(&mut sendings, number), None, "it has not begun");
        assert_eq!(sendings.begin(Time::from_ps(5), number), number);
        let posted: Vec<_> = std::iter::from_fn(|| next(&mut sendings, number)).collect();
        assert_eq!(posted, [(0, 100), (0, 100), (0, 100)]);
        assert!(sendings.completed(Time::from_ps(6), number, Status::SUCCESS).1.is_none());
        assert_eq!((next(&mut sendings, number), next(&mut sendings, number)), (Some((0, 50)), None));
        for _ in 0..2 {
            assert!(sendings.completed(Time::from_ps(7), number, Status::SUCCESS).1.is_none());
        }
        let ended = sendings.completed(Time::from_ps(9), number, Status::SUCCESS).1.expect("it was the last");
        assert_eq!((ended.flow, ended.began, ended.at), (7, Time::from_ps(5), Time::from_ps(9)));
    }

    #[test]
    fn steps_share_a_connection_and_its_window_in_their_order() {
        let mut sendings = Sendings::with_capacity(3);
        let first = sendings.add(0, 100, true, QpId(1), TARGET);
        let second = sendings.add_behind(first, 5, 100);
        let third = sendings.add_behind(second, 9, 100);
        sendings.begin(Time::ZERO, third);
        assert_eq!(next(&mut sendings, first), None, "others are before it");
        assert_eq!(sendings.begin(Time::ZERO, second), first);
        sendings.begin(Time::ZERO, first);
        let posted: Vec<_> = std::iter::from_fn(|| next(&mut sendings, first)).collect();
        assert_eq!(posted, [(first, 100), (first, 0), (second, 100)]);
        assert!(sendings.completed(Time::ZERO, first, Status::SUCCESS).1.is_none());
        let (connection, ended) = sendings.completed(Time::ZERO, first, Status::SUCCESS);
        assert_eq!((connection, ended.map(|ended| ended.flow)), (first, Some(0)));
        let posted: Vec<_> = std::iter::from_fn(|| next(&mut sendings, first)).collect();
        assert_eq!(posted, [(second, 0), (third, 100)]);
    }

    #[test]
    fn a_failure_ends_a_flow_once_and_the_next_has_its_turn() {
        let mut sendings = Sendings::with_capacity(2);
        let first = sendings.add(0, 300, true, QpId(1), TARGET);
        let second = sendings.add_behind(first, 1, 100);
        sendings.begin(Time::ZERO, first);
        sendings.begin(Time::ZERO, second);
        while next(&mut sendings, first).is_some() {}
        let failed = sendings.completed(Time::ZERO, first, Status::IO_TIMEOUT).1.expect("it failed");
        assert_eq!((failed.flow, failed.status), (0, Status::IO_TIMEOUT));
        assert!(sendings.completed(Time::ZERO, first, Status::CANCELLED).1.is_none(), "flushed");
        assert_eq!(next(&mut sendings, first), Some((second, 100)));
    }
}
