//! See `boundaries::files::pcapng`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| boundaries::files::pcapng(data));
