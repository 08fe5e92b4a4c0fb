//! See `boundaries::device::records`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| boundaries::device::records(data));
