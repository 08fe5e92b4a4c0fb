//! What types cannot say about rows of machines, and about what opens a row.

use super::Checker;
use super::fault::{Choice, MAX_US};
use crate::spec::fault::machine::{Key, MachineEffect, MachineFault};
use crate::spec::fault::{Row, Trigger};
use crate::spec::{FaultPlan, Scenario};

impl Checker {
    pub(super) fn machines(&mut self, scenario: &Scenario) {
        for (index, fault) in scenario.fault.device.iter().enumerate() {
            self.machine(&format!("fault.device[{index}]"), fault, scenario);
        }
        for (index, fault) in scenario.fault.host.iter().enumerate() {
            self.machine(&format!("fault.host[{index}]"), fault, scenario);
        }
    }

    fn machine<E: MachineEffect>(&mut self, row: &str, fault: &MachineFault<E>, scenario: &Scenario) {
        let nodes = scenario.cluster.nodes;
        let MachineFault { nth, times, every, probability, .. } = *fault;
        self.choice(row, &Choice { nth, times, every, probability });
        self.window(row, fault.from_us, fault.until_us);
        self.node(&format!("{row}.node"), fault.node, nodes);
        self.range(&format!("{row}.delay_us"), fault.delay_us.unwrap_or(1), 1..=MAX_US);
        self.trigger(row, (fault.id(), fault.when.as_ref(), fault.after_us), scenario);
        let (view, effect) = (fault.machine_row(), fault.effect.effect());
        let name = effect.name();
        for key in Key::ALL {
            let (word, example) = key.name();
            let owned = effect.keys().iter().find(|(owned, _)| *owned == key);
            match (owned, view.has(key)) {
                (Some((_, true)), false) => {
                    let message = format!("effect \"{name}\" has no `{word}`");
                    self.fail(format!("{row}.{word}"), message, format!("add a key such as {example}"));
                }
                (None, true) => {
                    let message = format!("effect \"{name}\" takes no `{word}`");
                    self.fail(
                        format!("{row}.{word}"),
                        message,
                        "remove the key; docs/FAULTS.md says which effects take it",
                    );
                }
                _ => {}
            }
        }
        let counted = [("nth", nth.is_some()), ("every", every.is_some()), ("probability", probability.is_some())];
        if effect.counts().is_none() {
            for (key, _) in counted.into_iter().filter(|(_, written)| *written) {
                let message = format!("effect \"{name}\" comes once, at its moment");
                self.fail(format!("{row}.{key}"), message, "write from_us or `when` instead");
            }
            if fault.from_us.is_none() && fault.when.is_none() {
                let message = format!("effect \"{name}\" has no moment");
                self.fail(format!("{row}.from_us"), message, "add from_us = 500, or when = \"node1: qp create 3\"");
            }
        }
    }

    /// What opens a row must be able to happen.
    pub(super) fn trigger(&mut self, row: &str, own: (&str, Option<&Trigger>, Option<u64>), scenario: &Scenario) {
        let (id, when, after_us) = own;
        self.range(&format!("{row}.after_us"), after_us.unwrap_or(0), 0..=MAX_US);
        match when {
            None if after_us.is_some() => {
                let remedy = "add when = \"node1: qp create 3\", or write from_us instead";
                self.fail(format!("{row}.after_us"), "`after_us` goes with `when`", remedy);
            }
            Some(Trigger::Row(other)) => {
                let ids = names(&scenario.fault);
                if other == id || !ids.contains(other) {
                    let others: Vec<&str> = ids.iter().map(String::as_str).filter(|known| *known != id).collect();
                    let remedy = format!("other rows of this plan: {}", others.join(", "));
                    self.fail(format!("{row}.when"), format!("no other row is called \"{other}\""), remedy);
                }
            }
            Some(Trigger::Call(called)) => self.node(&format!("{row}.when"), Some(called.node), scenario.cluster.nodes),
            None => {}
        }
    }
}

/// The names of all rows, given ones and others.
fn names(plan: &FaultPlan) -> Vec<String> {
    let mut plan = plan.clone();
    plan.fill_in();
    plan.rows().into_iter().map(|row| row.id).collect()
}
