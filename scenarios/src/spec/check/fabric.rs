//! What types cannot say about switches and congestion control.

use super::{Checker, WINDOW_PACKETS_MAX};
use crate::spec::fabric::{EcnMarks, PRIORITIES, Scheduling};
use crate::spec::{Congestion, CongestionScheme, Fabric, Nic};

impl Checker {
    pub(super) fn fabric(&mut self, fabric: &Fabric) {
        self.range("fabric.forwarding_latency_ns", fabric.forwarding_latency_ns, 0..=1_000_000);
        self.range("fabric.buffer_bytes", fabric.buffer_bytes, 1..=1 << 40);
        self.range("fabric.reserved_bytes", fabric.reserved_bytes, 0..=1 << 30);
        self.range("fabric.headroom_bytes", fabric.headroom_bytes, 0..=1 << 30);
        self.range("fabric.ingress_alpha_log2", fabric.ingress_alpha_log2, -7..=3);
        self.range("fabric.egress_alpha_log2", fabric.egress_alpha_log2, -7..=3);
        self.range("fabric.resume_offset_bytes", fabric.resume_offset_bytes, 0..=1 << 30);
        self.range("fabric.port_fifo_bytes", fabric.port_fifo_bytes, 0..=1 << 20);
        self.priorities("fabric.pfc", &fabric.pfc);
        if let Some(watchdog) = fabric.pfc_watchdog {
            self.range("fabric.pfc_watchdog.detect_us", watchdog.detect_us, 1..=60_000_000);
            self.range("fabric.pfc_watchdog.restore_us", watchdog.restore_us, 1..=60_000_000);
        }
        if let EcnMarks::Curves(curves) = &fabric.ecn {
            for (row, curve) in curves.iter().enumerate() {
                let path = |key: &str| format!("fabric.ecn.curves[{row}].{key}");
                self.priorities(&path("priorities"), &curve.priorities);
                self.range(&path("pmax_permille"), curve.pmax_permille, 0..=1_000);
                if let Some(line) = curve.line_gbps {
                    self.range(&path("line_gbps"), line, 1..=1_600);
                }
                if curve.kmin_bytes > curve.kmax_bytes {
                    let message = format!("`kmin_bytes` is {}, above `kmax_bytes`", curve.kmin_bytes);
                    self.fail(path("kmin_bytes"), message, format!("allowed: 0 to {}", curve.kmax_bytes));
                }
            }
        }
        if let Scheduling::Weighted { strict, quanta_bytes } = &fabric.scheduling {
            self.priorities("fabric.scheduling.weighted.strict", strict);
            let least = fabric::switch::Scheduling::QUANTUM_MIN;
            for (priority, quantum) in quanta_bytes.iter().enumerate().filter(|&(_, &quantum)| quantum < least) {
                let message = format!("the queue of priority {priority} would get {quantum} bytes a round");
                self.fail("fabric.scheduling.weighted.quanta_bytes", message, format!("allowed: {least} or more"));
            }
        }
        self.paths(fabric);
    }

    fn paths(&mut self, fabric: &Fabric) {
        if let crate::spec::fabric::Paths::Flowlet { gap_ns } = fabric.paths {
            self.range("fabric.paths.flowlet.gap_ns", gap_ns, 1..=1_000_000_000);
        }
    }

    fn priorities(&mut self, path: &str, list: &[u8]) {
        for (index, priority) in list.iter().enumerate() {
            self.range(&format!("{path}[{index}]"), *priority, PRIORITIES);
        }
    }

    pub(super) fn nic(&mut self, nic: &Nic) {
        let mut given = |key: &str, number: Option<u32>, allowed| {
            if let Some(number) = number {
                self.range(&format!("nic.{key}"), number, allowed);
            }
        };
        given("reorder_packets", nic.reorder_packets, 1..=1 << 20);
        given("window_packets", nic.window_packets, 1..=WINDOW_PACKETS_MAX);
        given("ack_every_packets", nic.ack_every_packets, 1..=1 << 20);
        given("receive_buffer_bytes", nic.receive_buffer_bytes, 10_000..=1 << 30);
        given("xoff_bytes", nic.xoff_bytes, 1..=1 << 30);
        given("xon_bytes", nic.xon_bytes, 0..=1 << 30);
        if let Some(lanes) = nic.pcie_lanes.filter(|lanes| ![1, 2, 4, 8, 16].contains(lanes)) {
            self.fail("nic.pcie_lanes", format!("`pcie_lanes` is {lanes}"), "allowed: 1, 2, 4, 8, 16");
        }
        if let (Some(xon), Some(xoff)) = (nic.xon_bytes, nic.xoff_bytes)
            && xon >= xoff
        {
            let message = format!("`xon_bytes` is {xon}, not below `xoff_bytes`");
            self.fail("nic.xon_bytes", message, format!("allowed: 0 to {}", xoff.saturating_sub(1)));
        }
    }

    pub(super) fn congestion(&mut self, congestion: &Congestion) {
        let names = congestion.scheme.sets();
        match (&congestion.parameters, congestion.scheme) {
            (Some(name), CongestionScheme::None) => {
                let message = format!("there are no parameters \"{name}\" without a scheme");
                self.fail("congestion.parameters", message, "name a scheme, or remove the key");
            }
            (Some(name), scheme) if congestion.set().is_none() => {
                let message = format!("\"{name}\" is no parameter set of {}", scheme.name());
                self.fail("congestion.parameters", message, format!("allowed: {}", names.join(", ")));
            }
            _ => {}
        }
        if let Some(rtt) = congestion.base_rtt_ns {
            self.range("congestion.base_rtt_ns", rtt, 1..=1_000_000_000);
            if !matches!(congestion.scheme, CongestionScheme::Hpcc | CongestionScheme::Dctcp) {
                let message = format!("`base_rtt_ns` would change nothing: scheme \"{}\"", congestion.scheme.name());
                self.fail(
                    "congestion.base_rtt_ns",
                    message,
                    "remove the key, or choose a scheme with a window: hpcc, dctcp",
                );
            }
        }
    }
}
