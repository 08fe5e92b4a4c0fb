//! Writes records while a run goes on.

use super::event::{Kind, Record};
use des::{Key, Time};
use nic_model::regs::counters::Counters;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The time that is recorded, and how many records at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From here.
    pub from: Time,
    /// Up to and with this.
    pub to: Time,
    /// Records kept.
    pub most: usize,
}

impl Window {
    /// The whole run, a million records or so.
    pub const ALL: Self = Self { from: Time::ZERO, to: Time::MAX, most: 1 << 20 };
}

/// The records of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Names of the places, in their order.
    pub places: Vec<String>,
    /// In the order of their numbers.
    pub records: Vec<Record>,
    /// Records of the window for which there was no room.
    pub left_out: u64,
}

/// Counters that rise with every frame say nothing that the frames do not.
const ROUTINE: [&str; 22] = [
    "tx_packets",
    "tx_bytes",
    "rx_packets",
    "rx_bytes",
    "rx_write_requests",
    "rx_read_requests",
    "rx_atomic_requests",
    "cqes",
    "eqes",
    "interrupts",
    "commands",
    "sq_doorbells",
    "blueflame_wqes",
    "dma_reads",
    "dma_read_bytes",
    "dma_writes",
    "dma_write_bytes",
    "pauses_received",
    "pauses_sent",
    "pause_ns",
    "pcie_up_bytes",
    "pcie_down_bytes",
];

/// The recorder of a run.
#[derive(Debug)]
pub(crate) struct Recorder {
    window: Window,
    recording: Recording,
    /// Who caused the events that are still to come.
    causes: BTreeMap<Key, u64>,
    next: u64,
    /// The record of the event that is being handled.
    current: Option<u64>,
    counters: BTreeMap<u32, Vec<u64>>,
    buffered: BTreeMap<u32, u64>,
}

impl Recorder {
    pub(crate) fn new(window: Window, places: Vec<String>) -> Self {
        Self {
            window,
            recording: Recording { places, ..Recording::default() },
            causes: BTreeMap::new(),
            next: 0,
            current: None,
            counters: BTreeMap::new(),
            buffered: BTreeMap::new(),
        }
    }

    /// An event was found that will happen at `key`, because of what is happening now.
    pub(crate) fn scheduled(&mut self, key: Key) {
        if let Some(current) = self.current {
            self.causes.insert(key, current);
        }
    }

    /// An event begins.
    pub(crate) fn begin(&mut self, key: Key, place: u32, kind: Kind) {
        let cause = self.causes.remove(&key);
        self.current = Some(self.put(key.time(), place, cause, kind));
    }

    /// Something is a part of the event that is being handled.
    pub(crate) fn note(&mut self, time: Time, place: u32, kind: Kind) {
        self.put(time, place, self.current, kind);
    }

    /// The counters of a node's NIC after an event.
    pub(crate) fn counters(&mut self, time: Time, place: u32, counters: &Counters) {
        let values = counters.values();
        let before = self.counters.insert(place, values.clone()).unwrap_or_else(|| vec![0; values.len()]);
        for (at, (&value, before)) in Counters::TABLE.iter().zip(values.iter().zip(before)) {
            if value > before && !ROUTINE.contains(&at.name) {
                self.note(time, place, Kind::Counter { name: at.name.into(), by: value - before });
            }
        }
    }

    /// What a switch holds after an event.
    pub(crate) fn buffered(&mut self, time: Time, place: u32, bytes: u64) {
        if self.buffered.insert(place, bytes) != Some(bytes) {
            self.note(time, place, Kind::Buffered { bytes });
        }
    }

    /// All that was recorded.
    pub(crate) fn finish(self) -> Recording {
        self.recording
    }

    fn put(&mut self, time: Time, place: u32, cause: Option<u64>, kind: Kind) -> u64 {
        let number = self.next;
        self.next += 1;
        if (self.window.from..=self.window.to).contains(&time) {
            if self.recording.records.len() < self.window.most {
                self.recording.records.push(Record { number, cause, time_ps: time.as_ps(), place, kind });
            } else {
                self.recording.left_out += 1;
            }
        }
        number
    }
}

impl Recording {
    /// The record with a number, if it was kept.
    #[must_use]
    pub fn record(&self, number: u64) -> Option<&Record> {
        let index = self.records.binary_search_by_key(&number, |record| record.number).ok()?;
        self.records.get(index)
    }

    /// The name of a place.
    #[must_use]
    pub fn place(&self, place: u32) -> &str {
        self.places.get(place as usize).map_or("?", String::as_str)
    }

    /// A record and what caused it, back to the first that was kept; the latest first, at most `most`.
    pub fn causes(&self, record: &Record, most: usize) -> Vec<&Record> {
        let first = self.record(record.number);
        std::iter::successors(first, |record| self.record(record.cause?)).take(most).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use des::{Phase, Sequencer, SourceId};

    #[test]
    fn causes_lead_back_to_the_start() {
        let mut keys = Sequencer::new(SourceId(0));
        let mut recorder = Recorder::new(Window::ALL, vec!["node0".to_owned()]);
        let (first, second) = (keys.key(Time::ZERO, Phase::Host), keys.key(Time::from_ps(5), Phase::Device));
        recorder.scheduled(first);
        recorder.begin(first, 0, Kind::Tasks);
        recorder.scheduled(second);
        recorder.note(Time::ZERO, 0, Kind::Return);
        recorder.begin(second, 0, Kind::Doorbell);
        let recording = recorder.finish();
        let last = recording.records.last().expect("three records");
        let kinds: Vec<&Kind> = recording.causes(last, 9).into_iter().map(|record| &record.kind).collect();
        assert_eq!(kinds, [&Kind::Doorbell, &Kind::Tasks]);
        assert_eq!(recording.records[1].cause, Some(0));
    }

    #[test]
    fn only_the_window_is_kept_and_no_more_than_fits() {
        let mut keys = Sequencer::new(SourceId(0));
        let window = Window { from: Time::from_ps(2), to: Time::from_ps(6), most: 3 };
        let mut recorder = Recorder::new(window, vec![]);
        for ps in 0..10 {
            recorder.begin(keys.key(Time::from_ps(ps), Phase::Host), 0, Kind::Tasks);
        }
        let recording = recorder.finish();
        let times: Vec<u64> = recording.records.iter().map(|record| record.time_ps).collect();
        assert_eq!((times, recording.left_out), (vec![2, 3, 4], 2));
        assert_eq!(recording.record(3).map(|record| record.time_ps), Some(3));
        assert_eq!(recording.record(9), None);
    }
}
