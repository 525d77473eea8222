//! `exec django manage.py migrate`: a file of the working directory runs under its bare name.
//!
//! Only where the name is no program of the container's `$PATH`; by its interpreter where it is
//! not executable. And the line ends of Windows, which the kernel reports as a missing file, are
//! called by their name.

use std::io::Read;

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::future::join_all;

use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, PathStat};

/// The shell's exit code of what is there and cannot be run.
pub const CANNOT_EXECUTE: u8 = 126;

/// What engines give a program that the kernel refused: runc 1 or 127, a shell 126.
const REFUSED: [u8; 3] = [1, CANNOT_EXECUTE, 127];

/// The `$PATH` of a container that sets none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What runs a file that says nothing of it.
const INTERPRETERS: [(&str, &str); 7] = [
    ("bash", "bash"),
    ("js", "node"),
    ("php", "php"),
    ("pl", "perl"),
    ("py", "python"),
    ("rb", "ruby"),
    ("sh", "sh"),
];

/// How a command is run.
#[derive(Debug, PartialEq, Eq)]
pub enum Way {
    /// As it was typed.
    AsTyped,
    /// Another way, which is said.
    Instead {
        /// What runs.
        command: Vec<String>,
        /// What is said.
        note: String,
    },
    /// Not at all.
    Refused(Diagnostic),
}

/// A container, as far as finding programs goes.
pub struct Place<'a> {
    engine: &'a Engine,
    container: &'a str,
    directory: String,
    path: String,
}

impl<'a> Place<'a> {
    /// Asks the engine for the container's `$PATH` and working directory.
    pub async fn of(
        engine: &'a Engine,
        container: &'a str,
        directory: Option<&str>,
    ) -> Result<Self> {
        let config = engine.inspect_container(container).await?.config;
        let config = config.unwrap_or_default();
        let directory = match directory {
            Some(directory) => Some(directory.to_owned()),
            None => config.working_dir,
        };
        let env = config.env.unwrap_or_default();
        let path = env.iter().find_map(|pair| pair.strip_prefix("PATH="));
        Ok(Self {
            engine,
            container,
            directory: directory
                .filter(|directory| !directory.is_empty())
                .unwrap_or_else(|| "/".to_owned()),
            path: path.unwrap_or(DEFAULT_PATH).to_owned(),
        })
    }

    /// How a command with a bare name is run.
    pub async fn way(&self, typed: &[String]) -> Way {
        let Some((name, arguments)) = typed.split_first() else {
            return Way::AsTyped;
        };
        let Some(file) = self.file(&self.in_directory(name)).await else {
            return Way::AsTyped;
        };
        let directories = self.path.split(':').filter(|dir| dir.starts_with('/'));
        let programs = directories.map(|dir| format!("{}/{name}", dir.trim_end_matches('/')));
        let programs = programs.map(|path| async move { self.file(&path).await });
        if join_all(programs).await.iter().any(Option::is_some) {
            return Way::AsTyped;
        }
        decide(name, &file, arguments)
    }

    /// Whether a script that could not be run has line ends that prevent it.
    pub async fn line_ends_of(&self, script: &str) -> Option<Diagnostic> {
        let file = self.file(&self.in_directory(script)).await?;
        match file.first_line {
            FirstLine::WindowsShebang(interpreter) => Some(line_ends(script, &interpreter)),
            _ => None,
        }
    }

    fn in_directory(&self, path: &str) -> String {
        match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("{}/{path}", self.directory.trim_end_matches('/')),
        }
    }

    /// The plain file at a path, links followed; errors count as none: the command then runs as it
    /// was typed, and the engine says what is wrong.
    async fn file(&self, path: &str) -> Option<File> {
        /// More links than this are a circle.
        const LINKS: usize = 8;
        let mut path = path.to_owned();
        for _ in 0..LINKS {
            let stat = self.engine.stat(self.container, &path).await.ok()??;
            if stat.is_symlink() {
                path = stat.link_target;
                continue;
            }
            let first_line = match stat.is_file() {
                true => self.first_line(&path).await,
                false => return None,
            };
            return Some(File { stat, first_line });
        }
        None
    }

    async fn first_line(&self, path: &str) -> FirstLine {
        match self.beginning(path).await {
            Some(bytes) => FirstLine::read(&bytes),
            None => FirstLine::Other,
        }
    }

    /// The first bytes of a file: those of the tar that the engine sends, as far as a first line
    /// goes. The rest is not fetched.
    async fn beginning(&self, path: &str) -> Option<Vec<u8>> {
        /// Headers of the tar, long names included, and a line of the file.
        const ENOUGH: usize = 4096;
        let (_, mut tar) = self.engine.get_archive(self.container, path).await.ok()?;
        let mut bytes = Vec::new();
        while bytes.len() < ENOUGH
            && let Some(Ok(piece)) = tar.next().await
        {
            bytes.extend_from_slice(&piece);
        }
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut entry = archive.entries().ok()?.next()?.ok()?;
        let mut line = vec![0; 256];
        let length = entry.read(&mut line).ok()?;
        line.truncate(length);
        Some(line)
    }
}

/// A file of the container.
struct File {
    stat: PathStat,
    first_line: FirstLine,
}

/// What a file's first line says of who runs it.
#[derive(Debug, PartialEq, Eq)]
enum FirstLine {
    /// `#!` and a command, cut as the kernel cuts it: the interpreter and at most one argument.
    Shebang(Vec<String>),
    /// The same with a carriage return at its end, of which the kernel makes a part of the name:
    /// the last word.
    WindowsShebang(String),
    /// Nothing.
    Other,
}

impl FirstLine {
    fn read(bytes: &[u8]) -> Self {
        let Some(line) = bytes.strip_prefix(b"#!") else {
            return Self::Other;
        };
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        if let Some(line) = line.strip_suffix('\r') {
            let last = line.split_whitespace().last().unwrap_or_default();
            let last = last.rsplit('/').next().unwrap_or_default();
            return Self::WindowsShebang(last.to_owned());
        }
        let mut words = line.trim().splitn(2, [' ', '\t']);
        let words: Vec<String> = words
            .by_ref()
            .map(|word| word.trim().to_owned())
            .filter(|word| !word.is_empty())
            .collect();
        match words.is_empty() {
            true => Self::Other,
            false => Self::Shebang(words),
        }
    }
}

/// How a file of the working directory is run that is no program.
fn decide(name: &str, file: &File, arguments: &[String]) -> Way {
    let script = format!("./{name}");
    let mut command = match (&file.first_line, file.stat.permissions() & 0o111 != 0) {
        (FirstLine::WindowsShebang(interpreter), _) => {
            return Way::Refused(line_ends(name, interpreter));
        }
        (_, true) => vec![],
        (FirstLine::Shebang(interpreter), false) => interpreter.clone(),
        (FirstLine::Other, false) => {
            let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
            let known = INTERPRETERS.iter().find(|(known, _)| *known == extension);
            match known {
                Some((_, interpreter)) => vec![(*interpreter).to_owned()],
                None => return Way::AsTyped,
            }
        }
    };
    command.push(script);
    let note = format!(
        "`{name}` is not in the container's $PATH: running `{}`",
        command.join(" ")
    );
    command.extend_from_slice(arguments);
    Way::Instead { command, note }
}

/// Whether a failed command may be a script with Windows line ends: one that was named by its path.
pub fn may_be_line_ends(code: u8, script: &str) -> bool {
    REFUSED.contains(&code) && script.contains('/')
}

fn line_ends(script: &str, interpreter: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "`{script}` has Windows line ends: its interpreter is `{interpreter}\\r`"
    ))
    .hint(format!("convert it: `sed -i 's/\\r$//' {script}`"))
    .hint("keep git from converting it back: `* text=auto eol=lf` in .gitattributes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(mode: u32, text: &str) -> Way {
        let stat: PathStat =
            serde_json::from_value(serde_json::json!({"name": "", "size": 0, "mode": mode}))
                .unwrap();
        let file = File {
            stat,
            first_line: FirstLine::read(text.as_bytes()),
        };
        decide("manage.py", &file, &["migrate".to_owned()])
    }

    fn runs(way: Way) -> String {
        match way {
            Way::Instead { command, .. } => command.join(" "),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn an_executable_file_runs_by_itself_and_another_by_its_interpreter() {
        let env = "#!/usr/bin/env python\nimport os";
        assert_eq!(runs(way(0o755, env)), "./manage.py migrate");
        assert_eq!(
            runs(way(0o644, env)),
            "/usr/bin/env python ./manage.py migrate"
        );
        assert_eq!(
            runs(way(0o644, "import os\n")),
            "python ./manage.py migrate"
        );
    }

    #[test]
    fn a_note_says_what_runs() {
        let Way::Instead { note, .. } = way(0o755, "") else {
            panic!("as typed");
        };
        assert_eq!(
            note,
            "`manage.py` is not in the container's $PATH: running `./manage.py`"
        );
    }

    #[test]
    fn windows_line_ends_are_called_by_their_name() {
        let Way::Refused(diagnostic) = way(0o755, "#!/usr/bin/env python\r\nimport os\r\n") else {
            panic!("not refused");
        };
        assert_eq!(
            diagnostic.to_string(),
            "\
error: `manage.py` has Windows line ends: its interpreter is `python\\r`
hint: convert it: `sed -i 's/\\r$//' manage.py`
hint: keep git from converting it back: `* text=auto eol=lf` in .gitattributes"
        );
    }

    #[test]
    fn the_kernel_gives_an_interpreter_one_argument() {
        assert_eq!(
            FirstLine::read(b"#! /usr/bin/env  -S node --x\n"),
            FirstLine::Shebang(vec!["/usr/bin/env".to_owned(), "-S node --x".to_owned()])
        );
        assert_eq!(FirstLine::read(b"#!\n"), FirstLine::Other);
        assert_eq!(FirstLine::read(b"\x7fELF"), FirstLine::Other);
    }
}
