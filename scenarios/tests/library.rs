//! Every scenario of the library ends as it says that it will, and no checker has more to say than it expects.
//!
//! New files of the folder are run without further ado; `speed/`, whose runs are measured, is left out.

use scenarios::report::Verdict;
use scenarios::spec::ScenarioFile;
use scenarios::{RunOptions, run};
use std::path::{Path, PathBuf};

/// The scenario files, by name.
fn library() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
    let entries = std::fs::read_dir(folder).expect("the library is a folder");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    files
}

/// What is wrong with a run of this file.
fn wrong(path: &Path) -> Option<String> {
    let file = match ScenarioFile::load(path) {
        Ok(file) => file,
        Err(error) => return Some(error.to_string()),
    };
    let input = file.read_input(None).expect("its input").bytes.into();
    let topology = file.read_topology().expect("its topology");
    let options = RunOptions { input, topology, ..RunOptions::default() };
    let report = match run(&file.scenario, &options) {
        Ok(report) => report,
        Err(error) => return Some(error.to_string()),
    };
    let missed: Vec<_> = report.expectations.iter().filter(|line| !line.ok).collect();
    (report.verdict(&file.scenario.expect) != Verdict::Pass).then(|| format!("{missed:#?}\n{:#?}", report.findings))
}

#[test]
fn every_scenario_passes() {
    let files = library();
    assert!(files.len() >= 15, "{files:?}");
    let wrong: Vec<String> =
        files.iter().filter_map(|path| wrong(path).map(|what| format!("{}: {what}", path.display()))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
