//! Creations and requests.

use super::{CONNECTIONS, Case, KEYS, Seen, first_us, row, try_all};
use provider::consumer::{Adapter, Session};
use provider::ndk::{NdkVersion, Status};
use scenarios::report::RunReport;
use scenarios::spec::CallEffect;
use scenarios::{Cluster, Scenario};
use std::sync::{Arc, Mutex};

fn later_by(run: &RunReport, base: &RunReport) -> u64 {
    first_us(run, "probe").saturating_sub(first_us(base, "probe"))
}

const CREATE: &[Case] = &[
    Case {
        what: "fail",
        workload: KEYS,
        row: "effect = \"fail\"\nnode = 1\nkind = \"qp\"\nstatus = \"NO_MEMORY\"",
        then: |run, _| run.gave_up(1, "STATUS_NO_MEMORY") == 1 && run.nodes[1].objects["qp"].failed == 1,
    },
    Case {
        what: "inline",
        workload: KEYS,
        row: "effect = \"inline\"\nnode = 1\nkind = \"qp\"",
        then: |run, base| {
            let made = |run: &RunReport| (run.nodes[1].objects["qp"].inline, run.nodes[1].objects["qp"].pending);
            (made(run), made(base)) == ((1, 0), (0, 1))
        },
    },
    Case {
        what: "pend",
        workload: KEYS,
        row: "effect = \"pend\"\nnode = 1\nkind = \"pd\"\ndelay_us = 300",
        then: |run, base| {
            let made = |run: &RunReport| (run.nodes[1].objects["pd"].inline, run.nodes[1].objects["pd"].pending);
            (made(run), made(base)) == ((0, 1), (1, 0)) && run.operations() == base.operations()
        },
    },
    Case {
        what: "pend-fail",
        workload: KEYS,
        row: "effect = \"pend-fail\"\nnode = 1\nkind = \"qp\"\nstatus = \"INSUFFICIENT_RESOURCES\"\ndelay_us = 300",
        then: |run, base| {
            run.nodes[1].retries == 1 && run.nodes[1].objects["qp"].failed == 1 && later_by(run, base) >= 290
        },
    },
    Case {
        what: "inside-call",
        workload: KEYS,
        row: "effect = \"inside-call\"\nnode = 1\nkind = \"qp\"",
        then: |run, base| run.nodes[1].objects["qp"].pending == 1 && run.operations() == base.operations(),
    },
    Case {
        what: "inside-call, failing",
        workload: KEYS,
        row: "effect = \"inside-call\"\nnode = 1\nkind = \"qp\"\nstatus = \"NO_MEMORY\"",
        then: |run, _| run.gave_up(1, "STATUS_NO_MEMORY") == 1,
    },
    Case {
        what: "late",
        workload: KEYS,
        row: "effect = \"late\"\nnode = 1\nkind = \"qp\"\ndelay_us = 300",
        then: |run, base| (290..=310).contains(&later_by(run, base)),
    },
    Case {
        what: "reorder",
        workload: CONNECTIONS,
        row: "effect = \"reorder\"\nnode = 1\nkind = \"cq\"\nbehind = 1",
        // The other task's comes first: theirs is the earlier connection then.
        then: |run, base| run.operations() == base.operations() && run.trace_hash != base.trace_hash,
    },
    Case {
        what: "processor",
        workload: KEYS,
        row: "effect = \"processor\"\nnode = 1\nkind = \"qp\"\nprocessor = 3",
        then: |run, base| run.operations() == base.operations(),
    },
];

const REQUEST: &[Case] = &[
    Case {
        what: "a registration that is late",
        workload: KEYS,
        row: "effect = \"late\"\nnode = 1\nfunction = \"NdkRegisterMr\"\ndelay_us = 300",
        then: |run, base| (290..=310).contains(&later_by(run, base)),
    },
    Case {
        what: "a connection that fails at once",
        workload: KEYS,
        row: "effect = \"fail\"\nnode = 1\nfunction = \"NdkConnect\"\nstatus = \"DEVICE_BUSY\"",
        then: |run, _| run.gave_up(1, "STATUS_DEVICE_BUSY") == 1,
    },
    Case {
        what: "a receive that cannot be posted",
        workload: KEYS,
        row: "effect = \"fail\"\nnode = 1\nfunction = \"NdkReceive\"\nnth = 2\nstatus = \"DEVICE_BUSY\"",
        then: |run, _| run.gave_up(1, "STATUS_DEVICE_BUSY") == 1,
    },
];

#[test]
fn creations_end_as_the_page_says() {
    try_all(CREATE, "create");
    let elsewhere = [CallEffect::Never, CallEffect::RaceClose];
    let tried = |effect: CallEffect| CREATE.iter().any(|case| case.what.starts_with(effect.name()));
    assert!(CallEffect::ALL.into_iter().all(|effect| elsewhere.contains(&effect) || tried(effect)));
}

#[test]
fn requests_end_as_the_page_says() {
    try_all(REQUEST, "request");
}

/// Waits for a creation that ends only because the adapter is closed meanwhile.
async fn wait(node: Session, outcome: Arc<Mutex<Option<Status>>>) -> Result<(), Status> {
    let adapter = node.open_adapter(NdkVersion::V2_0).await?;
    let (other, clock) = (adapter.clone(), node.clone());
    node.spawn(async move {
        clock.sleep(des::Dur::from_us(800)).await;
        let _ = other.close().await;
    });
    let status = create(&adapter).await.err().unwrap_or(Status::SUCCESS);
    *outcome.lock().expect("nobody panics with it") = Some(status);
    Ok(())
}

async fn create(adapter: &Adapter) -> Result<(), Status> {
    adapter.create_cq(16).await?.close().await;
    Ok(())
}

#[test]
fn a_creation_that_pends_for_ever_ends_with_its_adapter() {
    for (effect, outcomes) in
        [("never", &[Status::CANCELLED][..]), ("race-close", &[Status::CANCELLED, Status::SUCCESS])]
    {
        let text = format!(
            "[scenario]\nname = \"close\"\n[[fault.create]]\nid = \"it\"\nkind = \"cq\"\neffect = \"{effect}\"\n"
        );
        let scenario = Scenario::parse("close.toml", &text).unwrap_or_else(|error| panic!("{error}"));
        let mut cluster = Cluster::new(&scenario).expect("two nodes");
        let outcome = Arc::default();
        let told = Arc::clone(&outcome);
        cluster.spawn(0, |node| wait(node, told));
        let report = cluster.run();
        assert_eq!(report.findings, [], "{effect}");
        assert_eq!(row(&report, "it").fired, 1, "{effect}");
        let outcome = outcome.lock().expect("nobody panics with it").expect("it ended");
        assert!(outcomes.contains(&outcome), "{effect}: {outcome}");
    }
}
