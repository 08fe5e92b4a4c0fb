//! Headers and ICRC: what a capture, a gateway or a corruption fault costs per packet.

use benches::write_only;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wire::{Frame, RocePacket, icrc};

const PAYLOAD_BYTES: [usize; 3] = [0, 1_024, 4_096];

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec/encode");
    for payload_bytes in PAYLOAD_BYTES {
        let packet = write_only(payload_bytes);
        group.throughput(Throughput::Bytes(packet.wire_len() as u64));
        group.bench_function(BenchmarkId::from_parameter(payload_bytes), |bencher| bencher.iter(|| packet.encode()));
    }
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec/decode");
    for payload_bytes in PAYLOAD_BYTES {
        let bytes = write_only(payload_bytes).encode();
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new("headers", payload_bytes), |bencher| {
            bencher.iter(|| RocePacket::parse(&bytes));
        });
        group.bench_function(BenchmarkId::new("frame", payload_bytes), |bencher| {
            bencher.iter(|| Frame::parse(bytes.clone()));
        });
    }
    group.finish();
}

fn check(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("icrc/check");
    for payload_bytes in PAYLOAD_BYTES {
        let bytes = write_only(payload_bytes).encode();
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(payload_bytes), |bencher| {
            bencher.iter(|| icrc::check(&bytes));
        });
    }
    group.finish();
}

criterion_group!(benches, encode, decode, check);
criterion_main!(benches);
