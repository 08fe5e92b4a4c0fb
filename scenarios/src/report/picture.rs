//! Pictures of a study, as SVG: its flows by size and slowdown, its queues over time.
//!
//! Whole numbers throughout: logarithms are those of binary numbers, eighth by eighth.

use super::study::{QueueHistory, StudyReport};
use super::units::bytes;
use des::Dur;

const WIDTH: u64 = 720;
const HEIGHT: u64 = 420;
/// Room for the longest label, as `1023.99 KiB`.
const MARGIN: u64 = 80;
/// Half of the stroke that a percentile of one size is.
const STROKE: u64 = 6;
/// Parts of a power of two.
const PARTS: u64 = 64;
/// So many powers of two are added to a slowdown before its logarithm is taken.
const ONE: u64 = 16;

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

/// The longest queue over time, from the first flow's beginning. Empty if nothing has ever waited.
#[must_use]
pub fn queues(title: &str, study: &StudyReport) -> String {
    let QueueHistory { stretch_ps, bytes_max } = &study.queue_history;
    let start_ps = study.flows.iter().map(|flow| flow.start_ps).min().unwrap_or(0);
    let first = start_ps.checked_div(*stretch_ps).unwrap_or(0).min(bytes_max.len() as u64);
    let stairs = &bytes_max[first as usize..];
    let count = stairs.len() as u64;
    let top = stairs.iter().copied().max().unwrap_or(0);
    if top == 0 {
        return String::new();
    }
    let (low, right) = (HEIGHT - MARGIN, WIDTH - MARGIN);
    let x = |place: u64| MARGIN + (WIDTH - 2 * MARGIN) * place / count;
    let y = |bytes: u64| low - (u128::from(HEIGHT - 2 * MARGIN) * u128::from(bytes) / u128::from(top)) as u64;
    let mut lines = vec![opening(&format!("{title}: longest switch queue over time"))];
    for quarter in 0..=4 {
        let (level, place) = (top * quarter / 4, count * quarter / 4);
        let (y, x) = (y(level), x(place));
        lines.push(format!(r##"<line x1="{MARGIN}" y1="{y}" x2="{right}" y2="{y}" stroke="#e4e8ee"/>"##));
        lines.push(format!(r#"<text x="{}" y="{}" text-anchor="end">{}</text>"#, MARGIN - 6, y + 4, bytes(level)));
        let time = Dur::from_ps(stretch_ps * (first + place));
        lines.push(format!(r#"<text x="{x}" y="{}" text-anchor="middle">{time}</text>"#, low + 16));
    }
    // A stair: each stretch has its peak from end to end.
    let stairs = (0..).zip(stairs).map(|(place, &bytes)| format!("H{} V{}", x(place), y(bytes)));
    let path = stairs.collect::<Vec<_>>().join(" ");
    lines.push(format!(
        r##"<path d="M{MARGIN} {low} {path} H{right} V{low} Z" fill="#2f6fb0" fill-opacity="0.25" stroke="#2f6fb0"/>"##
    ));
    lines.push("</svg>\n".to_owned());
    lines.join("\n")
}

/// The beginning of a picture, with its title.
fn opening(title: &str) -> String {
    let size = format!(r#"viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}""#);
    let font = r#"font-family="Helvetica, Arial, sans-serif" font-size="11""#;
    let svg = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>"#);
    let ground = r#"<rect width="100%" height="100%" fill="white"/>"#;
    format!("{svg}\n{ground}\n<text x=\"{MARGIN}\" y=\"28\" font-size=\"15\">{}</text>", escaped(title))
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
        MARGIN + log.saturating_sub(self.left * PARTS) * (WIDTH - 2 * MARGIN) / span
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
        line(opening(&format!("{title}: slowdown of flows by size")));
        for power in (self.left..=self.right).step_by(step(self.right - self.left)) {
            let (x, low) = (self.x(power * PARTS), HEIGHT - MARGIN);
            line(format!(r##"<line x1="{x}" y1="{MARGIN}" x2="{x}" y2="{low}" stroke="#e4e8ee"/>"##));
            line(format!(r#"<text x="{x}" y="{}" text-anchor="middle">{}</text>"#, low + 16, size_name(power)));
        }
        for power in self.bottom..=self.top {
            let (y, right) = (self.y(power * PARTS), WIDTH - MARGIN);
            let label = 1_u64 << (power - ONE);
            line(format!(r##"<line x1="{MARGIN}" y1="{y}" x2="{right}" y2="{y}" stroke="#e4e8ee"/>"##));
            line(format!(r#"<text x="{}" y="{}" text-anchor="end">{label}</text>"#, MARGIN - 6, y + 4));
        }
        for &(bytes, percent) in points {
            let (x, y) = (self.x(bytes), self.y(percent));
            line(format!(r##"<circle cx="{x}" cy="{y}" r="2" fill="#2f6fb0" fill-opacity="0.35"/>"##));
        }
        for (name, colour, row) in [("median", "#2a9d8f", 0_usize), ("99 %", "#c2703d", 1)] {
            let joined = study.slowdown.iter().map(|slowdown| {
                let largest =
                    study.flows.iter().map(|flow| flow.bytes).filter(|bytes| *bytes <= slowdown.up_to_bytes).max();
                let percent = [slowdown.p50_percent, slowdown.p99_percent][row];
                // A stroke for each, which is seen where all flows have one size.
                let (x, y) = (self.x(log2(largest.unwrap_or(1))), self.y(log_ratio(percent)));
                format!("{},{y} {},{y}", x - STROKE, x + STROKE)
            });
            let joined = joined.collect::<Vec<_>>().join(" ");
            line(format!(r#"<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>"#));
            let (x, y) = (WIDTH - MARGIN - 60, 24 + row as u64 * 16);
            line(format!(r#"<text x="{x}" y="{y}" fill="{colour}">{name}</text>"#));
        }
        line("</svg>".to_owned());
    }
}

const fn step(span: u64) -> usize {
    if span > 12 { 2 } else { 1 }
}

/// Logarithm to base two, in parts; linear between powers.
const fn log2(number: u64) -> u64 {
    let number = if number == 0 { 1 } else { number };
    let power = number.ilog2() as u64;
    let rest = number - (1 << power);
    power * PARTS + ((rest as u128 * PARTS as u128) >> power) as u64
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

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::study::{FlowReport, Slowdown};

    #[test]
    fn every_completed_flow_is_a_point() {
        let flow = |bytes, completion_ps| FlowReport { bytes, ideal_ps: 1_000, completion_ps, ..FlowReport::default() };
        let flows = vec![flow(1_000, Some(1_500)), flow(2_000_000, Some(9_000)), flow(70, None)];
        let study = StudyReport { slowdown: Slowdown::by_size(&flows), flows, ..StudyReport::default() };
        let svg = slowdowns("a & b", &study);
        assert_eq!(svg.matches("<circle").count(), 2);
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
    fn queues_are_stairs_over_time() {
        let queue_history = QueueHistory { stretch_ps: 1 << 20, bytes_max: vec![0, 2_000, 1_000, 0] };
        let svg = queues("a & b", &StudyReport { queue_history, ..StudyReport::default() });
        assert!(svg.contains(&format!("V{MARGIN} ")) && svg.contains("V210 "), "the peak and half of it: {svg}");
        assert!(svg.contains("a &amp; b") && svg.trim_end().ends_with("</svg>"));
        assert_eq!(queues("none", &StudyReport::default()), "");
    }

    #[test]
    fn queues_begin_with_the_first_flow() {
        let queue_history = QueueHistory { stretch_ps: 1 << 20, bytes_max: vec![0, 0, 0, 0, 2_000, 1_000] };
        let flows = [9 << 20, (4 << 20) + 5].map(|start_ps| FlowReport { start_ps, ..FlowReport::default() });
        let svg = queues("late", &StudyReport { queue_history, flows: flows.to_vec(), ..StudyReport::default() });
        let begin = Dur::from_ps(4 << 20);
        assert!(svg.contains(&format!(r#"<text x="{MARGIN}" y="356" text-anchor="middle">{begin}</text>"#)), "{svg}");
        assert!(svg.contains(&format!("H{MARGIN} V{MARGIN} H360 V210 ")), "no stair before: {svg}");
    }

    #[test]
    fn logarithms_grow_without_jumps() {
        assert_eq!([1, 2, 4, 1_024].map(log2), [0, 64, 128, 640]);
        assert!((1..5_000).all(|number| log2(number) <= log2(number + 1)));
        assert_eq!([9, 10, 25].map(size_name), ["512 B", "1 KiB", "32 MiB"]);
    }
}
