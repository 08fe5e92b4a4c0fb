//! Lines over an axis, as inline SVG. Coordinates are integers, in tenths of a pixel.

use std::fmt::Write;

const WIDTH: u64 = 560;
const HEIGHT: u64 = 200;
const LEFT: u64 = 86;
const TOP: u64 = 12;
const BOTTOM: u64 = 30;
const RIGHT: u64 = 12;

/// Names a value of an axis.
pub(super) type Label = fn(u64) -> String;

/// A line: a value at every place of the horizontal axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub name: String,
    pub values: Vec<u64>,
}

/// Lines that share their axes.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    pub title: String,
    /// What is plotted, and how.
    pub note: String,
    /// Said if there is nothing to draw.
    pub none: String,
    pub lines: Vec<Line>,
    /// The horizontal axis' values, as many as every line has.
    pub places: Vec<u64>,
    pub x: Label,
    pub y: Label,
}

impl Plot {
    /// The figure; a sentence instead if there is nothing to draw.
    pub(super) fn write(&self, out: &mut String) {
        let _ = write!(out, "<figure><h3>{}</h3>", super::escaped(&self.title));
        let _ = write!(out, "<p class=note>{}</p>", super::escaped(&self.note));
        let most = self.lines.iter().flat_map(|line| &line.values).copied().max().unwrap_or(0);
        if most == 0 || self.places.len() < 2 {
            let _ = write!(out, "<p class=none>{}</p></figure>", super::escaped(&self.none));
            return;
        }
        let top = round_up(most);
        self.svg(out, top);
        let legend = |(index, line): (usize, &Line)| {
            format!("<span class=\"k s{}\">{}</span>", index % SERIES, super::escaped(&line.name))
        };
        let legend: String = self.lines.iter().enumerate().map(legend).collect();
        let _ = write!(out, "<figcaption>{legend}</figcaption></figure>");
    }

    fn svg(&self, out: &mut String, top: u64) {
        let _ = write!(
            out,
            "<svg class=plot viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=img aria-label=\"{}\" data-left={LEFT} data-right={} \
             data-x=\"{}\" data-y='{}'>",
            super::escaped(&self.title),
            WIDTH - RIGHT,
            super::escaped(&joined(&self.places, self.x)),
            super::escaped(&self.readings()),
        );
        for step in 0..=4 {
            let y = self.y_of(top * step / 4, top) / 10;
            let label = super::escaped(&(self.y)(top * step / 4));
            let _ = write!(out, "<path class=grid d=\"M{LEFT} {y}H{}\"/>", WIDTH - RIGHT);
            let _ = write!(out, "<text x={} y={} text-anchor=end>{label}</text>", LEFT - 6, y + 4);
        }
        let last = self.places.len() - 1;
        for step in 0..=4 {
            let place = last * step / 4;
            let anchor = ["start", "middle", "middle", "middle", "end"][step];
            let label = super::escaped(&(self.x)(self.places[place]));
            let x = self.x_of(place) / 10;
            let _ = write!(out, "<text x={x} y={} text-anchor={anchor}>{label}</text>", HEIGHT - 8);
        }
        for (index, line) in self.lines.iter().enumerate() {
            let _ = write!(out, "<path class=\"line s{}\" d=\"", index % SERIES);
            for (place, &value) in line.values.iter().enumerate() {
                let (x, y) = (self.x_of(place), self.y_of(value, top));
                let command = if place == 0 { 'M' } else { 'L' };
                let _ = write!(out, "{command}{}.{} {}.{}", x / 10, x % 10, y / 10, y % 10);
            }
            out.push_str("\"/>");
        }
        let _ = write!(out, "<path class=cursor d=\"\"/></svg>");
    }

    /// What each line says at each place, for the reader's pointer.
    fn readings(&self) -> String {
        let line = |line: &Line| format!("{}|{}", line.name.replace(['|', ';'], " "), joined(&line.values, self.y));
        self.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn x_of(&self, place: usize) -> u64 {
        LEFT * 10 + (WIDTH - LEFT - RIGHT) * 10 * place as u64 / (self.places.len() as u64 - 1)
    }

    fn y_of(&self, value: u64, top: u64) -> u64 {
        let height = (HEIGHT - TOP - BOTTOM) * 10;
        let from_bottom = u128::from(height) * u128::from(value) / u128::from(top);
        (HEIGHT - BOTTOM) * 10 - from_bottom as u64
    }
}

/// Colours of the style sheet.
pub(super) const SERIES: usize = 8;

fn joined(values: &[u64], label: Label) -> String {
    values.iter().map(|&value| label(value)).collect::<Vec<_>>().join(";")
}

/// The next of 1, 2, 4, 5 and 8 times a power of ten: four steps of it have short names.
fn round_up(value: u64) -> u64 {
    let power = 10_u64.pow(value.max(1).ilog10());
    [1, 2, 4, 5, 8, 10]
        .into_iter()
        .map(|factor| power.saturating_mul(factor))
        .find(|&top| top >= value)
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (value, top) in [(1, 1), (3, 4), (41, 50), (81, 100), (100, 100), (1_999, 2_000)] {
            assert_eq!(round_up(value), top);
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_line_stays_within_its_frame() {
        let plot = Plot {
            title: "a < b".to_owned(),
            note: String::new(),
            none: "Nothing of this happened.".to_owned(),
            lines: vec![Line { name: "one".to_owned(), values: vec![0, 8, 4] }],
            places: vec![0, 1, 2],
            x: |x| x.to_string(),
            y: |y| y.to_string(),
        };
        let mut out = String::new();
        plot.write(&mut out);
        assert!(out.contains("a &lt; b") && out.contains("d=\"M86.0 170.0L317.0 12.0L548.0 91.0\""), "{out}");
        let mut empty = String::new();
        Plot { lines: vec![], ..plot }.write(&mut empty);
        assert!(empty.contains("Nothing of this happened") && !empty.contains("<svg"), "{empty}");
    }
}
