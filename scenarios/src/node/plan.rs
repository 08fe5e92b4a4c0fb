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
