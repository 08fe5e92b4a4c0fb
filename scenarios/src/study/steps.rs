//! Steps of a collective at the node that they come to, and what waits there until they have come.

use provider::backend::QpId;
use std::collections::VecDeque;

/// Receives that wait on a connection at a time.
pub(super) const WAITING_MAX: u32 = 16;

/// Steps on their way to a node.
#[derive(Debug, Default)]
pub(super) struct Steps {
    connections: Vec<Connection>,
    arrived: u32,
    /// After how many steps which flow begins, in this order.
    waiting: VecDeque<(u32, u32)>,
}

/// Steps that come one after the other.
#[derive(Clone, Copy, Debug)]
struct Connection {
    qp: QpId,
    /// Those whose receives are still to be posted.
    later: u32,
}

impl Steps {
    /// So many steps will come by a queue pair: gives the id of their receives, and how many are to be posted now.
    pub(super) fn expect(&mut self, qp: QpId, steps: u32) -> (u64, u32) {
        let now = steps.min(WAITING_MAX);
        self.connections.push(Connection { qp, later: steps - now });
        (self.connections.len() as u64 - 1, now)
    }

    /// A flow is to begin when so many steps have come.
    pub(super) fn wait(&mut self, steps: u32, flow: u32) {
        let at = self.waiting.partition_point(|(others, _)| *others <= steps);
        self.waiting.insert(at, (steps, flow));
    }

    /// A step has come; gives the queue pair on which another receive with its id is to be posted.
    pub(super) fn arrived(&mut self, id: u64) -> Option<QpId> {
        self.arrived += 1;
        let Connection { qp, later } = &mut self.connections[id as usize];
        *later = later.checked_sub(1)?;
        Some(*qp)
    }

    /// A flow that has waited long enough.
    pub(super) fn ready(&mut self) -> Option<u32> {
        self.waiting.front().filter(|(steps, _)| *steps <= self.arrived)?;
        self.waiting.pop_front().map(|(_, flow)| flow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receives_are_posted_for_all_steps_and_no_more() {
        let mut steps = Steps::default();
        assert_eq!(steps.expect(QpId(4), 3), (0, 3));
        assert_eq!(steps.expect(QpId(9), WAITING_MAX + 2), (1, WAITING_MAX));
        assert_eq!(steps.arrived(0), None);
        let again = [1, 1, 1].map(|id| steps.arrived(id));
        assert_eq!(again, [Some(QpId(9)), Some(QpId(9)), None]);
    }

    #[test]
    fn flows_begin_when_their_steps_have_come_in_order() {
        let mut steps = Steps::default();
        steps.expect(QpId(1), 3);
        [(2, 20), (1, 10), (2, 21), (3, 30)].into_iter().for_each(|(after, flow)| steps.wait(after, flow));
        let mut begin = || {
            steps.arrived(0);
            std::iter::from_fn(|| steps.ready()).collect::<Vec<_>>()
        };
        assert_eq!([begin(), begin(), begin()], [vec![10], vec![20, 21], vec![30]]);
    }
}
