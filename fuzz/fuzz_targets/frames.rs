//! See `boundaries::files::frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| boundaries::files::frames(data));
