//! A port: its addresses, its turn order, and what waits for the line.

use crate::config::{Config, PortConfig};
use crate::regs::bar::Features;
use crate::regs::block::Gid;
use crate::tx::{Direction, Egress, Gathering};
use crate::units::{Arbiter, CLASSES, Dues};
use des::{Dur, Rate, Time};
use wire::Mac;

/// A port.
#[derive(Clone, Debug)]
pub(crate) struct EthernetPort {
    pub(crate) number: u8,
    pub(crate) mac: Mac,
    pub(crate) guid: u64,
    /// Source address table.
    pub(crate) addresses: Vec<Gid>,
    pub(crate) up: bool,
    /// Queue pairs with requests to send.
    pub(crate) requests: Arbiter<u32>,
    /// Queue pairs with answers to send.
    pub(crate) replies: Arbiter<u32>,
    /// Queue pairs that keep a distance: from when on, what, in which class.
    pub(crate) paced: Dues<(Direction, u8, u32)>,
    pub(crate) egress: Egress,
    /// Payload that is about to be asked for; only while the port is being served.
    pub(crate) gathering: Gathering,
    /// See [`Config::elides_payload`](crate::Config::elides_payload).
    pub(crate) elides_payload: bool,
    paused_until: [Time; CLASSES],
    paused_since: [Time; CLASSES],
    /// Nothing is paused from then on.
    all_speak: Time,
}

impl EthernetPort {
    /// Port `number` of a device.
    pub(crate) fn new(number: u8, device: &Config, rate: Option<Rate>) -> Self {
        let PortConfig { mac, guid } = device.ports[usize::from(number)];
        let loops = device.features.contains(Features::LOOPBACK);
        Self {
            number,
            mac,
            guid,
            addresses: vec![Gid::default(); device.limits.max_addresses as usize],
            up: true,
            requests: Arbiter::new(),
            replies: Arbiter::new(),
            paced: Dues::new(),
            egress: Egress::new(&device.profile, rate).looping_at(Some(mac).filter(|_| loops)),
            gathering: Gathering::none(),
            elides_payload: device.elides_payload,
            paused_until: [Time::ZERO; CLASSES],
            paused_since: [Time::ZERO; CLASSES],
            all_speak: Time::ZERO,
        }
    }

    /// See [`Nic::touch`](crate::Nic::touch).
    pub(crate) fn touch(&self) -> u64 {
        let waiting = self.paced.next().map_or(0, Time::as_ps) ^ self.gathering.touch();
        let asks = self.requests.has_work(0) ^ self.replies.has_work(0) ^ self.up;
        let first = self.addresses.first().map_or(0, |gid| gid.0[0]) ^ self.mac.0[0];
        waiting ^ self.egress.touch() ^ self.all_speak.as_ps() ^ u64::from(first ^ u8::from(asks))
    }

    /// The other end of the cable asks for silence in some classes, or ends it. Gives the silence that is over or goes on,
    /// added up, since it was last told.
    pub(crate) fn pause(&mut self, now: Time, classes: u8, length: Dur) -> Dur {
        let mut silent = Dur::ZERO;
        for (class, (since, until)) in self.paused_since.iter_mut().zip(&mut self.paused_until).enumerate() {
            if classes >> class & 1 != 0 {
                silent += (*until).min(now).since(*since);
                (*since, *until) = (now, now + length);
            }
        }
        self.all_speak = self.paused_until.into_iter().max().unwrap_or(Time::ZERO);
        silent
    }

    /// Classes that must be silent.
    #[inline]
    pub(crate) fn silent(&self, now: Time) -> u8 {
        if self.speaks(now) { 0 } else { self.paused(now).0 }
    }

    /// Whether no class must be silent.
    #[inline]
    pub(crate) fn speaks(&self, now: Time) -> bool {
        now >= self.all_speak
    }

    /// Classes that must be silent, and when the first may speak again.
    pub(crate) fn paused(&self, now: Time) -> (u8, Option<Time>) {
        let mut classes = 0;
        let mut first = None;
        for (class, until) in self.paused_until.iter().enumerate() {
            if *until > now {
                classes |= 1 << class;
                first = Some(first.map_or(*until, |first: Time| first.min(*until)));
            }
        }
        (classes, first)
    }

    /// Whether an address is in the table. Each packet asks, so that addresses are compared as numbers.
    pub(crate) fn has_address(&self, gid: Gid) -> bool {
        let wanted = u128::from_ne_bytes(gid.0);
        self.addresses.iter().any(|known| u128::from_ne_bytes(known.0) == wanted)
    }

    /// A source address, if the driver has set it.
    pub(crate) fn address(&self, index: u8) -> Option<Gid> {
        self.addresses.get(usize::from(index)).copied().filter(|gid| !gid.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_end_by_themselves_or_by_a_zero() {
        let mut port = EthernetPort::new(0, &Config::generic(1), None);
        assert_eq!(port.pause(Time::ZERO, 0b1001, Dur::from_ns(5)), Dur::ZERO);
        let end = Time::from_ps(5_000);
        assert_eq!(port.paused(Time::ZERO), (0b1001, Some(end)));
        assert_eq!(port.pause(Time::from_ps(1), 0b0001, Dur::ZERO), Dur::from_ps(1));
        assert_eq!(port.paused(Time::from_ps(1)), (0b1000, Some(end)));
        assert_eq!(port.paused(end), (0, None));
        assert_eq!(port.address(0), None);
    }
}
