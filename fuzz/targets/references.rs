//! Image references: the full and the familiar form read back as the same reference.
#![no_main]

use dco::text::reference::Reference;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(reference) = Reference::parse(text) else {
        return;
    };
    assert_eq!(Reference::parse(&reference.to_string()), Ok(reference.clone()));
    assert_eq!(Reference::parse(&reference.familiar()), Ok(reference));
});
