//! Random consumers under random plans: whatever the layer does, the checker finds nothing.

use crate::fake::Style;
use crate::stand::{Stand, done};
use des::{Dur, Ratio, Rng};
use provider::fault::{Effect, Outcome, Row, Selector};
use provider::ndk::{Answer, Call, Object, ObjectKind, Out, Return, Status, Upcall, UpcallBody};

const STEPS: usize = 120;
const SEEDS: u64 = 400;

fn effect(rng: &mut Rng) -> Effect {
    let outcome = if rng.below(2) == 0 { Outcome::Succeed } else { Outcome::Fail(Status::INSUFFICIENT_RESOURCES) };
    let time = Dur::from_us(rng.below(20));
    match rng.below(7) {
        0 => Effect::Fail(Status::INSUFFICIENT_RESOURCES),
        1 => Effect::Pend { after: time, outcome },
        2 => Effect::InsideCall(outcome),
        3 => Effect::Late(time),
        4 => Effect::Reorder { behind: u32::try_from(rng.below(4)).expect("small"), at_most: time },
        5 => Effect::Never,
        _ => Effect::Processor(3),
    }
}

/// A consumer that keeps the contract and knows no order.
struct Consumer {
    stand: Stand,
    rng: Rng,
    adapter: Object,
    live: Vec<Object>,
    running: Vec<Upcall>,
    contexts: u64,
    /// Closing the adapter has returned.
    returned: bool,
}

impl Consumer {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::stream(seed, "consumer");
        let chance = Ratio::new(1, 2).expect("a probability");
        let rows = (0..4).map(|_| Row::new(Selector::any().chance(chance), effect(&mut rng))).collect();
        let style = if rng.below(2) == 0 { Style::Inline } else { Style::Later(Dur::from_us(4)) };
        let mut stand = Stand::new(style, rows, seed);
        let adapter = stand.open();
        Self { stand, rng, adapter, live: Vec::new(), running: Vec::new(), contexts: 0, returned: false }
    }

    fn pick(&mut self, kind: ObjectKind) -> Option<Object> {
        let fit: Vec<Object> = self.live.iter().copied().filter(|object| object.kind == kind).collect();
        let index = self.rng.below(fit.len().max(1) as u64) as usize;
        fit.get(index).copied()
    }

    fn context(&mut self) -> u64 {
        self.contexts += 1;
        self.contexts
    }

    /// Some call, from inside of some callback that runs, or from outside.
    fn call(&mut self) {
        let completion = done(self.context());
        let adapter = self.adapter;
        let which = self.rng.below(8);
        let (pd, cq, listener) =
            (self.pick(ObjectKind::Pd), self.pick(ObjectKind::Cq), self.pick(ObjectKind::Listener));
        let call = match (which, pd, cq, listener) {
            (0 | 1, ..) => Call::CreatePd { adapter, completion },
            (2, ..) => Call::CreateCq { adapter, depth: 64, notification: done(0), affinity: None, completion },
            (3, ..) => Call::CreateListener { adapter, connect_event: done(0), completion },
            (4, Some(pd), ..) => Call::CreateMw { pd, completion },
            (5, Some(pd), Some(cq), _) => qp(pd, cq, completion),
            (6, _, Some(cq), _) => Call::ResizeCq { cq, depth: 64, completion },
            (7, .., Some(listener)) => {
                let port = u16::try_from(self.contexts % 40_000 + 1).expect("in range");
                Call::Listen { listener, address: ([10, 0, 0, 1], port).into(), completion }
            }
            _ => return,
        };
        let returned = self.stand.returned(call);
        self.learn(&returned);
        self.take(true);
    }

    fn learn(&mut self, returned: &Return) {
        if let (Status::SUCCESS, Out::Object(object)) = (returned.status, &returned.out) {
            self.live.push(*object);
        }
    }

    /// Takes what is due. What runs inside the last call returns before anything else happens.
    fn take(&mut self, in_call: bool) {
        while let Some(upcall) = self.stand.take() {
            if let UpcallBody::CreateCompletion { status: Status::SUCCESS, object: Some(object) } = upcall.body {
                self.live.push(object);
            }
            if upcall.after.is_none() {
                assert!(in_call, "{upcall:?} outside of a call");
                self.close_inside(&upcall);
                self.stand.leave(&upcall);
            } else {
                self.returned |= matches!(upcall.body, UpcallBody::CallReturns { .. });
                self.running.push(upcall);
            }
        }
    }

    /// Closes, inside of a completion, what it is about, now and then.
    fn close_inside(&mut self, upcall: &Upcall) {
        let about = match upcall.body {
            UpcallBody::CreateCompletion { object: Some(object), .. } => object,
            _ => upcall.object,
        };
        if self.rng.below(3) == 0 && self.live.contains(&about) {
            self.stand.site.inside = Some(upcall.token);
            self.close(about);
            self.stand.site.inside = None;
        }
    }

    fn close(&mut self, object: Object) {
        self.live.retain(|other| *other != object);
        let completion = done(self.context());
        let status = self.stand.status(Call::Close { object, completion });
        assert!(matches!(status, Status::SUCCESS | Status::PENDING), "{status}");
    }

    fn close_some(&mut self) {
        let index = self.rng.below(self.live.len().max(1) as u64) as usize;
        if let Some(object) = self.live.get(index).copied() {
            self.close(object);
            self.take(true);
        }
    }

    fn return_some(&mut self) {
        if !self.running.is_empty() {
            let index = self.rng.below(self.running.len() as u64) as usize;
            let upcall = self.running.remove(index);
            self.close_inside(&upcall);
            self.take(true);
            self.stand.leave(&upcall);
            self.take(false);
        }
    }

    fn run(mut self, seed: u64) {
        for _ in 0..STEPS {
            match self.rng.below(10) {
                0..=4 => self.call(),
                5 | 6 => self.return_some(),
                7 => self.close_some(),
                _ => {
                    self.stand.wake();
                    self.take(false);
                }
            }
        }
        while !self.live.is_empty() {
            self.close_some();
        }
        let adapter = self.adapter;
        self.returned = !matches!(self.stand.call(Call::CloseAdapter { adapter }), Answer::Blocks(_));
        // Everything ends now, in whatever order the callbacks return.
        loop {
            self.take(true);
            if self.returned {
                break;
            }
            let progress = !self.running.is_empty() || !self.live.is_empty();
            self.close_some();
            self.return_some();
            assert!(progress || self.stand.wake(), "seed {seed}: closing the adapter hangs");
        }
        while !self.running.is_empty() {
            self.return_some();
        }
        self.stand.assert_sound(&format!("seed {seed}"));
    }
}

fn qp(pd: Object, cq: Object, completion: provider::ndk::Completion) -> Call<'static> {
    Call::CreateQp {
        pd,
        receive_cq: cq,
        initiator_cq: cq,
        qp_context: 0,
        receive_depth: 1,
        initiator_depth: 1,
        max_receive_sge: 1,
        max_initiator_sge: 1,
        inline_data_bytes: 0,
        completion,
    }
}

#[test]
fn whatever_the_plan_the_contract_is_kept() {
    for seed in 0..SEEDS {
        Consumer::new(seed).run(seed);
    }
}
