//! See `boundaries::device::receives`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| boundaries::device::receives(data));
