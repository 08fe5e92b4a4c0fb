//! A connection as a state machine: what is heard in which phase, what follows, and what is to be done.
//!
//! The phases are those of the RDMA connection manager (`rdma_cm(7)`); the acts are carried out by
//! [`connections`](super::connections).

use provider::ndk::Status;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    ResolvingAddress,
    ResolvingRoute,
    RequestSent,
    /// The peer has accepted; the consumer has not completed.
    ReplyReceived,
    /// A peer asks; the consumer has not answered.
    RequestReceived,
    ReplySent,
    Established,
    DisconnectSent,
    /// The peer has ended it, and has its answer.
    PeerLeft,
    /// Nothing more is said or heard.
    Over,
}

/// What is heard from connection management.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    AddressResolved,
    RouteResolved,
    Reply,
    Established,
    Refused,
    Failed(Status),
    /// The peer has ended the connection, or has answered to its end.
    Disconnected,
    /// The peer did not answer to the end of the connection.
    DisconnectTimedOut,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Nothing,
    ResolveRoute,
    SendRequest,
    /// The peer has accepted: the queue pair can receive, and the connect is done.
    TakeReply,
    /// The connection stands: the accept is done.
    Complete,
    /// The pending command ends so.
    Fail(Status),
    /// The connect ends with CONNECTION_REFUSED, and the consumer gets what the peer said.
    Refuse,
    /// The consumer hears that the peer gave up.
    TellAborted,
    /// The peer is answered, and the consumer hears that it left.
    AnswerAndTell,
    /// The consumer hears that the connection broke.
    TellBroken,
    /// The disconnect is done.
    Disconnected,
}

/// The machine. What does not fit the phase is late and means nothing.
pub(super) fn after(phase: Phase, heard: Heard) -> (Phase, Act) {
    use Act::{
        AnswerAndTell, Complete, Disconnected, Fail, Nothing, Refuse, ResolveRoute, SendRequest, TakeReply,
        TellAborted, TellBroken,
    };
    use Heard as H;
    use Phase as P;
    match (phase, heard) {
        (P::ResolvingAddress, H::AddressResolved) => (P::ResolvingRoute, ResolveRoute),
        (P::ResolvingRoute, H::RouteResolved) => (P::RequestSent, SendRequest),
        (P::RequestSent, H::Reply) => (P::ReplyReceived, TakeReply),
        // iWARP has no third message: with the reply the connection stands.
        (P::RequestSent, H::Established) => (P::Established, TakeReply),
        (P::ResolvingAddress | P::ResolvingRoute | P::RequestSent, H::Refused) => (P::Over, Refuse),
        (P::ResolvingAddress | P::ResolvingRoute | P::RequestSent | P::ReplySent, H::Failed(status)) => {
            (P::Over, Fail(status))
        }
        (P::RequestSent | P::ReplySent, H::Disconnected | H::DisconnectTimedOut) | (P::ReplySent, H::Refused) => {
            (P::Over, Fail(Status::CONNECTION_ABORTED))
        }
        (P::ReplySent, H::Established) => (P::Established, Complete),
        (
            P::ReplyReceived | P::RequestReceived,
            H::Refused | H::Failed(_) | H::Disconnected | H::DisconnectTimedOut,
        ) => (P::Over, TellAborted),
        (P::Established, H::Disconnected) => (P::PeerLeft, AnswerAndTell),
        (P::Established, H::Failed(_) | H::Refused | H::DisconnectTimedOut) => (P::Over, TellBroken),
        (P::DisconnectSent, H::Disconnected) => (P::Over, Disconnected),
        (P::DisconnectSent, H::DisconnectTimedOut) => (P::Over, Fail(Status::IO_TIMEOUT)),
        (P::DisconnectSent, H::Failed(status)) => (P::Over, Fail(status)),
        (phase, _) => (phase, Nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHASES: [Phase; 10] = [
        Phase::ResolvingAddress,
        Phase::ResolvingRoute,
        Phase::RequestSent,
        Phase::ReplyReceived,
        Phase::RequestReceived,
        Phase::ReplySent,
        Phase::Established,
        Phase::DisconnectSent,
        Phase::PeerLeft,
        Phase::Over,
    ];

    const HEARD: [Heard; 8] = [
        Heard::AddressResolved,
        Heard::RouteResolved,
        Heard::Reply,
        Heard::Established,
        Heard::Refused,
        Heard::Failed(Status::IO_TIMEOUT),
        Heard::Disconnected,
        Heard::DisconnectTimedOut,
    ];

    /// Every pair that is not late, one a line.
    const TABLE: &str = "\
ResolvingAddress + AddressResolved -> ResolvingRoute: ResolveRoute
ResolvingAddress + Refused -> Over: Refuse
ResolvingAddress + Failed(STATUS_IO_TIMEOUT) -> Over: Fail(STATUS_IO_TIMEOUT)
ResolvingRoute + RouteResolved -> RequestSent: SendRequest
ResolvingRoute + Refused -> Over: Refuse
ResolvingRoute + Failed(STATUS_IO_TIMEOUT) -> Over: Fail(STATUS_IO_TIMEOUT)
RequestSent + Reply -> ReplyReceived: TakeReply
RequestSent + Established -> Established: TakeReply
RequestSent + Refused -> Over: Refuse
RequestSent + Failed(STATUS_IO_TIMEOUT) -> Over: Fail(STATUS_IO_TIMEOUT)
RequestSent + Disconnected -> Over: Fail(STATUS_CONNECTION_ABORTED)
RequestSent + DisconnectTimedOut -> Over: Fail(STATUS_CONNECTION_ABORTED)
ReplyReceived + Refused -> Over: TellAborted
ReplyReceived + Failed(STATUS_IO_TIMEOUT) -> Over: TellAborted
ReplyReceived + Disconnected -> Over: TellAborted
ReplyReceived + DisconnectTimedOut -> Over: TellAborted
RequestReceived + Refused -> Over: TellAborted
RequestReceived + Failed(STATUS_IO_TIMEOUT) -> Over: TellAborted
RequestReceived + Disconnected -> Over: TellAborted
RequestReceived + DisconnectTimedOut -> Over: TellAborted
ReplySent + Established -> Established: Complete
ReplySent + Refused -> Over: Fail(STATUS_CONNECTION_ABORTED)
ReplySent + Failed(STATUS_IO_TIMEOUT) -> Over: Fail(STATUS_IO_TIMEOUT)
ReplySent + Disconnected -> Over: Fail(STATUS_CONNECTION_ABORTED)
ReplySent + DisconnectTimedOut -> Over: Fail(STATUS_CONNECTION_ABORTED)
Established + Refused -> Over: TellBroken
Established + Failed(STATUS_IO_TIMEOUT) -> Over: TellBroken
Established + Disconnected -> PeerLeft: AnswerAndTell
Established + DisconnectTimedOut -> Over: TellBroken
DisconnectSent + Failed(STATUS_IO_TIMEOUT) -> Over: Fail(STATUS_IO_TIMEOUT)
DisconnectSent + Disconnected -> Over: Disconnected
DisconnectSent + DisconnectTimedOut -> Over: Fail(STATUS_IO_TIMEOUT)
";

    #[test]
    fn the_whole_table() {
        let mut lines = String::new();
        for phase in PHASES {
            for heard in HEARD {
                match after(phase, heard) {
                    (next, Act::Nothing) => assert_eq!(next, phase, "what is late changes nothing"),
                    (next, act) => lines.push_str(&format!("{phase:?} + {heard:?} -> {next:?}: {act:?}\n")),
                }
            }
        }
        assert_eq!(lines, TABLE);
    }
}
