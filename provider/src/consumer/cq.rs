//! Completion queues.

use super::session::{EventSource, Session};
use crate::ndk::{Answer, Call, CqNotify, NdkResult, NdkResultEx, Object, Out, Return, Status, UpcallBody};

/// A completion queue.
#[derive(Debug)]
pub struct Cq {
    session: Session,
    object: Object,
    events: EventSource,
}

impl Cq {
    pub(super) fn new(session: Session, object: Object, events: EventSource) -> Self {
        Self { session, object, events }
    }

    /// The object, for raw calls.
    #[must_use]
    pub fn object(&self) -> Object {
        self.object
    }

    /// `NdkGetCqResults`: fills `results` from the front and returns how many.
    pub fn results(&self, results: &mut [NdkResult]) -> usize {
        count(&self.session.call(Call::GetCqResults { cq: self.object, results }))
    }

    /// `NdkGetCqResultsEx` (1.2).
    pub fn results_ex(&self, results: &mut [NdkResultEx]) -> usize {
        count(&self.session.call(Call::GetCqResultsEx { cq: self.object, results }))
    }

    /// `NdkArmCq`.
    pub fn arm(&self, notify: CqNotify) {
        self.session.call(Call::ArmCq { cq: self.object, notify });
    }

    /// Waits for the notification of an arm.
    ///
    /// # Errors
    /// The status of a dead queue: BUFFER_OVERFLOW or INTERNAL_ERROR.
    pub async fn notified(&self) -> Result<(), Status> {
        match self.events.next().await {
            UpcallBody::CqNotification { status } => status.ok(),
            _ => Err(Status::UNSUCCESSFUL),
        }
    }

    /// The next result, waited for: polls, arms, and polls again when notified.
    ///
    /// # Errors
    /// As [`notified`](Self::notified).
    pub async fn next(&self) -> Result<NdkResult, Status> {
        let mut result = [NdkResult::EMPTY];
        loop {
            if self.results(&mut result) > 0 {
                return Ok(result[0]);
            }
            self.arm(CqNotify::ANY);
            self.notified().await?;
        }
    }

    /// `NdkCloseCq`.
    pub async fn close(self) {
        self.session.close(self.object).await;
    }
}

fn count(answer: &Answer) -> usize {
    match answer {
        Answer::Returned(Return { out: Out::Count(count), .. }) => *count as usize,
        _ => 0,
    }
}
