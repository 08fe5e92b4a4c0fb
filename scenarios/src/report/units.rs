//! Numbers as people read them. Integers in, text out.

/// With a comma between groups of three digits.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the largest binary unit that keeps the number above one, two digits after the point.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let exponent = bytes.checked_ilog2().unwrap_or(0) / 10;
    if exponent == 0 {
        return format!("{bytes} B");
    }
    let unit = 1_u128 << (10 * exponent);
    let hundredths = u128::from(bytes) * 100 / unit;
    format!("{}.{:02} {}", hundredths / 100, hundredths % 100, UNITS[exponent as usize - 1])
}

/// A rate in 10^9 bit/s, from 10^6 bit/s.
#[must_use]
pub fn gbps(mbps: u64) -> String {
    format!("{}.{:02} Gb/s", mbps / 1_000, mbps % 1_000 / 10)
}

/// A ratio, from hundredths.
#[must_use]
pub fn ratio(percent: u64) -> String {
    format!("{}.{:02}", percent / 100, percent % 100)
}

/// A share, from thousandths.
#[must_use]
pub fn percent(permille: u32) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1_023, 1_024, 1_536, 5 << 20].map(bytes), ["0 B", "1023 B", "1.00 KiB", "1.50 KiB", "5.00 MiB"]);
        assert_eq!(bytes(u64::MAX), "15.99 EiB");
        assert_eq!(gbps(93_456), "93.45 Gb/s");
        assert_eq!([7, 100, 12_345].map(ratio), ["0.07", "1.00", "123.45"]);
        assert_eq!(percent(7), "0.7 %");
    }
}
