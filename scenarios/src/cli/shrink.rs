//! `shrink`: a failing run made small; `planted`: the same for every bug that is there on purpose.

use super::answer::{Answer, CommandError, colour};
use super::folder;
use super::target::quoted;
use clap::Args;
use scenarios::plan::planted::{Hunt, hunt};
use scenarios::plan::{self, Shrunk};
use scenarios::report::table::{Cell, Table};
use scenarios::spec::planted::Bug;
use scenarios::spec::{SEED_MAX, ScenarioFile};
use scenarios::{Plan, RunOptions};
use serde_json::json;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct ShrinkArguments {
    /// The scenario file
    file: PathBuf,
    /// The seed of every random stream, instead of the scenario's
    #[arg(long, value_parser = clap::value_parser!(u64).range(0..=SEED_MAX))]
    seed: Option<u64>,
    /// The plan that fails, instead of the scenario's rows and swarm
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// The file that the workload works on, instead of the scenario's
    #[arg(long, value_name = "PATH")]
    input: Option<PathBuf>,
    /// Where the small scenario and its plan go [default: runs/NAME-SEED-small]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Shrinks one failing run.
pub(super) fn shrink(arguments: &ShrinkArguments) -> Result<Answer, CommandError> {
    let mut file = ScenarioFile::load(&arguments.file)?;
    let input = file.read_input(arguments.input.as_deref())?;
    let scenario = &mut file.scenario;
    scenario.about.seed = arguments.seed.unwrap_or(scenario.about.seed);
    let whole = arguments.plan.as_ref().map_or_else(|| Ok(Plan::of(scenario)), |path| Plan::load(path, scenario))?;
    let options = RunOptions { input: input.bytes.into(), input_path: input.path, ..RunOptions::default() };
    let Some(small) = plan::shrink(scenario, &whole, &options)? else {
        let out = if arguments.json {
            json!({ "fails": false }).to_string() + "\n"
        } else {
            "the run passes: nothing to shrink\n".to_owned()
        };
        return Ok(Answer::text(out));
    };
    let place = arguments.out.clone().unwrap_or_else(|| {
        let whole = folder::default_place(scenario);
        PathBuf::from(format!("{}-small", whole.display()))
    });
    let replay = write(&place, &small, &options)?;
    let Shrunk { scenario: least, plan: rows, failure, runs } = &small;
    let (before, after) = (whole.rows().len(), rows.rows().len());
    let out = if arguments.json {
        let rows: Vec<String> = rows.rows().into_iter().map(|row| row.text).collect();
        let rule = &failure.rule;
        json!({
            "fails": true, "rule": rule, "text": failure.text, "rows_before": before, "rows_after": after, "rows": rows,
            "nodes": least.cluster.nodes, "runs": runs, "replay": replay,
        })
        .to_string()
            + "\n"
    } else {
        let mut text = format!("{}: {}\n\n", failure.rule, failure.text.trim_end());
        text += &format!(
            "{before} rows -> {after}, {} nodes -> {}, {runs} runs\n",
            scenario.cluster.nodes, least.cluster.nodes
        );
        rows.rows().into_iter().for_each(|row| text += &format!("  {}: {}\n", row.id, row.text));
        text
    };
    Ok(Answer { out, err: replay + "\n", status: 0 })
}

/// Writes the small scenario, its plan and input; returns the command that runs it.
fn write(place: &Path, small: &Shrunk, options: &RunOptions) -> Result<String, CommandError> {
    fs::create_dir_all(place).map_err(CommandError::writing(place))?;
    let mut scenario = small.plan.applied_to(&small.scenario, small.scenario.about.seed);
    scenario.workload.set_input(PathBuf::from("input"));
    let put = |name: &str, content: &[u8]| {
        let path = place.join(name);
        fs::write(&path, content).map_err(CommandError::writing(&path))
    };
    put("scenario.toml", scenario.to_toml().as_bytes())?;
    put("plan.toml", small.plan.to_toml().as_bytes())?;
    if !options.input.is_empty() {
        put("input", &options.input)?;
    }
    Ok(command(&place.join("scenario.toml")))
}

fn command(file: &Path) -> String {
    let program = std::env::args_os().next().map_or_else(|| "rnic".into(), PathBuf::from);
    format!("{} run {}", quoted(&program), quoted(file))
}

#[derive(Debug, Args)]
pub(super) struct PlantedArguments {
    /// The scenario whose seeds are tried; its faults are what shows the bugs
    #[arg(default_value = "scenarios/library/swarm.toml")]
    file: PathBuf,
    /// How many seeds are tried for each bug
    #[arg(long, value_name = "N", default_value = "200")]
    seeds: u64,
    /// Look for this bug alone
    #[arg(long, value_name = "NAME")]
    bug: Option<String>,
    /// Where the small scenarios go
    #[arg(long, value_name = "FOLDER", default_value = "runs/planted")]
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Hunts every planted bug and prints the table.
pub(super) fn planted(arguments: &PlantedArguments) -> Result<Answer, CommandError> {
    let scenario = ScenarioFile::load(&arguments.file)?.scenario;
    let wanted: Vec<Bug> = match &arguments.bug {
        None => Bug::ALL.to_vec(),
        Some(name) => vec![known(name)?],
    };
    fs::create_dir_all(&arguments.out).map_err(CommandError::writing(&arguments.out))?;
    let mut found = Vec::new();
    for bug in wanted {
        let hunt = hunt(&scenario, bug, arguments.seeds, &RunOptions::default())?;
        let path = arguments.out.join(format!("{}.toml", hunt.bug));
        if hunt.seed.is_some() {
            fs::write(&path, &hunt.scenario).map_err(CommandError::writing(&path))?;
        }
        found.push((hunt, command(&path)));
    }
    let missed = found.iter().filter(|(hunt, _)| hunt.seed.is_none() || hunt.rows_after > ROWS_MAX).count();
    let out = if arguments.json { as_json(&found) } else { as_table(&found) };
    Ok(Answer { out, status: u8::from(missed > 0), ..Answer::default() })
}

/// A shrunk plan has at most so many rows.
const ROWS_MAX: usize = 3;

fn known(name: &str) -> Result<Bug, CommandError> {
    Bug::ALL.into_iter().find(|bug| bug.name() == name).ok_or_else(|| CommandError::Option {
        message: format!("--bug {name}: there is no such bug"),
        remedy: format!("allowed: {}", Bug::ALL.map(Bug::name).join(", ")),
    })
}

fn as_json(found: &[(Hunt, String)]) -> String {
    let rows: Vec<_> = found
        .iter()
        .map(|(hunt, replay)| {
            json!({
                "bug": hunt.bug, "side": hunt.side, "seed": hunt.seed, "rule": hunt.rule, "rows_before": hunt.rows_before,
                "rows_after": hunt.rows_after, "nodes": hunt.nodes, "runs": hunt.runs, "replay": replay,
            })
        })
        .collect();
    json!({ "planted": rows }).to_string() + "\n"
}

fn as_table(found: &[(Hunt, String)]) -> String {
    let mut table =
        Table::new("Planted bugs", &["bug", "of the", ">seed", "rule", ">rows", ">left", ">nodes", ">runs", "replay"]);
    for (hunt, replay) in found {
        let seed = hunt.seed.map_or_else(|| "-".to_owned(), |seed| seed.to_string());
        let numbers = [hunt.rows_before, hunt.rows_after, usize::from(hunt.nodes), hunt.runs as usize];
        let mut cells: Vec<Cell> =
            vec![hunt.bug.clone().into(), hunt.side.clone().into(), seed.into(), hunt.rule.clone().into()];
        cells.extend(numbers.map(|number| Cell::from(number.to_string())));
        cells.push(replay.clone().into());
        table.row(cells);
    }
    let mut text = String::new();
    table.write(&mut text, colour(&io::stdout()));
    text
}
