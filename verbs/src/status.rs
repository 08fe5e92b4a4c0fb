//! What the libraries' error codes are to a consumer of NDK. `docs/VERBS.md` has the same tables, with reasons.

use crate::error::Errno;
use provider::ndk::Status;

/// The status of a call that failed with an error number.
pub(crate) fn of_errno(errno: Errno) -> Status {
    match errno.0 {
        libc::ENOMEM | libc::EAGAIN | libc::ENOSPC | libc::EMFILE => Status::INSUFFICIENT_RESOURCES,
        libc::EINVAL | libc::ERANGE => Status::INVALID_PARAMETER,
        libc::EOPNOTSUPP | libc::ENOSYS | libc::EPROTONOSUPPORT => Status::NOT_SUPPORTED,
        libc::EFAULT | libc::EACCES | libc::EPERM => Status::ACCESS_VIOLATION,
        libc::EBUSY => Status::DEVICE_BUSY,
        libc::EIO => Status::INTERNAL_ERROR,
        libc::ENODEV | libc::ENXIO => Status::DEVICE_REMOVED,
        libc::EADDRINUSE => Status::SHARING_VIOLATION,
        libc::EADDRNOTAVAIL => Status::INVALID_ADDRESS,
        libc::ENETUNREACH => Status::NETWORK_UNREACHABLE,
        libc::EHOSTUNREACH => Status::HOST_UNREACHABLE,
        libc::ETIMEDOUT => Status::IO_TIMEOUT,
        libc::ECONNREFUSED => Status::CONNECTION_REFUSED,
        libc::ECONNRESET | libc::ECONNABORTED => Status::CONNECTION_ABORTED,
        libc::ENOTCONN => Status::CONNECTION_INVALID,
        libc::EISCONN => Status::CONNECTION_ACTIVE,
        _ => Status::UNSUCCESSFUL,
    }
}

/// The status of a post that failed: a full queue says "no memory".
pub(crate) fn of_post(errno: Errno) -> Status {
    match errno.0 {
        libc::ENOMEM => Status::NO_MORE_ENTRIES,
        _ => of_errno(errno),
    }
}

/// How a work request ended (`ibv_wc_status`).
pub(crate) fn of_completion(code: i32, receive: bool) -> Status {
    match code {
        0 => Status::SUCCESS,
        // IBV_WC_LOC_LEN_ERR: the peer's message is longer than the receive; a request names more than a message can be.
        1 if receive => Status::BUFFER_OVERFLOW,
        1 => Status::DATA_OVERRUN,
        // IBV_WC_LOC_QP_OP_ERR, as rxe has it for a receive that is too short.
        2 if receive => Status::BUFFER_OVERFLOW,
        // IBV_WC_LOC_PROT_ERR, IBV_WC_LOC_ACCESS_ERR, IBV_WC_REM_ACCESS_ERR, IBV_WC_MW_BIND_ERR
        4 | 6 | 8 | 10 => Status::ACCESS_VIOLATION,
        // IBV_WC_WR_FLUSH_ERR
        5 => Status::CANCELLED,
        // IBV_WC_REM_INV_REQ_ERR, IBV_WC_REM_OP_ERR
        9 | 11 => Status::REMOTE_RESOURCES,
        // IBV_WC_RETRY_EXC_ERR, IBV_WC_RNR_RETRY_EXC_ERR, IBV_WC_RESP_TIMEOUT_ERR
        12 | 13 | 20 => Status::IO_TIMEOUT,
        // IBV_WC_REM_ABORT_ERR
        16 => Status::CONNECTION_ABORTED,
        _ => Status::INTERNAL_ERROR,
    }
}

/// Whether the connection itself is beyond use, as after every completion with an error but a flush.
pub(crate) fn is_fatal(code: i32) -> bool {
    !matches!(code, 0 | 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_completion_code_has_a_status_of_the_contract() {
        for code in 1..=22 {
            for receive in [false, true] {
                let status = of_completion(code, receive);
                assert!(status != Status::SUCCESS && status != Status::PENDING, "code {code}");
                assert!(status.name().is_some());
            }
        }
        assert_eq!(of_completion(0, true), Status::SUCCESS);
        assert_eq!(of_completion(i32::MIN, false), Status::INTERNAL_ERROR, "unknown codes are the device's failure");
    }

    #[test]
    fn only_flushes_and_successes_leave_the_connection_alone() {
        assert_eq!((0..23).filter(|&code| !is_fatal(code)).collect::<Vec<_>>(), [0, 5]);
    }

    #[test]
    fn a_full_queue_is_told_from_a_lack_of_memory() {
        assert_eq!(of_post(Errno(libc::ENOMEM)), Status::NO_MORE_ENTRIES);
        assert_eq!(of_errno(Errno(libc::ENOMEM)), Status::INSUFFICIENT_RESOURCES);
        assert_eq!(of_post(Errno(libc::EINVAL)), Status::INVALID_PARAMETER);
        assert_eq!(of_errno(Errno(0)), Status::UNSUCCESSFUL);
    }
}
