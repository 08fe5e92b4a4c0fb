//! A storm of creations: objects of every kind come and go, many at once.

use super::common::{Crew, tasks};
use crate::spec::{CreationStorm, Teardown};
use des::Rng;
use provider::consumer::{Adapter, Buffer, Connector, Cq, Mr, Pd, Qp, QpParams};
use provider::ndk::{MrFlags, Status};
use std::future::Future;

/// Entries of a storm's queues: what they hold does not matter here.
const DEPTH: u32 = 16;

/// Bytes of a region.
const REGION_BYTES: u64 = 4_096;

/// Objects that all nodes make together.
pub(super) fn planned(storm: &CreationStorm, nodes: usize) -> u64 {
    nodes as u64 * u64::from(storm.tasks) * u64::from(storm.rounds) * u64::from(storm.objects())
}

/// One node's part.
pub(super) async fn run(crew: Crew, storm: CreationStorm) -> Result<(), Status> {
    crew.note(|tally| tally.role = "creator");
    let adapter = crew.session.open_adapter(crew.version).await?;
    let work = (0..storm.tasks).map(|task| {
        let (own, adapter, storm) = (crew.clone(), adapter.clone(), storm.clone());
        let mut rng = Rng::stream(crew.seed, &format!("creation-storm.{}.{task}", crew.node));
        crew.spawn(async move {
            for _ in 0..storm.rounds {
                round(&own, &adapter, &storm, &mut rng).await?;
            }
            Ok(())
        })
    });
    tasks::all(work.collect::<Vec<_>>()).await;
    adapter.close().await
}

/// Makes a round's objects and closes them, also if one of them could not be made.
async fn round(crew: &Crew, adapter: &Adapter, storm: &CreationStorm, rng: &mut Rng) -> Result<(), Status> {
    let mut made = Vec::new();
    let outcome = make(crew, adapter, storm, &mut made).await;
    close(crew, storm.teardown, made, rng).await;
    outcome
}

/// An object of a round. Those that others are made from come first.
#[derive(Debug)]
enum Made {
    Pd(Pd),
    Cq(Cq),
    Qp(Qp),
    Mr(Mr, Buffer),
    Connector(Connector),
}

impl Made {
    async fn close(self) {
        match self {
            Self::Pd(pd) => pd.close().await,
            Self::Cq(cq) => cq.close().await,
            Self::Qp(qp) => qp.close().await,
            Self::Mr(mr, buffer) => {
                mr.close().await;
                drop(buffer);
            }
            Self::Connector(connector) => connector.close().await,
        }
    }
}

async fn make(crew: &Crew, adapter: &Adapter, storm: &CreationStorm, made: &mut Vec<Made>) -> Result<(), Status> {
    let pd = timed(crew, "create pd", || adapter.create_pd()).await?;
    made.push(Made::Pd(pd.clone()));
    // Kept apart until the QPs, which need it, are there.
    let cq = timed(crew, "create cq", || adapter.create_cq(DEPTH * 2 * storm.queue_pairs.max(1))).await?;
    let mut outcome = Ok(());
    let params = QpParams { receive_depth: DEPTH, initiator_depth: DEPTH, ..QpParams::default() };
    for context in 0..storm.queue_pairs {
        match timed(crew, "create qp", || pd.create_qp(&cq, &cq, u64::from(context), params)).await {
            Ok(qp) => made.push(Made::Qp(qp)),
            Err(status) => outcome = Err(status),
        }
    }
    made.insert(1, Made::Cq(cq));
    outcome?;
    for _ in 0..storm.regions {
        let buffer = crew.session.allocate(REGION_BYTES);
        let mr = timed(crew, "create mr", || pd.create_mr()).await?;
        let registered = crew.retrying(|| mr.register(&buffer, MrFlags::ALLOW_LOCAL_WRITE)).await;
        made.push(Made::Mr(mr, buffer));
        registered?;
    }
    made.push(Made::Connector(timed(crew, "create connector", || adapter.create_connector()).await?));
    Ok(())
}

/// Creates one object, with patience, and notes how long it took.
async fn timed<T, F>(crew: &Crew, name: &'static str, create: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let since = crew.session.now();
    let object = crew.retrying(create).await?;
    crew.done(name, 0, since);
    Ok(object)
}

async fn close(crew: &Crew, teardown: Teardown, mut made: Vec<Made>, rng: &mut Rng) {
    match teardown {
        Teardown::SuccessorsFirst => {
            for object in made.into_iter().rev() {
                object.close().await;
            }
            return;
        }
        Teardown::AntecedentsFirst => {}
        Teardown::Shuffled => shuffle(&mut made, rng),
    }
    let closing = made.into_iter().map(|object| {
        crew.spawn(async move {
            object.close().await;
            Ok(())
        })
    });
    tasks::all(closing.collect::<Vec<_>>()).await;
}

/// Fisher and Yates.
fn shuffle<T>(list: &mut [T], rng: &mut Rng) {
    for last in (1..list.len()).rev() {
        list.swap(last, rng.below(last as u64 + 1) as usize);
    }
}
