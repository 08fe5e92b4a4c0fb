//! What this process has used of its machine.

use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::time::Duration;

/// Seconds that its threads have spent on processors, to the nanosecond, those that have ended included.
pub(crate) fn cpu_s() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(used).unwrap_or_default().as_secs_f64()
}

/// The most memory that it had at a time, in bytes, as Linux tells it; zero where nobody tells.
pub(crate) fn peak_rss_bytes() -> u64 {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return 0 };
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_runs_has_used_something() {
        if cfg!(target_os = "linux") {
            assert!(peak_rss_bytes() > 1 << 16);
            assert!(cpu_s() > 0.0);
        }
    }
}
