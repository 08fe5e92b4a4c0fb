//! UNIX datagrams, one Ethernet frame each: qemu's `-netdev dgram,local.type=unix,remote.type=unix`. Needs no root.

use super::{Ether, FRAME_BYTES_MAX};
use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Frames kept for a peer whose queue is full, which it often is: it holds few (`net.unix.max_dgram_qlen`).
const BACKLOG_MAX: usize = 4_096;
/// While some are kept, the peer is asked again after so long.
const ASK_AGAIN: Duration = Duration::from_micros(200);

/// A socket at one path that sends to another.
#[derive(Debug)]
pub struct Datagrams {
    own: PathBuf,
    peer: PathBuf,
    inbox: UnixDatagram,
    outbox: UnixDatagram,
    backlog: VecDeque<Vec<u8>>,
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
        outbox.set_nonblocking(true)?;
        Ok(Self { own: own.to_owned(), peer: peer.to_owned(), inbox, outbox, backlog: VecDeque::new() })
    }
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Now,
    /// The peer's queue is full.
    Later,
    /// Nobody is there.
    Never,
}

impl Datagrams {
    fn try_send(&self, frame: &[u8]) -> io::Result<Sent> {
        match self.outbox.send_to(frame, &self.peer) {
            Ok(_) => Ok(Sent::Now),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Ok(Sent::Later),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => Ok(Sent::Never),
                _ => Err(error),
            },
        }
    }

    fn send_backlog(&mut self) -> io::Result<()> {
        while let Some(frame) = self.backlog.front() {
            if self.try_send(frame)? == Sent::Later {
                break;
            }
            self.backlog.pop_front();
        }
        Ok(())
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
        self.send_backlog()?;
        let outcome = if self.backlog.is_empty() { self.try_send(frame)? } else { Sent::Later };
        let room = self.backlog.len() < BACKLOG_MAX;
        if outcome == Sent::Later && room {
            self.backlog.push_back(frame.to_vec());
        }
        Ok(outcome == Sent::Now || outcome == Sent::Later && room)
    }

    fn receive(&mut self) -> io::Result<Option<Bytes>> {
        self.send_backlog()?;
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
        let longest = if self.backlog.is_empty() { longest } else { longest.min(ASK_AGAIN) };
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
