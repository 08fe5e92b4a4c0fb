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
        (0..*depth).for_each(|_| agenda.deliver(source.after(Time::ZERO), [0; 2]));
        let mut end = Time::ZERO;
        group.bench_function(BenchmarkId::new("agenda", depth), |bencher| {
            bencher.iter(|| {
                end += HORIZON;
                agenda.open(end);
                while let Some((_, event)) = agenda.pop_before(end) {
                    agenda.deliver(source.after(end), event);
                }
            });
        });
    }
    group.finish();
}

/// What a frame of a study takes: three cache lines.
type Frame = [u64; 24];

/// Stations that pass frames on and do nothing else: the least that a world in windows has to do for a packet-hop. Of each
/// frame the first line is read, and of the port one line written.
struct Relay {
    agendas: Vec<Agenda<(u16, Box<Frame>)>>,
    ports: Vec<[u64; 8]>,
    source: Source,
    windows: u64,
    end: Time,
}

/// Ports of each station, and frames that are on their way to it.
const PORTS: usize = 16;
const FRAMES: usize = 30;

impl Relay {
    fn new(stations: usize) -> Self {
        let mut source = Source::new();
        let mut agendas: Vec<_> = std::iter::repeat_with(Agenda::new).take(stations).collect();
        for (number, agenda) in (0..stations * FRAMES).map(|number| (number as u64, number / FRAMES)) {
            let mut frame = [0; 24];
            frame[0] = number;
            agendas[agenda].deliver(source.after(Time::ZERO), (0, Box::new(frame)));
        }
        let mut relay = Self { agendas, ports: vec![[0; 8]; stations * PORTS], source, windows: 0, end: Time::ZERO };
        // Neighbours in a window are not neighbours in memory for long.
        (0..200).for_each(|_| relay.window());
        relay
    }

    /// The stations of one side pass on to those of the other what they have.
    fn window(&mut self) {
        self.end += HORIZON;
        self.windows += 1;
        let half = self.agendas.len() / 2;
        let (own, other) = if self.windows.is_multiple_of(2) { (0, half) } else { (half, 0) };
        for station in own..own + half {
            self.agendas[station].open(self.end);
            let frames = self.agendas[station].due().iter().map(|(_, (_, frame))| frame[0]);
            std::hint::black_box(frames.fold(0, |sum, first| sum ^ first));
            while let Some((_, (_, frame))) = self.agendas[station].pop_before(self.end) {
                let port = (frame[0] ^ self.windows) as usize % PORTS;
                self.ports[station * PORTS + port][0] += 1;
                let next = other + (station * PORTS + port) % half;
                self.agendas[next].deliver(self.source.after(self.end), (port as u16, frame));
            }
        }
    }
}

/// As many stations as fat trees of 16, 128 and 1,024 hosts have: what a hop of a large fabric costs more than one of a small
/// fabric by the memory of the machine alone.
fn relays(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event_queue/relay");
    for stations in [36, 208, 1_344] {
        group.throughput(Throughput::Elements((stations * FRAMES) as u64));
        let mut relay = Relay::new(stations);
        group.bench_function(BenchmarkId::new("stations", stations), |bencher| bencher.iter(|| relay.window()));
    }
    group.finish();
}

criterion_group!(benches, hold, windows, relays);
criterion_main!(benches);
