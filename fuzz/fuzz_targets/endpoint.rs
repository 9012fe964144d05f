//! The fuzz target `endpoint`; its check is described in `fuzz/README.md`.

#![no_main]

#[path = "../../tests/fuzz_smoke/checks.rs"]
#[allow(dead_code)]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::endpoint(data));
