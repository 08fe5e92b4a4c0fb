//! The calls that a program made, to be read when it went wrong.

use des::Time;
use provider::ndk::{CallKind, Object, Status};

/// Calls that are kept of a node: what comes later is seldom what broke.
const KEPT: usize = 2_000;

/// A call and how it ended.
#[derive(Clone, Copy, Debug)]
struct Line {
    at: Time,
    kind: CallKind,
    object: Option<Object>,
    status: Status,
}

/// The calls of one node, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Vec<Line>);

impl Log {
    pub(super) fn add(&mut self, at: Time, kind: CallKind, object: Option<Object>, status: Status) {
        if self.0.len() < KEPT {
            self.0.push(Line { at, kind, object, status });
        }
    }

    /// With their moments, as people read them.
    pub(super) fn lines(&self, node: usize) -> impl Iterator<Item = (Time, String)> + '_ {
        self.0.iter().map(move |line| {
            let on = line.object.map_or_else(String::new, |object| format!("{object:?}"));
            (line.at, format!("node {node}  {}({on}) -> {}", line.kind.name(), line.status))
        })
    }
}
