//! An experiment as a picture: the model's curves as lines, published points as circles.

use super::{Experiment, Milli, Point, Scale};
use std::fmt::Write;

const WIDTH: u64 = 640;
const HEIGHT: u64 = 300;
const LEFT: u64 = 70;
const TOP: u64 = 62;
/// Right of a panel: the legend.
const LEGEND: u64 = 220;
/// Height of a line of the legend.
const LINE: u64 = 18;
/// Below a panel: its axis, and room for the title of the next one.
const BELOW: u64 = 70;
/// Labels of the axis need so much room each.
const LABEL: u64 = 36;
/// Colours that differ for most eyes (Okabe and Ito, without yellow), and two more.
const COLOURS: [&str; 9] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999", "#7b3294"];

/// The picture of an experiment: one panel for each profile, unit and group of series.
#[must_use]
pub fn svg(experiment: &Experiment, points: &[Point]) -> String {
    let mut panels: Vec<(String, Vec<&Point>)> = Vec::new();
    for point in points {
        let group = (experiment.group)(&point.series);
        let title = [point.profile, group].join(" ");
        let title = format!("{}: {}", title.trim_end(), point.unit);
        match panels.iter_mut().find(|(known, _)| *known == title) {
            Some((_, members)) => members.push(point),
            None => panels.push((title, vec![point])),
        }
    }
    let mut body = String::new();
    for (nth, (title, members)) in (0..).zip(&panels) {
        let top = TOP + nth * (HEIGHT + BELOW);
        Panel::new(top, members, experiment.scale).draw(&mut body, title, experiment.axis, &curves(members));
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">Experiment {}: {}</text>\n\
         <text x=\"{LEFT}\" y=\"38\" fill=\"#555\">lines: model, dots where it was run; circles: published</text>\n\
         {body}</svg>\n",
        experiment.number,
        experiment.title,
        width = LEFT + WIDTH + LEGEND,
        height = TOP + panels.len() as u64 * (HEIGHT + BELOW),
    )
}

fn curves<'a>(members: &[&'a Point]) -> Vec<(&'a str, Vec<&'a Point>)> {
    let mut curves: Vec<(&str, Vec<&Point>)> = Vec::new();
    for &point in members {
        match curves.iter_mut().find(|(series, _)| *series == point.series) {
            Some((_, points)) => points.push(point),
            None => curves.push((&point.series, vec![point])),
        }
    }
    curves.iter_mut().for_each(|(_, points)| points.sort_by_key(|point| point.x));
    curves
}

/// Where things are in a panel.
struct Panel {
    top: u64,
    /// Places on the axis, in order.
    places: Vec<u64>,
    scale: Scale,
    /// Between two lines across.
    tick: Milli,
    /// At the upper edge.
    most: Milli,
}

impl Panel {
    fn new(top: u64, members: &[&Point], scale: Scale) -> Self {
        let mut places: Vec<u64> = members.iter().map(|point| point.x).collect();
        places.sort_unstable();
        places.dedup();
        let most = members.iter().map(|point| point.model.max(point.published.unwrap_or(0))).max().unwrap_or(1);
        let tick = tick(most);
        Self { top, places, scale, tick, most: most.div_ceil(tick) * tick }
    }

    fn x(&self, place: u64) -> u64 {
        let at = |place| match self.scale {
            Scale::Linear => place,
            Scale::Log2 => log2(place),
        };
        let first = at(self.places.first().copied().unwrap_or(0));
        let width = at(self.places.last().copied().unwrap_or(1)).saturating_sub(first).max(1);
        LEFT + (at(place) - first) * WIDTH / width
    }

    const fn y(&self, value: Milli) -> u64 {
        self.top + HEIGHT - value * HEIGHT / self.most
    }

    /// Writing to a string does not fail.
    fn draw(&self, body: &mut String, title: &str, axis: &str, curves: &[(&str, Vec<&Point>)]) {
        let (top, bottom) = (self.top, self.top + HEIGHT);
        let _ = writeln!(body, "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{title}</text>", top - 8);
        for value in (0..=self.most).step_by(self.tick as usize) {
            let (at, label) = (self.y(value), decimal(value));
            let _ = writeln!(body, "<path d=\"M{LEFT} {at}h{WIDTH}\" stroke=\"#ddd\"/>");
            let _ = writeln!(body, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>", LEFT - 6, at + 4);
        }
        self.labels(body);
        let middle = LEFT + WIDTH / 2;
        let _ = writeln!(body, "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{axis}</text>", bottom + 32);
        for (nth, (series, points)) in (0..).zip(curves) {
            self.curve(body, nth, series, points);
        }
    }

    /// Labels below the axis, as many as have room; of ratios the powers of two alone.
    fn labels(&self, body: &mut String) {
        let bottom = self.top + HEIGHT;
        let mut free = 0;
        for &place in self.places.iter().filter(|place| self.scale == Scale::Linear || place.is_power_of_two()) {
            let x = self.x(place);
            let _ = writeln!(body, "<path d=\"M{x} {bottom}v4\" stroke=\"#555\"/>");
            if x >= free {
                let _ = writeln!(body, "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{place}</text>", bottom + 16);
                free = x + LABEL;
            }
        }
    }

    fn curve(&self, body: &mut String, nth: u64, series: &str, points: &[&Point]) {
        // Beyond the colours lines are dashed.
        let colour = COLOURS[nth as usize % COLOURS.len()];
        let dash = if nth as usize >= COLOURS.len() { " stroke-dasharray=\"5 3\"" } else { "" };
        let line: Vec<String> =
            points.iter().map(|point| format!("{},{}", self.x(point.x), self.y(point.model))).collect();
        let _ = writeln!(
            body,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"{dash}/>",
            line.join(" ")
        );
        for point in points {
            let x = self.x(point.x);
            let _ = writeln!(body, "<circle cx=\"{x}\" cy=\"{}\" r=\"1.8\" fill=\"{colour}\"/>", self.y(point.model));
            if let Some(published) = point.published {
                let _ = writeln!(
                    body,
                    "<circle cx=\"{x}\" cy=\"{}\" r=\"4.5\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                    self.y(published)
                );
            }
        }
        let (left, at) = (LEFT + WIDTH + 16, self.top + 8 + LINE * nth);
        let _ = writeln!(
            body,
            "<path d=\"M{left} {at}h24\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/><text x=\"{}\" y=\"{}\">{series}</text>",
            left + 32,
            at + 4,
        );
    }
}

/// 1024 times the logarithm, straight from one power of two to the next. That of 0 is that of 1.
fn log2(value: u64) -> u64 {
    let value = value.max(1);
    let whole = value.ilog2();
    u64::from(whole) * 1024 + (value - (1 << whole)) * 1024 / (1 << whole)
}

/// Between lines across, so that there are four to ten up to `most`: one, two or five of a power of ten.
fn tick(most: Milli) -> Milli {
    let mut unit = 1;
    loop {
        if let Some(tick) = [unit, 2 * unit, 5 * unit].into_iter().find(|tick| most <= tick * 10) {
            return tick;
        }
        unit *= 10;
    }
}

/// Thousandths as a number, without zeros that say nothing.
fn decimal(value: Milli) -> String {
    let text = format!("{}.{:03}", value / 1_000, value % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers() {
        for (most, expected) in [(1, 1), (10, 1), (11, 2), (95_000, 10_000), (111_000, 20_000), (1_880_000, 200_000)] {
            assert_eq!(tick(most), expected, "up to {most}");
        }
        assert_eq!([decimal(0), decimal(500), decimal(20_000)], ["0", "0.5", "20"]);
        assert_eq!([log2(0), log2(1), log2(2), log2(3), log2(4096)], [0, 0, 1024, 1536, 12 * 1024]);
    }
}
