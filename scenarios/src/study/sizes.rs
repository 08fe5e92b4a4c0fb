//! Published distributions of flow sizes, and random numbers without floats.

use crate::spec::Sizes;
use des::{Dur, Rng};

/// Bytes, and how many of 1000 flows are no longer.
type Point = (u64, u64);

/// Web search: Alizadeh et al., "Data Center TCP (DCTCP)", SIGCOMM 2010, figure 4, with the points that the HPCC simulator
/// uses (`traffic_gen/WebSearch_distribution.txt`).
const WEB_SEARCH: &[Point] = &[
    (0, 0),
    (10_000, 150),
    (20_000, 200),
    (30_000, 300),
    (50_000, 400),
    (80_000, 530),
    (200_000, 600),
    (1_000_000, 700),
    (2_000_000, 800),
    (5_000_000, 900),
    (10_000_000, 970),
    (30_000_000, 1_000),
];

/// Hadoop: Roy et al., "Inside the social network's (datacenter) network", SIGCOMM 2015, with the points that the HPCC
/// simulator uses (`traffic_gen/FbHdp_distribution.txt`).
const HADOOP: &[Point] = &[
    (0, 0),
    (100, 10),
    (200, 20),
    (300, 50),
    (350, 150),
    (400, 200),
    (500, 300),
    (600, 400),
    (700, 500),
    (1_000, 600),
    (2_000, 670),
    (7_000, 700),
    (30_000, 720),
    (50_000, 820),
    (80_000, 870),
    (120_000, 900),
    (300_000, 950),
    (1_000_000, 975),
    (2_000_000, 990),
    (10_000_000, 1_000),
];

const fn points(sizes: Sizes) -> &'static [Point] {
    match sizes {
        Sizes::WebSearch => WEB_SEARCH,
        Sizes::Hadoop => HADOOP,
    }
}

/// Mean size in bytes, rounded down.
pub(super) fn mean_bytes(sizes: Sizes) -> u64 {
    let pairs = points(sizes).windows(2);
    pairs.map(|pair| (pair[1].1 - pair[0].1) * (pair[0].0 + pair[1].0)).sum::<u64>() / 2_000
}

/// A size: even between two points, at least one byte.
pub(super) fn draw_bytes(sizes: Sizes, rng: &mut Rng) -> u64 {
    const STEPS: u64 = 1_000;
    let share = rng.below(1_000 * STEPS);
    let points = points(sizes);
    let upper = points.partition_point(|&(_, permille)| permille * STEPS <= share);
    let (low, high) = (points[upper - 1], points[upper]);
    let part = share - low.1 * STEPS;
    (low.0 + (high.0 - low.0) * part / ((high.1 - low.1) * STEPS)).max(1)
}

/// An exponential distance with this mean: comparisons of uniform numbers only (von Neumann, "Various techniques used in
/// connection with random digits", 1951), so that every machine draws the same.
pub(super) fn draw_exponential(mean: Dur, rng: &mut Rng) -> Dur {
    let mut whole = 0_u64;
    loop {
        let first = rng.next_u64();
        let mut smallest = first;
        let mut descents = 0_u32;
        loop {
            let next = rng.next_u64();
            if next >= smallest {
                break;
            }
            smallest = next;
            descents += 1;
        }
        if descents.is_multiple_of(2) {
            let fraction = (u128::from(mean.as_ps()) * u128::from(first)) >> 64;
            return mean * whole + Dur::from_ps(fraction as u64);
        }
        whole += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_their_mean_and_range() {
        for sizes in [Sizes::WebSearch, Sizes::Hadoop] {
            let mut rng = Rng::stream(1, "sizes");
            let draws: Vec<u64> = (0..200_000).map(|_| draw_bytes(sizes, &mut rng)).collect();
            let mean = draws.iter().sum::<u64>() / draws.len() as u64;
            let expected = mean_bytes(sizes);
            assert!(mean.abs_diff(expected) < expected / 50, "{sizes:?}: {mean} for {expected}");
            let most = points(sizes).last().expect("a distribution has points").0;
            assert!(draws.iter().all(|bytes| (1..=most).contains(bytes)));
        }
        assert_eq!(mean_bytes(Sizes::WebSearch), 1_711_250);
    }

    #[test]
    fn distances_are_exponential() {
        let (mut rng, mean) = (Rng::stream(1, "distances"), Dur::from_us(1));
        let draws: Vec<u64> = (0..100_000).map(|_| draw_exponential(mean, &mut rng).as_ps()).collect();
        let seen = draws.iter().sum::<u64>() / draws.len() as u64;
        assert!(seen.abs_diff(1_000_000) < 10_000, "{seen}");
        // One in e is longer than the mean, one in e^3 longer than three times the mean.
        for (times, expected) in [(1, 36_788), (3, 4_979)] {
            let longer = draws.iter().filter(|&&ps| ps > times * 1_000_000).count() as u64;
            assert!(longer.abs_diff(expected) < 700, "{longer} beyond {times} means");
        }
    }
}
