//! What happened to an object: a bounded ring of short lines.

use crate::ndk::{CallKind, Status, UpcallBody, UpcallToken};
use des::Time;
use std::collections::VecDeque;
use std::fmt;

/// Lines kept for each object.
const LINES: usize = 16;

/// How a call ended, as far as a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has not returned yet.
    Running,
    /// It blocks.
    Blocks,
    /// It returned a status.
    Status(Status),
    /// It returned a number of results.
    Results(usize),
}

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A call.
    Call {
        /// Which of the checker's calls.
        number: u64,
        /// The function.
        kind: CallKind,
        /// The context of its completion or request, where it has one.
        context: Option<u64>,
        /// How it ended.
        outcome: Outcome,
    },
    /// An upcall was taken for the consumer.
    Upcall {
        /// Which.
        token: UpcallToken,
        /// What it is.
        kind: UpcallKind,
        /// What it reports, if it reports.
        status: Option<Status>,
    },
    /// An upcall returned.
    Return {
        /// Which.
        token: UpcallToken,
        /// What it was.
        kind: UpcallKind,
    },
}

/// An upcall's body without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpcallKind {
    /// A create completion.
    CreateCompletion,
    /// A request completion.
    RequestCompletion,
    /// A close completion.
    CloseCompletion,
    /// A CQ notification.
    CqNotification,
    /// An SRQ notification.
    SrqNotification,
    /// A connect event.
    ConnectEvent,
    /// A disconnect event.
    DisconnectEvent,
    /// The return of a call that blocked.
    CallReturns,
}

impl UpcallKind {
    /// The kind of a body.
    #[must_use]
    pub const fn of(body: &UpcallBody) -> Self {
        match body {
            UpcallBody::CreateCompletion { .. } => Self::CreateCompletion,
            UpcallBody::RequestCompletion { .. } => Self::RequestCompletion,
            UpcallBody::CloseCompletion => Self::CloseCompletion,
            UpcallBody::CqNotification { .. } => Self::CqNotification,
            UpcallBody::SrqNotification { .. } => Self::SrqNotification,
            UpcallBody::ConnectEvent { .. } => Self::ConnectEvent,
            UpcallBody::DisconnectEvent { .. } => Self::DisconnectEvent,
            UpcallBody::CallReturns { .. } => Self::CallReturns,
        }
    }

    /// Whether it is an event of the object, not the end of something that the consumer began.
    #[must_use]
    pub const fn is_event(self) -> bool {
        matches!(self, Self::CqNotification | Self::SrqNotification | Self::ConnectEvent | Self::DisconnectEvent)
    }

    /// Its name in prose.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateCompletion => "create completion",
            Self::RequestCompletion => "request completion",
            Self::CloseCompletion => "close completion",
            Self::CqNotification => "CQ notification",
            Self::SrqNotification => "SRQ notification",
            Self::ConnectEvent => "connect event",
            Self::DisconnectEvent => "disconnect event",
            Self::CallReturns => "return of a blocked call",
        }
    }
}

/// The status that a body reports.
pub(super) const fn reported_status(body: &UpcallBody) -> Option<Status> {
    match body {
        UpcallBody::CreateCompletion { status, .. }
        | UpcallBody::RequestCompletion { status, .. }
        | UpcallBody::CqNotification { status }
        | UpcallBody::SrqNotification { status } => Some(*status),
        UpcallBody::CallReturns { returned, .. } => Some(returned.status),
        UpcallBody::CloseCompletion | UpcallBody::ConnectEvent { .. } | UpcallBody::DisconnectEvent { .. } => None,
    }
}

/// One line: when, where, what, and how many times in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it (last) happened.
    pub time: Time,
    /// On which processor, where that is known.
    pub processor: Option<u8>,
    /// What happened.
    pub event: Event,
    /// How many times in a row.
    pub times: u32,
}

impl Line {
    /// A line that stands for one event.
    pub(super) const fn new(time: Time, processor: Option<u8>, event: Event) -> Self {
        Self { time, processor, event, times: 1 }
    }

    /// Whether `other` is the same again: a poll that found nothing, say.
    fn repeats(&self, other: &Self) -> bool {
        match (self.event, other.event) {
            (
                Event::Call { kind, context: None, outcome, .. },
                Event::Call { kind: kind2, context: None, outcome: outcome2, .. },
            ) => kind == kind2 && outcome == outcome2 && self.processor == other.processor,
            _ => false,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.time)?;
        if let Some(processor) = self.processor {
            write!(f, "  cpu {processor}")?;
        }
        match self.event {
            Event::Call { number, kind, context, outcome } => {
                write!(f, "  call {number}: {}", kind.name())?;
                if let Some(context) = context {
                    write!(f, "(context {context:#x})")?;
                }
                match outcome {
                    Outcome::Running => {}
                    Outcome::Blocks => f.write_str(" -> blocks")?,
                    Outcome::Status(status) => write!(f, " -> {status}")?,
                    Outcome::Results(count) => write!(f, " -> {count} results")?,
                }
            }
            Event::Upcall { token, kind, status } => {
                write!(f, "  upcall {}: {}", token.0, kind.name())?;
                if let Some(status) = status {
                    write!(f, " with {status}")?;
                }
            }
            Event::Return { token, kind } => write!(f, "  upcall {}: {} returned", token.0, kind.name())?,
        }
        if self.times > 1 {
            write!(f, " ({} times)", self.times)?;
        }
        Ok(())
    }
}

/// The last lines of one object.
#[derive(Clone, Debug, Default)]
pub(super) struct History(VecDeque<Line>);

impl History {
    /// Adds a line; forgets the oldest one beyond the bound.
    pub(super) fn push(&mut self, line: Line) {
        if let Some(last) = self.0.back_mut().filter(|last| last.repeats(&line)) {
            *last = Line { times: last.times.saturating_add(1), ..line };
            return;
        }
        if self.0.len() == LINES {
            self.0.pop_front();
        }
        self.0.push_back(line);
    }

    /// The lines, oldest first.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        self.0.iter().copied()
    }
}
