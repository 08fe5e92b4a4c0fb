//! See `boundaries::files::scenarios`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| boundaries::files::scenarios(data));
