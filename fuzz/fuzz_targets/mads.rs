//! See `boundaries::files::mads`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| boundaries::files::mads(data));
