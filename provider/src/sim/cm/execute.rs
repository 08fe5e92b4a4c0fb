//! Does what the table says: datagrams, notices, timers, and the end of what is remembered.

use super::Output;
use super::connection::{Connection, Role};
use super::connections::{Connections, Detail};
use super::table::{Action, Event, Notice, State, step};
use crate::backend::ConnectionId;
use crate::ndk::Status;
use des::{Dur, Time};
use wire::cm::{Mad, Message, PrivateData};
use wire::codes;

impl Connections {
    /// Applies an event unless what it brings is refused.
    pub(super) fn apply_if(
        &mut self,
        fits: Result<(), Status>,
        now: Time,
        id: ConnectionId,
        event: Event,
        detail: Detail<'_>,
        out: &mut Vec<Output>,
    ) {
        match fits {
            Ok(()) => self.apply(now, id, event, detail, out),
            Err(status) => out.push(Output::Tell { connection: id, notice: Notice::Failed(status) }),
        }
    }

    pub(super) fn apply(
        &mut self,
        now: Time,
        id: ConnectionId,
        event: Event,
        detail: Detail<'_>,
        out: &mut Vec<Output>,
    ) {
        let Some(connection) = self.table.get(&id) else {
            out.push(Output::Tell { connection: id, notice: Notice::Failed(Status::CONNECTION_INVALID) });
            return;
        };
        let before = connection.state;
        let (after, actions) = step(before, event);
        for &action in actions {
            self.perform(now, id, action, detail, out);
        }
        if after != before {
            self.enter(now, id, after);
        }
    }

    /// Performs an action; the connection is still in the state that the action was decided in.
    fn perform(&mut self, now: Time, id: ConnectionId, action: Action, detail: Detail<'_>, out: &mut Vec<Output>) {
        let Some(connection) = self.table.get(&id) else { return };
        let message = match action {
            Action::Tell(notice) => {
                if !connection.released {
                    out.push(Output::Tell { connection: id, notice });
                }
                return;
            }
            Action::Repeat => return self.repeat(id, out),
            Action::RepeatRej => {
                if matches!(connection.last.as_ref().map(|mad| &mad.message), Some(Message::Rej(_))) {
                    self.repeat(id, out);
                }
                return;
            }
            Action::Extend => {
                if connection.state.repeats() {
                    let wait = response_time(detail.service_timeout) + self.response_wait();
                    self.set_deadline(id, Some(now + wait));
                }
                return;
            }
            Action::Rep => match (&connection.role, &connection.rep) {
                (Role::Passive { .. }, Some(rep)) => Message::Rep((**rep).clone()),
                _ => return,
            },
            Action::Rtu => connection.rtu(id),
            Action::Mra => connection.mra(id, self.settings.service_timeout),
            Action::Rej(reason) => {
                let data = PrivateData::new(detail.private_data).unwrap_or_default();
                connection.rej(id, self.settings.ca_guid, reason, data)
            }
            Action::Dreq => {
                let message = connection.dreq(id);
                let transaction_id = self.fresh_transaction();
                if let Some(connection) = self.table.get_mut(&id) {
                    connection.transaction_id = transaction_id;
                }
                message
            }
            Action::Drep => connection.drep(id),
        };
        self.send(id, message, out);
    }

    /// Sends a message, and remembers it if it is one that is repeated.
    pub(super) fn send(&mut self, id: ConnectionId, message: Message, out: &mut Vec<Output>) {
        let Some(connection) = self.table.get_mut(&id) else { return };
        let repeated = matches!(message, Message::Req(_) | Message::Rep(_) | Message::Rej(_) | Message::Dreq(_));
        let mad = Box::new(Mad { transaction_id: connection.transaction_id, message });
        if repeated {
            connection.last = Some(mad.clone());
        }
        out.push(Output::Send { from: connection.local.ip(), to: connection.peer.ip(), mad });
    }

    fn repeat(&self, id: ConnectionId, out: &mut Vec<Output>) {
        if let Some(connection) = self.table.get(&id)
            && let Some(mad) = connection.last.clone()
        {
            out.push(Output::Send { from: connection.local.ip(), to: connection.peer.ip(), mad });
        }
    }

    fn enter(&mut self, now: Time, id: ConnectionId, state: State) {
        let Some(connection) = self.table.get_mut(&id) else { return };
        if let (State::RequestReceived, Role::Passive { listener }) = (connection.state, connection.role) {
            self.waiting.remove(&(listener, id));
        }
        connection.state = state;
        if state == State::Over {
            self.forget_end(id);
        }
        self.restart_timer(now, id);
    }

    /// Starts the timer that belongs to the present state.
    pub(super) fn restart_timer(&mut self, now: Time, id: ConnectionId) {
        let Some(connection) = self.table.get_mut(&id) else { return };
        connection.repeats_left = self.settings.retries;
        let deadline = match connection.state {
            State::Over => Some(now + self.settings.linger),
            state if state.repeats() => Some(now + self.response_wait()),
            _ => None,
        };
        self.set_deadline(id, deadline);
    }

    fn response_wait(&self) -> Dur {
        response_time(self.settings.response_timeout)
    }

    fn set_deadline(&mut self, id: ConnectionId, deadline: Option<Time>) {
        let Some(connection) = self.table.get_mut(&id) else { return };
        if let Some(old) = std::mem::replace(&mut connection.deadline, deadline) {
            self.deadlines.remove(&(old, id));
        }
        if let Some(new) = deadline {
            self.deadlines.insert((new, id));
        }
    }

    pub(super) fn wake(&mut self, now: Time, out: &mut Vec<Output>) {
        while let Some(&(at, id)) = self.deadlines.first().filter(|&&(at, _)| at <= now) {
            self.deadlines.remove(&(at, id));
            let Some(connection) = self.table.get_mut(&id) else { continue };
            connection.deadline = None;
            if connection.state == State::Over {
                self.forget_if_done(id);
            } else if connection.repeats_left == 0 {
                self.apply(now, id, Event::GaveUp, Detail::default(), out);
            } else {
                connection.repeats_left -= 1;
                self.repeat(id, out);
                self.set_deadline(id, Some(now + self.response_wait()));
            }
        }
    }

    pub(super) fn release(&mut self, now: Time, id: ConnectionId, out: &mut Vec<Output>) {
        let Some(connection) = self.table.get_mut(&id).filter(|connection| !connection.released) else { return };
        connection.released = true;
        let (local, peer) = (connection.local, connection.peer);
        self.ports.release(local, peer);
        self.apply(now, id, Event::Abandon, Detail::default(), out);
        self.forget_if_done(id);
    }

    /// Drops the memory of a connection that nobody needs: over, lingered, and released.
    fn forget_if_done(&mut self, id: ConnectionId) {
        let done = |known: &&Connection| known.state == State::Over && known.deadline.is_none() && known.released;
        if let Some(connection) = self.table.get(&id).filter(done) {
            if connection.role != Role::Active {
                self.calls.remove(&(connection.peer.ip(), connection.remote_id));
            }
            self.table.remove(&id);
        }
    }

    /// The peer may use its QP for another connection.
    fn forget_end(&mut self, id: ConnectionId) {
        let Some(connection) = self.table.get(&id) else { return };
        let Some(qpn) = connection.remote_qpn() else { return };
        let key = (connection.peer.ip(), qpn);
        if self.ends.get(&key) == Some(&id) {
            self.ends.remove(&key);
        }
    }
}

fn response_time(code: u8) -> Dur {
    Dur::from_ps(codes::timeout_ps(code))
}
