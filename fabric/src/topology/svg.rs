//! A picture of a topology, as SVG.
//!
//! Where switches of one height are never connected, the picture has a row for each height and hosts below; else the
//! switches stand on a ring with their hosts outside. Whole numbers throughout.

mod layout;

use crate::link::LinkConfig;
use crate::topology::{Cable, NodeId, Topology};
use layout::{Layout, Point};
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// Pixels around the drawing, and for the lines of text above it.
const MARGIN: i64 = 36;
const HEADER: i64 = 92;
/// Half sizes of the boxes of switches.
const SWITCH_HALF_WIDTH: i64 = 22;
const SWITCH_HALF_HEIGHT: i64 = 13;
/// Below this distance between hosts their numbers do not fit.
const NUMBERED_SPACING: i64 = 15;
/// Colours of the kinds of cable, of switches by height, and of hosts.
const CABLE_COLOURS: [&str; 5] = ["#7a8ca5", "#c2703d", "#4f9a6b", "#9b6bb3", "#b8a13a"];
/// When colours are used up, dashes tell cables apart.
const CABLE_DASHES: [&str; 4] = ["", "7 3", "2 3", "9 3 2 3"];
const SWITCH_COLOURS: [&str; 4] = ["#2f6fb0", "#3f51a3", "#6a3f9c", "#8f3f86"];
const HOST_COLOUR: &str = "#2a9d8f";

impl Topology {
    /// The picture, with `title` above it.
    #[must_use]
    pub fn to_svg(&self, title: &str) -> String {
        let layout = Layout::new(self);
        let mut svg = String::new();
        Drawing { topology: self, layout: &layout, title }.write(&mut svg).expect("a string takes all that is written");
        svg
    }
}

/// Kinds of cable with the attributes of their strokes, by rate and latency.
type Kinds = BTreeMap<(u64, u64), (LinkConfig, String)>;

struct Drawing<'a> {
    topology: &'a Topology,
    layout: &'a Layout,
    title: &'a str,
}

/// What the legend says of a kind of cable.
fn legend_text(line: &LinkConfig) -> String {
    format!("{}, {}", line.rate, line.latency)
}

/// Pixels that this takes with its stroke and the gap to the next.
const fn legend_width(text: &str) -> i64 {
    50 + 7 * text.len() as i64
}

impl Drawing<'_> {
    fn write(&self, svg: &mut String) -> fmt::Result {
        let kinds = self.cable_kinds();
        let legend = kinds.values().map(|(line, _)| legend_width(&legend_text(line))).sum();
        let (width, height) = (self.layout.width.max(legend) + 2 * MARGIN, self.layout.height + 2 * MARGIN + HEADER);
        let size = format!(r#"viewBox="0 0 {width} {height}" width="{width}" height="{height}""#);
        writeln!(svg, r#"<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="Helvetica, Arial, sans-serif">"#)?;
        writeln!(svg, r#"<rect width="100%" height="100%" fill="white"/>"#)?;
        self.write_header(svg, &kinds)?;
        writeln!(svg, r#"<g transform="translate({MARGIN},{})">"#, MARGIN + HEADER)?;
        self.write_cables(svg, &kinds)?;
        self.write_switches(svg)?;
        self.write_hosts(svg)?;
        writeln!(svg, "</g>\n</svg>")
    }

    /// The kinds of cable, fastest last, with the look of their strokes.
    fn cable_kinds(&self) -> Kinds {
        let keyed = self.topology.cables.iter().map(|cable| (kind(cable), cable.line));
        let sorted: BTreeMap<_, _> = keyed.collect();
        let looks = CABLE_DASHES.iter().flat_map(|dashes| CABLE_COLOURS.iter().map(move |colour| look(colour, dashes)));
        sorted.into_iter().zip(looks.cycle()).map(|((key, line), look)| (key, (line, look))).collect()
    }

    fn write_header(&self, svg: &mut String, kinds: &Kinds) -> fmt::Result {
        let (hosts, switches) = (self.topology.host_count(), self.topology.switch_count());
        let title = escape(self.title);
        writeln!(
            svg,
            r##"<text x="{MARGIN}" y="{MARGIN}" font-size="20" font-weight="bold" fill="#222">{title}</text>"##
        )?;
        let y = MARGIN + 24;
        let counts =
            [count(hosts, "host"), count(switches, "switch"), count(self.topology.cables.len() as u32, "cable")];
        writeln!(svg, r##"<text x="{MARGIN}" y="{y}" font-size="13" fill="#555">{}</text>"##, counts.join(", "))?;
        let y = y + 22;
        let mut x = MARGIN;
        for (line, look) in kinds.values() {
            writeln!(svg, r#"<path d="M{x} {} h24" {look} stroke-width="3"/>"#, y - 4)?;
            let text = legend_text(line);
            writeln!(svg, r##"<text x="{}" y="{y}" font-size="12" fill="#555">{text}</text>"##, x + 30)?;
            x += legend_width(&text);
        }
        Ok(())
    }

    fn write_cables(&self, svg: &mut String, kinds: &Kinds) -> fmt::Result {
        // Many cables are drawn thinner, so that the eye can follow them.
        let opacity = if self.topology.cables.len() > 200 { "0.45" } else { "0.8" };
        let width = if self.topology.cables.len() > 100 { "1" } else { "1.6" };
        writeln!(svg, r#"<g fill="none" stroke-width="{width}" stroke-opacity="{opacity}">"#)?;
        let mut parallel: BTreeMap<(NodeId, NodeId), i64> = BTreeMap::new();
        for cable in &self.topology.cables {
            let nodes = (cable.a.node.min(cable.b.node), cable.a.node.max(cable.b.node));
            let before = parallel.entry(nodes).or_default();
            let (from, to) = (self.layout.at(nodes.0), self.layout.at(nodes.1));
            let bend = bend(self.layout.between(nodes.0, nodes.1), from, to, *before);
            *before += 1;
            let (_, look) = &kinds[&kind(cable)];
            writeln!(svg, r#"<path d="M{} {} Q{} {} {} {}" {look}/>"#, from.x, from.y, bend.x, bend.y, to.x, to.y)?;
        }
        writeln!(svg, "</g>")
    }

    fn write_switches(&self, svg: &mut String) -> fmt::Result {
        writeln!(svg, r#"<g font-size="12" fill="white" text-anchor="middle">"#)?;
        for number in 0..self.topology.switch_count() {
            let Point { x, y } = self.layout.at(NodeId::Switch(number));
            let colour = SWITCH_COLOURS[self.layout.height_of(number) % SWITCH_COLOURS.len()];
            let half_width = SWITCH_HALF_WIDTH.min(self.layout.switch_spacing * 2 / 5).max(5);
            let (left, top) = (x - half_width, y - SWITCH_HALF_HEIGHT);
            let (width, height) = (half_width * 2, SWITCH_HALF_HEIGHT * 2);
            writeln!(svg, r#"<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="5" fill="{colour}"/>"#)?;
            if half_width >= 11 {
                writeln!(svg, r#"<text x="{x}" y="{}">{number}</text>"#, y + 4)?;
            }
        }
        writeln!(svg, "</g>")
    }

    fn write_hosts(&self, svg: &mut String) -> fmt::Result {
        let spacing = self.layout.host_spacing;
        let radius = (spacing * 2 / 5).clamp(3, 11);
        writeln!(svg, r#"<g font-size="{}" fill="white" text-anchor="middle">"#, (radius + 1).min(10))?;
        for number in 0..self.topology.host_count() {
            let Point { x, y } = self.layout.at(NodeId::Host(number));
            writeln!(svg, r#"<circle cx="{x}" cy="{y}" r="{radius}" fill="{HOST_COLOUR}"/>"#)?;
            if spacing >= NUMBERED_SPACING {
                writeln!(svg, r#"<text x="{x}" y="{}">{number}</text>"#, y + 3)?;
            }
        }
        writeln!(svg, "</g>")
    }
}

/// The attributes of a stroke.
fn look(colour: &str, dashes: &str) -> String {
    match dashes {
        "" => format!(r#"stroke="{colour}""#),
        _ => format!(r#"stroke="{colour}" stroke-dasharray="{dashes}""#),
    }
}

/// What makes cables of one kind.
const fn kind(cable: &Cable) -> (u64, u64) {
    (cable.line.rate.as_bps(), cable.line.latency.as_ps())
}

/// The control point of a line: `middle` for the first cable between two nodes, then ever farther to either side.
const fn bend(middle: Point, from: Point, to: Point, before: i64) -> Point {
    let sideways = if before % 2 == 0 { -before / 2 } else { before / 2 + 1 };
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length = dx.abs() + dy.abs() + 1;
    Point { x: middle.x - 36 * sideways * dy / length, y: middle.y + 36 * sideways * dx / length }
}

fn count(number: u32, what: &str) -> String {
    let plural = match (number, what) {
        (1, _) => "",
        (_, "switch") => "es",
        _ => "s",
    };
    format!("{number} {what}{plural}")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
