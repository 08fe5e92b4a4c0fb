//! What this process has used of its machine, as Linux tells it in `/proc`; zero where nobody tells.

use std::fs;

/// Seconds that its threads have spent on processors.
pub(crate) fn cpu_s() -> f64 {
    // Threads that have ended stand only in the coarser number.
    threads_s().max(process_s())
}

/// User and system time of the process, in whole ticks of 10 ms.
fn process_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in brackets, may hold anything; user and system time are the 12th and 13th word behind it.
    let words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = words.skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    std::time::Duration::from_millis(ticks * 10).as_secs_f64()
}

/// The threads that live, to the nanosecond.
fn threads_s() -> f64 {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return 0.0 };
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    std::time::Duration::from_nanos(nanoseconds.sum()).as_secs_f64()
}

/// The most memory that it had at a time, in bytes.
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
            assert!(cpu_s() >= 0.0);
        }
    }
}
