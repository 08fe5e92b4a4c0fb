//! Runs every row of the tables, and asks that every checked rule has one.

use crate::world::World;
use crate::{broken_consumers, broken_providers, queues};
use provider::check::{Rule, RuleId};
use std::collections::BTreeSet;

/// What was done, the rule that it breaks, and how it is done.
pub(crate) type Row = (&'static str, u8, fn(&mut World));

/// Rules that a run which is cut short breaks as well: nothing was closed.
const CUT_SHORT: [u8; 2] = [12, 54];

/// Mistakes of the consumer without which the provider cannot make its own.
const PROVOKES: [(u8, u8); 6] = [(18, 81), (38, 115), (43, 118), (45, 118), (53, 133), (23, 110)];

fn found(run: fn(&mut World)) -> (BTreeSet<u8>, String) {
    let mut world = World::new();
    run(&mut world);
    let rules = world.findings().iter().map(|finding| finding.rule.0).collect();
    let text = world.findings().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    (rules, text)
}

fn rows() -> impl Iterator<Item = &'static Row> {
    broken_consumers::ROWS.iter().chain(broken_providers::ROWS).chain(queues::ROWS)
}

#[test]
fn each_mistake_is_found_and_named() {
    let mut wrong = String::new();
    for (name, rule, run) in rows() {
        let (mut rules, text) = found(*run);
        for other in CUT_SHORT.iter().filter(|other| *other != rule) {
            rules.remove(other);
        }
        for (provoking, _) in PROVOKES.iter().filter(|(_, provoked)| provoked == rule) {
            rules.remove(provoking);
        }
        if rules != BTreeSet::from([*rule]) {
            wrong += &format!("{name}: expected R{rule} alone\n{text}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_checked_rule_has_a_row() {
    let tested: BTreeSet<RuleId> = rows().map(|(_, rule, _)| RuleId(*rule)).collect();
    let checked: BTreeSet<RuleId> = Rule::all().filter(|rule| rule.is_checked()).map(|rule| rule.id).collect();
    assert_eq!(checked.difference(&tested).collect::<Vec<_>>(), Vec::<&RuleId>::new(), "checked, and never tested");
    assert_eq!(tested.difference(&checked).collect::<Vec<_>>(), Vec::<&RuleId>::new(), "tested, and not checked");
}

#[test]
fn names_are_unique() {
    let mut names = BTreeSet::new();
    for (name, ..) in rows() {
        assert!(names.insert(name), "{name} stands twice");
    }
}

#[test]
fn a_finding_reads_like_a_compilers_error() {
    let (_, text) = found(|w| {
        let adapter = w.open();
        w.pass(des::Dur::from_us(3));
        let cq = w.object(provider::ndk::ObjectKind::Cq);
        let answer =
            provider::ndk::Return { status: provider::ndk::Status::PENDING, out: provider::ndk::Out::Object(cq) };
        w.answer(crate::world::cq_call(adapter, 8), provider::ndk::Answer::Returned(answer));
    });
    let expected = "\
finding[R69]: NdkCreateCq returned PENDING and wrote cq 2 to the out-parameter
  --> adapter 1, 3.000 us, the provider's side
   |  3.000 us  cpu 0  call 2: NdkCreateCq(context 0x1) -> STATUS_PENDING
   = rule: A create that returns PENDING leaves the out-parameter alone.
   = source: DDI/create_completion (documented)
help: hand the object over through the completion only
";
    assert_eq!(text, expected);
}
