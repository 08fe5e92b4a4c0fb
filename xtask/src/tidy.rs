//! Lengths, banned words, suppressed lints.
//!
//! The limits are ratchets: what is over a limit today is listed with its size, may shrink, and may not grow.

use crate::files::{self, TextFile};
use std::path::Path;

/// Lines of a Rust file.
const FILE_LINES_MAX: usize = 500;

/// Files that are longer, with the most they may have. An entry that is no longer needed is a complaint.
const LONG_FILES: &[(&str, usize)] = &[("provider/src/ndk/call.rs", 537)];

/// Lints suppressed by `expect` in the whole workspace.
const SUPPRESSIONS_MAX: usize = 4;

/// Words that announce work left undone, or that are true on one machine only. Cut in two, so that this file has none.
const BANNED: &[(&[&str], &str)] = &[
    (&["TO", "DO"], "do it, or write it down elsewhere"),
    (&["FIX", "ME"], "fix it"),
    (&["X", "XX"], "say what is meant"),
    (&["todo", "!("], "do it"),
    (&["unimple", "mented!("], "do it"),
    (&["dbg", "!("], "remove it"),
    (&["#[ign", "ore"], "a test runs or is not there"),
    (&["#[all", "ow("], "use #[expect(lint, reason = ...)]"),
    (&["#![all", "ow("], "use #[expect(lint, reason = ...)]"),
    (&["/ho", "me/"], "no paths of one machine"),
    (&["/ro", "ot/"], "no paths of one machine"),
    (&["/wo", "rk/"], "no paths of one machine"),
    (&["/Us", "ers/"], "no paths of one machine"),
];

/// What is untidy.
#[must_use]
pub fn complaints(workspace: &Path) -> Vec<String> {
    let texts = files::with_extension(workspace, &["rs", "toml", "md", "yml"]);
    let sources: Vec<&TextFile> = texts.iter().filter(|file| file.path.ends_with(".rs")).collect();
    let mut complaints: Vec<String> = texts.iter().flat_map(banned_words).collect();
    // Rust files are rustfmt's, which leaves text in quotes alone.
    complaints.extend(texts.iter().filter(|file| !file.path.ends_with(".rs")).flat_map(stray_blanks));
    complaints.extend(sources.iter().filter_map(|file| too_long(&file.path, file.text.lines().count())));
    for &(path, _) in LONG_FILES.iter().filter(|(path, _)| !sources.iter().any(|file| file.path == *path)) {
        complaints.push(format!("{path} is listed as long and does not exist: remove it from the list"));
    }
    let suppressed = sources.iter().map(|file| suppressions(&file.text)).sum::<usize>();
    if suppressed > SUPPRESSIONS_MAX {
        complaints.push(format!("{suppressed} lints are suppressed by expect, at most {SUPPRESSIONS_MAX} are allowed"));
    }
    complaints
}

fn banned_words(file: &TextFile) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for (halves, remedy) in BANNED {
            let word = halves.concat();
            if line.contains(&word) {
                complaints.push(format!("{}:{}: {word}: {remedy}", file.path, number + 1));
            }
        }
    }
    complaints
}

fn stray_blanks(file: &TextFile) -> Vec<String> {
    let stray = |line: &str| line.ends_with([' ', '\t', '\r']);
    let lines = file.text.lines().enumerate().filter(|(_, line)| stray(line));
    let mut complaints: Vec<String> =
        lines.map(|(number, _)| format!("{}:{}: blanks at the end of the line", file.path, number + 1)).collect();
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        complaints.push(format!("{}: the last line has no end", file.path));
    }
    complaints
}

fn too_long(path: &str, lines: usize) -> Option<String> {
    let listed = LONG_FILES.iter().find(|(long, _)| *long == path).map(|&(_, lines)| lines);
    match listed {
        Some(_) if lines <= FILE_LINES_MAX => {
            Some(format!("{path} is short now: remove it from the list of long files"))
        }
        Some(most) if lines > most => Some(format!("{path} has {lines} lines, grown from {most}: split it")),
        None if lines > FILE_LINES_MAX => {
            Some(format!("{path} has {lines} lines, more than {FILE_LINES_MAX}: split it"))
        }
        _ => None,
    }
}

fn suppressions(text: &str) -> usize {
    ["#[expect(", "#![expect("]
        .iter()
        .map(|start| text.lines().filter(|line| line.trim().starts_with(start)).count())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> TextFile {
        TextFile { path: "a.rs".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn banned_words_are_found_with_their_line() {
        let text = format!("good\n// {}{} later\n", "TO", "DO");
        assert_eq!(
            banned_words(&file(&text)),
            [format!("a.rs:2: {}{}: do it, or write it down elsewhere", "TO", "DO")]
        );
        assert_eq!(banned_words(&file("all good\n")), Vec::<String>::new());
    }

    #[test]
    fn the_ratchet_turns_one_way() {
        let (path, most) = LONG_FILES[0];
        assert!(too_long(path, most + 1).is_some() && too_long(path, most).is_none() && too_long(path, 500).is_some());
        assert!(too_long("short.rs", 500).is_none() && too_long("short.rs", 501).is_some());
    }

    #[test]
    fn blanks_and_suppressions_are_counted() {
        assert_eq!(stray_blanks(&file("a \nb\t\nc")).len(), 3);
        assert_eq!(suppressions("    #[expect(dead_code)]\n#![expect(x)]\nlet s = \"#[expect(\";\n"), 2);
    }
}
