//! A random program as data: what each node does, and which creations and requests go otherwise than well.

use crate::bench::Creation;
use des::{Dur, Rng};
use provider::fault::{Effect, Outcome, Row, Selector};
use provider::ndk::{CallKind, Status};
use std::fmt;

/// What a step does. Which object it takes, and how large things are, its two numbers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Creates a protection domain.
    Pd,
    /// Creates a completion queue.
    Cq,
    /// Creates a region.
    Mr,
    /// Creates a window.
    Mw,
    /// Creates a shared receive queue.
    Srq,
    /// Creates a queue pair, with a shared receive queue or without.
    Qp,
    /// Creates a connector.
    Connector,
    /// Creates a listener.
    Listener,
    /// Creates a shared endpoint.
    Endpoint,
    /// Registers a region.
    Register,
    /// Ends a registration.
    Deregister,
    /// Listens.
    Listen,
    /// Connects.
    Connect,
    /// Completes a connection.
    Complete,
    /// Accepts a connection.
    Accept,
    /// Rejects a connection.
    Reject,
    /// Posts a receive.
    Receive,
    /// Posts a receive to a shared queue.
    SrqReceive,
    /// Posts a send, or a chain of two.
    Send,
    /// Posts a write.
    Write,
    /// Posts a read.
    Read,
    /// Posts a bind of a window.
    Bind,
    /// Arms a completion queue.
    Arm,
    /// Takes results.
    Poll,
    /// Flushes a queue pair.
    Flush,
    /// Disconnects.
    Disconnect,
    /// Changes the depth of a completion queue.
    Resize,
    /// Moderates a completion queue.
    Moderate,
    /// Arms a shared receive queue for low water.
    Modify,
    /// Maps a buffer.
    Map,
    /// Releases a mapping.
    Release,
    /// Pauses or resumes a listener.
    Pause,
    /// Asks for addresses.
    Address,
    /// Closes an object.
    Close,
}

impl Verb {
    /// Every verb, those that programs need most more than once.
    pub const ALL: &'static [Self] = &[
        Self::Pd,
        Self::Cq,
        Self::Cq,
        Self::Mr,
        Self::Mr,
        Self::Mw,
        Self::Srq,
        Self::Qp,
        Self::Qp,
        Self::Qp,
        Self::Connector,
        Self::Connector,
        Self::Listener,
        Self::Listener,
        Self::Endpoint,
        Self::Register,
        Self::Register,
        Self::Register,
        Self::Deregister,
        Self::Listen,
        Self::Listen,
        Self::Connect,
        Self::Connect,
        Self::Connect,
        Self::Complete,
        Self::Complete,
        Self::Accept,
        Self::Accept,
        Self::Accept,
        Self::Reject,
        Self::Receive,
        Self::Receive,
        Self::Receive,
        Self::SrqReceive,
        Self::Send,
        Self::Send,
        Self::Send,
        Self::Write,
        Self::Read,
        Self::Bind,
        Self::Arm,
        Self::Arm,
        Self::Poll,
        Self::Poll,
        Self::Flush,
        Self::Disconnect,
        Self::Resize,
        Self::Moderate,
        Self::Modify,
        Self::Map,
        Self::Release,
        Self::Pause,
        Self::Address,
        Self::Close,
    ];

    /// What the nodes begin with, as a rule, so that connections come about: the one that listens, and the other.
    const OPENINGS: [&'static [Self]; 2] = [
        &[
            Self::Pd,
            Self::Listener,
            Self::Listen,
            Self::Cq,
            Self::Mr,
            Self::Register,
            Self::Qp,
            Self::Receive,
            Self::Receive,
            Self::Arm,
            Self::Accept,
            Self::Accept,
            Self::Accept,
            Self::Poll,
            Self::Accept,
            Self::Send,
            Self::Poll,
        ],
        &[
            Self::Pd,
            Self::Cq,
            Self::Mr,
            Self::Register,
            Self::Qp,
            Self::Connector,
            Self::Receive,
            Self::Connect,
            Self::Complete,
            Self::Complete,
            Self::Poll,
            Self::Complete,
            Self::Send,
            Self::Send,
            Self::Poll,
        ],
    ];
}

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

/// Functions that faults are for.
pub const FAULTY: &[CallKind] = &[
    CallKind::CreatePd,
    CallKind::CreateCq,
    CallKind::CreateMr,
    CallKind::CreateQp,
    CallKind::CreateConnector,
    CallKind::CreateListener,
    CallKind::RegisterMr,
    CallKind::DeregisterMr,
    CallKind::Listen,
    CallKind::Connect,
    CallKind::Accept,
    CallKind::CompleteConnect,
    CallKind::Disconnect,
];

/// What faults do.
pub const EFFECTS: &[Effect] = &[
    Effect::Fail(Status::INSUFFICIENT_RESOURCES),
    Effect::Pend { after: Dur::from_us(30), outcome: Outcome::Succeed },
    Effect::Pend { after: Dur::from_us(30), outcome: Outcome::Fail(Status::INSUFFICIENT_RESOURCES) },
    Effect::InsideCall(Outcome::Succeed),
    Effect::InsideCall(Outcome::Fail(Status::NO_MEMORY)),
    Effect::Late(Dur::from_us(200)),
    Effect::Reorder { behind: 2, at_most: Dur::from_us(500) },
    Effect::Processor(1),
    Effect::Never,
];

/// What two nodes do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// How creations are answered.
    pub creation: Creation,
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
        let faults = (0..rng.below(4)).map(|_| fault(&mut rng)).collect();
        Self { creation: Creation::ALL[rng.below(3) as usize], nodes, faults }
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

fn fault(rng: &mut Rng) -> Fault {
    Fault {
        node: rng.below(2) as usize,
        kind: FAULTY[rng.below(FAULTY.len() as u64) as usize],
        nth: 1 + rng.below(3),
        effect: EFFECTS[rng.below(EFFECTS.len() as u64) as usize],
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "creation: {:?}", self.creation)?;
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
