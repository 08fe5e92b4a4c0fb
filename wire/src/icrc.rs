//! The invariant CRC: Ethernet's CRC-32 over all that no switch or router may change.
//!
//! Fields that do change on the way (time to live, traffic class, flow label, checksums, the congestion byte of BTH) count
//! as ones, and so do eight bytes in front, in place of InfiniBand's local route header (IBTA volume 1, 7.8.1 and annex
//! A17; `rxe_icrc.c` of Linux agrees). The result is little-endian on the wire.

use crate::cursor::Cursor;
use crate::error::ParseError;
use crate::layout::{BTH_LEN, ICRC_LEN, Layout, UDP_LEN};
use crc32fast::Hasher;

/// CRC-32 of the eight bytes 0xff that stand for the local route header.
const CRC_OF_LOCAL_ROUTE: u32 = 0x2144_df1c;

/// The longest headers that are masked: IPv4 with all options.
const MASKED_LEN_MAX: usize = 60 + UDP_LEN + BTH_LEN;

/// ICRC of `packet`, which runs from the IP header to the padding and holds at least IP, UDP and BTH.
pub(crate) fn compute(packet: &[u8], ip_header_len: usize) -> u32 {
    let bth = ip_header_len + UDP_LEN;
    let (headers, rest) = packet.split_at(bth + BTH_LEN);
    let mut masked = [0; MASKED_LEN_MAX];
    let masked = &mut masked[..headers.len()];
    masked.copy_from_slice(headers);
    if headers[0] >> 4 == 4 {
        masked[1] = 0xff;
        masked[8] = 0xff;
        masked[10..12].fill(0xff);
    } else {
        masked[0] |= 0x0f;
        masked[1..4].fill(0xff);
        masked[7] = 0xff;
    }
    masked[ip_header_len + 6..bth].fill(0xff);
    masked[bth + 4] = 0xff;

    let mut hasher = Hasher::new_with_initial(CRC_OF_LOCAL_ROUTE);
    hasher.update(masked);
    hasher.update(rest);
    hasher.finalize()
}

/// Checks the ICRC of a RoCEv2 packet in an Ethernet frame (without frame check sequence).
///
/// # Errors
/// `Icrc` if it does not match; what the parser says if the frame carries no RoCEv2 packet.
pub fn check(frame: &[u8]) -> Result<(), ParseError> {
    let layout = Layout::find_roce(frame)?;
    check_at(frame, &layout)
}

/// Checks the ICRC of the packet that [`Layout::find_roce`] has found.
pub(crate) fn check_at(frame: &[u8], layout: &Layout) -> Result<(), ParseError> {
    let offset = layout.end - ICRC_LEN;
    let actual = u32::from_le_bytes(Cursor::new(frame, offset).array("ICRC")?);
    let needed = compute(&frame[layout.ip..offset], layout.transport - layout.ip);
    if needed == actual { Ok(()) } else { Err(ParseError::Icrc { offset, needed, actual }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_the_crc_of_eight_ones() {
        assert_eq!(crc32fast::hash(&[0xff; 8]), CRC_OF_LOCAL_ROUTE);
    }
}
