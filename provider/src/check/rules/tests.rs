use super::*;
use std::fmt::Write as _;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rules/README.md");
const BEGIN: &str = "<!-- table: begin -->\n";
const END: &str = "<!-- table: end -->\n";

fn table() -> String {
    let mut text =
        String::from("| rule | side | strength | rule in one line | checker | source |\n|---|---|---|---|---|---|\n");
    for rule in Rule::all() {
        let state = match rule.state {
            State::Checked => "checked".into(),
            State::Partly(part) => format!("checked in part: {part}"),
            State::NotCheckable(why) => format!("not checkable from here: {why}"),
            State::ByConstruction(why) => format!("by construction: {why}"),
        };
        let Rule { id, side, strength, text: line, source, .. } = rule;
        writeln!(text, "| {id} | {side} | {strength} | {line} | {state} | {source} |").expect("strings take all text");
    }
    text
}

#[test]
fn rules_are_numbered_without_gaps() {
    let ids: Vec<u8> = Rule::all().map(|rule| rule.id.0).collect();
    assert_eq!(ids, (1..=148).collect::<Vec<_>>());
    for rule in Rule::all() {
        assert_eq!(Rule::of(rule.id), rule);
        assert_eq!(rule.side == Side::Consumer, rule.id.0 <= 61);
        assert_eq!(rule.is_checked(), !rule.help.is_empty(), "{} has help exactly if it can be reported", rule.id);
    }
}

/// With `UPDATE_DOCS` set the table in the document is written anew.
#[test]
fn the_document_prints_this_table() {
    let document = std::fs::read_to_string(README).expect("docs/rules/README.md exists");
    let (head, rest) = document.split_once(BEGIN).expect("the document marks where the table begins");
    let (printed, tail) = rest.split_once(END).expect("the document marks where the table ends");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(README, format!("{head}{BEGIN}{}{END}{tail}", table())).expect("the document can be written");
    } else {
        assert_eq!(printed, table(), "docs/rules/README.md differs; run this test with UPDATE_DOCS=1");
    }
}
