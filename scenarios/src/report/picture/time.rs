//! Queues and congestion over time.

use super::{MARGIN, RIGHT, WIDTH, level, opening};
use crate::report::study::{CongestionHistory, QueueHistory, StudyReport};
use crate::report::units::{bytes, count};
use des::Dur;

/// From the top of the picture to the first panel's title.
const HEAD: u64 = 64;
/// From one panel to the next, with the title of that.
const GAP: u64 = 34;
/// Below the last, with the times.
const FOOT: u64 = 50;

/// Something over time.
struct Panel<'a> {
    what: String,
    colour: &'static str,
    /// Of each stretch.
    values: &'a [u64],
    name: fn(u64) -> String,
}

/// The stretches that are shown, and where.
struct Axis {
    stretch_ps: u64,
    first: usize,
    count: u64,
}

/// The longest queue, marks, pauses and congestion notifications over time, one above the other, from the first flow's
/// beginning; without what has never been. Empty if nothing of it has been.
#[must_use]
pub fn queues(title: &str, study: &StudyReport) -> String {
    let QueueHistory { stretch_ps, bytes_max } = &study.queue_history;
    let CongestionHistory { ecn_marks, paused_ps, cnps_sent, .. } = &study.congestion_history;
    let each = format!("in each {}", Dur::from_ps(*stretch_ps));
    let time = |ps| Dur::from_ps(ps).to_string();
    let panels = [
        Panel { what: "longest queue of any switch".to_owned(), colour: "#2f6fb0", values: bytes_max, name: bytes },
        Panel { what: format!("ECN marks {each}"), colour: "#c2703d", values: ecn_marks, name: count },
        Panel { what: format!("PFC pause time {each}, all ports"), colour: "#7459a8", values: paused_ps, name: time },
        Panel { what: format!("CNPs sent {each}"), colour: "#2a9d8f", values: cnps_sent, name: count },
    ];
    let count = panels.iter().map(|panel| panel.values.len()).max().unwrap_or(0);
    let start_ps = study.flows.iter().map(|flow| flow.start_ps).min().unwrap_or(0);
    let first = start_ps.checked_div(*stretch_ps).unwrap_or(0).min(count as u64) as usize;
    let axis = Axis { stretch_ps: *stretch_ps, first, count: (count - first) as u64 };
    let shown: Vec<&Panel<'_>> = panels.iter().filter(|panel| axis.of(panel).any(|value| value > 0)).collect();
    if shown.is_empty() {
        return String::new();
    }
    // One alone is as high as three small ones.
    let height = 60 + 200 / shown.len() as u64;
    let below = HEAD + (height + GAP) * shown.len() as u64;
    let mut lines = vec![opening(&format!("{title}: queues and congestion over time"), below - GAP + FOOT)];
    for (number, panel) in (0..).zip(&shown) {
        panel.draw(&axis, HEAD + (height + GAP) * number, height, &mut lines);
    }
    lines.push(axis.times(below - GAP + 16));
    lines.push("</svg>\n".to_owned());
    lines.join("\n")
}

impl Axis {
    /// What a panel says about each of the stretches.
    fn of<'a>(&self, panel: &Panel<'a>) -> impl Iterator<Item = u64> + use<'a> {
        let rest = std::iter::repeat_n(0, self.count as usize);
        panel.values.iter().skip(self.first).copied().chain(rest).take(self.count as usize)
    }

    const fn x(&self, place: u64) -> u64 {
        MARGIN + (RIGHT - MARGIN) * place / self.count
    }

    fn times(&self, y: u64) -> String {
        let label = |quarter| {
            let place = self.count * quarter / 4;
            let time = Dur::from_ps(self.stretch_ps * (self.first as u64 + place));
            format!(r#"<text x="{}" y="{y}" text-anchor="middle">{time}</text>"#, self.x(place))
        };
        let labels = (0..=4).map(label).collect::<Vec<_>>().join("\n");
        format!("{labels}\n<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">simulated time</text>", WIDTH / 2, y + 20)
    }
}

impl Panel<'_> {
    /// A stair below its title: each stretch has its value from end to end.
    fn draw(&self, axis: &Axis, above: u64, height: u64, lines: &mut Vec<String>) {
        let low = above + height;
        // Half of it is a whole number too.
        let top = axis.of(self).max().unwrap_or(0).next_multiple_of(2);
        let y = |value| low - (u128::from(height) * u128::from(value) / u128::from(top)) as u64;
        lines.push(format!(r#"<text x="{MARGIN}" y="{}" fill="{}">{}</text>"#, above - 8, self.colour, self.what));
        lines.extend([0, top / 2, top].map(|value| level(y(value), &(self.name)(value))));
        let mut path = format!("M{MARGIN} {low}");
        (0..).zip(axis.of(self)).for_each(|(place, value)| path += &format!(" H{} V{}", axis.x(place), y(value)));
        let colour = self.colour;
        lines.push(format!(
            r#"<path d="{path} H{RIGHT} V{low} Z" fill="{colour}" fill-opacity="0.25" stroke="{colour}"/>"#
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::study::FlowReport;

    fn queue_history(bytes_max: &[u64]) -> QueueHistory {
        QueueHistory { stretch_ps: 1 << 20, bytes_max: bytes_max.to_vec() }
    }

    #[test]
    fn queues_are_stairs_over_time() {
        let study = StudyReport { queue_history: queue_history(&[0, 2_000, 1_000, 0]), ..StudyReport::default() };
        let svg = queues("a & b", &study);
        assert!(svg.contains("V324 H220 V64 H360 V194 H500 V324 "), "the peak and half of it: {svg}");
        assert!(svg.contains("a &amp; b") && svg.trim_end().ends_with("</svg>"));
        assert!(!svg.contains("ECN") && svg.matches("<path").count() == 1, "{svg}");
        assert_eq!(queues("none", &StudyReport::default()), "");
    }

    #[test]
    fn queues_begin_with_the_first_flow() {
        let queue_history = queue_history(&[0, 0, 0, 0, 2_000, 1_000]);
        let flows = [9 << 20, (4 << 20) + 5].map(|start_ps| FlowReport { start_ps, ..FlowReport::default() });
        let svg = queues("late", &StudyReport { queue_history, flows: flows.to_vec(), ..StudyReport::default() });
        let begin = Dur::from_ps(4 << 20);
        assert!(svg.contains(&format!(r#"<text x="{MARGIN}" y="340" text-anchor="middle">{begin}</text>"#)), "{svg}");
        assert!(svg.contains(&format!("H{MARGIN} V64 H360 V194 ")), "no stair before: {svg}");
    }

    #[test]
    fn panels_stand_below_each_other_and_share_the_time() {
        let congestion_history = CongestionHistory {
            stretch_ps: 1 << 20,
            ecn_marks: vec![0, 3],
            paused_ps: vec![],
            cnps_sent: vec![0, 0, 0, 1],
        };
        let study = StudyReport { queue_history: queue_history(&[8]), congestion_history, ..StudyReport::default() };
        let svg = queues("all", &study);
        assert_eq!((svg.matches("<path").count(), svg.matches("simulated time").count()), (3, 1), "{svg}");
        assert!(svg.contains("ECN marks in each") && svg.contains("CNPs sent in each") && !svg.contains("PFC"));
        // All end with the last notification; three marks are three quarters of the axis.
        assert!(svg.contains("M80 190 H80 V64 H220 V190 H360 V190 H500 V190 H640 V190 Z"), "{svg}");
        assert!(svg.contains("H220 V256 H360 V350 "), "{svg}");
        assert!(svg.contains("H500 V447 H640 V510 Z"), "{svg}");
    }
}
