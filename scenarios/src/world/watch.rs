//! A run that is watched: records, hashes of blocks, and the state at a moment.

use super::{Event, Place, What, World};
use crate::node::{Later, NodeEvent};
use crate::record::moment::StateHash;
use crate::record::{Chain, Evidence, Kind, Moment, Recorder, Watch};
use crate::spec::Cluster;
use des::{Dur, Key, Time, TraceHash};
use fabric::Link;
use fabric::address::Endpoint;
use fabric::capture::{Cause, Lost};
use fabric::switch::DropReason;
use std::sync::atomic::{AtomicU64, Ordering};
use wire::{Ecn, Frame};

/// Runs so far of this process: what a planted flaw depends on, and nothing else may.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// What is written down besides records.
#[derive(Debug)]
pub(super) struct Watcher {
    block_events: Option<u64>,
    chains: Vec<Chain>,
    moment_at: Option<Time>,
    moment: Option<Moment>,
    unsteady: Option<(Time, Dur)>,
}

impl World {
    /// Watches the run that is to come.
    pub(crate) fn watch(&mut self, watch: Watch) {
        if watch == Watch::default() {
            return;
        }
        let nodes = (0..self.nodes.len()).map(|node| Cluster::node_name(node as u16));
        let places = nodes.chain((0..self.switches.len()).map(|switch| format!("switch{switch}"))).collect();
        self.schedule.recorder = watch.record.map(|window| Box::new(Recorder::new(window, places)));
        for slot in &self.nodes {
            slot.node.core().meter.log = watch.record.map(|_| Vec::new());
        }
        if watch.record.is_some() {
            self.nodes.iter_mut().flat_map(|slot| &mut slot.links).for_each(Link::keep_lost);
            self.switches.iter_mut().for_each(|slot| slot.switch.keep_lost());
        }
        let late = Dur::from_ns(RUNS.fetch_add(1, Ordering::Relaxed));
        self.watcher = Some(Box::new(Watcher {
            block_events: watch.block_events,
            chains: vec![Chain::default(); self.nodes.len() + self.switches.len()],
            moment_at: watch.moment,
            moment: None,
            unsteady: watch.unsteady.map(|from| (from, late)),
        }));
    }

    /// As [`handle`](Self::handle), written down.
    #[cold]
    pub(super) fn handle_watched(&mut self, key: Key, mut event: Event) {
        let (now, place) = (key.time(), event.entity);
        self.take_moment(now);
        self.disturb(now, &mut event);
        if let Some(recorder) = &mut self.schedule.recorder {
            recorder.begin(key, place, kind(&event.what));
        }
        let happened = self.handle(key, event);
        self.record_after(now, place as usize);
        let hash = self.hash_of(place as usize);
        if let Some(Watcher { block_events: Some(size), chains, .. }) = self.watcher.as_deref_mut()
            && happened
        {
            chains[place as usize].event(*size, now, hash);
        }
    }

    /// What an event changed, as further records.
    fn record_after(&mut self, now: Time, place: usize) {
        if self.schedule.recorder.is_none() {
            return;
        }
        let lost = self.lost(place);
        let Some(recorder) = &mut self.schedule.recorder else { return };
        lost.into_iter().for_each(|(at, kind)| recorder.note(at, place as u32, kind));
        match place.checked_sub(self.nodes.len()) {
            None => {
                let mut core = self.nodes[place].node.core();
                for (time, kind) in core.meter.log.iter_mut().flat_map(|log| log.drain(..)) {
                    recorder.note(time, place as u32, kind);
                }
                recorder.counters(now, place as u32, &core.hardware.nic.counters());
            }
            Some(switch) => {
                let switch = &self.switches[switch].switch;
                recorder.buffered(now, place as u32, switch.buffered_bytes());
            }
        }
    }

    /// Frames that a node or switch has lost, as records with their times.
    fn lost(&mut self, place: usize) -> Vec<(Time, Kind)> {
        let lost = match place.checked_sub(self.nodes.len()) {
            None => {
                let links = (0..).zip(&mut self.nodes[place].links);
                links.flat_map(|(port, link)| link.take_lost().into_iter().map(move |lost| (port, lost))).collect()
            }
            Some(switch) => self.switches[switch].switch.take_lost(),
        };
        let record = |(port, lost): (u16, Lost)| {
            let here = Place { entity: place as u32, port };
            let peer = self.place_name(self.peer_of(here).entity);
            // Without a way there is only the port where it came in.
            let arrow = if lost.cause == Cause::Switch(DropReason::NoRoute) { "<-" } else { "->" };
            (lost.at, lost_kind(format!("port {port} {arrow} {peer}"), self.why(here, lost.cause), &lost.frame))
        };
        lost.into_iter().map(record).collect()
    }

    /// Why a frame was lost at a place.
    fn why(&self, place: Place, cause: Cause) -> String {
        let words = match cause {
            Cause::Rule(rule) => {
                let row = self.wire_rows.iter().find(|(_, at, index)| (*at, *index) == (place, rule));
                return row.map_or_else(|| "error rate of the cable".to_owned(), |(id, ..)| format!("row {id}"));
            }
            Cause::Switch(DropReason::NoRoute) => "the switch knows no way",
            Cause::Switch(DropReason::BufferFull) => "the switch's buffer is full",
            Cause::Switch(DropReason::HeadroomFull) => "the headroom is full",
            Cause::Switch(DropReason::Storm) => "pause storm",
        };
        words.to_owned()
    }

    fn hash_of(&self, place: usize) -> TraceHash {
        match place.checked_sub(self.nodes.len()) {
            None => self.nodes[place].node.core().hash,
            Some(switch) => self.switches[switch].hash,
        }
    }

    /// The planted flaw: a pause of the line is seen where there was none, in every run another one.
    fn disturb(&mut self, now: Time, event: &mut Event) {
        let Some(watcher) = self.watcher.as_deref_mut() else { return };
        if let (Some((from, late)), 1, What::Node(what)) = (watcher.unsteady, event.entity, &mut event.what)
            && now >= from
            && matches!(what, NodeEvent::Hardware(Later::Interrupt(_)))
        {
            watcher.unsteady = None;
            self.nodes[1].node.core().hardware.later.push((now + late, des::Phase::Host, Later::Interrupt(0)));
        }
    }

    /// The state, before the first event after the moment.
    fn take_moment(&mut self, now: Time) {
        let Some(at) = self.watcher.as_ref().and_then(|watcher| watcher.moment_at).filter(|&at| at < now) else {
            return;
        };
        let moment = self.moment(at);
        if let Some(watcher) = self.watcher.as_deref_mut() {
            (watcher.moment_at, watcher.moment) = (None, Some(moment));
        }
    }

    fn moment(&self, at: Time) -> Moment {
        let mut state = StateHash(self.trace_hash());
        for slot in &self.nodes {
            let core = slot.node.core();
            state.numbers(core.hardware.nic.counters().values());
            state.numbers([core.hardware.memory.allocated_pages() as u64, core.hardware.under_way() as u64]);
            state.numbers([core.meter.messages, slot.node.runtime().unfinished() as u64]);
        }
        for slot in &self.switches {
            state.numbers([slot.switch.buffered_bytes(), slot.switch.queued_frames() as u64]);
        }
        // The event that is being handled was planned as well.
        state.moment(at, self.events, self.schedule.len() as u64 + 1)
    }

    /// What was written down.
    pub(super) fn evidence(&mut self) -> Evidence {
        let recording = self.schedule.recorder.take().map(|recorder| recorder.finish());
        let Some(mut watcher) = self.watcher.take() else { return Evidence::default() };
        let chains = if watcher.block_events.is_some() { std::mem::take(&mut watcher.chains) } else { Vec::new() };
        Evidence { recording, chains: chains.into_iter().map(Chain::finish).collect(), moment: watcher.moment }
    }
}

/// An event as a record.
fn kind(what: &What) -> Kind {
    match what {
        What::Node(event) => match event {
            NodeEvent::Hardware(Later::Mmio) => Kind::Doorbell,
            NodeEvent::Hardware(Later::DmaDone(_)) => Kind::DmaDone,
            NodeEvent::Hardware(Later::NicWake) => Kind::NicWake,
            NodeEvent::Hardware(Later::Interrupt(vector)) => Kind::Interrupt { vector: *vector },
            NodeEvent::Frame { frame, .. } => frame_kind(frame),
            NodeEvent::Pause { classes, length, .. } => Kind::Pause { priorities: *classes, length_ps: length.as_ps() },
            NodeEvent::ProviderWake => Kind::ProviderWake,
            // The callback itself is recorded when it runs.
            NodeEvent::Enter(_) | NodeEvent::Tasks => Kind::Tasks,
            NodeEvent::Strike(_) => Kind::Strike,
            NodeEvent::Leave(_) => Kind::Return,
        },
        What::Storm(_) => Kind::Strike,
        What::SwitchFrame { frame, .. } => frame_kind(frame),
        What::SwitchPause { pause, .. } => {
            Kind::Pause { priorities: pause.priorities, length_ps: pause.length.as_ps() }
        }
        What::SwitchWake { .. } => Kind::SwitchWake,
    }
}

fn lost_kind(at: String, why: String, frame: &Frame) -> Kind {
    let (what, ends, queue_pair, sequence) = match frame_kind(frame) {
        Kind::Frame { what, ends, queue_pair, sequence, .. } => (what, ends, queue_pair, sequence),
        _ => Default::default(),
    };
    Kind::Lost { at, why, what, ends, queue_pair, sequence }
}

fn frame_kind(frame: &Frame) -> Kind {
    let bytes = frame.wire_len() as u32;
    match frame.roce() {
        Ok(packet) => Kind::Frame {
            what: format!("{:?}", packet.bth.opcode),
            ends: Endpoint::of(packet.ip.source)
                .zip(Endpoint::of(packet.ip.destination))
                .map(|(from, to)| [from.0, to.0]),
            queue_pair: packet.bth.dest_qp.value(),
            sequence: packet.bth.psn.value(),
            bytes,
            marked: packet.ip.ecn == Ecn::Congested,
        },
        Err(_) => {
            let what = "no RoCE packet".to_owned();
            Kind::Frame { what, ends: None, queue_pair: 0, sequence: 0, bytes, marked: false }
        }
    }
}
