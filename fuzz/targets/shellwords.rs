//! Commands written as one text: what is ignored, or left open, lies in the text.
#![no_main]

use dco::text::shellwords::split;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match split(text) {
        Ok(split) => {
            if let Some(ignored) = split.ignored {
                assert!(text[ignored].starts_with([';', '&', '|', '<', '>']));
            }
        }
        Err(open) => assert!(text[open.at..].starts_with(open.opener)),
    }
});
