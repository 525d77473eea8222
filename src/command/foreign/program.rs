//! A program of somebody else's: a plugin of docker's or one in `$PATH`. How it is found and called.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::super::Context;
use super::super::work::plugin_folders;
use crate::project::Project;

/// Docker's plugin of this name.
pub(in crate::command) fn plugin(cx: &Context, name: &str) -> Option<PathBuf> {
    let folders = plugin_folders(cx).into_iter();
    let mut files = folders.map(|folder| folder.join(format!("docker-{name}")));
    files.find(|path| is_program(path))
}

/// The program of this name in the project's `$PATH`.
pub(super) fn in_path(cx: &Context, project: &Project, name: &str) -> Option<PathBuf> {
    let path = project.environment.get("PATH");
    let path = path.map(String::as_str).or(cx.env.get("PATH"));
    let folders = std::env::split_paths(path.unwrap_or_default());
    let mut files = folders.map(|folder| folder.join(name));
    files.find(|path| is_program(path))
}

/// A call of a program in the project's environment.
pub(in crate::command) fn call(project: &Project, program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .envs(&project.environment)
        // A plugin of docker's is to believe that it runs by itself.
        .env_remove("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND")
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    command
}

/// The last line that says something: where a program fails, the one that tells why.
pub(super) fn last_line(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim);
    lines.rfind(|line| !line.is_empty())
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let found = std::fs::metadata(path);
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
