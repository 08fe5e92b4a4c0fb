//! Payload on its way from host memory: packets that follow each other are fetched with one answer while the line is
//! busy with those before them anyway.
//!
//! The link is booked packet by packet. One answer for several costs one event instead of several, and no packet leaves
//! later for it: the first could not have left before the last one's payload is there.

use super::{Direction, Place, Sender};
use crate::dma::{Cx, Purpose, slice};
use crate::ethernet::EthernetPort;
use crate::interface::Interface;
use crate::mem::push_segment;
use crate::nic::Nic;
use crate::port::{DmaError, DmaKind, Segments};
use des::Time;
use wire::{NakCode, Payload, Psn};

/// Most packets of one answer.
const PACKETS_MAX: u16 = 16;

/// Packets of one request whose payload has been booked and not asked for.
#[derive(Clone, Debug)]
pub(crate) struct Gathering {
    /// How many; nothing else counts if there are none.
    packets: u16,
    /// Of the first.
    place: Place,
    sender: Sender,
    /// Where it lies; nobody asks where payload is elided.
    segments: Segments,
    /// When all of it is there.
    done: Time,
    /// The line is booked until then with what goes before.
    line_free: Time,
}

impl Gathering {
    /// Nothing.
    pub(crate) fn none() -> Self {
        let sender = Sender { qpn: 0, psn: Psn::new(0), direction: Direction::Request, id: 0, unreliable: false };
        let (place, done, line_free) = (Place { lane: 0, number: 0 }, Time::ZERO, Time::ZERO);
        Self { packets: 0, place, sender, segments: Segments::new(), done, line_free }
    }

    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) const fn touch(&self) -> u64 {
        self.packets as u64 ^ self.place.number ^ self.done.as_ps() ^ self.sender.qpn as u64
    }

    /// Whether a packet at `place` whose payload is there at `done` may join without making the first one late.
    fn takes(&self, place: Place, sender: &Sender, done: Time) -> bool {
        let follows = place.lane == self.place.lane && place.number == self.place.number + u64::from(self.packets);
        // A refusal of the host must strike no other request.
        let same =
            (sender.qpn, sender.id, sender.direction) == (self.sender.qpn, self.sender.id, self.sender.direction);
        follows && same && done <= self.line_free && (1..PACKETS_MAX).contains(&self.packets)
    }
}

impl EthernetPort {
    /// Fetches the payload of the packet that comes to `place`; gives when it is there.
    #[inline]
    pub(super) fn gather(
        &mut self,
        cx: &mut Cx<'_>,
        host: &mut Interface,
        at: Time,
        place: Place,
        sender: Sender,
        segments: Segments,
    ) -> Time {
        let done = host.book(at, &segments).max(self.egress.wanted());
        if !self.gathering.takes(place, &sender, done) {
            self.finish_gathering(cx, host);
            let open = &mut self.gathering;
            (open.place, open.sender, open.done) = (place, sender, done);
            open.line_free = self.egress.booked_until();
        }
        let open = &mut self.gathering;
        open.packets += 1;
        open.done = open.done.max(done);
        if !self.elides_payload {
            segments.into_iter().for_each(|segment| push_segment(&mut open.segments, segment));
        }
        done
    }

    /// No more packets for now: asks for what has been booked. Where payload is elided nobody need be asked.
    #[inline]
    pub(super) fn finish_gathering(&mut self, cx: &mut Cx<'_>, host: &mut Interface) {
        let Gathering { packets, place, segments, done, .. } = &mut self.gathering;
        let (packets, place, done) = (std::mem::take(packets), *place, *done);
        if packets == 0 {
            return;
        }
        if self.elides_payload {
            self.egress.fetched(place, packets, done);
        } else {
            let purpose = Purpose::Gather { port: self.number, place, packets };
            host.dma.ask(cx, purpose, std::mem::take(segments), DmaKind::Message, done);
        }
    }
}

impl Nic {
    /// The payload of packets is there, or not.
    pub(crate) fn gathered(
        &mut self,
        cx: &mut Cx<'_>,
        port: u8,
        first: Place,
        packets: u16,
        data: Result<Payload, DmaError>,
    ) {
        self.host.counters.dma_errors += u64::from(data.is_err());
        let mut offset = 0;
        for number in (first.number..).take(packets.into()) {
            let Some(port) = self.ports.get_mut(usize::from(port)) else { return };
            let part = |length: usize| {
                let part = data.as_ref().ok().map(|data| slice(data, offset, length));
                offset += length;
                part
            };
            let place = Place { number, ..first };
            let Some(sender) = port.egress.deliver(place, part).filter(|_| data.is_err()) else { continue };
            match sender.direction {
                Direction::Request => self.fail_request(cx, sender.qpn, sender.id, None),
                Direction::Reply => self.fail_reply(cx, sender.qpn, sender.psn, NakCode::RemoteOperational),
            }
        }
    }
}
