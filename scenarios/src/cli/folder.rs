//! The run folder: what is needed to repeat and explain a run.
//!
//! `scenario.toml` (defaults written out, this run's seed), `plan.toml` (the rows of faults), `input` (the bytes it
//! worked on) and `topology` if there are any, `topology.svg` and (of studies) `slowdown.svg`, `completion.svg` and
//! `queues.svg`, `summary.json`, `journal.json` (what consumers were told, for `rnic compare`) if it was kept,
//! `report.html`, with --record `recording.bin` and `timeline.json` (for ui.perfetto.dev), and `captures/CABLE.pcapng`.
//! `rnic run FOLDER/scenario.toml` repeats the run.

use super::answer::CommandError;
use scenarios::record::format;
use scenarios::report::{page, picture, timeline};
use scenarios::spec::{Scenario, Topology};
use scenarios::{Plan, RunOptions, RunReport, topology_svg};
use std::fs;
use std::path::{Path, PathBuf};

/// Where a run's folder is by default.
pub(crate) fn default_place(scenario: &Scenario) -> PathBuf {
    Path::new("runs").join(format!("{}-{}", scenario.about.name, scenario.about.seed))
}

/// Writes the run folder, and into the report where its files are.
pub(crate) fn write(
    folder: &Path,
    scenario: &Scenario,
    options: &RunOptions,
    report: &mut RunReport,
) -> Result<(), CommandError> {
    let put = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, content).map_err(CommandError::writing(&path))
    };
    fs::create_dir_all(folder).map_err(CommandError::writing(folder))?;
    forget_captures(folder, scenario);

    let mut repeat = scenario.clone();
    repeat.workload.set_input(PathBuf::from("input"));
    if let Topology::File { path } = &mut repeat.cluster.topology {
        *path = PathBuf::from("topology");
        put("topology", options.topology.text.as_bytes())?;
    }
    put("scenario.toml", repeat.to_toml().as_bytes())?;
    let picture = topology_svg(scenario, &options.topology).unwrap_or_default();
    put("topology.svg", picture.as_bytes())?;
    if let Some(study) = &report.study {
        let name = &scenario.about.name;
        let pictures = [
            ("slowdown.svg", picture::slowdowns(name, study)),
            ("completion.svg", picture::completions(name, study)),
            ("queues.svg", picture::queues(name, study)),
        ];
        // Of what did not happen there is no picture.
        for (file, picture) in pictures.iter().filter(|(_, picture)| !picture.is_empty()) {
            put(file, picture.as_bytes())?;
        }
    }
    let plan = Plan::of(scenario);
    put("plan.toml", plan.to_toml().as_bytes())?;
    report.exit_status = Some(report.verdict(&scenario.expect).exit_status());
    report.plan = Some(plan);
    if !options.input.is_empty() {
        put("input", &options.input)?;
    }

    if !report.captures.is_empty() {
        let captures = folder.join("captures");
        fs::create_dir_all(&captures).map_err(CommandError::writing(&captures))?;
    }
    for capture in &mut report.captures {
        let name = format!("captures/{}.pcapng", capture.link);
        put(&name, &capture.pcapng)?;
        capture.file = folder.join(&name).display().to_string();
    }
    if let Some(journal) = &report.journal {
        put("journal.json", &serde_json::to_vec_pretty(journal).expect("a journal has string keys"))?;
    }
    write_evidence(folder, scenario, report)?;
    report.run_folder = Some(folder.display().to_string());
    let summary = serde_json::to_vec_pretty(report).expect("a report has string keys and finite numbers");
    put("summary.json", &summary)
}

/// Writes the page, and what was recorded.
pub(crate) fn write_evidence(folder: &Path, scenario: &Scenario, report: &RunReport) -> Result<(), CommandError> {
    let put = |name: &str, content: Vec<u8>| {
        let path = folder.join(name);
        fs::write(&path, content).map_err(CommandError::writing(&path))
    };
    put("report.html", page::document(scenario, report).into_bytes())?;
    let Some(recording) = &report.evidence.recording else { return Ok(()) };
    put("recording.bin", format::encode(recording))?;
    put("timeline.json", timeline::document(recording, &report.faults).into_bytes())
}

/// Removes the captures of an earlier run, so that none is taken for this one's.
fn forget_captures(folder: &Path, scenario: &Scenario) {
    for cable in scenario.cluster.cables() {
        // That there is none is the usual case.
        let _ = fs::remove_file(folder.join("captures").join(format!("{}.pcapng", cable.name())));
    }
}
