//! A random program as data: what each node does, and which creations and requests go otherwise than well.

use super::verb::Verb;
use crate::bench::Creation;
use des::{Dur, Rng};
use provider::engine::{CloseConnected, Policy, PostAfterEnd, SrqStart};
use provider::fault::{Effect, Outcome, Row, Selector};
use provider::ndk::{CallKind, Status};
use std::fmt;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to do.
    pub verb: Verb,
    /// To which of the objects that it is legal for.
    pub pick: u8,
    /// How, and how long to wait afterwards.
    pub how: u8,
}

/// A creation or request that goes otherwise than well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// At which node.
    pub node: usize,
    /// Of which function.
    pub kind: CallKind,
    /// Which call of it, counted from one.
    pub nth: u64,
    /// What becomes of it.
    pub effect: Effect,
}

/// Functions that faults are for: every creation and every asynchronous request.
pub fn faulty() -> Vec<CallKind> {
    let opens = |kind: &CallKind| *kind == CallKind::OpenAdapter;
    let asynchronous = |kind: &CallKind| kind.creates().is_some() || kind.is_asynchronous_request();
    CallKind::ALL.iter().copied().filter(|kind| asynchronous(kind) && !opens(kind)).collect()
}

/// What faults do.
pub const EFFECTS: &[Effect] = &[
    Effect::Inline,
    Effect::Fail(Status::INSUFFICIENT_RESOURCES),
    Effect::Pend { after: Dur::from_us(30), outcome: Outcome::Succeed },
    Effect::Pend { after: Dur::from_us(30), outcome: Outcome::Fail(Status::INSUFFICIENT_RESOURCES) },
    Effect::InsideCall(Outcome::Succeed),
    Effect::InsideCall(Outcome::Fail(Status::NO_MEMORY)),
    Effect::Late(Dur::from_us(200)),
    Effect::Reorder { behind: 2, at_most: Dur::from_us(500) },
    Effect::Processor(1),
    Effect::Never,
    Effect::RaceClose,
];

/// What two nodes do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// How creations are answered.
    pub creation: Creation,
    /// What the provider chooses where the contract has no answer.
    pub policy: Policy,
    /// The steps of each node.
    pub nodes: [Vec<Step>; 2],
    /// What goes otherwise than well.
    pub faults: Vec<Fault>,
}

impl Program {
    /// Program `number` of a seed.
    #[must_use]
    pub fn random(seed: u64, number: u64) -> Self {
        let mut rng = Rng::stream(seed, &format!("program.{number}"));
        let (mut nodes, turned) = ([Vec::new(), Vec::new()], rng.below(2) as usize);
        for (node, steps) in nodes.iter_mut().enumerate() {
            if rng.below(8) > 0 {
                steps.extend(Verb::OPENINGS[node ^ turned].iter().map(|&verb| step(verb, &mut rng)));
            }
            for _ in 0..rng.below(60) {
                let verb = Verb::ALL[rng.below(Verb::ALL.len() as u64) as usize];
                steps.push(step(verb, &mut rng));
            }
        }
        let faulty = faulty();
        let faults = (0..rng.below(6)).map(|_| fault(&faulty, &mut rng)).collect();
        let creation = Creation::ALL[rng.below(3) as usize];
        Self { creation, policy: policy(rng.next_u64()), nodes, faults }
    }

    /// The plan of both nodes, for the fault layers.
    #[must_use]
    pub fn rows(&self) -> Vec<(usize, Row)> {
        let row = |fault: &Fault| Row::new(Selector::calls(&[fault.kind]).nth(fault.nth), fault.effect);
        self.faults.iter().map(|fault| (fault.node, row(fault))).collect()
    }
}

fn step(verb: Verb, rng: &mut Rng) -> Step {
    Step { verb, pick: rng.below(256) as u8, how: rng.below(256) as u8 }
}

/// A provider's choices, by the bits of a number. Statuses stay as they are: consumers do not ask why a post is refused.
#[must_use]
pub fn policy(bits: u64) -> Policy {
    let bit = |index: u32| bits >> index & 1 == 1;
    let post = |refused: bool| if refused { PostAfterEnd::Refused } else { PostAfterEnd::Flushed };
    let default = Policy::default();
    Policy {
        unknown_flags: default.unknown_flags.filter(|_| bit(0)),
        post_after_end: post(bit(1)),
        post_after_disconnect: post(bit(2)),
        results_after_qp_close: bit(3),
        old_entries_satisfy_arm: bit(4),
        error_entries_satisfy_errors: bit(5),
        bytes_of_non_receives: if bit(6) { 0xDEAD } else { 0 },
        srq_start: [SrqStart::WhenFilled, SrqStart::AtOnce, SrqStart::NeedsModify][(bits >> 7 & 3) as usize % 3],
        serialise_connect_events: bit(9),
        close_connected: if bit(10) { CloseConnected::Abort } else { CloseConnected::Disconnect },
        window_is_bound: default.window_is_bound.filter(|_| bit(11)),
        new_token_per_use: bit(12),
        ..default
    }
}

fn fault(faulty: &[CallKind], rng: &mut Rng) -> Fault {
    Fault {
        node: rng.below(2) as usize,
        kind: faulty[rng.below(faulty.len() as u64) as usize],
        nth: 1 + rng.below(3),
        effect: EFFECTS[rng.below(EFFECTS.len() as u64) as usize],
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "creation: {:?}", self.creation)?;
        let (own, usual) = (format!("{:?}", self.policy), format!("{:?}", Policy::default()));
        for (own, _) in own.split(", ").zip(usual.split(", ")).filter(|(own, usual)| own != usual) {
            writeln!(f, "policy: {}", own.trim_start_matches("Policy { ").trim_end_matches(" }"))?;
        }
        for (node, steps) in self.nodes.iter().enumerate() {
            write!(f, "node {node}:")?;
            for Step { verb, pick, how } in steps {
                write!(f, " {verb:?}({pick},{how})")?;
            }
            writeln!(f)?;
        }
        for Fault { node, kind, nth, effect } in &self.faults {
            writeln!(f, "node {node}: {} {nth}: {effect:?}", kind.name())?;
        }
        Ok(())
    }
}
