//! What a fabric study found out, in the few numbers by which cases are compared.

use super::outcome::Outcome;
use crate::report::study::{FlowReport, StudyReport, percentile};
use serde::{Deserialize, Serialize};

/// Figures of a study. Percentiles are those of the flows that completed; `None` if none has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudyFigures {
    /// Flows of the plan.
    pub flows: u64,
    /// Those that completed.
    pub completed: u64,
    /// From the first flow's beginning to the last completion.
    pub makespan_ps: Option<u64>,
    /// Completion time that half of the flows needed at most.
    pub completion_p50_ps: Option<u64>,
    /// And ninety-nine of a hundred.
    pub completion_p99_ps: Option<u64>,
    /// Completion over what the links alone would need, in hundredths: half were no slower.
    pub slowdown_p50_percent: Option<u64>,
    /// And ninety-nine of a hundred.
    pub slowdown_p99_percent: Option<u64>,
    /// The longest queue of any switch port and priority.
    pub queue_bytes_max: u64,
    /// Pauses that switches and adapters sent.
    pub pauses: u64,
    /// For how long ports of switches and adapters were silenced, ports and priorities added up.
    pub paused_ps: u64,
    /// Frames that switches marked.
    pub ecn_marks: u64,
    /// Congestion notifications that receivers sent.
    pub cnps: u64,
    /// Frames that switches and adapters dropped.
    pub drops: u64,
}

impl StudyFigures {
    /// Those of a report.
    #[must_use]
    pub fn of(study: &StudyReport) -> Self {
        let completions = study.completions_ps();
        let mut slowdowns: Vec<u64> = study.flows.iter().filter_map(FlowReport::slowdown_percent).collect();
        slowdowns.sort_unstable();
        Self {
            flows: study.flows.len() as u64,
            completed: completions.len() as u64,
            makespan_ps: study.makespan_ps(),
            completion_p50_ps: percentile(&completions, 500),
            completion_p99_ps: percentile(&completions, 990),
            slowdown_p50_percent: percentile(&slowdowns, 500),
            slowdown_p99_percent: percentile(&slowdowns, 990),
            queue_bytes_max: study.queue_bytes_max,
            pauses: study.pauses_sent + study.adapter_pauses_sent,
            paused_ps: study.paused_ps,
            ecn_marks: study.ecn_marks,
            cnps: study.cnps_sent,
            drops: study.drops + study.adapter_drops,
        }
    }
}

/// The studies of one choice of parameters, whatever their seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// What differs from the scenario's file.
    pub settings: &'a [String],
    /// The figures of its cases.
    pub studies: Vec<&'a StudyFigures>,
}

impl Choice<'_> {
    /// The median over the cases that have a figure.
    #[must_use]
    pub fn median(&self, figure: fn(&StudyFigures) -> Option<u64>) -> Option<u64> {
        let mut seen: Vec<u64> = self.studies.iter().filter_map(|study| figure(study)).collect();
        seen.sort_unstable();
        percentile(&seen, 500)
    }
}

/// Cases by their choice of parameters, in their order: seeds run fastest.
pub(super) fn by_choice(outcomes: &[Outcome]) -> Vec<Choice<'_>> {
    let mut choices = Vec::new();
    for cases in outcomes.chunk_by(|one, next| one.settings == next.settings) {
        let studies: Vec<_> = cases.iter().filter_map(|case| case.study.as_ref()).collect();
        if !studies.is_empty() {
            choices.push(Choice { settings: &cases[0].settings, studies });
        }
    }
    choices
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::report;
    use super::*;

    #[test]
    fn figures_are_those_of_completed_flows() {
        let flow =
            |start_ps, completion_ps| FlowReport { start_ps, ideal_ps: 100, completion_ps, ..FlowReport::default() };
        let flows = vec![flow(50, Some(400)), flow(0, Some(150)), flow(0, None), flow(70, Some(200))];
        let (drops, adapter_drops, pauses_sent, adapter_pauses_sent) = (1, 2, 3, 4);
        let figures = StudyFigures::of(&StudyReport {
            drops,
            adapter_drops,
            pauses_sent,
            adapter_pauses_sent,
            flows,
            ..StudyReport::default()
        });
        assert_eq!((figures.flows, figures.completed, figures.makespan_ps), (4, 3, Some(450)));
        assert_eq!((figures.completion_p50_ps, figures.completion_p99_ps), (Some(200), Some(400)));
        assert_eq!((figures.slowdown_p50_percent, figures.slowdown_p99_percent), (Some(200), Some(400)));
        assert_eq!((figures.drops, figures.pauses), (3, 7));
        assert_eq!(StudyFigures::of(&StudyReport::default()), StudyFigures::default(), "no flow, no percentile");
    }

    #[test]
    fn seeds_of_one_choice_are_one_row() {
        let mut outcomes = report("1/1", &[0, 1, 2, 3, 4, 5]).outcomes;
        for (outcome, makespan_ps) in outcomes.iter_mut().zip([5, 9, 7, 30, 10]) {
            outcome.study = Some(StudyFigures { makespan_ps: Some(makespan_ps), ..StudyFigures::default() });
        }
        outcomes[3..].iter_mut().for_each(|outcome| outcome.settings = vec!["cluster.nodes=8".to_owned()]);
        let choices = by_choice(&outcomes);
        let rows: Vec<_> = choices
            .iter()
            .map(|choice| (choice.settings[0].as_str(), choice.studies.len(), choice.median(|study| study.makespan_ps)))
            .collect();
        assert_eq!(rows, [("cluster.nodes=4", 3, Some(7)), ("cluster.nodes=8", 2, Some(10))], "one has not run");
        assert_eq!(choices[0].median(|study| study.completion_p50_ps), None);
        assert_eq!(by_choice(&report("1/1", &[0, 1]).outcomes), [], "no studies");
    }
}
