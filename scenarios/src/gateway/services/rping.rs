//! `rping` of rdma-core, both sides.
//!
//! The client sends where its data lies; the server reads it and says so with a message of no meaning. The client sends
//! where it wants the data; the server writes it there and says so. Positions travel as address (8 bytes), key (4) and
//! length (4), big-endian. With `-V`, the client compares what came back.

use super::endpoint::{Connected, Endpoint, Inbox, Region, Remote, connect};
use super::{Host, Moved, Sizes, Trouble, while_connected};
use provider::consumer::Connector;
use provider::ndk::Status;
use std::net::SocketAddr;

/// Bytes of a position.
const POSITION_BYTES: u32 = 16;
/// The most that one round moves (`RPING_BUFSIZE` is 64 KiB).
const ROUND_BYTES_MAX: u32 = 1 << 20;
/// Rounds if nobody says how many.
const ROUNDS: u32 = 10;
/// What `rping` takes for a round if it is not told.
const ROUND_BYTES: u32 = 64;

/// Memory of one side: an announced length and a place.
#[derive(Clone, Copy, Debug)]
struct Position {
    remote: Remote,
    length_bytes: u32,
}

impl Position {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (address, rest) = bytes.split_first_chunk::<8>()?;
        let (token, rest) = rest.split_first_chunk::<4>()?;
        let length_bytes = u32::from_be_bytes(*rest.first_chunk::<4>()?);
        let remote = Remote { address: u64::from_be_bytes(*address), token: u32::from_be_bytes(*token) };
        Some(Self { remote, length_bytes })
    }

    fn of(region: &Region, length_bytes: u32) -> Vec<u8> {
        let parts = [
            &region.buffer.address().to_be_bytes()[..],
            &region.token.to_be_bytes()[..],
            &length_bytes.to_be_bytes()[..],
        ];
        parts.concat()
    }
}

/// The server's side of one session: rounds until the client disconnects.
pub(super) async fn serve(host: &Host, mut connector: Connector, moved: &mut Moved) -> Result<(), Trouble> {
    let endpoint = Endpoint::new(host, 8).await?;
    let inbox = endpoint.open(host, Inbox { receives: 2, bytes: POSITION_BYTES }).await?;
    let data = endpoint.region(host, ROUND_BYTES_MAX.into()).await?;
    let end = match connector.accept(&endpoint.qp, &[]).await {
        Ok(()) => {
            host.follow(connector);
            rounds(&endpoint, &inbox, &data, moved).await
        }
        Err(status) => {
            connector.close().await;
            Err(status.into())
        }
    };
    endpoint.qp.flush();
    endpoint.close([inbox, data]).await;
    end
}

async fn rounds(endpoint: &Endpoint, inbox: &Region, data: &Region, moved: &mut Moved) -> Result<(), Trouble> {
    loop {
        let Some(source) = position(endpoint, inbox).await? else { return Ok(()) };
        endpoint.read(data, source.length_bytes, source.remote).await?;
        moved.bytes_in += u64::from(source.length_bytes);
        endpoint.send(inbox, POSITION_BYTES).await?;
        let Some(sink) = position(endpoint, inbox).await? else { return Ok(()) };
        endpoint.write(data, sink.length_bytes, sink.remote).await?;
        moved.bytes_out += u64::from(sink.length_bytes);
        endpoint.send(inbox, POSITION_BYTES).await?;
        moved.messages += 1;
    }
}

/// The client's next position; none once it has gone.
async fn position(endpoint: &Endpoint, inbox: &Region) -> Result<Option<Position>, Trouble> {
    let length = match endpoint.received().await {
        Ok(length) => length,
        Err(Status::CANCELLED) => return Ok(None),
        Err(status) => return Err(status.into()),
    };
    let position = Position::parse(&inbox.bytes(length as usize))
        .filter(|position| length == POSITION_BYTES && position.length_bytes <= ROUND_BYTES_MAX);
    let position = position.ok_or_else(|| Trouble::Peer(format!("a message of {length} bytes is no position")))?;
    endpoint.expect(inbox, POSITION_BYTES)?;
    Ok(Some(position))
}

/// The client's side of one session, with the data compared.
pub(super) async fn call(
    host: &Host,
    own: SocketAddr,
    peer: SocketAddr,
    sizes: Sizes,
    moved: &mut Moved,
) -> Result<(), Trouble> {
    let (rounds, bytes) =
        (sizes.count.unwrap_or(ROUNDS), sizes.bytes.unwrap_or(ROUND_BYTES).clamp(16, ROUND_BYTES_MAX));
    let Connected { endpoint, inbox, connector } =
        connect(host, own, peer, 8, Inbox { receives: 2, bytes: POSITION_BYTES }).await?;
    let [source, sink, outbox] = [
        endpoint.region(host, bytes.into()).await?,
        endpoint.region(host, bytes.into()).await?,
        endpoint.region(host, POSITION_BYTES.into()).await?,
    ];
    let work = async {
        for round in 0..rounds {
            source.fill(&text(round, bytes as usize));
            one_round(&endpoint, [&inbox, &source, &sink, &outbox], bytes, moved).await?;
        }
        Ok(())
    };
    let end = while_connected(&connector, work).await;
    let left = connector.disconnect().await;
    connector.close().await;
    endpoint.qp.flush();
    endpoint.close([inbox, source, sink, outbox]).await;
    end.and(left.map_err(Trouble::from))
}

async fn one_round(
    endpoint: &Endpoint,
    [inbox, source, sink, outbox]: [&Region; 4],
    bytes: u32,
    moved: &mut Moved,
) -> Result<(), Trouble> {
    for place in [source, sink] {
        outbox.fill(&Position::of(place, bytes));
        endpoint.send(outbox, POSITION_BYTES).await?;
        endpoint.received().await?;
        endpoint.expect(inbox, POSITION_BYTES)?;
    }
    moved.messages += 1;
    moved.bytes_out += u64::from(bytes);
    moved.bytes_in += u64::from(bytes);
    if sink.bytes(bytes as usize) != source.bytes(bytes as usize) {
        return Err(Trouble::Peer(format!("round {} came back with other bytes", moved.messages)));
    }
    Ok(())
}

/// Data of a round. The server writes as far as the first zero (it takes the data for a string), so that there is one at
/// the end alone.
fn text(round: u32, length: usize) -> Vec<u8> {
    let mut text = format!("rdma-ping-{round}: ").into_bytes();
    let letters = (b'A'..=b'z').cycle().skip(round as usize % 58);
    text.extend(letters.take(length));
    text.truncate(length - 1);
    text.push(0);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read() {
        let bytes = [0, 0, 0, 0, 0xaa, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 64];
        let position = Position::parse(&bytes).expect("sixteen bytes");
        assert_eq!((position.remote.address, position.remote.token, position.length_bytes), (0xaa00_0001, 7, 64));
        assert!(Position::parse(&bytes[..15]).is_none());
    }

    #[test]
    fn texts_end_at_their_only_zero() {
        for (round, length) in [(0, 16), (7, 64), (123_456, 65_535)] {
            let text = text(round, length);
            assert_eq!((text.len(), text.iter().position(|&byte| byte == 0)), (length, Some(length - 1)));
        }
        assert_ne!(text(1, 64), text(2, 64));
    }
}
