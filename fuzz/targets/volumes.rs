//! Volumes in the short form: a mount always has a target, and its parts come from the text.
#![no_main]

use dco::compose::volumes::parse;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(short) => {
            assert!(!short.mount.target.is_empty());
            assert!(text.starts_with(&short.mount.source));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
