//! The text of a profile: sections of numbers, each with its origin. A small and strict part of TOML.

use super::{Origin, Sourced};
use std::collections::BTreeMap;

/// What a profile says under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number(u64),
    Word(&'static str),
}

/// What is wrong with a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A line is none of: a comment, a section, a name or base, a number with its origin.
    #[error(
        "{profile}, line {line}: expected key = {{ value = N, measured|published|assumed = \"source\" }}, found {found}"
    )]
    Line {
        /// The profile.
        profile: String,
        /// Counted from 1.
        line: usize,
        /// The line.
        found: String,
    },
    /// Something is said twice.
    #[error("{profile}: {key} is given twice")]
    Twice {
        /// The profile.
        profile: String,
        /// Section and key.
        key: String,
    },
    /// Something is missing that every profile must say.
    #[error("{profile}: {key} is missing, or is not {expected}")]
    Missing {
        /// The profile.
        profile: String,
        /// Section and key.
        key: String,
        /// What it must be.
        expected: &'static str,
    },
    /// Something is said that means nothing.
    #[error("{profile}: nothing is called {key}")]
    Unknown {
        /// The profile.
        profile: String,
        /// Section and key.
        key: String,
    },
    /// No profile has the name, or bases go in a circle.
    #[error("no profile is called {0}, or it is its own base")]
    NoProfile(String),
}

/// A profile as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) name: &'static str,
    /// The profile that says everything else.
    pub(super) base: Option<&'static str>,
    pub(super) entries: BTreeMap<String, Sourced<Value>>,
}

impl Text {
    pub(super) fn parse(file: &'static str, text: &'static str) -> Result<Self, ProfileError> {
        let mut parsed = Self { name: file, base: None, entries: BTreeMap::new() };
        let mut section = "";
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
            } else if parsed.entry(section, line)?.is_none() {
                return Err(ProfileError::Line { profile: file.to_owned(), line: number + 1, found: line.to_owned() });
            }
        }
        Ok(parsed)
    }

    /// Takes one line; `None` if it makes no sense.
    fn entry(&mut self, section: &str, line: &'static str) -> Result<Option<()>, ProfileError> {
        let Some((key, value)) = line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else {
            return Ok(None);
        };
        if section.is_empty() {
            match (key, quoted(value)) {
                ("name", Some(name)) => self.name = name,
                ("base", Some(base)) => self.base = Some(base),
                _ => return Ok(None),
            }
            return Ok(Some(()));
        }
        let Some(sourced) = sourced(value) else { return Ok(None) };
        let key = format!("{section}.{key}");
        match self.entries.insert(key.clone(), sourced) {
            None => Ok(Some(())),
            Some(_) => Err(ProfileError::Twice { profile: self.name.to_owned(), key }),
        }
    }
}

/// `{ value = 8_200, measured = "where" }`.
fn sourced(text: &'static str) -> Option<Sourced<Value>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?.trim().strip_prefix("value")?;
    let inner = inner.trim_start().strip_prefix('=')?;
    let (value, origin) = inner.split_once(',')?;
    let value = value.trim();
    let value = match quoted(value) {
        Some(word) => Value::Word(word),
        None => Value::Number(value.replace('_', "").parse().ok()?),
    };
    let (kind, source) = origin.split_once('=')?;
    let source = quoted(source.trim()).filter(|source| !source.is_empty())?;
    let origin = match kind.trim() {
        "measured" => Origin::Measured(source),
        "published" => Origin::Published(source),
        "assumed" => Origin::Assumed(source),
        _ => return None,
    };
    Some(Sourced { value, origin })
}

fn quoted(text: &'static str) -> Option<&'static str> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('"')).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_an_origin() {
        let text = "name = \"x\"\nbase = \"y\"\n# why\n[pcie]\nlanes = { value = 1_6, measured = \"a, b = c\" }\n";
        let parsed = Text::parse("x", text).expect("it is well written");
        let lanes = Sourced { value: Value::Number(16), origin: Origin::Measured("a, b = c") };
        assert_eq!((parsed.name, parsed.base, parsed.entries["pcie.lanes"]), ("x", Some("y"), lanes));
    }

    #[test]
    fn what_makes_no_sense_is_named_by_its_line() {
        for (text, line) in [
            ("[a]\nb = 5", 2),
            ("[a]\nb = { value = 5 }", 2),
            ("[a]\nb = { value = -5, assumed = \"c\" }", 2),
            ("[a]\nb = { value = 5, guessed = \"c\" }", 2),
            ("[a]\nb = { value = 5, assumed = \"\" }", 2),
            ("\nspeed = \"fast\"", 2),
            ("[a", 1),
        ] {
            let result = Text::parse("x", text);
            assert!(matches!(&result, Err(ProfileError::Line { line: at, .. }) if *at == line), "{text}: {result:?}");
        }
        let twice = Text::parse("x", "[a]\nb = { value = 5, assumed = \"c\" }\nb = { value = 5, assumed = \"c\" }");
        assert_eq!(twice, Err(ProfileError::Twice { profile: "x".to_owned(), key: "a.b".to_owned() }));
    }
}
