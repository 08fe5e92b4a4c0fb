//! In-band network telemetry as HPCC uses it (Li et al., SIGCOMM 2019, section 4.1): what each switch on the way says
//! about the port that a packet left by.
//!
//! It travels beside the packet and takes no bytes on the cable, so that encoded frames stay what RoCEv2 says. On a real
//! cable HPCC puts it between UDP and base header: 2 bytes of path identity and count, then 8 bytes a hop (rate 4 bits,
//! time 24, bytes sent 20 in units of 128, queue 16 in units of 80). Times and counts here are not cut to those fields.

/// Most hops that are kept; a fat tree of three layers has five.
pub const HOPS_MAX: usize = 8;

/// So far the number of a path is turned for each hop: lines change places only with a change of the number.
const PATH_BITS_A_HOP: u32 = 5;

/// What one switch says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// When the packet left its queue, in picoseconds of the switch's clock.
    pub time_ps: u64,
    /// Bytes that the port has sent so far, this packet included.
    pub sent_bytes: u64,
    /// Bytes that it left behind in the queue.
    pub queue_bytes: u64,
    /// Rate of the line in bits per second.
    pub rate_bps: u64,
}

/// The hops of a packet, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Telemetry {
    hops: [Hop; HOPS_MAX],
    count: u8,
    /// Which lines the hops are of.
    path: u32,
    /// It travels back to the sender: nothing is added.
    closed: bool,
}

impl Telemetry {
    /// Adds a hop of the line called `line`; beyond [`HOPS_MAX`], and on the way back, nothing is added.
    pub fn push(&mut self, line: u32, hop: Hop) {
        if !self.closed
            && let Some(free) = self.hops.get_mut(usize::from(self.count))
        {
            *free = hop;
            self.count += 1;
            self.path = self.path.rotate_left(PATH_BITS_A_HOP) ^ line;
        }
    }

    /// The receiver sends it back.
    pub const fn close(&mut self) {
        self.closed = true;
    }

    /// A number that is the same for packets that took the same lines, and hardly ever for others.
    #[must_use]
    pub const fn path(&self) -> u32 {
        self.path
    }

    /// The hops so far.
    #[must_use]
    pub fn hops(&self) -> &[Hop] {
        &self.hops[..usize::from(self.count)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_beyond_the_last_are_left_out() {
        let mut telemetry = Telemetry::default();
        for time_ps in 0..12 {
            telemetry.push(1, Hop { time_ps, ..Hop::default() });
        }
        let times: Vec<u64> = telemetry.hops().iter().map(|hop| hop.time_ps).collect();
        assert_eq!(times, [0, 1, 2, 3, 4, 5, 6, 7]);
        let path = |lines: [u32; 3]| {
            let mut telemetry = Telemetry::default();
            lines.into_iter().for_each(|line| telemetry.push(line, Hop::default()));
            telemetry.path()
        };
        assert_eq!(path([7, 8, 9]), path([7, 8, 9]));
        assert!([[7, 9, 8], [7, 8, 10], [6, 8, 9]].into_iter().all(|other| path(other) != path([7, 8, 9])));
        let mut echo = Telemetry::default();
        echo.close();
        echo.push(1, Hop::default());
        assert!(echo.hops().is_empty(), "the way back is not measured");
    }
}
