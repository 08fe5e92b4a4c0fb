//! An adapter that fails: what its consumer is told, and that it can be opened again unless it was pulled out.

use provider::consumer::{Adapter, QpParams, Session};
use provider::ndk::{NdkVersion, Status};
use scenarios::report::RunReport;
use scenarios::{Cluster, Scenario};
use std::sync::{Arc, Mutex};

type Statuses = Arc<Mutex<Vec<(&'static str, Status)>>>;

fn note<T>(statuses: &Statuses, what: &'static str, outcome: Result<T, Status>) {
    statuses.lock().expect("nobody panics with it").push((what, outcome.err().unwrap_or(Status::SUCCESS)));
}

/// A consumer that uses its adapter, loses it, closes what it has, and opens it again.
async fn live(node: Session, statuses: Statuses) -> Result<(), Status> {
    let adapter = node.open_adapter(NdkVersion::V2_0).await?;
    let (pd, cq) = (adapter.create_pd().await?, adapter.create_cq(128).await?);
    let qp = pd.create_qp(&cq, &cq, 0, QpParams::default()).await?;
    cq.arm(provider::ndk::CqNotify::ERRORS);
    // It pends when the adapter fails.
    note(&statuses, "pending", adapter.create_cq(16).await);
    note(&statuses, "notified", cq.notified().await);
    note(&statuses, "create", adapter.create_cq(16).await);
    qp.close().await;
    cq.close().await;
    pd.close().await;
    note(&statuses, "close", adapter.close().await);
    match node.open_adapter(NdkVersion::V2_0).await {
        Ok(adapter) => {
            note(&statuses, "again", again(&adapter).await);
            adapter.close().await
        }
        Err(status) => {
            note::<()>(&statuses, "again", Err(status));
            Ok(())
        }
    }
}

async fn again(adapter: &Adapter) -> Result<(), Status> {
    let cq = adapter.create_cq(16).await?;
    cq.close().await;
    Ok(())
}

fn lives(effect: &str) -> (RunReport, Vec<(&'static str, Status)>) {
    let text = format!(
        "[scenario]\nname = \"life\"\n[[fault.device]]\nid = \"it\"\nnode = 0\neffect = \"{effect}\"\n\
         when = \"node0: cq create 2\"\nafter_us = 2\n"
    );
    let scenario = Scenario::parse("life.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let mut cluster = Cluster::new(&scenario).expect("two nodes");
    let statuses = Statuses::default();
    let told = Arc::clone(&statuses);
    cluster.spawn(0, |node| live(node, told));
    let report = cluster.run();
    let statuses = statuses.lock().expect("nobody panics with it").clone();
    (report, statuses)
}

#[test]
fn everything_ends_and_an_adapter_that_is_there_starts_anew() {
    for (effect, opened) in [("reset", Status::SUCCESS), ("removal", Status::DEVICE_REMOVED)] {
        let (report, statuses) = lives(effect);
        assert_eq!(report.findings, [], "{effect}");
        assert_eq!(report.faults[0].fired, 1, "{effect}");
        let expected = [
            ("pending", Status::DEVICE_REMOVED),
            ("notified", Status::INTERNAL_ERROR),
            ("create", Status::DEVICE_REMOVED),
            ("close", Status::SUCCESS),
            ("again", opened),
        ];
        assert_eq!(statuses, expected, "{effect}");
    }
}
