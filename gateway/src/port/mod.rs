//! The NIC's side of a real Ethernet: frames out past neighbours and faults, frames in past sorting and faults.

use crate::ether::Ether;
use crate::faults::{self, FaultReport, Faults};
use crate::neighbours::{Neighbours, addressed};
use crate::record::Record;
use crate::sort::is_roce;
use crate::stack::Stack;
use des::{Rate, Time};
use fabric::{Delivery, Link, LinkConfig, LinkId};
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Duration;
use wire::{Frame, Mac};

/// Most addresses of a host; it has one more, that of its link.
pub const ADDRESSES_MAX: usize = 7;

/// Who the simulated host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its IP addresses with the length of their networks' prefixes, at most [`ADDRESSES_MAX`].
    pub addresses: Vec<(IpAddr, u8)>,
}

/// What has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounters {
    /// RoCE packets put on the Ethernet.
    pub sent: u64,
    /// RoCE packets that came from it.
    pub received: u64,
    /// Other frames that came from it.
    pub other: u64,
    /// Frames that nobody took: the Ethernet has no other end yet, or it is stuck.
    pub refused: u64,
    /// RoCE packets for addresses that nobody has.
    pub unreachable: u64,
}

/// A simulated NIC's port on a real Ethernet.
#[derive(Debug)]
pub struct Port {
    ether: Box<dyn Ether>,
    neighbours: Neighbours,
    stack: Stack,
    /// From the NIC.
    out: Link,
    /// To the NIC.
    back: Link,
    /// The link's sender never goes back in time.
    last_sent: Time,
    record: Option<Record>,
    counters: PortCounters,
}

/// Faster than what is outside, so that the link itself never delays anything.
const LINK: LinkConfig = LinkConfig { rate: Rate::from_gbps(400), latency: des::Dur::ZERO };

impl Port {
    /// A port of the host `identity`.
    ///
    /// # Panics
    /// If there are more than [`ADDRESSES_MAX`] addresses.
    #[must_use]
    pub fn new(ether: Box<dyn Ether>, identity: &Identity, faults: &Faults) -> Self {
        assert!(identity.addresses.len() <= ADDRESSES_MAX, "a host has at most {ADDRESSES_MAX} addresses");
        let [mut out, mut back] = [0, 1].map(|number| Link::new(LinkId(number), LINK));
        faults.put_on(&mut out, "sent");
        faults.put_on(&mut back, "received");
        Self {
            ether,
            neighbours: Neighbours::new(identity.mac),
            stack: Stack::new(identity),
            out,
            back,
            last_sent: Time::ZERO,
            record: None,
            counters: PortCounters::default(),
        }
    }

    /// Captures RoCE packets into `sink` from now on.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn capture(&mut self, sink: Box<dyn Write>) -> io::Result<()> {
        self.record = Some(Record::new(sink)?);
        self.out.start_capture(usize::MAX);
        self.back.start_capture(usize::MAX);
        Ok(())
    }

    /// A frame leaves the NIC at `at`. What will leave the port goes to `out`, for [`emit`](Self::emit) at its time.
    ///
    /// # Errors
    /// Those of the Ethernet, when it is asked who has the frame's destination.
    pub fn transmit(&mut self, at: Time, frame: Box<Frame>, out: &mut Vec<Delivery>) -> io::Result<()> {
        let Some((from, to)) = frame.flow_hash_fields().map(|flow| (flow.source, flow.destination)) else {
            return Ok(());
        };
        match self.neighbours.find(to) {
            Some(mac) => self.pass(at, addressed(frame, mac), out),
            None => {
                if let Some(question) = self.neighbours.wait(at, from, to, *frame) {
                    self.put(&question)?;
                }
            }
        }
        Ok(())
    }

    /// Puts a frame on the Ethernet.
    ///
    /// # Errors
    /// Those of the Ethernet.
    pub fn emit(&mut self, frame: &Frame) -> io::Result<()> {
        self.counters.sent += 1;
        self.put(&frame.encode())
    }

    /// Takes the next frame from the Ethernet, if there is one. What the NIC is to hear goes to `back`, what will leave the
    /// port to `out`.
    ///
    /// # Errors
    /// Those of the Ethernet and of the capture.
    pub fn receive(&mut self, now: Time, back: &mut Vec<Delivery>, out: &mut Vec<Delivery>) -> io::Result<bool> {
        let Some(bytes) = self.ether.receive()? else { return Ok(false) };
        for waited in self.neighbours.learn(&bytes) {
            self.transmit(now, Box::new(waited), out)?;
        }
        if is_roce(&bytes) {
            self.counters.received += 1;
            self.back.send(now, Box::new(Frame::parse(bytes)), back);
        } else {
            self.counters.other += 1;
            for answer in self.stack.handle(now, &bytes) {
                self.put(&answer)?;
            }
        }
        Ok(true)
    }

    /// Waits for a frame, at most so long. May return early.
    ///
    /// # Errors
    /// Those of the Ethernet.
    pub fn wait(&mut self, longest: Duration) -> io::Result<()> {
        self.ether.wait(longest)
    }

    /// When [`wake`](Self::wake) is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.neighbours.next_deadline()
    }

    /// Asks again for addresses, and writes the capture on.
    ///
    /// # Errors
    /// Those of the Ethernet and of the capture.
    pub fn wake(&mut self, now: Time) -> io::Result<()> {
        for question in self.neighbours.wake(now) {
            self.put(&question)?;
        }
        self.write_record()
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// Those of its sink.
    pub fn finish(&mut self) -> io::Result<()> {
        self.write_record()?;
        self.record.take().map_or(Ok(()), Record::finish)
    }

    /// What has passed.
    #[must_use]
    pub fn counters(&self) -> PortCounters {
        PortCounters { unreachable: self.neighbours.unreachable, ..self.counters }
    }

    /// What the faults have done: first those of sent packets, then those of received ones.
    #[must_use]
    pub fn fault_reports(&self) -> Vec<FaultReport> {
        faults::reports(&self.out, "sent").chain(faults::reports(&self.back, "received")).collect()
    }

    fn pass(&mut self, at: Time, frame: Box<Frame>, out: &mut Vec<Delivery>) {
        self.last_sent = self.last_sent.max(at);
        self.out.send(self.last_sent, frame, out);
    }

    fn put(&mut self, frame: &[u8]) -> io::Result<()> {
        let taken = self.ether.send(frame)?;
        self.counters.refused += u64::from(!taken);
        Ok(())
    }

    fn write_record(&mut self) -> io::Result<()> {
        let Some(record) = &mut self.record else { return Ok(()) };
        record.write(0, self.out.take_captured())?;
        record.write(1, self.back.take_captured())
    }
}

#[cfg(test)]
mod tests;
