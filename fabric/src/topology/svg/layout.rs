//! Where the nodes of a picture stand.

use crate::topology::{CableEnd, NodeId, Topology};
use std::collections::VecDeque;

/// Pixels from the upper left corner of the drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) x: i64,
    pub(super) y: i64,
}

/// Bounds of the distance between hosts of a row.
const HOST_SPACING: (i64, i64) = (11, 56);
/// The least distance between switches of a row.
const SWITCH_SPACING: i64 = 34;
/// Rows wider than this come closer together if they can.
const WIDTH: i64 = 1_400;
/// Between rows: the least, and its part of the width, so that lines are not too flat.
const ROW_HEIGHT: i64 = 130;
const ROWS_PER_WIDTH: i64 = 9;
/// Distance of hosts from their switch on a ring.
const HOST_DISTANCE: i64 = 70;

/// A place for every node.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) width: i64,
    pub(super) height: i64,
    /// Distance between neighbouring hosts, and between switches where they stand closest.
    pub(super) host_spacing: i64,
    pub(super) switch_spacing: i64,
    /// The middle of a ring.
    centre: Option<Point>,
    hosts: Vec<Point>,
    switches: Vec<Point>,
    /// Of each switch: 0 beside hosts, then one more than the lowest neighbour.
    heights: Vec<usize>,
}

impl Layout {
    pub(super) fn new(topology: &Topology) -> Self {
        let heights = heights(topology);
        let level = |switch: usize| topology.neighbours(switch).any(|(_, other)| heights[other] == heights[switch]);
        if (0..heights.len()).any(level) { Self::ring(topology, heights) } else { Self::rows(topology, heights) }
    }

    pub(super) fn at(&self, node: NodeId) -> Point {
        match node {
            NodeId::Host(number) => self.hosts[number as usize],
            NodeId::Switch(number) => self.switches[number as usize],
        }
    }

    pub(super) fn height_of(&self, switch: u32) -> usize {
        self.heights[switch as usize]
    }

    /// What the line between two nodes bends towards: its middle, or on a ring a point further in, so that cables of
    /// neighbours do not hide each other.
    pub(super) fn between(&self, a: NodeId, b: NodeId) -> Point {
        let (from, to) = (self.at(a), self.at(b));
        let middle = Point { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
        match (self.centre, a, b) {
            (Some(centre), NodeId::Switch(_), NodeId::Switch(_)) => {
                let inwards = |from: i64, to: i64| from + (to - from) * 3 / 10;
                Point { x: inwards(middle.x, centre.x), y: inwards(middle.y, centre.y) }
            }
            _ => middle,
        }
    }

    /// Hosts at the bottom, switches above by their height, each row in the order of what is below it.
    fn rows(topology: &Topology, heights: Vec<usize>) -> Self {
        let rows = heights.iter().max().map_or(0, |highest| highest + 1);
        let hosts = host_order(topology);
        let fullest = (0..rows).map(|row| heights.iter().filter(|&&height| height == row).count()).max().unwrap_or(0);
        let host_spacing = (WIDTH / hosts.len() as i64).clamp(HOST_SPACING.0, HOST_SPACING.1);
        let width = (host_spacing * hosts.len() as i64).max(SWITCH_SPACING * fullest as i64).max(320);
        let row_height = ROW_HEIGHT.max(width / ROWS_PER_WIDTH);
        let y = |row: usize| row_height * (rows - row) as i64;
        let mut layout = Self {
            width,
            height: y(0),
            host_spacing: width / hosts.len() as i64,
            switch_spacing: width / fullest.max(1) as i64,
            centre: None,
            hosts: vec![Point { x: 0, y: y(0) }; hosts.len()],
            switches: vec![Point { x: 0, y: 0 }; heights.len()],
            heights,
        };
        for (place, &host) in (0..).zip(&hosts) {
            layout.hosts[host].x = width * (2 * place + 1) / (2 * hosts.len() as i64);
        }
        for row in 0..rows {
            layout.place_row(topology, row, y(row + 1));
        }
        layout
    }

    /// Spreads the switches of a row evenly, in the order of the middle of what is below them.
    fn place_row(&mut self, topology: &Topology, row: usize, y: i64) {
        let middle = |switch: usize| {
            let below = topology.switches[switch].iter().map(|end| end.peer.node);
            let below = below.filter(|&node| self.is_below(node, row)).map(|node| self.at(node).x);
            let (sum, count) = below.fold((0, 0), |(sum, count), x| (sum + x, count + 1));
            sum / i64::max(count, 1)
        };
        let mut switches: Vec<(i64, usize)> = (0..self.heights.len())
            .filter(|&switch| self.heights[switch] == row)
            .map(|switch| (middle(switch), switch))
            .collect();
        switches.sort_unstable();
        let count = switches.len() as i64;
        for (place, (_, switch)) in (0..).zip(switches) {
            self.switches[switch] = Point { x: self.width * (2 * place + 1) / (2 * count), y };
        }
    }

    fn is_below(&self, node: NodeId, row: usize) -> bool {
        match node {
            NodeId::Host(_) => true,
            NodeId::Switch(number) => self.heights[number as usize] < row,
        }
    }

    /// Switches on a ring in the order of their numbers, the hosts of each in an arc outside.
    fn ring(topology: &Topology, heights: Vec<usize>) -> Self {
        let switches = heights.len() as i64;
        let hosts = host_order(topology);
        // As much of the outer ring for a host as for a switch of the inner one.
        let around = (SWITCH_SPACING * 2 * switches).max((HOST_SPACING.0 + 3) * hosts.len() as i64);
        let radius = (around * 10 / 62).max(170);
        let outer = radius + HOST_DISTANCE;
        let centre = Point { x: outer, y: outer };
        let mut layout = Self {
            width: outer * 2,
            height: outer * 2,
            host_spacing: (outer * 62 / 10 / hosts.len() as i64).min(HOST_SPACING.1),
            switch_spacing: radius * 62 / 10 / switches,
            centre: Some(centre),
            hosts: vec![centre; hosts.len()],
            switches: Vec::new(),
            heights,
        };
        let angle = |place: i64, of: i64| (2 * place + 1) * FULL_TURN / (2 * of);
        layout.switches = (0..switches).map(|switch| on_circle(centre, radius, angle(switch, switches))).collect();
        for (place, &host) in (0..).zip(&hosts) {
            layout.hosts[host] = on_circle(centre, outer, angle(place, hosts.len() as i64));
        }
        layout
    }
}

/// The height of each switch: 0 beside hosts, then one more than the lowest neighbour.
fn heights(topology: &Topology) -> Vec<usize> {
    let mut heights = vec![usize::MAX; topology.switches.len()];
    let beside_host = |ports: &Vec<CableEnd>| ports.iter().any(|end| matches!(end.peer.node, NodeId::Host(_)));
    let mut open: VecDeque<usize> =
        (0..heights.len()).filter(|&switch| beside_host(&topology.switches[switch])).collect();
    open.iter().for_each(|&switch| heights[switch] = 0);
    while let Some(switch) = open.pop_front() {
        for (_, neighbour) in topology.neighbours(switch) {
            if heights[neighbour] == usize::MAX {
                heights[neighbour] = heights[switch] + 1;
                open.push_back(neighbour);
            }
        }
    }
    // A switch that no host reaches is drawn with those beside hosts.
    heights.into_iter().map(|height| if height == usize::MAX { 0 } else { height }).collect()
}

/// The hosts in the order of their first switches; those that have none first.
fn host_order(topology: &Topology) -> Vec<usize> {
    let first_switch = |&host: &usize| match topology.hosts[host][0].peer.node {
        NodeId::Switch(number) => Some(number),
        NodeId::Host(_) => None,
    };
    let mut hosts: Vec<usize> = (0..topology.hosts.len()).collect();
    hosts.sort_by_key(first_switch);
    hosts
}

/// Units of an angle.
const FULL_TURN: i64 = 3_600;

/// The point at `angle` from the top, clockwise.
fn on_circle(centre: Point, radius: i64, angle: i64) -> Point {
    let (sine, cosine) = (sine(angle), sine(angle + FULL_TURN / 4));
    Point { x: centre.x + radius * sine / SCALE, y: centre.y - radius * cosine / SCALE }
}

/// Of the values of [`sine`].
const SCALE: i64 = 10_000;

/// Sine by Bhaskara's formula (7th century), wrong by at most 17 of 10000: less than a pixel.
fn sine(angle: i64) -> i64 {
    const HALF_TURN: i64 = FULL_TURN / 2;
    let angle = angle.rem_euclid(FULL_TURN);
    let (half, sign) = if angle < HALF_TURN { (angle, 1) } else { (angle - HALF_TURN, -1) };
    let product = half * (HALF_TURN - half);
    sign * SCALE * 16 * product / (5 * HALF_TURN * HALF_TURN - 4 * product)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_is_good_enough_for_a_picture() {
        let table = [(0, 0), (300, 5_000), (450, 7_071), (600, 8_660), (900, 10_000), (1_350, 7_071), (1_800, 0)];
        for (angle, expected) in table {
            assert!((sine(angle) - expected).abs() <= 17, "{angle}: {}", sine(angle));
            assert_eq!(sine(angle + HALF), -sine(angle), "{angle}");
            assert_eq!(sine(angle - FULL_TURN), sine(angle), "{angle}");
        }
        const HALF: i64 = FULL_TURN / 2;
    }
}
