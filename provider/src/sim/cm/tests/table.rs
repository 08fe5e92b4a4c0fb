//! The whole protocol on one page: review a change here against IBTA volume 1, figures of 12.9.

use crate::sim::cm::table::{Action, Event, Notice, State, step};
use std::fmt::Write as _;

/// Every cell that does something. What is missing is ignored.
const PROTOCOL: &str = "\
RequestSent + Mra -> RequestSent: Extend
RequestSent + Rej -> Over: Tell(Failed(STATUS_CONNECTION_REFUSED))
RequestSent + Rep -> ReplyReceived: Tell(Replied)
RequestSent + Dreq -> Over: Drep, Tell(Failed(STATUS_CONNECTION_REFUSED))
RequestSent + Accept -> RequestSent: Tell(Failed(STATUS_CONNECTION_INVALID))
RequestSent + Complete -> RequestSent: Tell(Failed(STATUS_CONNECTION_INVALID))
RequestSent + Reject -> RequestSent: Tell(Failed(STATUS_CONNECTION_INVALID))
RequestSent + Disconnect -> RequestSent: Tell(Failed(STATUS_CONNECTION_INVALID))
RequestSent + Abandon -> Over: Rej(TIMEOUT)
RequestSent + GaveUp -> Over: Rej(TIMEOUT), Tell(Failed(STATUS_IO_TIMEOUT))
RequestReceived + Req -> RequestReceived: Mra
RequestReceived + Rej -> Over: Tell(Aborted)
RequestReceived + Accept -> ReplySent: Rep
RequestReceived + Complete -> RequestReceived: Tell(Failed(STATUS_CONNECTION_INVALID))
RequestReceived + Reject -> Over: Rej(CONSUMER_DEFINED), Tell(Done)
RequestReceived + Disconnect -> RequestReceived: Tell(Failed(STATUS_CONNECTION_INVALID))
RequestReceived + Abandon -> Over: Rej(CONSUMER_DEFINED)
ReplyReceived + Rej -> Over: Tell(Aborted)
ReplyReceived + Rep -> ReplyReceived: Mra
ReplyReceived + Dreq -> Over: Drep, Tell(Aborted)
ReplyReceived + Accept -> ReplyReceived: Tell(Failed(STATUS_CONNECTION_INVALID))
ReplyReceived + Complete -> Established: Rtu, Tell(Done)
ReplyReceived + Reject -> Over: Rej(CONSUMER_DEFINED), Tell(Done)
ReplyReceived + Disconnect -> ReplyReceived: Tell(Failed(STATUS_CONNECTION_INVALID))
ReplyReceived + Abandon -> Over: Rej(CONSUMER_DEFINED)
ReplyReceived + Broken -> Over: Rej(NO_QP), Tell(Aborted)
ReplySent + Req -> ReplySent: Repeat
ReplySent + Mra -> ReplySent: Extend
ReplySent + Rej -> Over: Tell(Failed(STATUS_CONNECTION_ABORTED))
ReplySent + Rtu -> Established: Tell(Established)
ReplySent + Dreq -> PeerDisconnected: Drep, Tell(Established), Tell(Disconnected { graceful: true })
ReplySent + Accept -> ReplySent: Tell(Failed(STATUS_CONNECTION_INVALID))
ReplySent + Complete -> ReplySent: Tell(Failed(STATUS_CONNECTION_INVALID))
ReplySent + Reject -> ReplySent: Tell(Failed(STATUS_CONNECTION_INVALID))
ReplySent + Disconnect -> ReplySent: Tell(Failed(STATUS_CONNECTION_INVALID))
ReplySent + Abandon -> Breaking: Rej(CONSUMER_DEFINED), Dreq
ReplySent + Traffic -> Established: Tell(Established)
ReplySent + Broken -> Breaking: Rej(NO_QP), Dreq, Tell(Failed(STATUS_CONNECTION_ABORTED))
ReplySent + GaveUp -> Breaking: Rej(TIMEOUT), Dreq, Tell(Failed(STATUS_IO_TIMEOUT))
Established + Rej -> Over: Tell(Disconnected { graceful: false })
Established + Rep -> Established: Rtu
Established + Dreq -> PeerDisconnected: Drep, Tell(Disconnected { graceful: true })
Established + Accept -> Established: Tell(Failed(STATUS_CONNECTION_INVALID))
Established + Complete -> Established: Tell(Failed(STATUS_CONNECTION_INVALID))
Established + Reject -> Established: Tell(Failed(STATUS_CONNECTION_INVALID))
Established + Disconnect -> DisconnectSent: Dreq
Established + Abandon -> DisconnectSent: Dreq
Established + Broken -> Breaking: Dreq, Tell(Disconnected { graceful: false })
DisconnectSent + Rej -> Over: Tell(Failed(STATUS_CONNECTION_ABORTED))
DisconnectSent + Dreq -> Over: Drep, Tell(Done)
DisconnectSent + Drep -> Over: Tell(Done)
DisconnectSent + Accept -> DisconnectSent: Tell(Failed(STATUS_CONNECTION_INVALID))
DisconnectSent + Complete -> DisconnectSent: Tell(Failed(STATUS_CONNECTION_INVALID))
DisconnectSent + Reject -> DisconnectSent: Tell(Failed(STATUS_CONNECTION_INVALID))
DisconnectSent + Disconnect -> DisconnectSent: Tell(Failed(STATUS_CONNECTION_INVALID))
DisconnectSent + GaveUp -> Over: Tell(Failed(STATUS_IO_TIMEOUT))
Breaking + Rej -> Over: 
Breaking + Dreq -> Over: Drep
Breaking + Drep -> Over: 
Breaking + Accept -> Breaking: Tell(Failed(STATUS_CONNECTION_INVALID))
Breaking + Complete -> Breaking: Tell(Failed(STATUS_CONNECTION_INVALID))
Breaking + Reject -> Breaking: Tell(Failed(STATUS_CONNECTION_INVALID))
Breaking + Disconnect -> DisconnectSent: 
Breaking + GaveUp -> Over: 
PeerDisconnected + Dreq -> PeerDisconnected: Drep
PeerDisconnected + Accept -> PeerDisconnected: Tell(Failed(STATUS_CONNECTION_INVALID))
PeerDisconnected + Complete -> PeerDisconnected: Tell(Failed(STATUS_CONNECTION_INVALID))
PeerDisconnected + Reject -> PeerDisconnected: Tell(Failed(STATUS_CONNECTION_INVALID))
PeerDisconnected + Disconnect -> Over: Tell(Done)
PeerDisconnected + Abandon -> Over: 
Over + Req -> Over: RepeatRej
Over + Rep -> Over: RepeatRej
Over + Dreq -> Over: Drep
Over + Accept -> Over: Tell(Failed(STATUS_CONNECTION_ABORTED))
Over + Complete -> Over: Tell(Failed(STATUS_CONNECTION_ABORTED))
Over + Reject -> Over: Tell(Failed(STATUS_CONNECTION_ABORTED))
Over + Disconnect -> Over: Tell(Done)
";

fn cells() -> impl Iterator<Item = (State, Event, State, &'static [Action])> {
    State::ALL.into_iter().flat_map(|state| {
        Event::ALL.into_iter().map(move |event| {
            let (next, actions) = step(state, event);
            (state, event, next, actions)
        })
    })
}

#[test]
fn the_table_is_the_one_above() {
    let mut text = String::new();
    for (state, event, next, actions) in cells() {
        if state != next || !actions.is_empty() {
            let actions: Vec<String> = actions.iter().map(|action| format!("{action:?}")).collect();
            writeln!(text, "{state:?} + {event:?} -> {next:?}: {}", actions.join(", ")).expect("a string takes all");
        }
    }
    assert_eq!(text, PROTOCOL);
}

#[test]
fn what_is_repeated_can_be_given_up_and_nothing_else() {
    for state in State::ALL {
        assert_eq!(step(state, Event::GaveUp).0 != state, state.repeats(), "{state:?}");
    }
}

#[test]
fn over_is_over() {
    for event in Event::ALL {
        assert_eq!(step(State::Over, event).0, State::Over, "{event:?}");
    }
}

#[test]
fn abandoning_tells_nobody_here_and_ends_every_state() {
    for state in State::ALL {
        let (next, actions) = step(state, Event::Abandon);
        assert!(actions.iter().all(|action| !matches!(action, Action::Tell(_))), "{state:?}");
        assert!(matches!(next, State::Over | State::DisconnectSent | State::Breaking), "{state:?} to {next:?}");
    }
}

#[test]
fn a_loss_is_told_only_of_what_stood() {
    for (state, event, _, actions) in cells() {
        let told = actions.iter().any(|action| matches!(action, Action::Tell(Notice::Disconnected { .. })));
        let stood = state == State::Established || (state, event) == (State::ReplySent, Event::Dreq);
        assert!(!told || stood, "{state:?} + {event:?}");
    }
}
