//! Experiment 2: DMA of 64 bytes at random places of a window, behind an IOMMU with 4 KiB pages (pcie-bench).

use super::{Experiment, Milli, Runner};
use des::{Rng, Time};
use nic_model::pcie::Pcie;
use nic_model::port::{Segment, Segments};
use nic_model::profile::Profile;
use smallvec::smallvec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 2,
    title: "DMA of 64 bytes through an IOMMU by window",
    axis: "KiB",
    scale: super::Scale::Log2,
    group: super::together,
    profiles: &["nfp6000-broadwell"],
    run,
};

const SIZE: u32 = 64;
/// Powers of two, and the windows of pcie-bench between them.
const WINDOWS_KIB: [u64; 17] =
    [4, 8, 16, 32, 64, 128, 256, 512, 1024, 1536, 2048, 3072, 4096, 8192, 16_384, 32_768, 65_536];
const TRANSFERS: u64 = 20_000;
/// What pcie-bench concludes of the host's table.
const IOTLB_ENTRIES: u32 = 64;

fn run(runner: &mut Runner<'_>) {
    let Some(mut profile) = runner.profile("nfp6000-broadwell") else { return };
    profile.host.iotlb_entries.value = IOTLB_ENTRIES;
    for kib in WINDOWS_KIB {
        runner.point(&profile, "64 B RD", kib, "Gb/s", || bandwidth(&profile, kib, Pcie::read));
        runner.point(&profile, "64 B WR", kib, "Gb/s", || bandwidth(&profile, kib, Pcie::write));
        runner.point(&profile, "64 B RD latency", kib, "ns", || latency(&profile, kib));
    }
}

fn somewhere(rng: &mut Rng, kib: u64) -> Segments {
    let address = rng.below(kib * 1024 / u64::from(SIZE)) * u64::from(SIZE);
    smallvec![Segment { address, length_bytes: SIZE }]
}

/// A link whose table has seen the window.
fn warm(profile: &Profile, kib: u64) -> (Pcie, Rng, Time) {
    let (mut pcie, mut rng) = (Pcie::new(profile), Rng::stream(1, "calibrate.iotlb"));
    let mut at = Time::ZERO;
    for _ in 0..4 * IOTLB_ENTRIES {
        at = pcie.read(at, &somewhere(&mut rng, kib));
    }
    (pcie, rng, at)
}

pub(super) fn bandwidth(
    profile: &Profile,
    kib: u64,
    mut transfer: impl FnMut(&mut Pcie, Time, &Segments) -> Time,
) -> Milli {
    let (mut pcie, mut rng, begin) = warm(profile, kib);
    let end = (0..TRANSFERS).map(|_| transfer(&mut pcie, begin, &somewhere(&mut rng, kib))).max().unwrap_or(begin);
    TRANSFERS * u64::from(SIZE) * 8 * 1_000_000 / end.since(begin).as_ps().max(1)
}

pub(super) fn latency(profile: &Profile, kib: u64) -> Milli {
    let (mut pcie, mut rng, begin) = warm(profile, kib);
    let end = (0..TRANSFERS).fold(begin, |at, _| pcie.read(at, &somewhere(&mut rng, kib)));
    end.since(begin).as_ps() / TRANSFERS
}
