//! The rows of a plan that concern one node, as its layers take them.

use crate::report::FaultRow;
use crate::spec::FaultPlan;
use crate::spec::fault::call::{CallRow, Target};
use crate::spec::fault::{CallEffect, Turn};
use des::{Dur, Time};
use provider::fault::{Effect, Outcome, Row, RowReport, Selector};
use provider::ndk::{CallKind, Status};
use std::ops::Range;

/// Time that a creation pends where a row says no more than that it does: the order of a firmware command.
const PEND: Dur = Dur::from_us(10);

/// What of a plan happens in a node's layers.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodePlan {
    rows: Vec<Row>,
    /// For each row of the layer, its name in the plan.
    ids: Vec<String>,
}

impl NodePlan {
    /// What of `faults` concerns `node`.
    pub(crate) fn new(faults: &FaultPlan, node: u16) -> Self {
        let create = faults.create.iter().map(|row| row.call_row());
        let request = faults.request.iter().map(|row| row.call_row());
        let mut plan = Self::default();
        for fault in create.chain(request).filter(|fault| fault.node.is_none_or(|only| only == node)) {
            plan.rows.push(layer_row(fault));
            plan.ids.push(fault.id.to_owned());
        }
        plan
    }

    /// The rows of the fault layer.
    pub(crate) fn layer_rows(&self) -> Vec<Row> {
        self.rows.clone()
    }

    /// Adds what became of the rows to the report's rows.
    pub(crate) fn add_to(&self, reports: &[RowReport], node: &str, rows: &mut [FaultRow]) {
        for (report, id) in reports.iter().zip(&self.ids) {
            let hit = report.hits.first().map(|hit| {
                let object = hit.object.map(|object| format!(" on {object:?}")).unwrap_or_default();
                (hit.time, format!("{node}: {} (call {}){object}", hit.kind.name(), hit.call))
            });
            add(rows, id, report.fired, hit);
        }
    }
}

/// Adds strikes to the row of that name, with the first of them.
pub(crate) fn add(rows: &mut [FaultRow], id: &str, fired: u64, first: Option<(Time, String)>) {
    let Some(row) = rows.iter_mut().find(|row| row.id == id) else { return };
    row.fired += fired;
    if let Some((time, hit)) = first
        && row.first_ps.is_none_or(|first| time.as_ps() < first)
    {
        row.first_ps = Some(time.as_ps());
        row.hit = Some(hit);
    }
}

/// The time in which a row holds.
pub(crate) fn window(from_us: Option<u64>, until_us: Option<u64>) -> Range<Time> {
    let moment = |us| Time::ZERO + Dur::from_us(us);
    from_us.map_or(Time::ZERO, moment)..until_us.map_or(Time::MAX, moment)
}

fn layer_row(fault: CallRow<'_>) -> Row {
    let calls: Vec<CallKind> = match fault.target {
        Target::Creations(kind) => CallKind::ALL.iter().copied().filter(|call| call.creates() == Some(kind)).collect(),
        Target::Calls(function) => vec![function],
    };
    let status = fault.status.unwrap_or(Status::INSUFFICIENT_RESOURCES);
    let delay = fault.delay_us.map_or(PEND, Dur::from_us);
    let effect = match fault.effect {
        CallEffect::Fail => Effect::Fail(status),
        CallEffect::Inline => Effect::Inline,
        CallEffect::Pend => Effect::Pend { after: delay, outcome: Outcome::Succeed },
        CallEffect::PendFail => Effect::Pend { after: delay, outcome: Outcome::Fail(status) },
        CallEffect::InsideCall => Effect::InsideCall(fault.status.map_or(Outcome::Succeed, Outcome::Fail)),
        CallEffect::Late => Effect::Late(delay),
        CallEffect::Reorder => Effect::Reorder {
            behind: fault.behind.unwrap_or(1),
            at_most: fault.delay_us.map_or(REORDER_AT_MOST, Dur::from_us),
        },
        CallEffect::Never => Effect::Never,
        CallEffect::RaceClose => Effect::RaceClose,
        CallEffect::Processor => Effect::Processor(fault.processor.unwrap_or_default()),
    };
    let mut selector = Selector::calls(&calls).within(window(fault.from_us, fault.until_us));
    selector.context = fault.context;
    let selector = match fault.turn {
        Turn::Nth { nth, times } => selector.burst(nth, times),
        Turn::Every(every) => selector.every(every),
        Turn::Chance(probability) => selector.chance(probability),
    };
    let row = Row::new(selector, effect).named(fault.id);
    if fault.shut { row.shut() } else { row }
}

/// The longest wait of a creation that is to be reordered; assumed.
const REORDER_AT_MOST: Dur = Dur::from_ms(1);

#[cfg(test)]
mod tests {
    use super::*;
    use des::Ratio;
    use provider::ndk::ObjectKind;

    const CQS: &[CallKind] = &[CallKind::CreateCq];

    /// What a node's layer has of a plan with one row.
    fn layer_rows(row: &str, node: u16) -> Vec<Row> {
        let mut plan: FaultPlan = toml::from_str(row).expect("a plan");
        plan.fill_in();
        NodePlan::new(&plan, node).layer_rows()
    }

    #[test]
    fn every_effect_of_a_row_is_that_of_the_layer() {
        let (us, short) = (Dur::from_us, Status::INSUFFICIENT_RESOURCES);
        for (keys, effect) in [
            ("effect = \"fail\"", Effect::Fail(short)),
            ("effect = \"fail\"\nstatus = \"STATUS_NO_MEMORY\"", Effect::Fail(Status::NO_MEMORY)),
            ("effect = \"inline\"", Effect::Inline),
            ("effect = \"pend\"\ndelay_us = 3", Effect::Pend { after: us(3), outcome: Outcome::Succeed }),
            ("effect = \"pend-fail\"", Effect::Pend { after: PEND, outcome: Outcome::Fail(short) }),
            ("effect = \"inside-call\"", Effect::InsideCall(Outcome::Succeed)),
            (
                "effect = \"inside-call\"\nstatus = \"STATUS_NO_MEMORY\"",
                Effect::InsideCall(Outcome::Fail(Status::NO_MEMORY)),
            ),
            ("effect = \"late\"\ndelay_us = 5", Effect::Late(us(5))),
            ("effect = \"reorder\"\nbehind = 2", Effect::Reorder { behind: 2, at_most: REORDER_AT_MOST }),
            ("effect = \"reorder\"\ndelay_us = 7", Effect::Reorder { behind: 1, at_most: us(7) }),
            ("effect = \"never\"", Effect::Never),
            ("effect = \"race-close\"", Effect::RaceClose),
            ("effect = \"processor\"\nprocessor = 6", Effect::Processor(6)),
        ] {
            let rows = layer_rows(&format!("[[create]]\nkind = \"cq\"\n{keys}\n"), 0);
            let expected = Row::new(Selector::calls(CQS).burst(1, 1), effect).named("create-1");
            assert_eq!(rows, [expected], "{keys}");
        }
    }

    #[test]
    fn every_selector_of_a_row_is_that_of_the_layer() {
        let half = Ratio::new(1, 2).expect("a probability");
        let us = |count| Time::ZERO + Dur::from_us(count);
        let cqs = || Selector::calls(CQS).burst(1, 1);
        for (keys, nodes, selector) in [
            ("", &[0, 1][..], cqs()),
            ("node = 1", &[1], cqs()),
            ("nth = 4", &[0, 1], cqs().burst(4, 1)),
            ("nth = 4\ntimes = 2", &[0, 1], cqs().burst(4, 2)),
            ("every = 3", &[0, 1], cqs().every(3)),
            ("probability = \"1/2\"", &[0, 1], cqs().chance(half)),
            ("context = 7", &[0, 1], cqs().with_context(7)),
            ("from_us = 5\nuntil_us = 9", &[0, 1], cqs().within(us(5)..us(9))),
        ] {
            let text = format!("[[create]]\nkind = \"cq\"\neffect = \"never\"\n{keys}\n");
            let hit: Vec<u16> = (0..2).filter(|&node| !layer_rows(&text, node).is_empty()).collect();
            assert_eq!(hit, nodes, "{keys}");
            let expected = Row::new(selector, Effect::Never).named("create-1");
            assert_eq!(layer_rows(&text, 1), [expected], "{keys}");
        }
    }

    #[test]
    fn a_row_for_a_kind_or_a_function_is_for_all_the_calls_that_it_means() {
        let qps = layer_rows("[[create]]\nkind = \"qp\"\neffect = \"never\"\n", 0);
        assert_eq!(qps[0].selector.calls, [CallKind::CreateQp, CallKind::CreateQpWithSrq]);
        assert!(qps[0].selector.calls.iter().all(|call| call.creates() == Some(ObjectKind::Qp)));
        let listens = layer_rows("[[request]]\nfunction = \"NdkListen\"\neffect = \"never\"\n", 0);
        assert_eq!(listens[0].selector.calls, [CallKind::Listen]);
    }
}
