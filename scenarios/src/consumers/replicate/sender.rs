//! The pushing side, in `async` style.

use super::channel::Channel;
use super::protocol::{Control, Hello};
use super::{Job, PORT, retrying};
use provider::consumer::{Adapter, Session};
use provider::ndk::{MrFlags, OpFlags, Status};

/// QP contexts of senders begin here.
const SENDERS: u64 = 0x100;

/// Pushes the file to `peer`, reads it back, and has the peer confirm it.
pub(super) async fn push(session: &Session, adapter: &Adapter, job: &Job, peer: usize) -> Result<(), Status> {
    let channel = Channel::open(session, adapter, job, SENDERS + peer as u64).await?;
    let file = session.allocate(job.input.len() as u64);
    let back = session.allocate(job.input.len() as u64);
    file.write(0, &job.input).map_err(|_| Status::UNSUCCESSFUL)?;
    let source = retrying(session, job, || channel.pd.create_mr()).await?;
    let sink = retrying(session, job, || channel.pd.create_mr()).await?;
    // Reading locally needs no right.
    source.register(&file, MrFlags::empty()).await?;
    sink.register(&back, MrFlags::ALLOW_LOCAL_WRITE).await?;
    let (source_token, sink_token) = (source.local_token().await, sink.local_token().await);

    let mut connector = retrying(session, job, || adapter.create_connector()).await?;
    let hello = Hello { node: job.node as u32, file_bytes: job.input.len() as u64 };
    connector.connect(&channel.qp, job.address(job.node, 0), job.address(peer, PORT), &hello.encode()).await?;
    connector.complete_connect().await?;

    let Control::Ready { address, token } = channel.hear().await? else { return Err(Status::DATA_ERROR) };
    let chunk = u64::from(job.chunk_bytes);
    let chunks = file.len().div_ceil(chunk);
    let length_of = |index: u64| chunk.min(file.len() - index * chunk) as u32;
    let write = |index: u64| {
        let entry = file.sge(index * chunk, length_of(index), source_token);
        channel.qp.write(index, &[entry], address + index * chunk, token, OpFlags::empty())
    };
    channel.stream(chunks, job.window, write).await?;
    let read = |index: u64| {
        let entry = back.sge(index * chunk, length_of(index), sink_token);
        channel.qp.read(index, &[entry], address + index * chunk, token, OpFlags::empty())
    };
    channel.stream(chunks, job.window, read).await?;
    let same = back.read(0, job.input.len()).is_ok_and(|bytes| *bytes == *job.input);

    channel.say(Control::Done { digest: job.digest }).await?;
    let confirmed = matches!(channel.hear().await?, Control::Verified { same: true });

    connector.disconnect().await?;
    connector.close().await;
    source.close().await;
    sink.close().await;
    channel.close().await;
    if same && confirmed { Ok(()) } else { Err(Status::DATA_ERROR) }
}
