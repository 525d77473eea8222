//! Templates with variables: every place lies in the text, and a text without `$` stays itself.
#![no_main]

use std::borrow::Cow;
use std::collections::BTreeMap;

use dco::compose::interpolate::{interpolate, variables};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let lookup = |name: &str| match name.len() % 3 {
        0 => None,
        1 => Some(""),
        _ => Some("$value ${x}"),
    };
    match interpolate(text, &lookup) {
        Ok(new) => {
            if !text.contains('$') {
                assert!(matches!(new.text, Cow::Borrowed(same) if same == text));
            }
            for one in new.uses {
                assert!(text[one.at].contains(&one.name));
            }
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                let _ = (&text[error.at], error.kind.to_string());
            }
        }
    }
    variables(text, &mut BTreeMap::new());
});
