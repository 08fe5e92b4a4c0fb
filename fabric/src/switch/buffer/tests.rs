use super::*;
use crate::switch::config::Alpha;

const LOSSLESS: usize = 3;
const LOSSY: usize = 0;

/// One port: 1000 bytes to share, 100 reserved for each priority, 200 of headroom.
fn buffer() -> Buffer {
    let config = BufferConfig {
        total_bytes: 1_000 + 8 * 100 + 200,
        reserved_bytes: 100,
        headroom_bytes: 200,
        ingress_alpha: Alpha::ONE,
        egress_alpha: Alpha::ONE,
        resume_offset_bytes: 50,
        lossless: 1 << LOSSLESS,
        pause_quanta: 100,
    };
    Buffer::new(config, 1).expect("something is left to share")
}

fn held(buffer: &Buffer, priority: usize) -> (u64, u64, u64) {
    let account = buffer.accounts[priority];
    (account.reserved, account.shared, account.headroom)
}

#[test]
fn reserved_then_shared_then_headroom_and_back() {
    let mut buffer = buffer();
    // The threshold at alpha 1: what the account holds equals what is left, that is half of the shared part.
    let table = [
        (80, Ok(()), (80, 0, 0), false),
        (120, Ok(()), (100, 100, 0), false),
        (400, Ok(()), (100, 500, 0), true),
        (150, Ok(()), (100, 500, 150), true),
        (51, Err(DropReason::HeadroomFull), (100, 500, 150), true),
        (50, Ok(()), (100, 500, 200), true),
    ];
    for (bytes, admitted, holds, paused) in table {
        assert_eq!(buffer.admit(0, LOSSLESS, bytes, 0), admitted, "{bytes} bytes");
        let newly = buffer.must_pause(0, LOSSLESS);
        assert_eq!(held(&buffer, LOSSLESS), holds, "{bytes} bytes");
        assert_eq!((buffer.paused(0) != 0, newly), (paused, bytes == 400), "{bytes} bytes");
    }
    assert_eq!(buffer.used_bytes(), 800);
    // It may go on 50 bytes below the threshold: 475 held, 525 free.
    for (bytes, holds, resumes) in [
        (50, (100, 500, 150), false),
        (150, (100, 500, 0), false),
        (24, (100, 476, 0), false),
        (1, (100, 475, 0), true),
        (500, (75, 0, 0), false),
        (75, (0, 0, 0), false),
    ] {
        buffer.release(0, LOSSLESS, bytes);
        assert_eq!(held(&buffer, LOSSLESS), holds, "{bytes} bytes back");
        assert_eq!(buffer.may_resume(0, LOSSLESS), resumes, "{bytes} bytes back");
    }
    assert_eq!((buffer.used_bytes(), buffer.shared_used), (0, 0));
}

#[test]
fn lossy_queues_are_limited_where_they_stand() {
    let mut buffer = buffer();
    assert_eq!(buffer.admit(0, LOSSY, 600, 0), Ok(()));
    assert_eq!(held(&buffer, LOSSY), (100, 500, 0));
    // 500 are free, so a queue may be as long: not this one, but an empty one.
    assert_eq!(buffer.admit(0, LOSSY, 1, 600), Err(DropReason::BufferFull));
    assert_eq!(buffer.admit(0, LOSSY, 500, 0), Ok(()));
    assert_eq!(buffer.admit(0, LOSSY, 1, 0), Err(DropReason::BufferFull));
    assert!(!buffer.must_pause(0, LOSSY));
    buffer.release(0, LOSSY, 1_100);
    assert_eq!(buffer.used_bytes(), 0);
}

#[test]
fn the_reserved_part_is_there_when_all_else_is_taken() {
    let mut buffer = buffer();
    buffer.config.egress_alpha = Alpha::from_log2(3).expect("alpha 8");
    assert_eq!(buffer.admit(0, LOSSY, 1_100, 0), Ok(()));
    assert_eq!(buffer.shared_used, buffer.shared_bytes);
    assert_eq!(buffer.admit(0, LOSSLESS, 100, 0), Ok(()));
    assert_eq!(held(&buffer, LOSSLESS), (100, 0, 0));
    assert!(!buffer.must_pause(0, LOSSLESS));
    assert_eq!(buffer.admit(0, LOSSLESS, 1, 0), Ok(()));
    assert_eq!(held(&buffer, LOSSLESS), (100, 0, 1));
    assert!(buffer.must_pause(0, LOSSLESS));
}

#[test]
fn alpha_is_a_shift_within_limits() {
    let of = |exponent, bytes| Alpha::from_log2(exponent).map(|alpha| alpha.of(bytes));
    assert_eq!([of(-7, 1_280), of(0, 7), of(3, 7), of(3, u64::MAX)], [Some(10), Some(7), Some(56), Some(u64::MAX)]);
    assert_eq!([of(-8, 1), of(4, 1)], [None, None]);
}

#[test]
fn memory_must_suffice() {
    let config = BufferConfig { total_bytes: 1_000, ..buffer().config };
    let error = Buffer::new(config, 1).map(|_| ()).expect_err("nothing is left");
    assert_eq!(error.to_string(), "a buffer of 1000 bytes has nothing to share: 1 ports keep 1000 bytes");
    let huge = BufferConfig { reserved_bytes: u64::MAX, ..config };
    assert!(Buffer::new(huge, 60_000).is_err());
}
