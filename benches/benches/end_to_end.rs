//! One WRITE end to end: NDK call, WQE, doorbell, DMA, wire, switch, DMA, acknowledgement, CQE, interrupt, notification,
//! result. The cost of a cluster without a WRITE stands beside it; the difference is the WRITEs'.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use provider::consumer::QpParams;
use provider::ndk::{MrFlags, NdkVersion, OpFlags, Status};
use scenarios::{Cluster, Scenario};

const SIZES: [u32; 2] = [8, 65_536];
const WRITES: u64 = 256;

/// Connects two nodes, writes `count` times, one after the other, and closes everything.
fn run(count: u64, bytes: u32) -> u64 {
    let mut cluster = Cluster::new(&Scenario::named("bench")).expect("two nodes and a switch");
    let (server, client) = ((cluster.address(0), 7_000).into(), (cluster.address(1), 0).into());
    cluster.spawn(0, async move |node| {
        let adapter = node.open_adapter(NdkVersion::V2_0).await?;
        let (pd, cq, listener) =
            (adapter.create_pd().await?, adapter.create_cq(128).await?, adapter.create_listener().await?);
        let (mr, region) = (pd.create_mr().await?, node.allocate(u64::from(bytes)));
        mr.register(&region, MrFlags::ALLOW_REMOTE_WRITE).await?;
        let qp = pd.create_qp(&cq, &cq, 0, QpParams::default()).await?;
        listener.listen(server).await?;
        let mut connector = listener.request().await;
        let mut hello = region.address().to_be_bytes().to_vec();
        hello.extend(mr.remote_token().await.to_be_bytes());
        connector.accept(&qp, &hello).await?;
        connector.disconnected().await;
        connector.close().await;
        qp.close().await;
        cq.close().await;
        mr.close().await;
        pd.close().await;
        listener.close().await;
        adapter.close().await
    });
    cluster.spawn(1, async move |node| {
        let adapter = node.open_adapter(NdkVersion::V2_0).await?;
        let (pd, cq) = (adapter.create_pd().await?, adapter.create_cq(128).await?);
        let (mr, source) = (pd.create_mr().await?, node.allocate(u64::from(bytes)));
        mr.register(&source, MrFlags::empty()).await?;
        let qp = pd.create_qp(&cq, &cq, 0, QpParams::default()).await?;
        let mut connector = adapter.create_connector().await?;
        connector.connect(&qp, client, server, &[]).await?;
        let hello = connector.connection_data()?.private_data;
        let address = u64::from_be_bytes(hello[..8].try_into().map_err(|_| Status::DATA_ERROR)?);
        let token = u32::from_be_bytes(hello[8..12].try_into().map_err(|_| Status::DATA_ERROR)?);
        connector.complete_connect().await?;
        let entry = source.sge(0, bytes, mr.local_token().await);
        for _ in 0..count {
            qp.write(1, &[entry], address, token, OpFlags::empty())?;
            cq.next().await?.status.ok()?;
        }
        connector.disconnect().await?;
        connector.close().await;
        qp.close().await;
        cq.close().await;
        mr.close().await;
        pd.close().await;
        adapter.close().await
    });
    let report = cluster.run();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    report.events
}

fn writes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("end_to_end");
    group.sample_size(20);
    group.bench_function("connect_and_close", |bencher| bencher.iter(|| run(0, 8)));
    for bytes in SIZES {
        group.bench_function(BenchmarkId::new("256_writes", bytes), |bencher| bencher.iter(|| run(WRITES, bytes)));
    }
    group.finish();
}

criterion_group!(benches, writes);
criterion_main!(benches);
