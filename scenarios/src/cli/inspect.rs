//! `list`, `check`, `schema` and `show`: commands that run nothing.

use super::answer::{Answer, CommandError, colour};
use super::target;
use scenarios::report::table::{Cell, Table, Tone};
use scenarios::report::units;
use scenarios::spec::{ScenarioFile, schema};
use scenarios::topology_svg;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The scenarios of a folder with their descriptions. A file that is no scenario is listed as such, with status 2.
pub(super) fn list(folder: &Path) -> Result<Answer, CommandError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(CommandError::reading(folder))? {
        let path = entry.map_err(CommandError::reading(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    if files.is_empty() {
        let message = format!("no scenario in {}", folder.display());
        return Err(CommandError::Option { message, remedy: "name a folder with .toml files".to_owned() });
    }
    files.sort();
    let mut table = Table::new("Scenarios", &["file", ">nodes", "topology", "description"]);
    let mut answer = Answer::default();
    for path in files {
        let file = path.display().to_string();
        match ScenarioFile::load(&path) {
            Ok(ScenarioFile { scenario, .. }) => table.row(vec![
                file.into(),
                units::count(scenario.cluster.nodes.into()).into(),
                scenario.cluster.topology.name().into(),
                scenario.about.description.into(),
            ]),
            Err(error) => {
                table.row(vec![file.into(), "".into(), "".into(), Cell::toned("no valid scenario", Tone::Bad)]);
                answer = Answer::refusal(&error.into());
            }
        }
    }
    table.write(&mut answer.out, colour(&io::stdout()));
    answer.out.truncate(answer.out.trim_end().len());
    answer.out.push('\n');
    Ok(answer)
}

/// Whether a scenario and the files that it names are good.
pub(super) fn check(path: &Path) -> Result<Answer, CommandError> {
    let file = ScenarioFile::load(path)?;
    let options = target::options(&file, None)?;
    let checked = scenarios::check(&file.scenario, &options).map_err(|error| target::blame(&file, &[], error))?;
    let (about, cluster) = (&file.scenario.about, &file.scenario.cluster);
    let out = format!(
        "{} is good: {}, {} nodes, {}, input of {} bytes, {} fault rows\n",
        path.display(),
        about.name,
        checked.nodes,
        cluster.topology.name(),
        units::count(options.input.len() as u64),
        file.scenario.fault.rows().len(),
    );
    Ok(Answer { err: target::warnings(&file, &[], &checked.warnings), ..Answer::text(out) })
}

/// The JSON schema of scenarios, or of plans.
pub(super) fn schema(plan: bool) -> Answer {
    let schema = if plan { schema::plan() } else { schema::scenario() };
    Answer::text(serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n")
}

/// A scenario after defaults, or (`svg`) the picture of its topology.
pub(super) fn show(path: &Path, svg: bool) -> Result<Answer, CommandError> {
    let file = ScenarioFile::load(path)?;
    if svg {
        let picture = topology_svg(&file.scenario, &file.read_topology()?);
        return Ok(Answer::text(picture.map_err(|error| target::blame(&file, &[], error))?));
    }
    Ok(Answer::text(file.scenario.to_toml()))
}
