//! A recording as Chrome trace events, which ui.perfetto.dev opens.
//!
//! Processes are nodes and switches; their tracks are queue pairs (requests), objects, calls, callbacks, the NIC's units, the
//! link (frames, pauses), buffers; faults have a process of their own. Format: "Trace Event Format", JSON object form.

use super::summary::FaultRow;
use crate::record::{Kind, Record, Recording, requests};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Tracks of a place, in the order in which they are shown.
const TRACKS: [&str; 6] = ["calls", "callbacks", "host", "NIC", "link", "counters"];

/// The document.
#[must_use]
pub fn document(recording: &Recording, faults: &[FaultRow]) -> String {
    let mut events: Vec<Value> = (0..).zip(&recording.places).flat_map(|(place, name)| names(place, name)).collect();
    events.extend(recording.records.iter().filter_map(event));
    for request in requests(recording) {
        let name = format!("{} #{}", request.operation, request.number);
        let end = request.result.as_ref().map_or(request.posted_ps, |(at, _)| *at);
        let status = request.result.as_ref().map_or("no result", |(_, status)| status);
        let id = format!("{}.{}", request.place, request.number);
        events.extend(span("requests", &name, request.place, &id, [request.posted_ps, end], status));
    }
    events.extend(objects(recording));
    let process = recording.places.len();
    events.push(json!({"ph": "M", "name": "process_name", "pid": process, "args": {"name": "faults"}}));
    for (row, fault) in faults.iter().enumerate() {
        if let Some(at) = fault.first_ps {
            let args = json!({"hit": fault.hit, "fired": fault.fired});
            events.push(json!({"ph": "i", "s": "g", "name": fault.text, "pid": process, "tid": row, "ts": us(at), "args": args}));
        }
    }
    json!({"displayTimeUnit": "ns", "traceEvents": events}).to_string()
}

fn names(place: u32, name: &str) -> Vec<Value> {
    let process = json!({"ph": "M", "name": "process_name", "pid": place, "args": {"name": name}});
    let tracks = (0..).zip(TRACKS).map(|(track, name): (u32, _)| {
        json!({"ph": "M", "name": "thread_name", "pid": place, "tid": track, "args": {"name": name}})
    });
    std::iter::once(process).chain(tracks).collect()
}

/// Microseconds with their picoseconds, as the format wants them: a JSON number.
fn us(ps: u64) -> Value {
    let text = format!("{}.{:06}", ps / 1_000_000, ps % 1_000_000);
    serde_json::from_str(&text).expect("digits with a point are a JSON number")
}

fn event(record: &Record) -> Option<Value> {
    let Record { number, cause, time_ps, place, kind } = record;
    let track = match kind {
        Kind::Call { .. } => 0,
        Kind::Upcall { .. } | Kind::Return => 1,
        Kind::Tasks | Kind::ProviderWake | Kind::Interrupt { .. } => 2,
        Kind::Doorbell | Kind::DmaDone | Kind::NicWake | Kind::SwitchWake | Kind::Strike => 3,
        Kind::Frame { .. } | Kind::Lost { .. } | Kind::Pause { .. } => 4,
        Kind::Counter { .. } => 5,
        Kind::Buffered { bytes } => {
            let args = json!({"bytes": bytes});
            return Some(json!({"ph": "C", "name": "buffered", "pid": place, "ts": us(*time_ps), "args": args}));
        }
        Kind::Post { .. } | Kind::Result { .. } => return None,
    };
    let args = json!({"record": number, "cause": cause, "what": kind.to_string()});
    let name = match kind {
        Kind::Call { function, .. } => function.to_string(),
        Kind::Upcall { what, .. } => what.to_string(),
        Kind::Frame { what, .. } => what.clone(),
        Kind::Counter { name, .. } => name.to_string(),
        other => other.name().to_owned(),
    };
    Some(json!({"ph": "i", "s": "t", "name": name, "pid": place, "tid": track, "ts": us(*time_ps), "args": args}))
}

/// Spans that may overlap: asynchronous events.
fn span(category: &str, name: &str, place: u32, id: &str, [from, to]: [u64; 2], status: &str) -> [Value; 2] {
    [("b", from), ("e", to)].map(|(phase, at)| {
        json!({"ph": phase, "cat": category, "name": name, "pid": place, "tid": 0, "id": id, "ts": us(at),
               "args": {"status": status}})
    })
}

/// From the first to the last time that somebody named an object.
fn objects(recording: &Recording) -> Vec<Value> {
    let mut seen: BTreeMap<(u32, &str), [u64; 2]> = BTreeMap::new();
    for record in &recording.records {
        if let Kind::Call { object, .. } | Kind::Upcall { object, .. } | Kind::Post { object, .. } = &record.kind
            && !object.is_empty()
        {
            seen.entry((record.place, object)).or_insert([record.time_ps; 2])[1] = record.time_ps;
        }
    }
    let spans = seen
        .into_iter()
        .flat_map(|((place, object), times)| span("objects", object, place, &format!("{place}.{object}"), times, ""));
    spans.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_track_is_there_and_times_are_exact() {
        let kinds = [
            Kind::Call {
                function: "NdkCreateQp".into(),
                object: "pd 3".to_owned(),
                status: "STATUS_SUCCESS".to_owned(),
            },
            Kind::Post { operation: "write".into(), request: 1, object: "qp 7".to_owned() },
            Kind::Buffered { bytes: 9 },
            Kind::Result { operation: "write".into(), request: 1, status: "STATUS_SUCCESS".to_owned(), latency_ps: 5 },
        ];
        let record = |(number, kind)| Record { number, cause: None, time_ps: 1_000_007 + number, place: 0, kind };
        let records = (0..).zip(kinds).map(record).collect();
        let recording = Recording { places: vec!["node0".to_owned()], records, left_out: 0 };
        let fault = FaultRow { first_ps: Some(7), text: "a row".to_owned(), ..FaultRow::default() };
        let document: Value = serde_json::from_str(&document(&recording, &[fault])).expect("JSON");
        let events = document["traceEvents"].as_array().expect("a list");
        let of = |phase: &str| events.iter().filter(|event| event["ph"] == phase).count();
        assert_eq!((of("C"), of("b"), of("e"), of("i")), (1, 3, 3, 2));
        assert!(events.iter().any(|event| event["ts"].as_f64() == Some(1.000_007)), "{document}");
    }
}
