//! States of a queue pair, and what each allows (IBTA volume 1, 10.3.1).

use QpState::{Error, Init, ReadyToReceive, ReadyToSend, Reset, SendQueueDrain, SendQueueError};

/// State of a queue pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QpState {
    /// Just created, or brought back.
    Reset,
    /// Receives may be posted.
    Init,
    /// Packets are received (RTR).
    ReadyToReceive,
    /// Packets are received and sent (RTS).
    ReadyToSend,
    /// What was begun is finished, nothing new is sent (SQD).
    SendQueueDrain,
    /// A send of an unreliable queue pair failed; receiving goes on (SQE).
    SendQueueError,
    /// Nothing works, all that is posted is flushed.
    Error,
}

/// What moves a queue pair from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QpEvent {
    /// The driver modifies it to this state.
    Modify(QpState),
    /// A request of the send queue failed in a way that hurts only this queue (unreliable transports).
    SendFailed,
    /// A request failed on a reliable connection, or the receiving side did.
    Fatal,
}

/// A transition that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("queue pair in {from:?} has no transition for {event:?}")]
pub struct NoTransition {
    /// State it stays in.
    pub from: QpState,
    /// What was asked.
    pub event: QpEvent,
}

impl QpState {
    /// All states.
    pub const ALL: [Self; 7] = [Reset, Init, ReadyToReceive, ReadyToSend, SendQueueDrain, SendQueueError, Error];

    /// The state after `event`. The pairs of modify are those of `ib_modify_qp_is_ok` in Linux.
    ///
    /// # Errors
    /// [`NoTransition`] if the table has no such arrow; the state is as before.
    pub const fn after(self, event: QpEvent) -> Result<Self, NoTransition> {
        let allowed = match event {
            QpEvent::Modify(to) => match to {
                Reset => true,
                Init => matches!(self, Reset | Init),
                ReadyToReceive => matches!(self, Init),
                ReadyToSend => matches!(self, ReadyToReceive | ReadyToSend | SendQueueDrain | SendQueueError),
                SendQueueDrain => matches!(self, ReadyToSend | SendQueueDrain),
                SendQueueError => false,
                Error => !matches!(self, Reset),
            },
            QpEvent::SendFailed => matches!(self, ReadyToSend | SendQueueDrain | SendQueueError),
            QpEvent::Fatal => !matches!(self, Reset),
        };
        match (allowed, event) {
            (false, _) => Err(NoTransition { from: self, event }),
            (true, QpEvent::Modify(to)) => Ok(to),
            (true, QpEvent::SendFailed) => Ok(SendQueueError),
            (true, QpEvent::Fatal) => Ok(Error),
        }
    }

    /// Whether the driver may post receives. In [`Error`] they are flushed at once.
    #[must_use]
    pub const fn may_post_receive(self) -> bool {
        !matches!(self, Reset)
    }

    /// Whether the driver may post sends. In [`SendQueueError`] and [`Error`] they are flushed at once.
    #[must_use]
    pub const fn may_post_send(self) -> bool {
        matches!(self, ReadyToSend | SendQueueDrain | SendQueueError | Error)
    }

    /// Whether new requests are begun.
    #[must_use]
    pub const fn begins_requests(self) -> bool {
        matches!(self, ReadyToSend)
    }

    /// Whether requests already begun go on: packets leave, answers are taken.
    #[must_use]
    pub const fn continues_requests(self) -> bool {
        matches!(self, ReadyToSend | SendQueueDrain)
    }

    /// Whether requests of the other side are executed.
    #[must_use]
    pub const fn responds(self) -> bool {
        matches!(self, ReadyToReceive | ReadyToSend | SendQueueDrain | SendQueueError)
    }

    /// Whether posted sends are completed as flushed.
    #[must_use]
    pub const fn flushes_sends(self) -> bool {
        matches!(self, SendQueueError | Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: from. Columns: modify to each state in the order of `ALL`, send failed, fatal. A letter is the new state.
    const TABLE: [(QpState, &str); 7] = [
        (Reset, "RI--- -- --"),
        (Init, "RIr-- -E -E"),
        (ReadyToReceive, "R--s- -E -E"),
        (ReadyToSend, "R--sd -E qE"),
        (SendQueueDrain, "R--sd -E qE"),
        (SendQueueError, "R--s- -E qE"),
        (Error, "R---- -E -E"),
    ];

    const fn letter(state: QpState) -> char {
        match state {
            Reset => 'R',
            Init => 'I',
            ReadyToReceive => 'r',
            ReadyToSend => 's',
            SendQueueDrain => 'd',
            SendQueueError => 'q',
            Error => 'E',
        }
    }

    #[test]
    fn every_pair_of_state_and_event() {
        for (from, row) in TABLE {
            let events = QpState::ALL.map(QpEvent::Modify).into_iter().chain([QpEvent::SendFailed, QpEvent::Fatal]);
            let expected = row.chars().filter(|c| *c != ' ');
            let got: String = events.map(|event| from.after(event).map_or('-', letter)).collect();
            assert_eq!(got, expected.collect::<String>(), "from {from:?}");
        }
    }

    #[test]
    fn a_refused_transition_names_both() {
        let error = Reset.after(QpEvent::Modify(ReadyToSend)).expect_err("there is no such arrow");
        assert_eq!(error.to_string(), "queue pair in Reset has no transition for Modify(ReadyToSend)");
    }

    #[test]
    fn what_each_state_allows() {
        let columns: [fn(QpState) -> bool; 6] = [
            QpState::may_post_receive,
            QpState::may_post_send,
            QpState::begins_requests,
            QpState::continues_requests,
            QpState::responds,
            QpState::flushes_sends,
        ];
        let got = QpState::ALL.map(|state| columns.map(|allows| u8::from(allows(state))));
        let expected = [
            [0, 0, 0, 0, 0, 0],
            [1, 0, 0, 0, 0, 0],
            [1, 0, 0, 0, 1, 0],
            [1, 1, 1, 1, 1, 0],
            [1, 1, 0, 1, 1, 0],
            [1, 1, 0, 0, 1, 1],
            [1, 1, 0, 0, 0, 1],
        ];
        assert_eq!(got, expected);
    }
}
