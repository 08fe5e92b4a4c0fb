//! Experiment 5: bytes on PCIe from host to adapter for 10 WQEs of 65 bytes (Kalia et al., ATC 2016, appendix A).

use super::{Experiment, Runner};
use nic_model::pcie::Framing;
use nic_model::port::{Segment, Segments};
use smallvec::smallvec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 5,
    title: "PCIe bytes from host to adapter for WQEs of 65 bytes",
    axis: "WQEs",
    scale: super::Scale::Linear,
    group: super::together,
    profiles: &["connect-ib"],
    run,
};

const LINE_BYTES: u64 = 64;
/// 65 bytes, in whole lines.
const WQE_BYTES: u32 = 128;

fn run(runner: &mut Runner<'_>) {
    let Some(profile) = runner.profile("connect-ib") else { return };
    let framing = Framing::new(&profile.pcie);
    for wqes in 1..=16_u32 {
        let x = u64::from(wqes);
        runner.point(&profile, "WQEs by MMIO", x, "bytes", || {
            x * u64::from(WQE_BYTES) / LINE_BYTES * framing.register_write(LINE_BYTES).down * 1_000
        });
        runner.point(&profile, "doorbell and DMA", x, "bytes", || {
            let ring: Segments = smallvec![Segment { address: 0, length_bytes: wqes * WQE_BYTES }];
            (framing.register_write(8).down + framing.read(&ring).down) * 1_000
        });
    }
}
