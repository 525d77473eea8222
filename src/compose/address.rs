//! Addresses of compose files on other machines, told from paths as Docker Compose tells them
//! (BuildKit's `dfgitutil.ParseGitRef`, and `oci://`).

use std::borrow::Cow;
use std::fmt;

use crate::text::percent;
use crate::text::secret::without_credentials;

/// How the address of an artifact begins.
const OCI: &str = "oci://";
/// What may be said after `?`, besides the two switches that change nothing here.
const OPTIONS: [&str; 6] = ["ref", "branch", "tag", "subdir", "checksum", "commit"];

/// A compose file on another machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// An artifact of a registry, by its reference.
    Oci(String),
    /// A file of a git repository.
    Git(GitAddress),
}

/// A compose file of a git repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GitAddress {
    /// The repository, as `git clone` takes it.
    pub repository: String,
    /// A branch, a tag, another reference or a commit; none for the default branch.
    pub reference: Option<String>,
    /// A file, or a folder with a compose file, below the repository's root.
    pub subdir: Option<String>,
    /// The commit that the reference has to lead to, or how its name begins.
    pub commit: Option<String>,
}

/// What looks like an address and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAddress {
    /// A page, which Docker Compose takes for a path.
    Page,
    /// What is said after `?` makes no sense; why.
    Options(String),
}

impl Address {
    /// Reads an address; none is a path of this machine.
    pub fn parse(path: &str) -> Option<Result<Self, NoAddress>> {
        if let Some(reference) = path.strip_prefix(OCI) {
            return Some(Ok(Self::Oci(reference.to_owned())));
        }
        let (rest, fragment) = split(path, '#');
        let (repository, query) = split(rest, '?');
        let repository = match path.split_once("://").map(|(scheme, _)| scheme) {
            _ if path.starts_with("github.com/") => format!("https://{repository}"),
            Some(scheme) => match scheme.to_ascii_lowercase().as_str() {
                "ssh" | "git" => repository.to_owned(),
                // A page is a repository where its path says so.
                "http" | "https" if repository.ends_with(".git") => repository.to_owned(),
                "http" | "https" => return Some(Err(NoAddress::Page)),
                _ => return None,
            },
            None if is_scp(path) => repository.to_owned(),
            None => return None,
        };
        let git = GitAddress::new(repository, fragment, query);
        Some(git.map(Self::Git).map_err(NoAddress::Options))
    }
}

/// As Docker Compose takes it, of git with everything after `#`, and without a password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oci(reference) => write!(f, "{OCI}{reference}"),
            Self::Git(git) => git.fmt(f),
        }
    }
}

impl fmt::Display for GitAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())?;
        match (&self.reference, &self.subdir) {
            (None, None) => Ok(()),
            (Some(reference), None) => write!(f, "#{reference}"),
            (reference, Some(dir)) => {
                write!(f, "#{}:{dir}", reference.as_deref().unwrap_or_default())
            }
        }
    }
}

impl GitAddress {
    /// The repository, without a password.
    pub fn shown(&self) -> Cow<'_, str> {
        without_credentials(&self.repository)
    }

    fn new(repository: String, fragment: &str, query: &str) -> Result<Self, String> {
        let fragment = percent::decode(fragment);
        let (reference, subdir) = split(&fragment, ':');
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let mut git = Self {
            repository,
            reference: said(reference),
            subdir: said(subdir),
            commit: None,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = split(pair, '=');
            git.set(key, percent::decode(&value.replace('+', " ")))?;
        }
        // A commit is as good as a reference.
        git.reference = git.reference.or_else(|| git.commit.clone());
        Ok(git)
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), String> {
        let (place, value) = match key {
            // Docker Compose takes them, and keeps and fetches what it always does.
            "keep-git-dir" | "submodules" => return Ok(()),
            _ if !OPTIONS.contains(&key) => return Err(format!("there is no option `{key}`")),
            _ if value.is_empty() => return Err(format!("`{key}` has no value")),
            "branch" => (&mut self.reference, below("refs/heads/", value)),
            "tag" => (&mut self.reference, below("refs/tags/", value)),
            "subdir" => (&mut self.subdir, value),
            "ref" => (&mut self.reference, value),
            _ => (&mut self.commit, value),
        };
        match place {
            Some(other) if *other != value => Err(format!("`{other}` or `{value}`?")),
            place => {
                *place = Some(value);
                Ok(())
            }
        }
    }
}

/// A text before and after the first of a character; all of it where there is none.
fn split(text: &str, at: char) -> (&str, &str) {
    text.split_once(at).unwrap_or((text, ""))
}

/// A name with a prefix, which it may have already.
fn below(prefix: &str, name: String) -> String {
    match name.starts_with(prefix) {
        true => name,
        false => format!("{prefix}{name}"),
    }
}

/// `user@host:path`.
fn is_scp(path: &str) -> bool {
    let Some((user, rest)) = path.split_once('@') else {
        return false;
    };
    let Some((host, _)) = rest.split_once(':') else {
        return false;
    };
    let all = |text: &str, also: &[u8]| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || also.contains(&byte);
        !text.is_empty() && text.bytes().all(fits)
    };
    all(user, b"-_") && all(host, b"-.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of a path: repository, reference, subdir and commit of git.
    fn told(path: &str) -> String {
        match Address::parse(path) {
            None => "a path".to_owned(),
            Some(Ok(Address::Oci(reference))) => format!("artifact {reference}"),
            Some(Ok(Address::Git(git))) => {
                let mut text = git.repository;
                let rest = [
                    ("ref", git.reference),
                    ("dir", git.subdir),
                    ("commit", git.commit),
                ];
                for (key, value) in rest {
                    text.extend(value.map(|value| format!(" {key} {value}")));
                }
                text
            }
            Some(Err(NoAddress::Page)) => "a page".to_owned(),
            Some(Err(NoAddress::Options(why))) => why,
        }
    }

    #[test]
    fn addresses_are_told_from_paths() {
        for (path, what) in [
            ("oci://registry/a:1", "artifact registry/a:1"),
            ("github.com/a/b", "https://github.com/a/b"),
            (
                "github.com/a/b#main:sub",
                "https://github.com/a/b ref main dir sub",
            ),
            ("https://host/a.git#v1", "https://host/a.git ref v1"),
            ("HTTPS://host/a.git", "HTTPS://host/a.git"),
            ("https://host/compose.yaml", "a page"),
            ("https://host/a.git/", "a page"),
            ("ssh://git@host/a", "ssh://git@host/a"),
            ("git://host/a#x", "git://host/a ref x"),
            ("git://host/a#:sub/dir", "git://host/a dir sub/dir"),
            ("git://host/a#a%2Fb:c%20d", "git://host/a ref a/b dir c d"),
            ("git@host:a/b.git", "git@host:a/b.git"),
            (
                "git@host:a/b.git?ref=v1#:c",
                "git@host:a/b.git ref v1 dir c",
            ),
            ("me@host.example:a", "me@host.example:a"),
            ("compose.yaml", "a path"),
            ("./github.com/a", "a path"),
            ("a b@host:c", "a path"),
            ("dir/me@host:c", "a path"),
            ("file:///x", "a path"),
            ("@host:c", "a path"),
            ("-", "a path"),
        ] {
            assert_eq!(told(path), what, "{path}");
        }
    }

    #[test]
    fn options_say_the_same_as_the_fragment_and_may_not_contradict_it() {
        for (options, what) in [
            ("?ref=v1&subdir=a", " ref v1 dir a"),
            ("?branch=main", " ref refs/heads/main"),
            ("?tag=refs/tags/v1", " ref refs/tags/v1"),
            ("?commit=c0ffee", " ref c0ffee commit c0ffee"),
            ("?checksum=c0ffee#v1", " ref v1 commit c0ffee"),
            ("?subdir=a%2Fb+c&submodules", " dir a/b c"),
            ("?ref=v1#v1:a", " ref v1 dir a"),
        ] {
            let path = format!("git://host/a{options}");
            assert_eq!(told(&path), format!("git://host/a{what}"));
        }
        for (options, why) in [
            ("?foo=1", "there is no option `foo`"),
            ("?ref", "`ref` has no value"),
            ("?ref=v1#v2", "`v2` or `v1`?"),
            ("?tag=v1&branch=v1", "`refs/tags/v1` or `refs/heads/v1`?"),
        ] {
            assert_eq!(told(&format!("git://host/a{options}")), why);
        }
    }
}
