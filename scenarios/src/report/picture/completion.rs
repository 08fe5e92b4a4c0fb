//! How many flows were done in which time.

use super::{HEIGHT, MARGIN, RIGHT, axis_titles, legend, level, log2, opening, upright};
use crate::report::study::{StudyReport, percentile};
use des::Dur;

/// Uprights with names; if there are more, only powers of ten have one.
const NAMES_MAX: usize = 8;

/// The share of all flows (upwards) that were complete within a time (to the right, in powers), and what it would be if links
/// alone took time. Empty if no flow has completed.
#[must_use]
pub fn completions(title: &str, study: &StudyReport) -> String {
    let done = study.completions_ps();
    let mut ideal: Vec<u64> = study.flows.iter().map(|flow| flow.ideal_ps).collect();
    ideal.sort_unstable();
    let (Some(&first), Some(&last)) = (done.first(), done.last()) else {
        return String::new();
    };
    let ticks = ticks(first.min(ideal[0]), last.max(ideal[ideal.len() - 1]));
    let (left, right) = (log2(ticks[0]), log2(ticks[ticks.len() - 1]));
    let x = |ps| MARGIN + (RIGHT - MARGIN) * (log2(ps) - left) / (right - left).max(1);
    let mut lines = vec![opening(&format!("{title}: completion of flows"), HEIGHT)];
    lines.push(axis_titles("time from a flow's beginning to its completion", "flows that were done, of all"));
    let named = |ps: u64| ticks.len() <= NAMES_MAX || 10_u64.pow(ps.ilog10()) == ps;
    lines.extend(ticks.iter().map(|&ps| upright(x(ps), &if named(ps) { name(ps) } else { String::new() })));
    lines.extend([0, 25, 50, 75, 100].map(|percent| level(y(percent, 100), &format!("{percent} %"))));
    let flows = study.flows.len();
    let completed = format!("{} of {flows} completed", done.len());
    let curves = [
        ("links alone", "#8a929b", r#"stroke-dasharray="5 4""#, &ideal),
        (completed.as_str(), "#2f6fb0", r#"stroke-dasharray="none""#, &done),
    ];
    for (row, (what, colour, dashes, times)) in (0..).zip(curves) {
        let path = stair(times, flows as u64, x);
        lines.push(format!(r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="2" {dashes}/>"#));
        let [p50, p99, most] = [500, 990, 1_000].map(|permille| Dur::from_ps(percentile(times, permille).unwrap_or(0)));
        lines.push(legend(row, colour, &format!("{what}: half within {p50}, 99 % within {p99}, all within {most}")));
    }
    lines.push("</svg>\n".to_owned());
    lines.join("\n")
}

const fn y(part: u64, all: u64) -> u64 {
    HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * part / all
}

/// A step for each pixel at which flows were done.
fn stair(times_ps: &[u64], flows: u64, x: impl Fn(u64) -> u64) -> String {
    let places: Vec<u64> = times_ps.iter().map(|&ps| x(ps)).collect();
    let mut path = format!("M{MARGIN} {}", y(0, flows));
    let mut done = 0;
    for together in places.chunk_by(|one, other| one == other) {
        done += together.len() as u64;
        path += &format!(" H{} V{}", together[0], y(done, flows));
    }
    path + &format!(" H{RIGHT}")
}

/// 1, 2 and 5 times powers of ten: from the last that is not above `least` to the first above `most`.
fn ticks(least: u64, most: u64) -> Vec<u64> {
    let all = (0..19).flat_map(|power| [1, 2, 5].map(|factor| factor * 10_u64.pow(power)));
    let last = all.clone().find(|&tick| tick > most).unwrap_or(u64::MAX);
    let first = all.clone().take_while(|&tick| tick <= least.max(1)).last().unwrap_or(1);
    all.filter(|tick| (first..=last).contains(tick)).collect()
}

/// A time that is a digit and zeros.
fn name(ps: u64) -> String {
    let thousands = (ps.ilog10() / 3).min(4);
    format!("{} {}", ps / 1_000_u64.pow(thousands), ["ps", "ns", "us", "ms", "s"][thousands as usize])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::study::FlowReport;

    #[test]
    fn a_stair_rises_with_every_flow() {
        let flow = |completion_ps| FlowReport { ideal_ps: 1_000_000, completion_ps, ..FlowReport::default() };
        let flows = vec![flow(Some(2_000_000)), flow(Some(5_000_000)), flow(Some(5_000_000)), flow(None)];
        let svg = completions("a & b", &StudyReport { flows, ..StudyReport::default() });
        let x = |ps| MARGIN + (RIGHT - MARGIN) * (log2(ps) - log2(1_000_000)) / (log2(10_000_000) - log2(1_000_000));
        let done = format!("M80 340 H{} V275 H{} V145 H640", x(2_000_000), x(5_000_000));
        assert!(svg.contains(&done), "one of four has not ended: {done} in {svg}");
        assert!(svg.contains("M80 340 H80 V80 H640"), "links alone: {svg}");
        assert!(
            svg.contains("a &amp; b")
                && svg.contains("3 of 4 completed: half within 5.000 us")
                && svg.contains(">2 us<")
        );
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let unfinished = FlowReport { ideal_ps: 1_000, ..FlowReport::default() };
        assert_eq!(completions("none", &StudyReport { flows: vec![unfinished], ..StudyReport::default() }), "");
        assert_eq!(completions("none", &StudyReport::default()), "");
    }

    #[test]
    fn ticks_enclose_all_times() {
        assert_eq!(ticks(1_000, 1_999), [1_000, 2_000]);
        assert_eq!(ticks(999, 2_000), [500, 1_000, 2_000, 5_000]);
        assert_eq!(ticks(0, 0), [1]);
        assert_eq!(
            [1, 500, 2_000, 50_000_000, 10_000_000_000_000].map(name),
            ["1 ps", "500 ps", "2 ns", "50 us", "10 s"]
        );
    }
}
