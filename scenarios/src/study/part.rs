//! A part of the world: the stations that one thread simulates, round by round.
//!
//! In its turn no other station can influence a station. So it works off its own events while its state lies in the nearest
//! cache, and what it sends waits in the bags of the others.

use super::event::{Event, Parcel, Place, Tally};
use super::exchange::Exchange;
use super::rounds::{Round, Turn};
use super::sending::Ended;
use super::station::{NodeSlot, Sink, Station};
use des::{Agenda, Dur, Key, Time};
use std::hint::black_box;
use wire::Spares;

/// What parts must agree on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// The shortest latency of a cable: nobody influences another sooner.
    pub(super) look_ahead: Dur,
    /// Nothing happens from then on.
    pub(super) limit: Time,
}

/// Told after every round what has happened in this part.
pub(super) trait Watch {
    fn round(&mut self, tally: &Tally);
}

/// Stations and their events.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Its number.
    pub(super) number: u16,
    pub(super) stations: Vec<Station>,
    pub(super) round: Round,
    pub(super) post: Post,
    pub(super) tally: Tally,
    /// Flows that have ended at senders of this part.
    pub(super) ended: Vec<Ended>,
}

/// What is to happen, here and elsewhere.
#[derive(Debug, Default)]
pub(super) struct Post {
    pub(super) agendas: Vec<Agenda<Event>>,
    /// When something is due, by station.
    pub(super) next: Vec<Time>,
    /// For other parts.
    pub(super) outboxes: Vec<Vec<Parcel>>,
    /// The soonest in the outboxes; `None` if nothing is there.
    sent: Option<Time>,
    /// Frames that have been used up, for each node in its turn to build others in.
    spares: Spares,
}

impl Post {
    fn deliver(&mut self, station: u32, key: Key, event: Event) {
        let next = &mut self.next[station as usize];
        *next = key.time().min(*next);
        self.agendas[station as usize].deliver(key, event);
    }

    /// To a station of another part.
    fn send(&mut self, part: u16, parcel: Parcel) {
        let at = parcel.key.time();
        self.sent = Some(self.sent.map_or(at, |sent| sent.min(at)));
        self.outboxes[usize::from(part)].push(parcel);
    }

    /// Takes the soonest that will happen here, or was sent elsewhere.
    fn take_soonest(&mut self) -> Time {
        let sent = self.sent.take().unwrap_or(Time::MAX);
        self.next.iter().copied().fold(sent, Time::min)
    }
}

/// Where events of one station go.
struct Desk<'a> {
    post: &'a mut Post,
    part: u16,
    station: usize,
}

impl Sink for Desk<'_> {
    fn own(&mut self, key: Key, event: Event) {
        self.post.agendas[self.station].push(key, event);
    }

    fn beyond(&mut self, place: Place, key: Key, event: impl FnOnce(u16) -> Event) {
        let event = event(place.port);
        if place.part == self.part {
            self.post.deliver(place.station, key, event);
        } else {
            self.post.send(place.part, Parcel { station: place.station, key, event });
        }
    }
}

/// Stations whose frames on the way lie in a cache that is near.
const STATIONS_NEAR: usize = 64;

/// Has what the frames of a turn need brought from memory, all at once.
fn touch(station: &Station, agenda: &Agenda<Event>) {
    let frames = agenda.due().iter().filter_map(|(_, event)| match event {
        Event::Frame { frame, .. } => Some(frame),
        _ => None,
    });
    match station {
        Station::Node(slot) => {
            black_box(slot.touch());
            black_box(frames.fold(0, |sum, frame| sum ^ frame.touch()));
        }
        Station::Switch(slot) => {
            black_box(frames.clone().fold(0, |sum, frame| sum ^ frame.touch_head()));
            black_box(frames.clone().next().map(|frame| slot.switch.touch(frame)));
            black_box(frames.fold(0, |sum, frame| sum ^ slot.switch.touch_way(frame)));
        }
    }
}

/// Works off a node's events of its turn; gives when it wants to be woken next.
fn run_node(slot: &mut NodeSlot, end: Time, tally: &mut Tally, desk: &mut Desk<'_>) -> Time {
    loop {
        // Of one moment, what was planned comes first.
        let wake = slot.node.hardware.next_wake();
        let planned = wake.min(Time::from_ps(end.as_ps() - 1)) + Dur::from_ps(1);
        if let Some((key, event)) = desk.post.agendas[desk.station].pop_before(planned) {
            slot.handle(key.time(), event, tally, desk);
        } else if wake < end {
            slot.wake(wake, tally, desk);
        } else {
            return wake;
        }
    }
}

impl Part {
    /// A part among `parts`, without stations.
    pub(super) fn new(number: u16, parts: usize, round: Round) -> Self {
        let outboxes = std::iter::repeat_with(Vec::new).take(parts).collect();
        Self { number, round, post: Post { outboxes, ..Post::default() }, ..Self::default() }
    }

    /// Takes in the next station.
    pub(super) fn add(&mut self, station: Station, agenda: Agenda<Event>) {
        self.stations.push(station);
        self.post.next.push(agenda.next_time());
        self.post.agendas.push(agenda);
    }

    /// Runs until nothing is left to happen anywhere, or the limit; returns whether something is left.
    pub(super) fn run(&mut self, schedule: Schedule, exchange: &mut impl Exchange, watch: &mut impl Watch) -> bool {
        let round = std::mem::take(&mut self.round);
        let is_left = self.run_rounds(&round, schedule, exchange, watch);
        self.round = round;
        is_left
    }

    fn run_rounds(
        &mut self,
        Round { layers, length_cables }: &Round,
        schedule: Schedule,
        exchange: &mut impl Exchange,
        watch: &mut impl Watch,
    ) -> bool {
        let times = |cables: u32| schedule.look_ahead * u64::from(cables);
        let (mut begin, mut earliest, mut inbox) = (Time::ZERO, Time::ZERO, Vec::new());
        loop {
            for (number, turns) in layers.iter().enumerate() {
                let soonest = exchange.meet(self.post.take_soonest(), &mut self.post.outboxes, &mut inbox);
                inbox.drain(..).for_each(|Parcel { station, key, event }| self.post.deliver(station, key, event));
                if number == 0 {
                    if soonest >= schedule.limit {
                        return soonest != Time::MAX;
                    }
                    // Silence costs nothing.
                    begin = soonest.max(earliest);
                    earliest = begin + times(*length_cables);
                }
                for Turn { stations, reach_cables } in turns {
                    self.run_stations(stations, (begin + times(*reach_cables)).min(schedule.limit));
                }
            }
            watch.round(&self.tally);
        }
    }

    /// Has stations work off what lies before `end`.
    fn run_stations(&mut self, stations: &[u32], end: Time) {
        for &station in stations {
            if self.post.next[station as usize] < end {
                self.run_station(station as usize, end);
            }
        }
    }

    /// Works off a station's events before `end`.
    fn run_station(&mut self, index: usize, end: Time) {
        let Self { number, stations, post, tally, ended, .. } = self;
        post.agendas[index].open(end);
        if stations.len() > STATIONS_NEAR {
            touch(&stations[index], &post.agendas[index]);
        }
        let mut desk = Desk { post, part: *number, station: index };
        let wake = match &mut stations[index] {
            Station::Node(slot) => {
                std::mem::swap(slot.node.hardware.nic.spares(), &mut desk.post.spares);
                let wake = run_node(slot, end, tally, &mut desk);
                ended.append(&mut slot.node.ended);
                std::mem::swap(slot.node.hardware.nic.spares(), &mut desk.post.spares);
                wake
            }
            Station::Switch(slot) => {
                while let Some((key, event)) = desk.post.agendas[index].pop_before(end) {
                    slot.handle(key.time(), event, tally, &mut desk);
                }
                Time::MAX
            }
        };
        post.next[index] = post.agendas[index].next_time().min(wake);
    }

    /// Takes what stations wanted to happen before time zero.
    pub(super) fn start(&mut self) {
        let Self { number, stations, post, tally, .. } = self;
        for (index, station) in stations.iter_mut().enumerate() {
            if let Station::Node(slot) = station {
                slot.collect(tally, &mut Desk { post, part: *number, station: index });
                post.next[index] = post.agendas[index].next_time().min(slot.node.hardware.next_wake());
            }
        }
    }
}
