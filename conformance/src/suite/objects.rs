//! Opening, creating.

use super::local::{PORT, Sizes};
use super::probe::{Ended, Probe};
use super::trouble::{Trouble, expect, expect_status};
use super::{Case, Pair};
use des::Dur;
use provider::ndk::{AdapterInfo, Call, Guid, NdkVersion, Object, Out, Status};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "adapter",
        rules: &[62, 66, 80, 144],
        provokes: &[],
        what: "opens by version, asks for limits with short and sufficient buffers, asks for an unknown extension",
        start: |pair: &Pair| pair.on(0, adapter),
    },
    Case {
        name: "versions",
        rules: &[62, 144],
        provokes: &[],
        what: "opens by every version there has been: the highest minor of the major, in every header, or none",
        start: |pair: &Pair| pair.on(0, versions),
    },
    Case {
        name: "every-object",
        rules: &[62, 67, 68, 69, 71, 73, 84, 85, 88, 129],
        provokes: &[],
        what: "creates one object of each kind, and closes them",
        start: |pair: &Pair| pair.on(0, every_object),
    },
    Case {
        name: "refused-create",
        rules: &[70, 74],
        provokes: &[],
        what: "a create that fails inline calls nobody and leaves nothing that would hold the adapter",
        start: |pair: &Pair| pair.on(0, refused_create),
    },
    Case {
        name: "requests",
        rules: &[72, 73, 74],
        provokes: &[],
        what: "asynchronous requests on a region and a listener, each completed once",
        start: |pair: &Pair| pair.on(0, requests),
    },
];

/// No interface has this identifier.
const UNKNOWN: Guid = Guid([0xa5; 16]);
/// Time in which a callback would have come.
const A_WHILE: Dur = Dur::from_ms(1);
async fn adapter(probe: Probe) -> Result<(), Trouble> {
    let unknown = probe.open(NdkVersion { major: 9, minor: 0 }).await;
    expect(unknown.is_err(), 144, || "major version 9 was opened".to_owned())?;
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let object = adapter.object();
    let version = object.version;
    expect(version.major == 2, 144, || format!("2.0 was asked for, the adapter has {version}"))?;
    let short = probe.returned(Call::QueryAdapterInfo { adapter: object, buffer_bytes: 8 });
    expect_status("a short query", short.status, &[Status::BUFFER_TOO_SMALL], 80)?;
    let Out::NeededBytes(buffer_bytes) = short.out else {
        return expect(false, 80, || "BUFFER_TOO_SMALL did not tell the length".to_owned());
    };
    probe.ok(Call::QueryAdapterInfo { adapter: object, buffer_bytes })?;
    probe.ok(Call::QueryAdapterInfo { adapter: object, buffer_bytes: AdapterInfo::SIZE_BYTES })?;
    let extension = Call::QueryExtension { object, interface: UNKNOWN, version };
    expect_status("an unknown extension", probe.status(extension), &[Status::NOT_SUPPORTED], 66)?;
    Ok(adapter.close().await?)
}

async fn versions(probe: Probe) -> Result<(), Trouble> {
    for (major, minor) in [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)] {
        let asked = NdkVersion { major, minor };
        let adapter = match probe.open(asked).await {
            Ok(adapter) => adapter,
            Err(status) => {
                expect_status(&format!("opening {asked}"), status, &[Status::BAD_VERSION], 144)?;
                continue;
            }
        };
        let version = adapter.object().version;
        let told = adapter.info().await?.version;
        expect(version >= asked && version == told, 144, || format!("{asked} opened {version}, which says {told}"))?;
        let above = NdkVersion { minor: version.minor + 1, ..version };
        match probe.open(above).await {
            Ok(_) => expect(false, 144, || format!("{above} was opened, and {version} is the highest"))?,
            Err(status) => expect_status(&format!("opening {above}"), status, &[Status::BAD_VERSION], 144)?,
        }
        let pd = probe.pd(adapter.object()).await?;
        expect(pd.version == version, 62, || format!("a {} object of a {version} adapter", pd.version))?;
        probe.close(pd).await?;
        adapter.close().await?;
    }
    Ok(())
}

async fn every_object(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let (adapter, pd) = (local.adapter.object(), local.pd);
    let mut made = vec![probe.connector(adapter).await?, probe.listener(adapter).await?.0];
    let address = probe.own(0);
    let endpoint = |completion| Call::CreateSharedEndpoint { adapter, address, completion };
    let endpoint = probe.create("NdkCreateSharedEndpoint", endpoint).await?;
    local_port(&probe, endpoint)?;
    made.push(endpoint);
    let fast = |completion| Call::CreateMr { pd, fast_register: true, completion };
    made.push(probe.create("NdkCreateMr", fast).await?);
    if local.info.max_window_bytes > 0 {
        made.push(probe.create("NdkCreateMw", |completion| Call::CreateMw { pd, completion }).await?);
    }
    if local.info.max_srq_depth > 0 {
        made.push(probe.srq(pd, 8, 0).await?.0);
    }
    probe.close_all(&made).await?;
    probe.end_local(local).await
}

/// The port of an endpoint that asked for any.
fn local_port(probe: &Probe, object: Object) -> Result<(), Trouble> {
    let short = probe.returned(Call::GetLocalAddress { object, buffer_bytes: 4 });
    let Out::NeededBytes(buffer_bytes) = short.out else {
        return expect(false, 80, || format!("a short buffer for an address: {short:?}"));
    };
    match probe.ok(Call::GetLocalAddress { object, buffer_bytes })? {
        Out::Address(address) if address.port() >= 49152 => Ok(()),
        other => expect(false, 129, || format!("any port was asked for and {other:?} given")),
    }
}

async fn refused_create(probe: Probe) -> Result<(), Trouble> {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let (completion, notification) = (probe.completion(), probe.completion());
    let create = Call::CreateCq { adapter: adapter.object(), depth: 0, notification, affinity: None, completion };
    let status = probe.status(create);
    expect_status("a CQ without entries", status, &[Status::INVALID_PARAMETER], 81)?;
    probe.sleep(A_WHILE).await;
    let called = probe.waiting(completion.context);
    expect(called == 0, 70, || "a create that failed inline called its completion".to_owned())?;
    // A provider may be out of resources; then there is nothing to close.
    let parent = adapter.object();
    let create = |completion| Call::CreatePd { adapter: parent, completion };
    if let Ended { status: Status::SUCCESS, out: Out::Object(pd), .. } = probe.settle(create).await {
        probe.close(pd).await?;
    }
    Ok(adapter.close().await?)
}

async fn requests(probe: Probe) -> Result<(), Trouble> {
    let local = probe.local(Sizes::default()).await?;
    let mr = local.mr;
    probe.request("NdkDeregisterMr", |completion| Call::DeregisterMr { mr, completion }).await?;
    let (listener, _) = probe.listener(local.adapter.object()).await?;
    let address = probe.own(PORT);
    probe.request("NdkListen", |completion| Call::Listen { listener, address, completion }).await?;
    probe.sleep(A_WHILE).await;
    probe.close(listener).await?;
    probe.end_local(local).await
}
