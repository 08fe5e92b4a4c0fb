//! Rows that wait for something: after each event the world looks whether it has happened, and opens them.

use super::World;
use crate::spec::FaultPlan;
use crate::spec::fault::Trigger;
use des::{Dur, Time};
use fabric::Rule;

/// A row that is still shut.
#[derive(Clone, Debug)]
pub(super) struct Shut {
    row: String,
    when: Trigger,
    after: Dur,
}

impl Shut {
    /// All of a plan.
    pub(super) fn of(plan: &FaultPlan) -> Vec<Self> {
        let shut = |(row, when, after_us): (&str, &Trigger, u64)| Self {
            row: row.to_owned(),
            when: when.clone(),
            after: Dur::from_us(after_us),
        };
        plan.triggers().into_iter().map(shut).collect()
    }
}

impl World {
    /// Lets nodes count what rows wait for.
    pub(super) fn count_calls(&self) {
        for shut in &self.shut {
            if let Trigger::Call(called) = &shut.when {
                self.nodes[usize::from(called.node)].node.core().calls.get_or_insert_default();
            }
        }
    }

    /// Opens the rows whose event has happened by `now`.
    #[cold]
    pub(super) fn open_rows(&mut self, now: Time) {
        let waiting = std::mem::take(&mut self.shut);
        let (open, shut): (Vec<Shut>, _) = waiting.into_iter().partition(|shut| self.has_happened(&shut.when));
        self.shut = shut;
        for Shut { row, after, .. } in open {
            let at = now + after;
            for index in 0..self.nodes.len() {
                self.nodes[index].node.core().open_row(&row, at);
                self.collect_node(index);
            }
            if let Some(rule) = self.wire_rule(&row) {
                rule.open(at);
            }
            self.open_storm(&row, at);
        }
    }

    fn has_happened(&mut self, when: &Trigger) -> bool {
        match when {
            Trigger::Call(called) => self.nodes[usize::from(called.node)].node.core().called(called) >= called.nth,
            Trigger::Row(row) => {
                let fired = self.wire_rule(row).is_some_and(|rule| rule.report().fired > 0);
                let raged = self.storms.iter().any(|storm| storm.row == *row && storm.fired > 0);
                fired || raged || self.nodes.iter().any(|slot| slot.node.core().has_fired(row))
            }
        }
    }

    /// The rule of a row of `[[fault.wire]]`.
    pub(super) fn wire_rule(&mut self, row: &str) -> Option<&mut Rule> {
        let &(_, place, index) = self.wire_rows.iter().find(|(id, ..)| id == row)?;
        self.link_at(place).rule_mut(index)
    }
}
