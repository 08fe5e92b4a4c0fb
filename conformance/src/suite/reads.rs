//! What flags of a read do to the region that it goes to.

use super::local::{Card, Sizes};
use super::probe::Probe;
use super::trouble::{Trouble, expect};
use super::{Case, Pair};
use provider::ndk::{AdapterFlags, Call, OpFlags, Status};

pub(super) const CASES: &[Case] = &[Case {
    name: "read-with-local-invalidate",
    rules: &[121],
    provokes: &[],
    what: "reads with local invalidation: the token is dead then, or, without the capability, as good as before",
    start: |pair: &Pair| {
        pair.on(0, async |probe: Probe| {
            let (local, link) = probe.serve(Sizes::default()).await?;
            probe.leave_after_peer(local, link).await
        });
        pair.on(1, reads_twice);
    },
}];

async fn reads_twice(probe: Probe) -> Result<(), Trouble> {
    let (local, link) = probe.join(Sizes::default()).await?;
    let Card { address: remote_address, token: remote_token } = link.peer;
    let (qp, sgl) = (local.qp, &[local.sge(0, 64)]);
    let read = |context, flags| Call::Read { qp, context, sgl, remote_address, remote_token, flags };
    probe.ok(read(1, OpFlags::RDMA_READ_LOCAL_INVALIDATE))?;
    probe.next_good(&local.initiator_cq).await?;
    probe.ok(read(2, OpFlags::empty()))?;
    let second = probe.next(&local.initiator_cq).await.base.status;
    let supported = local.info.flags.contains(AdapterFlags::RDMA_READ_LOCAL_INVALIDATE_SUPPORTED);
    expect(supported == (second != Status::SUCCESS), 121, || {
        format!("the capability is {supported}, and the token was used again with {second}")
    })?;
    if supported { probe.hang_up(local, link).await } else { probe.leave(local, link).await }
}
