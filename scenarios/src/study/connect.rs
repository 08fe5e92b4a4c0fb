//! Queue pairs of flows: a pair for each, and one for all steps of a collective from one node to another.

use super::node::Uses;
use super::station::NodeSlot;
use super::steps::WAITING_MAX;
use super::traffic::Planned;
use std::collections::BTreeMap;
use wire::Psn;

/// What the nodes of a plan need, and the connections of its steps.
#[derive(Debug)]
pub(super) struct Connections {
    /// By endpoint.
    pub(super) uses: Vec<Uses>,
    /// Of steps, by sender and receiver.
    steps: BTreeMap<(u32, u32), Steps>,
}

/// Steps of a collective from one node to another.
#[derive(Clone, Copy, Debug, Default)]
struct Steps {
    count: u32,
    /// The last one that the sender has taken on, by its number there.
    last: Option<u32>,
}

impl Connections {
    /// Those of a plan.
    pub(super) fn new(planned: &[Planned], endpoints: u32) -> Self {
        let mut uses = vec![Uses::default(); endpoints as usize];
        let mut steps: BTreeMap<(u32, u32), Steps> = BTreeMap::new();
        for flow in planned {
            let shared = flow.step.map(|_| {
                let steps = steps.entry((flow.from, flow.to)).or_default();
                steps.count += 1;
                steps.count
            });
            let connections = u32::from(shared.is_none_or(|step| step == 1));
            uses[flow.from as usize].flows += 1;
            uses[flow.from as usize].sends += connections;
            uses[flow.to as usize].receives += connections;
            uses[flow.to as usize].steps += u32::from(shared.is_some_and(|step| step <= WAITING_MAX));
        }
        Self { uses, steps }
    }

    /// Gives a flow its queue pairs; gives its number at the sender.
    pub(super) fn take_on(&mut self, nodes: &mut [Box<NodeSlot>], number: u32, flow: &Planned) -> Result<u32, String> {
        let [from, to] = nodes
            .get_disjoint_mut([flow.from as usize, flow.to as usize])
            .map_err(|_| "a flow leads from one node to another".to_owned())?;
        let (from, to) = (&mut from.node, &mut to.node);
        let mut steps = flow.step.and_then(|_| self.steps.get_mut(&(flow.from, flow.to)));
        if let Some(Steps { last: Some(last), .. }) = &mut steps {
            *last = from.add_behind(*last, number, flow.bytes);
            return Ok(*last);
        }
        let waiting = steps.as_ref().map_or(0, |steps| steps.count.min(WAITING_MAX));
        let (qp, peer_qp) = (from.create_qp(0)?, to.create_qp(waiting)?);
        let first = Psn::new(number);
        from.connect(qp, flow.priority, to, peer_qp, first)?;
        to.connect(peer_qp, flow.priority, from, qp, first)?;
        let own = from.add(number, qp, flow.bytes, flow.step.is_some(), to);
        if let Some(steps) = steps {
            to.expect(peer_qp, steps.count)?;
            steps.last = Some(own);
        }
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use des::Time;

    #[test]
    fn steps_between_two_nodes_share_a_connection_and_flows_do_not() {
        let flow = |from, to, step| Planned { from, to, bytes: 1, priority: 3, start: Time::ZERO, step };
        let steps = (0..20).map(|step| flow(0, 1, Some(step)));
        let planned: Vec<Planned> = steps.chain([flow(1, 0, Some(0)), flow(0, 1, None), flow(0, 1, None)]).collect();
        let uses = Connections::new(&planned, 2).uses;
        assert_eq!(uses[0], Uses { flows: 22, sends: 3, receives: 1, steps: 1 });
        assert_eq!(uses[1], Uses { flows: 1, sends: 1, receives: 3, steps: WAITING_MAX });
    }
}
