//! What is wrong with a scenario file: where, what, and what to do about it.

use std::fmt;
use std::ops::Range;

/// Why a scenario cannot run: one problem or more, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// Never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n\n" };
            write!(f, "{gap}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}

impl From<Problem> for ScenarioError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the user named it.
    pub file: String,
    /// Where in the file, if the problem is at one place.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// Characters concerned, at least 1.
    pub width: usize,
    /// The whole line.
    pub source: String,
}

impl Place {
    /// The place of `span` (bytes) in `text`; as much of it as is on one line.
    #[must_use]
    pub fn of(text: &str, span: Range<usize>) -> Self {
        let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let start = boundary(span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let end = boundary(span.end).clamp(start, line_end);
        Self {
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: text[start..end].chars().count().max(1),
            source: text[line_start..line_end].trim_end().to_owned(),
        }
    }

    /// What stands before the caret: blanks, and tabs where the line has tabs.
    fn indent(&self) -> String {
        let before = self.source.chars().take(self.column - 1);
        let mut indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        indent.extend(std::iter::repeat_n(' ', (self.column - 1).saturating_sub(self.source.chars().count())));
        indent
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place, message, remedy } = self;
        write!(f, "{message}")?;
        match place {
            Some(place) => {
                let Place { line, column, width, source } = place;
                let margin = " ".repeat(line.to_string().len());
                let (indent, caret) = (place.indent(), "^".repeat(*width));
                write!(f, "\n{margin}--> {file}:{line}:{column}\n{margin} |\n{line} | {source}")?;
                write!(f, "\n{margin} | {indent}{caret}\n{margin} = {remedy}")
            }
            None => write!(f, "\n --> {file}\n  = {remedy}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_the_value() {
        let text = "[cluster]\nmtu_bytes = 300\n";
        let start = text.find("300").expect("in the text");
        let problem = Problem {
            file: "a.toml".to_owned(),
            place: Some(Place::of(text, start..start + 3)),
            message: "no MTU".to_owned(),
            remedy: "allowed: 256".to_owned(),
        };
        let expected = "no MTU\n --> a.toml:2:13\n  |\n2 | mtu_bytes = 300\n  |             ^^^\n  = allowed: 256";
        assert_eq!(problem.to_string(), expected);
    }

    #[test]
    fn every_span_has_a_place() {
        let text = "a = \"ä\"\n\tb = 1";
        for start in 0..=text.len() + 2 {
            for end in 0..=text.len() + 2 {
                let place = Place::of(text, start..end);
                assert!(place.line >= 1 && place.column >= 1 && place.width >= 1);
                assert!(!place.indent().contains(|c| c != ' ' && c != '\t'));
            }
        }
        assert_eq!(Place::of(text, 10..11).indent(), "\t", "a tab stays a tab");
    }
}
