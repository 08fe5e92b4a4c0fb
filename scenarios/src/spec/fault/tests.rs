use super::machine::Dma;
use super::wire::Packet;
use super::*;
use crate::spec::planted::Bug;

/// Words in back quotes that begin a row of a table, below a heading.
fn first_words<'p>(page: &'p str, heading: &str) -> Vec<&'p str> {
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).expect("a section of the page");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).collect()
}

#[test]
fn the_documented_words_are_those_that_can_be_written() {
    let page = include_str!("../../../../docs/FAULTS.md");
    assert_eq!(first_words(page, "Calls"), CallEffect::ALL.map(CallEffect::name));
    assert_eq!(first_words(page, "Frames"), WireEffect::ALL.map(WireEffect::name));
    assert_eq!(first_words(page, "Adapters")[..9], DeviceEffect::ALL.map(DeviceEffect::name));
    assert_eq!(first_words(page, "Adapters")[9..], Dma::ALL.map(|(name, _)| name));
    assert_eq!(first_words(page, "Hosts"), HostEffect::ALL.map(HostEffect::name));
    assert_eq!(first_words(page, "Planted"), Bug::ALL.map(Bug::name));
    for packet in Packet::names() {
        assert!(page.contains(&format!("`{packet}`")), "{packet} is not on the page");
    }
    assert!(Packet::names().filter_map(Packet::from_name).all(|packet| packet.opcodes().next().is_some()));
}

#[test]
fn rows_are_taken_out_and_keep_their_names() {
    let text =
        "[[wire]]\nlink = \"a\"\neffect = \"drop\"\nnth = 2\n[[wire]]\nlink = \"b\"\neffect = \"drop\"\nnth = 2\n";
    let mut plan: FaultPlan = toml::from_str(text).expect("two rows");
    plan.fill_in();
    let second = plan.retain(|id| id == "wire-2");
    assert_eq!(second.wire, [plan.wire[1].clone()]);
    let mut again = second.clone();
    again.fill_in();
    assert_eq!(again, second);
}
