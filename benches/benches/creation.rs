//! What a creation costs, what any call costs, and what the checker adds to both. Over devices that take no effort.

use conformance::ideal::{Half, Medium, capabilities, engine_config};
use conformance::{Creation, Setup};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use des::Time;
use provider::check::{Checked, Settings};
use provider::engine::Engine;
use provider::ndk::{
    Answer, Call, CallSite, Callback, Completion, Irql, NdkProvider, NdkResult, NdkVersion, Object, Out, Return,
    Upcall, UpcallBody,
};
use std::net::{IpAddr, Ipv4Addr};

/// A consumer that runs callbacks where it makes calls.
struct Rig<P> {
    provider: P,
    medium: Medium,
}

const DONE: Completion = Completion { callback: Some(Callback(1)), context: 1 };

impl<P: NdkProvider<Host = Medium>> Rig<P> {
    /// The object of a create, inline or from the completion.
    fn create(&mut self, call: Call<'_>) -> Object {
        let Answer::Returned(Return { out, .. }) = self.call(call) else { panic!("a create blocks") };
        match (out, self.callbacks()) {
            (Out::Object(object), _) | (_, Some(object)) => object,
            (out, None) => panic!("a create brought {out:?}"),
        }
    }

    fn call(&mut self, call: Call<'_>) -> Answer {
        let site = CallSite { now: Time::ZERO, processor: 0, level: Irql::Passive, inside: None, inline: false };
        self.provider.call(&mut self.medium, &site, call)
    }

    /// Runs the callbacks that are due; the object that one brought.
    fn callbacks(&mut self) -> Option<Object> {
        let mut brought = None;
        while let Some(upcall) = self.due() {
            if let UpcallBody::CreateCompletion { object, .. } = upcall.body {
                brought = object;
            }
            self.provider.upcall_returned(&mut self.medium, Time::ZERO, upcall.token);
        }
        brought
    }

    /// The next upcall; where there is none, what pends goes on.
    fn due(&mut self) -> Option<Upcall> {
        loop {
            if let Some(upcall) = self.provider.next_upcall() {
                return Some(upcall);
            }
            if !self.medium.until_interrupt() {
                return None;
            }
            self.provider.interrupt(&mut self.medium, Time::ZERO, 0);
        }
    }

    fn open(&mut self) -> Object {
        self.create(Call::OpenAdapter { version: NdkVersion::V2_0 })
    }

    /// A region, made and closed.
    fn turn(&mut self, pd: Object) {
        let object = self.create(Call::CreateMr { pd, fast_register: false, completion: DONE });
        self.call(Call::Close { object, completion: DONE });
        self.callbacks();
    }
}

fn engine(creation: Creation) -> Engine<Half> {
    Engine::new(
        Half::new(0, capabilities(vec![IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))])),
        engine_config(&Setup { creation, ..Setup::default() }),
    )
}

fn turns<P: NdkProvider<Host = Medium>>(criterion: &mut Criterion, name: &str, style: &str, provider: P) {
    let mut rig = Rig { provider, medium: Medium::default() };
    let adapter = rig.open();
    let pd = rig.create(Call::CreatePd { adapter, completion: DONE });
    let mut group = criterion.benchmark_group("creation/create_and_close");
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new(name, style), |bencher| bencher.iter(|| rig.turn(pd)));
    group.finish();
}

fn creation(criterion: &mut Criterion) {
    for (style, creation) in
        [("inline", Creation::Inline), ("inside_call", Creation::InsideCall), ("pending", Creation::Pending)]
    {
        turns(criterion, "bare", style, engine(creation));
        turns(criterion, "checked", style, Checked::new(engine(creation), Settings::default()));
    }
}

fn polls<P: NdkProvider<Host = Medium>>(criterion: &mut Criterion, name: &str, provider: P) {
    let mut rig = Rig { provider, medium: Medium::default() };
    let adapter = rig.open();
    let create = Call::CreateCq { adapter, depth: 64, notification: DONE, affinity: None, completion: DONE };
    let cq = rig.create(create);
    let mut results = [NdkResult::EMPTY; 16];
    let mut group = criterion.benchmark_group("creation/call");
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new(name, "poll_empty"), |bencher| {
        bencher.iter(|| rig.call(Call::GetCqResults { cq, results: &mut results }));
    });
    group.finish();
}

fn call(criterion: &mut Criterion) {
    polls(criterion, "bare", engine(Creation::Inline));
    polls(criterion, "checked", Checked::new(engine(Creation::Inline), Settings::default()));
}

criterion_group!(benches, creation, call);
criterion_main!(benches);
