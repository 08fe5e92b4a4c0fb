//! Latencies: recorded as picoseconds, reported as percentiles.

use des::Dur;
use hdrhistogram::Histogram;
use serde::Serialize;

/// Percentiles of one kind of request. All zero if `count` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Requests measured.
    pub count: u64,
    /// The quickest.
    pub min_ps: u64,
    /// Half of the requests were at least as quick.
    pub p50_ps: u64,
    /// Nine of ten.
    pub p90_ps: u64,
    /// Ninety-nine of a hundred.
    pub p99_ps: u64,
    /// The slowest.
    pub max_ps: u64,
}

/// Collects latencies with three significant digits, in a histogram that grows as it must.
#[derive(Clone, Debug)]
pub struct LatencyRecorder(Histogram<u64>);

impl Default for LatencyRecorder {
    fn default() -> Self {
        Self::new()
    }
}

impl LatencyRecorder {
    /// With nothing recorded.
    #[must_use]
    pub fn new() -> Self {
        let mut histogram = Histogram::new(3).expect("three digits are within the histogram's limits");
        histogram.auto(true);
        Self(histogram)
    }

    /// Records one latency.
    pub fn record(&mut self, latency: Dur) {
        self.0.record(latency.as_ps()).expect("a growing histogram takes every number");
    }

    /// Takes in what `other` recorded.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("an automatically resizing histogram takes in every other");
    }

    /// The percentiles so far.
    #[must_use]
    pub fn report(&self) -> Latency {
        if self.0.is_empty() {
            return Latency::default();
        }
        let at = |quantile| self.0.value_at_quantile(quantile).min(self.0.max());
        Latency {
            count: self.0.len(),
            min_ps: self.0.min(),
            p50_ps: at(0.50),
            p90_ps: at(0.90),
            p99_ps: at(0.99),
            max_ps: self.0.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_thousandth() {
        let mut recorder = LatencyRecorder::new();
        (1..=1_000).for_each(|us| recorder.record(Dur::from_us(us)));
        let report = recorder.report();
        assert_eq!(report.count, 1_000);
        for (got, us) in [(report.min_ps, 1), (report.p50_ps, 500), (report.p90_ps, 900), (report.p99_ps, 990)] {
            let exact = Dur::from_us(us).as_ps();
            assert!(got.abs_diff(exact) <= exact / 1_000, "{got} ps for {us} us");
        }
        assert!(report.p99_ps <= report.max_ps);
    }

    #[test]
    fn nothing_recorded_is_all_zero_and_merging_adds() {
        let mut all = LatencyRecorder::new();
        assert_eq!(all.report(), Latency::default());
        let mut one = LatencyRecorder::new();
        one.record(Dur::from_ns(700));
        all.merge(&one);
        all.merge(&one);
        assert_eq!(all.report().count, 2);
        assert_eq!(all.report().p50_ps, all.report().max_ps);
    }
}
