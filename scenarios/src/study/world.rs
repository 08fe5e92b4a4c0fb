//! The world of a study: its parts, one for each thread, and what they have become in the end.

use super::event::Tally;
use super::exchange::Alone;
use super::exchange::threads::Hub;
use super::part::{Part, Schedule, Watch};
use super::sending::Ended;
use super::station::{NodeSlot, Station, SwitchSlot};
use crate::options::{Milestone, Progress};
use des::{Dur, Time, TraceHash};
use fabric::topology::Standstill;
use fabric::{Switch, Topology};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Everything that is simulated.
#[derive(Debug)]
pub(super) struct World {
    pub(super) parts: Vec<Part>,
    /// Part, and station there: nodes first, then switches.
    pub(super) homes: Vec<(u16, u32)>,
    pub(super) schedule: Schedule,
    /// When the last flow begins that waits for no other.
    pub(super) last_start: Time,
    pub(super) timed_out: bool,
    /// Switches that wait for each other, why the run has not come to its end.
    pub(super) standstill: Option<Standstill>,
    /// By flow.
    pub(super) ended: Vec<Option<Ended>>,
    /// Packets that flows need, if none is sent again.
    pub(super) packets: u64,
}

/// So long after the last flow has begun, and then whenever twice the time has passed, is looked whether only pauses are
/// left. By then every adapter has sent again what was lost.
const PATIENCE: Dur = Dur::from_ms(1_000);

impl World {
    /// Runs until nothing is left to happen, or nothing but pauses, or the time limit.
    pub(super) fn run(&mut self, topology: &Topology, progress: Option<&Progress>) {
        self.parts.iter_mut().for_each(Part::start);
        let (mut look, mut hops_before) = (self.last_start + PATIENCE, None);
        loop {
            let until = look.min(self.schedule.limit);
            self.timed_out = self.run_until(until, progress);
            if !self.timed_out {
                break;
            }
            let hops = Some(self.tally().packet_hops);
            if until == self.schedule.limit || hops == hops_before {
                let switches: Vec<&Switch> = self.switches().map(|slot| &slot.switch).collect();
                self.standstill = topology.standstill(&switches, self.tally().last);
            }
            if until == self.schedule.limit || self.standstill.is_some() {
                break;
            }
            hops_before = hops;
            look += look.since(Time::ZERO);
        }
        for ended in self.parts.iter_mut().flat_map(|part| part.ended.drain(..)) {
            self.ended[ended.flow as usize] = Some(ended);
        }
    }

    /// Runs what happens before `limit`, each part on a thread of its own; returns whether something is left.
    pub(super) fn run_until(&mut self, limit: Time, progress: Option<&Progress>) -> bool {
        let Tally { events, packets, .. } = self.tally();
        let told = Told { events: events.into(), packets: packets.into() };
        let (schedule, packets) = (Schedule { limit, ..self.schedule }, self.packets);
        let reporter = |part: &Part| Reporter {
            told: &told,
            progress: progress.filter(|_| part.number == 0),
            packets,
            before: (part.tally.events, part.tally.packets),
            rounds: 0,
        };
        match self.parts.as_mut_slice() {
            [only] => {
                let mut reporter = reporter(only);
                only.run(schedule, &mut Alone, &mut reporter)
            }
            parts => {
                let hub = Hub::new(parts.len());
                std::thread::scope(|scope| {
                    let run = |(number, part): (usize, &mut Part)| {
                        let mut reporter = reporter(part);
                        part.run(schedule, &mut hub.seat(number), &mut reporter)
                    };
                    let (first, others) = parts.split_first_mut().expect("a world has a part");
                    for numbered in (1..).zip(others) {
                        scope.spawn(move || run(numbered));
                    }
                    run((0, first))
                })
            }
        }
    }

    /// What has happened.
    pub(super) fn tally(&self) -> Tally {
        self.parts.iter().map(|part| part.tally).fold(Tally::default(), Tally::and)
    }

    pub(super) fn stations(&self) -> impl Iterator<Item = &Station> {
        self.homes.iter().map(|&(part, station)| &self.parts[usize::from(part)].stations[station as usize])
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &NodeSlot> {
        self.stations().filter_map(|station| match station {
            Station::Node(slot) => Some(&**slot),
            Station::Switch(_) => None,
        })
    }

    pub(super) fn switches(&self) -> impl Iterator<Item = &SwitchSlot> {
        self.stations().filter_map(|station| match station {
            Station::Switch(slot) => Some(&**slot),
            Station::Node(_) => None,
        })
    }

    /// The fingerprint of the run: every node's and switch's own, in their order.
    pub(super) fn trace_hash(&self) -> TraceHash {
        let mut hash = TraceHash::new();
        self.stations().for_each(|station| hash.mix(station.hash().value()));
        self.tally().mix_into(&mut hash);
        hash
    }
}

/// What all parts together have done.
#[derive(Debug, Default)]
struct Told {
    events: AtomicU64,
    packets: AtomicU64,
}

/// Adds up, and tells whoever waits for the run.
struct Reporter<'a> {
    told: &'a Told,
    progress: Option<&'a Progress>,
    /// What all flows need.
    packets: u64,
    /// Events and packets of this part, as they were added.
    before: (u64, u64),
    /// Since the last report.
    rounds: u32,
}

/// Rounds from one report to the next: threads share what they report to.
const ROUNDS_PER_REPORT: u32 = 16;

impl Watch for Reporter<'_> {
    fn round(&mut self, tally: &Tally) {
        self.rounds = (self.rounds + 1) % ROUNDS_PER_REPORT;
        if self.rounds != 0 {
            return;
        }
        let Tally { events, packets, .. } = *tally;
        let all_events = self.told.events.fetch_add(events - self.before.0, Relaxed);
        let all_packets = self.told.packets.fetch_add(packets - self.before.1, Relaxed);
        self.before = (events, packets);
        if let Some(progress) = self.progress {
            // Those sent again do not bring the end nearer.
            let permille = (all_packets.saturating_mul(1_000) / self.packets.max(1)).min(999);
            progress.set(Milestone { events: all_events, simulated_ps: tally.last.as_ps(), permille });
        }
    }
}
