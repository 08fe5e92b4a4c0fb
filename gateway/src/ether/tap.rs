//! A TAP device of Linux: frames of the simulated NIC on a real bridge or cable. Making one needs root, using one that
//! belongs to the user does not.

use super::Ether;
use bytes::Bytes;
use smoltcp::phy::{Device, Medium, RxToken, TunTapInterface, TxToken, wait};
use smoltcp::time::{Duration as Length, Instant};
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// A TAP device.
#[derive(Debug)]
pub struct Tap(TunTapInterface);

impl Tap {
    /// Attaches to the device of this name, or makes it. It has to be up (`ip link set NAME up`).
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn open(name: &str) -> io::Result<Self> {
        TunTapInterface::new(name, Medium::Ethernet).map(Self)
    }
}

impl Ether for Tap {
    fn send(&mut self, frame: &[u8]) -> io::Result<bool> {
        let token = self.0.transmit(Instant::ZERO);
        Ok(token.map(|token| token.consume(frame.len(), |room| room.copy_from_slice(frame))).is_some())
    }

    fn receive(&mut self) -> io::Result<Option<Bytes>> {
        let tokens = self.0.receive(Instant::ZERO);
        Ok(tokens.map(|(token, _)| token.consume(Bytes::copy_from_slice)))
    }

    fn wait(&mut self, longest: Duration) -> io::Result<()> {
        // Whole milliseconds: what is shorter is waited for by asking.
        wait(self.0.as_raw_fd(), Some(Length::from_millis(longest.as_millis() as u64)))
    }
}
