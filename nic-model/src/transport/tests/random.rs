//! Random programs over a cable that loses, doubles and reorders: every message arrives once, in order, whole.

use super::pair::{LATENCY, MEMORY_BYTES, Pair, at, requester_config, responder_config};
use crate::transport::{AtomicOperation, SendRequest, Status, Suffix, Work};
use des::{Dur, Ratio, Rng};
use proptest::prelude::*;
use wire::{Psn, Transport};

/// READs see an area that nobody writes: a repeated READ may lawfully see later writes.
const READ_AREA: usize = 0;
const WRITE_AREA: usize = 4096;
const WORDS: usize = 12 << 10;

#[derive(Clone, Debug)]
enum Do {
    Send(Vec<u8>, Option<u32>),
    Write(usize, Vec<u8>, Option<u32>),
    Read(usize, u32),
    Atomic(usize, AtomicOperation),
    Local,
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    (0..1500_usize, any::<u8>()).prop_map(|(length, seed)| super::pair::pattern(length, seed))
}

fn action() -> impl Strategy<Value = Do> {
    let immediate = || prop::option::of(any::<u32>());
    let operation = prop_oneof![
        (0..4_u64, 0..4_u64).prop_map(|(compare, swap)| AtomicOperation::CompareSwap { compare, swap }),
        (0..3_u64).prop_map(|add| AtomicOperation::FetchAdd { add }),
    ];
    prop_oneof![
        3 => (data(), immediate()).prop_map(|(data, immediate)| Do::Send(data, immediate)),
        3 => (0..2048_usize, data(), immediate()).prop_map(|(place, data, immediate)| Do::Write(place, data, immediate)),
        3 => (0..2048_usize, 0..2000_u32).prop_map(|(place, length)| Do::Read(place, length)),
        2 => (0..2_usize, operation).prop_map(|(word, operation)| Do::Atomic(word, operation)),
        1 => Just(Do::Local),
    ]
}

#[derive(Clone, Debug)]
struct Cable {
    seed: u64,
    loss_percent: u32,
    copy_percent: u32,
    jitter_ns: u64,
}

fn cable() -> impl Strategy<Value = Cable> {
    (any::<u64>(), 0..15_u32, 0..15_u32, prop_oneof![Just(0), 1..3000_u64])
        .prop_map(|(seed, loss_percent, copy_percent, jitter_ns)| Cable { seed, loss_percent, copy_percent, jitter_ns })
}

impl Cable {
    fn spoil(self, pair: Pair) -> Pair {
        let mut rng = Rng::stream(self.seed, "transport.cable");
        let percent = |of| Ratio::new(of, 100).expect("a probability");
        pair.with_fate(move |_| {
            let copies = if rng.chance(percent(self.loss_percent)) { 0 } else { 1 }
                + u32::from(rng.chance(percent(self.copy_percent)));
            (0..copies).map(|_| LATENCY + Dur::from_ns(rng.below(self.jitter_ns + 1))).collect()
        })
    }
}

/// What the other end must look like after a program, computed without any transport.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    memory: Vec<u8>,
    received: Vec<(Vec<u8>, Option<u32>)>,
    answers: Vec<Vec<u8>>,
    locals: usize,
}

fn initial_memory() -> Vec<u8> {
    let mut memory = super::pair::pattern(MEMORY_BYTES, 99);
    memory[WORDS..].fill(0);
    memory
}

fn expected(program: &[Do]) -> Outcome {
    let mut outcome = Outcome { memory: initial_memory(), ..Outcome::default() };
    for step in program {
        match step {
            Do::Send(data, immediate) => outcome.received.push((data.clone(), *immediate)),
            Do::Write(place, data, immediate) => {
                outcome.memory[WRITE_AREA + place..][..data.len()].copy_from_slice(data);
                outcome.received.extend(immediate.map(|immediate| (Vec::new(), Some(immediate))));
            }
            Do::Read(place, length) => {
                outcome.answers.push(outcome.memory[READ_AREA + place..][..*length as usize].to_vec());
            }
            Do::Atomic(word, operation) => {
                let word = &mut outcome.memory[WORDS + word * 8..][..8];
                let original = u64::from_le_bytes((&*word).try_into().expect("eight bytes"));
                word.copy_from_slice(&operation.apply(original).to_le_bytes());
                outcome.answers.push(original.to_le_bytes().to_vec());
            }
            Do::Local => outcome.locals += 1,
        }
    }
    outcome
}

fn work(step: &Do) -> (Work, Vec<u8>, u32) {
    match step {
        Do::Send(data, immediate) => {
            let suffix = immediate.map_or(Suffix::None, Suffix::Immediate);
            (Work::Send(suffix), data.clone(), data.len() as u32)
        }
        Do::Write(place, data, immediate) => {
            let remote = at((WRITE_AREA + place) as u64);
            (Work::Write { remote, immediate: *immediate }, data.clone(), data.len() as u32)
        }
        Do::Read(place, length) => (Work::Read { remote: at((READ_AREA + place) as u64) }, Vec::new(), *length),
        Do::Atomic(word, operation) => {
            let remote = at((WORDS + word * 8) as u64);
            (Work::Atomic { remote, operation: *operation }, Vec::new(), 8)
        }
        Do::Local => (Work::Local, Vec::new(), 0),
    }
}

fn push_all(pair: &mut Pair, end: usize, program: &[Do], fences: u32) {
    pair.ends[1 - end].port.memory = initial_memory();
    for (id, step) in (0..).zip(program) {
        let (work, data, length_bytes) = work(step);
        let fence = fences >> (id % 32) & 1 == 1;
        let request = SendRequest { id, work, length_bytes, signalled: true, solicited: false, fence };
        pair.ends[end].push(request, data);
    }
}

/// What the ends have made of the program of `end`.
fn outcome(pair: &Pair, end: usize, program: &[Do]) -> Outcome {
    let (here, there) = (&pair.ends[end], &pair.ends[1 - end]);
    let received = there.port.received.iter().map(|(data, completion)| (data.clone(), completion.immediate));
    let answers = (0..).zip(program).filter_map(|(id, step)| match step {
        Do::Read(..) => Some(here.buffers[&id].clone()),
        Do::Atomic(..) => Some(here.atomic_results.get(&id)?.to_le_bytes().to_vec()),
        _ => None,
    });
    Outcome {
        memory: there.port.memory.clone(),
        received: received.collect(),
        answers: answers.collect(),
        locals: here.locals.len(),
    }
}

/// A pair whose settings come from `knobs`, so that shrinking simplifies them.
fn pair(knobs: [u8; 4], initial_psn: u32, selective: bool) -> Pair {
    let psn = Psn::new(initial_psn);
    let [window, ack_every, reads, unasked] = knobs;
    let mut requester = requester_config(Transport::Rc);
    requester.initial_psn = psn;
    requester.window_packets = u32::from(window % 20) + 1;
    requester.ack_every_packets = u32::from(ack_every % 8) + 1;
    requester.max_rd_atomic = reads % 4 + 1;
    requester.retry_count = 250;
    let mut responder = responder_config(Transport::Rc);
    responder.expected_psn = psn;
    responder.unasked_ack_packets = u32::from(unasked % 4);
    if selective {
        requester.recovery = crate::transport::requester::Recovery::SelectiveRepeat;
        responder.reorder_packets = 16;
    }
    Pair::new(requester, responder)
}

fn programs() -> impl Strategy<Value = [Vec<Do>; 2]> {
    [prop::collection::vec(action(), 0..24), prop::collection::vec(action(), 0..12)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_message_arrives_once_in_order(
        programs in programs(),
        cable in cable(),
        knobs in any::<[u8; 4]>(),
        initial_psn in prop_oneof![Just(0xff_fff0_u32), Just(0x7f_fff0), 0..=0xff_ffff_u32],
        fences in any::<u32>(),
        scarce in any::<bool>(),
        credits in any::<bool>(),
        selective in any::<bool>(),
    ) {
        let mut pair = cable.spoil(pair(knobs, initial_psn, selective));
        for end in &mut pair.ends {
            end.credits = credits;
            if scarce {
                end.later_receives = Some((Dur::from_us(5), 0));
            } else {
                end.port.receives.extend([4096; 40]);
            }
        }
        for (end, program) in programs.iter().enumerate() {
            push_all(&mut pair, end, program, fences);
        }
        pair.run();
        for (end, program) in programs.iter().enumerate() {
            let completed: Vec<_> = (0..program.len() as u32).map(|id| (id, Status::Ok)).collect();
            prop_assert_eq!(&pair.ends[end].completions, &completed);
            prop_assert_eq!(outcome(&pair, end, program), expected(program));
        }
    }

    #[test]
    fn a_perfect_cable_needs_no_retransmission(programs in programs(), knobs in any::<[u8; 4]>(), fences in any::<u32>(), selective in any::<bool>()) {
        let mut pair = pair(knobs, 0xff_fff0, selective);
        for (end, program) in programs.iter().enumerate() {
            pair.ends[1 - end].port.receives.extend([4096; 40]);
            push_all(&mut pair, end, program, fences);
        }
        pair.run();
        for (end, program) in programs.iter().enumerate() {
            prop_assert_eq!(outcome(&pair, end, program), expected(program));
            prop_assert_eq!(pair.ends[end].completions.len(), program.len());
            prop_assert_eq!(*pair.ends[end].requester.counters(), Default::default());
            prop_assert_eq!(*pair.ends[end].responder.counters(), Default::default());
        }
    }
}
