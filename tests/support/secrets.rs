//! The secrets that tests give to dco, looked for in everything that it says.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::registry::PASSWORD;

/// A password that no registry knows.
pub const WRONG: &str = "wrong-secret";

/// What a build reads from the environment.
pub const TOKEN: &str = "token-of-the-environment";

/// What a build reads from a file.
pub const KEY: &str = "key-of-a-file";

/// Sees to it that an output tells no secret, whichever command it is of.
///
/// # Panics
///
/// When it does; the message does not say it again.
#[track_caller]
pub fn none_in(line: &str, output: &str) {
    for (number, form) in FORMS.iter() {
        assert!(!output.contains(form), "`{line}` tells secret {number}");
    }
}

/// Each secret, by its number, in every form that an output could have it in.
static FORMS: LazyLock<Vec<(usize, String)>> = LazyLock::new(|| {
    let secrets = [PASSWORD, WRONG, TOKEN, KEY].into_iter().enumerate();
    secrets
        .flat_map(|(number, secret)| forms(secret).into_iter().map(move |form| (number, form)))
        .collect()
});

/// As it is, as JSON has it, and as either is found in base64 of a longer text.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).expect("a text");
    let mut forms = Vec::new();
    for text in [secret, json.trim_matches('"')] {
        forms.push(text.to_owned());
        // What stands before it shifts it by none, one or two bytes of three.
        for before in 0..3 {
            let bytes = [&[0; 2][..before], text.as_bytes()].concat();
            let (first, last) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
            let encoded = [STANDARD.encode(&bytes), URL_SAFE.encode(&bytes)];
            forms.extend(encoded.map(|encoded| encoded[first..last].to_owned()));
        }
    }
    forms
}
