//! The secrets that tests give to dco, looked for in everything that it says.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::registry::{PASSWORD, USER};

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
    let login = format!("{USER}:{PASSWORD}");
    let encoded = [STANDARD.encode(&login), URL_SAFE.encode(&login)];
    let plain = [PASSWORD, WRONG, TOKEN, KEY].map(str::to_owned);
    for (number, secret) in plain.iter().chain(&encoded).enumerate() {
        assert!(!output.contains(secret), "`{line}` tells secret {number}");
    }
}
