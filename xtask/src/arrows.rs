//! Who may use whom: the table of `docs/ARCHITECTURE.md` against `cargo metadata`.
//!
//! A row is ``| `crate` | one sentence | what it may use |``. The last cell names crates in backquotes, a module of a
//! crate (`nic_model::regs`: nothing else of it), or is one of three phrases.

use crate::files;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const TABLE: &str = "docs/ARCHITECTURE.md";

/// What a crate may use.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    /// Exactly these crates of the workspace; of some, one module alone.
    These(BTreeMap<String, Option<String>>),
    /// Whatever stands above it in the table.
    Above,
    /// Anything.
    Anything,
}

/// What is wrong with the arrows.
#[must_use]
pub fn complaints(workspace: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(workspace.join(TABLE)).unwrap_or_default();
    let table = parse(&text);
    let mut complaints = compare(&table, &dependencies(workspace));
    for (user, allowed) in &table {
        let Allowed::These(used) = allowed else { continue };
        for (krate, module) in used {
            if let Some(module) = module {
                complaints.extend(foreign_paths(workspace, user, krate, module));
            }
        }
    }
    complaints
}

/// The rows of the table, in their order.
fn parse(text: &str) -> Vec<(String, Allowed)> {
    let heading = |line: &&str| line.starts_with("| crate |");
    let rows = text.lines().skip_while(|line| !heading(line)).skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(row).collect()
}

fn row(line: &str) -> Option<(String, Allowed)> {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [name, _, may_use] = cells[..] else { return None };
    let allowed = match may_use {
        "all of the above" => Allowed::Above,
        "what it measures" => Allowed::Anything,
        "nothing here" => Allowed::These(BTreeMap::new()),
        names => Allowed::These(names.split('`').skip(1).step_by(2).map(used_crate).collect()),
    };
    Some((name.trim_matches('`').to_owned(), allowed))
}

/// A crate, or a module of one as Rust writes it.
fn used_crate(name: &str) -> (String, Option<String>) {
    match name.split_once("::") {
        Some((krate, module)) => (krate.replace('_', "-"), Some(module.to_owned())),
        None => (name.to_owned(), None),
    }
}

/// The crates of the workspace, and which others of it each depends on (not counting tests).
fn dependencies(workspace: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut metadata = Command::new(cargo);
    metadata.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(workspace);
    let output = metadata.output().expect("cargo runs, for it runs this");
    let parsed: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let packages = list(&parsed["packages"]);
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let used = |package: &Value| -> BTreeSet<String> {
        let dependencies = list(&package["dependencies"]);
        let normal = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
        normal.map(name).filter(|name| ours.contains(name)).collect()
    };
    packages.iter().map(|package| (name(package), used(package))).collect()
}

fn compare(table: &[(String, Allowed)], actual: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut above: BTreeSet<&str> = BTreeSet::new();
    for (name, allowed) in table {
        let Some(used) = actual.get(name) else {
            complaints.push(format!("{TABLE} has a row for {name}, which is no crate of the workspace"));
            continue;
        };
        let may = |other: &str| match allowed {
            Allowed::These(these) => these.contains_key(other),
            Allowed::Above => above.contains(other),
            Allowed::Anything => true,
        };
        for other in used.iter().filter(|other| !may(other)) {
            complaints.push(format!("{name} uses {other}, which {TABLE} does not allow"));
        }
        if let Allowed::These(these) = allowed {
            for other in these.keys().filter(|other| !used.contains(*other)) {
                complaints.push(format!("{TABLE} lets {name} use {other}, which it does not"));
            }
        }
        above.insert(name);
    }
    for name in actual.keys().filter(|name| !above.contains(name.as_str())) {
        complaints.push(format!("{TABLE} has no row for {name}"));
    }
    complaints
}

/// Lines of `user` that reach into `krate` past its one allowed module. Tests may.
fn foreign_paths(workspace: &Path, user: &str, krate: &str, module: &str) -> Vec<String> {
    let prefix = format!("{}::", krate.replace('-', "_"));
    let is_test = |path: &str| path.contains("/tests/") || path.ends_with("tests.rs");
    let sources = files::with_extension(&workspace.join(user).join("src"), &["rs"]);
    let mut complaints = Vec::new();
    for file in sources.iter().filter(|file| !is_test(&format!("/{}", file.path))) {
        for (number, line) in file.text.lines().enumerate() {
            let reached = line.match_indices(&prefix).map(|(at, _)| &line[at + prefix.len()..]);
            if reached.clone().any(|rest| !begins_with_word(rest, module)) {
                let place = format!("{user}/src/{}:{}", file.path, number + 1);
                complaints.push(format!("{place}: of {krate}, {user} may use {module} alone"));
            }
        }
    }
    complaints
}

fn begins_with_word(text: &str, word: &str) -> bool {
    let after = text.strip_prefix(word).map(|rest| rest.chars().next());
    after.is_some_and(|next| !next.is_some_and(|c| c.is_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "| crate | one sentence | may use |\n|---|---|---|\n| `a` | A. | nothing here |\n\
        | `b` | B. | `a`, `n_m::regs` |\n| `n-m` | N. | `a` |\n| `top` | T. | all of the above |\n\nend\n| `x` | | |\n";

    fn actual(arrows: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        arrows.iter().map(|&(user, used)| (user.to_owned(), owned(used))).collect()
    }

    #[test]
    fn the_table_is_read() {
        let table = parse(TEXT);
        assert_eq!(table.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b", "n-m", "top"]);
        let Allowed::These(used) = &table[1].1 else { panic!("{:?}", table[1]) };
        assert_eq!(used.get("n-m"), Some(&Some("regs".to_owned())));
        assert_eq!(table[3].1, Allowed::Above);
    }

    #[test]
    fn every_difference_is_a_complaint() {
        let table = parse(TEXT);
        let good = actual(&[("a", &[]), ("b", &["a", "n-m"]), ("n-m", &["a"]), ("top", &["a", "b"])]);
        assert_eq!(compare(&table, &good), Vec::<String>::new());
        let bad = actual(&[("a", &["b"]), ("b", &["a"]), ("n-m", &["a"]), ("new", &[])]);
        let complaints = compare(&table, &bad).join("\n");
        for part in ["a uses b", "lets b use n-m", "row for top, which is no crate", "no row for new"] {
            assert!(complaints.contains(part), "no {part:?} in\n{complaints}");
        }
    }

    #[test]
    fn words_end() {
        assert!(begins_with_word("regs::wqe", "regs") && begins_with_word("regs;", "regs"));
        assert!(!begins_with_word("registers", "regs") && !begins_with_word("{regs}", "regs"));
    }
}
