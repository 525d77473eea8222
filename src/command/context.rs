//! What a verb runs in: the global flags, the environment, the terminal, and who is spoken to.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Result, bail};

use super::interactive::DetachKeys;
use super::process::{Environment, Terminal};
use super::remote::Remotes;
use super::work::wording;
use super::{Globals, Identity, preferences, style};
use crate::compose;
use crate::engine::{DockerConfig, Engine, Selection, TlsFlags};
use crate::event::Events;
use crate::report::{self, Reporter, Style, Wording};

/// Everything a verb needs besides its own arguments; what costs time is made when it is asked for.
pub struct Context {
    /// The flags before the verb.
    pub globals: Globals,
    /// As which program dco was called.
    pub identity: Identity,
    /// The verb.
    pub verb: String,
    /// The variables of the process.
    pub env: Environment,
    /// What standard input, output and error are.
    pub terminal: Terminal,
    /// One for the whole command: what it has fetched stays the same.
    remotes: OnceCell<Arc<Remotes>>,
    /// One for the whole command: its connections are shared by all of its steps.
    engine: OnceCell<Engine>,
    reporter: Reporter,
    /// Looked up when something is said.
    wording: OnceLock<Wording>,
}

impl Context {
    /// Looks at the process, and at the flags that say how dco speaks; `verb` heads its progress.
    pub fn new(globals: Globals, identity: Identity, verb: &str) -> Result<Self> {
        let mut env = Environment::of_process();
        env.project = project_switches(&globals, &env);
        if let Some(path) = preferences::path(&|name| env.get(name).map(str::to_owned)) {
            env.preferred = preferences::load(&path)?;
        }
        report::begin_log(globals.debug, globals.log_level.as_deref())?;
        let terminal = Terminal::of_process();
        let style = style::decide(&globals, &env, terminal)?;
        let reporter = Reporter::new(style, verb);
        Ok(Self {
            globals,
            identity,
            verb: verb.to_owned(),
            env,
            terminal,
            remotes: OnceCell::new(),
            engine: OnceCell::new(),
            reporter,
            wording: OnceLock::new(),
        })
    }

    /// How dco speaks.
    pub fn style(&self) -> &Style {
        self.reporter.style()
    }

    /// Who prints.
    pub fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// Where what happens is said.
    pub fn events(&self) -> Events {
        self.reporter
            .events(*self.wording.get_or_init(|| wording(self)))
    }

    /// Docker's own configuration; `--config` names its directory.
    pub fn docker_config(&self) -> DockerConfig {
        docker_config(&self.env, self.globals.config.as_ref())
    }

    /// What fetches compose files of other machines.
    pub(super) fn remotes(&self) -> &Arc<Remotes> {
        self.remotes.get_or_init(|| Remotes::of(self))
    }

    /// The engine that is meant. Whether anybody answers shows with the first call.
    pub fn engine(&self) -> Result<Engine> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine.clone());
        }
        let globals = &self.globals;
        let selection = Selection {
            host: globals.host.last().cloned(),
            context: globals.context.clone(),
            tls: TlsFlags {
                enabled: globals.tls,
                verify: globals.tlsverify,
                ca: globals.tlscacert.clone(),
                certificate: globals.tlscert.clone(),
                key: globals.tlskey.clone(),
            },
        };
        let engine = Engine::from_environment(&selection, &self.docker_config())?;
        Ok(self.engine.get_or_init(|| engine).clone())
    }

    /// How many steps, pulls and pushes run at once, where the user limits them: `--parallel`, else
    /// `COMPOSE_PARALLEL_LIMIT`.
    ///
    /// # Errors
    /// A variable that is no number.
    pub fn at_once(&self) -> Result<Option<usize>> {
        let limit = match (
            self.globals.parallel,
            self.env.get("COMPOSE_PARALLEL_LIMIT"),
        ) {
            (Some(limit), _) => limit,
            (None, None) => return Ok(None),
            (None, Some(text)) => match text.trim().parse() {
                Ok(limit) => limit,
                Err(_) => {
                    bail!("COMPOSE_PARALLEL_LIMIT must be an integer (found: \"{text}\")")
                }
            },
        };
        Ok(usize::try_from(limit).ok().filter(|limit| *limit > 0))
    }

    /// The keys that leave a container's terminal: as given, as configured, or docker's.
    pub fn detach_keys(&self, given: Option<&str>) -> Result<DetachKeys> {
        let keys = self.detach_key_text(given);
        Ok(DetachKeys::parse(
            keys.as_deref().unwrap_or(DetachKeys::DEFAULT),
        )?)
    }

    /// The same as they are written; none for docker's.
    pub fn detach_key_text(&self, given: Option<&str>) -> Option<String> {
        let given = given.filter(|keys| !keys.is_empty()).map(str::to_owned);
        given.or_else(|| self.docker_config().file.detach_keys)
    }

    /// Where dco keeps what it may forget: `$XDG_STATE_HOME/dco`, by default `~/.local/state/dco`.
    pub fn state_dir(&self) -> Option<PathBuf> {
        let home = || {
            self.env
                .get("HOME")
                .map(|home| PathBuf::from(home).join(".local/state"))
        };
        let base = self.env.get("XDG_STATE_HOME").map(PathBuf::from);
        let base = base.filter(|path| path.is_absolute()).or_else(home)?;
        Some(base.join("dco"))
    }
}

/// Docker's own configuration, in a directory where one is named.
pub(super) fn docker_config(env: &Environment, dir: Option<&PathBuf>) -> DockerConfig {
    DockerConfig::load(&|name| match (name, dir) {
        ("DOCKER_CONFIG", Some(dir)) => Some(dir.display().to_string()),
        _ => env.get(name).map(str::to_owned),
    })
}

/// What the `.env` of the project says of Compose's own switches (`COMPOSE_*`): read before the
/// project is, so only where the command line says where that lies, else here.
fn project_switches(globals: &Globals, env: &Environment) -> BTreeMap<String, String> {
    let given = globals
        .project_directory
        .as_ref()
        .or(globals.workdir.as_ref());
    let here = |file: &&String| *file != "-" && !compose::is_remote(file);
    let first = globals.file.first().filter(here);
    let beside = first.and_then(|file| Some(PathBuf::from(file).parent()?.to_owned()));
    let dir = given.cloned().or(beside).unwrap_or_default();
    let files: Vec<PathBuf> = match globals.env_file.is_empty() {
        false => globals.env_file.iter().map(PathBuf::from).collect(),
        true if env.is_on("COMPOSE_DISABLE_ENV_FILE") => return BTreeMap::new(),
        true => match env.get("COMPOSE_ENV_FILES") {
            Some(list) => list.split(',').map(PathBuf::from).collect(),
            None => vec![dir.join(".env")],
        },
    };
    compose::switches(&files, env.all())
}
