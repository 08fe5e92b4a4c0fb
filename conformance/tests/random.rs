//! Random consumers that make no mistake: neither the checker nor the model of objects and completions finds one.

use conformance::consumer::random::program::{EFFECTS, faulty, policy};
use conformance::consumer::random::{Fault, Program, Series, Step, Verb, run, run_many, run_with};
use conformance::ideal::IdealLab;
use conformance::{Creation, mutant};
use proptest::prelude::*;
use proptest::sample::select;
use provider::ndk::CallKind;

/// Programs of a run that is not told how many: `rnic conformance --programs` runs more.
const PROGRAMS: u64 = 300;

/// Functions that programs do not call: what `Adapter` calls for them, what needs a peer's consent to be legal, and the one
/// of an extension.
const UNCALLED: &[&CallKind] =
    &[&CallKind::OpenAdapter, &CallKind::CloseAdapter, &CallKind::SendAndInvalidate, &CallKind::Atomic];

fn step() -> impl Strategy<Value = Step> {
    (select(Verb::ALL), any::<u8>(), any::<u8>()).prop_map(|(verb, pick, how)| Step { verb, pick, how })
}

fn fault() -> impl Strategy<Value = Fault> {
    (0_usize..2, select(faulty()), 1_u64..4, select(EFFECTS)).prop_map(|(node, kind, nth, effect)| Fault {
        node,
        kind,
        nth,
        effect,
    })
}

fn program() -> impl Strategy<Value = Program> {
    let steps = || prop::collection::vec(step(), 0..60);
    let policy = any::<u64>().prop_map(policy);
    (select(&Creation::ALL[..]), policy, steps(), steps(), prop::collection::vec(fault(), 0..4)).prop_map(
        |(creation, policy, first, second, faults)| Program { creation, policy, nodes: [first, second], faults },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_careful_consumer_does_is_found_right(program in program()) {
        let outcome = run(&IdealLab, &program).expect("the ideal lab has a bench");
        prop_assert!(outcome.is_clean(), "{program}\n{}", outcome.wrong());
    }
}

#[test]
fn programs_that_connect_are_found_right_and_get_somewhere() {
    let Series { density, failure } = run_many(&IdealLab, 1, PROGRAMS, |_| ()).expect("the ideal lab has a bench");
    if let Some((number, program, outcome)) = failure {
        panic!("program {number}\n{program}\n{}", outcome.wrong());
    }
    assert!(density.calls() > 50 * PROGRAMS, "{density:?}");
    assert!(density.established > PROGRAMS / 4, "{density:?}");
    assert!(density.messages > PROGRAMS / 4, "{density:?}");
    assert!(density.results > density.messages, "{density:?}");
    let uncalled: Vec<_> = CallKind::ALL.iter().filter(|kind| !density.functions.contains_key(kind)).collect();
    assert_eq!(uncalled, UNCALLED, "{density:?}");
    assert_eq!(density.faults.len(), EFFECTS.len(), "{density:?}");
}

#[test]
fn one_program_runs_the_same_twice() {
    let program = Program::random(7, 7);
    assert_eq!(run(&IdealLab, &program), run(&IdealLab, &program));
}

/// The model has an opinion of its own: it sees defects without the checker's help.
#[test]
fn the_model_sees_broken_providers_by_itself() {
    let programs: Vec<Program> = (0..12).map(|number| Program::random(3, number)).collect();
    let seen = mutant::defects().filter(|&defect| {
        programs.iter().any(|program| {
            let outcome = run_with(&IdealLab, program, Some(defect)).expect("the ideal lab has a bench");
            !outcome.breaches.is_empty()
        })
    });
    let names: Vec<&str> = seen.map(|defect| defect.entry.name).collect();
    assert!(names.len() >= 12, "the model saw {names:?}");
}
