//! Requests of a recording, from post to result.

use super::event::Kind;
use super::recorder::Recording;
use std::collections::BTreeMap;

/// A posted request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its node.
    pub place: u32,
    /// Its number there.
    pub number: u64,
    /// `send`, `write` or `read`.
    pub operation: String,
    /// The queue pair.
    pub object: String,
    /// When it was posted.
    pub posted_ps: u64,
    /// When its result was taken, and the status. Absent for those that succeeded in silence, or never ended.
    pub result: Option<(u64, String)>,
}

impl Request {
    /// From post to result.
    #[must_use]
    pub fn latency_ps(&self) -> Option<u64> {
        self.result.as_ref().map(|(at, _)| at.saturating_sub(self.posted_ps))
    }
}

/// All that were posted, in the order of their posts.
#[must_use]
pub fn requests(recording: &Recording) -> Vec<Request> {
    let (mut requests, mut known) = (Vec::new(), BTreeMap::new());
    for record in &recording.records {
        match &record.kind {
            Kind::Post { operation, request, object } => {
                known.insert((record.place, *request), requests.len());
                requests.push(Request {
                    place: record.place,
                    number: *request,
                    operation: operation.clone().into_owned(),
                    object: object.clone(),
                    posted_ps: record.time_ps,
                    result: None,
                });
            }
            Kind::Result { request, status, .. } => {
                if let Some(&index) = known.get(&(record.place, *request)) {
                    requests[index].result = Some((record.time_ps, status.clone()));
                }
            }
            _ => {}
        }
    }
    requests
}
