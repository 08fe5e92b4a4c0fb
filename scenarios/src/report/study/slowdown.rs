//! How much slower flows were than their links alone would have been, by size and by priority.

use super::{FlowReport, StudyReport, percentile};
use crate::report::table::{Cell, Table};
use crate::report::units::{count, ratio};
use serde::Serialize;
use std::collections::BTreeSet;

/// Completion times over what the links alone would need, of some flows. In hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ratios {
    /// How many flows.
    pub count: u64,
    /// Half were no slower.
    pub p50_percent: u64,
    /// Nine of ten.
    pub p90_percent: u64,
    /// Ninety-nine of a hundred.
    pub p99_percent: u64,
    /// The slowest.
    pub max_percent: u64,
}

/// Slowdowns of flows of similar size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Slowdown {
    /// Flows of at most so many bytes, and more than the row before.
    pub up_to_bytes: u64,
    /// Theirs.
    #[serde(flatten)]
    pub ratios: Ratios,
}

/// Slowdowns of the flows of a priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PrioritySlowdown {
    /// 0 to 7.
    pub priority: u8,
    /// Theirs.
    #[serde(flatten)]
    pub ratios: Ratios,
}

/// Upper ends of the rows.
const SIZES: [u64; 6] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000, u64::MAX];

impl Ratios {
    /// Of those that have completed; `None` if there are none.
    fn of<'a>(flows: impl Iterator<Item = &'a FlowReport>) -> Option<Self> {
        let mut slowdowns: Vec<u64> = flows.filter_map(FlowReport::slowdown_percent).collect();
        slowdowns.sort_unstable();
        let at = |permille| percentile(&slowdowns, permille).unwrap_or(0);
        slowdowns.last().map(|&max_percent| Self {
            count: slowdowns.len() as u64,
            p50_percent: at(500),
            p90_percent: at(900),
            p99_percent: at(990),
            max_percent,
        })
    }

    /// Cells of a row that begins with `name`.
    fn cells(&self, name: String) -> Vec<Cell> {
        let ratios = [self.p50_percent, self.p90_percent, self.p99_percent, self.max_percent];
        let shown = ratios.map(ratio);
        [name, count(self.count)].into_iter().chain(shown).map(Cell::from).collect()
    }
}

impl Slowdown {
    /// A row for each range of sizes with completed flows.
    #[must_use]
    pub fn by_size(flows: &[FlowReport]) -> Vec<Self> {
        let above = [0].into_iter().chain(SIZES.map(|size| size.saturating_add(1)));
        let row = |(above, up_to_bytes)| {
            let of_size = flows.iter().filter(|flow| (above..=up_to_bytes).contains(&flow.bytes));
            Ratios::of(of_size).map(|ratios| Self { up_to_bytes, ratios })
        };
        above.zip(SIZES).filter_map(row).collect()
    }
}

impl PrioritySlowdown {
    /// A row for each priority with completed flows.
    #[must_use]
    pub fn by_priority(flows: &[FlowReport]) -> Vec<Self> {
        let priorities: BTreeSet<u8> = flows.iter().map(|flow| flow.priority).collect();
        let row = |priority| {
            let ratios = Ratios::of(flows.iter().filter(|flow| flow.priority == priority));
            ratios.map(|ratios| Self { priority, ratios })
        };
        priorities.into_iter().filter_map(row).collect()
    }
}

fn table(title: &str, of: &str) -> Table {
    Table::new(title, &[of, ">flows", ">p50", ">p90", ">p99", ">max"])
}

/// By size.
pub(super) fn sizes(study: &StudyReport) -> Table {
    let mut table = table("Slowdown", ">up to");
    for row in &study.slowdown {
        let size = if row.up_to_bytes == u64::MAX { "more".to_owned() } else { count(row.up_to_bytes) };
        table.row(row.ratios.cells(size));
    }
    table
}

/// By priority, if there are several.
pub(super) fn priorities(study: &StudyReport) -> Option<Table> {
    let mut table = table("Slowdown by priority", ">priority");
    for row in &study.slowdown_by_priority {
        table.row(row.ratios.cells(row.priority.to_string()));
    }
    (study.slowdown_by_priority.len() > 1).then_some(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(bytes: u64, completion_ps: u64) -> FlowReport {
        FlowReport { bytes, ideal_ps: 100, completion_ps: Some(completion_ps), ..FlowReport::default() }
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut flows: Vec<FlowReport> = (1..=100).map(|number| flow(5_000, number * 100)).collect();
        flows.push(flow(1_000, 250));
        flows.push(FlowReport { bytes: 5_000, ..FlowReport::default() });
        let rows = Slowdown::by_size(&flows);
        assert_eq!(rows.iter().map(|row| row.up_to_bytes).collect::<Vec<_>>(), [1_000, 10_000]);
        assert_eq!((rows[0].ratios.count, rows[0].ratios.p50_percent), (1, 250));
        let Ratios { count, p50_percent, p90_percent, p99_percent, max_percent } = rows[1].ratios;
        let percentiles = [p50_percent, p90_percent, p99_percent, max_percent];
        assert_eq!((count, percentiles), (100, [5_000, 9_000, 9_900, 10_000]), "one has not ended");
    }

    #[test]
    fn priorities_are_told_apart_where_there_are_several() {
        let of = |priority, completion_ps| FlowReport { priority, ..flow(1, completion_ps) };
        let flows = vec![of(5, 200), of(1, 900), of(5, 100), FlowReport { priority: 7, ..FlowReport::default() }];
        let rows = PrioritySlowdown::by_priority(&flows);
        let shown: Vec<_> = rows.iter().map(|row| (row.priority, row.ratios.count, row.ratios.max_percent)).collect();
        assert_eq!(shown, [(1, 1, 900), (5, 2, 200)], "nothing of 7 has ended");
        let mut study = StudyReport { slowdown_by_priority: rows, ..StudyReport::default() };
        assert_eq!(priorities(&study).expect("two").rows().len(), 2);
        study.slowdown_by_priority.pop();
        assert!(priorities(&study).is_none());
    }
}
