//! Image references: `[registry/]path[:tag][@digest]`, and how Docker completes and shortens them.
//!
//! The grammar is that of the distribution project's `reference` package.

use std::fmt;

/// The registry that is meant when none is named.
pub const DEFAULT_DOMAIN: &str = "docker.io";
/// The tag that is meant when none is named.
pub const DEFAULT_TAG: &str = "latest";

/// A reference with its registry and path in full; displayed in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The registry, `docker.io` by default; may hold a port.
    pub domain: String,
    /// The path, `library/nginx` for `nginx`.
    pub path: String,
    /// The tag, where one is given.
    pub tag: Option<String>,
    /// The digest, where one is given: `sha256:…`.
    pub digest: Option<String>,
}

/// Why a text is no reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not the form of a reference.
    Format,
    /// The path holds an upper-case letter.
    Uppercase,
    /// The name alone looks like an image's id.
    Identifier,
    /// Registry and path together are longer than 255 characters.
    TooLong,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "invalid reference format",
            Self::Uppercase => "invalid reference format: the repository name must be lowercase",
            Self::Identifier => {
                "invalid repository name: it cannot be 64 hexadecimal characters, an image's id"
            }
            Self::TooLong => "the repository name must not be more than 255 characters",
        })
    }
}

impl Reference {
    /// Reads a reference and completes its registry and path.
    ///
    /// # Errors
    /// A text that Docker takes for no reference.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if is_identifier(text) {
            return Err(Error::Identifier);
        }
        let (domain, rest) = split_domain(text);
        let (name, digest) = match rest.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (rest, None),
        };
        let (path, tag) = match name.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (name, None),
        };
        if path.chars().any(char::is_uppercase) {
            return Err(Error::Uppercase);
        }
        let path = match domain == DEFAULT_DOMAIN && !path.contains('/') {
            true => format!("library/{path}"),
            false => path.to_owned(),
        };
        let valid = is_domain(domain)
            && path.split('/').all(is_path_component)
            && tag.is_none_or(is_tag)
            && digest.is_none_or(is_digest);
        if !valid {
            return Err(Error::Format);
        }
        if domain.len() + 1 + path.len() > 255 {
            return Err(Error::TooLong);
        }
        Ok(Self {
            domain: domain.to_owned(),
            path,
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// The same, with the tag `latest` where neither tag nor digest is given.
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// Registry and path in full, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// Registry and path as people write them: `nginx`, `grafana/loki`, `ghcr.io/a/b`.
    pub fn familiar_name(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return self.name();
        }
        let short = match self.path.strip_prefix("library/") {
            Some(short) if !short.contains('/') => short,
            _ => &self.path,
        };
        // Without its registry it may be read as another, or as an image's id.
        match Self::parse(short) {
            Ok(read) if read.domain == self.domain && read.path == self.path => short.to_owned(),
            _ => self.name(),
        }
    }

    /// The whole reference as people write it, and as the engine lists it.
    pub fn familiar(&self) -> String {
        self.familiar_name() + &self.suffix()
    }

    fn suffix(&self) -> String {
        let tag = self.tag.iter().map(|tag| format!(":{tag}"));
        let digest = self.digest.iter().map(|digest| format!("@{digest}"));
        tag.chain(digest).collect()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.domain, self.path, self.suffix())
    }
}

/// What stands before the first slash is a registry when it has a dot, a colon or an upper-case
/// letter, or is `localhost`.
fn split_domain(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.chars().any(char::is_uppercase) =>
        {
            match first {
                "index.docker.io" => (DEFAULT_DOMAIN, rest),
                domain => (domain, rest),
            }
        }
        _ => (DEFAULT_DOMAIN, text),
    }
}

/// Whether a text is the whole id of an image.
fn is_identifier(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) => {
                let hexadecimal = |b: u8| b.is_ascii_hexdigit() || b == b':';
                if address.is_empty() || !address.bytes().all(hexadecimal) {
                    return false;
                }
                (
                    "bracketed",
                    port.strip_prefix(':').or(port.is_empty().then_some("0")),
                )
            }
            None => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, Some("0")),
        },
    };
    let component = |part: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = part.as_bytes();
        edge(bytes.first())
            && edge(bytes.last())
            && bytes
                .iter()
                .all(|&b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.split('.').all(component)
        && port.is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

/// Runs of `a-z0-9` with one `.`, one or two `_`, or any number of `-` between them.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    alphanumeric(first)
        && alphanumeric(last)
        && text
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .all(|separator| {
                matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
            })
}

fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

/// `sha256:` with 64 hexadecimal digits, or the longer algorithms of the OCI specification.
fn is_digest(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else {
        return false;
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    encoded.len() == length
        && encoded
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

    #[test]
    fn references_are_completed_and_shortened() {
        for (text, full, familiar) in [
            ("nginx", "docker.io/library/nginx", "nginx"),
            ("nginx:1.27", "docker.io/library/nginx:1.27", "nginx:1.27"),
            ("library/nginx", "docker.io/library/nginx", "nginx"),
            ("docker.io/nginx", "docker.io/library/nginx", "nginx"),
            (
                "docker.io/library/nginx:a",
                "docker.io/library/nginx:a",
                "nginx:a",
            ),
            ("index.docker.io/a/b", "docker.io/a/b", "a/b"),
            (
                "docker.io/other.io/a:1",
                "docker.io/other.io/a:1",
                "docker.io/other.io/a:1",
            ),
            (
                "docker.io/docker.io/a",
                "docker.io/docker.io/a",
                "docker.io/docker.io/a",
            ),
            (
                "grafana/loki:3",
                "docker.io/grafana/loki:3",
                "grafana/loki:3",
            ),
            ("library/a/b", "docker.io/library/a/b", "library/a/b"),
            ("localhost/a", "localhost/a", "localhost/a"),
            (
                "localhost:5000/a:t",
                "localhost:5000/a:t",
                "localhost:5000/a:t",
            ),
            ("ghcr.io/a/b/c", "ghcr.io/a/b/c", "ghcr.io/a/b/c"),
            ("Registry/a", "Registry/a", "Registry/a"),
            ("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a"),
            (
                "a__b/c-----d.e_f",
                "docker.io/a__b/c-----d.e_f",
                "a__b/c-----d.e_f",
            ),
            ("a:T_g.1-x", "docker.io/library/a:T_g.1-x", "a:T_g.1-x"),
            ("foo:5000/bar", "foo:5000/bar", "foo:5000/bar"),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(reference.to_string(), full, "{text}");
            assert_eq!(reference.familiar(), familiar, "{text}");
        }
        let pinned = Reference::parse(&format!("nginx:1@{DIGEST}")).unwrap();
        assert_eq!(pinned.familiar(), format!("nginx:1@{DIGEST}"));
    }

    #[test]
    fn a_tag_is_added_only_where_nothing_pins_the_image() {
        for (text, tagged) in [
            ("nginx", "nginx:latest".to_owned()),
            ("nginx:1", "nginx:1".to_owned()),
            (&format!("nginx@{DIGEST}"), format!("nginx@{DIGEST}")),
        ] {
            let reference = Reference::parse(text).unwrap().with_default_tag();
            assert_eq!(reference.familiar(), tagged);
        }
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        let long = format!("a/{}", "b".repeat(255));
        let id = "f".repeat(64);
        for (text, error) in [
            ("", Error::Format),
            ("Nginx", Error::Uppercase),
            ("a/Nginx:1", Error::Uppercase),
            (&id, Error::Identifier),
            (&long, Error::TooLong),
            ("nginx:", Error::Format),
            ("nginx: 1", Error::Format),
            ("-nginx", Error::Format),
            ("a..b", Error::Format),
            ("a___b", Error::Format),
            ("a//b", Error::Format),
            ("a/b/", Error::Format),
            ("a b", Error::Format),
            ("a@sha256:abc", Error::Format),
            ("https://ghcr.io/a", Error::Format),
            ("foo:bar:baz", Error::Format),
            ("foo_bar.com/a", Error::Format),
            ("ghcr.io:/a", Error::Format),
        ] {
            assert_eq!(Reference::parse(text), Err(error), "{text}");
        }
    }
}
