//! Random consumers that make no mistake, against a small model of what they may expect.
//!
//! Reading order: [`verb`] and [`program`] (what is done, as data that shrinks), `thing` (objects) and `model` (completions
//! as the contract promises them), `post` (requests and results), `actor` (a program on a node: what is legal is done, the
//! rest skipped) with `create`, `connect`, `posting` and `remap`, `ending` (the orderly end), `log` and [`density`] (what was
//! done), this file (programs on a bench), [`mod@shrink`] (of a program that goes wrong, what matters), [`strength`] (what
//! programs find without the suite).
//!
//! Invariants:
//! * a program is legal by construction: a step without a legal object is skipped, so every part of a program is one;
//! * the model shares nothing with the checker: where both are silent, two opinions agree.

mod actor;
mod connect;
mod create;
pub mod density;
mod ending;
mod log;
mod model;
mod post;
mod posting;
pub mod program;
mod remap;
pub mod shrink;
pub mod strength;
mod thing;
pub mod verb;

pub use density::{Calls, Density};
pub use program::{Fault, Program, Step};
pub use shrink::shrink;
pub use verb::Verb;

use crate::bench::{Bench, Lab, LabError, Setup};
use crate::entry::Found;
use crate::mutant::Defect;
use actor::Actor;

/// What a random program came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the checker found.
    pub found: Vec<Found>,
    /// What the model did not expect, and that tasks did not end, as people read it.
    pub breaches: Vec<String>,
    /// What it did.
    pub density: Density,
    /// The calls of a program that went wrong, in their order.
    pub calls: Vec<String>,
}

impl Outcome {
    /// Whether neither checker nor model has anything to say.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.found.is_empty() && self.breaches.is_empty()
    }

    /// All that is wrong, and the calls that led there.
    #[must_use]
    pub fn wrong(&self) -> String {
        let found = self.found.iter().map(|found| format!("node {}: {}\n", found.node, found.text));
        let breaches = self.breaches.iter().map(|breach| format!("{breach}\n"));
        let calls = self.calls.iter().map(|call| format!("{call}\n"));
        breaches.chain(found).chain(calls).collect()
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
    let (creation, policy, faults) = (program.creation, program.policy.clone(), program.rows());
    let mut bench = lab.bench(&Setup { creation, policy, faults, defect })?;
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
    let mut outcome = Outcome { found: ran.found, ..Outcome::default() };
    outcome.density.programs = 1;
    for (node, actor) in actors.iter().enumerate() {
        let model = actor.model();
        outcome.density.add(&model.density);
        outcome.breaches.extend(model.breaches.iter().map(|breach| format!("node {node}: {breach}")));
    }
    if ran.unfinished > 0 {
        outcome.breaches.push(format!("{} tasks did not end", ran.unfinished));
    }
    if !outcome.is_clean() {
        let mut lines: Vec<_> = actors
            .iter()
            .enumerate()
            .flat_map(|(node, actor)| actor.model().log.lines(node).collect::<Vec<_>>())
            .collect();
        lines.sort_by_key(|(at, _)| *at);
        outcome.calls = lines.into_iter().map(|(at, line)| format!("{at}  {line}")).collect();
    }
    Ok(outcome)
}

/// Programs that ran, and the first that went wrong.
#[derive(Clone, Debug)]
pub struct Series {
    /// What all did.
    pub density: Density,
    /// The number of the one that went wrong, what is left of it when it is shrunk, and what that comes to.
    pub failure: Option<(u64, Program, Outcome)>,
}

/// Runs the first `count` programs of a seed, up to the first that goes wrong; that one is shrunk. `progress` is told how
/// many have run.
///
/// # Errors
/// If the lab has no bench.
pub fn run_many<L: Lab>(lab: &L, seed: u64, count: u64, mut progress: impl FnMut(u64)) -> Result<Series, LabError> {
    let mut density = Density::default();
    for number in 0..count {
        let program = Program::random(seed, number);
        let outcome = run(lab, &program)?;
        density.add(&outcome.density);
        if !outcome.is_clean() {
            let (program, outcome) = shrink(program, outcome, |program| run(lab, program))?;
            return Ok(Series { density, failure: Some((number, program, outcome)) });
        }
        progress(number + 1);
    }
    Ok(Series { density, failure: None })
}
