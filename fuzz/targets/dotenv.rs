//! Env files in both formats: keys and errors stand where they say.
#![no_main]

use dco::compose::dotenv::{parse, parse_raw};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let outer = |name: &str| (name.len() % 2 == 0).then_some("$outer");
    let earlier = |name: &str| name.starts_with('E').then_some("earlier");
    for result in [parse(text, &outer, &earlier), parse_raw(text, &outer)] {
        match result {
            Ok(entries) => {
                for entry in entries {
                    assert_eq!(text[entry.at.clone()], entry.key);
                    let lines = text[..entry.at.start].matches('\n').count() + 1;
                    assert_eq!(lines, entry.line);
                }
            }
            Err(error) => {
                let lines = text[..error.at.start].matches('\n').count() + 1;
                assert_eq!(lines, error.line);
                let _ = (&text[error.at], error.kind.to_string());
            }
        }
    }
});
