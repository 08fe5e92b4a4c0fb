//! Congestion marks: the curve of RED over the queue that a frame leaves behind (DCQCN, SIGCOMM 2015, figure 5).

use des::{Rate, Ratio, Rng};

/// Probability of a mark by queue length: none up to `kmin_bytes`, growing to `pmax` at `kmax_bytes`, certain above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EcnCurve {
    /// Up to this length nothing is marked.
    pub kmin_bytes: u32,
    /// Above this length everything is marked.
    pub kmax_bytes: u32,
    /// Probability at `kmax_bytes`.
    pub pmax: Ratio,
    /// The line that the thresholds are for, those of other lines in proportion; `None`: the same on every line.
    pub rate: Option<Rate>,
}

impl EcnCurve {
    /// What the HPCC paper's simulations use for DCQCN: 100 KB to 400 KB and one in five at 25 Gb/s.
    pub const HPCC: Self = Self {
        kmin_bytes: 100_000,
        kmax_bytes: 400_000,
        pmax: Ratio { numerator: 1, denominator: 5 },
        rate: Some(Rate::from_gbps(25)),
    };

    /// The curve for a line of `rate`.
    #[must_use]
    pub fn scaled_to(self, rate: Rate) -> Self {
        let Some(known) = self.rate else { return self };
        let scale = |bytes: u32| {
            let scaled = u128::from(bytes) * u128::from(rate.as_bps()) / u128::from(known.as_bps());
            u32::try_from(scaled).unwrap_or(u32::MAX)
        };
        let (kmin_bytes, kmax_bytes) = (scale(self.kmin_bytes), scale(self.kmax_bytes));
        Self { kmin_bytes, kmax_bytes, pmax: self.pmax, rate: Some(rate) }
    }

    /// Whether to mark a frame with `queue_bytes` behind it. Draws only on the slope.
    pub fn marks(&self, queue_bytes: u64, rng: &mut Rng) -> bool {
        let (kmin, kmax) = (u64::from(self.kmin_bytes), u64::from(self.kmax_bytes));
        if queue_bytes <= kmin {
            return false;
        }
        if queue_bytes > kmax {
            return true;
        }
        // pmax * (queue - kmin) / (kmax - kmin); each factor has 32 bits, and kmin < queue <= kmax.
        let cases = (kmax - kmin) * u64::from(self.pmax.denominator);
        rng.below(cases) < (queue_bytes - kmin) * u64::from(self.pmax.numerator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURVE: EcnCurve = EcnCurve::HPCC;

    /// Marks of 20000 draws.
    fn marks(curve: EcnCurve, queue_bytes: u64) -> u32 {
        let mut rng = Rng::stream(5, "marks");
        (0..20_000).filter(|_| curve.marks(queue_bytes, &mut rng)).count() as u32
    }

    #[test]
    fn the_curve_point_by_point() {
        // At one in five: 4000 of 20000 at the end of the slope, proportionally fewer before.
        let table = [(0, 0_u32), (100_000, 0), (175_000, 1_000), (250_000, 2_000), (325_000, 3_000), (400_000, 4_000)];
        for (queue_bytes, expected) in table {
            let actual = marks(CURVE, queue_bytes);
            // Three standard deviations of so many of 20000.
            let tolerance = 3 * (expected * (20_000 - expected) / 20_000).isqrt();
            assert!(actual.abs_diff(expected) <= tolerance, "{actual} marks at {queue_bytes} bytes");
        }
        assert_eq!(marks(CURVE, 400_001), 20_000);
        assert_eq!(marks(CURVE, u64::MAX), 20_000);
    }

    #[test]
    fn a_step_is_a_curve_without_slope() {
        let step = EcnCurve { kmin_bytes: 1_000, kmax_bytes: 1_000, ..CURVE };
        assert_eq!((marks(step, 1_000), marks(step, 1_001)), (0, 20_000));
    }

    #[test]
    fn the_widest_curve_does_not_overflow() {
        let pmax = Ratio::new(u32::MAX, u32::MAX).expect("a probability");
        let widest = EcnCurve { kmin_bytes: 0, kmax_bytes: u32::MAX, pmax, rate: Some(Rate::from_gbps(1)) };
        assert_eq!(marks(widest, u64::from(u32::MAX)), 20_000);
        assert_eq!(widest.scaled_to(Rate::from_gbps(400)).kmax_bytes, u32::MAX);
        assert_eq!(CURVE.scaled_to(Rate::from_gbps(100)).kmin_bytes, 400_000);
        let fixed = EcnCurve { rate: None, ..CURVE };
        assert_eq!(fixed.scaled_to(Rate::from_gbps(100)), fixed);
    }
}
