//! Waiting for many files at once, and being woken.

use super::check;
use crate::error::Errno;
use std::ffi::c_int;
use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;

/// Makes reads from a file return at once when there is nothing.
pub(super) fn never_block(file: c_int) -> Result<(), Errno> {
    // SAFETY: fcntl with these commands touches no memory.
    let flags = unsafe { libc::fcntl(file, libc::F_GETFL) };
    // SAFETY: as above.
    if flags < 0 || unsafe { libc::fcntl(file, libc::F_SETFL, flags | libc::O_NONBLOCK) } < 0 {
        return Err(Errno::last());
    }
    Ok(())
}

/// Waits, however long it takes, until some of the files can be read, and says which.
pub(crate) fn wait_readable<const N: usize>(files: [c_int; N]) -> [bool; N] {
    let mut polled = files.map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    loop {
        // SAFETY: the array is valid for its length.
        match check(unsafe { libc::poll(polled.as_mut_ptr(), N as libc::nfds_t, -1) }.min(0)) {
            // A signal; the call is made again.
            Err(Errno(libc::EINTR)) => {}
            _ => return polled.map(|file| file.revents != 0),
        }
    }
}

/// Ends a [`wait_readable`] in another thread, by dropping it.
#[derive(Debug)]
pub(crate) struct Waker(PipeWriter);

impl Waker {
    pub(crate) fn new() -> Result<(Self, PipeReader), Errno> {
        let (reader, writer) = std::io::pipe().map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::EMFILE)))?;
        Ok((Self(writer), reader))
    }

    /// Wakes.
    pub(crate) fn wake(&mut self) {
        // The reader may be gone already.
        let _ = self.0.write_all(&[0]);
    }
}

/// The file to wait for.
pub(crate) fn file_of(reader: &PipeReader) -> c_int {
    reader.as_raw_fd()
}
