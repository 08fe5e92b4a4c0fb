//! Every broken consumer is named by its rule, and the provider is not blamed for it.

use conformance::consumer::{BrokenConsumer, broken};
use conformance::ideal::IdealLab;
use conformance::{Bench, Found, Lab, Pair, Setup};
use provider::check::Side;

/// Where one mistake breaks two rules: whoever closes the adapter in a completion calls at DISPATCH level, too.
const ALSO: &[(&str, &str)] = &[("closes-adapter-in-a-callback", "R4")];

fn run(consumer: &BrokenConsumer) -> (Vec<Found>, usize) {
    let mut bench = IdealLab.bench(&Setup::default()).expect("the ideal lab has a bench");
    let pair = Pair::new(&bench);
    (consumer.start)(&pair);
    let ran = bench.run();
    let mut found = ran.found;
    found.extend(pair.troubles());
    (found, ran.unfinished)
}

#[test]
fn each_breaks_its_rule_and_no_other() {
    let mut wrong = Vec::new();
    for consumer in broken() {
        let (found, unfinished) = run(consumer);
        let (name, rule) = (consumer.entry.name, consumer.entry.rule.to_string());
        let expected = |label: &str| label == rule || ALSO.contains(&(name, label));
        let named = found.iter().any(|found| found.node == 0 && found.label() == rule);
        let stray = found.iter().find(|found| !expected(&found.label()) || found.side == Side::Provider);
        if !named || stray.is_some() || unfinished > 0 {
            wrong.push(format!("{name} ({rule}): named {named}, {unfinished} tasks left, stray: {stray:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_enough_of_them_and_their_names_are_unique() {
    let names: Vec<&str> = broken().map(|consumer| consumer.entry.name).collect();
    let unique: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert!(names.len() >= 30, "{} broken consumers", names.len());
    assert_eq!(names.len(), unique.len());
    assert!(broken().all(|consumer| consumer.entry.side == Side::Consumer));
}
