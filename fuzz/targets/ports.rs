//! Ports in the short form: every port is one, and no range is longer than there are ports.
#![no_main]

use dco::compose::ports::parse;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(ports) => {
            assert!(!ports.is_empty() && ports.len() <= 65_536);
            assert!(ports.iter().all(|port| port.target <= 65_535));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
