//! Connections.

use super::row;
use crate::mutant::how::{Defect, How, Which};
use provider::ndk::{Call, CallKind, Out, Return, Status, UpcallBody};

/// Connection data, to be changed: both read limits, the data, the size told.
fn data(returned: &mut Return, change: fn(&mut u32, &mut Vec<u8>, &mut u32)) {
    if let Out::ConnectionData { outbound_read_limit, private_data, required_bytes, .. } = &mut returned.out {
        change(outbound_read_limit, private_data, required_bytes);
    }
}

pub(super) const DEFECTS: &[Defect] = &[
    row(
        "read-limit-not-capped",
        126,
        "handshake",
        How::Answer(CallKind::GetConnectionData, |returned| data(returned, |limit, _, _| *limit += 100)),
        "reports a read limit above what this side asked for",
    ),
    row(
        "short-buffer-succeeds",
        127,
        "handshake",
        How::Answer(CallKind::GetConnectionData, |returned| {
            if returned.status == Status::BUFFER_TOO_SMALL {
                returned.status = Status::SUCCESS;
            }
        }),
        "returns SUCCESS although the private data did not fit",
    ),
    row(
        "private-data-not-copied",
        127,
        "handshake",
        How::Answer(CallKind::GetConnectionData, |returned| data(returned, |_, data, _| data.clear())),
        "returns SUCCESS and copies nothing",
    ),
    row(
        "private-data-overrun",
        127,
        "handshake",
        How::Answer(CallKind::GetConnectionData, |returned| {
            data(returned, |_, data, _| {
                if !data.is_empty() {
                    data.extend([0; 8]);
                }
            });
        }),
        "writes more bytes than the buffer holds",
    ),
    row("address-given-twice", 128, "addresses", How::SameAddress, "gives an address to two endpoints at once"),
    row(
        "port-outside-the-range",
        129,
        "every-object",
        How::Answer(CallKind::GetLocalAddress, |returned| {
            if let Out::Address(address) = &mut returned.out {
                address.set_port(1_024);
            }
        }),
        "gives a port below the dynamic range to who asked for any",
    ),
    row(
        "used-address-status",
        129,
        "addresses",
        How::Answer(CallKind::Listen, |returned| {
            if returned.status == Status::SHARING_VIOLATION {
                returned.status = Status::UNSUCCESSFUL;
            }
        }),
        "refuses an address in use with a status that does not say so",
    ),
    row(
        "paused-listener-offers",
        130,
        "paused",
        How::Refuse(|call| match call {
            Call::ControlConnectEvents { .. } => Some(Status::SUCCESS),
            _ => None,
        }),
        "goes on offering connections while paused",
    ),
    row(
        "refusal-status",
        131,
        "nobody-listens",
        How::Change(Which::Completion(CallKind::Connect), |upcall| {
            if let UpcallBody::RequestCompletion { status: status @ Status::CONNECTION_REFUSED, .. } = &mut upcall.body
            {
                *status = Status::UNSUCCESSFUL;
            }
        }),
        "reports a refused connection with another status",
    ),
    row(
        "accept-too-early",
        132,
        "accept-waits",
        How::Fake(CallKind::Accept, Status::SUCCESS),
        "completes an accept before the peer has completed",
    ),
    row(
        "abandoned-accept-succeeds",
        132,
        "active-gives-up",
        How::Change(Which::Completion(CallKind::Accept), |upcall| {
            if let UpcallBody::RequestCompletion { status, .. } = &mut upcall.body {
                *status = Status::SUCCESS;
            }
        }),
        "reports an accept as done whose peer gave up",
    ),
    row(
        "completes-what-is-not-connecting",
        133,
        "complete-too-early",
        How::Answer(CallKind::CompleteConnect, |returned| returned.status = Status::SUCCESS),
        "completes a connector that was never connected",
    ),
    row(
        "disconnect-before-data",
        134,
        "disconnect-drains",
        How::Fake(CallKind::Disconnect, Status::SUCCESS),
        "completes a disconnect while requests still move data",
    ),
    row(
        "disconnect-leaves-receives",
        135,
        "event-flushes-nothing",
        How::Fake(CallKind::Disconnect, Status::SUCCESS),
        "completes a disconnect and leaves receives posted",
    ),
    row(
        "disconnect-event-twice",
        136,
        "disconnect-event",
        How::Twice(Which::DisconnectEvent),
        "reports a disconnect twice",
    ),
    row(
        "disconnect-event-lost",
        136,
        "disconnect-event",
        How::Never(Which::DisconnectEvent),
        "does not report the peer's disconnect",
    ),
    row(
        "disconnect-event-wrong-context",
        136,
        "disconnect-event",
        How::Change(Which::DisconnectEvent, |upcall| upcall.context ^= 0x1000),
        "reports a disconnect with another context",
    ),
    row(
        "own-disconnect-reported",
        136,
        "disconnect-event",
        How::OwnDisconnect,
        "reports the consumer's own disconnect to it",
    ),
    row(
        "disconnect-event-too-early",
        138,
        "accept-waits",
        How::DisconnectBeforeAccept,
        "reports a disconnect before the connection was there",
    ),
    row(
        "connect-event-wrong-context",
        71,
        "handshake",
        How::Change(Which::ConnectEvent, |upcall| upcall.context ^= 0x1000),
        "offers a connection with another context",
    ),
    row(
        "no-ipv6",
        139,
        "ipv6",
        How::Refuse(|call| match call {
            Call::Listen { address, .. } if address.is_ipv6() => Some(Status::INVALID_ADDRESS),
            _ => None,
        }),
        "does not know its own IPv6 address",
    ),
    row("connects-to-itself", 140, "loopback", How::Loops, "connects to itself, and has not said that it can"),
];
