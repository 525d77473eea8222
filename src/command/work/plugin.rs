//! The Docker Compose that is installed beside dco: containers are labelled as its own would be, so
//! that neither replaces what the other made.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::Context;
use crate::history::store::write_whole;

/// Where packages put plugins, in the order in which the docker CLI looks.
const SYSTEM: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

const NAME: &str = "docker-compose";

/// A plugin that takes longer to say its version is treated as one that has none.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a plugin says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Metadata {
    vendor: String,
    version: String,
}

/// A plugin and its version, as it was when it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    path: PathBuf,
    modified: i64,
    size: u64,
    /// None where it is no Docker Compose: dco itself, say.
    version: Option<String>,
}

/// The folders of docker's plugins, in the order in which the docker CLI looks.
pub(in crate::command) fn plugin_folders(cx: &Context) -> Vec<PathBuf> {
    let config = cx.docker_config();
    let extra = config.file.cli_plugins_extra_dirs.iter().map(PathBuf::from);
    let own = [config.dir.join("cli-plugins")];
    let folders = extra.chain(own).chain(SYSTEM.map(PathBuf::from));
    folders.collect()
}

/// The version of the plugin that `docker compose` runs, such as `2.40.3`; none without one.
///
/// It is asked once, and again when the file is another.
pub(super) fn installed(cx: &Context) -> Option<String> {
    let folders = plugin_folders(cx).into_iter();
    let (path, found) = folders.map(|folder| folder.join(NAME)).find_map(|path| {
        let found = std::fs::metadata(&path).ok()?;
        found.is_file().then_some((path, found))
    })?;
    let memory = cx
        .state_dir()
        .map(|state| state.join("compose-plugin.json"));
    let known = memory.as_deref().and_then(recall);
    let is_same = |known: &Known| {
        (&known.path, known.modified, known.size) == (&path, found.mtime(), found.size())
    };
    if let Some(known) = known.filter(is_same) {
        return known.version;
    }
    let known = Known {
        version: ask(&path),
        modified: found.mtime(),
        size: found.size(),
        path,
    };
    if let (Some(memory), Ok(text)) = (memory, serde_json::to_vec(&known)) {
        // Forgotten, it is asked again.
        let _ = write_whole(&memory, &text);
    }
    known.version
}

fn recall(path: &Path) -> Option<Known> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Asks a plugin as the docker CLI does.
fn ask(path: &Path) -> Option<String> {
    let mut child = Command::new(path)
        .arg("docker-cli-plugin-metadata")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut output = child.stdout.take()?;
    let (say, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = output.read_to_end(&mut text);
        let _ = say.send(read.map(|_| text));
    });
    let heard = hear.recv_timeout(PATIENCE);
    let _ = child.kill();
    let _ = child.wait();
    let text = heard.ok()?.ok()?;
    let told: Metadata = serde_json::from_slice(&text).ok()?;
    let version = told.version.trim_start_matches('v').to_owned();
    let is_one = version.starts_with(|c: char| c.is_ascii_digit());
    // dco's own word is that of the Compose it stands for.
    (is_one && told.vendor != "dco").then_some(version)
}
