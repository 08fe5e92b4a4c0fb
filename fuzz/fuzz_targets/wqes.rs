//! See `boundaries::device::wqes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| boundaries::device::wqes(data));
