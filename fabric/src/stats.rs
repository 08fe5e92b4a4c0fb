//! Utilisation of a link, in whole permille.

use crate::link::Link;
use des::{Dur, Time};

/// How much of `interval` is `busy`, in permille rounded down; 0 for an empty interval.
#[must_use]
pub fn permille(busy: Dur, interval: Dur) -> u32 {
    if interval == Dur::ZERO {
        return 0;
    }
    let thousandths = u128::from(busy.as_ps()) * 1_000 / u128::from(interval.as_ps());
    u32::try_from(thousandths).unwrap_or(u32::MAX)
}

/// Reads a link's utilisation interval by interval.
#[derive(Clone, Copy, Debug, Default)]
pub struct UtilisationMeter {
    since: Time,
    busy_before: Dur,
}

impl UtilisationMeter {
    /// A meter whose first interval begins at `now`.
    #[must_use]
    pub fn new(now: Time, link: &Link) -> Self {
        Self { since: now, busy_before: link.busy_time(now) }
    }

    /// Permille of the interval that ends at `now`, during which the link carried bits; the next interval begins.
    pub fn read(&mut self, now: Time, link: &Link) -> u32 {
        let busy = link.busy_time(now);
        let share = permille(busy.saturating_sub(self.busy_before), now.since(self.since));
        *self = Self { since: now, busy_before: busy };
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Link, LinkConfig, LinkId};
    use crate::testing::frame_of_cable_len;
    use des::Rate;

    #[test]
    fn permille_rounds_down_and_survives_nothing() {
        assert_eq!(permille(Dur::from_ps(1), Dur::from_ps(3)), 333);
        assert_eq!(permille(Dur::from_ps(3), Dur::from_ps(3)), 1_000);
        assert_eq!(permille(Dur::from_ps(3), Dur::ZERO), 0);
        assert_eq!(permille(Dur::MAX, Dur::from_ps(1)), u32::MAX);
    }

    #[test]
    fn a_frame_across_the_border_counts_on_both_sides() {
        let config = LinkConfig { rate: Rate::from_gbps(100), latency: Dur::from_us(1) };
        let mut link = Link::new(LinkId(0), config);
        let mut meter = UtilisationMeter::new(Time::ZERO, &link);
        // 1000 bytes take 80 ns: from 40 ns to 120 ns.
        link.send(Time::from_ps(40_000), frame_of_cable_len(1_000), &mut Vec::new());
        assert_eq!(meter.read(Time::from_ps(100_000), &link), 600);
        assert_eq!(meter.read(Time::from_ps(200_000), &link), 200);
        assert_eq!(meter.read(Time::from_ps(300_000), &link), 0);
    }
}
