//! UNIX datagrams, one Ethernet frame each: qemu's `-netdev dgram,local.type=unix,remote.type=unix`. Needs no root.

use super::{Ether, FRAME_BYTES_MAX};
use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A peer that takes nothing for so long is not there. Its queue holds few frames (`net.unix.max_dgram_qlen`), so that a
/// sender has to wait now and then.
const PATIENCE: Duration = Duration::from_millis(200);

/// A socket at one path that sends to another.
#[derive(Debug)]
pub struct Datagrams {
    own: PathBuf,
    peer: PathBuf,
    inbox: UnixDatagram,
    outbox: UnixDatagram,
}

impl Datagrams {
    /// Listens at `own`, which is removed when this is dropped. A socket that an earlier process has left there is
    /// replaced. The peer need not be there yet.
    ///
    /// # Errors
    /// Those of the operating system; paths are limited to 107 bytes.
    pub fn bind(own: &Path, peer: &Path) -> io::Result<Self> {
        if fs::symlink_metadata(own).is_ok_and(|found| found.file_type().is_socket()) {
            fs::remove_file(own)?;
        }
        let inbox = UnixDatagram::bind(own)?;
        inbox.set_nonblocking(true)?;
        let outbox = UnixDatagram::unbound()?;
        outbox.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { own: own.to_owned(), peer: peer.to_owned(), inbox, outbox })
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.own);
    }
}

impl Ether for Datagrams {
    fn send(&mut self, frame: &[u8]) -> io::Result<bool> {
        match self.outbox.send_to(frame, &self.peer) {
            Ok(_) => Ok(true),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    Ok(false)
                }
                _ => Err(error),
            },
        }
    }

    fn receive(&mut self) -> io::Result<Option<Bytes>> {
        let mut frame = vec![0; FRAME_BYTES_MAX];
        match self.inbox.recv(&mut frame) {
            Ok(length) => {
                frame.truncate(length);
                Ok(Some(frame.into()))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn wait(&mut self, longest: Duration) -> io::Result<()> {
        let length = Timespec { tv_sec: longest.as_secs() as i64, tv_nsec: longest.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&self.inbox, PollFlags::IN)], Some(&length)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_travel_and_an_absent_peer_is_no_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let (here, there) = (folder.path().join("here"), folder.path().join("there"));
        let mut one = Datagrams::bind(&here, &there).expect("a free path");
        assert!(!one.send(&[1; 60]).expect("nobody is there yet"));
        let mut other = Datagrams::bind(&there, &here).expect("a free path");
        assert!(one.send(&[2; 1_500]).expect("somebody is there"));
        other.wait(Duration::from_secs(5)).expect("the socket can be waited for");
        assert_eq!(other.receive().expect("the socket works").as_deref(), Some(&[2; 1_500][..]));
        assert_eq!(other.receive().expect("the socket works"), None);
        drop(other);
        assert!(!there.exists() && here.exists());
        // Another life at the same path.
        Datagrams::bind(&here, &there).expect("the path is replaced");
    }
}
