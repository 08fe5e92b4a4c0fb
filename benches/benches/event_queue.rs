//! Pop one event and push its successor: the inner loop of every run, at the queue depths that runs have. The kernel's
//! heap; a calendar that knows how events are spread; and an agenda, which takes the events of a window at once.

use benches::calendar::Calendar;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use des::{Agenda, Dur, EventQueue, Key, Phase, Rng, Sequencer, SourceId, Time};

/// As large as the events of a study.
type Event = [u64; 2];

const HORIZON: Dur = Dur::from_us(1);
const DEPTHS: [usize; 5] = [16, 256, 4_096, 65_536, 1_048_576];

/// Draws when events happen.
struct Source {
    rng: Rng,
    sequencer: Sequencer,
}

impl Source {
    fn new() -> Self {
        Self { rng: Rng::stream(1, "bench.event_queue"), sequencer: Sequencer::new(SourceId(0)) }
    }

    fn after(&mut self, now: Time) -> Key {
        self.sequencer.key(now + Dur::from_ps(self.rng.below(HORIZON.as_ps())), Phase::Device)
    }
}

fn hold(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event_queue/pop_and_push");
    group.throughput(Throughput::Elements(1));
    for depth in DEPTHS {
        let (mut source, mut heap) = (Source::new(), EventQueue::<Event>::new());
        (0..depth).for_each(|_| heap.push(source.after(Time::ZERO), [0; 2]));
        group.bench_function(BenchmarkId::new("heap", depth), |bencher| {
            bencher.iter(|| {
                let (key, event) = heap.pop().expect("the queue never runs dry");
                heap.push(source.after(key.time()), event);
            });
        });
        let (mut source, mut calendar) = (Source::new(), Calendar::<Event>::new(depth, HORIZON));
        (0..depth).for_each(|_| calendar.push(source.after(Time::ZERO), [0; 2]));
        group.bench_function(BenchmarkId::new("calendar", depth), |bencher| {
            bencher.iter(|| {
                let (key, event) = calendar.pop().expect("the queue never runs dry");
                calendar.push(source.after(key.time()), event);
            });
        });
    }
    group.finish();
}

/// Windows with `depth` events, each of which brings one for the next window, as frames on cables do.
fn windows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event_queue/windows");
    for depth in &DEPTHS[..3] {
        group.throughput(Throughput::Elements(*depth as u64));
        let (mut source, mut agenda) = (Source::new(), Agenda::<Event>::new());
        (0..*depth).for_each(|_| agenda.deliver(0, source.after(Time::ZERO), [0; 2]));
        let (mut window, mut end) = (0, Time::ZERO);
        group.bench_function(BenchmarkId::new("agenda", depth), |bencher| {
            bencher.iter(|| {
                end += HORIZON;
                window += 1;
                agenda.open(window, end);
                while let Some((_, event)) = agenda.pop_before(end) {
                    agenda.deliver(window, source.after(end), event);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hold, windows);
criterion_main!(benches);
