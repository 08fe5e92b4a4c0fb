//! Flows by size and slowdown.

use super::{HEIGHT, MARGIN, PARTS, RIGHT, axis_titles, legend, level, log2, opening, upright};
use crate::report::study::StudyReport;
use std::collections::BTreeMap;

/// Half of the stroke that a percentile of one size is.
const STROKE: u64 = 6;
/// So many powers of two are added to a slowdown before its logarithm is taken.
const ONE: u64 = 16;
/// Of points that one flow, two, ... fall on: what shows of as many on top of each other, each with the first.
const OPACITY: [&str; 5] = ["0.35", "0.58", "0.73", "0.82", "0.88"];

/// Flows as points: size to the right, slowdown upwards, both in powers of two; the lines join medians and 99th percentiles
/// of the sizes of the table. Empty if no flow has completed.
#[must_use]
pub fn slowdowns(title: &str, study: &StudyReport) -> String {
    let points: Vec<(u64, u64)> =
        study.flows.iter().filter_map(|flow| Some((log2(flow.bytes), log_ratio(flow.slowdown_percent()?)))).collect();
    let (Some(left), Some(right)) =
        (points.iter().map(|point| point.0).min(), points.iter().map(|point| point.0).max())
    else {
        return String::new();
    };
    let top = points.iter().map(|point| point.1).max().unwrap_or(0);
    let axes = Axes { left: left / PARTS, right: right / PARTS + 1, bottom: ONE, top: (top / PARTS + 1).max(ONE + 1) };
    let mut svg = String::new();
    axes.draw(&mut svg, title, &points, study);
    svg
}

struct Axes {
    /// Powers of two of bytes.
    left: u64,
    right: u64,
    /// Powers of two, [`ONE`] more than those of slowdowns.
    bottom: u64,
    top: u64,
}

impl Axes {
    fn x(&self, log: u64) -> u64 {
        let span = (self.right - self.left).max(1) * PARTS;
        MARGIN + log.saturating_sub(self.left * PARTS) * (RIGHT - MARGIN) / span
    }

    fn y(&self, log: u64) -> u64 {
        let span = (self.top - self.bottom).max(1) * PARTS;
        HEIGHT - MARGIN - log.saturating_sub(self.bottom * PARTS) * (HEIGHT - 2 * MARGIN) / span
    }

    fn draw(&self, svg: &mut String, title: &str, points: &[(u64, u64)], study: &StudyReport) {
        let mut line = |text: String| {
            svg.push_str(&text);
            svg.push('\n');
        };
        line(opening(&format!("{title}: slowdown of flows by size"), HEIGHT));
        line(axis_titles("size of the flow", "slowdown: 1 is what the links alone need"));
        for power in (self.left..=self.right).step_by(step(self.right - self.left)) {
            line(upright(self.x(power * PARTS), &size_name(power)));
        }
        for power in self.bottom..=self.top {
            line(level(self.y(power * PARTS), &(1_u64 << (power - ONE)).to_string()));
        }
        // Millions of flows fall on some thousand places: one point each, as dark as they all would be.
        let mut places: BTreeMap<(u64, u64), usize> = BTreeMap::new();
        for &(bytes, percent) in points {
            *places.entry((self.x(bytes), self.y(percent))).or_default() += 1;
        }
        for ((x, y), flows) in places {
            let opacity = OPACITY[flows.min(OPACITY.len()) - 1];
            line(format!(r##"<circle cx="{x}" cy="{y}" r="2" fill="#2f6fb0" fill-opacity="{opacity}"/>"##));
        }
        for (name, colour, row) in [("median of each size", "#2a9d8f", 0_usize), ("99th percentile", "#c2703d", 1)] {
            let joined = study.slowdown.iter().map(|slowdown| {
                let largest =
                    study.flows.iter().map(|flow| flow.bytes).filter(|bytes| *bytes <= slowdown.up_to_bytes).max();
                let percent = [slowdown.ratios.p50_percent, slowdown.ratios.p99_percent][row];
                // A stroke for each, which is seen where all flows have one size.
                let (x, y) = (self.x(log2(largest.unwrap_or(1))), self.y(log_ratio(percent)));
                format!("{},{y} {},{y}", x - STROKE, x + STROKE)
            });
            let joined = joined.collect::<Vec<_>>().join(" ");
            line(format!(r#"<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>"#));
            line(legend(row as u64, colour, name));
        }
        line("</svg>".to_owned());
    }
}

const fn step(span: u64) -> usize {
    if span > 12 { 2 } else { 1 }
}

/// Logarithm of a slowdown in hundredths, as [`log2`], [`ONE`] powers more.
const fn log_ratio(percent: u64) -> u64 {
    log2(percent.saturating_mul(1 << ONE) / 100)
}

fn size_name(power: u64) -> String {
    let (count, unit) = [
        (power, "B"),
        (power.saturating_sub(10), "KiB"),
        (power.saturating_sub(20), "MiB"),
        (power.saturating_sub(30), "GiB"),
    ][(power / 10).min(3) as usize];
    format!("{} {unit}", 1_u64 << count)
}

#[cfg(test)]
mod tests {
    use super::super::WIDTH;
    use super::*;
    use crate::report::study::{FlowReport, Slowdown};

    #[test]
    fn every_completed_flow_is_in_a_point() {
        let flow = |bytes, completion_ps| FlowReport { bytes, ideal_ps: 1_000, completion_ps, ..FlowReport::default() };
        let twice = flow(1_000, Some(1_500));
        let flows = vec![twice, flow(2_000_000, Some(9_000)), flow(70, None), twice];
        let study = StudyReport { slowdown: Slowdown::by_size(&flows), flows, ..StudyReport::default() };
        let svg = slowdowns("a & b", &study);
        let points = ["<circle", "fill-opacity=\"0.35\"", "fill-opacity=\"0.58\""];
        assert_eq!(points.map(|part| svg.matches(part).count()), [2, 1, 1]);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("a &amp; b") && svg.trim_end().ends_with("</svg>"));
        assert_eq!(slowdowns("none", &StudyReport::default()), "");
    }

    #[test]
    fn percentiles_of_one_size_are_strokes_above_one() {
        let flow = FlowReport { bytes: 1_000, ideal_ps: 1_000, completion_ps: Some(2_000), ..FlowReport::default() };
        let study = StudyReport { slowdown: Slowdown::by_size(&[flow]), flows: vec![flow], ..StudyReport::default() };
        let svg = slowdowns("one", &study);
        let (x, y) =
            (MARGIN + (log2(1_000) - 9 * PARTS) * (WIDTH - 2 * MARGIN) / PARTS, (HEIGHT - 2 * MARGIN) / 2 + MARGIN);
        assert!(
            svg.contains(&format!(r#"points="{},{y} {},{y}""#, x - STROKE, x + STROKE)),
            "twice of one to four: {svg}"
        );
        assert!(svg.contains(">1</text>") && svg.contains(">4</text>"), "{svg}");
    }

    #[test]
    fn sizes_have_binary_names() {
        assert_eq!([9, 10, 25].map(size_name), ["512 B", "1 KiB", "32 MiB"]);
    }
}
