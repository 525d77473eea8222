//! Addresses of compose files on other machines: told from paths as Docker Compose tells them, and
//! refused with the way to a local file.

use super::context::{Context, Phase};
use super::node::Span;
use crate::diagnostic::Diagnostic;

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Remote {
    /// To an artifact of a registry.
    Oci,
    /// To a repository, here as `git clone` takes it.
    Git(String),
    /// To a page, which Docker Compose takes for a path.
    Page,
}

/// Ends the load where a file lies on another machine.
pub fn refuse(cx: &mut Context<'_>, path: &str, at: Span) -> Phase<()> {
    let (message, hint) = match Remote::of(path) {
        None => return Ok(()),
        Some(Remote::Git(repository)) => (
            format!("compose files of git addresses are not supported yet: `{path}`"),
            format!("`git clone {repository}`, and name the local file"),
        ),
        Some(Remote::Oci) => (
            format!("compose files of OCI addresses are not supported yet: `{path}`"),
            format!("`docker compose -f {path} config -o compose.yaml` fetches it: name that file"),
        ),
        Some(Remote::Page) => (
            format!("compose files are not read from the web: `{path}`"),
            format!("`curl -LO {path}`, and name the local file"),
        ),
    };
    cx.halt(Diagnostic::error(message).at(cx.place(at)).hint(hint))
}

/// Whether a path leads to another machine.
pub fn is_remote(path: &str) -> bool {
    Remote::of(path).is_some()
}

impl Remote {
    /// Where a path leads, if not to this machine (BuildKit's `dfgitutil.ParseGitRef`).
    fn of(path: &str) -> Option<Self> {
        if path.starts_with("oci://") {
            return Some(Self::Oci);
        }
        let repository = path.split('#').next().unwrap_or_default();
        if path.starts_with("github.com/") {
            return Some(Self::Git(format!("https://{repository}")));
        }
        match path.split_once("://") {
            Some(("ssh" | "git", _)) => Some(Self::Git(repository.to_owned())),
            // A page is a repository where its path says so.
            Some(("http" | "https", _)) => {
                let repository = repository.split('?').next().unwrap_or_default();
                Some(match repository.ends_with(".git") {
                    true => Self::Git(repository.to_owned()),
                    false => Self::Page,
                })
            }
            Some(_) => None,
            None => is_scp(path).then(|| Self::Git(repository.to_owned())),
        }
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

    #[test]
    fn addresses_are_told_from_paths() {
        let git = |repository: &str| Some(Remote::Git(repository.to_owned()));
        for (path, kind) in [
            ("oci://registry/a:1", Some(Remote::Oci)),
            ("github.com/a/b", git("https://github.com/a/b")),
            ("github.com/a/b#main:sub", git("https://github.com/a/b")),
            ("https://host/a.git#v1", git("https://host/a.git")),
            ("http://host/a.git?ref=v1", git("http://host/a.git")),
            ("https://host/compose.yaml", Some(Remote::Page)),
            ("ssh://git@host/a", git("ssh://git@host/a")),
            ("git://host/a#x", git("git://host/a")),
            ("git@host:a/b.git", git("git@host:a/b.git")),
            ("me@host.example:a", git("me@host.example:a")),
            ("compose.yaml", None),
            ("./github.com/a", None),
            ("a b@host:c", None),
            ("dir/me@host:c", None),
            ("file:///x", None),
            ("@host:c", None),
            ("-", None),
        ] {
            assert_eq!(Remote::of(path), kind, "{path}");
        }
    }
}
