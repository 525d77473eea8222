//! Compose files of other machines: artifacts of registries and files of git repositories. What
//! `-f`, `include` or `extends` names is fetched where the loader meets it, kept by its digest or
//! its commit, and read from there like any other file.

mod cache;
mod checkout;
mod consent;
mod git;
mod oci;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use self::cache::Cache;
pub(super) use self::consent::agree;
use self::git::Git;
use self::oci::Artifacts;
use super::context::docker_config;
use super::{Context, Environment, OnInterrupt, interrupted};
use crate::compose::{self, Address, Fetched};
use crate::diagnostic::Diagnostic;
use crate::engine::{Logins, Trust};

/// What Docker Compose's own tests set for a registry without TLS.
const INSECURE: &str = "__TEST__INSECURE__REGISTRY__";
/// Whoever says nothing for so long is not waited for.
const SILENCE: Duration = Duration::from_secs(60);

/// Whether registries need not prove who they are.
pub(super) fn trust(env: &Environment, insecure: bool) -> Trust {
    match insecure || env.get(INSECURE).is_some() {
        true => Trust::Anyone,
        false => Trust::Proven,
    }
}

/// The project's files as the command line names them, else `COMPOSE_FILE`.
fn named(cx: &Context) -> Vec<String> {
    match cx.env.get("COMPOSE_FILE") {
        Some(list) if cx.globals.file.is_empty() => {
            compose::listed(list, cx.env.get("COMPOSE_PATH_SEPARATOR"))
        }
        _ => cx.globals.file.clone(),
    }
}

/// What fetches for one command: an address means the same file as long as it runs.
pub(super) struct Remotes {
    env: Environment,
    /// `--config`.
    config: Option<PathBuf>,
    insecure: Vec<String>,
    known: Mutex<BTreeMap<Address, Fetched>>,
    commits: git::Commits,
    on_interrupt: Option<OnInterrupt>,
    is_interrupted: AtomicBool,
}

impl Remotes {
    pub(super) fn of(cx: &Context) -> Arc<Self> {
        Arc::new(Self {
            env: cx.env.clone(),
            config: cx.globals.config.clone(),
            insecure: cx.globals.insecure_registry.clone(),
            known: Mutex::default(),
            commits: git::Commits::default(),
            on_interrupt: OnInterrupt::of(&cx.verb),
            is_interrupted: AtomicBool::new(false),
        })
    }

    /// Whether a signal ended a fetch.
    pub(super) fn is_interrupted(&self) -> bool {
        self.is_interrupted.load(Ordering::Relaxed)
    }

    /// Ends with a signal, where the whole command would. Another listens for itself, and later: a
    /// signal still ends it here, and at the questions that follow, as long as nobody listens.
    async fn interrupted(&self) {
        match self.on_interrupt {
            Some(OnInterrupt::Leave) => interrupted().await,
            _ => std::future::pending().await,
        }
    }

    async fn bring(&self, address: &Address) -> Result<Fetched, Diagnostic> {
        let cache = Cache::of(&self.env)?;
        match address {
            Address::Oci(reference) => {
                enabled(&self.env, "OCI", "COMPOSE_EXPERIMENTAL_OCI_REMOTE")?;
                let config = docker_config(&self.env, self.config.as_ref());
                let lookup = |name: &str| self.env.get(name).map(str::to_owned);
                let artifacts = Artifacts {
                    logins: Arc::new(Logins::of(&config, &lookup)),
                    trust: &|domain| trust(&self.env, self.insecure.iter().any(|it| it == domain)),
                    cache,
                };
                artifacts.fetch(reference).await
            }
            Address::Git(address) => {
                enabled(&self.env, "git", "COMPOSE_EXPERIMENTAL_GIT_REMOTE")?;
                checkout::fetch(&Git::of(&self.env), &cache, &self.commits, address).await
            }
        }
    }
}

impl fmt::Debug for Remotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remotes").finish_non_exhaustive()
    }
}

impl compose::Remotes for Remotes {
    fn fetch(&self, address: &Address) -> Result<Fetched, Diagnostic> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fetched) = known().get(address) {
            return Ok(fetched.clone());
        }
        let fetched = apart(|| async {
            tokio::select! {
                fetched = self.bring(address) => fetched,
                () = self.interrupted() => {
                    self.is_interrupted.store(true, Ordering::Relaxed);
                    Err(Diagnostic::error(format!("interrupted while `{address}` was fetched")))
                }
            }
        })?;
        known().insert(address.clone(), fetched.clone());
        Ok(fetched)
    }
}

/// Runs something to its end on a thread and a runtime of its own: the loader is called from within
/// a runtime, and knows of none.
fn apart<T: Send>(
    work: impl AsyncFnOnce() -> Result<T, Diagnostic> + Send,
) -> Result<T, Diagnostic> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(work()),
            Err(error) => Err(Diagnostic::error(format!("cannot fetch files: {error}"))),
        }
    };
    thread::scope(|scope| match scope.spawn(run).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Whether a kind of address is on; Docker Compose's words where it is not.
fn enabled(env: &Environment, what: &str, variable: &str) -> Result<(), Diagnostic> {
    let Some(word) = env.get(variable) else {
        return Ok(());
    };
    match word {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(()),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Err(Diagnostic::error(format!(
            "{what} remote resource is disabled by \"{variable}\""
        ))
        .hint(format!("unset `{variable}`, or name a local copy"))),
        word => Err(Diagnostic::error(format!(
            "{variable} environment variable expects boolean value: `{word}`"
        ))
        .hint("write `true` or `false`")),
    }
}
