//! Words of the gateway's command line.

use des::Ratio;
use scenarios::gateway::{Call, Tool};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use wire::Mac;

/// `OWN,PEER`.
pub(super) fn sockets(word: &str) -> Result<(PathBuf, PathBuf), String> {
    let (own, peer) = word.split_once(',').ok_or("write two paths with a comma between them")?;
    if own.is_empty() || peer.is_empty() || own == peer {
        return Err("write two different paths".to_owned());
    }
    Ok((own.into(), peer.into()))
}

/// `ADDRESS/LENGTH`.
pub(super) fn address(word: &str) -> Result<(IpAddr, u8), String> {
    let (address, length) =
        word.split_once('/').ok_or("write the length of its network's prefix, such as 10.8.0.1/24")?;
    let address: IpAddr = address.parse().map_err(|error| format!("{error}"))?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = length.parse().ok().filter(|length| (1..=most).contains(length));
    Ok((address, length.ok_or_else(|| format!("a prefix has 1 to {most} bits"))?))
}

/// Six bytes in hexadecimal with colons.
pub(super) fn mac(word: &str) -> Result<Mac, String> {
    let bytes: Option<Vec<u8>> = word.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    let bytes = bytes.and_then(|bytes| <[u8; 6]>::try_from(bytes).ok()).ok_or("write it as 02:00:00:00:00:01")?;
    if bytes[0] & 1 == 0 { Ok(Mac(bytes)) } else { Err("that is a group's address".to_owned()) }
}

/// 256 to 4096, a power of two.
pub(super) fn path_mtu(word: &str) -> Result<u32, String> {
    let known = word.parse().ok().filter(|mtu| [256, 512, 1024, 2048, 4096].contains(mtu));
    known.ok_or_else(|| "a path MTU is 256, 512, 1024, 2048 or 4096".to_owned())
}

/// A tool that may connect.
pub(super) fn served(word: &str) -> Result<Tool, String> {
    tool(word, &Tool::SERVED)
}

fn tool(word: &str, known: &[Tool]) -> Result<Tool, String> {
    let found = known.iter().copied().find(|tool| tool.name() == word);
    found.ok_or_else(|| format!("known: {}", known.iter().map(|tool| tool.name()).collect::<Vec<_>>().join(", ")))
}

/// `TOOL@ADDRESS` or `TOOL@ADDRESS:PORT`, an IPv6 address with a port in brackets.
pub(super) fn call(word: &str) -> Result<Call, String> {
    let (name, place) = word.split_once('@').ok_or("write it as rping@10.8.0.2")?;
    let tool = tool(name, &Tool::CALLED)?;
    let address = match place.parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address, tool.default_port()),
        Err(_) => place.parse().map_err(|_| "the address is 10.8.0.2, 10.8.0.2:7174, fd00::2 or [fd00::2]:7174")?,
    };
    Ok(Call { tool, address })
}

/// `0.1%`, `0.001` or `1/1000`.
pub(super) fn rate(word: &str) -> Result<Ratio, String> {
    let fraction = word.split_once('/').map(|(top, bottom)| Some((top.parse().ok()?, bottom.parse().ok()?)));
    let read = fraction.unwrap_or_else(|| match word.strip_suffix('%') {
        Some(percent) => decimal(percent).and_then(|(top, bottom)| Some((top, bottom.checked_mul(100)?))),
        None => decimal(word),
    });
    let ratio = read.and_then(|(top, bottom)| Ratio::new(top, bottom));
    ratio.ok_or_else(|| "write a rate from 0 to 1 as 0.1%, 0.001 or 1/1000".to_owned())
}

/// A decimal number as a fraction.
fn decimal(word: &str) -> Option<(u32, u32)> {
    let (whole, part) = word.split_once('.').unwrap_or((word, ""));
    let bottom = 10_u32.checked_pow(part.len() as u32)?;
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u32>().ok() };
    if word.is_empty() || word == "." {
        return None;
    }
    Some((digits(whole)?.checked_mul(bottom)?.checked_add(digits(part)?)?, bottom))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_in_every_way() {
        let same = Ratio::new(1, 1_000);
        for word in ["0.1%", "0.001", "1/1000"] {
            let read = rate(word).ok();
            let equal = |a: Ratio, b: Ratio| {
                u64::from(a.numerator) * u64::from(b.denominator) == u64::from(b.numerator) * u64::from(a.denominator)
            };
            assert!(read.zip(same).is_some_and(|(read, same)| equal(read, same)), "{word}: {read:?}");
        }
        for wrong in ["", ".", "%", "2", "101%", "1/0", "-1", "0.00000000001", "x"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn calls_and_addresses_are_read() {
        let called = |word: &str| call(word).map(|call| (call.tool, call.address.to_string()));
        assert_eq!(called("rping@10.8.0.2"), Ok((Tool::Rping, "10.8.0.2:7174".to_owned())));
        assert_eq!(called("ucmatose@[fd00::2]:9"), Ok((Tool::Ucmatose, "[fd00::2]:9".to_owned())));
        assert_eq!(called("rping@fd00::2"), Ok((Tool::Rping, "[fd00::2]:7174".to_owned())));
        assert_eq!(called("ib_atomic_bw@10.8.0.2"), Ok((Tool::AtomicBw, "10.8.0.2:18515".to_owned())));
        assert!(called("perftest@10.0.0.1").is_err() && served("ib_atomic_bw").is_err() && served("perftest").is_ok());
        assert!(called("ping@10.0.0.1").is_err() && called("rping").is_err() && called("rping@host").is_err());
        assert!(address("10.8.0.1/24").is_ok() && address("fd00::1/64").is_ok());
        assert!(address("10.8.0.1").is_err() && address("10.8.0.1/33").is_err() && address("10.8.0.1/0").is_err());
    }

    #[test]
    fn other_words_are_read() {
        assert_eq!(mac("02:00:00:00:00:0f"), Ok(Mac([2, 0, 0, 0, 0, 15])));
        assert!(mac("01:00:00:00:00:00").is_err() && mac("02:00").is_err());
        assert!(path_mtu("1024").is_ok() && path_mtu("1500").is_err());
        assert!(sockets("a,b").is_ok() && sockets("a").is_err() && sockets("a,a").is_err() && sockets(",b").is_err());
    }
}
