//! What types cannot say about the rows of a plan.

use super::Checker;
use crate::spec::fault::call::{CallRow, Target};
use crate::spec::fault::{CallEffect, CreateFault, RequestFault, WireEffect, WireFault};
use crate::spec::{Scenario, Swarm, text};
use des::{Dur, Ratio};
use provider::fault::{Effect, Outcome};
use provider::ndk::Status;
use std::collections::BTreeSet;

/// The longest delay and the last moment of a row: a minute.
pub(super) const MAX_US: u64 = 60_000_000;

/// The keys of a row that say which events are meant.
pub(super) struct Choice {
    pub(super) nth: Option<u64>,
    pub(super) times: Option<u64>,
    pub(super) every: Option<u64>,
    pub(super) probability: Option<Ratio>,
}

impl Checker {
    pub(super) fn faults(&mut self, scenario: &Scenario) {
        let (plan, nodes) = (&scenario.fault, scenario.cluster.nodes);
        for (index, fault) in plan.create.iter().enumerate() {
            let CreateFault { nth, times, every, probability, .. } = *fault;
            let row = format!("fault.create[{index}]");
            self.choice(&row, &Choice { nth, times, every, probability });
            self.call_fault(&row, fault.call_row(), nodes);
            self.trigger(&row, (&fault.id, fault.when.as_ref(), fault.after_us), scenario);
        }
        for (index, fault) in plan.request.iter().enumerate() {
            let RequestFault { nth, times, every, probability, .. } = *fault;
            let row = format!("fault.request[{index}]");
            self.choice(&row, &Choice { nth, times, every, probability });
            self.call_fault(&row, fault.call_row(), nodes);
            self.trigger(&row, (&fault.id, fault.when.as_ref(), fault.after_us), scenario);
        }
        let links: Vec<String> = scenario.cluster.cables().iter().flat_map(|cable| cable.links()).collect();
        for (index, fault) in plan.wire.iter().enumerate() {
            let row = format!("fault.wire[{index}]");
            self.wire_fault(&row, fault, &links, scenario);
            self.trigger(&row, (&fault.id, fault.when.as_ref(), fault.after_us), scenario);
        }
        self.machines(scenario);
        self.ids(scenario);
        if let Some(swarm) = &scenario.swarm {
            self.swarm(swarm);
        }
    }

    fn swarm(&mut self, swarm: &Swarm) {
        let counts = [
            ("creations_max", swarm.creations_max),
            ("requests_max", swarm.requests_max),
            ("frames_max", swarm.frames_max),
            ("outages_max", swarm.outages_max),
            ("devices_max", swarm.devices_max),
            ("hosts_max", swarm.hosts_max),
        ];
        for (key, count) in counts {
            self.range(&format!("swarm.{key}"), count, 0..=1_000);
        }
        let times = [
            ("outage_us_max", swarm.outage_us_max),
            ("delay_us_max", swarm.delay_us_max),
            ("until_us", swarm.until_us),
        ];
        for (key, us) in times {
            self.range(&format!("swarm.{key}"), us, 1..=MAX_US);
        }
        self.range("swarm.nth_max", swarm.nth_max, 1..=1_000_000);
    }

    /// Names tell rows apart.
    fn ids(&mut self, scenario: &Scenario) {
        let plan = &scenario.fault;
        let create = plan.create.iter().enumerate().map(|(index, row)| (format!("create[{index}]"), &row.id));
        let request = plan.request.iter().enumerate().map(|(index, row)| (format!("request[{index}]"), &row.id));
        let wire = plan.wire.iter().enumerate().map(|(index, row)| (format!("wire[{index}]"), &row.id));
        let device = plan.device.iter().enumerate().map(|(index, row)| (format!("device[{index}]"), &row.id));
        let host = plan.host.iter().enumerate().map(|(index, row)| (format!("host[{index}]"), &row.id));
        let mut seen = BTreeSet::new();
        for (row, id) in create.chain(request).chain(wire).chain(device).chain(host).filter(|(_, id)| !id.is_empty()) {
            if !seen.insert(id) {
                let message = format!("two rows are called \"{id}\"");
                self.fail(format!("fault.{row}.id"), message, "give each row a name of its own, or none");
            }
        }
    }

    pub(super) fn choice(&mut self, row: &str, choice: &Choice) {
        let Choice { nth, times, every, probability } = *choice;
        let ways = [("nth", nth.is_some()), ("every", every.is_some()), ("probability", probability.is_some())];
        let mut named = ways.into_iter().filter(|(_, named)| *named).map(|(key, _)| key);
        if let (Some(first), Some(second)) = (named.next(), named.next()) {
            let message = format!("`{first}` and `{second}` exclude each other");
            self.fail(format!("{row}.{second}"), message, "leave one of them");
        }
        if times.is_some() && (every.is_some() || probability.is_some()) {
            let remedy = "it says how many from the `nth` on: remove the key";
            self.fail(format!("{row}.times"), "`times` goes with `nth` alone", remedy);
        }
        for (key, value) in [("nth", nth), ("times", times), ("every", every)] {
            self.range(&format!("{row}.{key}"), value.unwrap_or(1), 1..=u64::from(u32::MAX));
        }
    }

    pub(super) fn window(&mut self, row: &str, from_us: Option<u64>, until_us: Option<u64>) {
        self.range(&format!("{row}.from_us"), from_us.unwrap_or(0), 0..=MAX_US);
        self.range(&format!("{row}.until_us"), until_us.unwrap_or(1), 1..=MAX_US);
        if let (Some(from), Some(until)) = (from_us, until_us)
            && from >= until
        {
            let remedy = format!("`until_us` is after `from_us`: write {} or more", from.saturating_add(1));
            self.fail(format!("{row}.until_us"), format!("nothing is from {from} us until {until} us"), remedy);
        }
    }

    pub(super) fn node(&mut self, path: &str, node: Option<u16>, nodes: u16) {
        if let Some(node) = node.filter(|&node| node >= nodes) {
            let remedy = format!("nodes are counted from 0: allowed 0 to {}", nodes.saturating_sub(1));
            self.fail(path, format!("there is no node {node}"), remedy);
        }
    }

    fn call_fault(&mut self, row: &str, fault: CallRow<'_>, nodes: u16) {
        self.node(&format!("{row}.node"), fault.node, nodes);
        self.window(row, fault.from_us, fault.until_us);
        let effect = fault.effect.name();
        self.function(row, &fault);
        match (fault.effect.needs_status(), fault.status) {
            (true, None) => {
                let remedy = "add a key such as status = \"STATUS_INSUFFICIENT_RESOURCES\"";
                self.fail(format!("{row}.status"), format!("effect \"{effect}\" has no status"), remedy);
            }
            (_, Some(status)) if status.is_success_class() => {
                let remedy = "name a failure, such as STATUS_INSUFFICIENT_RESOURCES";
                self.fail(format!("{row}.status"), format!("{status} is no failure"), remedy);
            }
            (false, Some(_)) if fault.effect != CallEffect::InsideCall => {
                let remedy = "only \"fail\", \"pend-fail\" and \"inside-call\" do: remove the key";
                self.fail(format!("{row}.status"), format!("effect \"{effect}\" takes no status"), remedy);
            }
            _ => {}
        }
        if fault.effect == CallEffect::Late && fault.delay_us.is_none() {
            self.fail(format!("{row}.delay_us"), "effect \"late\" has no delay", "add a key such as delay_us = 500");
        } else if fault.delay_us.is_some() && !fault.effect.takes_delay() {
            let remedy = "only \"pend\", \"pend-fail\", \"late\" and \"reorder\" do: remove the key";
            self.fail(format!("{row}.delay_us"), format!("effect \"{effect}\" takes no delay"), remedy);
        }
        self.range(&format!("{row}.delay_us"), fault.delay_us.unwrap_or(0), 0..=MAX_US);
        self.own_key(row, "behind", (fault.behind.is_some(), "behind = 2"), fault.effect, CallEffect::Reorder);
        self.own_key(
            row,
            "processor",
            (fault.processor.is_some(), "processor = 1"),
            fault.effect,
            CallEffect::Processor,
        );
    }

    /// Some functions cannot be struck by every effect.
    fn function(&mut self, row: &str, fault: &CallRow<'_>) {
        let Target::Calls(function) = fault.target else { return };
        let failure = Outcome::Fail(Status::UNSUCCESSFUL);
        let sample = match (fault.effect, fault.status) {
            (CallEffect::Fail, _) => Effect::Fail(Status::UNSUCCESSFUL),
            (CallEffect::PendFail, _) => Effect::Pend { after: Dur::ZERO, outcome: failure },
            (CallEffect::InsideCall, Some(_)) => Effect::InsideCall(failure),
            _ => Effect::Never,
        };
        if !sample.suits(function) {
            let message = format!("{} cannot be struck by \"{}\"", text::function_name(function), fault.effect.name());
            self.fail(format!("{row}.effect"), message, "only \"fail\" fits here: it fails before it returns");
        }
    }

    /// A key that one effect has, and no other.
    fn own_key(&mut self, row: &str, key: &str, (there, example): (bool, &str), effect: CallEffect, owner: CallEffect) {
        let name = effect.name();
        match (effect == owner, there) {
            (true, false) => {
                self.fail(
                    format!("{row}.{key}"),
                    format!("effect \"{name}\" has no `{key}`"),
                    format!("add {example}"),
                );
            }
            (false, true) => {
                let remedy = format!("only \"{}\" does: remove the key", owner.name());
                self.fail(format!("{row}.{key}"), format!("effect \"{name}\" takes no `{key}`"), remedy);
            }
            _ => {}
        }
    }

    fn wire_fault(&mut self, row: &str, fault: &WireFault, links: &[String], scenario: &Scenario) {
        if !links.contains(&fault.link) {
            let remedy = format!("links of this cluster: {}", abridged(links));
            self.fail(format!("{row}.link"), format!("there is no link \"{}\"", fault.link), remedy);
        }
        let WireFault { nth, times, every, probability, .. } = *fault;
        self.choice(row, &Choice { nth, times, every, probability });
        self.window(row, fault.from_us, fault.until_us);
        self.node(&format!("{row}.from_node"), fault.from_node, scenario.cluster.nodes);
        self.node(&format!("{row}.to_node"), fault.to_node, scenario.cluster.nodes);
        self.wire_moment(row, fault);
        if fault.effect == WireEffect::PauseStorm {
            self.pause_storm(row, fault, scenario);
        }
        match (fault.effect, fault.delay_ns) {
            (WireEffect::Delay, None) => {
                self.fail(
                    format!("{row}.delay_ns"),
                    "effect \"delay\" has no delay",
                    "add a key such as delay_ns = 5000",
                );
            }
            (WireEffect::Delay | WireEffect::Reorder, Some(delay)) => {
                self.range(&format!("{row}.delay_ns"), delay, 1..=60_000_000_000);
            }
            (_, Some(_)) => {
                let message = format!("effect \"{}\" takes no delay", fault.effect.name());
                self.fail(format!("{row}.delay_ns"), message, "only \"delay\" and \"reorder\" do: remove the key");
            }
            (_, None) => {}
        }
    }

    /// A row says which frames, or when.
    fn wire_moment(&mut self, row: &str, fault: &WireFault) {
        let timed = fault.from_us.is_some() || fault.until_us.is_some() || fault.when.is_some();
        let counted = fault.nth.is_some() || fault.every.is_some() || fault.probability.is_some();
        match fault.effect {
            WireEffect::Down if fault.until_us.is_none() => {
                let remedy = "add from_us = 100 and until_us = 200";
                self.fail(format!("{row}.until_us"), "a cable that is down must come up again", remedy);
            }
            WireEffect::PauseStorm if fault.until_us.is_none() => {
                let remedy = "add from_us = 100 and until_us = 2000";
                self.fail(format!("{row}.until_us"), "a storm must end", remedy);
            }
            _ if !counted && !timed => {
                let remedy =
                    "add nth = 3 or probability = \"1/1000\", or from_us and until_us for all frames of that time";
                self.fail(format!("{row}.nth"), "the row says no frame", remedy);
            }
            _ => {}
        }
    }

    /// A storm is a port's, and is about no frames.
    fn pause_storm(&mut self, row: &str, fault: &WireFault, scenario: &Scenario) {
        let keys = [
            ("nth", fault.nth.is_some()),
            ("every", fault.every.is_some()),
            ("probability", fault.probability.is_some()),
            ("packet", fault.packet.is_some()),
            ("psn", fault.psn.is_some()),
            ("dest_qp", fault.dest_qp.is_some()),
            ("from_node", fault.from_node.is_some()),
            ("to_node", fault.to_node.is_some()),
        ];
        for (key, _) in keys.into_iter().filter(|(_, written)| *written) {
            let message = format!("effect \"pause-storm\" takes no `{key}`");
            self.fail(format!("{row}.{key}"), message, "it is about a port, not about frames: remove the key");
        }
        if scenario.fabric.pfc.is_empty() {
            let remedy = "write pfc = [3] in [fabric], or remove the row";
            self.fail(format!("{row}.effect"), "no priority has flow control: nobody heeds a pause", remedy);
        }
    }
}

/// The first few names.
fn abridged(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{shown}, and {} more", names.len() - SHOWN) } else { shown }
}
