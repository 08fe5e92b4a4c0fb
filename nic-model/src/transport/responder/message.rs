//! Messages of several packets: what may follow what, how long, and where the bytes go.

use super::Responder;
use super::port::{AccessFault, ReceiveCompletion, ReceiveStatus, ResponderPort, Right};
use crate::transport::mtu::{MESSAGE_BYTES_MAX, Pmtu};
use crate::transport::packet::{Packet, Remote};
use crate::transport::sequence::Seq;
use wire::{Bth, Ext, NakCode, Operation, Position, Transport};

/// A SEND or WRITE of which the last packet has not come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inbound {
    target: Target,
    received_bytes: u32,
}

/// Packets of a message that may lie between one that is due and one that has come.
const fn ahead_bytes(pmtu: Pmtu, packets: u32) -> u64 {
    pmtu.bytes() as u64 * packets as u64
}

#[derive(Clone, Copy, Debug)]
enum Target {
    Receive,
    Range { remote: Remote, length_bytes: u32 },
}

/// Why a request is not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    ReceiverNotReady,
    Nak(NakCode),
}

const INVALID: Refusal = Refusal::Nak(NakCode::InvalidRequest);

impl From<AccessFault> for Refusal {
    fn from(_: AccessFault) -> Self {
        Self::Nak(NakCode::RemoteAccess)
    }
}

impl Responder {
    /// Executes one packet of a SEND or WRITE that is due. Nothing has changed if it is refused for want of a receive.
    pub(super) fn segment(
        &mut self,
        packet: &Packet,
        operation: Operation,
        position: Position,
        port: &mut impl ResponderPort,
    ) -> Result<(), Refusal> {
        if !fits_position(self.config.pmtu, position, packet.payload_bytes) {
            return Err(INVALID);
        }
        let message = match (self.message, position.is_first()) {
            (None, true) => self.begin(packet, operation, position, port)?,
            (Some(message), false) if message.is(operation) => message,
            _ => return Err(INVALID),
        };
        let total = message.received_bytes + packet.payload_bytes;
        self.place(message, packet, position, total, port)?;
        if position.is_last() {
            self.message = None;
            self.finish(packet, operation, total, port)
        } else {
            self.message = Some(Inbound { received_bytes: total, ..message });
            Ok(())
        }
    }

    /// Where the payload of a packet from the middle of a WRITE belongs, if the packet is due and calls for nothing else;
    /// [`write_on`](Self::write_on) must follow. Any other is one for [`on_request`](Self::on_request).
    #[must_use]
    #[inline]
    pub fn target(&self, bth: &Bth, length_bytes: u32) -> Option<Remote> {
        let Some(Inbound { target: Target::Range { remote, length_bytes: announced }, received_bytes }) = self.message
        else {
            return None;
        };
        let is_due = bth.psn == self.expected.psn() && self.config.transport == Transport::Rc && !self.halted;
        let fits = length_bytes == self.config.pmtu.bytes() && received_bytes + length_bytes < announced;
        let is_answered = bth.ack_request || self.newest_early >= self.expected || self.is_due_to_acknowledge(1);
        (is_due && fits && !is_answered).then(|| remote.offset(received_bytes))
    }

    /// The payload of such a packet is where it belongs.
    #[inline]
    pub fn write_on(&mut self, length_bytes: u32) {
        self.reported = false;
        if let Some(message) = &mut self.message {
            message.received_bytes += length_bytes;
        }
        self.step(1);
        self.unacknowledged += 1;
    }

    /// Where the payload of a packet belongs that has come too early: known if it is of the WRITE under way, whose first
    /// packet said where all of it goes.
    pub(super) fn early_target(
        &self,
        packet: &Packet,
        operation: Operation,
        position: Position,
        seq: Seq,
    ) -> Option<Remote> {
        let Some(Inbound { target: Target::Range { remote, length_bytes }, received_bytes }) = self.message else {
            return None;
        };
        let ahead = ahead_bytes(self.config.pmtu, seq.since(self.expected));
        let offset = u64::from(received_bytes) + ahead;
        let end = offset + u64::from(packet.payload_bytes);
        let fits = operation == Operation::Write
            && !position.is_first()
            && fits_position(self.config.pmtu, position, packet.payload_bytes)
            && end <= u64::from(length_bytes)
            && position.is_last() == (end == u64::from(length_bytes));
        fits.then(|| remote.offset(offset as u32))
    }

    fn begin(
        &mut self,
        packet: &Packet,
        operation: Operation,
        position: Position,
        port: &mut impl ResponderPort,
    ) -> Result<Inbound, Refusal> {
        if operation == Operation::Send {
            self.receive(port)?;
            return Ok(Inbound { target: Target::Receive, received_bytes: 0 });
        }
        let (Ext::Reth(reth) | Ext::RethImmediate(reth, _)) = packet.ext else { return Err(INVALID) };
        let length_bytes = reth.length_bytes;
        let single = position.is_last();
        if length_bytes > MESSAGE_BYTES_MAX || single != (length_bytes <= self.config.pmtu.bytes()) {
            return Err(INVALID);
        }
        let remote = Remote { address: reth.virtual_address, rkey: reth.rkey };
        if length_bytes > 0 {
            port.check(remote, length_bytes, Right::Write)?;
        }
        Ok(Inbound { target: Target::Range { remote, length_bytes }, received_bytes: 0 })
    }

    /// The receive of the message: the one that is held, else the next of the queue.
    fn receive(&mut self, port: &mut impl ResponderPort) -> Result<u32, Refusal> {
        let capacity = self.held_receive.or_else(|| port.take_receive()).ok_or(Refusal::ReceiverNotReady)?;
        self.held_receive = Some(capacity);
        Ok(capacity)
    }

    fn place(
        &mut self,
        message: Inbound,
        packet: &Packet,
        position: Position,
        total: u32,
        port: &mut impl ResponderPort,
    ) -> Result<(), Refusal> {
        let length_bytes = packet.payload_bytes;
        match message.target {
            Target::Receive => {
                if total > self.receive(port)? {
                    // Without connection reliability the message is dropped and the receive serves the next (class D).
                    if self.config.transport == Transport::Rc {
                        self.complete(packet, ReceiveStatus::LocalLength, total, false, port);
                    }
                    return Err(INVALID);
                }
                if length_bytes > 0 && port.place_receive(message.received_bytes, length_bytes).is_err() {
                    self.complete(packet, ReceiveStatus::LocalProtection, total, false, port);
                    return Err(Refusal::Nak(NakCode::RemoteOperational));
                }
            }
            Target::Range { remote, length_bytes: announced } => {
                if total > announced || position.is_last() != (total == announced) {
                    return Err(INVALID);
                }
                if immediate(packet.ext).is_some() {
                    self.receive(port)?;
                }
                if length_bytes > 0 {
                    port.place_write(remote.offset(message.received_bytes), length_bytes)?;
                }
            }
        }
        Ok(())
    }

    /// The message is there: invalidate, complete.
    fn finish(
        &mut self,
        packet: &Packet,
        operation: Operation,
        total: u32,
        port: &mut impl ResponderPort,
    ) -> Result<(), Refusal> {
        if let Ext::Invalidate(rkey) = packet.ext
            && port.invalidate(rkey).is_err()
        {
            self.complete(packet, ReceiveStatus::RemoteInvalidRequest, total, false, port);
            return Err(Refusal::Nak(NakCode::RemoteAccess));
        }
        let by_write = operation == Operation::Write;
        if !by_write || immediate(packet.ext).is_some() {
            self.complete(packet, ReceiveStatus::Ok, total, by_write, port);
        }
        Ok(())
    }

    fn complete(
        &mut self,
        packet: &Packet,
        status: ReceiveStatus,
        length_bytes: u32,
        by_write: bool,
        port: &mut impl ResponderPort,
    ) {
        self.held_receive = None;
        let invalidated = if let Ext::Invalidate(rkey) = packet.ext { Some(rkey) } else { None };
        port.complete_receive(ReceiveCompletion {
            status,
            length_bytes,
            by_write,
            immediate: immediate(packet.ext),
            invalidated,
            solicited: packet.solicited,
        });
    }
}

impl Inbound {
    const fn is(&self, operation: Operation) -> bool {
        match self.target {
            Target::Receive => matches!(operation, Operation::Send),
            Target::Range { .. } => matches!(operation, Operation::Write),
        }
    }
}

/// First and middle packets are full, last ones not empty (IBTA volume 1, 9.7.4.1.6).
const fn fits_position(pmtu: Pmtu, position: Position, payload_bytes: u32) -> bool {
    match position {
        Position::First | Position::Middle => payload_bytes == pmtu.bytes(),
        Position::Last | Position::LastImmediate | Position::LastInvalidate => {
            payload_bytes > 0 && payload_bytes <= pmtu.bytes()
        }
        Position::Only | Position::OnlyImmediate | Position::OnlyInvalidate => payload_bytes <= pmtu.bytes(),
    }
}

const fn immediate(ext: Ext) -> Option<u32> {
    match ext {
        Ext::Immediate(data) | Ext::RethImmediate(_, data) => Some(data),
        _ => None,
    }
}
