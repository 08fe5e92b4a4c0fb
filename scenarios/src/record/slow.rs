//! Why a request took as long as it did: its way through the records, and what went wrong meanwhile.

use super::event::{Kind, Record};
use super::recorder::Recording;
use super::requests::{Request, requests};

/// Causes followed from a result back to its post.
const STEPS_MAX: usize = 1 << 14;

/// One step of a request's way: the time from a record to the one that it caused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// What the step ended with.
    pub record: &'a Record,
    /// Since what caused it.
    pub took_ps: u64,
}

/// A request explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slow<'a> {
    /// The request.
    pub request: Request,
    /// Half of the same node's requests of this operation took at most this.
    pub usual_ps: u64,
    /// From the post to the result, in order of time.
    pub way: Vec<Step<'a>>,
    /// Losses, pauses, marks and troubled counters of the whole cluster in that time.
    pub meanwhile: Vec<&'a Record>,
}

/// Explains a node's request; with no number, the slowest of those that were under way at `at_ps`.
#[must_use]
pub fn slow<'a>(recording: &'a Recording, at_ps: u64, place: Option<u32>, number: Option<u64>) -> Option<Slow<'a>> {
    let all = requests(recording);
    let wanted = |request: &&Request| place.is_none_or(|place| request.place == place);
    let candidates = all.iter().filter(wanted).filter(|request| match number {
        Some(number) => request.number == number,
        None => request.posted_ps <= at_ps && request.result.as_ref().is_some_and(|(end, _)| *end >= at_ps),
    });
    let request = candidates.max_by_key(|request| request.latency_ps())?.clone();
    let end = request.result.as_ref().map_or(u64::MAX, |(end, _)| *end);
    let alike = |other: &&Request| (other.place, &other.operation) == (request.place, &request.operation);
    let mut usual: Vec<u64> = all.iter().filter(alike).filter_map(Request::latency_ps).collect();
    usual.sort_unstable();
    let usual_ps = usual.get(usual.len().saturating_sub(1) / 2).copied().unwrap_or(0);
    let during = |record: &&Record| (request.posted_ps..=end).contains(&record.time_ps);
    let meanwhile = recording.records.iter().filter(during).filter(|record| is_trouble(&record.kind)).collect();
    let way = way(recording, &request);
    Some(Slow { request, usual_ps, way, meanwhile })
}

fn is_trouble(kind: &Kind) -> bool {
    match kind {
        Kind::Lost { .. } | Kind::Frame { marked: true, .. } => true,
        Kind::Counter { name, .. } => !name.contains("hits"),
        Kind::Pause { length_ps, .. } => *length_ps > 0,
        _ => false,
    }
}

/// The causes of the result, back to the post or as far as they go.
fn way<'a>(recording: &'a Recording, request: &Request) -> Vec<Step<'a>> {
    let result = recording.records.iter().find(|record| {
        record.place == request.place
            && matches!(record.kind, Kind::Result { request: number, .. } if number == request.number)
    });
    let Some(result) = result else { return Vec::new() };
    let chain = recording.causes(result, STEPS_MAX);
    let mut way: Vec<Step<'a>> = chain
        .windows(2)
        .map(|pair| Step { record: pair[0], took_ps: pair[0].time_ps.saturating_sub(pair[1].time_ps) })
        .take_while(|step| step.record.time_ps >= request.posted_ps)
        .collect();
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_request_under_way_is_explained() {
        let post = |request| Kind::Post { operation: "write".into(), request, object: "qp 1".to_owned() };
        let result = |request, latency_ps| Kind::Result {
            operation: "write".into(),
            request,
            status: "STATUS_SUCCESS".to_owned(),
            latency_ps,
        };
        let rows = [
            (10, None, post(1)),
            (
                11,
                Some(0),
                Kind::Lost {
                    at: String::new(),
                    why: String::new(),
                    what: "Rc Write Only".to_owned(),
                    ends: None,
                    queue_pair: 2,
                    sequence: 9,
                },
            ),
            (12, Some(0), post(2)),
            (20, Some(2), Kind::Tasks),
            (20, Some(3), result(2, 8)),
            (90, Some(0), Kind::NicWake),
            (95, Some(5), Kind::Tasks),
            (95, Some(6), result(1, 85)),
        ];
        let records =
            (0..).zip(rows).map(|(number, (time_ps, cause, kind))| Record { number, cause, time_ps, place: 0, kind });
        let recording = Recording { places: vec!["node0".to_owned()], records: records.collect(), left_out: 0 };
        let slow = slow(&recording, 15, None, None).expect("two were under way");
        assert_eq!((slow.request.number, slow.usual_ps), (1, 8));
        let steps: Vec<(u64, u64)> = slow.way.iter().map(|step| (step.record.number, step.took_ps)).collect();
        assert_eq!(steps, [(5, 80), (6, 5), (7, 0)]);
        assert_eq!(slow.meanwhile.len(), 1);
        assert_eq!(super::slow(&recording, 15, Some(1), None), None, "nothing is under way there");
    }
}
