//! Experiment 1: latency and bandwidth of DMA against size (pcie-bench, Neugebauer et al., SIGCOMM 2018).

use super::{Experiment, Milli, Runner};
use des::Time;
use nic_model::pcie::Pcie;
use nic_model::port::{Segment, Segments};
use nic_model::profile::Profile;
use smallvec::smallvec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 1,
    title: "DMA latency and bandwidth by size",
    axis: "bytes",
    scale: super::Scale::Log2,
    group: super::together,
    profiles: &["nfp6000-haswell", "nfp6000-broadwell"],
    run,
};

/// The sizes of pcie-bench's latency measurements: a few, then byte by byte around 256 and 1024; and 96.
fn latency_sizes() -> impl Iterator<Item = u32> {
    let few = [4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 512, 768, 1280, 1520, 2048];
    let mut sizes: Vec<u32> = few.into_iter().chain(240..272).chain(1008..1040).collect();
    sizes.sort_unstable();
    sizes.into_iter()
}

/// The sizes of its bandwidth measurements: multiples of 64, with those a byte off; and small ones.
fn bandwidth_sizes() -> impl Iterator<Item = u32> {
    let beside = [64, 128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048];
    let beside = beside.into_iter().flat_map(|size| [size - 1, size + 1]).filter(|size| *size < 2048);
    let mut sizes: Vec<u32> =
        [8, 16, 24, 32, 48, 96].into_iter().chain((1..=32).map(|n| n * 64)).chain(beside).collect();
    sizes.sort_unstable();
    sizes.into_iter()
}

/// Transfers of a bandwidth measurement.
const TRANSFERS: u64 = 4_000;

fn run(runner: &mut Runner<'_>) {
    for name in EXPERIMENT.profiles {
        let Some(profile) = runner.profile(name) else { continue };
        for size in latency_sizes() {
            let x = u64::from(size);
            runner.point(&profile, "latency RD", x, "ns", || latency(&profile, size, false));
            runner.point(&profile, "latency WRRD", x, "ns", || latency(&profile, size, true));
        }
        for size in bandwidth_sizes() {
            let x = u64::from(size);
            runner.point(&profile, "bandwidth RD", x, "Gb/s", || bandwidth(&profile, size, Pcie::read));
            runner.point(&profile, "bandwidth WR", x, "Gb/s", || bandwidth(&profile, size, Pcie::write));
            runner.point(&profile, "bandwidth RW", x, "Gb/s", || {
                bandwidth(&profile, size, |pcie, at, segments| {
                    pcie.write(at, segments);
                    pcie.read(at, segments)
                })
            });
        }
    }
}

fn one(size: u32) -> Segments {
    smallvec![Segment { address: 0, length_bytes: size }]
}

/// One read on an idle link, behind a write of the same place if asked for.
pub(super) fn latency(profile: &Profile, size: u32, write_first: bool) -> Milli {
    let mut pcie = Pcie::new(profile);
    if write_first {
        pcie.write(Time::ZERO, &one(size));
    }
    pcie.read(Time::ZERO, &one(size)).as_ps()
}

/// As many transfers as the device can keep under way.
pub(super) fn bandwidth(
    profile: &Profile,
    size: u32,
    mut transfer: impl FnMut(&mut Pcie, Time, &Segments) -> Time,
) -> Milli {
    let mut pcie = Pcie::new(profile);
    let segments = one(size);
    let end = (0..TRANSFERS).map(|_| transfer(&mut pcie, Time::ZERO, &segments)).max().unwrap_or(Time::ZERO);
    TRANSFERS * u64::from(size) * 8 * 1_000_000 / end.as_ps().max(1)
}
