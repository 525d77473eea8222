//! Durations and sizes: what is read can be printed, and reads back as the same.
#![no_main]

use dco::text::{duration, size};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(nanos) = duration::parse(text) {
        // Far from the limits, where the sum of floats is exact to the nanosecond.
        if nanos.unsigned_abs() < 1 << 50 {
            let printed = duration::Go(nanos).to_string();
            assert_eq!(duration::parse(&printed), Ok(nanos), "{printed}");
        }
    }
    let _ = size::parse(text);
});
