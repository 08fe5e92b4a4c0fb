//! The receiving side, in `async` style.

use super::channel::Channel;
use super::protocol::{Control, Hello};
use super::{Job, PORT, completion, retrying};
use provider::consumer::{Adapter, Connector, Session};
use provider::ndk::{MrFlags, Status};
use sha2::{Digest, Sha256};

/// QP contexts of receivers begin here.
const RECEIVERS: u64 = 0x200;

/// Listens, and serves one sender after another connects, each in its own task; done when every peer was served.
pub(super) async fn serve(session: &Session, adapter: &Adapter, job: &Job) -> Result<(), Status> {
    let listener = retrying(session, job, || adapter.create_listener()).await?;
    listener.listen(job.address(job.node, PORT)).await?;
    let mut served = Vec::new();
    for _ in job.peers() {
        let connector = listener.request().await;
        let (done, ended) = completion();
        let (own, adapter, job) = (session.clone(), adapter.clone(), job.clone());
        session.spawn(async move {
            if let Err(status) = receive(&own, &adapter, &job, connector).await {
                own.fail(format!("node {}: receiving ended with {status}", job.node));
            }
            done.finish();
        });
        served.push(ended);
    }
    for ended in served {
        ended.await;
    }
    listener.close().await;
    Ok(())
}

async fn receive(session: &Session, adapter: &Adapter, job: &Job, mut connector: Connector) -> Result<(), Status> {
    let data = connector.connection_data()?;
    let hello = Hello::decode(&data.private_data).ok_or(Status::DATA_ERROR)?;
    let channel = Channel::open(session, adapter, job, RECEIVERS + u64::from(hello.node)).await?;
    let replica = session.allocate(hello.file_bytes);
    let region = retrying(session, job, || channel.pd.create_mr()).await?;
    region.register(&replica, MrFlags::ALLOW_REMOTE_WRITE | MrFlags::ALLOW_REMOTE_READ).await?;
    let token = region.remote_token().await;

    connector.accept(&channel.qp, &[]).await?;
    channel.say(Control::Ready { address: replica.address(), token }).await?;
    let Control::Done { digest } = channel.hear().await? else { return Err(Status::DATA_ERROR) };
    let bytes = replica.read(0, hello.file_bytes as usize).map_err(|_| Status::UNSUCCESSFUL)?;
    let own: [u8; 32] = Sha256::digest(&bytes).into();
    job.record(hello.node as usize, hello.file_bytes, own, own == digest);
    channel.say(Control::Verified { same: own == digest }).await?;

    connector.disconnected().await;
    connector.close().await;
    region.close().await;
    channel.close().await;
    Ok(())
}
