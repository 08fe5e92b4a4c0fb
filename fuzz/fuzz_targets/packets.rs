//! See `boundaries::device::packets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| boundaries::device::packets(data));
