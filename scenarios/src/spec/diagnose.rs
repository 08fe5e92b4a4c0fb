//! From errors of the TOML reader to problems with a place and a remedy.
//!
//! The reader's messages are serde's, so this module knows their few forms; one that it does not know is shown as it is.

use super::Scenario;
use super::check::{self, Violation};
use super::locate;
use super::problem::{Place, Problem};
use std::ops::Range;

/// The problem behind an error of form.
pub(crate) fn toml_error(file: &str, text: &str, error: &toml::de::Error) -> Problem {
    let (message, remedy) = explain(error.message());
    let place = error.span().map(|span| Place::of(text, narrow(text, span, &message)));
    Problem { file: file.to_owned(), place, message, remedy }
}

/// The problems of substance with a scenario; those of a plan stand in the plan's `text`.
pub(crate) fn violations(file: &str, text: &str, scenario: &Scenario) -> Vec<Problem> {
    check::violations(scenario).into_iter().map(|found| violation(file, text, found)).collect()
}

/// The problem behind a violation.
pub(super) fn violation(file: &str, text: &str, violation: Violation) -> Problem {
    let place = Some(Place::of(text, locate::span_of(text, &violation.path)));
    Problem { file: file.to_owned(), place, message: violation.message, remedy: violation.remedy }
}

/// The reader marks a whole list; the message begins with the item.
fn narrow(text: &str, span: Range<usize>, message: &str) -> Range<usize> {
    let Some(word) = message.split('`').nth(1).filter(|_| message.starts_with('`')) else { return span };
    let item = format!("\"{word}\"");
    match text.get(span.clone()).and_then(|list| list.find(&item)) {
        Some(at) => span.start + at..span.start + at + item.len(),
        None => span,
    }
}

/// Message and remedy, from the reader's message.
fn explain(message: &str) -> (String, String) {
    if let Some((message, remedy)) = message.split_once('\n') {
        // Written by `text`.
        return (message.to_owned(), remedy.to_owned());
    }
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if let ([unknown, allowed @ ..], Some(_)) = (&names[..], message.strip_prefix("unknown field")) {
        return (format!("unknown key `{unknown}`"), suggest(unknown, allowed, "keys here"));
    }
    if let ([unknown, allowed @ ..], Some(_)) = (&names[..], message.strip_prefix("unknown variant")) {
        return (format!("`{unknown}` is not known here"), suggest(unknown, allowed, "allowed"));
    }
    if let ([missing], Some(_)) = (&names[..], message.strip_prefix("missing field")) {
        return match *missing {
            "scenario" => {
                ("the section [scenario] is missing".to_owned(), "begin with [scenario] and name = \"...\"".to_owned())
            }
            key => (format!("the key `{key}` is missing"), format!("add a line {key} = ... to this section")),
        };
    }
    if let Some((found, expected)) = wrong_value(message) {
        return (format!("this is {found}"), format!("write {}", wanted(expected)));
    }
    if message == "duplicate key" {
        return ("this key stands here a second time".to_owned(), "remove one of the two".to_owned());
    }
    if message.starts_with("wanted exactly 1 element") {
        // The workload is the only choice among tables.
        return ("a scenario has exactly one workload".to_owned(), "write one section [workload.NAME]".to_owned());
    }
    (format!("not TOML: {message}"), "strings stand in quotes, sections in brackets; see https://toml.io".to_owned())
}

/// What was found and what was expected, of "invalid type: found, expected that".
fn wrong_value(message: &str) -> Option<(&str, &str)> {
    let rest = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "))?;
    let (found, expected) = rest.rsplit_once(", expected ")?;
    Some((found.trim_end_matches(" as i128"), expected))
}

/// What to write, from the name of a Rust type or serde's words.
fn wanted(expected: &str) -> String {
    let largest = match expected {
        "u8" => u64::from(u8::MAX),
        "u16" => u64::from(u16::MAX),
        "u32" => u64::from(u32::MAX),
        "u64" => super::SEED_MAX,
        "a boolean" => return "true or false".to_owned(),
        "a string" => return "a word in quotes".to_owned(),
        "a sequence" => return "a list in brackets; rows begin with [[section.name]]".to_owned(),
        other if other.starts_with("struct ") => return "a section in brackets, with its keys below".to_owned(),
        other => return other.to_owned(),
    };
    format!("a whole number from 0 to {largest}, without quotes")
}

/// What may be written, beginning with what was probably meant.
fn suggest(written: &str, allowed: &[&str], heading: &str) -> String {
    let all = format!("{heading}: {}", allowed.join(", "));
    match nearest(written, allowed.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`? {all}"),
        None => all,
    }
}

/// The one of `names` that is at most two or three slips away from `written`.
pub(super) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let slips_allowed = written.len().clamp(3, 9) / 3;
    let (slips, name) = names.map(|name| (edits(written, name), name)).min()?;
    (slips <= slips_allowed).then_some(name)
}

/// Letters to insert, delete or replace between two words (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (column, &other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (from, to, expected) in [("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0), ("ab", "ba", 2)] {
            assert_eq!(edits(from, to), expected, "{from} {to}");
        }
        assert_eq!(nearest("mtu_byte", ["nodes", "mtu_bytes"].into_iter()), Some("mtu_bytes"));
        assert_eq!(nearest("colour", ["nodes", "mtu_bytes"].into_iter()), None);
    }

    #[test]
    fn an_unknown_message_is_shown() {
        assert_eq!(explain("something new").0, "not TOML: something new");
    }
}
