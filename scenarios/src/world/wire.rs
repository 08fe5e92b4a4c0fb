//! The checker of the wire: no malformed frame on any link, and no frame that comes from nowhere or goes there.
//!
//! It watches the world hand frames from one to the next, and in the end compares what it saw with what links and switches
//! have counted.

use super::{What, World};
use crate::node::NodeEvent;
use crate::report::{Finding, Severity};
use crate::spec::planted::Bug;
use crate::spec::{Cluster, Scenario, WireEffect};
use des::Time;
use fabric::{Delivery, Link};
use wire::packet::Body;
use wire::{Frame, Opcode, RocePacket};

/// Malformed frames that are reported; one is enough to know.
const REPORTED_MAX: usize = 8;

/// What the checker has seen.
#[derive(Debug)]
pub(super) struct WireCheck {
    /// Payload bytes of the largest packet.
    mtu_bytes: usize,
    /// Rows of the plan damage frames: what was damaged is no packet any more.
    damage: bool,
    /// Frames that came to the end of a link.
    arrived: u64,
    malformed: Vec<(Time, u32, String)>,
    bug: Option<Bug>,
    /// A frame has been lost, and the planted bug has not shown itself since.
    upset: bool,
}

/// Every frame that was put on a link, and what became of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ledger {
    sent: u64,
    lost: u64,
    arrived: u64,
    on_links: u64,
}

impl WireCheck {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let damage = scenario.fault.wire.iter().any(|row| row.effect == WireEffect::Corrupt);
        let bug = scenario.planted.map(|planted| planted.bug).filter(|bug| bug.is_wires());
        let mtu_bytes = usize::from(scenario.cluster.mtu_bytes);
        Self { mtu_bytes, damage, arrived: 0, malformed: Vec::new(), bug, upset: false }
    }

    /// A frame has come to the end of a link, at a node or switch.
    pub(super) fn arrived(&mut self, now: Time, place: u32, frame: &Frame) {
        self.arrived += 1;
        let flaw = match frame.body() {
            Body::Roce(packet) => flaw(packet, self.mtu_bytes),
            Body::Raw(_) if self.damage => None,
            Body::Raw(bytes) => RocePacket::parse(bytes).err().map(|error| error.to_string()),
        };
        if let Some(flaw) = flaw.filter(|_| self.malformed.len() < REPORTED_MAX) {
            self.malformed.push((now, place, flaw));
        }
    }

    /// What a planted bug makes of a frame that a node has sent.
    pub(super) fn spoil(&mut self, sent: &mut Vec<Delivery>) {
        let Some(bug) = self.bug else { return };
        let Some(Delivery { frame, .. }) = sent.last_mut() else {
            self.upset = true;
            return;
        };
        match (std::mem::take(&mut self.upset), bug) {
            (true, Bug::FrameVanishesAfterLoss) => drop(sent.pop()),
            (true, Bug::FrameGarbledAfterLoss) => frame.edit(|packet| packet.bth.pad_count ^= 1),
            _ => {}
        }
    }
}

/// What is wrong with a packet: what no sender may put on a link (IBTA volume 1, 9.2 and 9.7.5).
fn flaw(packet: &RocePacket, mtu_bytes: usize) -> Option<String> {
    let (bth, length) = (&packet.bth, packet.payload.len());
    let pad = (4 - length % 4) % 4;
    if bth.opcode.decode().is_none() && bth.opcode != Opcode::CNP {
        return Some(format!("{:?} is no opcode", bth.opcode));
    }
    if bth.version != 0 {
        return Some(format!("transport version {}", bth.version));
    }
    if usize::from(bth.pad_count) != pad {
        return Some(format!("pad count {} with {length} bytes of payload", bth.pad_count));
    }
    if length > mtu_bytes.max(DATAGRAM_BYTES) {
        return Some(format!("{length} bytes of payload, and the path MTU is {mtu_bytes}"));
    }
    if packet.ip.source.is_ipv4() != packet.ip.destination.is_ipv4() || packet.ip.ttl == 0 {
        return Some(format!("IP from {} to {}, TTL {}", packet.ip.source, packet.ip.destination, packet.ip.ttl));
    }
    None
}

/// Management datagrams are of this length whatever the path MTU is (IBTA volume 1, 13.4.2).
const DATAGRAM_BYTES: usize = 256;

impl World {
    /// What the checker of the wire has to say at the end of the run.
    pub(super) fn wire_findings(&self) -> Vec<Finding> {
        let finding = |rule: &'static str, node: String, time: Time, text: String| Finding {
            rule: rule.into(),
            severity: Severity::Error,
            side: "wire".into(),
            node,
            object: String::new(),
            time_ps: time.as_ps(),
            text,
        };
        let malformed = self.wire.malformed.iter();
        let mut findings: Vec<Finding> = malformed
            .map(|(at, place, flaw)| {
                finding("wire-format", self.place_name(*place), *at, format!("arrived malformed: {flaw}"))
            })
            .collect();
        let end = self.last;
        for (number, slot) in self.switches.iter().enumerate() {
            let (totals, inside) = (slot.switch.totals(), slot.switch.queued_frames() as u64);
            if totals.rx_frames != totals.tx_frames + totals.drops.total() + inside {
                let (came, went, dropped) = (totals.rx_frames, totals.tx_frames, totals.drops.total());
                let text = format!("{came} frames came, {went} went, {dropped} were dropped, {inside} wait");
                findings.push(finding("wire-conservation", format!("switch{number}"), end, text));
            }
        }
        let Ledger { sent, lost, arrived, on_links } = self.ledger();
        if sent != lost + arrived + on_links {
            let text = format!("{sent} frames were sent, {arrived} arrived, {lost} were lost, {on_links} are on links");
            findings.push(finding("wire-conservation", String::new(), end, text));
        }
        findings
    }

    fn ledger(&self) -> Ledger {
        let on_links = self
            .schedule
            .events()
            .filter(|event| matches!(event.what, What::SwitchFrame { .. } | What::Node(NodeEvent::Frame { .. })));
        let mut ledger = Ledger { arrived: self.wire.arrived, on_links: on_links.count() as u64, ..Ledger::default() };
        let mut add = |link: &Link| {
            let counters = link.counters();
            ledger.sent += counters.frames - counters.pauses;
            ledger.lost += counters.lost_by_rule + counters.lost_link_down - counters.lost_pauses;
        };
        self.nodes.iter().flat_map(|slot| &slot.links).for_each(&mut add);
        for slot in &self.switches {
            (0..slot.switch.port_count() as u16).for_each(|port| add(slot.switch.link(port)));
        }
        ledger
    }

    pub(super) fn place_name(&self, place: u32) -> String {
        match (place as usize).checked_sub(self.nodes.len()) {
            None => Cluster::node_name(place as u16),
            Some(switch) => format!("switch{switch}"),
        }
    }
}
