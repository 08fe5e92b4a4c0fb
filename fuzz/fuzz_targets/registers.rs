//! See `boundaries::device::registers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| boundaries::device::registers(data));
