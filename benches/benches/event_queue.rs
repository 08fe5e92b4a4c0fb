//! Pop one event and push its successor: the inner loop of every run, at the queue depths that runs have.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use des::{Dur, EventQueue, Phase, Rng, Sequencer, SourceId};

fn hold(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event_queue/pop_and_push");
    group.throughput(Throughput::Elements(1));
    for depth in [16, 256, 4_096, 65_536] {
        let mut rng = Rng::stream(1, "bench.event_queue");
        let mut sequencer = Sequencer::new(SourceId(0));
        let mut queue = EventQueue::new();
        for _ in 0..depth {
            let key = sequencer.key(queue.now() + Dur::from_ps(rng.below(1_000_000)), Phase::Device);
            queue.push(key, [0_u64; 2]);
        }
        group.bench_function(BenchmarkId::from_parameter(depth), |bencher| {
            bencher.iter(|| {
                let (key, event) = queue.pop().expect("the queue never runs dry");
                let next = sequencer.key(key.time() + Dur::from_ps(rng.below(1_000_000)), Phase::Device);
                queue.push(next, event);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hold);
criterion_main!(benches);
