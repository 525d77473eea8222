//! `.dockerignore`: a path is matched without fail; what has no pattern matches nothing.
#![no_main]

use dco::text::dockerignore::Patterns;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (path, patterns) = text.split_once('\0').unwrap_or(("a/b/c", text));
    let Ok(patterns) = Patterns::read(patterns) else {
        return;
    };
    let matched = patterns.matches(path);
    assert!(!(matched && patterns.is_empty()));
    let _ = patterns.may_take_back_below(path);
});
