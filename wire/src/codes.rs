//! Codes that stand for times and counts: receiver-not-ready timer, credits, local acknowledge timeout.
//!
//! Tables: IBTA volume 1, 9.7.5.2.8 (receiver-not-ready timer) and 9.7.7.2.4 (credits); `rdmavt/rc.c` of Linux has the same
//! numbers.

/// Picoseconds in a microsecond.
const PS_PER_US: u64 = 1_000_000;

/// Microseconds to wait for each receiver-not-ready code.
const RNR_TIMER_US: [u32; 32] = [
    655_360, 10, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 960, 1_280, 1_920, 2_560, 3_840, 5_120, 7_680,
    10_240, 15_360, 20_480, 30_720, 40_960, 61_440, 81_920, 122_880, 163_840, 245_760, 327_680, 491_520,
];

/// Credits for each code but the last, which is [`UNLIMITED_CREDITS`](crate::Aeth::UNLIMITED_CREDITS).
const CREDITS: [u32; 31] = [
    0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1_024, 1_536, 2_048, 3_072, 4_096,
    6_144, 8_192, 12_288, 16_384, 24_576, 32_768,
];

/// Unit of timeouts that double with each code: 4.096 microseconds.
const TIMEOUT_UNIT_PS: u64 = 4_096_000;

/// Microseconds to wait after a receiver-not-ready answer with this code (its low five bits).
#[must_use]
pub const fn rnr_timer_us(code: u8) -> u32 {
    RNR_TIMER_US[(code & 0x1f) as usize]
}

/// The same in picoseconds.
#[must_use]
pub const fn rnr_timer_ps(code: u8) -> u64 {
    rnr_timer_us(code) as u64 * PS_PER_US
}

/// The code of the shortest wait of at least `wait_us` microseconds; code 0, the longest, if none is long enough.
#[must_use]
pub fn rnr_timer_code(wait_us: u32) -> u8 {
    RNR_TIMER_US.iter().skip(1).position(|&us| us >= wait_us).map_or(0, |index| index as u8 + 1)
}

/// Receive buffers that a credit code (its low five bits) announces; `None` for "no limit".
#[must_use]
pub fn credits(code: u8) -> Option<u32> {
    CREDITS.get(usize::from(code & 0x1f)).copied()
}

/// The code of the most credits that do not exceed `credits`: a responder must not promise more than it has.
#[must_use]
pub fn credit_code(credits: u32) -> u8 {
    (CREDITS.partition_point(|&announced| announced <= credits) - 1) as u8
}

/// Picoseconds of a five-bit timeout code, 4.096 us x 2^code: local acknowledge timeout, and the response and service
/// timeouts of connection management.
#[must_use]
pub const fn timeout_ps(code: u8) -> u64 {
    TIMEOUT_UNIT_PS << (code & 0x1f)
}

/// Picoseconds that a requester waits for an acknowledgement; `None`, without end, for code 0.
#[must_use]
pub const fn ack_timeout_ps(code: u8) -> Option<u64> {
    if code & 0x1f == 0 { None } else { Some(timeout_ps(code)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Aeth;

    #[test]
    fn every_timer_code_is_the_answer_for_its_own_wait() {
        for code in 0..32 {
            assert_eq!(rnr_timer_code(rnr_timer_us(code)), code);
            assert_eq!(rnr_timer_ps(code), u64::from(rnr_timer_us(code)) * 1_000_000);
        }
        assert_eq!([1, 2, 3, 4].map(rnr_timer_us), [10, 20, 30, 40]);
        for code in 4..=32 {
            assert_eq!(rnr_timer_us(code), 2 * rnr_timer_us(code - 2), "code {code}; 32 is written 0");
        }
        assert_eq!(rnr_timer_us(0x2c & 0x1f), 640, "the code that soft-RoCE sends by default");
        assert_eq!(rnr_timer_code(0), 1);
        assert_eq!(rnr_timer_code(11), 2, "rounded up");
        assert_eq!(rnr_timer_code(u32::MAX), 0, "nothing is longer than code 0");
    }

    #[test]
    fn credit_codes_round_down() {
        for code in 0..31 {
            let count = credits(code).expect("codes below 31 count");
            assert_eq!(credit_code(count), code);
        }
        assert_eq!([0, 1, 2, 3].map(credits), [Some(0), Some(1), Some(2), Some(3)]);
        for code in 4..31 {
            assert_eq!(credits(code), credits(code - 2).map(|count| 2 * count));
        }
        assert_eq!(credits(Aeth::UNLIMITED_CREDITS), None);
        assert_eq!(credit_code(5), 4, "five buffers are announced as four");
        assert_eq!(credit_code(u32::MAX), 30, "never by accident without limit");
    }

    #[test]
    fn timeouts_double() {
        assert_eq!(ack_timeout_ps(0), None);
        assert_eq!(ack_timeout_ps(1), Some(8_192_000));
        assert_eq!(ack_timeout_ps(14), Some(67_108_864_000), "67 ms, the usual setting");
        assert_eq!(timeout_ps(31), 4_096_000 << 31);
    }
}
