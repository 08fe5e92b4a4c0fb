//! The protocol as a table: state and event give the next state and what to do.

use crate::ndk::Status;
use wire::cm::RejReason;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Active: REQ is sent and repeated.
    RequestSent,
    /// Passive: the consumer has been asked.
    RequestReceived,
    /// Active: accepted, the consumer is to complete.
    ReplyReceived,
    /// Passive: REP is sent and repeated.
    ReplySent,
    /// It stands.
    Established,
    /// The consumer ends it: DREQ is sent and repeated.
    DisconnectSent,
    /// It broke or was given up, the consumer knows: DREQ is sent and repeated.
    Breaking,
    /// The peer ended it, the consumer has been told.
    PeerDisconnected,
    /// It is over; repeats are answered.
    Over,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::RequestSent,
        Self::RequestReceived,
        Self::ReplyReceived,
        Self::ReplySent,
        Self::Established,
        Self::DisconnectSent,
        Self::Breaking,
        Self::PeerDisconnected,
        Self::Over,
    ];

    /// Whether the last message is repeated until an answer comes.
    #[must_use]
    pub const fn repeats(self) -> bool {
        matches!(self, Self::RequestSent | Self::ReplySent | Self::DisconnectSent | Self::Breaking)
    }
}

/// What can happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A repeat of the REQ that began it.
    Req,
    /// MRA.
    Mra,
    /// REJ.
    Rej,
    /// REP.
    Rep,
    /// RTU.
    Rtu,
    /// DREQ.
    Dreq,
    /// DREP.
    Drep,
    /// The consumer accepts.
    Accept,
    /// The consumer completes.
    Complete,
    /// The consumer rejects.
    Reject,
    /// The consumer disconnects.
    Disconnect,
    /// The consumer gives up or closes.
    Abandon,
    /// The first packet arrived on the QP.
    Traffic,
    /// The QP failed.
    Broken,
    /// No answer came to the last repeat.
    GaveUp,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Req,
        Self::Mra,
        Self::Rej,
        Self::Rep,
        Self::Rtu,
        Self::Dreq,
        Self::Drep,
        Self::Accept,
        Self::Complete,
        Self::Reject,
        Self::Disconnect,
        Self::Abandon,
        Self::Traffic,
        Self::Broken,
        Self::GaveUp,
    ];
}

/// What a consumer is told about its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Active: the peer accepted.
    Replied,
    /// Passive: the active side has completed.
    Established,
    /// The request of the consumer that is under way (complete, reject, disconnect) is done.
    Done,
    /// The request of the consumer that is under way has failed.
    Failed(Status),
    /// The peer gave up before the connection stood.
    Aborted,
    /// The connection ended.
    Disconnected {
        /// By the peer's disconnect.
        graceful: bool,
    },
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send REP.
    Rep,
    /// Send RTU.
    Rtu,
    /// Send MRA for the message received.
    Mra,
    /// Send REJ.
    Rej(RejReason),
    /// Send DREQ.
    Dreq,
    /// Send DREP.
    Drep,
    /// Send the last message again.
    Repeat,
    /// Send the last message again if it was a REJ.
    RepeatRej,
    /// Wait as long as the MRA says before the next repeat.
    Extend,
    /// Tell the consumer.
    Tell(Notice),
}

const ABORTED: Status = Status::CONNECTION_ABORTED;

/// The protocol. Whatever is not in it changes nothing.
#[must_use]
pub const fn step(state: State, event: Event) -> (State, &'static [Action]) {
    use Action as A;
    use Event as E;
    use Notice as N;
    use State as S;
    match (state, event) {
        // The active side until it stands.
        (S::RequestSent, E::Rep) => (S::ReplyReceived, &[A::Tell(N::Replied)]),
        (S::RequestSent, E::Rej) => (S::Over, &[A::Tell(N::Failed(Status::CONNECTION_REFUSED))]),
        // The peer accepted and gave up; both messages of that were lost.
        (S::RequestSent, E::Dreq) => (S::Over, &[A::Drep, A::Tell(N::Failed(Status::CONNECTION_REFUSED))]),
        (S::RequestSent, E::GaveUp) => (S::Over, &[A::Rej(RejReason::TIMEOUT), A::Tell(N::Failed(Status::IO_TIMEOUT))]),
        (S::RequestSent, E::Abandon) => (S::Over, &[A::Rej(RejReason::TIMEOUT)]),
        (S::ReplyReceived, E::Complete) => (S::Established, &[A::Rtu, A::Tell(N::Done)]),
        // The consumer is slow: the peer is to wait.
        (S::ReplyReceived, E::Rep) | (S::RequestReceived, E::Req) => (state, &[A::Mra]),
        // RTU was lost.
        (S::Established, E::Rep) => (state, &[A::Rtu]),

        // The passive side until it stands.
        (S::RequestReceived, E::Accept) => (S::ReplySent, &[A::Rep]),
        (S::ReplySent, E::Req) => (state, &[A::Repeat]),
        (S::ReplySent, E::Rtu | E::Traffic) => (S::Established, &[A::Tell(N::Established)]),
        (S::ReplySent, E::Rej) => (S::Over, &[A::Tell(N::Failed(ABORTED))]),
        // The peer may have completed: it is to hear of the end for sure, so that a DREQ is repeated until it is answered.
        (S::ReplySent, E::Abandon) => (S::Breaking, &[A::Rej(RejReason::CONSUMER_DEFINED), A::Dreq]),
        (S::ReplySent, E::Broken) => (S::Breaking, &[A::Rej(RejReason::NO_QP), A::Dreq, A::Tell(N::Failed(ABORTED))]),
        (S::ReplySent, E::GaveUp) => {
            (S::Breaking, &[A::Rej(RejReason::TIMEOUT), A::Dreq, A::Tell(N::Failed(Status::IO_TIMEOUT))])
        }
        // Only a peer that has completed disconnects: RTU was lost.
        (S::ReplySent, E::Dreq) => {
            (S::PeerDisconnected, &[A::Drep, A::Tell(N::Established), A::Tell(N::Disconnected { graceful: true })])
        }

        // Either side, before it stands.
        (S::RequestReceived | S::ReplyReceived, E::Reject) => {
            (S::Over, &[A::Rej(RejReason::CONSUMER_DEFINED), A::Tell(N::Done)])
        }
        (S::RequestReceived | S::ReplyReceived, E::Abandon) => (S::Over, &[A::Rej(RejReason::CONSUMER_DEFINED)]),
        (S::RequestReceived | S::ReplyReceived, E::Rej) => (S::Over, &[A::Tell(N::Aborted)]),
        (S::ReplyReceived, E::Dreq) => (S::Over, &[A::Drep, A::Tell(N::Aborted)]),
        (S::ReplyReceived, E::Broken) => (S::Over, &[A::Rej(RejReason::NO_QP), A::Tell(N::Aborted)]),
        (S::RequestSent | S::ReplySent, E::Mra) => (state, &[A::Extend]),

        // The end.
        (S::Established, E::Disconnect) => (S::DisconnectSent, &[A::Dreq]),
        (S::Established, E::Abandon) => (S::DisconnectSent, &[A::Dreq]),
        (S::Established, E::Broken) => (S::Breaking, &[A::Dreq, A::Tell(N::Disconnected { graceful: false })]),
        (S::Established, E::Rej) => (S::Over, &[A::Tell(N::Disconnected { graceful: false })]),
        (S::Established, E::Dreq) => (S::PeerDisconnected, &[A::Drep, A::Tell(N::Disconnected { graceful: true })]),
        (S::DisconnectSent, E::Drep) => (S::Over, &[A::Tell(N::Done)]),
        // Both sides disconnect.
        (S::DisconnectSent, E::Dreq) => (S::Over, &[A::Drep, A::Tell(N::Done)]),
        (S::DisconnectSent, E::Rej) => (S::Over, &[A::Tell(N::Failed(ABORTED))]),
        (S::DisconnectSent, E::GaveUp) => (S::Over, &[A::Tell(N::Failed(Status::IO_TIMEOUT))]),
        (S::Breaking, E::Disconnect) => (S::DisconnectSent, &[]),
        (S::Breaking, E::Drep | E::Rej | E::GaveUp) => (S::Over, &[]),
        (S::Breaking, E::Dreq) => (S::Over, &[A::Drep]),
        (S::PeerDisconnected, E::Disconnect) => (S::Over, &[A::Tell(N::Done)]),
        (S::PeerDisconnected, E::Abandon) => (S::Over, &[]),

        // Repeats.
        (S::PeerDisconnected | S::Over, E::Dreq) => (state, &[A::Drep]),
        (S::Over, E::Req | E::Rep) => (state, &[A::RepeatRej]),

        // The consumer is too late, or too early.
        (S::Over, E::Disconnect) => (state, &[A::Tell(N::Done)]),
        (S::Over, E::Accept | E::Complete | E::Reject) => (state, &[A::Tell(N::Failed(ABORTED))]),
        (_, E::Accept | E::Complete | E::Reject | E::Disconnect) => {
            (state, &[A::Tell(N::Failed(Status::CONNECTION_INVALID))])
        }
        _ => (state, &[]),
    }
}
