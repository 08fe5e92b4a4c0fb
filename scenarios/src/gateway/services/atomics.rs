//! The client of perftest's `ib_atomic_bw -R` as server (version 4.5): atomics on the peer's memory, every answer compared.
//!
//! Over the first connection both sides tell each other what they are, as [`perftest`](super::perftest) says; the second one
//! is for the test. The real client only measures. This one reads the server's number by adding nothing, then adds and swaps
//! by turns, every fourth time expecting a wrong number, and knows all along what has to be there.

use super::endpoint::{Connected, Inbox, Region, Remote, connect};
use super::perftest::{ADDRESS_AT, DESTINATION_BYTES, KEY_AT};
use super::{Host, Moved, Sizes, Trouble, while_connected};
use provider::ndk::AtomicOperation;
use provider::ndk::extension::ATOMIC_BYTES;
use std::net::SocketAddr;

/// Greetings of the client, each answered in kind: its version, the sizes of a buffer and of a cache line (big-endian), and
/// the path MTU as `ibv_mtu` has it, in digits.
const GREETINGS: [&[u8]; 4] = [b"6.06\0\0\0\0\0\0\0\0\0\0\0\0", &4096_u32.to_be_bytes(), &64_u32.to_be_bytes(), b"3\0"];
/// Destinations exchanged once the test's connection stands: to wait for each other, twice to tell where the memory is, and
/// to wait again. The server's is the same each time from the second on.
const DESTINATIONS: u32 = 4;
/// Numbers of the client's report that the server prints: bytes, messages, three rates.
const REPORT_NUMBERS: u32 = 5;
/// Atomics if nobody says how many.
const ATOMICS: u32 = 100;

/// The server's number as it must be.
#[derive(Clone, Copy, Debug)]
struct Number(u64);

impl Number {
    /// What to do in a round, and what it makes of the number.
    fn step(self, round: u32) -> (AtomicOperation, Self) {
        let mixed = (u64::from(round) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        match round % 4 {
            1 => (AtomicOperation::CompareSwap { compare: self.0, swap: mixed }, Self(mixed)),
            3 => (AtomicOperation::CompareSwap { compare: !self.0, swap: mixed }, self),
            _ => (AtomicOperation::FetchAdd { add: mixed }, Self(self.0.wrapping_add(mixed))),
        }
    }
}

/// The first connection, over which the client speaks and the server answers.
struct Control {
    connected: Connected,
    outbox: Region,
}

impl Control {
    /// Sends a message and returns the answer.
    async fn ask(&self, message: &[u8]) -> Result<Vec<u8>, Trouble> {
        let Connected { endpoint, inbox, .. } = &self.connected;
        self.outbox.fill(message);
        endpoint.send(&self.outbox, message.len() as u32).await?;
        let length = endpoint.received().await?;
        let answer = inbox.bytes(length as usize);
        endpoint.expect(inbox, DESTINATION_BYTES)?;
        if answer.len() == message.len() {
            Ok(answer)
        } else {
            Err(Trouble::Peer(format!("a message of {} bytes was answered with {length}", message.len())))
        }
    }

    /// Says something of no meaning, so that both sides have come as far.
    async fn meet(&self) -> Result<Vec<u8>, Trouble> {
        self.ask(&[0; DESTINATION_BYTES as usize]).await
    }
}

/// One session, from the first connection to its end.
pub(super) async fn call(
    host: &Host,
    own: SocketAddr,
    peer: SocketAddr,
    sizes: Sizes,
    moved: &mut Moved,
) -> Result<(), Trouble> {
    let connected = connect(host, own, peer, 4, Inbox { receives: 1, bytes: DESTINATION_BYTES }).await?;
    let outbox = connected.endpoint.region(host, DESTINATION_BYTES.into()).await?;
    let control = Control { connected, outbox };
    let end = while_connected(&control.connected.connector, converse(host, &control, (own, peer), sizes, moved)).await;
    let Control { connected: Connected { endpoint, inbox, connector }, outbox } = control;
    // The server ends without waiting for us.
    let _ = connector.disconnect().await;
    connector.close().await;
    endpoint.qp.flush();
    endpoint.close([inbox, outbox]).await;
    end
}

async fn converse(
    host: &Host,
    control: &Control,
    (own, peer): (SocketAddr, SocketAddr),
    sizes: Sizes,
    moved: &mut Moved,
) -> Result<(), Trouble> {
    for greeting in GREETINGS {
        control.ask(greeting).await?;
    }
    // The server listens for the second connection after this.
    control.meet().await?;
    let test = connect(host, own, peer, 4, Inbox { receives: 0, bytes: ATOMIC_BYTES }).await?;
    let end = while_connected(&test.connector, measure(control, &test, sizes, moved)).await;
    let Connected { endpoint, inbox, connector } = test;
    let left = connector.disconnect().await;
    connector.close().await;
    endpoint.qp.flush();
    endpoint.close([inbox]).await;
    end.and(left.map_err(Trouble::from))
}

/// The test, and what comes before and after it.
async fn measure(control: &Control, test: &Connected, sizes: Sizes, moved: &mut Moved) -> Result<(), Trouble> {
    let mut destination = Vec::new();
    for _ in 0..DESTINATIONS {
        destination = control.meet().await?;
    }
    let place = remote(&destination).ok_or_else(|| Trouble::Peer("the server told no memory".to_owned()))?;
    let rounds = sizes.count.unwrap_or(ATOMICS);
    atomics(test, place, rounds, moved).await?;
    control.meet().await?;
    for _ in 0..REPORT_NUMBERS {
        control.ask(&u64::from(rounds).to_be_bytes()).await?;
    }
    control.meet().await.map(drop)
}

/// Where the server's memory is.
fn remote(destination: &[u8]) -> Option<Remote> {
    let token = u32::from_be_bytes(*destination.get(KEY_AT..)?.first_chunk()?);
    let address = u64::from_be_bytes(*destination.get(ADDRESS_AT..)?.first_chunk()?);
    Some(Remote { address, token })
}

async fn atomics(test: &Connected, place: Remote, rounds: u32, moved: &mut Moved) -> Result<(), Trouble> {
    let nothing = AtomicOperation::FetchAdd { add: 0 };
    let mut number = Number(test.endpoint.atomic(&test.inbox, place, nothing).await?);
    for round in 0..rounds {
        let (operation, after) = number.step(round);
        expect(test.endpoint.atomic(&test.inbox, place, operation).await?, number)?;
        number = after;
        moved.messages += 1;
        moved.bytes_in += u64::from(ATOMIC_BYTES);
        moved.bytes_out += u64::from(ATOMIC_BYTES);
    }
    expect(test.endpoint.atomic(&test.inbox, place, nothing).await?, number)
}

fn expect(found: u64, number: Number) -> Result<(), Trouble> {
    if found == number.0 {
        Ok(())
    } else {
        Err(Trouble::Peer(format!("an atomic found {found:#x} where {:#x} must have been", number.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_each_other() {
        let mut number = Number(7);
        for round in 0..8 {
            let (operation, after) = number.step(round);
            let expected = match operation {
                AtomicOperation::FetchAdd { add } => number.0.wrapping_add(add),
                AtomicOperation::CompareSwap { compare, swap } if compare == number.0 => swap,
                AtomicOperation::CompareSwap { .. } => number.0,
            };
            assert_eq!(after.0, expected, "round {round}");
            assert_eq!(after.0 == number.0, round % 4 == 3, "round {round}");
            number = after;
        }
    }

    #[test]
    fn a_destination_says_where_the_memory_is() {
        let mut bytes = vec![0; 56];
        bytes[16..20].copy_from_slice(&[0, 0, 1, 2]);
        bytes[24..32].copy_from_slice(&[0, 0, 0x7f, 0, 0, 0, 0x10, 0]);
        let place = remote(&bytes).expect("long enough");
        assert_eq!((place.token, place.address), (0x102, 0x7f00_0000_1000));
        assert!(remote(&bytes[..31]).is_none());
    }
}
