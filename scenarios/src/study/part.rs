//! A part of the world: the stations that one thread simulates, window by window.
//!
//! Within a window no station can influence another. So each works off its own events while its state lies in the nearest
//! cache, and what it sends waits in the bags of the others.

use super::event::{Event, Parcel, Place, Tally};
use super::exchange::Exchange;
use super::node::Ended;
use super::station::{NodeSlot, Sink, Station};
use des::{Agenda, Dur, Key, Time};
use std::hint::black_box;
use std::ops::Range;
use wire::Spares;

/// What parts must agree on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// The shortest latency of a cable: nobody influences another sooner.
    pub(super) look_ahead: Dur,
    /// Every cable leads from one side of the world to the other. Without sides, all stations are on the first.
    pub(super) has_sides: bool,
    /// Nothing happens from then on.
    pub(super) limit: Time,
}

/// Nothing is due on either side.
const NEVER: [Time; 2] = [Time::MAX; 2];

/// The stations of one side work off what lies before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    side: usize,
    end: Time,
}

impl Schedule {
    /// The next window, from when something is next due on each side. With sides, those of one do not hear of each other before
    /// two cables have been crossed, so the sides take turns, with windows of twice the length.
    fn window(&self, soonest: [Time; 2]) -> Window {
        let [first, second] = soonest;
        let (own, other) = (first.min(second), first.max(second));
        let reach = if self.has_sides { other.min(own + self.look_ahead) } else { own };
        let side = usize::from(self.has_sides && second < first);
        Window { side, end: (reach + self.look_ahead).min(self.limit) }
    }
}

/// Told after every window: what has happened in this part, and flows that have ended here.
pub(super) trait Watch {
    fn window(&mut self, tally: &Tally, ended: usize);
}

/// Stations and their events.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Its number.
    pub(super) number: u16,
    pub(super) stations: Vec<Station>,
    pub(super) post: Post,
    pub(super) tally: Tally,
    /// Flows that have ended at senders of this part.
    pub(super) ended: Vec<Ended>,
}

/// What is to happen, here and elsewhere.
#[derive(Debug, Default)]
pub(super) struct Post {
    pub(super) agendas: Vec<Agenda<Event>>,
    /// Number of the present window.
    window: u64,
    /// When something is due, by station.
    pub(super) next: Vec<Time>,
    /// The stations from this one on are on the second side.
    second_side: usize,
    /// For other parts.
    pub(super) outboxes: Vec<Vec<Parcel>>,
    /// The soonest in the outboxes for each side; [`Time::MAX`] if nothing is there.
    sent: [Time; 2],
    /// Frames that have been used up, for each node in its turn to build others in.
    spares: Spares,
}

impl Post {
    fn deliver(&mut self, station: u32, key: Key, event: Event) {
        let next = &mut self.next[station as usize];
        *next = key.time().min(*next);
        self.agendas[station as usize].deliver(self.window, key, event);
    }

    /// To a station of another part, on that side.
    fn send(&mut self, part: u16, side: usize, parcel: Parcel) {
        self.sent[side] = self.sent[side].min(parcel.key.time());
        self.outboxes[usize::from(part)].push(parcel);
    }

    /// Takes the soonest that will happen here, or was sent elsewhere, on each side.
    fn take_soonest(&mut self) -> [Time; 2] {
        let (first, second) = self.next.split_at(self.second_side);
        let sent = std::mem::replace(&mut self.sent, NEVER);
        [(first, sent[0]), (second, sent[1])].map(|(next, sent)| next.iter().copied().fold(sent, Time::min))
    }
}

/// Where events of one station go.
struct Desk<'a> {
    post: &'a mut Post,
    part: u16,
    station: usize,
}

impl Desk<'_> {
    /// The side of those that the station's cables lead to. Without sides it does not matter.
    const fn other_side(&self) -> usize {
        (self.station < self.post.second_side) as usize
    }
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
            self.post.send(place.part, self.other_side(), Parcel { station: place.station, key, event });
        }
    }
}

/// Stations whose frames on the way lie in a cache that is near.
const STATIONS_NEAR: usize = 64;

/// Has what the frames of a window need brought from memory, all at once.
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

/// Works off a node's events of the open window; gives when it wants to be woken next.
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
    /// A part among `parts`, empty, whose second side will begin with the station of this number.
    pub(super) fn new(number: u16, parts: usize, second_side: usize) -> Self {
        let outboxes = std::iter::repeat_with(Vec::new).take(parts).collect();
        Self { number, post: Post { outboxes, second_side, sent: NEVER, ..Post::default() }, ..Self::default() }
    }

    /// Takes in the next station.
    pub(super) fn add(&mut self, station: Station, agenda: Agenda<Event>) {
        self.stations.push(station);
        self.post.next.push(agenda.next_time());
        self.post.agendas.push(agenda);
    }

    /// Runs until nothing is left to happen anywhere, or the limit; returns whether something is left.
    pub(super) fn run(&mut self, schedule: Schedule, exchange: &mut impl Exchange, watch: &mut impl Watch) -> bool {
        let mut inbox = Vec::new();
        loop {
            let soonest = self.post.take_soonest();
            let soonest = exchange.meet(soonest, &mut self.post.outboxes, &mut inbox);
            inbox.drain(..).for_each(|Parcel { station, key, event }| self.post.deliver(station, key, event));
            if soonest.iter().all(|soonest| *soonest >= schedule.limit) {
                return soonest != NEVER;
            }
            let Window { side, end } = schedule.window(soonest);
            self.post.window += 1;
            for index in self.stations_of(side) {
                if self.post.next[index] < end {
                    self.run_station(index, end);
                }
            }
            watch.window(&self.tally, self.ended.len());
        }
    }

    /// The stations of a side.
    fn stations_of(&self, side: usize) -> Range<usize> {
        let (second, all) = (self.post.second_side, self.stations.len());
        if side == 0 { 0..second } else { second..all }
    }

    /// Works off a station's events of a window.
    fn run_station(&mut self, index: usize, end: Time) {
        let Self { number, stations, post, tally, ended } = self;
        post.agendas[index].open(post.window, end);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_take_turns_and_reach_two_cables_ahead() {
        let at = Time::from_ps;
        let schedule = Schedule { look_ahead: Dur::from_ps(10), has_sides: true, limit: at(100) };
        let window = |soonest: [u64; 2]| {
            let Window { side, end } = schedule.window(soonest.map(at));
            (side, end.as_ps())
        };
        // Nobody has begun; then those of the second side are behind, and then each side by turns.
        assert_eq!(window([5, 5]), (0, 15));
        assert_eq!(window([15, 5]), (1, 25));
        assert_eq!(window([15, 25]), (0, 35));
        // The other side may be woken by what this one sends, or be silent for long.
        assert_eq!(window([15, 19]), (0, 29));
        assert_eq!(window([15, u64::MAX]), (0, 35));
        assert_eq!(window([95, 91]), (1, 100), "not beyond the limit");
        let one_side = Schedule { has_sides: false, ..schedule };
        assert_eq!(one_side.window([at(15), Time::MAX]), Window { side: 0, end: at(25) });
        assert_eq!(one_side.window([at(15), at(12)]), Window { side: 0, end: at(22) }, "parcels may be sooner");
    }
}
