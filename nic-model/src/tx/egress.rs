//! Packets on their way out: lanes in which they wait for their payload, and the line.
//!
//! A lane keeps the order of packets of one direction of the dialogue (requests or answers) and one traffic class. Payload
//! is fetched so that it arrives when the line will be free for it: `forecast` books the line when a packet is built,
//! the line itself is booked when the packet is whole.

use crate::profile::Profile;
use crate::units::{Booked, CLASSES, Line};
use des::{Dur, Rate, Time};
use std::collections::VecDeque;
use wire::{Body, Frame, Mac, Payload, Psn, cable_len};

/// Directions of the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    /// Answers of a responder.
    Reply = 0,
    /// Requests of a requester.
    Request = 1,
}

/// Whose packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    pub(crate) qpn: u32,
    pub(crate) psn: Psn,
    pub(crate) direction: Direction,
    /// Of a request: its id.
    pub(crate) id: u32,
    /// The sender is to be told when the packet has left: nobody will acknowledge it.
    pub(crate) unreliable: bool,
}

/// Where a packet waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) lane: u8,
    pub(crate) number: u64,
}

/// A packet on its way out.
#[derive(Clone, Debug)]
struct Outgoing {
    frame: Box<Frame>,
    sender: Sender,
    /// It is for the device itself.
    loops: bool,
    /// Its payload could not be fetched.
    dropped: bool,
    payload_bytes: u32,
    wire_bytes: u32,
    /// What it takes of the line.
    line_bytes: u32,
    /// The stage that built it let it go then.
    built: Time,
    /// Its payload is there then; [`Time::MAX`] while that is not known.
    whole: Time,
}

/// A packet put on the line.
#[derive(Debug)]
pub(crate) struct Leaving {
    pub(crate) frame: Box<Frame>,
    pub(crate) sender: Sender,
    /// It is for the device itself.
    pub(crate) loops: bool,
    pub(crate) wire_bytes: u32,
    pub(crate) booked: Booked,
}

#[derive(Clone, Debug, Default)]
struct Lane {
    /// Number of the first packet.
    first: u64,
    packets: VecDeque<Outgoing>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Room {
    packets: u32,
    bytes: u32,
}

/// Packets on their way out of a port.
#[derive(Clone, Debug)]
pub(crate) struct Egress {
    line: Line,
    /// Bytes of a frame that this kind of cable does not carry.
    not_sent: u64,
    forecast: Time,
    lanes: [Lane; 2 * CLASSES],
    /// Lanes with packets, one bit each.
    occupied: u16,
    /// The first packet in front of a lane to be whole is so then; [`Time::MAX`] if that is not known of any.
    first_whole: Time,
    used: [Room; 2],
    most: Room,
    /// How far ahead the line may be booked.
    horizon: Dur,
    /// It has been booked so far, and not yet worked off to half.
    full: bool,
    /// The port's own address, if the device sends to itself.
    own_mac: Option<Mac>,
}

impl Egress {
    pub(crate) fn new(profile: &Profile, rate: Option<Rate>) -> Self {
        let most = Room {
            packets: profile.transmit_buffer_packets.value.max(1),
            bytes: profile.transmit_buffer_bytes.value.max(1),
        };
        let lanes = std::array::from_fn(|_| Lane::default());
        let line = Line::new(rate);
        let horizon = line.time_for(most.bytes.into());
        let not_sent = profile.port_bytes_not_sent.value.into();
        Self {
            line,
            not_sent,
            forecast: Time::ZERO,
            lanes,
            occupied: 0,
            first_whole: Time::MAX,
            used: [Room::default(); 2],
            most,
            horizon,
            full: false,
            own_mac: None,
        }
    }

    /// The same for a device that sends to itself, at this address.
    pub(crate) fn looping_at(self, own_mac: Option<Mac>) -> Self {
        Self { own_mac, ..self }
    }

    /// Whether no packet waits here.
    pub(crate) const fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    /// Whether one more packet may be built in this direction. Once the line is booked as far as it may be, requests wait
    /// until half of that has been worked off: packets are built, and their payload is fetched, several at a time.
    #[inline]
    pub(crate) fn has_room(&mut self, direction: Direction, now: Time) -> bool {
        let used = self.used[direction as usize];
        let booked = self.forecast.since(now);
        let refills = direction == Direction::Request && self.full;
        let fits = booked <= if refills { self.horizon / 2 } else { self.horizon };
        if direction == Direction::Request {
            self.full = !fits;
        }
        fits && used.packets < self.most.packets && used.bytes < self.most.bytes
    }

    /// When the line has worked off half of what may be booked; [`Time::MAX`] if it is not booked that far.
    pub(crate) const fn resumes(&self, now: Time) -> Time {
        let resume = self.forecast.as_ps().saturating_sub(self.horizon.as_ps() / 2);
        if resume > now.as_ps() { Time::from_ps(resume) } else { Time::MAX }
    }

    /// When the payload of the next packet is wanted at the earliest: a little before the line is free, so that several
    /// packets of the greatest length can be fetched together.
    pub(crate) fn wanted(&self) -> Time {
        let slack = self.horizon.as_ps() / 4;
        Time::from_ps(self.forecast.as_ps().saturating_sub(slack))
    }

    /// The line is booked until then, as far as it is known.
    pub(crate) const fn booked_until(&self) -> Time {
        self.forecast
    }

    /// The lane of a packet, and the number that the next packet there gets.
    #[inline]
    pub(crate) fn next_place(&self, class: u8, direction: Direction) -> Place {
        let index = direction as usize * CLASSES + usize::from(class) % CLASSES;
        let lane = &self.lanes[index];
        Place { lane: index as u8, number: lane.first + lane.packets.len() as u64 }
    }

    /// Appends a packet of so many bytes that its stage lets go at `built`. Its payload is there, or comes at `whole` by
    /// [`deliver`](Self::deliver) or [`fetched`](Self::fetched).
    #[inline]
    pub(crate) fn append(
        &mut self,
        lane: u8,
        frame: Box<Frame>,
        wire_bytes: usize,
        sender: Sender,
        (built, whole): (Time, Option<Time>),
    ) {
        let payload_bytes = match frame.body() {
            Body::Roce(packet) => packet.payload.len() as u32,
            Body::Raw(_) => 0,
        };
        let used = &mut self.used[sender.direction as usize];
        used.packets += 1;
        used.bytes += payload_bytes;
        let ready = whole.unwrap_or(built);
        let line_bytes = (cable_len(wire_bytes) as u64).saturating_sub(self.not_sent);
        self.forecast = self.forecast.max(ready) + self.line.time_for(line_bytes);
        let whole = if whole.is_some() { Time::MAX } else { Time::ZERO };
        let (wire_bytes, line_bytes) = (wire_bytes as u32, line_bytes as u32);
        let loops = self.own_mac.is_some() && frame.dest_mac() == self.own_mac;
        let packet =
            Outgoing { frame, sender, loops, dropped: false, payload_bytes, wire_bytes, line_bytes, built, whole };
        if self.occupied >> lane & 1 == 0 {
            self.first_whole = self.first_whole.min(whole);
        }
        self.lanes[usize::from(lane)].packets.push_back(packet);
        self.occupied |= 1 << lane;
    }

    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        let booked = self.line.touch() ^ self.forecast.as_ps() ^ self.first_whole.as_ps() ^ self.not_sent;
        let room = u64::from(self.used[0].packets ^ self.most.packets) ^ u64::from(self.full ^ self.own_mac.is_some());
        let (mut lanes, mut sum) = (self.occupied, booked ^ room);
        while lanes != 0 {
            let lane = &self.lanes[lanes.trailing_zeros() as usize];
            lanes &= lanes - 1;
            sum = lane.packets.iter().fold(sum, |sum, packet| sum ^ packet.frame.touch_head() as u64);
        }
        sum
    }

    /// The payload of so many packets from `first` on is there at `whole`, of which nothing was known.
    pub(crate) fn fetched(&mut self, first: Place, packets: u16, whole: Time) {
        let Some(lane) = self.lanes.get_mut(usize::from(first.lane)) else { return };
        let start = first.number.saturating_sub(lane.first) as usize;
        for index in start..start + usize::from(packets) {
            let Some(packet) = lane.packets.get_mut(index) else { return };
            packet.whole = whole;
            if index == 0 {
                self.first_whole = self.first_whole.min(whole);
            }
        }
    }

    /// The packets in front of the lanes of a set (bit n is lane n).
    #[inline]
    fn fronts(&self, mut lanes: u16) -> impl Iterator<Item = &Outgoing> {
        std::iter::from_fn(move || {
            let index = lanes.trailing_zeros() as usize;
            lanes &= lanes.wrapping_sub(1);
            self.lanes.get(index)?.packets.front()
        })
    }

    /// When the next packet is whole, of those in front of a lane that are not by then; [`Time::MAX`] if it is not known of any.
    #[inline]
    pub(crate) fn next_whole(&self, by: Time) -> Time {
        if self.first_whole > by {
            return self.first_whole;
        }
        let waiting = self.fronts(self.occupied).map(|front| front.whole).filter(|whole| *whole > by);
        waiting.min().unwrap_or(Time::MAX)
    }

    /// The payload of a packet is there, or (`None`) will never be: `part` is asked for as many bytes as it has. Gives
    /// whose it is.
    pub(crate) fn deliver(&mut self, place: Place, part: impl FnOnce(usize) -> Option<Payload>) -> Option<Sender> {
        let lane = self.lanes.get_mut(usize::from(place.lane))?;
        let index = place.number.checked_sub(lane.first)? as usize;
        let packet = lane.packets.get_mut(index)?;
        packet.whole = Time::ZERO;
        match part(packet.payload_bytes as usize) {
            Some(payload) => packet.frame.edit(|roce| roce.payload = payload),
            None => packet.dropped = true,
        }
        if index == 0 {
            self.first_whole = Time::ZERO;
        }
        Some(packet.sender)
    }

    /// Whether a packet of a class that is not `paused` can be put on the line: one that is whole by then.
    #[inline]
    pub(crate) fn has_whole(&self, by: Time, paused: u8) -> bool {
        self.first_whole <= by && (paused == 0 || self.fronts(self.speaking(paused)).any(|front| front.whole <= by))
    }

    /// Lanes with packets of classes that are not `paused`.
    const fn speaking(&self, paused: u8) -> u16 {
        self.occupied & !((paused as u16) << CLASSES | paused as u16)
    }

    /// Puts packets of classes that are not `paused` on the line that are whole by then, each of which `depart` is given.
    #[inline]
    pub(crate) fn leave(&mut self, now: Time, by: Time, paused: u8, mut depart: impl FnMut(Leaving)) {
        let mut lanes = self.speaking(paused);
        while lanes != 0 {
            let index = lanes.trailing_zeros() as usize;
            lanes &= lanes - 1;
            let lane = &mut self.lanes[index];
            while lane.packets.front().is_some_and(|packet| packet.whole <= by) {
                let Some(packet) = lane.packets.pop_front() else { break };
                lane.first += 1;
                let used = &mut self.used[packet.sender.direction as usize];
                used.packets -= 1;
                used.bytes -= packet.payload_bytes;
                if !packet.dropped {
                    let booked = self.line.book(now.max(packet.built), packet.line_bytes.into());
                    let Outgoing { frame, sender, loops, wire_bytes, .. } = packet;
                    depart(Leaving { frame, sender, loops, wire_bytes, booked });
                }
            }
            self.occupied &= !(u16::from(lane.packets.is_empty()) << index);
        }
        self.first_whole = self.fronts(self.occupied).map(|front| front.whole).min().unwrap_or(Time::MAX);
        self.forecast = self.forecast.max(self.line.booked_until());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn frame(length: u32) -> Box<Frame> {
        Box::new(Frame::raw(Bytes::from(vec![0; length as usize])))
    }

    fn sender(psn: u32, direction: Direction) -> Sender {
        Sender { qpn: 2, psn: Psn::new(psn), direction, id: psn, unreliable: false }
    }

    fn leave_all(egress: &mut Egress, paused: u8) -> Vec<u32> {
        let mut numbers = Vec::new();
        egress.leave(Time::ZERO, Time::ZERO, paused, |leaving| numbers.push(leaving.sender.psn.value()));
        numbers
    }

    #[test]
    fn a_lane_keeps_its_order() {
        let mut egress = Egress::new(&Profile::generic(), Some(Rate::from_gbps(100)));
        let first = egress.next_place(0, Direction::Request);
        egress.append(first.lane, frame(100), 100, sender(0, Direction::Request), (Time::ZERO, Some(Time::from_ps(5))));
        let second = egress.next_place(0, Direction::Request);
        egress.append(second.lane, frame(100), 100, sender(1, Direction::Request), (Time::ZERO, None));
        let reply = egress.next_place(0, Direction::Reply);
        egress.append(reply.lane, frame(100), 100, sender(7, Direction::Reply), (Time::ZERO, None));
        assert_eq!(leave_all(&mut egress, 0), [7], "answers do not wait for requests");
        assert!(egress.deliver(first, |_| Some(Payload::EMPTY)).is_some());
        assert_eq!(leave_all(&mut egress, 0), [0, 1]);
        assert!(egress.deliver(first, |_| None).is_none(), "it has left");
    }

    #[test]
    fn payload_of_a_moment_comes_after_its_frames() {
        let mut egress = Egress::new(&Profile::generic(), None);
        let (place, before, now) = (egress.next_place(0, Direction::Request), Time::from_ps(4), Time::from_ps(5));
        egress.append(place.lane, frame(100), 100, sender(0, Direction::Request), (Time::ZERO, Some(now)));
        egress.fetched(place, 1, now);
        assert!(!egress.has_whole(before, 0));
        egress.leave(now, before, 0, |_| panic!("it is not there yet"));
        assert_eq!(egress.next_whole(before), now, "the device wants to be woken at once");
        assert!(egress.has_whole(now, 0));
    }

    #[test]
    fn what_never_comes_is_left_out_and_pauses_hold() {
        let mut egress = Egress::new(&Profile::generic(), None);
        let lost = egress.next_place(3, Direction::Request);
        egress.append(lost.lane, frame(100), 100, sender(0, Direction::Request), (Time::ZERO, Some(Time::ZERO)));
        egress.append(lost.lane, frame(100), 100, sender(1, Direction::Request), (Time::ZERO, None));
        assert!(egress.deliver(lost, |_| None).is_some());
        assert_eq!(leave_all(&mut egress, 1 << 3), [0; 0]);
        assert_eq!(leave_all(&mut egress, 0), [1]);
    }

    proptest! {
        /// Whatever is appended, fetched, delivered, paused and sent: the first moment at which something can leave is known.
        #[test]
        fn the_first_whole_packet_is_known(steps in prop::collection::vec((0..4_u8, 0..8_u8, 0..50_u64), 1..60)) {
            let mut egress = Egress::new(&Profile::generic(), None);
            for (step, class, ps) in steps {
                let place = egress.next_place(class, Direction::Request);
                let first = Place { number: egress.lanes[usize::from(place.lane)].first, ..place };
                let at = Time::from_ps(ps);
                match step {
                    0 => egress.append(place.lane, frame(60), 60, sender(0, Direction::Request), (at, Some(at))),
                    1 if !egress.fronts(1 << place.lane).any(|front| front.whole < Time::MAX) => egress.fetched(first, 1, at),
                    2 => _ = egress.deliver(first, |_| None),
                    _ => egress.leave(at, at, 1 << class, |_| {}),
                }
                let fronts = || egress.lanes.iter().filter_map(|lane| lane.packets.front()).map(|front| front.whole);
                prop_assert_eq!(egress.first_whole, fronts().min().unwrap_or(Time::MAX));
                let later = fronts().filter(|whole| *whole > at).min();
                prop_assert_eq!(egress.next_whole(at), later.unwrap_or(Time::MAX));
                prop_assert_eq!(egress.has_whole(at, 0), fronts().any(|whole| whole <= at));
            }
        }
    }

    #[test]
    fn the_line_is_not_booked_beyond_its_buffer() {
        let mut egress = Egress::new(&Profile::generic(), Some(Rate::from_gbps(100)));
        let mut count = 0;
        while egress.has_room(Direction::Request, Time::ZERO) {
            let place = egress.next_place(0, Direction::Request);
            egress.append(place.lane, frame(4096), 4096, sender(count, Direction::Request), (Time::ZERO, None));
            leave_all(&mut egress, 0);
            count += 1;
        }
        assert!((16..20).contains(&count), "64 KiB: {count}");
        let resumes = egress.resumes(Time::ZERO);
        assert_ne!(resumes, Time::MAX, "it is booked");
        assert!(egress.has_room(Direction::Request, resumes));
    }
}
