//! Random programs of all operations over a bad cable: memory, completions and order are those of a simple reference.
//!
//! Reading order: this module (a program from its recipe to its last comparison), [`recipe`], [`stage`] (what it acts on),
//! [`draw`] (its requests), [`reference`] (what must come of them), [`mischief`] (the cable), [`failing`] (requests that
//! must fail).
//!
//! A failure prints its recipe; that line in `corpus.txt` replays it with `cargo test -p nic-model --test device corpus`.

mod draw;
mod failing;
mod mischief;
mod recipe;
mod reference;
mod stage;

use crate::support::driver::LOG_RQ;
use des::Rng;
use draw::{Draft, Draw};
use nic_model::regs::bar;
use nic_model::regs::cmd::QpType;
use nic_model::regs::cqe::{Cqe, CqeOpcode};
use nic_model::regs::eqe::EventType;
use nic_model::regs::wqe::{Opcode, WqeFlags};
use proptest::prelude::*;
use recipe::{Recipe, recipes};
use reference::{Posted, Reference, Work};
use stage::Stage;

/// Events of the world between two requests, at most.
const PAUSE_MAX: u64 = 60;
/// One request in so many is followed by another completion queue.
const RESIZE_ONE_IN: u64 = 12;
/// Receives that are posted before they are needed.
const AHEAD_MAX: usize = (1 << LOG_RQ) / 2;

/// A program while it runs.
struct Program {
    recipe: Recipe,
    rng: Rng,
    stage: Stage,
    reference: Reference,
    /// Requests of this round, by pair and side.
    posted: Vec<[Vec<Posted>; 2]>,
}

/// Runs a program, and panics where it differs from the reference.
fn run(recipe: Recipe) {
    let stage = Stage::new(&recipe);
    let reference = Reference::new(&stage);
    let posted = stage.pairs.iter().map(|_| [Vec::new(), Vec::new()]).collect();
    let rng = Rng::stream(recipe.seed, "program");
    let mut program = Program { recipe, rng, stage, reference, posted };
    for round in 0..recipe.rounds {
        program.change_keys();
        if recipe.fails && round + 1 == recipe.rounds {
            return program.fail();
        }
        program.round();
    }
}

impl Program {
    fn below(&mut self, bound: usize) -> usize {
        self.rng.below(bound as u64) as usize
    }

    /// Some ends open or close parts of their slabs, alone.
    fn change_keys(&mut self) {
        for pair in 0..self.stage.pairs.len() {
            for from in 0..2 {
                if self.stage.types[pair] != QpType::RC || self.below(2) == 0 {
                    continue;
                }
                let (rng, stage) = (&mut self.rng, &mut self.stage);
                if let Some(draft) = (Draw { rng, stage, pair, from, before: &[] }).key_change() {
                    self.post(pair, from, draft);
                }
            }
        }
        self.rest();
        self.compare();
    }

    fn round(&mut self) {
        for _ in 0..self.recipe.posts {
            let (pair, from) = (self.below(self.stage.pairs.len()), self.below(2));
            self.request(pair, from);
            if self.below(3) == 0 {
                let queue = self.below(self.stage.receives.len());
                if self.stage.receives[queue].live.len() < AHEAD_MAX {
                    self.stage.post_receive(&mut self.rng, queue);
                }
            }
            for _ in 0..self.rng.below(PAUSE_MAX) {
                self.stage.world.step();
            }
            if self.rng.below(RESIZE_ONE_IN) == 0 {
                self.resize();
            }
        }
        self.supply();
        self.rest();
        self.compare();
    }

    /// One request that succeeds, rung now or later.
    fn request(&mut self, pair: usize, from: usize) {
        let before = std::mem::take(&mut self.posted[pair][from]);
        let draft = Draw { rng: &mut self.rng, stage: &mut self.stage, pair, from, before: &before }.request();
        self.posted[pair][from] = before;
        if self.stage.types[pair] != QpType::RC {
            // Nobody waits for a receive.
            let queue = self.stage.pairs[pair][1 - from].queue;
            self.stage.post_receive(&mut self.rng, queue);
        }
        self.post(pair, from, draft);
    }

    fn post(&mut self, pair: usize, from: usize, draft: Draft) {
        let Draft { opcode, flags, immediate, body, work } = draft;
        let end = &mut self.stage.pairs[pair][from];
        let index = end.qp.producer;
        let bytes = self.stage.world.post(&mut end.qp, opcode, flags, immediate, body);
        self.posted[pair][from].push(Posted { index, opcode, flags, work });
        let alone = !std::mem::replace(&mut end.unrung, true);
        match self.rng.below(3) {
            0 => self.ring(pair, from),
            1 if alone && bytes.len() as u64 <= bar::BLUEFLAME_BUFFER_BYTES => {
                self.stage.pairs[pair][from].unrung = false;
                self.stage.world.push(from, &bytes);
            }
            _ => {}
        }
    }

    /// Another completion queue, larger or smaller, while entries come.
    fn resize(&mut self) {
        let (pair, side, log) = (self.below(self.stage.pairs.len()), self.below(2), 6 + self.below(2) as u8);
        let end = &mut self.stage.pairs[pair][side];
        let before = self.stage.world.resize_cq(&mut end.qp, log);
        end.taken.extend(before);
    }

    fn ring(&mut self, pair: usize, from: usize) {
        let end = &mut self.stage.pairs[pair][from];
        if std::mem::take(&mut end.unrung) {
            self.stage.world.ring(&end.qp);
        }
    }

    /// As many receives as the messages of this round need.
    fn supply(&mut self) {
        let mut needed = vec![0; self.stage.receives.len()];
        for (pair, ends) in self.posted.iter().enumerate() {
            for (from, posted) in ends.iter().enumerate() {
                let takes =
                    |posted: &&Posted| matches!(&posted.work, Work::Send(_) | Work::Write { message: Some(_), .. });
                needed[self.stage.pairs[pair][1 - from].queue] += posted.iter().filter(takes).count();
            }
        }
        for (queue, needed) in needed.into_iter().enumerate() {
            let queue_live = |stage: &Stage| stage.receives[queue].live.len();
            while queue_live(&self.stage) < needed {
                self.stage.post_receive(&mut self.rng, queue);
            }
        }
    }

    /// Rings what was not rung, and waits until nothing happens any more.
    fn rest(&mut self) {
        for pair in 0..self.stage.pairs.len() {
            self.ring(pair, 0);
            self.ring(pair, 1);
        }
        self.stage.world.run();
    }

    /// Everything is as the reference has it.
    fn compare(&mut self) {
        let mut received = Vec::new();
        for pair in 0..self.stage.pairs.len() {
            let torn = self.recipe.mischief != 0 && self.stage.types[pair] != QpType::RC;
            let mut messages = [Vec::new(), Vec::new()];
            let mut receives = [Vec::new(), Vec::new()];
            for from in 0..2 {
                let end = &mut self.stage.pairs[pair][from];
                let mut cqes = std::mem::take(&mut end.taken);
                cqes.extend(self.stage.world.completions(&mut end.qp));
                let (arrived, done): (Vec<Cqe>, Vec<Cqe>) = cqes.into_iter().partition(Cqe::is_receive);
                let posted = std::mem::take(&mut self.posted[pair][from]);
                assert_eq!(ends(&done), expected(&posted), "requests of pair {pair}, side {from}");
                receives[from] = arrived;
                messages[1 - from] = self.reference.execute(&mut self.stage, (pair, from), &posted, torn);
            }
            received.push((torn, messages, receives));
        }
        for (pair, (torn, messages, receives)) in received.into_iter().enumerate() {
            for side in 0..2 {
                self.reference.receive(&mut self.stage, (pair, side), &receives[side], &messages[side], torn);
                if torn {
                    let queue = &self.stage.receives[self.stage.pairs[pair][side].queue];
                    let touched: Vec<_> = queue.live.values().flatten().copied().collect();
                    self.reference.adopt(&self.stage, side, &touched);
                }
            }
        }
        self.reference.compare_sinks(&self.stage);
        for node in 0..2 {
            let events = self.stage.world.take_events(node);
            let strange = events.iter().find(|event| event.event != EventType::COMMUNICATION_ESTABLISHED);
            assert_eq!(strange, None, "of host {node}");
        }
    }
}

/// What the requests of a round have completed with.
fn ends(cqes: &[Cqe]) -> Vec<(CqeOpcode, Opcode, u32)> {
    cqes.iter().map(|cqe| (cqe.opcode, cqe.operation, cqe.wqe_index)).collect()
}

fn expected(posted: &[Posted]) -> Vec<(CqeOpcode, Opcode, u32)> {
    let signalled = posted.iter().filter(|posted| posted.flags.contains(WqeFlags::SIGNALLED));
    signalled.map(|posted| (CqeOpcode::REQUEST, posted.opcode, posted.index)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn programs_do_what_the_reference_does(recipe in recipes()) {
        let outcome = std::panic::catch_unwind(|| run(recipe));
        prop_assert!(outcome.is_ok(), "the program \"{}\" differs; add that line to corpus.txt to replay it", recipe);
    }
}

#[test]
fn corpus() {
    for line in include_str!("corpus.txt").lines().filter(|line| !line.starts_with('#')) {
        run(line.parse().unwrap_or_else(|error| panic!("corpus.txt: {error}")));
    }
}
