//! A `$word` in the middle of a secret: it is meant to stay, and is read as a variable.

use std::ops::Range;

use super::dotenv::{Entry, Origin};
use super::interpolate::{Taken, Use};
use crate::diagnostic::{Diagnostic, Place};
use crate::text::secret;

/// What to write instead, in a compose file.
const IN_YAML: &str = "a `$` that stands for itself is written `$$`";
/// What to write instead, in an env file.
const IN_FILE: &str = "put the value in single quotes: there a `$` stands for itself";

/// The warning for a variable that is not set, where it was meant to be a part of a secret.
///
/// `path` leads to `text`, which holds the expression at `at`.
pub fn in_yaml(
    path: &[String],
    text: &str,
    one: &Use,
    place: Option<&Place>,
) -> Option<Diagnostic> {
    let last = path.last().map(String::as_str).unwrap_or_default();
    let (key, value) = match last.bytes().all(|c| c.is_ascii_digit()) {
        true => text.split_once('=')?,
        false => (last, text),
    };
    let expression = &text[one.at.clone()];
    let inside = expression.len() < value.len() && !expression.starts_with("${");
    let secret = secret::names_secret(key) || in_credentials(text, &one.at);
    (inside && secret).then(|| warning(key, &one.name, place, IN_YAML))
}

/// The warnings for the entries of an env file, whose text `file` is.
pub fn in_file<'e>(
    file: &'e str,
    entries: &'e [Entry],
    place: impl Fn(&Range<usize>) -> Option<Place> + 'e,
) -> impl Iterator<Item = Diagnostic> + 'e {
    entries.iter().flat_map(move |entry| {
        let uses = match &entry.origin {
            Origin::Written(uses) => &uses[..],
            Origin::Inherited => &[],
        };
        let line = file[entry.at.end..].lines().next().unwrap_or_default();
        let unset = uses.iter().filter(move |one| {
            // The value is not at hand as it was written, its line is.
            let plain = line.find(&format!("${}", one.name));
            let secret = secret::names_secret(&entry.key)
                || plain.is_some_and(|at| in_credentials(line, &(at..at)));
            one.taken == Taken::Unset && plain.is_some() && secret
        });
        let place = place(&entry.at);
        unset.map(move |one| warning(&entry.key, &one.name, place.as_ref(), IN_FILE))
    })
}

/// Whether a place in a text lies between the scheme and the host of a URL.
fn in_credentials(text: &str, at: &Range<usize>) -> bool {
    let before = text[..at.start].rsplit_once("://");
    let after = text[at.end..]
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default();
    before.is_some_and(|(_, user)| user.contains(':') && !user.contains(['/', '@']))
        && after.contains('@')
}

/// The line is not shown, as it holds the secret.
fn warning(key: &str, name: &str, place: Option<&Place>, hint: &str) -> Diagnostic {
    let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
    Diagnostic::warning(format!(
        "`{key}`{place} loses `${name}`: it is read as a variable, and that is not set"
    ))
    .hint(hint)
}
