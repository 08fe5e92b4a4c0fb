//! Whether a run is the same every time: alone, beside others, and in every thread; and if not, where it parts.

use crate::cluster::ClusterError;
use crate::options::RunOptions;
use crate::record::{Chain, Divergence, Evidence, Record, Window};
use crate::report::RunReport;
use crate::runner::run;
use crate::spec::Scenario;
use std::num::NonZero;
use std::thread;

/// Events of a block, of which each has a hash.
const BLOCK_EVENTS: u64 = 256;
/// Records shown of each run.
const RECORDS_MAX: usize = 1 << 16;
/// How often two runs are compared again to catch the difference in the act.
const ATTEMPTS: usize = 4;

/// What repeating a run has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repetition {
    /// Runs done.
    pub runs: u64,
    /// The fingerprint of the first.
    pub trace_hash: String,
    /// Where another one parted from it.
    pub parting: Option<Box<Parting>>,
}

/// Where two runs of one scenario and seed parted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// The fingerprint of the run that is different.
    pub trace_hash: String,
    /// The first unequal block; `None` if all events were equal and only the report was not.
    pub block: Option<Divergence>,
    /// The node's or switch's records of that block, of both runs, as far as they are equal and a little further.
    pub records: Option<[Vec<Record>; 2]>,
}

/// Runs a scenario `times` times in each of the groups: so many runs side by side, each in a thread of its own.
///
/// # Errors
/// As [`run`].
pub fn repeat(
    scenario: &Scenario,
    options: &RunOptions,
    groups: &[NonZero<u16>],
    times: u32,
) -> Result<Repetition, ClusterError> {
    let mut options = options.clone();
    options.watch.block_events = Some(BLOCK_EVENTS);
    let first = run(scenario, &options)?;
    let mut repetition = Repetition { runs: 1, trace_hash: first.trace_hash.clone(), parting: None };
    for group in groups.iter().cycle().take(groups.len() * times as usize) {
        for other in side_by_side(scenario, &options, *group)? {
            repetition.runs += 1;
            if other != first {
                repetition.parting = Some(Box::new(parting(scenario, &options, &first, &other)?));
                return Ok(repetition);
            }
        }
    }
    Ok(repetition)
}

fn side_by_side(
    scenario: &Scenario,
    options: &RunOptions,
    group: NonZero<u16>,
) -> Result<Vec<RunReport>, ClusterError> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..group.get()).map(|_| scope.spawn(|| run(scenario, options))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Finds the block, and runs twice more to see its events.
fn parting(
    scenario: &Scenario,
    options: &RunOptions,
    first: &RunReport,
    other: &RunReport,
) -> Result<Parting, ClusterError> {
    let block = Divergence::between(&first.evidence.chains, &other.evidence.chains);
    let mut parting = Parting { trace_hash: other.trace_hash.clone(), block, records: None };
    for _ in 0..ATTEMPTS {
        let Some(Divergence { from, to, .. }) = parting.block else { break };
        let mut recorded = options.clone();
        recorded.watch.record = Some(Window { from, to, most: RECORDS_MAX });
        let [one, two] = [run(scenario, &recorded)?, run(scenario, &recorded)?];
        let (one, two) = (one.evidence, two.evidence);
        let place = first_place(records(&one), records(&two));
        if let Some(place) = place {
            // Blocks are long: which node parted first, the records say.
            let own = |chains: &[Chain]| chains.get(place as usize).cloned().into_iter().collect::<Vec<_>>();
            let block = Divergence::between(&own(&one.chains), &own(&two.chains));
            parting.block = block.map(|block| Divergence { place: place as usize, ..block }).or(parting.block);
            let at_place = |record: &&Record| record.place == place;
            parting.records =
                Some([&one, &two].map(|evidence| records(evidence).iter().filter(at_place).cloned().collect()));
            break;
        }
        // It shows itself elsewhere this time: look there.
        parting.block = Divergence::between(&one.chains, &two.chains).or(parting.block);
    }
    Ok(parting)
}

fn records(evidence: &Evidence) -> &[Record] {
    evidence.recording.as_ref().map_or(&[], |recording| &recording.records)
}

/// Where the first records are that are not equal, in the one order of both runs.
fn first_place(one: &[Record], two: &[Record]) -> Option<u32> {
    let unequal = |(a, b): &(&Record, &Record)| (a.place, a.time_ps, &a.kind) != (b.place, b.time_ps, &b.kind);
    let (a, b) = one.iter().zip(two).find(unequal)?;
    Some(if a.time_ps <= b.time_ps { a.place } else { b.place })
}

impl Parting {
    /// The first pair of records that are not equal, by their place in the lists. Numbers and causes are not compared: they
    /// count records of the whole run.
    #[must_use]
    pub fn first_unequal(&self) -> Option<usize> {
        let [one, two] = self.records.as_ref()?;
        let same = |a: &Record, b: &Record| (a.time_ps, &a.kind) == (b.time_ps, &b.kind);
        let common = one.iter().zip(two).take_while(|(a, b)| same(a, b)).count();
        (common < one.len().max(two.len())).then_some(common)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Watch;
    use crate::spec::{CreationStorm, Workload};
    use des::Time;

    fn scenario() -> Scenario {
        let storm = CreationStorm { tasks: 2, rounds: 2, ..CreationStorm::default() };
        Scenario { workload: Workload::CreationStorm(storm), ..Scenario::named("storm") }
    }

    fn groups() -> [NonZero<u16>; 2] {
        [1, 2].map(|count| NonZero::new(count).expect("not zero"))
    }

    #[test]
    fn a_run_is_the_same_every_time() {
        let repetition = repeat(&scenario(), &RunOptions::default(), &groups(), 1).expect("the cluster");
        assert_eq!((repetition.runs, repetition.parting), (4, None));
    }

    #[test]
    fn a_planted_flaw_is_found_in_its_block() {
        let from = Time::from_ps(300_000_000);
        let watch = Watch { unsteady: Some(from), ..Watch::default() };
        let options = RunOptions { watch, ..RunOptions::default() };
        let repetition = repeat(&scenario(), &options, &groups(), 1).expect("the cluster");
        let parting = repetition.parting.expect("no two runs are the same");
        let block = parting.block.expect("events differ");
        assert!(block.place == 1 && block.to >= from, "{block:?}");
        let at = parting.first_unequal().expect("the lists differ");
        let [one, two] = parting.records.as_ref().expect("both were recorded");
        let times = [one, two].map(|list| list.get(at).map(|record| record.time_ps >= from.as_ps()));
        assert!(times.contains(&Some(true)), "{times:?}");
    }
}
