//! An experiment as a picture: the model's curves as lines, published points as circles.

use super::{Experiment, Milli, Point};
use std::fmt::Write;

const WIDTH: u64 = 640;
const HEIGHT: u64 = 300;
const LEFT: u64 = 70;
const TOP: u64 = 40;
/// Height of a line of the legend.
const LINE: u64 = 16;
/// Below one picture: axis, legend begins.
const AXIS: u64 = 44;
/// Colours that differ for most eyes (Okabe and Ito).
const COLOURS: [&str; 8] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"];
/// Curves of one picture; more are hard to tell apart.
const CURVES_MAX: usize = 9;

/// The picture of an experiment: one panel for each unit and profile.
#[must_use]
pub fn svg(experiment: &Experiment, points: &[Point]) -> String {
    let mut panels: Vec<(String, Vec<&Point>)> = Vec::new();
    for point in points {
        let kind = point.series.split(" depth").next().unwrap_or(&point.series);
        let kind = if kind == point.series { "" } else { kind };
        let title = format!("{} {kind}", point.profile);
        match panels.iter_mut().find(|(known, members)| *known == title && members[0].unit == point.unit) {
            Some((_, members)) => members.push(point),
            None => panels.push((title, vec![point])),
        }
    }
    let mut body = String::new();
    let mut top = TOP;
    for (title, members) in &panels {
        let curves = curves(members);
        panel(&mut body, top, &format!("{title}, {}", members[0].unit), experiment.axis, &curves);
        top += HEIGHT + AXIS + LINE * (curves.len() as u64 + 2);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{top}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">Experiment {}: {}</text>\n{body}</svg>\n",
        experiment.number,
        experiment.title,
        w = LEFT + WIDTH + 30,
    )
}

fn curves<'a>(members: &[&'a Point]) -> Vec<(&'a str, Vec<&'a Point>)> {
    let mut curves: Vec<(&str, Vec<&Point>)> = Vec::new();
    for &point in members {
        let room = curves.len() < CURVES_MAX;
        match curves.iter_mut().find(|(series, _)| *series == point.series) {
            Some((_, points)) => points.push(point),
            None if room => curves.push((&point.series, vec![point])),
            None => {}
        }
    }
    curves.iter_mut().for_each(|(_, points)| points.sort_by_key(|point| point.x));
    curves
}

/// One panel whose places on the axis are as far apart as their order says.
fn panel(body: &mut String, top: u64, title: &str, axis: &str, curves: &[(&str, Vec<&Point>)]) {
    let all = || curves.iter().flat_map(|(_, points)| points.iter());
    let mut places: Vec<u64> = all().map(|point| point.x).collect();
    places.sort_unstable();
    places.dedup();
    let values = |point: &&Point| point.model.max(point.published.unwrap_or(0));
    let most = nice(all().map(values).max().unwrap_or(1));
    let steps = (places.len() as u64 - 1).max(1);
    let x = |place: u64| LEFT + places.partition_point(|known| *known < place) as u64 * WIDTH / steps;
    let y = |value: Milli| top + HEIGHT - value * HEIGHT / most;
    let bottom = top + HEIGHT;
    // Writing to a string does not fail.
    let _ = writeln!(body, "<text x=\"{LEFT}\" y=\"{}\">{title}</text>", top - 6);
    for tick in 0..=5 {
        let (value, at) = (most * tick / 5, y(most * tick / 5));
        let label =
            if most < 5_000 { format!("{}.{:03}", value / 1_000, value % 1_000) } else { (value / 1_000).to_string() };
        let _ = writeln!(
            body,
            "<path d=\"M{LEFT} {at}h{WIDTH}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>",
            LEFT - 6,
            at + 4
        );
    }
    for (nth, &place) in places.iter().enumerate() {
        // Every label needs some room.
        if nth as u64 * WIDTH / steps % 40 < WIDTH / steps || places.len() < 16 {
            let _ =
                writeln!(body, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{place}</text>", x(place), bottom + 16);
        }
    }
    let middle = LEFT + WIDTH / 2;
    let _ = writeln!(body, "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{axis}</text>", bottom + 32);
    for (nth, (series, points)) in curves.iter().enumerate() {
        let colour = COLOURS[nth % COLOURS.len()];
        let line: Vec<String> = points.iter().map(|point| format!("{},{}", x(point.x), y(point.model))).collect();
        let _ = writeln!(
            body,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            line.join(" ")
        );
        for point in points {
            if let Some(published) = point.published {
                let _ = writeln!(
                    body,
                    "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                    x(point.x),
                    y(published)
                );
            }
        }
        let at = bottom + AXIS + LINE * nth as u64 + 8;
        let _ = writeln!(
            body,
            "<path d=\"M{LEFT} {}h24\" stroke=\"{colour}\" stroke-width=\"2\"/><text x=\"{}\" y=\"{at}\">{series} (circle: published)</text>",
            at - 4,
            LEFT + 32
        );
    }
}

/// The next round number.
const fn nice(value: Milli) -> Milli {
    let mut unit = 1;
    while unit * 10 < value {
        unit *= 10;
    }
    let unit = if unit >= 2 { unit / 2 } else { 1 };
    (value / unit + 1) * unit
}
