//! When to send again, and when to give up.

use super::request::{RequesterConfig, Status};
use crate::transport::sequence::Seq;
use des::{Dur, Time};
use wire::{Transport, codes};

/// `rnr_retry` that means without end (IBTA volume 1, 11.2.5.2).
const RNR_RETRY_WITHOUT_END: u8 = 7;

/// Timers and counts of one requester. Both counts are refilled by progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    timeout: Option<Dur>,
    retry_count: u8,
    rnr_retry: u8,
    retries_left: u8,
    rnr_retries_left: u8,
    /// Runs while something is unacknowledged and nothing waits to be sent again.
    deadline: Option<Time>,
    /// The receiver asked for silence until then.
    silent_until: Option<Time>,
    /// The oldest unacknowledged number when it was last sent again: a second report of the same loss is no news.
    recovering: Option<Seq>,
}

impl Retry {
    pub(super) fn new(config: &RequesterConfig) -> Self {
        Self {
            timeout: codes::ack_timeout_ps(config.timeout_code)
                .filter(|_| config.transport == Transport::Rc)
                .map(Dur::from_ps),
            retry_count: config.retry_count,
            rnr_retry: config.rnr_retry,
            retries_left: config.retry_count,
            rnr_retries_left: config.rnr_retry,
            deadline: None,
            silent_until: None,
            recovering: None,
        }
    }

    /// When the caller must call again at the latest.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.silent_until.or(self.deadline)
    }

    pub(super) fn is_silent(&self, now: Time) -> bool {
        self.silent_until.is_some_and(|end| now < end)
    }

    pub(super) fn knows_loss_of(&self, oldest: Seq) -> bool {
        self.recovering == Some(oldest)
    }

    /// A packet that will be acknowledged has left.
    pub(super) fn on_sent(&mut self, now: Time) {
        self.silent_until = None;
        if self.deadline.is_none() {
            self.deadline = self.next_deadline(now);
        }
    }

    /// Something was acknowledged; `outstanding` says whether anything is left.
    pub(super) fn on_progress(&mut self, now: Time, outstanding: bool) {
        self.retries_left = self.retry_count;
        self.rnr_retries_left = self.rnr_retry;
        self.silent_until = None;
        self.recovering = None;
        self.deadline = if outstanding { self.next_deadline(now) } else { None };
    }

    /// Ends the silence if it is over; then whether the transport timer has expired.
    pub(super) fn expired(&mut self, now: Time) -> bool {
        if self.silent_until.is_some_and(|end| now >= end) {
            self.silent_until = None;
        }
        self.deadline.is_some_and(|end| now >= end)
    }

    /// Spends a retry on sending again from `oldest`. The timer starts anew with the first packet.
    pub(super) fn spend(&mut self, oldest: Seq) -> Result<(), Status> {
        self.retries_left = self.retries_left.checked_sub(1).ok_or(Status::RetryExceeded)?;
        self.recovering = Some(oldest);
        self.deadline = None;
        Ok(())
    }

    /// Spends a receiver-not-ready retry and begins the silence that the code asks for.
    pub(super) fn spend_rnr(&mut self, now: Time, oldest: Seq, timer_code: u8) -> Result<(), Status> {
        if self.rnr_retry != RNR_RETRY_WITHOUT_END {
            self.rnr_retries_left = self.rnr_retries_left.checked_sub(1).ok_or(Status::RnrRetryExceeded)?;
        }
        self.recovering = Some(oldest);
        self.deadline = None;
        self.silent_until = Some(now + Dur::from_ps(codes::rnr_timer_ps(timer_code)));
        Ok(())
    }

    pub(super) fn stop(&mut self) {
        self.deadline = None;
        self.silent_until = None;
    }

    /// The one place that knows how long to wait; devices that stretch their first timeouts differ here.
    fn next_deadline(&self, now: Time) -> Option<Time> {
        self.timeout.map(|timeout| now + timeout)
    }
}
