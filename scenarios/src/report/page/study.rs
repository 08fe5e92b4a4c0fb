//! A fabric study on the page: its pictures and tables.

use super::{escaped, table};
use crate::report::picture;
use crate::report::study::{StudyReport, tables};
use crate::report::table::Align;
use std::fmt::Write;

/// Flows by size and slowdown, their completion, queues and congestion over time, and the tables that the terminal shows.
pub(super) fn write(out: &mut String, name: &str, study: &StudyReport) {
    out.push_str("<h2>Flows and queues</h2><div class=plots>");
    for draw in [picture::slowdowns, picture::completions, picture::queues] {
        let svg = draw(name, study);
        if !svg.is_empty() {
            let _ = write!(out, "<figure class=picture>{svg}</figure>");
        }
    }
    out.push_str("</div>");
    for shown in tables(study) {
        let heading = |(name, align): &(String, Align)| match align {
            Align::Left => escaped(name),
            Align::Right => format!(">{}", escaped(name)),
        };
        let headings: Vec<String> = shown.columns().iter().map(heading).collect();
        let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
        let cells = shown.rows().iter().map(|row| row.iter().map(|cell| escaped(&cell.text)).collect());
        table(out, shown.title(), &headings, cells);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::study::{FlowReport, QueueHistory};

    #[test]
    fn pictures_and_tables_are_on_the_page() {
        let flow = FlowReport { bytes: 1_000, ideal_ps: 1_000, completion_ps: Some(2_000), ..FlowReport::default() };
        let queue_history = QueueHistory { stretch_ps: 1 << 20, bytes_max: vec![0, 2_000] };
        let study = StudyReport { nodes: 2, flows: vec![flow], queue_history, ..StudyReport::default() };
        let mut out = String::new();
        write(&mut out, "a < b", &study);
        assert_eq!((out.matches("<svg").count(), out.matches("</svg>").count()), (3, 3));
        assert!(out.contains("<h2>Study</h2>") && out.contains("<td>makespan</td><td class=n>2.000 ns</td>"), "{out}");
        assert!(!out.contains("a < b"), "escaped");
    }
}
