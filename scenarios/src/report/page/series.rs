//! A recording as lines over time.

use super::plot::{Line, Plot};
use crate::record::{Kind, Recording, requests};
use crate::report::units;
use crate::spec::Scenario;
use des::{Dur, Time};
use std::collections::BTreeMap;

/// Points of a line.
const BINS: u64 = 160;

/// What stands instead of a plot without lines.
const NONE: &str = "Nothing of this happened.";

/// Time cut into equal pieces.
struct Bins {
    from: u64,
    width: u64,
}

impl Bins {
    /// Up to a little after the last frame, result or loss: tasks that wait for nothing may last much longer.
    fn of(recording: &Recording, end_ps: u64) -> Self {
        let from = recording.records.first().map_or(0, |record| record.time_ps).min(end_ps);
        let drawn = |kind: &Kind| matches!(kind, Kind::Frame { .. } | Kind::Result { .. } | Kind::Lost { .. });
        let last = recording.records.iter().filter(|record| drawn(&record.kind)).map(|record| record.time_ps).max();
        let length = last.map_or(end_ps, |last| last.saturating_add(last / 20)).min(end_ps) - from;
        Self { from, width: length / BINS + 1 }
    }

    fn at(&self, time_ps: u64) -> usize {
        (time_ps.saturating_sub(self.from) / self.width).min(BINS - 1) as usize
    }

    fn places(&self) -> Vec<u64> {
        (0..BINS).map(|bin| self.from + bin * self.width).collect()
    }

    fn plot(&self, title: &str, note: &str, lines: BTreeMap<String, Vec<u64>>, y: fn(u64) -> String) -> Plot {
        let mut lines: Vec<Line> = lines.into_iter().map(|(name, values)| Line { name, values }).collect();
        // node2 before node10.
        lines.sort_by_key(|line| line.name.len());
        let x = |ps| Time::from_ps(ps).to_string();
        let none = NONE.to_owned();
        Plot { title: title.to_owned(), note: note.to_owned(), none, lines, places: self.places(), x, y }
    }
}

fn empty() -> Vec<u64> {
    vec![0; BINS as usize]
}

/// All plots over time.
pub(super) fn plots(scenario: &Scenario, recording: &Recording, end_ps: u64) -> Vec<Plot> {
    let bins = Bins::of(recording, end_ps);
    let width = Dur::from_ps(bins.width);
    vec![
        goodput(recording, &bins, width),
        latencies(recording),
        outstanding(recording, &bins),
        buffers(recording, &bins),
        Plot { none: without_caches(scenario), ..caches(recording, &bins) },
        Plot { none: without_congestion(scenario), ..congestion(recording, &bins, width) },
        trouble(recording, &bins),
    ]
}

fn goodput(recording: &Recording, bins: &Bins, width: Dur) -> Plot {
    let mut lines: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in &recording.records {
        let place = recording.place(record.place);
        if let (Kind::Frame { bytes, .. }, true) = (&record.kind, place.starts_with("node")) {
            lines.entry(place.to_owned()).or_insert_with(empty)[bins.at(record.time_ps)] += u64::from(*bytes);
        }
    }
    // 10^6 bits per second: bits per microsecond.
    let mbps = |bytes: u64| (u128::from(bytes) * 8 * 1_000_000 / u128::from(bins.width)) as u64;
    lines.values_mut().flatten().for_each(|value| *value = mbps(*value));
    bins.plot("Received by node", &format!("Frames with their headers, mean of {width} each"), lines, units::gbps)
}

/// Latency by percentile: the whole distribution of each operation.
fn latencies(recording: &Recording) -> Plot {
    let mut taken: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for request in requests(recording) {
        if let Some(latency) = request.latency_ps() {
            taken.entry(request.operation).or_default().push(latency);
        }
    }
    let percentiles: Vec<u64> = (0..=100).collect();
    let line = |(name, mut values): (String, Vec<u64>)| {
        values.sort_unstable();
        let at = |percent: &u64| values[(values.len() - 1) * *percent as usize / 100];
        Line {
            name: format!("{name} ({})", units::count(values.len() as u64)),
            values: percentiles.iter().map(at).collect(),
        }
    };
    Plot {
        title: "Latency by percentile".to_owned(),
        note: "From post to result taken, all nodes; requests that succeed in silence are left out".to_owned(),
        lines: taken.into_iter().map(line).collect(),
        none: NONE.to_owned(),
        places: percentiles,
        x: |percent| format!("p{percent}"),
        y: |ps| Dur::from_ps(ps).to_string(),
    }
}

fn outstanding(recording: &Recording, bins: &Bins) -> Plot {
    let mut lines: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for request in requests(recording) {
        let Some((end, _)) = request.result else { continue };
        let line = lines.entry(recording.place(request.place).to_owned()).or_insert_with(empty);
        line[bins.at(request.posted_ps)..=bins.at(end)].iter_mut().for_each(|value| *value += 1);
    }
    bins.plot("Requests under way", "Posted, and their result not yet taken", lines, units::count)
}

fn buffers(recording: &Recording, bins: &Bins) -> Plot {
    let mut lines: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in &recording.records {
        if let Kind::Buffered { bytes } = record.kind {
            let line = lines.entry(recording.place(record.place).to_owned()).or_insert_with(empty);
            let value = &mut line[bins.at(record.time_ps)];
            *value = bytes.max(*value);
        }
    }
    bins.plot("Bytes in switches", "In all queues of a switch, the most of each interval", lines, units::bytes)
}

/// Counters of the NICs whose names `choose` takes, all nodes together.
fn counters(recording: &Recording, bins: &Bins, choose: fn(&str) -> bool) -> BTreeMap<String, Vec<u64>> {
    let mut lines: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in &recording.records {
        if let Kind::Counter { name, by } = &record.kind
            && choose(name)
        {
            lines.entry(name.clone().into_owned()).or_insert_with(empty)[bins.at(record.time_ps)] += by;
        }
    }
    lines
}

fn without_caches(scenario: &Scenario) -> String {
    let profile = scenario.nic.profile;
    if caches_are_unlimited(scenario) {
        let name = profile.name();
        format!("The caches of {name} hold everything; those of adapters, such as connectx-5 (nic.profile), do not.")
    } else {
        NONE.to_owned()
    }
}

fn caches_are_unlimited(scenario: &Scenario) -> bool {
    let caches = scenario.nic.profile.numbers().caches;
    [caches.qp, caches.cq, caches.srq, caches.mpt, caches.mtt, caches.wqe].iter().all(|cache| cache.entries.value == 0)
}

fn without_congestion(scenario: &Scenario) -> String {
    match scenario.fabric.pfc[..] {
        [] => "Flow control is off (fabric.pfc), and no frame was marked.".to_owned(),
        _ => "Nobody was paused, and no frame was marked: no queue was long enough.".to_owned(),
    }
}

fn is_cache(name: &str) -> bool {
    name.contains("hit") || name.contains("miss") || name.contains("evict")
}

fn is_congestion(name: &str) -> bool {
    name.contains("cnp") || name.contains("ecn")
}

fn caches(recording: &Recording, bins: &Bins) -> Plot {
    bins.plot(
        "Caches of the NICs",
        "Hits, misses and evictions in each interval",
        counters(recording, bins, is_cache),
        units::count,
    )
}

fn congestion(recording: &Recording, bins: &Bins, width: Dur) -> Plot {
    let mut lines = counters(recording, bins, is_congestion);
    for record in &recording.records {
        let name = match record.kind {
            Kind::Pause { length_ps: 1.., .. } => "pauses (PFC)",
            Kind::Frame { marked: true, .. } => "frames marked (ECN)",
            _ => continue,
        };
        lines.entry(name.to_owned()).or_insert_with(empty)[bins.at(record.time_ps)] += 1;
    }
    bins.plot("PFC and ECN", &format!("How many in {width} each"), lines, units::count)
}

fn trouble(recording: &Recording, bins: &Bins) -> Plot {
    let mut lines = counters(recording, bins, |name| !is_cache(name) && !is_congestion(name));
    for record in recording.records.iter().filter(|record| matches!(record.kind, Kind::Lost { .. })) {
        lines.entry("frames lost".to_owned()).or_insert_with(empty)[bins.at(record.time_ps)] += 1;
    }
    bins.plot("Losses, retransmissions and errors", "Frames lost, and what the NICs count", lines, units::count)
}
