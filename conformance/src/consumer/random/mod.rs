//! Random consumers that make no mistake, against a small model of what they may expect.
//!
//! Reading order: [`program`] (what is done, as data that shrinks), `thing` (objects) and `model`
//! (completions as the contract promises them), `post` (requests and results), `actor` (a program on a node: what is legal is done, the rest skipped)
//! with `create`, `connect` and `posting`, `ending` (the orderly end), this file (a program on a bench).
//!
//! Invariants:
//! * a program is legal by construction: a step without a legal object is skipped, so every part of a program is one;
//! * the model shares nothing with the checker: where both are silent, two opinions agree.

mod actor;
mod connect;
mod create;
mod ending;
mod model;
mod post;
mod posting;
pub mod program;
mod thing;

pub use program::{Fault, Program, Step, Verb};

use crate::bench::{Bench, Lab, LabError, Setup};
use crate::mutant::Defect;
use actor::Actor;

/// What random programs came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the checker found, and tasks that did not end, as people read it.
    pub findings: Vec<String>,
    /// What the model did not expect.
    pub breaches: Vec<String>,
    /// Calls that were made, but for polls.
    pub calls: u64,
    /// Sides of connections that were established.
    pub established: u64,
    /// Results that were taken.
    pub results: u64,
    /// Messages that arrived, and were those sent.
    pub messages: u64,
}

impl Outcome {
    /// Whether neither checker nor model has anything to say.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.breaches.is_empty()
    }

    /// All that is wrong.
    #[must_use]
    pub fn wrong(&self) -> String {
        self.breaches.iter().chain(&self.findings).map(|what| format!("{what}\n")).collect()
    }

    /// Adds another program's.
    pub fn add(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.breaches.extend(other.breaches);
        self.calls += other.calls;
        self.established += other.established;
        self.results += other.results;
        self.messages += other.messages;
    }
}

/// Runs a program on a fresh bench, with its faults.
///
/// # Errors
/// If the lab has no bench.
pub fn run<L: Lab>(lab: &L, program: &Program) -> Result<Outcome, LabError> {
    run_with(lab, program, None)
}

/// The same with a defect in both providers.
///
/// # Errors
/// If the lab has no bench.
pub fn run_with<L: Lab>(lab: &L, program: &Program, defect: Option<&'static Defect>) -> Result<Outcome, LabError> {
    let setup = Setup { creation: program.creation, faults: program.rows(), defect };
    let mut bench = lab.bench(&setup)?;
    let addresses = [bench.address(0), bench.address(1)];
    let actors: Vec<Actor> = (0..2)
        .map(|node| {
            let faults = program.faults.iter().filter(|fault| fault.node == node).copied().collect();
            let actor = Actor::new(bench.session(node), [addresses[node], addresses[1 - node]], faults);
            actor.start(program.nodes[node].clone());
            actor
        })
        .collect();
    let ran = bench.run();
    let mut outcome = Outcome::default();
    for (node, actor) in actors.iter().enumerate() {
        outcome.add(actor.model().outcome(node));
    }
    outcome.findings.extend(ran.found.iter().map(|found| format!("node {}: {}", found.node, found.text)));
    if ran.unfinished > 0 {
        outcome.findings.push(format!("{} tasks did not end", ran.unfinished));
    }
    Ok(outcome)
}

/// Runs the first `count` programs of a seed, up to the first that goes wrong. Tells what all came to, and that program
/// with its number. `progress` is told the number of each.
///
/// # Errors
/// If the lab has no bench.
pub fn run_many<L: Lab>(
    lab: &L,
    seed: u64,
    count: u64,
    mut progress: impl FnMut(u64),
) -> Result<(Outcome, Option<(u64, Program)>), LabError> {
    let mut total = Outcome::default();
    for number in 0..count {
        progress(number);
        let program = Program::random(seed, number);
        total.add(run(lab, &program)?);
        if !total.is_clean() {
            return Ok((total, Some((number, program))));
        }
    }
    Ok((total, None))
}
