//! When to send again, and when to give up.

use super::request::{RequesterConfig, Status, TimeoutPolicy};
use crate::transport::sequence::Seq;
use des::{Dur, Time};
use wire::{Transport, codes};

/// `rnr_retry` that means without end (IBTA volume 1, 11.2.5.2).
const RNR_RETRY_WITHOUT_END: u8 = 7;

/// Timeouts that come first under [`TimeoutPolicy::Adaptive`], in units of 4.096 us x 2^10. Measured on ConnectX-6
/// (firmware 20.43.4100, published in unionxic/rdma-fault-characterization, harness `ack_timeout`).
const ADAPTIVE_STEPS: [u64; 11] = [3, 2, 4, 8, 16, 24, 48, 128, 192, 512, 1024];
const ADAPTIVE_UNIT: Dur = Dur::from_ps(codes::timeout_ps(10));

/// Smallest timeout code that such a device takes seriously; same source.
const ADAPTIVE_CODE_FLOOR: u8 = 16;

/// Retries that the steps count for in the end: with 7, five regular timeouts are answered and the sixth is the last.
const ADAPTIVE_RETRIES: u8 = 2;

/// Timers and counts of one requester. Both counts are refilled by progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    policy: TimeoutPolicy,
    /// Timeout after the steps, if there are any; `None` never expires.
    regular: Option<Dur>,
    /// Steps that the policy takes before.
    steps: &'static [u64],
    /// Timeouts since the last progress.
    expiries: usize,
    retry_count: u8,
    rnr_retry: u8,
    retries_left: u8,
    rnr_retries_left: u8,
    /// Runs while something is unacknowledged and nothing waits to be sent again.
    deadline: Option<Time>,
    /// The receiver asked for silence until then.
    silent_until: Option<Time>,
    /// The oldest unacknowledged number when something was last sent again: a second report of the same loss is no news.
    recovering: Option<Seq>,
}

impl Retry {
    /// See [`Nic::touch`](crate::Nic::touch).
    pub(super) fn touch(&self) -> u64 {
        self.deadline.map_or(0, Time::as_ps)
    }

    pub(super) fn new(config: &RequesterConfig) -> Self {
        let code = config.timeout_code;
        let nominal = codes::ack_timeout_ps(code).filter(|_| config.transport == Transport::Rc).map(Dur::from_ps);
        let (regular, steps) = match config.timeout_policy {
            TimeoutPolicy::Nominal => (nominal, &ADAPTIVE_STEPS[..0]),
            TimeoutPolicy::Short { high, .. } => (nominal.map(|_| high), &ADAPTIVE_STEPS[..0]),
            TimeoutPolicy::Adaptive => {
                let floor = Dur::from_ps(codes::timeout_ps(code.max(ADAPTIVE_CODE_FLOOR)));
                let count = ADAPTIVE_STEPS.partition_point(|&units| ADAPTIVE_UNIT * units <= floor);
                (nominal.map(|_| floor * 2), &ADAPTIVE_STEPS[..count])
            }
        };
        Self {
            policy: config.timeout_policy,
            regular,
            steps,
            expiries: 0,
            retry_count: config.retry_count,
            rnr_retry: config.rnr_retry,
            retries_left: config.retry_count,
            rnr_retries_left: config.rnr_retry,
            deadline: None,
            silent_until: None,
            recovering: None,
        }
    }

    /// Takes other timers and counts; a timer that runs goes on.
    pub(super) fn reconfigure(&mut self, config: &RequesterConfig) {
        let Self { deadline, silent_until, recovering, .. } = *self;
        *self = Self { deadline, silent_until, recovering, ..Self::new(config) };
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
    /// `outstanding` numbers are unacknowledged, this one included.
    pub(super) fn on_sent(&mut self, now: Time, outstanding: u32) {
        self.silent_until = None;
        if self.deadline.is_none() {
            self.deadline = self.next_deadline(now, outstanding);
        }
    }

    /// Something was acknowledged; `outstanding` numbers are left.
    pub(super) fn on_progress(&mut self, now: Time, outstanding: u32) {
        self.retries_left = self.retry_count;
        self.rnr_retries_left = self.rnr_retry;
        self.silent_until = None;
        self.expiries = 0;
        self.deadline = if outstanding > 0 { self.next_deadline(now, outstanding) } else { None };
    }

    /// Ends the silence if it is over; then whether the transport timer has expired.
    pub(super) fn expired(&mut self, now: Time) -> bool {
        if self.silent_until.is_some_and(|end| now >= end) {
            self.silent_until = None;
        }
        self.deadline.is_some_and(|end| now >= end)
    }

    /// Spends what an expired timer costs; an adaptive step costs nothing by itself.
    pub(super) fn spend_timeout(&mut self, oldest: Seq) -> Result<(), Status> {
        let is_step = self.expiries < self.steps.len();
        self.expiries += 1;
        match self.policy {
            TimeoutPolicy::Adaptive if is_step => {
                self.restart_from(oldest);
                Ok(())
            }
            TimeoutPolicy::Adaptive if self.retries_left <= ADAPTIVE_RETRIES => Err(Status::RetryExceeded),
            TimeoutPolicy::Nominal | TimeoutPolicy::Adaptive | TimeoutPolicy::Short { .. } => self.spend(oldest),
        }
    }

    /// Spends a retry on sending again from `oldest`. The timer starts anew with the first packet.
    pub(super) fn spend(&mut self, oldest: Seq) -> Result<(), Status> {
        self.retries_left = self.retries_left.checked_sub(1).ok_or(Status::RetryExceeded)?;
        self.restart_from(oldest);
        Ok(())
    }

    /// Spends a receiver-not-ready retry and begins the silence that the code asks for.
    pub(super) fn spend_rnr(&mut self, now: Time, oldest: Seq, timer_code: u8) -> Result<(), Status> {
        if self.rnr_retry != RNR_RETRY_WITHOUT_END {
            self.rnr_retries_left = self.rnr_retries_left.checked_sub(1).ok_or(Status::RnrRetryExceeded)?;
        }
        self.restart_from(oldest);
        self.silent_until = Some(now + Dur::from_ps(codes::rnr_timer_ps(timer_code)));
        Ok(())
    }

    pub(super) fn stop(&mut self) {
        self.deadline = None;
        self.silent_until = None;
    }

    const fn restart_from(&mut self, oldest: Seq) {
        self.recovering = Some(oldest);
        self.deadline = None;
    }

    fn next_deadline(&self, now: Time, outstanding: u32) -> Option<Time> {
        let regular = match self.policy {
            TimeoutPolicy::Short { low, few_packets, .. } if outstanding < few_packets => self.regular.map(|_| low),
            _ => self.regular,
        }?;
        Some(now + self.steps.get(self.expiries).map_or(regular, |&units| ADAPTIVE_UNIT * units))
    }
}
