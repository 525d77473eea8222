//! What looks like a secret in files that are about to be published, by the forms that Docker
//! Compose looks for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use regex::Regex;
use serde_json::Value;

use crate::project::Tree;

/// Something that looks like a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it looks like.
    pub kind: &'static str,
    /// Where it stands; empty in a text without keys.
    pub key: String,
    /// What stands there.
    pub value: String,
}

/// One form of secrets.
struct Form {
    kind: &'static str,
    /// A value that is one.
    value: Regex,
    /// One within a text.
    text: Regex,
    /// What has to hold besides, of the key and the value.
    holds: fn(&str, &str) -> bool,
}

type Row = (&'static str, &'static str, fn(&str, &str) -> bool);

const ANY: fn(&str, &str) -> bool = |_, _| true;

/// Of several forms of one value the first counts.
const ROWS: &[Row] = &[
    ("JFrog Artifactory credentials", r"AKC[a-zA-Z0-9]{10,}", ANY),
    (
        "AWS Client ID",
        r"(?:A3T[A-Z0-9]|AKIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|ASIA)[A-Z0-9]{16}",
        ANY,
    ),
    (
        "AWS Secret Key",
        r#"(?:AWS|aws).{0,20}['"][0-9a-zA-Z/+]{40}['"]"#,
        ANY,
    ),
    (
        "Amazon Marketplace Web Service (MWS) Key",
        r"amzn\.mws\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        ANY,
    ),
    (
        "Azure Storage Account access key",
        r"(?:AccountKey=)?[a-zA-Z0-9+/=]{88}",
        |key, value| value.starts_with("AccountKey") || key.ends_with("AccountKey"),
    ),
    (
        "HTTP Basic Authentication",
        r#"(?i:"?authorization"? *[:=] *)?"?(?i:basic) +[a-zA-Z0-9+/,_\-]{2,}={0,2}"?"#,
        |_, value| holds_a_login(value),
    ),
    (
        "HTTP Bearer Authentication",
        r#"(?i:"?authorization"? *[:=] *)?"?(?i:bearer) +[a-zA-Z0-9+/,_\-.=]{2,}"?"#,
        |_, value| holds_a_login(value),
    ),
    ("Github authentication", r"gh[pousr]_[A-Za-z0-9_]{36}", ANY),
    (
        "JSON Web Token",
        r"eyJ[A-Za-z0-9\-_=]+\.eyJ[A-Za-z0-9\-_=]+\.?[A-Za-z0-9\-_.+/=]*",
        |_, value| is_web_token(value),
    ),
    (KEYWORD, r"[^${\s].+[^}\s]", |key, value| {
        SUSPICIOUS.is_match(key) && entropy(value) >= 4.0
    }),
    ("Mailchimp API Key", r"[0-9a-f]{32}-us[0-9]{1,2}", ANY),
    (
        "npm auth token",
        r"(?://\S+/:_authToken=[^${\s]\S+|npm_[a-zA-Z0-9]{36})",
        ANY,
    ),
    (
        "Private Key",
        r"(?:.*PuTTY-User-Key-File-.*|-*BEGIN[ \S]+?PRIVATE KEY(?: BLOCK)?-*[\S\n]{4,}?-*END[ \S]+?PRIVATE KEY(?: BLOCK)?-*)",
        ANY,
    ),
    (
        "Sendgrid API key",
        r"SG\.[a-zA-Z0-9_\-]{22}\.[a-zA-Z0-9_\-]{43}",
        ANY,
    ),
    (
        "Slack token",
        r"(?:(?:(?:xoxe\.)?xox[bp]|xox[aeosr]|xapp)-\d+-[-a-zA-Z0-9]+|https://hooks\.slack\.com/services/T[a-zA-Z0-9_]+/B[a-zA-Z0-9_]+/[a-zA-Z0-9_]+)",
        ANY,
    ),
    (
        "Square authentication",
        r"(?:sq0atp-[0-9A-Za-z\\\-_]{22}|sq0csp-[0-9A-Za-z\\\-_]{43})",
        ANY,
    ),
    (
        "Stripe API key",
        r"[rs]k_(?:live|test)_[0-9a-zA-Z]{24}",
        ANY,
    ),
    (
        "Twilio authentication",
        r"(?:AC[0-9a-fA-F]{32}|SK[0-9a-fA-F]{32})",
        ANY,
    ),
    (
        "URL with password",
        r#"[a-z][a-z0-9+.\-]+://[^:\s]*:[^@:\s]+@[^\s'"\];]+"#,
        |_, value| !password_of(value).is_some_and(|it| it.starts_with('$')),
    ),
    (
        "High entropy string",
        r"(?:[a-zA-Z0-9+/]{16,}|[a-zA-Z0-9_\-]{16,})={0,2}",
        |_, value| value.parse::<f64>().is_err() && entropy(value) > 5.0,
    ),
];

const KEYWORD: &str = "Keyword Detector";

static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let forms = ROWS.iter().map(|&(kind, value, holds)| Form {
        kind,
        value: regex(&format!(
            r#"(?m)^\s*\[?[\t ]*['"]?(?:{value})['"]?[\t ]*\]?[\t ]*;?\s*$"#
        )),
        text: regex(&format!(
            r#"(?m)(?:^|[\t ]+)['"]?({value})['"]?[\t ]*;?(?:[\t ]+|$)"#
        )),
        holds,
    });
    forms.collect()
});

static SUSPICIOUS: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        "(?i)(?:(?:api|access|auth|service|account|db|database|priv|private|client)[-_]?key\
         |(?:db|database|key)[-_]?pass|password|passwd|pwd|secret|token|contraseña|contrasena)",
    )
});

static WRITTEN_OUT: LazyLock<Regex> = LazyLock::new(|| regex(r"(?m)^\s*[^${\s].+[^}\s]\s*$"));

/// Whether a variable is called as secrets are.
pub fn is_suspicious(name: &str) -> bool {
    SUSPICIOUS.is_match(name)
}

/// Whether a value is written out, not left to a variable.
pub fn is_written_out(value: &str) -> bool {
    // Twice, the sign stands for itself.
    WRITTEN_OUT.is_match(&value.replace("$$", "X"))
}

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("a regular expression of the table")
}

/// What looks like a secret under the keys of a tree: `services.web.environment.TOKEN`.
pub fn in_tree(tree: &Tree) -> Vec<Finding> {
    let value = serde_json::to_value(tree).unwrap_or_default();
    let mut map = flat(&value);
    // Where a secret lies is none; what lies there is looked at by itself.
    map.retain(|key, _| !key.ends_with(".file"));
    in_map(&map)
}

/// What looks like a secret in a file: under its keys, where it has some.
pub fn in_text(text: &str) -> Vec<Finding> {
    let text = text.trim();
    match serde_yaml::from_str::<Value>(text) {
        Ok(value) if value.is_object() => return in_map(&flat(&value)),
        _ => {}
    }
    if let Some(pairs) = pairs(text) {
        return in_map(&pairs);
    }
    let mut found = Vec::new();
    for form in FORMS.iter().filter(|form| form.kind != KEYWORD) {
        let values = form.text.captures_iter(text).filter_map(|it| it.get(1));
        let values = values.map(|value| value.as_str().trim());
        let values = values.filter(|value| (form.holds)("", value));
        found.extend(values.map(|value| Finding {
            kind: form.kind,
            key: String::new(),
            value: value.to_owned(),
        }));
        // One line is one thing.
        if !text.contains('\n') && !found.is_empty() {
            break;
        }
    }
    found
}

fn in_map(map: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for form in FORMS.iter() {
        for (key, value) in map {
            let fits = form.value.is_match(value) && (form.holds)(key, value);
            if fits && told.insert(key) {
                found.push(Finding {
                    kind: form.kind,
                    key: key.clone(),
                    value: value.clone(),
                });
            }
        }
    }
    found
}

/// `KEY=value` lines; none where any other line is there.
fn pairs(text: &str) -> Option<BTreeMap<String, String>> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    let pair = |line: &str| {
        let (key, value) = line.split_once('=')?;
        let name = key.trim().trim_start_matches("export ");
        let sound = !name.is_empty() && !name.contains([' ', '/', '+']);
        // The end of base64 is no pair.
        let sound = sound && !value.trim_matches('=').is_empty();
        sound.then(|| (name.to_owned(), value.trim().to_owned()))
    };
    lines.map(pair).collect()
}

/// Lists of `KEY=value` that mean the same as a map.
const MAPS: [&str; 4] = [".environment", ".args", ".labels", ".annotations"];

fn flat(value: &Value) -> BTreeMap<String, String> {
    fn walk(at: &str, value: &Value, into: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let dot = if at.is_empty() { "" } else { "." };
                    walk(&format!("{at}{dot}{key}"), value, into);
                }
            }
            Value::Array(items) => {
                let is_map = MAPS.iter().any(|key| at.ends_with(key));
                for (index, value) in items.iter().enumerate() {
                    match value.as_str().and_then(|text| text.split_once('=')) {
                        Some((key, value)) if is_map => {
                            into.insert(format!("{at}.{key}"), value.to_owned());
                        }
                        _ => walk(&format!("{at}[{index}]"), value, into),
                    }
                }
            }
            Value::String(text) => drop(into.insert(at.to_owned(), text.clone())),
            other => drop(into.insert(at.to_owned(), other.to_string())),
        }
    }
    let mut into = BTreeMap::new();
    walk("", value, &mut into);
    into
}

/// Shannon's, in bits for each character.
fn entropy(text: &str) -> f64 {
    let mut counts: BTreeMap<char, f64> = BTreeMap::new();
    for letter in text.chars() {
        *counts.entry(letter).or_default() += 1.0;
    }
    #[allow(clippy::cast_precision_loss, reason = "lengths of values")]
    let length = text.len() as f64;
    let share = |count: &f64| -(count / length) * (count / length).log2();
    counts.values().map(share).sum()
}

fn password_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (login, _) = rest.split_once('@')?;
    Some(login.split_once(':')?.1)
}

/// Whether the last word is `user:password` in base64.
fn holds_a_login(value: &str) -> bool {
    let last = value.rsplit(' ').next().unwrap_or_default();
    let decoded = STANDARD
        .decode(last.trim_end_matches('"'))
        .unwrap_or_default();
    decoded.len() > 2 && decoded[1..decoded.len() - 1].contains(&b':')
}

fn is_web_token(value: &str) -> bool {
    let parts: Vec<&str> = value.split('.').collect();
    let object = |part: &&str| {
        let decoded = URL_SAFE_NO_PAD.decode(part.trim_end_matches('='));
        let value = decoded
            .ok()
            .and_then(|it| serde_json::from_slice::<Value>(&it).ok());
        value.filter(Value::is_object)
    };
    match (
        parts.len(),
        parts.first().and_then(object),
        parts.get(1).and_then(object),
    ) {
        (3, Some(head), Some(_)) => head["alg"].is_string(),
        (2, Some(head), Some(_)) => head["alg"] == "none",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &[Finding]) -> String {
        let line = |it: &Finding| format!("{} {:?} {}\n", it.kind, it.key, it.value);
        found.iter().map(line).collect()
    }

    #[test]
    fn values_of_known_forms_are_found_under_their_keys() {
        let text = "\
A: A3TX1234567890ABCDEF
services: {web: {environment: {KEY: 'aws\"12345+67890/abcdefghijklm+NOPQRSTUVWXYZ+\"', OK: plain}}}
list: [ghp_1234567890abcdefghijklmnopqrstuvwxyz, 'postgres://me:secret@db/x', 'postgres://me:$PW@db/x']
db_password: abcdefghijklmnopqrstuvwxyz
short_password: abc
number: 1234567890123456
more: {environment: [KEY=AKIA1234567890ABCDEF]}
";
        assert_eq!(
            shown(&in_text(text)),
            "AWS Client ID \"A\" A3TX1234567890ABCDEF\n\
             AWS Client ID \"more.environment.KEY\" AKIA1234567890ABCDEF\n\
             AWS Secret Key \"services.web.environment.KEY\" aws\"12345+67890/abcdefghijklm+NOPQRSTUVWXYZ+\"\n\
             Github authentication \"list[0]\" ghp_1234567890abcdefghijklmnopqrstuvwxyz\n\
             Keyword Detector \"db_password\" abcdefghijklmnopqrstuvwxyz\n\
             URL with password \"list[1]\" postgres://me:secret@db/x\n"
        );
    }

    #[test]
    fn an_env_file_has_keys_and_a_text_has_none() {
        assert_eq!(
            shown(&in_text(
                "GITHUB_TOKEN=ghp_1234567890abcdefghijklmnopqrstuvwxyz"
            )),
            "Github authentication \"GITHUB_TOKEN\" ghp_1234567890abcdefghijklmnopqrstuvwxyz\n"
        );
        let key = "-----BEGIN DSA PRIVATE KEY-----\nwxyz+ABC=\n-----END DSA PRIVATE KEY-----";
        assert_eq!(shown(&in_text(key)), format!("Private Key \"\" {key}\n"));
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc";
        assert_eq!(
            shown(&in_text(token)),
            format!("JSON Web Token \"\" {token}\n")
        );
        assert_eq!(shown(&in_text("nothing to see here\nat all\n")), "");
    }
}
