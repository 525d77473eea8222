//! The `git` of this machine, as it is run to fetch compose files: it asks nobody for a password,
//! and is not waited for when it has nothing to say.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::super::Environment;
use super::SILENCE;
use crate::compose::GitAddress;
use crate::diagnostic::Diagnostic;
use crate::text::secret::without_credentials;

/// Variables that name a repository: that of a hook which runs dco, say, and not the one meant.
const REPOSITORY: [&str; 8] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
];
/// No connection is shared with others, nobody is asked, and a host that is gone is noticed.
const SSH: &str = "ssh -o ControlMaster=no -o BatchMode=yes -o ConnectTimeout=30 \
                   -o ServerAliveInterval=15";
/// What is left in the pipes of a git that has ended is there at once.
const REST: Duration = Duration::from_millis(200);
/// How `git ls-remote --exit-code` says that there is no such reference.
const NO_REFERENCE: i32 = 2;
/// Where a name is looked for among the references, in this order.
const PLACES: [&str; 5] = ["", "refs/", "refs/heads/", "refs/tags/", "refs/remotes/"];

/// What references led to: for a whole command to the same commit.
pub(super) type Commits = Mutex<BTreeMap<(String, String), String>>;

/// How git is run.
pub(super) struct Git {
    variables: Vec<(&'static str, &'static str)>,
    patience: Duration,
}

/// What git answered.
struct Answer {
    /// None where a signal ended it.
    code: Option<i32>,
    out: String,
    err: String,
}

impl Git {
    pub(super) fn of(env: &Environment) -> Self {
        // Its words are looked at.
        let mut variables = vec![("LC_ALL", "C")];
        if env.get("GIT_TERMINAL_PROMPT").is_none() {
            variables.push(("GIT_TERMINAL_PROMPT", "0"));
        }
        if env.get("GIT_SSH").is_none() && env.get("GIT_SSH_COMMAND").is_none() {
            variables.push(("GIT_SSH_COMMAND", SSH));
        }
        Self {
            variables,
            patience: SILENCE,
        }
    }

    /// The commit, or the tag, that an address leads to. What names one itself is asked of nobody.
    pub(super) async fn commit(
        &self,
        address: &GitAddress,
        known: &Commits,
    ) -> Result<String, Diagnostic> {
        let reference = address.reference.as_deref().unwrap_or("HEAD");
        if is_commit(reference) {
            return Ok(reference.to_owned());
        }
        let key = (address.repository.clone(), reference.to_owned());
        let known = || known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(commit) = known().get(&key) {
            return Ok(commit.clone());
        }
        let words = ["ls-remote", "--exit-code", "--"];
        let asked = words.into_iter().chain([&*address.repository, reference]);
        let answer = self.run(asked.collect(), address).await?;
        let found = match answer.code {
            Some(0) => choose(&answer.out, reference),
            Some(NO_REFERENCE) => None,
            _ => return Err(answer.refused(address)),
        };
        let Some(commit) = found else {
            let message = format!("repository does not contain ref `{reference}`: `{address}`");
            let list = format!(
                "`git ls-remote {}` lists those that it has",
                address.shown()
            );
            return Err(Diagnostic::error(message).hint(list));
        };
        known().insert(key, commit.clone());
        Ok(commit)
    }

    /// Runs git, which has to succeed.
    pub(super) async fn must<S: AsRef<OsStr>>(
        &self,
        words: Vec<S>,
        address: &GitAddress,
    ) -> Result<(), Diagnostic> {
        let answer = self.run(words, address).await?;
        match answer.code {
            Some(0) => Ok(()),
            _ => Err(answer.refused(address)),
        }
    }

    async fn run<S: AsRef<OsStr>>(
        &self,
        words: Vec<S>,
        address: &GitAddress,
    ) -> Result<Answer, Diagnostic> {
        let mut command = Command::new("git");
        command.args(words).envs(self.variables.iter().copied());
        for name in REPOSITORY {
            command.env_remove(name);
        }
        match listen(command, self.patience).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => {
                let limit = self.patience.as_secs();
                let message = format!("git has said nothing for {limit} s about `{address}`");
                Err(Diagnostic::error(message).hint("does its host answer?"))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let message = format!("`git` is not installed; it fetches `{address}`");
                Err(Diagnostic::error(message).hint("install it, or name a local copy"))
            }
            Err(error) => Err(Diagnostic::error(format!("cannot run `git`: {error}"))),
        }
    }
}

/// Runs a command and takes what it says; nothing where it falls silent for longer than `patience`.
async fn listen(mut command: Command, patience: Duration) -> std::io::Result<Option<Answer>> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut said, mut told) = (Vec::new(), Vec::new());
    let mut status = None;
    while status.is_none() || out.is_some() || err.is_some() {
        let patience = status.as_ref().map_or(patience, |_| REST);
        let next = async {
            tokio::select! {
                more = take(&mut out, &mut said), if out.is_some() => if !more { out = None },
                more = take(&mut err, &mut told), if err.is_some() => if !more { err = None },
                ended = child.wait(), if status.is_none() => status = Some(ended),
            }
        };
        match (timeout(patience, next).await, &status) {
            (Ok(()), _) => {}
            // Somebody whom it started holds its pipes, and lives on.
            (Err(_), Some(_)) => break,
            (Err(_), None) => {
                child.kill().await?;
                return Ok(None);
            }
        }
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let code = status.transpose()?.and_then(|status| status.code());
    Ok(Some(Answer {
        code,
        out: text(said),
        err: text(told),
    }))
}

/// Takes what a pipe yields next; whether there may be more.
async fn take(from: &mut Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> bool {
    match from {
        Some(from) => from.read_buf(into).await.is_ok_and(|length| length > 0),
        None => false,
    }
}

impl Answer {
    /// Why git did not do as asked, in its own words.
    fn refused(&self, address: &GitAddress) -> Diagnostic {
        let lines = self.err.split(['\n', '\r']).map(str::trim_end);
        let is_progress = |line: &&str| line.contains("% (") || line.starts_with("remote: Enum");
        let lines = lines.filter(|line| !line.is_empty() && !is_progress(line));
        let words = lines.collect::<Vec<_>>().join("\n ");
        let message = format!(
            "failed to access repository at `{}`: {}",
            address.shown(),
            without_credentials(&words)
        );
        let error = Diagnostic::error(message);
        match wants_login(&words) {
            true => error.hint(
                "nobody is asked for a password here: a credential helper of git, or a key in the \
                 SSH agent, gives it; `GIT_TERMINAL_PROMPT=1` lets git ask",
            ),
            false => error.hint(format!(
                "is it there, and may you read it? `git ls-remote {}` asks the same",
                address.shown()
            )),
        }
    }
}

/// Whether git was turned away for not saying who comes.
fn wants_login(words: &str) -> bool {
    let signs = [
        "could not read Username",
        "could not read Password",
        "Authentication failed",
        "Permission denied",
        "terminal prompts disabled",
        "Host key verification failed",
        "403",
    ];
    signs.iter().any(|sign| words.contains(sign))
}

/// Whether a text is the whole name of a commit.
pub(super) fn is_commit(text: &str) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    matches!(text.len(), 40 | 64) && text.bytes().all(hex)
}

/// What a name means among the references that end with it: itself, else a branch, else a tag; else
/// the first, as in Docker Compose.
fn choose(listed: &str, name: &str) -> Option<String> {
    let lines = || listed.lines().filter_map(|line| line.split_once('\t'));
    let whole = |place: &&str| format!("{place}{name}");
    let of = |wanted: String| lines().find(|(_, reference)| *reference == wanted);
    let found = PLACES.iter().map(whole).find_map(of).or(lines().next());
    let (commit, _) = found?;
    is_commit(commit).then(|| commit.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn listened(script: &str, patience: Duration) -> Option<Answer> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.unwrap();
        runtime.block_on(listen(command, patience)).unwrap()
    }

    #[test]
    fn a_name_means_itself_before_others_that_end_with_it() {
        let id = |digit: &str| digit.repeat(40);
        let listed = format!(
            "{}\trefs/heads/foo/main\n{}\trefs/heads/main\n{}\trefs/tags/main\n",
            id("1"),
            id("2"),
            id("3")
        );
        assert_eq!(choose(&listed, "main"), Some(id("2")));
        assert_eq!(choose(&listed, "refs/tags/main"), Some(id("3")));
        assert_eq!(choose(&listed, "tags/main"), Some(id("3")));
        let one = format!("{}\trefs/heads/foo/main\n", id("1"));
        assert_eq!(choose(&one, "main"), Some(id("1")));
        assert_eq!(choose("warning: nonsense\n", "main"), None);
    }

    #[test]
    fn who_says_nothing_is_not_waited_for_and_who_speaks_is() {
        let began = Instant::now();
        assert!(listened("echo; exec sleep 100", Duration::from_millis(100)).is_none());
        assert!(began.elapsed() < Duration::from_secs(20));
        let slow = "for i in 1 2 3 4 5 6; do sleep 0.1; echo $i >&2; done; echo end; exit 7";
        let answer = listened(slow, Duration::from_millis(450)).unwrap();
        assert_eq!(answer.code, Some(7));
        assert_eq!(
            (&*answer.out, &*answer.err),
            ("end\n", "1\n2\n3\n4\n5\n6\n")
        );
    }

    #[test]
    fn who_leaves_somebody_behind_has_ended_all_the_same() {
        let began = Instant::now();
        let answer = listened("sleep 30 & echo done", Duration::from_secs(20)).unwrap();
        assert_eq!((answer.code, &*answer.out), (Some(0), "done\n"));
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
