//! Pause storms: a port that asks its peer for silence all the time, whatever it has room for, as a broken NIC does.

use super::{Event, Place, What, World, push_pause};
use crate::node::plan;
use crate::spec::WireFault;
use des::{Key, Phase, Time};
use fabric::Pause;
use std::ops::Range;
use wire::Mac;

/// A row of the plan that is a storm.
#[derive(Clone, Debug)]
pub(super) struct Storm {
    pub row: String,
    /// The port that asks for silence.
    place: Place,
    window: Range<Time>,
    /// It waits for something.
    shut: bool,
    pub fired: u64,
    pub first: Option<Time>,
}

impl Storm {
    pub(super) fn new(fault: &WireFault, place: Place) -> Self {
        let window = plan::window(fault.from_us, fault.until_us);
        Self { row: fault.id.clone(), place, window, shut: fault.when.is_some(), fired: 0, first: None }
    }
}

impl World {
    /// Storms that wait for nothing begin at their moments.
    pub(super) fn begin_storms(&mut self) {
        for index in 0..self.storms.len() {
            if !self.storms[index].shut {
                self.plan_storm(index, self.storms[index].window.start);
            }
        }
    }

    /// A storm has been waited for long enough.
    pub(super) fn open_storm(&mut self, row: &str, at: Time) {
        if let Some(index) = self.storms.iter().position(|storm| storm.row == row && storm.shut) {
            self.storms[index].shut = false;
            self.plan_storm(index, at.max(self.storms[index].window.start));
        }
    }

    /// The port asks for silence at `at`, if the storm lasts so long.
    fn plan_storm(&mut self, index: usize, at: Time) {
        let Storm { place, ref window, .. } = self.storms[index];
        if window.contains(&at) {
            let key = self.key_of(place, at, Phase::Device);
            self.schedule.push(key, Event { entity: place.entity, what: What::Storm(index) });
        }
    }

    /// The port asks for silence now: for as long as a frame can, and again at half of that time.
    pub(super) fn storm(&mut self, now: Time, index: usize) {
        let (place, priorities) = (self.storms[index].place, self.lossless);
        let source = self.mac_of(place);
        let link = self.link_at(place);
        let length = Pause::longest(link.config().rate);
        let pause = Pause { priorities, length };
        let arrival = link.send_pause(now, pause, source);
        self.storms[index].fired += 1;
        self.storms[index].first.get_or_insert(now);
        if let Some(at) = arrival {
            let (key, peer) = (self.key_of(place, at, Phase::Wire), self.peer_of(place));
            push_pause(&mut self.schedule, self.nodes.len(), key, peer, pause);
        }
        self.plan_storm(index, now + length / 2);
    }

    fn key_of(&mut self, place: Place, at: Time, phase: Phase) -> Key {
        let entity = place.entity as usize;
        match entity.checked_sub(self.nodes.len()) {
            None => self.nodes[entity].sequencer.key(at, phase),
            Some(switch) => self.switches[switch].sequencer.key(at, phase),
        }
    }

    fn mac_of(&self, place: Place) -> Mac {
        let entity = place.entity as usize;
        match entity.checked_sub(self.nodes.len()) {
            None => self.nodes[entity].own.mac(),
            Some(switch) => self.switches[switch].switch.mac(place.port),
        }
    }

    /// The other end of the cable.
    pub(super) fn peer_of(&self, place: Place) -> Place {
        let entity = place.entity as usize;
        let peers = match entity.checked_sub(self.nodes.len()) {
            None => &self.nodes[entity].peers,
            Some(switch) => &self.switches[switch].peers,
        };
        peers[usize::from(place.port)]
    }
}
