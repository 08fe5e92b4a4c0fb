//! Simulated time: picoseconds since the start of the run.

use std::fmt;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// A moment, in picoseconds since the start of the run. A `u64` holds 213 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

/// A length of time in picoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dur(u64);

impl Time {
    /// The start of the run.
    pub const ZERO: Self = Self(0);
    /// Later than every moment of a run.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment `ps` picoseconds after the start.
    #[must_use]
    pub const fn from_ps(ps: u64) -> Self {
        Self(ps)
    }

    /// Picoseconds since the start.
    #[must_use]
    pub const fn as_ps(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Dur {
        Dur(self.0.saturating_sub(earlier.0))
    }
}

impl Dur {
    /// No time.
    pub const ZERO: Self = Self(0);
    /// Longer than every run.
    pub const MAX: Self = Self(u64::MAX);

    /// A length of `ps` picoseconds.
    #[must_use]
    pub const fn from_ps(ps: u64) -> Self {
        Self(ps)
    }

    /// A length of `ns` nanoseconds.
    #[must_use]
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns * 1_000)
    }

    /// A length of `us` microseconds.
    #[must_use]
    pub const fn from_us(us: u64) -> Self {
        Self(us * 1_000_000)
    }

    /// A length of `ms` milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1_000_000_000)
    }

    /// The length in picoseconds.
    #[must_use]
    pub const fn as_ps(self) -> u64 {
        self.0
    }

    /// The length in whole nanoseconds, rounded down.
    #[must_use]
    pub const fn as_ns(self) -> u64 {
        self.0 / 1_000
    }

    /// The difference, zero if `other` is longer.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add<Dur> for Time {
    type Output = Self;
    fn add(self, length: Dur) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}

impl AddAssign<Dur> for Time {
    fn add_assign(&mut self, length: Dur) {
        *self = *self + length;
    }
}

impl Add for Dur {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Dur {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Dur {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect("a length of time is never negative"))
    }
}

impl Mul<u64> for Dur {
    type Output = Self;
    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

impl Div<u64> for Dur {
    type Output = Self;
    fn div(self, parts: u64) -> Self {
        Self(self.0 / parts)
    }
}

/// Writes picoseconds with the largest unit that keeps the number above one, three digits after the point.
fn write_ps(f: &mut fmt::Formatter<'_>, ps: u64) -> fmt::Result {
    let (unit, per) = match ps {
        0..1_000 => return f.pad(&format!("{ps} ps")),
        1_000..1_000_000 => ("ns", 1_000),
        1_000_000..1_000_000_000 => ("us", 1_000_000),
        1_000_000_000..1_000_000_000_000 => ("ms", 1_000_000_000),
        _ => ("s", 1_000_000_000_000_u64),
    };
    f.pad(&format!("{}.{:03} {unit}", ps / per, ps % per / (per / 1_000)))
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ps(f, self.0)
    }
}

impl fmt::Display for Dur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ps(f, self.0)
    }
}

/// A data rate in bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    bps: u64,
    /// Picoseconds of a byte if that is a whole number, else zero: most lines then need no division.
    ps_per_byte: u64,
}

/// A byte at one bit per second.
const PS_BITS_PER_BYTE: u64 = 8 * 1_000_000_000_000;

impl Rate {
    /// A rate of `bps` bits per second.
    ///
    /// # Panics
    /// If `bps` is zero: a link that carries nothing has no serialisation time.
    #[must_use]
    pub const fn from_bps(bps: u64) -> Self {
        assert!(bps > 0, "a rate is above zero");
        let ps_per_byte = if PS_BITS_PER_BYTE.is_multiple_of(bps) { PS_BITS_PER_BYTE / bps } else { 0 };
        Self { bps, ps_per_byte }
    }

    /// A rate of `gbps` times 10^9 bits per second.
    #[must_use]
    pub const fn from_gbps(gbps: u64) -> Self {
        Self::from_bps(gbps * 1_000_000_000)
    }

    /// The rate in bits per second.
    #[must_use]
    pub const fn as_bps(self) -> u64 {
        self.bps
    }

    /// How long `bytes` take at this rate, rounded up to a picosecond.
    #[must_use]
    pub const fn time_for(self, bytes: u64) -> Dur {
        if self.ps_per_byte > 0
            && let Some(length) = bytes.checked_mul(self.ps_per_byte)
        {
            return Dur(length);
        }
        // Up to 2.3 MB the product fits 64 bits; the wide division is several times slower.
        match bytes.checked_mul(PS_BITS_PER_BYTE) {
            Some(scaled) => Dur(scaled.div_ceil(self.bps)),
            None => Dur((bytes as u128 * PS_BITS_PER_BYTE as u128).div_ceil(self.bps as u128) as u64),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mbps = self.bps / 1_000_000;
        f.pad(&format!("{}.{:02} Gb/s", mbps / 1_000, mbps % 1_000 / 10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialisation_times_are_exact() {
        let rate = Rate::from_gbps(100);
        assert_eq!(rate.time_for(1), Dur::from_ps(80));
        assert_eq!(rate.time_for(4096), Dur::from_ps(327_680));
        assert_eq!(rate.time_for(1 << 30), Dur::from_ps(80 << 30));
        assert_eq!(Rate::from_bps(3).time_for(1), Dur::from_ps(2_666_666_666_667));
    }

    #[test]
    fn display_picks_a_unit() {
        assert_eq!(Dur::from_ps(999).to_string(), "999 ps");
        assert_eq!(Dur::from_ps(1_234_567).to_string(), "1.234 us");
        assert_eq!(Time::from_ps(2_000_000_000_000).to_string(), "2.000 s");
        assert_eq!(Rate::from_bps(97_345_000_000).to_string(), "97.34 Gb/s");
    }
}
