//! See `boundaries::device::commands`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| boundaries::device::commands(data));
