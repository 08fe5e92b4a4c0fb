//! `rnic calibrate`: published experiments on the model.

use super::Answer;
use super::answer::CommandError;
use clap::Args;
use indicatif::ProgressBar;
use scenarios::calibrate::{self, EXPERIMENTS, Experiment, Extent, Point};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct CalibrateArguments {
    /// Run this experiment only
    #[arg(long, value_name = "N")]
    experiment: Option<u8>,
    /// Run this profile only
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Measure the points with a published value only, with fewer requests each
    #[arg(long)]
    quick: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write one picture (SVG) an experiment to this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs experiments and compares them with what was published.
pub(crate) fn calibrate(arguments: &CalibrateArguments) -> Result<Answer, CommandError> {
    let chosen = chosen(arguments)?;
    if let Some(folder) = &arguments.out {
        std::fs::create_dir_all(folder).map_err(CommandError::writing(folder))?;
    }
    let extent = if arguments.quick { Extent::Quick } else { Extent::Whole };
    let mut points = Vec::new();
    let mut out = String::new();
    for experiment in chosen {
        // Shown on a terminal only.
        let spinner = ProgressBar::new_spinner();
        let mut told = |point: &Point| {
            spinner.inc(1);
            spinner.set_message(format!("experiment {}: {} at {}", point.experiment, point.series, point.x));
        };
        let found = calibrate::run(experiment, arguments.profile.as_deref(), extent, &mut told);
        spinner.finish_and_clear();
        if let Some(folder) = &arguments.out {
            let file = folder.join(format!("experiment-{:02}.svg", experiment.number));
            std::fs::write(&file, calibrate::svg(experiment, &found)).map_err(CommandError::writing(&file))?;
        }
        out.push_str(&calibrate::human(experiment, &found));
        out.push('\n');
        points.extend(found);
    }
    if arguments.json {
        out = format!("{:#}\n", calibrate::json(&points));
    }
    Ok(Answer { out, ..Answer::default() })
}

fn chosen(arguments: &CalibrateArguments) -> Result<Vec<&'static Experiment>, CommandError> {
    let fits = |experiment: &&Experiment| {
        arguments.experiment.is_none_or(|number| number == experiment.number)
            && arguments.profile.as_deref().is_none_or(|name| experiment.profiles.contains(&name))
    };
    let chosen: Vec<&Experiment> = EXPERIMENTS.iter().filter(fits).collect();
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let known: Vec<String> = EXPERIMENTS
        .iter()
        .map(|experiment| format!("{} on {}", experiment.number, experiment.profiles.join(", ")))
        .collect();
    Err(CommandError::Option {
        message: "no experiment has this number and profile".to_owned(),
        remedy: format!("the experiments are {}", known.join("; ")),
    })
}
