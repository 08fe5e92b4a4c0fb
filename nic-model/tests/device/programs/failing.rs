//! Requests that must fail: how they end, what follows them is flushed, and nothing of it happens.

use super::draw::Draft;
use super::reference::{Message, Posted, Work};
use super::stage::{MESSAGE_MAX, SLAB_BYTES};
use super::{Program, ends, expected};
use nic_model::regs::cmd::Rights;
use nic_model::regs::cqe::{Cqe, CqeOpcode, Syndrome};
use nic_model::regs::wqe::{Atomic, Bind, Body, Data, DataList, Opcode, RemoteAddress, WqeFlags};

/// A key that nobody has.
const NO_KEY: u32 = 0x00ff_ff00;
/// Pairs that a failure is tried on: the reliable ones.
const PAIRS: usize = 3;

/// A request that fails.
struct Failure {
    opcode: Opcode,
    body: Body,
    syndrome: Syndrome,
    /// The peer refuses it, and goes into error too.
    by_peer: bool,
    /// It is found out when the answer comes.
    late: bool,
    /// What becomes of the peer's receive.
    receive: Option<Syndrome>,
}

impl Failure {
    const fn here(opcode: Opcode, body: Body, syndrome: Syndrome) -> Self {
        Self { opcode, body, syndrome, by_peer: false, late: false, receive: None }
    }

    const fn there(opcode: Opcode, body: Body, syndrome: Syndrome) -> Self {
        Self { opcode, body, syndrome, by_peer: true, late: false, receive: None }
    }
}

impl Program {
    /// The last round: one end posts requests of which one fails.
    pub(super) fn fail(&mut self) {
        let (pair, from) = (self.below(PAIRS), self.below(2));
        let before = self.below(5);
        for _ in 0..before {
            self.request(pair, from);
        }
        let failure = self.failure(pair, from);
        let at = self.posted[pair][from].len();
        // It takes a receive, which it must find.
        let message = failure.receive.map(|_| Message::default());
        let work = message.map_or(Work::Local, Work::Send);
        let Failure { opcode, body, .. } = &failure;
        let draft = Draft { flags: WqeFlags::empty(), ..Draft::plain(*opcode, body.clone(), work) };
        self.post(pair, from, Draft { immediate: NO_KEY, ..draft });
        let after = self.below(4);
        for _ in 0..after {
            self.request(pair, from);
        }
        self.supply();
        let peer_queue = self.stage.pairs[pair][1 - from].queue;
        let receives = self.stage.receives[peer_queue].live.len();
        self.rest();
        let posted = std::mem::take(&mut self.posted[pair][from]);
        let done = self.requests_end(pair, from, &posted, at, &failure);
        // What was posted behind a late failure may have happened before it was found out.
        if done == at && !failure.late {
            let messages = self.reference.execute(&mut self.stage, (pair, from), &posted[..at], false);
            self.receives_end(pair, 1 - from, &messages, &failure, receives);
        }
    }

    /// Gives how many requests have succeeded. Over a bad cable the refusal may be lost; then the peer is silent.
    fn requests_end(&mut self, pair: usize, from: usize, posted: &[Posted], at: usize, failure: &Failure) -> usize {
        let cqes = self.stage.world.completions(&mut self.stage.pairs[pair][from].qp);
        let cqes: Vec<Cqe> = cqes.into_iter().filter(|cqe| !cqe.is_receive()).collect();
        let good = cqes.iter().take_while(|cqe| !cqe.is_error()).count();
        let (good, bad) = cqes.split_at(good);
        let failed = bad.first().expect("a request fails");
        let done = posted.iter().position(|posted| posted.index == failed.wqe_index).expect("it was posted");
        assert_eq!(ends(good), expected(&posted[..done]), "before the failure");
        let silent = failure.by_peer
            && self.recipe.mischief != 0
            && failed.syndrome == Syndrome::TRANSPORT_RETRY_EXCEEDED
            && done <= at;
        let told = failed.syndrome == failure.syndrome && done == at;
        assert!(told || silent, "request {done} (of {at}) ends with {:?}, not {:?}", failed.syndrome, failure.syndrome);
        let flushed: Vec<(u32, Syndrome)> = bad[1..].iter().map(|cqe| (cqe.wqe_index, cqe.syndrome)).collect();
        let behind = posted[done + 1..].iter().map(|posted| (posted.index, Syndrome::FLUSHED));
        assert_eq!(flushed, behind.collect::<Vec<_>>(), "behind the failure");
        done
    }

    /// What the peer has received, and what becomes of its other receives.
    fn receives_end(&mut self, pair: usize, side: usize, messages: &[Message], failure: &Failure, receives: usize) {
        let cqes = self.stage.world.completions(&mut self.stage.pairs[pair][side].qp);
        let (good, bad): (Vec<Cqe>, Vec<Cqe>) = cqes.into_iter().partition(|cqe| !cqe.is_error());
        self.reference.receive(&mut self.stage, (pair, side), &good, messages, false);
        let mut syndromes: Vec<Syndrome> = failure.receive.into_iter().collect();
        let own = pair == 0 && failure.by_peer;
        let left = if own { receives - good.len() - syndromes.len() } else { 0 };
        syndromes.extend(std::iter::repeat_n(Syndrome::FLUSHED, left));
        assert_eq!(bad.iter().map(|cqe| cqe.syndrome).collect::<Vec<_>>(), syndromes, "receives of the peer");
        assert!(bad.iter().all(|cqe| cqe.opcode == CqeOpcode::RECEIVE_ERROR));
    }

    fn failure(&mut self, pair: usize, from: usize) -> Failure {
        let slab = &self.stage.pairs[pair][1 - from].slab;
        let remote = |offset, key| RemoteAddress { address: slab.address() + offset, key };
        let (inside, unknown) = (remote(0, slab.key), remote(0, NO_KEY));
        let beyond = remote(SLAB_BYTES, slab.key);
        let odd = remote(SLAB_BYTES + 1, slab.key);
        let (rng, stage) = (&mut self.rng, &mut self.stage);
        let sink = stage.sink(rng, from, 900);
        let sink = DataList::Segments(stage.sink_data(from, &sink).into());
        let word = stage.sink_word(from);
        let word = stage.sink_data(from, &word)[0];
        let (short, _) = stage.source(rng, from, 100);
        let (long, _) = stage.source(rng, from, MESSAGE_MAX + 300);
        let foreign = DataList::Segments(std::iter::once(Data { key: NO_KEY, ..word }).collect());
        use Syndrome as S;
        match rng.below(10) {
            0 => Failure::there(Opcode::WRITE, Body::Remote(unknown, short), S::REMOTE_ACCESS),
            1 => Failure::there(Opcode::READ, Body::Remote(beyond, sink), S::REMOTE_ACCESS),
            2 => {
                let receive = Some(S::LOCAL_LENGTH);
                Failure { receive, ..Failure::there(Opcode::SEND, Body::Send(long), S::REMOTE_INVALID_REQUEST) }
            }
            3 => {
                let receive = Some(S::REMOTE_INVALID_REQUEST);
                Failure { receive, ..Failure::there(Opcode::SEND_INVALIDATE, Body::Send(short), S::REMOTE_ACCESS) }
            }
            4 => {
                let body = Body::Atomic(odd, Atomic::default(), word);
                Failure::there(Opcode::FETCH_ADD, body, S::REMOTE_INVALID_REQUEST)
            }
            5 => Failure::here(Opcode::WRITE, Body::Remote(inside, foreign), S::LOCAL_PROTECTION),
            6 => Failure::here(Opcode::LOCAL_INVALIDATE, Body::Empty, S::LOCAL_PROTECTION),
            7 => Failure::here(Opcode(0x77), Body::Empty, S::LOCAL_QP_OPERATION),
            8 => {
                let bind = Bind { window_key: NO_KEY, new_key: NO_KEY, rights: Rights::empty(), ..Bind::default() };
                Failure::here(Opcode::BIND_WINDOW, Body::Bind(bind), S::BIND)
            }
            _ => {
                let late = Failure::here(Opcode::READ, Body::Remote(inside, foreign), S::LOCAL_PROTECTION);
                Failure { late: true, ..late }
            }
        }
    }
}
