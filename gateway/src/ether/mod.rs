//! Ways to carry Ethernet frames: [`datagrams`] (UNIX datagrams, one frame each, as qemu's `-netdev dgram`), [`tap`] (a TAP
//! device of Linux), [`pair`] (two ends in one process, for tests).

pub mod datagrams;
pub mod pair;
pub mod tap;

use bytes::Bytes;
use std::fmt;
use std::io;
use std::time::Duration;

/// An Ethernet. Frames go from the Ethernet header on, without frame check sequence.
pub trait Ether: fmt::Debug {
    /// Sends a frame; `false` if nobody is there to take it.
    ///
    /// # Errors
    /// Those of the operating system.
    fn send(&mut self, frame: &[u8]) -> io::Result<bool>;

    /// The next frame, if one is there.
    ///
    /// # Errors
    /// Those of the operating system.
    fn receive(&mut self) -> io::Result<Option<Bytes>>;

    /// Waits for a frame, at most so long. May return early.
    ///
    /// # Errors
    /// Those of the operating system.
    fn wait(&mut self, longest: Duration) -> io::Result<()>;
}

/// Longest frame taken: what the largest path MTU (4096) comes to, and room.
const FRAME_BYTES_MAX: usize = 9_216;
