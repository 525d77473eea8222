//! Which values must not be shown, and what is shown instead.

use std::borrow::Cow;

/// What stands where a secret was, however long it was.
const MASK: &str = "********";

/// Whether a variable is named as one that holds a secret.
///
/// `POSTGRES_PASSWORD`, `apiKey` and `GH_TOKEN` are; `POSTGRES_PASSWORD_FILE` and `PUBLIC_KEY` are
/// not, and neither is the shell's `PWD`.
pub fn names_secret(key: &str) -> bool {
    let words = words(key);
    let is = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    let ends = |known: &[&str]| {
        words
            .last()
            .is_some_and(|word| known.contains(&word.as_str()))
    };
    if matches!(key, "PWD" | "OLDPWD") || is(&["PUBLIC"]) || ends(&["FILE", "PATH", "DIR"]) {
        return false;
    }
    let joined = words.concat();
    is(&["KEY", "PASS", "PWD", "PW"])
        || [
            "PASSWORD",
            "PASSWD",
            "PASSPHRASE",
            "SECRET",
            "TOKEN",
            "CREDENTIAL",
            "APIKEY",
        ]
        .iter()
        .any(|known| joined.contains(known))
}

/// The words of a name, upper case: `DB_HOST`, `db-host` and `dbHost` are the same two.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in key.chars() {
        if !c.is_alphanumeric() || c.is_uppercase() && lower_before {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_uppercase());
        }
        lower_before = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A variable's value as it may be shown: masked where the name says so, else without the password
/// of any URL in it.
pub fn masked<'v>(key: &str, value: &'v str) -> Cow<'v, str> {
    if value.is_empty() {
        return Cow::Borrowed(value);
    }
    match names_secret(key) {
        true => Cow::Borrowed(MASK),
        false => without_credentials(value),
    }
}

/// A text with the password of every `scheme://user:password@host` masked.
pub fn without_credentials(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut done = 0;
    for (at, separator) in text.match_indices("://") {
        let start = at + separator.len();
        let authority = &text[start..];
        let authority = &authority[..authority
            .find(|c: char| matches!(c, '/' | '?' | '#') || c.is_whitespace())
            .unwrap_or(authority.len())];
        let Some((user, _)) = authority.rsplit_once('@') else {
            continue;
        };
        let Some(colon) = user.find(':') else {
            continue;
        };
        if start + colon < done || user.len() == colon + 1 {
            continue;
        }
        out.push_str(&text[done..=start + colon]);
        out.push_str(MASK);
        done = start + user.len();
    }
    match done {
        0 => Cow::Borrowed(text),
        _ => Cow::Owned(out + &text[done..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for key in [
            "POSTGRES_PASSWORD",
            "DB_PASS",
            "apiKey",
            "API_KEY",
            "SECRET_KEY_BASE",
            "GH_TOKEN",
            "django-secret",
            "REDIS_PWD",
            "AWS_SECRET_ACCESS_KEY",
            "PRIVATE_KEY",
        ] {
            assert!(names_secret(key), "{key}");
        }
        for key in [
            "PWD",
            "POSTGRES_PASSWORD_FILE",
            "PUBLIC_KEY",
            "KEYBOARD",
            "MONKEY",
            "DB_HOST",
            "PASSENGERS",
            "SSH_KEY_PATH",
            "",
        ] {
            assert!(!names_secret(key), "{key}");
        }
    }

    #[test]
    fn what_is_secret_is_masked_and_nothing_else() {
        for (key, value, shown) in [
            ("DB_PASSWORD", "hunter2", "********"),
            ("DB_PASSWORD", "", ""),
            ("DB_HOST", "db", "db"),
            (
                "DATABASE_URL",
                "postgres://app:p@ss:w@db:5432/x?sslmode=off",
                "postgres://app:********@db:5432/x?sslmode=off",
            ),
            (
                "URL",
                "http://a:b@c/ and redis://:pw@d",
                "http://a:********@c/ and redis://:********@d",
            ),
            (
                "URL",
                "http://user@host:80/a:b@c",
                "http://user@host:80/a:b@c",
            ),
            ("URL", "http://a:@b", "http://a:@b"),
        ] {
            assert_eq!(masked(key, value), shown, "{key}={value}");
        }
    }
}
