//! Recordings on disk: the only module that knows bincode.
//!
//! A file is [`MAGIC`], the version of the layout (4 bytes, little-endian), and the recording as bincode 2.0.1 writes it
//! (standard configuration). Upstream has ended, so the crate may be replaced here, with the next [`VERSION`]; a file of another
//! version is refused, and the run folder can make it again.

use super::recorder::Recording;
use bincode::config;

/// The first bytes.
pub const MAGIC: [u8; 8] = *b"RNIC-REC";
/// The version of the layout.
pub const VERSION: u32 = 4;
/// Bytes that a recording may decode to: a damaged length must not ask for all memory.
const LIMIT: usize = 1 << 30;

/// Why a file is no recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It does not begin as recordings do.
    #[error("this is no recording")]
    Foreign,
    /// It has another layout.
    #[error("the recording has version {0}, this program reads version {VERSION}")]
    Version(u32),
    /// It is cut short or changed.
    #[error("the recording is damaged: {0}")]
    Damaged(String),
}

/// The recording as a file.
#[must_use]
pub fn encode(recording: &Recording) -> Vec<u8> {
    let body = bincode::serde::encode_to_vec(recording, config::standard());
    let body = body.expect("a recording is plain data, which always encodes");
    [&MAGIC[..], &VERSION.to_le_bytes(), &body].concat()
}

/// The recording in a file.
///
/// # Errors
/// It is none, or of another version, or damaged.
pub fn decode(file: &[u8]) -> Result<Recording, FormatError> {
    let rest = file.strip_prefix(&MAGIC).ok_or(FormatError::Foreign)?;
    let (version, body) = rest.split_first_chunk().ok_or(FormatError::Foreign)?;
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        return Err(FormatError::Version(version));
    }
    let config = config::standard().with_limit::<LIMIT>();
    let (recording, read): (Recording, usize) =
        bincode::serde::decode_from_slice(body, config).map_err(|error| FormatError::Damaged(error.to_string()))?;
    if read != body.len() {
        return Err(FormatError::Damaged(format!("{} bytes too many", body.len() - read)));
    }
    Ok(recording)
}

#[cfg(test)]
mod tests {
    use super::super::event::{Kind, Record};
    use super::*;

    fn recording() -> Recording {
        let kinds = [
            Kind::Tasks,
            Kind::Post { operation: "write".into(), request: 3, object: "qp 7".to_owned() },
            Kind::Pause { priorities: 8, length_ps: 5 },
        ];
        let record = |(number, kind)| Record { number, cause: number.checked_sub(1), time_ps: 7, place: 1, kind };
        Recording { places: vec!["node0".to_owned()], records: (0..).zip(kinds).map(record).collect(), left_out: 2 }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(decode(&encode(&recording())), Ok(recording()));
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let file = encode(&recording());
        for end in 0..file.len() {
            assert!(decode(&file[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(decode(b"something else"), Err(FormatError::Foreign));
        let mut later = file.clone();
        later[8] = VERSION as u8 + 1;
        assert_eq!(decode(&later), Err(FormatError::Version(VERSION + 1)));
        assert!(matches!(decode(&[&file[..], &[0]].concat()), Err(FormatError::Damaged(_))));
        let mut huge = file[..12].to_vec();
        huge.extend([0xff; 12]);
        assert!(matches!(decode(&huge), Err(FormatError::Damaged(_))));
    }
}
