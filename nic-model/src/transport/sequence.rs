//! Packet sequence numbers without wrapping: order is `<`, and only the edge knows 24 bits.

use wire::Psn;

/// Most sequence numbers that may be outstanding, 2^23: half of the circle (IBTA volume 1, 9.7.1).
pub(super) const OUTSTANDING_MAX: u32 = 1 << 23;

/// A sequence number that has counted its wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seq(u64);

impl Seq {
    /// The first of a connection. One circle is counted already, so that numbers before it exist.
    pub(super) const fn start(psn: Psn) -> Self {
        Self((1 << 24) + psn.value() as u64)
    }

    /// As on the wire.
    pub(super) const fn psn(self) -> Psn {
        Psn::new(self.0 as u32)
    }

    /// The number nearest to this one that is `psn` on the wire.
    pub(super) const fn near(self, psn: Psn) -> Self {
        Self(self.0.wrapping_add_signed(psn.distance(self.psn()) as i64))
    }

    /// The number `count` further on.
    pub(super) const fn plus(self, count: u32) -> Self {
        Self(self.0 + count as u64)
    }

    /// The number before this one.
    pub(super) const fn before(self) -> Self {
        Self(self.0 - 1)
    }

    /// The number itself, wraps counted.
    pub(super) const fn position(self) -> u64 {
        self.0
    }

    /// How many numbers lie from `earlier` up to this one.
    pub(super) const fn since(self, earlier: Self) -> u32 {
        (self.0 - earlier.0) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_survives_the_wrap() {
        let last = Seq::start(Psn::new(0xff_ffff));
        let first = last.near(Psn::new(0));
        assert_eq!(first, last.plus(1));
        assert!(last < first);
        assert_eq!(first.near(Psn::new(0xff_ffff)), last);
        assert_eq!(Seq::start(Psn::new(0)).near(Psn::new(0xff_ffff)).psn(), Psn::new(0xff_ffff));
    }

    #[test]
    fn the_largest_window_is_told_from_the_past() {
        let base = Seq::start(Psn::new(5));
        let end = base.plus(OUTSTANDING_MAX - 1);
        assert_eq!(base.near(end.psn()), end);
        assert!(base.near(end.plus(1).psn()) < base);
    }
}
